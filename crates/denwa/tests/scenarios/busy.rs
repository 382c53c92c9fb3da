//! A busy number refuses with 486.
use super::support::*;
use denwa::{CallChange, EndReason, Error};

#[tokio::test]
async fn busy() {
    let server = pbx();
    let (phone, mut events, me) = registered("1001", &server).await;
    let call = me.dial(uri("605", server.addr())).await.unwrap();
    let error = within("the refusal", call.answered()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 486, .. }), "{error:?}");
    assert!(error.to_string().contains("busy"), "{error}");
    let reason = change(&mut events, call.id(), |change| match change {
        CallChange::Ended(reason) => Some(reason.clone()),
        _ => None,
    });
    assert!(matches!(reason.await, EndReason::Refused { status: 486, .. }));
    assert!(phone.snapshot().calls.is_empty());
    assert!(matches!(within("the end", call.ended()).await, EndReason::Refused { status: 486, .. }));
    assert!(matches!(call.hold().await, Err(Error::Misuse { .. })), "an ended call holds nothing");
}
