//! An incoming call is rejected, in each way.
use super::support::*;
use denwa::{Audio, CallChange, EndReason, Reject};

#[tokio::test]
async fn incoming_reject() {
    let ((a, _a_events), (b, mut b_events)) = (phone(Audio::None).await, phone(Audio::None).await);
    for why in [Reject::Busy, Reject::Decline, Reject::Unavailable] {
        let call = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
        let ring = incoming(&mut b_events).await;
        let id = ring.id();
        within("rejecting", ring.reject(why)).await.unwrap();
        let error = within("the refusal", call.answered()).await.unwrap_err();
        assert_eq!(error.status(), Some(why.status()), "{error:?}");
        until(&mut b_events, id, CallChange::Ended(EndReason::Rejected { status: why.status() })).await;
    }
    assert!(a.snapshot().calls.is_empty() && b.snapshot().calls.is_empty());
}
