//! Transfer: blind, attended, while the target rings, and being transferred.

use denwa::{CallChange, EndReason, ReferPolicy, Reject};
use denwa_interop::phone::within;
use denwa_interop::{Phone, Result};

use crate::trio::{ALICE, CAROL, Trio};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn blind_by_the_callee() -> Result {
    let mut trio = Trio::talking().await?;
    let target = trio.bob.uri("1003")?;
    let (transferred, answered) = tokio::join!(trio.his.transfer(target), trio.carol.rings());
    transferred?;
    assert_eq!(trio.bob.ended(&trio.his, 5).await?, EndReason::Transferred);
    let ringing = answered?;
    assert!(ringing.transferred_by().is_some_and(|by| by.number.as_deref() == Some("1002")), "{:?}", ringing.state());
    let _call = within("the ACK", 10, ringing.answer()).await??;
    trio.handed_over().await?;
    trio.alice.change(&trio.hers, "Carol's name", |change| is_named(change, "Carol")).await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn blind_by_the_caller() -> Result {
    let mut bob = Phone::with("1002", ALICE, |account| account).await?;
    let alice = Phone::with("1001", 660, |account| account).await?;
    let mut carol = Phone::with("1003", CAROL, |account| account).await?;
    let call = alice.dial("1002").await?;
    let _far = bob.answers().await?;
    call.answered().await?;
    let target = alice.uri("1003")?;
    let (transferred, answered) = tokio::join!(call.transfer(target), carol.answers());
    transferred?;
    let _target = answered?;
    assert_eq!(alice.ended(&call, 5).await?, EndReason::Transferred);
    bob.hears_tone(CAROL).await?;
    carol.hears_tone(ALICE).await?;
    alice.stop().await?;
    bob.stop().await?;
    carol.stop().await
}

/// To hang up twice does it at once: the target rings on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn blind_and_bye_at_once() -> Result {
    let mut trio = Trio::talking().await?;
    let (his, target) = (trio.his.clone(), trio.bob.uri("1003")?);
    let transfer = tokio::spawn(async move { his.transfer(target).await });
    trio.bob.change(&trio.his, "progress", |change| matches!(change, CallChange::TransferProgress { .. })).await?;
    // Whichever is faster: the exchange's last word or our BYE.
    let (_, _) = tokio::join!(trio.his.hangup(), trio.his.hangup());
    let _ = within("the transfer's end", 10, transfer).await??;
    let _call = trio.carol.answers().await?;
    trio.handed_over().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn blind_to_nobody_gives_the_call_back() -> Result {
    let trio = Trio::talking().await?;
    let failed = trio.his.transfer(trio.bob.uri("1999")?).await.expect_err("there is no 1999");
    assert_eq!(failed.status(), Some(404), "{failed}");
    assert!(trio.his.state().is_some_and(|state| state.held && state.task.is_none()));
    within("the resume", 10, trio.his.resume()).await??;
    trio.back().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn blind_to_a_busy_number_is_told() -> Result {
    let mut trio = Trio::talking().await?;
    let target = trio.bob.uri("1003")?;
    let (failed, ringing) = tokio::join!(trio.his.transfer(target), async {
        trio.carol.rings().await?.reject(Reject::Busy).await.map_err(denwa_interop::Failure::from)
    });
    ringing?;
    // Whether Carol rang first, which the exchange takes for success, is a race that the exchange decides.
    if let Err(error) = failed {
        assert_eq!(error.status(), Some(486), "{error}");
        trio.his.hangup().await?;
    }
    trio.bob.ended(&trio.his, 10).await?;
    trio.alice.ended(&trio.hers, 15).await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn attended() -> Result {
    let mut trio = Trio::talking().await?;
    let second = trio.his.consult(trio.bob.uri("1003")?).await?;
    let _call = trio.carol.answers().await?;
    within("Carol's 200", 10, second.answered()).await??;
    trio.bob.hears_tone(CAROL).await?;
    within("the transfer", 10, trio.his.transfer_to(&second)).await??;
    assert_eq!(trio.bob.ended(&trio.his, 5).await?, EndReason::Transferred);
    assert_eq!(trio.bob.ended(&second, 5).await?, EndReason::Transferred);
    trio.handed_over().await?;
    trio.alice.change(&trio.hers, "Carol's name", |change| is_named(change, "Carol")).await?;
    trio.stop().await
}

/// Bob has two accounts, and each call is over one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn attended_over_different_accounts() -> Result {
    let mut trio = Trio::talking().await?;
    let account = denwa::Account::new("sip:1006@127.0.0.1:5160".parse()?).password("secret1006");
    let other = within("the registration", 10, trio.bob.inner().register(account)).await??;
    let second = other.dial(trio.bob.uri("1003")?).await?;
    let _call = trio.carol.answers().await?;
    within("Carol's 200", 10, second.answered()).await??;
    within("the transfer", 10, trio.his.transfer_to(&second)).await??;
    trio.bob.ended(&second, 5).await?;
    trio.bob.ended(&trio.his, 5).await?;
    trio.handed_over().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn attended_while_the_target_rings() -> Result {
    let mut trio = Trio::talking().await?;
    let second = trio.his.consult(trio.bob.uri("1003")?).await?;
    let ringing = trio.carol.rings().await?;
    trio.bob.change(&second, "ringing", |change| matches!(change, CallChange::Ringing)).await?;
    within("the transfer", 10, trio.his.transfer_to(&second)).await??;
    trio.bob.ended(&second, 5).await?;
    trio.bob.ended(&trio.his, 5).await?;
    let _call = within("the ACK", 10, ringing.answer()).await??;
    trio.handed_over().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_way_back_from_a_consultation() -> Result {
    let mut trio = Trio::talking().await?;
    // While it rings.
    let second = trio.his.consult(trio.bob.uri("1003")?).await?;
    let ringing = trio.carol.rings().await?;
    within("the way back", 10, trio.his.come_back()).await??;
    assert_eq!(within("the CANCEL", 10, ringing.ended()).await?, EndReason::Cancelled);
    trio.bob.ended(&second, 5).await?;
    trio.back().await?;
    // While they talk.
    let third = trio.his.consult(trio.bob.uri("1003")?).await?;
    let far = trio.carol.answers().await?;
    within("Carol's 200", 10, third.answered()).await??;
    within("the way back", 10, trio.his.come_back()).await??;
    assert_eq!(trio.carol.ended(&far, 10).await?, EndReason::RemoteHangup);
    trio.back().await?;
    trio.stop().await
}

/// 619 asks us by REFER to call 600 instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_pbx_sends_us_elsewhere() -> Result {
    let phone = Phone::with("1001", ALICE, |account| account).await?;
    let call = phone.call("619").await?;
    let asked =
        phone.change(&call, "the REFER", |change| matches!(change, CallChange::TransferRequested { .. })).await?;
    let CallChange::TransferRequested { to, by } = asked else { return Err("no target".into()) };
    assert_eq!(by.and_then(|by| by.number).as_deref(), Some("619"));
    let new = phone.inner().call(to).ok_or("the call to the target is over")?;
    within("the echo's 200", 10, new.answered()).await??;
    assert_eq!(phone.ended(&call, 10).await?, EndReason::Transferred);
    phone.hears_tone(ALICE).await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_refer_that_we_do_not_want() -> Result {
    let phone = Phone::with("1001", ALICE, |account| account.refer(ReferPolicy::Refuse)).await?;
    let call = phone.call("619").await?;
    // The PBX hangs up 2 s after our refusal.
    phone.ended(&call, 15).await?;
    assert_eq!(phone.inner().snapshot().calls.len(), 0);
    phone.stop().await
}

fn is_named(change: &CallChange, name: &str) -> bool {
    matches!(change, CallChange::Identity(identity) if identity.name.as_deref() == Some(name))
}
