//! A phone is shut down in the middle of a call: the other side gets its BYE, the registrar its zero, every future an
//! answer.
use super::support::*;
use denwa::{CallChange, EndReason, Error, Event, Registration};

#[tokio::test]
async fn shutdown_mid_call() {
    let server = pbx();
    let (phone, mut events, me) = registered("1001", &server).await;
    let (_other, mut other_events, other) = registered("1002", &server).await;
    let call = me.dial(uri("1002", server.addr())).await.unwrap();
    let theirs = within("answering", incoming(&mut other_events).await.answer()).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    let ringing = me.dial(uri("606", server.addr())).await.unwrap();
    until(&mut events, ringing.id(), CallChange::Ringing).await;

    within("shutting down", phone.clone().shutdown()).await;
    assert_eq!(within("their end", theirs.ended()).await, EndReason::RemoteHangup);
    within("our end", call.ended()).await;
    assert!(matches!(call.hold().await, Err(Error::Closed)));
    assert!(ringing.answered().await.is_err());
    assert!(matches!(phone.dial(uri("x", server.addr())).await, Err(Error::Closed)));
    phone.shutdown().await;

    let mut unregistered = false;
    while let Some(event) = events.next().await {
        unregistered |= matches!(event, Event::Account { state: Registration::Unregistered, .. });
    }
    assert!(unregistered);
    let call = other.dial(uri("1001", server.addr())).await.unwrap();
    assert_eq!(within("the refusal", call.answered()).await.unwrap_err().status(), Some(480));
}
