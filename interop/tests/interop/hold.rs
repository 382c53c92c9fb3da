//! Hold and resume, from our side, from theirs, and from both.

use std::time::Duration;

use denwa::{Call, CallChange, Codec};
use denwa_interop::phone::{MOUTH, is_tone, within};
use denwa_interop::{Ami, Baresip, Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn ours_through_the_pbx() -> Result {
    let (mut ami, mut far) = (Ami::sign_in().await?, Baresip::b().await?);
    let phone = Phone::of("1003", &[Codec::Opus]).await?;
    let call = phone.call("1022").await?;
    phone.hears_tone(880).await?;

    within("the hold's answer", 15, call.hold()).await??;
    ami.event("Hold").await?;
    assert!(call.state().is_some_and(|state| state.held));
    phone.hears_nothing().await?;

    within("the resume's answer", 15, call.resume()).await??;
    ami.event("Unhold").await?;
    phone.hears_tone(880).await?;
    call.hangup().await?;
    far.event("CALL_CLOSED").await?;
    is_tone("baresip at the end", &far.heard()?.last(1.0), MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn ours_toggled_at_once_ends_as_the_last_wish() -> Result {
    let _far = Baresip::b().await?;
    let phone = Phone::of("1003", &[Codec::Pcmu]).await?;
    let call = phone.call("1022").await?;
    for _ in 0..5 {
        // The futures of wishes that a later one took back may fail; the last one may not.
        let (hold, resume) = (call.clone(), call.clone());
        let hold = tokio::spawn(async move { hold.hold().await });
        let resume = tokio::spawn(async move { resume.resume().await });
        let _ = within("both answers", 15, async { (hold.await, resume.await) }).await?;
    }
    within("the last resume", 10, call.resume()).await?.or_else(|error| match error {
        denwa::Error::Misuse { .. } => Ok(()), // not held any more
        other => Err(other),
    })?;
    phone.hears_tone(880).await?;
    call.hangup().await?;
    phone.stop().await
}

/// baresip and we, with no PBX between that would hide its hold from us.
async fn called_by_baresip() -> Result<(Baresip, Phone, Call)> {
    let mut far = Baresip::b().await?;
    let mut phone = Phone::start(&[]).await?;
    far.command("dial", &format!("sip:1003@{}", phone.address())).await?;
    let call = phone.answers().await?;
    far.event("CALL_ESTABLISHED").await?;
    phone.hears_tone(880).await?;
    Ok((far, phone, call))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn theirs() -> Result {
    let (mut far, phone, call) = called_by_baresip().await?;
    far.command("hold", "").await?;
    phone.change(&call, "hold by baresip", |change| matches!(change, CallChange::RemoteHeld)).await?;
    phone.hears_nothing().await?;
    far.command("resume", "").await?;
    phone.change(&call, "resume by baresip", |change| matches!(change, CallChange::RemoteResumed)).await?;
    phone.hears_tone(880).await?;
    far.hang_up().await?;
    is_tone("baresip at the end", &far.heard()?.last(1.0), MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn both() -> Result {
    let (mut far, phone, call) = called_by_baresip().await?;
    far.command("hold", "").await?;
    phone.change(&call, "hold by baresip", |change| matches!(change, CallChange::RemoteHeld)).await?;
    within("our hold's answer", 15, call.hold()).await??;
    phone.hears_nothing().await?;
    far.command("resume", "").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    phone.hears_nothing().await?;
    within("our resume's answer", 15, call.resume()).await??;
    phone.hears_tone(880).await?;
    far.hang_up().await?;
    is_tone("baresip at the end", &far.heard()?.last(1.0), MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_second_call_while_the_first_is_held() -> Result {
    let phone = Phone::of("1003", &[]).await?;
    let first = phone.call("603").await?;
    phone.hears_tone(1004).await?;
    within("the hold's answer", 15, first.hold()).await??;
    let second = phone.call("600").await?;
    phone.hears_tone(MOUTH).await?;
    second.hangup().await?;
    within("the resume's answer", 15, first.resume()).await??;
    phone.hears_tone(1004).await?;
    first.hangup().await?;
    phone.stop().await
}
