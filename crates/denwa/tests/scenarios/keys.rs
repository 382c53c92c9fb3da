//! `*` and `#` in a call, carried out by the phone itself.
use super::support::*;
use super::trio::*;
use denwa::{Account, CallChange, Codes, EndReason, Error, Keys};
use lab::pbx::Config;
use std::time::Duration;

fn codes(account: Account) -> Account {
    account.keys(Keys::Local(Codes { inter_digit: Duration::from_millis(200), ..Codes::default() }))
}

async fn press(trio: &Trio, keys: &str) {
    for key in keys.chars() {
        trio.ours.press(key).await.unwrap();
    }
}

#[tokio::test]
async fn star_dials_by_itself_and_hanging_up_completes() {
    let mut trio = Trio::with(Config::default(), codes).await;
    press(&trio, "*1003").await;
    until(&mut trio.agent.events, trio.ours.id(), CallChange::TransferWait("1003".into())).await;
    let error = trio.agent.me.dial(trio.uri("600")).await.unwrap_err();
    assert!(matches!(error, Error::Misuse { .. }), "the dial button is locked: {error}");
    let call = within("the ACK", incoming(&mut trio.target.events).await.answer()).await.unwrap();
    received(&call, 5).await;
    within("hanging up", trio.ours.hangup()).await.unwrap();
    trio.handed_over(&call).await;
}

#[tokio::test]
async fn star_again_goes_back() {
    let mut trio = Trio::with(Config::default(), codes).await;
    press(&trio, "*1003").await;
    let ring = incoming(&mut trio.target.events).await;
    press(&trio, "*").await;
    assert_eq!(within("the CANCEL", ring.ended()).await, EndReason::Cancelled);
    until(&mut trio.agent.events, trio.ours.id(), CallChange::TransferWaitOver).await;
    trio.back().await;
}

#[tokio::test]
async fn hash_transfers_blind() {
    let mut trio = Trio::with(Config::default(), codes).await;
    press(&trio, "#1003").await;
    let call = within("the ACK", incoming(&mut trio.target.events).await.answer()).await.unwrap();
    assert_eq!(ended(&trio.ours).await, EndReason::Transferred);
    trio.handed_over(&call).await;
}

/// A number that nobody has: the customer is taken back.
#[tokio::test]
async fn star_to_nobody() {
    let mut trio = Trio::with(Config::default(), codes).await;
    press(&trio, "*1999").await;
    until(&mut trio.agent.events, trio.ours.id(), CallChange::TransferWaitOver).await;
    trio.back().await;
}

/// Other keys go out at once; the echo brings them back.
#[tokio::test]
async fn keys_that_are_no_code_are_sent() {
    let server = pbx();
    let mut agent = party("1002", &server, codes).await;
    let call = agent.me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    received(&call, 5).await;
    for key in ['1', '5'] {
        call.press(key).await.unwrap();
        until(&mut agent.events, call.id(), CallChange::Dtmf(key)).await;
    }
}

/// By INFO: the PBX takes them from there.
#[tokio::test]
async fn keys_by_info() {
    let server = pbx();
    let agent = party("1002", &server, |account| account.dtmf(denwa::DtmfMode::Info)).await;
    let call = agent.me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    call.dtmf("12#".parse().unwrap()).await.unwrap();
    let heard = |view: &lab::pbx::View| view.calls.iter().any(|call| call.keys == "12#");
    let waited = tokio::task::spawn_blocking(move || server.wait_for(Duration::from_secs(5), heard)).await.unwrap();
    assert!(waited, "the keys came in order");
}
