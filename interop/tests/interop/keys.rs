//! `*` and `#`: codes that Asterisk carries out and we watch, and codes of our own.

use std::time::Duration;

use denwa::{Account, CallChange, Codes, EndReason, Keys};
use denwa_interop::phone::within;
use denwa_interop::{Phone, Result};

use crate::trio::{CAROL, Trio};

/// Asterisk's: `*` and `#` begin, `*1` aborts.
fn theirs(account: Account) -> Account {
    account.keys(Keys::Pbx(Codes { back: "*1".parse().expect("keys"), ..Codes::default() }))
}

fn ours(account: Account) -> Account {
    account.keys(Keys::Local(Codes::default()))
}

async fn waits(phone: &Phone, call: &denwa::Call, number: &str) -> Result {
    phone.change(call, number, |change| matches!(change, CallChange::TransferWait(so_far) if so_far == number)).await?;
    Ok(())
}

async fn waits_no_more(phone: &Phone, call: &denwa::Call) -> Result {
    phone.change(call, "the end of the wait", |change| matches!(change, CallChange::TransferWaitOver)).await?;
    Ok(())
}

/// A prompt is played between the code and the number; the digits are taken at once, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn their_hash() -> Result {
    for pause in [3, 0] {
        let mut trio = Trio::with(theirs).await?;
        trio.bob.press(&trio.his, "#").await?;
        tokio::time::sleep(Duration::from_secs(pause)).await;
        trio.bob.press(&trio.his, "1003").await?;
        waits(&trio.bob, &trio.his, "1003").await?;
        let _call = trio.carol.answers().await?;
        assert_eq!(trio.bob.ended(&trio.his, 10).await?, EndReason::RemoteHangup);
        trio.handed_over().await?;
        trio.stop().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn their_star_and_hanging_up_completes() -> Result {
    let mut trio = Trio::with(theirs).await?;
    trio.bob.press(&trio.his, "*").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    trio.bob.press(&trio.his, "1003").await?;
    let _call = trio.carol.answers().await?;
    trio.bob.hears_tone(CAROL).await?;
    assert!(trio.his.state().is_some_and(|state| state.transfer_wait.is_some()));
    trio.his.hangup().await?;
    trio.handed_over().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn their_star_by_the_caller() -> Result {
    let alice = Phone::with("1001", 440, theirs).await?;
    let mut bob = Phone::with("1002", 660, |account| account).await?;
    let mut carol = Phone::with("1003", CAROL, |account| account).await?;
    let call = alice.dial("1002").await?;
    let _far = bob.answers().await?;
    call.answered().await?;
    alice.press(&call, "*").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    alice.press(&call, "1003").await?;
    let _target = carol.answers().await?;
    alice.hears_tone(CAROL).await?;
    call.hangup().await?;
    bob.hears_tone(CAROL).await?;
    carol.hears_tone(660).await?;
    alice.stop().await?;
    bob.stop().await?;
    carol.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn their_star_given_up_while_it_rings() -> Result {
    let mut trio = Trio::with(theirs).await?;
    trio.bob.press(&trio.his, "*").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    trio.bob.press(&trio.his, "1003").await?;
    let ringing = trio.carol.rings().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    trio.bob.press(&trio.his, "*1").await?;
    assert_eq!(within("the CANCEL", 10, ringing.ended()).await?, EndReason::Cancelled);
    waits_no_more(&trio.bob, &trio.his).await?;
    trio.back().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn their_star_to_nobody() -> Result {
    let trio = Trio::with(theirs).await?;
    trio.bob.press(&trio.his, "*").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    trio.bob.press(&trio.his, "1999").await?;
    // It asks twice more before it gives the customer back.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while let Err(error) = trio.back().await {
        if tokio::time::Instant::now() > deadline {
            return Err(error);
        }
    }
    trio.stop().await
}

/// The guide's codes at 11XX: `*` again goes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn our_star_answered_and_hung_up() -> Result {
    let mut trio = Trio::with(ours).await?;
    trio.bob.press(&trio.his, "*1003").await?;
    waits(&trio.bob, &trio.his, "1003").await?;
    let _call = trio.carol.answers().await?;
    trio.bob.hears_tone(CAROL).await?;
    within("the end", 15, trio.his.hangup()).await??;
    trio.handed_over().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn our_star_hung_up_while_it_rings() -> Result {
    let mut trio = Trio::with(ours).await?;
    trio.bob.press(&trio.his, "*1003").await?;
    let ringing = trio.carol.rings().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    within("the end", 15, trio.his.hangup()).await??;
    // The same call rings on, or a new one.
    let _call = match within("the answer", 10, ringing.answer()).await? {
        Ok(call) => call,
        Err(_) => trio.carol.answers().await?,
    };
    trio.handed_over().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn our_star_and_back() -> Result {
    let mut trio = Trio::with(ours).await?;
    // Before a number.
    trio.bob.press(&trio.his, "*10*").await?;
    waits_no_more(&trio.bob, &trio.his).await?;
    trio.back().await?;
    // While it rings.
    trio.bob.press(&trio.his, "*1003").await?;
    let ringing = trio.carol.rings().await?;
    trio.bob.press(&trio.his, "*").await?;
    assert_eq!(within("the CANCEL", 10, ringing.ended()).await?, EndReason::Cancelled);
    trio.back().await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn our_hash() -> Result {
    let mut trio = Trio::with(ours).await?;
    trio.bob.press(&trio.his, "#1003").await?;
    let _call = trio.carol.answers().await?;
    assert_eq!(trio.bob.ended(&trio.his, 10).await?, EndReason::Transferred);
    trio.handed_over().await?;
    trio.stop().await
}
