//! Transfer: blind, attended, while the target rings, failing, and the way back.
use super::support::*;
use super::trio::*;
use denwa::{CallChange, EndReason, Error, Reject};

#[tokio::test]
async fn blind() {
    let mut trio = Trio::new().await;
    let to = trio.uri("1003");
    let (done, ring) = tokio::join!(trio.ours.transfer(to), incoming(&mut trio.target.events));
    done.unwrap();
    assert_eq!(ended(&trio.ours).await, EndReason::Transferred);
    assert_eq!(ring.transferred_by().and_then(|by| by.number.clone()).as_deref(), Some("1002"));
    assert_eq!(ring.from().to_string(), trio.uri("1001").to_string(), "the customer's number is shown");
    let call = within("the ACK", ring.answer()).await.unwrap();
    trio.handed_over(&call).await;
    change(&mut trio.customer.events, trio.theirs.id(), |change| is_named(change, "1003")).await;
}

#[tokio::test]
async fn blind_that_fails_gives_the_call_back_held() {
    let mut trio = Trio::new().await;
    let failed = trio.ours.transfer(trio.uri("1999")).await.unwrap_err();
    assert!(matches!(failed, Error::Refused { status: 404, .. }), "{failed}");
    assert!(trio.ours.state().is_some_and(|state| state.held && state.task.is_none()));
    within("resuming", trio.ours.resume()).await.unwrap();
    trio.back().await;
}

#[tokio::test]
async fn attended() {
    let mut trio = Trio::new().await;
    let second = trio.ours.consult(trio.uri("1003")).await.unwrap();
    assert_eq!(second.state().unwrap().consultation_for, Some(trio.ours.id()));
    let call = within("the ACK", incoming(&mut trio.target.events).await.answer()).await.unwrap();
    within("the target's answer", second.answered()).await.unwrap();
    assert!(trio.ours.state().unwrap().held);
    within("the transfer", trio.ours.transfer_to(&second)).await.unwrap();
    assert_eq!((ended(&trio.ours).await, ended(&second).await), (EndReason::Transferred, EndReason::Transferred));
    trio.handed_over(&call).await;
}

/// The agent goes on at another desk, as the same user.
#[tokio::test]
async fn to_another_phone_of_the_same_user() {
    let mut trio = Trio::new().await;
    let mut desk = party("1002", &trio.server, |account| account).await;
    let second = trio.ours.consult(trio.uri("1002")).await.unwrap();
    let call = within("the ACK", incoming(&mut desk.events).await.answer()).await.unwrap();
    within("the answer", second.answered()).await.unwrap();
    within("the transfer", trio.ours.transfer_to(&second)).await.unwrap();
    assert_eq!((ended(&trio.ours).await, ended(&second).await), (EndReason::Transferred, EndReason::Transferred));
    trio.handed_over(&call).await;
}

#[tokio::test]
async fn while_the_target_rings() {
    let mut trio = Trio::new().await;
    let second = trio.ours.consult(trio.uri("1003")).await.unwrap();
    let ring = incoming(&mut trio.target.events).await;
    until(&mut trio.agent.events, second.id(), CallChange::Ringing).await;
    within("the transfer", trio.ours.transfer_to(&second)).await.unwrap();
    assert_eq!(ended(&second).await, EndReason::Transferred);
    let call = within("the ACK", ring.answer()).await.unwrap();
    trio.handed_over(&call).await;
}

#[tokio::test]
async fn a_target_that_does_not_want_it_leaves_the_customer_waiting() {
    let mut trio = Trio::new().await;
    let second = trio.ours.consult(trio.uri("1003")).await.unwrap();
    incoming(&mut trio.target.events).await.reject(Reject::Busy).await.unwrap();
    assert!(within("the refusal", second.answered()).await.is_err());
    assert!(trio.ours.state().unwrap().held);
    within("the way back", trio.ours.come_back()).await.unwrap();
    trio.back().await;
}

#[tokio::test]
async fn the_way_back_while_it_rings_and_while_they_talk() {
    let mut trio = Trio::new().await;
    let second = trio.ours.consult(trio.uri("1003")).await.unwrap();
    let ring = incoming(&mut trio.target.events).await;
    within("the way back", second.come_back()).await.unwrap();
    assert_eq!(within("the CANCEL", ring.ended()).await, EndReason::Cancelled);
    trio.back().await;

    let third = trio.ours.consult(trio.uri("1003")).await.unwrap();
    let call = within("the ACK", incoming(&mut trio.target.events).await.answer()).await.unwrap();
    within("the target's answer", third.answered()).await.unwrap();
    within("the way back", trio.ours.come_back()).await.unwrap();
    assert_eq!(ended(&call).await, EndReason::RemoteHangup);
    trio.back().await;
}

#[tokio::test]
async fn to_itself_is_misuse() {
    let trio = Trio::new().await;
    let error = trio.ours.transfer_to(&trio.ours).await.unwrap_err();
    assert!(matches!(error, Error::Misuse { .. }), "{error}");
    assert!(!trio.ours.state().unwrap().held, "nothing has changed");
}
