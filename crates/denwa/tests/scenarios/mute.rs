//! A muted microphone sends no sound, and the other side is not told.
use super::support::*;
use denwa::{Audio, CallChange};

#[tokio::test]
async fn mute() {
    let record = file("mute-in.wav");
    let (a, mut a_events) = phone(Audio::File { play: Some(tone_file("mute-out.wav", 440.0)), record: None }).await;
    let (b, mut b_events) = phone(Audio::File { play: None, record: Some(record.clone()) }).await;
    let out = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    let back = within("answering", incoming(&mut b_events).await.answer()).await.unwrap();
    within("the answer", out.answered()).await.unwrap();
    within("muting", out.mute()).await.unwrap();
    until(&mut a_events, out.id(), CallChange::Muted(true)).await;
    assert!(out.state().unwrap().muted);
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let quality = out.state().unwrap().quality;
    assert!(quality.microphone.is_some_and(|level| level > -40.0), "who speaks can be told: {quality:?}");
    assert_eq!(quality.level_out, None, "and is not heard");
    assert!(!back.state().unwrap().remote_held);
    within("unmuting", out.unmute()).await.unwrap();
    assert!(!out.state().unwrap().muted);
    let before = back.state().unwrap().quality.packets_received;
    received(&back, before + 60).await;
    tokio::join!(a.shutdown(), b.shutdown());
    let heard = Recording::open(&record);
    let (tone, all) = (heard.seconds_of(440.0), heard.seconds_of_sound());
    assert!(tone > 0.8, "after unmuting the tone is heard: {tone} s");
    assert!(all < 2.5, "while muted nothing is heard: {all} s of sound");
}
