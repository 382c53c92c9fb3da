//! The announcement ends by itself: the PBX hangs up.
use super::support::*;
use denwa::{CallChange, EndReason, Error};

#[tokio::test]
async fn hang_up_by_peer() {
    let server = pbx();
    let (phone, mut events, me) = registered("1001", &server).await;
    let call = me.dial(uri("602", server.addr())).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    until(&mut events, call.id(), CallChange::Ended(EndReason::RemoteHangup)).await;
    assert_eq!(call.ended().await, EndReason::RemoteHangup);
    call.answered().await.expect("it was answered once");
    assert!(matches!(call.dtmf("1".parse().unwrap()).await, Err(Error::Misuse { .. })));
    assert!(phone.snapshot().calls.is_empty());
}
