//! Calls to us, with sound measured on both sides.

use std::time::Duration;

use denwa::{Codec, EndReason};
use denwa_interop::phone::{MOUTH, is_tone, within};
use denwa_interop::{Ami, Baresip, Phone, Result, peers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn from_baresip_in_opus() -> Result {
    let mut far = Baresip::a().await?;
    let mut phone = Phone::of("1003", &[Codec::Opus]).await?;
    far.command("dial", "1003").await?;
    let ringing = phone.rings().await?;
    assert_eq!((ringing.display_name(), ringing.account()), (Some("Baresip A"), Some(phone.account().id())));
    far.event("CALL_RINGING").await?;
    let call = within("the ACK", 15, ringing.answer()).await??;
    far.event("CALL_ESTABLISHED").await?;
    phone.hears_tone(440).await?;
    far.hang_up().await?;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::RemoteHangup);
    is_tone("baresip", &far.heard()?, MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn from_baresip_in_pcmu() -> Result {
    let mut far = Baresip::b().await?;
    let mut phone = Phone::of("1003", &[Codec::Pcmu]).await?;
    far.command("dial", "1003").await?;
    let call = phone.answers().await?;
    phone.hears_tone(880).await?;
    call.hangup().await?;
    far.event("CALL_CLOSED").await?;
    is_tone("baresip", &far.heard()?, MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn from_sipp_in_pcma() -> Result {
    let mut phone = Phone::of("1003", &[Codec::Pcma]).await?;
    let sipp = tokio::spawn(peers::sipp_call("1101", "1003"));
    let call = phone.answers().await?;
    phone.hears_tone(1000).await?;
    assert_eq!(within("sipp's BYE", 10, call.ended()).await?, EndReason::RemoteHangup);
    within("sipp's verdict", 10, sipp).await???;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn whom_the_pbx_calls_hears_what_it_plays() -> Result {
    let mut ami = Ami::sign_in().await?;
    let mut phone = Phone::of("1003", &[]).await?;
    ami.originate("1003", "603", Duration::from_secs(10)).await?;
    let call = phone.answers().await?;
    phone.hears_tone(1004).await?;
    call.hangup().await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_caller_gives_up() -> Result {
    let mut far = Baresip::b().await?;
    let mut phone = Phone::of("1003", &[]).await?;
    far.command("dial", "1003").await?;
    let ringing = phone.rings().await?;
    far.event("CALL_RINGING").await?;
    far.hang_up().await?;
    assert_eq!(within("the CANCEL", 15, ringing.ended()).await?, EndReason::Cancelled);
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn nobody_answers_and_the_pbx_gives_up() -> Result {
    let mut ami = Ami::sign_in().await?;
    let mut phone = Phone::of("1003", &[]).await?;
    ami.originate("1003", "600", Duration::from_secs(2)).await?;
    let ringing = phone.rings().await?;
    assert_eq!(within("the CANCEL", 15, ringing.ended()).await?, EndReason::Cancelled);
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn we_are_busy() -> Result {
    let mut far = Baresip::b().await?;
    let mut phone = Phone::of("1003", &[]).await?;
    far.command("dial", "1003").await?;
    phone.rings().await?.reject(denwa::Reject::Busy).await?;
    let closed = far.event("CALL_CLOSED").await?;
    assert!(closed.contains("486"), "{closed}");
    phone.stop().await
}
