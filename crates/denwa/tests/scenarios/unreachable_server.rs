//! Nothing listens at the server's port. Over UDP the network's ICMP says so, over TCP the refused connection; a network
//! that says nothing is a time-out.
use super::support::*;
use denwa::{Account, Audio, Error, Phone, Transport};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

#[tokio::test]
async fn nothing_listens() {
    let (phone, _events) = phone(Audio::None).await;
    // Bound and dropped: nobody else has it for the moment.
    let deaf = UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    for transport in [Transport::Udp, Transport::Tcp] {
        let account = Account::new(uri("1001", deaf)).password("x").transport(transport);
        let began = Instant::now();
        let error = within("the failure", phone.register(account)).await.unwrap_err();
        assert!(matches!(error, Error::Network { .. }), "{transport:?}: {error:?}");
        if cfg!(target_os = "linux") {
            assert!(began.elapsed() < Duration::from_secs(5), "{transport:?} took {:?}", began.elapsed());
        }
        let call = phone.dial(uri("x", deaf)).await.unwrap();
        let error = within("the failure", call.answered()).await.unwrap_err();
        assert!(matches!(error, Error::Network { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_silent_network_times_out() {
    let builder = Phone::builder().bind(LOOPBACK).audio(Audio::None).round_trip_estimate(Duration::from_millis(10));
    let (phone, _events) = builder.start().await.unwrap();
    let silent = UdpSocket::bind(LOOPBACK).unwrap();
    let at = silent.local_addr().unwrap();
    let error = within("the time-out", phone.register(Account::new(uri("1001", at)))).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let call = phone.dial(uri("x", at)).await.unwrap();
    let error = within("the time-out", call.answered()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn an_unknown_host_is_a_network_error() {
    let (phone, _events) = phone(Audio::None).await;
    // RFC 6761 §6.4: never exists.
    let error = within("the failure", phone.register(Account::new("sip:1001@nowhere.invalid".parse().unwrap())));
    let error = error.await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }), "{error:?}");
}
