//! The caller gives up while it rings here; answering is then too late.
use super::support::*;
use denwa::{Audio, CallChange, EndReason, Error};

#[tokio::test]
async fn incoming_cancelled() {
    let ((a, mut a_events), (b, mut b_events)) = (phone(Audio::None).await, phone(Audio::None).await);
    let call = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    let ring = incoming(&mut b_events).await;
    until(&mut a_events, call.id(), CallChange::Ringing).await;
    within("hanging up", call.hangup()).await.unwrap();
    assert_eq!(within("the end", ring.ended()).await, EndReason::Cancelled);
    let error = within("answering too late", ring.answer()).await.unwrap_err();
    assert!(matches!(error, Error::Misuse { .. } | Error::Ended(_)), "{error:?}");
}
