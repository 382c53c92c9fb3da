//! SIP over TCP.

use denwa::{CallChange, Codec, EndReason, Transport};
use denwa_interop::peers::{ASTERISK, KAMAILIO};
use denwa_interop::phone::{MOUTH, within};
use denwa_interop::{Baresip, Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_call_out_and_a_call_in_over_one_connection() -> Result {
    let mut far = Baresip::b().await?;
    let mut phone = Phone::start(&[Codec::Opus]).await?;
    phone.register(ASTERISK, "1003", Some(Transport::Tcp)).await?;

    let call = phone.call("600").await?;
    phone.hears_tone(MOUTH).await?;
    within("the hold's answer", 15, call.hold()).await??;
    within("the resume's answer", 15, call.resume()).await??;
    phone.hears_tone(MOUTH).await?;
    within("the BYE's answer", 15, call.hangup()).await??;

    far.command("dial", "1003").await?;
    let call = phone.answers().await?;
    phone.hears_tone(880).await?;
    far.hang_up().await?;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::RemoteHangup);
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn from_tcp_to_udp_through_kamailio() -> Result {
    let mut caller = Phone::start(&[]).await?;
    caller.register(KAMAILIO, "2001", Some(Transport::Tcp)).await?;
    let mut callee = Phone::start_saying(&[], 550).await?;
    callee.register(KAMAILIO, "2002", None).await?;
    let call = caller.dial("2002").await?;
    let answered = callee.answers().await?;
    within("the answer", 15, call.answered()).await??;
    caller.hears_tone(550).await?;
    callee.hears_tone(MOUTH).await?;
    within("the hold's answer", 15, answered.hold()).await??;
    caller.change(&call, "hold by the callee", |change| matches!(change, CallChange::RemoteHeld)).await?;
    within("the BYE's answer", 15, answered.hangup()).await??;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::RemoteHangup);
    caller.stop().await?;
    callee.stop().await
}
