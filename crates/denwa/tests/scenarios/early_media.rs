//! A number plays ringing tone before any answer; we hear it, and give up.
use super::support::*;
use denwa::{Audio, CallChange, Phase};

#[tokio::test]
async fn early_media() {
    let server = pbx();
    let record = file("early-in.wav");
    let (phone, mut events) = phone(Audio::File { play: None, record: Some(record.clone()) }).await;
    let me = within("registering", phone.register(account("1001", &server))).await.unwrap();
    let call = me.dial(uri("604", server.addr())).await.unwrap();
    until(&mut events, call.id(), CallChange::EarlyMedia).await;
    assert_eq!(call.state().unwrap().phase, Phase::EarlyMedia);
    received(&call, 50).await;
    within("hanging up", call.hangup()).await.unwrap();
    within("shutting down", phone.shutdown()).await;
    assert!(Recording::open(&record).seconds_of_sound() > 0.5);
}
