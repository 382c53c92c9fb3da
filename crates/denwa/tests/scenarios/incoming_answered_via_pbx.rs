//! One extension calls another through the PBX, which challenges the call; names and accounts arrive.
use super::support::*;
use denwa::{Audio, EndReason};

#[tokio::test]
async fn incoming_answered_via_pbx() {
    let server = pbx();
    let (a, _a_events) = phone(Audio::None).await;
    let named = account("1001", &server).display_name("Alice \"the\" Caller");
    let a_me = within("registering", a.register(named)).await.unwrap();
    let (_b, mut b_events, b_me) = registered("1002", &server).await;
    let call = a_me.dial(uri("1002", server.addr())).await.unwrap();
    let ring = incoming(&mut b_events).await;
    assert_eq!(ring.account(), Some(b_me.id()));
    assert!(ring.from().to_string().contains("1001"), "{}", ring.from());
    let back = within("answering", ring.answer()).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    received(&call, 25).await;
    received(&back, 25).await;
    within("hanging up", back.hangup()).await.unwrap();
    assert_eq!(within("the end", call.ended()).await, EndReason::RemoteHangup);
}
