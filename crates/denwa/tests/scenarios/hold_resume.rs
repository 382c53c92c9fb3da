//! Hold and resume between two phones: each future resolves on the agreement, the other side is told, and what was asked
//! twice is agreed at once.
use super::support::*;
use denwa::{Audio, CallChange};

#[tokio::test]
async fn hold_resume() {
    let ((a, mut a_events), (b, mut b_events)) = (phone(Audio::None).await, phone(Audio::None).await);
    let out = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    let ring = incoming(&mut b_events).await;
    let back = within("answering", ring.answer()).await.unwrap();
    within("the answer", out.answered()).await.unwrap();
    received(&out, 10).await;
    received(&back, 10).await;

    within("hold", out.hold()).await.unwrap();
    assert!(out.state().unwrap().held);
    until(&mut a_events, out.id(), CallChange::Held).await;
    until(&mut b_events, back.id(), CallChange::RemoteHeld).await;
    assert!(back.state().unwrap().remote_held && !back.state().unwrap().held);
    within("hold again", out.hold()).await.unwrap();

    within("resume", out.resume()).await.unwrap();
    assert!(!out.state().unwrap().held);
    until(&mut a_events, out.id(), CallChange::Resumed).await;
    until(&mut b_events, back.id(), CallChange::RemoteResumed).await;
    let before = back.state().unwrap().quality.packets_received;
    received(&back, before + 25).await;

    // Both hold, each for itself, and each takes itself back.
    within("hold from the other side", back.hold()).await.unwrap();
    until(&mut a_events, out.id(), CallChange::RemoteHeld).await;
    within("hold from both", out.hold()).await.unwrap();
    within("one resumes", back.resume()).await.unwrap();
    assert!(out.state().unwrap().held, "the other's resume does not end our hold");
    within("the other resumes", out.resume()).await.unwrap();
    let before = (out.state().unwrap().quality.packets_received, back.state().unwrap().quality.packets_received);
    received(&out, before.0 + 25).await;
    received(&back, before.1 + 25).await;
}
