//! Digits as RFC 4733 telephone-events, both ways, beside Opus (48 kHz clock) and PCMU (8 kHz clock).

use denwa::{CallChange, Codec};
use denwa_interop::phone::within;
use denwa_interop::{Ami, Phone, Result};

async fn from_the_pbx(codec: Codec) -> Result {
    let phone = Phone::of("1003", &[codec]).await?;
    let call = phone.call("608").await?;
    let mut digits = String::new();
    while digits.len() < 16 {
        if let CallChange::Dtmf(digit) =
            phone.change(&call, "digit", |change| matches!(change, CallChange::Dtmf(_))).await?
        {
            digits.push(digit);
        }
    }
    assert_eq!(digits, "1234567890*#ABCD");
    within("the PBX's BYE", 15, call.ended()).await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn from_the_pbx_beside_opus() -> Result {
    from_the_pbx(Codec::Opus).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn from_the_pbx_beside_pcmu() -> Result {
    from_the_pbx(Codec::Pcmu).await
}

async fn to_the_pbx(codec: Codec) -> Result {
    let mut ami = Ami::sign_in().await?;
    let phone = Phone::of("1003", &[codec]).await?;
    let call = phone.call("609").await?;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    call.dtmf("4##7".parse()?).await?; // # ends Asterisk's reading
    let event = ami.event("UserEvent").await?;
    assert_eq!(event["Value"], "4", "{event:?}");
    call.hangup().await?;

    let call = phone.call("609").await?;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    call.dtmf("1108".parse()?).await?;
    let event = ami.event("UserEvent").await?;
    assert_eq!(event["Value"], "1108", "a digit twice is two digits: {event:?}");
    call.hangup().await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn to_the_pbx_beside_opus() -> Result {
    to_the_pbx(Codec::Opus).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn to_the_pbx_beside_pcmu() -> Result {
    to_the_pbx(Codec::Pcmu).await
}
