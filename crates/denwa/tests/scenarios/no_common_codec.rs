//! Offer and answer have nothing in common: the caller is told so, the called one is not even disturbed.
use super::support::*;
use denwa::{Audio, Codec, EndReason, Error, Event, Phone};
use lab::pbx::Config;

#[tokio::test]
async fn the_pbx_speaks_another_codec() {
    let server = pbx_with(Config::default().encodings(["PCMA"]));
    let (phone, _events) =
        Phone::builder().bind(LOOPBACK).audio(Audio::None).codecs(&[Codec::Opus]).start().await.unwrap();
    let me = within("registering", phone.register(account("1001", &server))).await.unwrap();
    let call = me.dial(uri("600", server.addr())).await.unwrap();
    let error = within("the refusal", call.answered()).await.unwrap_err();
    assert!(matches!(error, Error::NoCommonCodec), "{error:?}");
    assert_eq!(call.ended().await, EndReason::NoCommonCodec);
}

#[tokio::test]
async fn the_called_phone_is_not_disturbed() {
    let with = |codec| Phone::builder().bind(LOOPBACK).audio(Audio::None).codecs(&[codec]).start();
    let ((a, _a_events), (b, mut b_events)) = (with(Codec::Pcmu).await.unwrap(), with(Codec::Opus).await.unwrap());
    let call = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    let error = within("the refusal", call.answered()).await.unwrap_err();
    assert!(matches!(error, Error::NoCommonCodec), "{error:?}");
    b.shutdown().await;
    while let Some(event) = b_events.next().await {
        assert!(!matches!(event, Event::Incoming(_)), "it cannot be answered, so it does not ring");
    }
}
