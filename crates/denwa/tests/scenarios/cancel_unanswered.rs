//! A call that nobody answers rings; hanging up cancels it.
use super::support::*;
use denwa::{CallChange, EndReason, Error, Phase};

#[tokio::test]
async fn cancel_unanswered() {
    let server = pbx();
    let (phone, mut events, me) = registered("1001", &server).await;
    let call = me.dial(uri("606", server.addr())).await.unwrap();
    until(&mut events, call.id(), CallChange::Ringing).await;
    assert_eq!(call.state().unwrap().phase, Phase::Ringing);
    assert!(matches!(call.hold().await, Err(Error::Misuse { .. })), "there is nothing to hold yet");
    within("hanging up", call.hangup()).await.unwrap();
    until(&mut events, call.id(), CallChange::Ended(EndReason::LocalHangup)).await;
    assert!(matches!(call.answered().await, Err(Error::Ended(EndReason::LocalHangup))));
    assert!(phone.snapshot().calls.is_empty());
    within("hanging up again", call.hangup()).await.unwrap();
}
