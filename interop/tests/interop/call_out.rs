//! Calls from us, with sound measured on both sides.

use denwa::{CallChange, Codec};
use denwa_interop::phone::{MOUTH, is_tone, within};
use denwa_interop::{Baresip, Phone, Result, peers};

/// Asterisk's Milliwatt, ITU-T O.6.
const MILLIWATT: u32 = 1004;

async fn we_hear_the_pbx(codec: Codec, name: &str) -> Result {
    let phone = Phone::of("1003", &[codec]).await?;
    let call = phone.call("603").await?;
    let agreed = phone.change(&call, "codec", |change| matches!(change, CallChange::Codec(_))).await?;
    assert!(format!("{agreed:?}").to_lowercase().contains(name), "{agreed:?}");
    phone.hears_tone(MILLIWATT).await?;
    call.hangup().await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn we_hear_the_pbx_in_opus() -> Result {
    we_hear_the_pbx(Codec::Opus, "opus").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn we_hear_the_pbx_in_pcmu() -> Result {
    we_hear_the_pbx(Codec::Pcmu, "pcmu").await
}

async fn the_pbx_records_us(codec: Codec) -> Result {
    peers::forget_recording();
    let phone = Phone::of("1003", &[codec]).await?;
    let call = phone.call("611").await?;
    phone.hears(2.5).await;
    within("the end", 15, call.hangup()).await??;
    is_tone("Asterisk", &peers::recorded().await?, MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_pbx_records_us_in_opus() -> Result {
    the_pbx_records_us(Codec::Opus).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_pbx_records_us_in_pcmu() -> Result {
    the_pbx_records_us(Codec::Pcmu).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_echo_comes_back() -> Result {
    let phone = Phone::of("1003", &[]).await?;
    let call = phone.call("600").await?;
    phone.hears_tone(MOUTH).await?;
    call.hangup().await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn to_baresip_that_rings_in_opus() -> Result {
    let mut far = Baresip::a().await?;
    let phone = Phone::of("1003", &[Codec::Opus]).await?;
    let call = phone.dial("1021").await?;
    far.event("CALL_INCOMING").await?;
    phone.change(&call, "180", |change| matches!(change, CallChange::Ringing)).await?;
    far.command("accept", "").await?;
    within("the answer", 15, call.answered()).await??;
    phone.hears_tone(440).await?;
    call.hangup().await?;
    far.event("CALL_CLOSED").await?;
    is_tone("baresip", &far.heard()?, MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn to_baresip_that_answers_at_once_in_pcmu() -> Result {
    let mut far = Baresip::b().await?;
    let phone = Phone::of("1003", &[Codec::Pcmu]).await?;
    let call = phone.call("1022").await?;
    phone.hears_tone(880).await?;
    call.hangup().await?;
    far.event("CALL_CLOSED").await?;
    is_tone("baresip", &far.heard()?, MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn straight_to_baresip_without_a_server() -> Result {
    let mut far = Baresip::b().await?;
    let phone = Phone::start(&[]).await?;
    let call = phone.inner().dial("sip:1022@127.0.0.1:7420".parse()?).await?;
    within("the answer", 15, call.answered()).await??;
    phone.hears_tone(880).await?;
    call.hangup().await?;
    far.event("CALL_CLOSED").await?;
    is_tone("baresip", &far.heard()?, MOUTH)?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn sound_before_the_answer() -> Result {
    let phone = Phone::of("1003", &[]).await?;
    let call = phone.dial("604").await?;
    phone.change(&call, "183", |change| matches!(change, CallChange::EarlyMedia)).await?;
    let heard = phone.hears(2.0).await;
    assert!(heard.level() > 0.01, "an announcement, level {}", heard.level());
    call.hangup().await?;
    phone.stop().await
}
