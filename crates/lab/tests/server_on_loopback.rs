//! The PBX behind real sockets: a phone that is driven by hand registers, calls the echo, and is called.
#![allow(clippy::unwrap_used)] // helpers are test too

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::real::Real;
use lab::pbx::{CannotCall, Config, Server, Service};
use lab::peer::{Line, Phone};

const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_phone_registers_calls_is_called_and_everything_ends() {
    let server = Server::start(Config::default()).unwrap();
    assert_eq!(server.call(Service::Echo, "600", "1001"), Err(CannotCall::NotRegistered));
    let mut real = Real::new(&server, "1001");
    real.phone.register(Instant::now());
    real.run_until(Phone::is_registered);
    assert!(server.wait_for(LIMIT, |view| view.is_registered("1001")));

    real.phone.dial(Instant::now(), "600");
    real.run_until(|phone| phone.line() == Line::Talking && phone.packets_heard() >= 50);
    assert!((real.phone.hertz_heard() - 440.0).abs() < 10.0);
    real.phone.press('7');
    real.run_until(|phone| phone.keys_heard() == "7");
    assert!(server.wait_for(LIMIT, |view| view.calls.iter().any(|call| call.talking && call.keys == "7")));
    real.phone.hang_up(Instant::now());
    real.turn();
    assert!(server.wait_for(LIMIT, |view| view.calls.is_empty()));

    let id = server.call(Service::Echo, "600", "1001").unwrap();
    real.run_until(|phone| phone.line() == Line::Talking && phone.packets_heard() >= 10);
    assert_eq!(server.calls().iter().map(|call| call.id).collect::<Vec<_>>(), [id]);
    server.hang_up(id);
    real.run_until(|phone| phone.line() == Line::Over);
    real.phone.unregister(Instant::now());
    real.run_until(|phone| !phone.is_registered());
    assert!(server.wait_for(LIMIT, |view| view.bindings.is_empty()));
}

#[test]
fn a_server_that_is_dropped_frees_its_address() {
    let server = Server::start(Config::default()).unwrap();
    let addr = server.addr();
    assert!(UdpSocket::bind(addr).is_err());
    drop(server);
    assert!(UdpSocket::bind(addr).is_ok());
    let again = Server::start_at(addr, Config::default()).unwrap();
    assert_eq!(again.addr(), addr);
}

#[test]
fn an_address_that_nobody_can_reach_is_refused() {
    assert!(Server::start_at(SocketAddr::from(([0, 0, 0, 0], 0)), Config::default()).is_err());
}

/// By TCP, a message a byte at a time, and a connection that the PBX must not hold on to.
#[test]
fn tcp_is_heard_and_answered() {
    use std::io::{Read, Write};
    let server = Server::start(Config::default()).unwrap();
    let mut stream = std::net::TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let here = stream.local_addr().unwrap();
    let text = format!(
        "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:a@{here}>;tag=1\r\nTo: <sip:{0}>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        server.addr()
    );
    for byte in text.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    let mut answer = [0; 2_048];
    let length = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("SIP/2.0 200 OK\r\n"), "{answer}");
}
