//! What a registrar answers to requests that no sensible phone sends.
#![allow(clippy::unwrap_used)] // helpers are test too

mod common;

use std::time::{Duration, Instant};

use common::{PBX, addr};
use lab::packet::Packet;
use lab::pbx::{Config, Pbx};
use sip_core::digest::{Authenticator, Credentials};
use sip_core::header::Name;
use sip_core::ids::Mint;
use sip_core::message::{Message, Request, Response};
use sip_core::method::Method;
use sip_core::uri::Uri;

const PHONE: &str = "10.0.0.2:5060";

struct Wire {
    pbx: Pbx,
    now: Instant,
    authenticator: Authenticator,
    mint: Mint,
    cseq: u32,
}

impl Wire {
    /// A wire on which 1001 has been challenged.
    fn new() -> Self {
        let mut wire = Self {
            pbx: Pbx::new(Config::default(), addr(PBX), []),
            now: Instant::now(),
            authenticator: Authenticator::new(Credentials::new("1001", "secret1001")),
            mint: Mint::new([5; 32]),
            cseq: 0,
        };
        let request = wire.request("1001", &[]);
        let response = wire.send(&request);
        assert_eq!(response.status().code(), 401);
        wire.authenticator.challenged(&response, &request).unwrap();
        wire
    }

    /// A REGISTER for that user with those header lines, with credentials once there was a challenge.
    fn request(&mut self, to: &str, headers: &[(Name, &str)]) -> Request {
        self.cseq += 1;
        let uri: Uri = format!("sip:{PBX}").parse().unwrap();
        let request = Request::builder(Method::Register, &uri)
            .header(Name::Via, format!("SIP/2.0/UDP {PHONE};branch={}", self.mint.branch()))
            .header(Name::MaxForwards, 70)
            .header(Name::From, "<sip:1001@lab>;tag=1")
            .header(Name::To, format!("<sip:{to}@lab>"))
            .header(Name::CallId, "wire")
            .header(Name::CSeq, format!("{} REGISTER", self.cseq));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name.clone(), value));
        self.authenticator.authorize(request, &Method::Register, &uri.to_string(), &[], &mut self.mint).build()
    }

    fn send(&mut self, request: &Request) -> Response {
        self.pbx.handle_packet(self.now, Packet::udp(addr(PHONE), addr(PBX), request.as_bytes().clone()));
        let packet = self.pbx.poll_transmit().expect("an answer");
        let Ok(Message::Response(response)) = Message::parse(packet.bytes) else { panic!("no response") };
        response
    }

    fn register(&mut self, to: &str, headers: &[(Name, &str)]) -> Response {
        let request = self.request(to, headers);
        self.send(&request)
    }

    fn status(&mut self, to: &str, headers: &[(Name, &str)]) -> u16 {
        self.register(to, headers).status().code()
    }
}

const CONTACT: (Name, &str) = (Name::Contact, "<sip:1001@10.0.0.2>");

#[test]
fn a_binding_is_listed_with_what_is_left_of_it() {
    let mut wire = Wire::new();
    assert_eq!(wire.status("1001", &[CONTACT, (Name::Expires, "600")]), 200);
    wire.now += Duration::from_secs(100);
    let response = wire.register("1001", &[]);
    assert_eq!(response.values(&Name::Contact).collect::<Vec<_>>(), ["<sip:1001@10.0.0.2>;expires=500"]);
}

#[test]
fn star_must_be_alone_and_with_expires_0() {
    let mut wire = Wire::new();
    wire.register("1001", &[CONTACT]);
    assert_eq!(wire.status("1001", &[(Name::Contact, "*")]), 400);
    assert_eq!(wire.status("1001", &[(Name::Contact, "*"), CONTACT, (Name::Expires, "0")]), 400);
    assert_eq!(wire.pbx.bindings().count(), 1);
    assert_eq!(wire.status("1001", &[(Name::Contact, "*"), (Name::Expires, "0")]), 200);
    assert_eq!(wire.pbx.bindings().count(), 0);
}

#[test]
fn too_brief_an_interval_is_told_what_would_do() {
    let mut wire = Wire::new();
    let response = wire.register("1001", &[CONTACT, (Name::Expires, "59")]);
    assert_eq!((response.status().code(), response.value(&Name::MinExpires)), (423, Some("60")));
    assert_eq!(wire.pbx.bindings().count(), 0);
}

#[test]
fn nobody_registers_for_somebody_else() {
    let mut wire = Wire::new();
    assert_eq!(wire.status("1002", &[CONTACT]), 403);
    assert_eq!(wire.pbx.bindings().count(), 0);
}

#[test]
fn a_contact_that_is_none_is_refused_with_all_others() {
    let mut wire = Wire::new();
    assert_eq!(wire.status("1001", &[CONTACT, (Name::Contact, "<not a uri>")]), 400);
    assert_eq!(wire.pbx.bindings().count(), 0);
}

#[test]
fn an_old_nonce_is_stale_and_a_new_one_is_given() {
    let mut wire = Wire::new();
    assert_eq!(wire.status("1001", &[CONTACT]), 200);
    wire.now += Duration::from_secs(300);
    let response = wire.register("1001", &[CONTACT]);
    assert_eq!(response.status().code(), 401);
    assert!(response.value(&Name::WwwAuthenticate).unwrap().contains("stale=true"));
}

#[test]
fn nonsense_is_not_answered_and_nothing_breaks() {
    let mut wire = Wire::new();
    for bytes in ["", "\r\n\r\n", "\0", "REGISTER", "REGISTER sip:x SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"] {
        for to in [PBX, "10.0.0.1:20000", "10.0.0.1:20001"] {
            wire.pbx.handle_packet(wire.now, Packet::udp(addr(PHONE), addr(to), bytes));
            wire.pbx.handle_packet(wire.now, Packet::tcp(addr(PHONE), addr(to), bytes));
        }
    }
    while wire.pbx.poll_transmit().is_some() {}
    assert_eq!(wire.status("1001", &[CONTACT]), 200);
}
