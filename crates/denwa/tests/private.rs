//! Nothing private reaches a log above `trace`: no number, name, password or address, in a whole life of two phones, with
//! what goes wrong in it. And nothing in it is an ERROR.
#![allow(clippy::unwrap_used, reason = "a scenario that cannot go on has failed")]

#[path = "scenarios/support.rs"]
#[allow(dead_code)]
mod support;

use denwa::{Account, Audio, Reject, Transport};
use std::io::Write;
use std::sync::{Arc, Mutex};
use support::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_private_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        // A number can be in a time by chance.
        .without_time()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(life());
    drop(runtime);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for private in
        ["1001", "1002", "Alice", "secret", "guess", "127.0.0.1", "localhost", "nowhere", "sip:", "605", "z9hG4bK"]
    {
        let line = log.lines().find(|line| line.contains(private));
        assert!(line.is_none(), "{private:?} is in the log: {line:?}");
    }
    let error = log.lines().find(|line| line.contains("ERROR"));
    assert!(error.is_none(), "{error:?}");
    assert!(log.contains("DEBUG"), "the log was captured at all");
}

async fn life() {
    let server = pbx();
    let (a, _a_events) = phone(Audio::None).await;
    let named = account("1001", &server).display_name("Alice").transport(Transport::Tcp);
    let a_me = within("registering", a.register(named)).await.unwrap();
    let (b, mut b_events, _b_me) = registered("1002", &server).await;

    let call = a_me.dial(uri("1002", server.addr())).await.unwrap();
    let back = within("answering", incoming(&mut b_events).await.answer()).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    within("hold", call.hold()).await.unwrap();
    within("resume", call.resume()).await.unwrap();
    received(&back, 10).await;
    call.dtmf("605".parse().unwrap()).await.unwrap();
    within("hanging up", back.hangup()).await.unwrap();

    let rejected = a_me.dial(uri("1002", server.addr())).await.unwrap();
    within("rejecting", incoming(&mut b_events).await.reject(Reject::Decline)).await.unwrap();
    within("the refusal", rejected.answered()).await.unwrap_err();
    let busy = a_me.dial(uri("605", server.addr())).await.unwrap();
    within("the refusal", busy.answered()).await.unwrap_err();
    within("a wrong password", a.register(account("1001", &server).password("guess"))).await.unwrap_err();
    within("no such host", a.register(Account::new("sip:1001@nowhere.invalid".parse().unwrap()))).await.unwrap_err();
    let deaf = std::net::UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    within("nobody there", a.register(account("1001", &server).proxy(format!("sip:{deaf};lr").parse().unwrap())))
        .await
        .unwrap_err();
    let stranger = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    stranger.send_to(b"INVITE sip:1001@127.0.0.1 SIP/2.0\r\nVia: z9hG4bK\r\n\r\n", a.local_addresses()[0]).unwrap();
    a.shutdown().await;
    b.shutdown().await;
}
