//! Dropping a handle ends nothing; when the last one and the events are gone, the phone ends in good order.
use super::support::*;
use denwa::{Audio, EndReason};
use std::time::Duration;

#[tokio::test]
async fn last_handle_dropped() {
    let ((a, a_events), (b, mut b_events)) = (phone(Audio::None).await, phone(Audio::None).await);
    let call = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    let theirs = within("answering", incoming(&mut b_events).await.answer()).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    drop(a);
    drop(a_events);
    received(&theirs, 25).await;
    let left = call.clone();
    drop(call);
    assert!(left.state().is_some(), "one handle is enough");
    assert!(tokio::time::timeout(Duration::from_millis(200), theirs.ended()).await.is_err());
    drop(left);
    assert_eq!(within("their end", theirs.ended()).await, EndReason::RemoteHangup);
}
