//! Who is at the other end, and when that changes.

use denwa::{CallChange, EndReason};
use denwa_interop::phone::within;
use denwa_interop::{Phone, Result};

/// 616 becomes somebody else 2 s after its answer; 1001 is told by UPDATE, and so is 1003.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_other_side_becomes_somebody_else() -> Result {
    for user in ["1001", "1003"] {
        let phone = Phone::of(user, &[]).await?;
        let call = phone.call("616").await?;
        let new = |change: &CallChange| matches!(change, CallChange::Identity(who) if who.name.as_deref() == Some("New Name"));
        let change = phone.change(&call, "the new name", new).await?;
        let CallChange::Identity(who) = change else { return Err("no identity".into()) };
        assert_eq!(who.number.as_deref(), Some("4242"));
        let state = call.state().ok_or("the call is over")?;
        assert_eq!(state.remote_name.as_deref(), Some("New Name"));
        assert_eq!(phone.ended(&call, 10).await?, EndReason::RemoteHangup);
        phone.stop().await?;
    }
    Ok(())
}

/// 650 rings two phones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn another_phone_answers() -> Result {
    let alice = Phone::with("1001", 440, |account| account).await?;
    let mut bob = Phone::with("1002", 660, |account| account).await?;
    let mut carol = Phone::with("1003", 880, |account| account).await?;
    let call = alice.dial("650").await?;
    let (his, hers) = (bob.rings().await?, carol.rings().await?);
    let taken = within("the ACK", 10, his.answer()).await??;
    assert_eq!(within("the CANCEL", 10, hers.ended()).await?, EndReason::AnsweredElsewhere);
    within("Bob's 200", 10, call.answered()).await??;
    alice.hears_tone(660).await?;
    bob.hears_tone(440).await?;
    taken.hangup().await?;
    alice.stop().await?;
    bob.stop().await?;
    carol.stop().await
}
