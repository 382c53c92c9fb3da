//! The manager client of `denwa` against Asterisk's: where a call was parked, and which of ours it was.

use std::time::Duration;

use denwa::Codec;
use denwa::ami::{Ami, AmiEvent, AmiEvents, AmiLoss, Certainty, OurCall, ParkedCall, ParkingEvent};
use denwa_interop::phone::within;
use denwa_interop::{Baresip, Phone, Result};

fn client(secret: &str) -> Ami {
    Ami::new("127.0.0.1", 5138, "dev", secret)
}

/// Signed in.
async fn events() -> Result<AmiEvents> {
    let mut events = client("devsecret").start()?;
    match within("the sign-in", 10, events.next()).await? {
        Some(AmiEvent::SignedIn { .. }) => Ok(events),
        other => Err(format!("not signed in: {other:?}").into()),
    }
}

/// The next event of parking.
async fn parking(events: &mut AmiEvents) -> Result<ParkingEvent> {
    match within("an event of parking", 20, events.next()).await? {
        Some(AmiEvent::Parking(event)) => Ok(event),
        other => Err(format!("not an event of parking: {other:?}").into()),
    }
}

async fn parked(events: &mut AmiEvents) -> Result<ParkedCall> {
    match parking(events).await? {
        ParkingEvent::Parked(call) => Ok(call),
        other => Err(format!("not parked: {other:?}").into()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_call_parked_by_keys_and_taken_back() -> Result {
    let (mut ami, _far) = (events().await?, Baresip::b().await?);
    let phone = Phone::of("1003", &[Codec::Pcmu]).await?;
    let call = phone.call("1022").await?;
    phone.hears_tone(880).await?;
    call.dtmf("#".parse()?).await?;
    tokio::time::sleep(Duration::from_millis(2000)).await; // "transfer"
    call.dtmf("700".parse()?).await?;

    let told = parked(&mut ami).await?;
    assert!((701..=720).contains(&told.slot.parse::<u16>()?), "{told:?}");
    assert!(!told.listed && told.timeout == Some(Duration::from_secs(300)), "{told:?}");
    let (other, ours) =
        (OurCall { endpoint: "1003", number: Some("1021") }, OurCall { endpoint: "1003", number: Some("1022") });
    assert_eq!(told.which(&[other, ours]), Some((1, Certainty::Same)), "{told:?}");
    within("the PBX's BYE", 20, call.ended()).await?;

    // One who signs in later is told as well.
    let mut late = events().await?;
    let listed = parked(&mut late).await?;
    assert!(listed.listed && listed.slot == told.slot && listed.parkee.name == told.parkee.name, "{listed:?}");
    drop(late);

    let call = phone.call(&told.slot).await?;
    match parking(&mut ami).await? {
        ParkingEvent::Unparked { call: taken, retriever: Some(retriever) } => {
            assert_eq!((&taken.slot, retriever.endpoint()), (&told.slot, Some("1003")));
        }
        other => return Err(format!("not taken back: {other:?}").into()),
    }
    phone.hears_tone(880).await?;
    call.hangup().await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_parked_caller_who_gives_up() -> Result {
    let (mut ami, mut far) = (events().await?, Baresip::b().await?);
    let phone = Phone::of("1003", &[Codec::Pcmu]).await?;
    let call = phone.call("1022").await?;
    phone.hears_tone(880).await?;
    call.dtmf("#".parse()?).await?;
    tokio::time::sleep(Duration::from_millis(2000)).await;
    call.dtmf("700".parse()?).await?;
    let told = parked(&mut ami).await?;
    within("the PBX's BYE", 20, call.ended()).await?;
    far.hang_up().await?;
    match parking(&mut ami).await? {
        ParkingEvent::GaveUp(gone) => assert_eq!(gone.slot, told.slot),
        other => return Err(format!("not given up: {other:?}").into()),
    }
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_wrong_secret() -> Result {
    let mut events = client("wrong").start()?;
    match within("the refusal", 10, events.next()).await? {
        Some(AmiEvent::Lost { why: AmiLoss::Refused, retry_in: None }) => Ok(()),
        other => Err(format!("not refused: {other:?}").into()),
    }
}
