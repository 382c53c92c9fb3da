//! Through a proxy that stays in the path: every request within a call must follow Record-Route.

use denwa::{CallChange, EndReason, Error};
use denwa_interop::peers::{KAMAILIO, Robot, proxied};
use denwa_interop::phone::{MOUTH, within};
use denwa_interop::{Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn two_of_our_phones() -> Result {
    let mut caller = Phone::start(&[]).await?;
    caller.register(KAMAILIO, "2001", None).await?;
    let mut callee = Phone::start_saying(&[], 550).await?;
    callee.register(KAMAILIO, "2002", None).await?;

    let call = caller.dial("2002").await?;
    let answered = callee.answers().await?;
    within("the answer", 15, call.answered()).await??;
    caller.hears_tone(550).await?;
    callee.hears_tone(MOUTH).await?;
    let before = proxied()?.len();
    within("the hold's answer", 15, call.hold()).await??;
    callee.change(&answered, "hold by the caller", |change| matches!(change, CallChange::RemoteHeld)).await?;
    within("the resume's answer", 15, call.resume()).await??;
    callee.change(&answered, "resume by the caller", |change| matches!(change, CallChange::RemoteResumed)).await?;
    callee.hears_tone(MOUTH).await?;
    within("the BYE's answer", 15, answered.hangup()).await??;
    assert_eq!(within("the end", 15, call.ended()).await?, EndReason::RemoteHangup);

    let through: Vec<String> = proxied()?.split_off(before);
    let count = |method: &str| through.iter().filter(|each| *each == method).count();
    assert_eq!((count("INVITE"), count("ACK"), count("BYE")), (2, 2, 1), "{through:?}"); // hold, resume, the end
    caller.stop().await?;
    callee.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn pjsip_calls_holds_resumes_and_hangs_up() -> Result {
    let mut phone = Phone::start(&[]).await?;
    phone.register(KAMAILIO, "2001", None).await?;
    let steps = ["register", "dial:2001", "up", "sleep:1", "hold", "sleep:2", "resume", "sleep:2", "hangup"];
    let robot = Robot::start(KAMAILIO, "2002", &steps)?;
    let call = phone.answers().await?;
    phone.change(&call, "hold by PJSIP", |change| matches!(change, CallChange::RemoteHeld)).await?;
    phone.change(&call, "resume by PJSIP", |change| matches!(change, CallChange::RemoteResumed)).await?;
    assert_eq!(within("the end", 10, call.ended()).await?, EndReason::RemoteHangup);
    robot.finish().await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn we_call_pjsip_which_rejects_and_then_answers() -> Result {
    let mut phone = Phone::start(&[]).await?;
    phone.register(KAMAILIO, "2001", None).await?;
    let mut robot = Robot::start(KAMAILIO, "2002", &["register", "reject:486", "wait", "answer", "gone"])?;
    robot.says("step reject").await?;
    let call = phone.dial("2002").await?;
    match within("the refusal", 15, call.answered()).await? {
        Err(Error::Refused { status: 486, .. }) => {}
        other => return Err(format!("{other:?}").into()),
    }
    let call = phone.call("2002").await?;
    robot.says("step gone").await?;
    within("the BYE's answer", 15, call.hangup()).await??;
    robot.finish().await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_number_that_nobody_has() -> Result {
    let mut phone = Phone::start(&[]).await?;
    phone.register(KAMAILIO, "2001", None).await?;
    let call = phone.dial("2005").await?;
    match within("the refusal", 15, call.answered()).await? {
        Err(Error::Refused { status: 404, .. }) => phone.stop().await,
        other => Err(format!("{other:?}").into()),
    }
}
