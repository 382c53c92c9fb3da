//! Calls that come to nothing.

use std::time::Duration;

use denwa::{CallChange, Codec, EndReason, Error};
use denwa_interop::peers::ASTERISK;
use denwa_interop::phone::within;
use denwa_interop::{Ami, Baresip, Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn busy_congestion_forbidden_and_unknown_numbers() -> Result {
    let phone = Phone::of("1003", &[]).await?;
    for (number, status) in [("605", 486), ("606", 503), ("651", 403), ("652", 404), ("4567", 404)] {
        let call = phone.dial(number).await?;
        match within("the refusal", 10, call.answered()).await? {
            Err(Error::Refused { status: given, .. }) if given == status => {}
            other => return Err(format!("{number}: {other:?} instead of {status}").into()),
        }
        assert!(matches!(call.ended().await, EndReason::Refused { status: given, .. } if given == status));
    }
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn no_codec_in_common() -> Result {
    let mut phone = Phone::start(&[Codec::Opus]).await?;
    phone.register(ASTERISK, "1007", None).await?; // PCMU only
    let call = phone.dial("603").await?;
    match within("the refusal", 10, call.answered()).await? {
        Err(Error::NoCommonCodec) => phone.stop().await,
        other => Err(format!("{other:?}").into()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn we_give_up_while_it_rings() -> Result {
    let mut ami = Ami::sign_in().await?;
    let phone = Phone::of("1003", &[]).await?;
    let call = phone.dial("607").await?;
    phone.change(&call, "180", |change| matches!(change, CallChange::Ringing)).await?;
    within("the 487", 15, call.hangup()).await??;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::LocalHangup);
    let gone = ami.event("Hangup").await?;
    assert_eq!(gone["Exten"], "607");
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn we_give_up_at_once() -> Result {
    let mut ami = Ami::sign_in().await?;
    ami.hang_up_all().await?;
    let phone = Phone::of("1003", &[]).await?;
    let call = phone.dial("607").await?;
    within("the 487", 10, call.hangup()).await??;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::LocalHangup);
    // The PBX holds no call of ours, once it has seen to the CANCEL.
    for _ in 0..10 {
        ami.action("CoreShowChannels", &[]).await?;
        if ami.event("CoreShowChannelsComplete").await?["ListItems"] == "0" {
            return phone.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err("the PBX still holds a call".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn nobody_answers_and_we_give_up() -> Result {
    let mut far = Baresip::a().await?;
    let phone = Phone::of("1003", &[]).await?;
    let call = phone.dial("1021").await?;
    far.event("CALL_INCOMING").await?;
    phone.change(&call, "180", |change| matches!(change, CallChange::Ringing)).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    within("the 487", 15, call.hangup()).await??;
    far.event("CALL_CLOSED").await?;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::LocalHangup);
    phone.stop().await
}
