//! Taking a call that rings at another phone.

use denwa::{CallChange, EndReason};
use denwa_interop::phone::within;
use denwa_interop::{Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn of_the_group() -> Result {
    let alice = Phone::with("1001", 440, |account| account).await?;
    let mut bob = Phone::with("1002", 660, |account| account).await?;
    let carol = Phone::with("1003", 880, |account| account).await?;
    let hers = alice.dial("1002").await?;
    let ringing = bob.rings().await?;
    let taken = carol.account().pick_up_ringing("").await?;
    within("the pick-up's 200", 10, taken.answered()).await??;
    let end = within("the CANCEL", 10, ringing.ended()).await?;
    assert!(matches!(end, EndReason::Cancelled | EndReason::AnsweredElsewhere), "{end:?}");
    within("Alice's 200", 10, hers.answered()).await??;
    alice.hears_tone(880).await?;
    carol.hears_tone(440).await?;
    let carols =
        |change: &CallChange| matches!(change, CallChange::Identity(who) if who.name.as_deref() == Some("Carol"));
    alice.change(&hers, "Carol's name", carols).await?;
    taken.hangup().await?;
    alice.stop().await?;
    bob.stop().await?;
    carol.stop().await
}
