//! Two phones without a server: each calls the other by address, and each hears the other's tone.
use super::support::*;
use denwa::{Audio, Direction, EndReason, Phase};

#[tokio::test]
async fn two_phones_direct() {
    let files = ["a-out.wav", "a-in.wav", "b-out.wav", "b-in.wav"].map(|name| file(&format!("direct-{name}")));
    let a_tone = tone_file("direct-a-out.wav", 440.0);
    let b_tone = tone_file("direct-b-out.wav", 620.0);
    let (a, mut a_events) = phone(Audio::File { play: Some(a_tone), record: Some(files[1].clone()) }).await;
    let (b, mut b_events) = phone(Audio::File { play: Some(b_tone), record: Some(files[3].clone()) }).await;

    // There.
    let out = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    let ring = incoming(&mut b_events).await;
    assert_eq!(ring.account(), None);
    let back = within("answering", ring.answer()).await.unwrap();
    within("the answer", out.answered()).await.unwrap();
    let (ours, theirs) = (out.state().unwrap(), back.state().unwrap());
    assert_eq!((ours.direction, theirs.direction), (Direction::Outgoing, Direction::Incoming));
    assert_eq!((ours.phase, theirs.phase), (Phase::Active, Phase::Active));
    received(&out, 100).await;
    received(&back, 100).await;
    within("hanging up", out.hangup()).await.unwrap();
    assert_eq!(within("the caller's end", out.ended()).await, EndReason::LocalHangup);
    assert_eq!(within("the called one's end", back.ended()).await, EndReason::RemoteHangup);

    // And back.
    let out = b.dial(uri("a", a.local_addresses()[0])).await.unwrap();
    let back = within("answering", incoming(&mut a_events).await.answer()).await.unwrap();
    within("the answer", out.answered()).await.unwrap();
    received(&out, 100).await;
    received(&back, 100).await;
    within("hanging up", back.hangup()).await.unwrap();
    assert_eq!(within("the caller's end", out.ended()).await, EndReason::RemoteHangup);

    tokio::join!(a.shutdown(), b.shutdown());
    assert!(Recording::open(&files[1]).seconds_of(620.0) > 2.0, "a hears b in both calls");
    assert!(Recording::open(&files[3]).seconds_of(440.0) > 2.0, "b hears a in both calls");
    for path in files {
        let _ = std::fs::remove_file(path);
    }
}
