//! Who hangs up, both sides know.

use denwa::{Codec, EndReason};
use denwa_interop::phone::within;
use denwa_interop::{Ami, Baresip, Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_pbx_does() -> Result {
    let phone = Phone::of("1003", &[]).await?;
    let call = phone.call("615").await?;
    assert_eq!(within("the BYE", 15, call.ended()).await?, EndReason::RemoteHangup);
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn we_do() -> Result {
    let mut ami = Ami::sign_in().await?;
    let phone = Phone::of("1003", &[]).await?;
    let call = phone.call("600").await?;
    within("the BYE's answer", 15, call.hangup()).await??;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::LocalHangup);
    assert_eq!(ami.event("Hangup").await?["Exten"], "600");
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_phone_that_is_shut_down_leaves_no_call() -> Result {
    let mut far = Baresip::b().await?;
    let phone = Phone::of("1003", &[Codec::Pcmu]).await?;
    let call = phone.call("1022").await?;
    phone.stop().await?;
    far.event("CALL_CLOSED").await?;
    assert!(matches!(call.ended().await, EndReason::LocalHangup | EndReason::Shutdown));
    Ok(())
}
