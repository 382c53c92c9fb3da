//! Registration against a registrar with digest, and against bad ones.

use super::world::*;
use sip_core::digest::{Algorithm, Denied, Verifier};
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, Request, Response, StatusCode};
use std::time::Duration;

fn account(world: &mut World, password: &str) -> AccountId {
    world.on(0, |e, _| {
        let mut config = AccountConfig::new("sip:1001@10.0.0.2".parse().unwrap());
        config.password = Some(password.into());
        e.add_account(config)
    })
}

/// bob is the registrar: serves each REGISTER and MESSAGE that has come.
struct Registrar {
    verifier: Verifier,
    password: &'static str,
    /// What it grants.
    expires: u32,
    /// Less than that gets 423.
    min: u32,
    /// By this header credentials are asked for.
    name: Name,
    served: usize,
}

impl Registrar {
    fn new(algorithms: &[Algorithm], lifetime: u64) -> Self {
        let verifier = Verifier::new("lab", algorithms.to_vec(), Duration::from_secs(lifetime), [9; 32]);
        Self { verifier, password: "secret", expires: 300, min: 0, name: Name::Authorization, served: 0 }
    }

    /// Serves for that long.
    fn serve(&mut self, world: &mut World, seconds: u64) {
        let until = world.now + Duration::from_secs(seconds);
        loop {
            while let Some(event) = world.next_event(1) {
                let Event::Request { id, request, .. } = event else { continue };
                self.served += 1;
                let (status, headers) = self.verdict(world, &request);
                world.on(1, |e, now| e.respond(now, id, status, headers, None)).unwrap();
            }
            if !world.step(until) {
                break;
            }
        }
        world.now = until;
    }

    fn verdict(&mut self, world: &World, request: &Request) -> (StatusCode, Headers) {
        let now = world.now;
        let password = self.password.to_owned();
        match self.verifier.verify(now, request, &self.name, |user| (user == "1001").then_some(password)) {
            Ok(_) if request.method() != Method::Register => (StatusCode::OK, vec![]),
            Ok(_) => {
                let asked: u32 = request.value(&Name::Expires).unwrap().parse().unwrap();
                let contact = request.value(&Name::Contact).unwrap().split(";expires").next().unwrap().to_owned();
                match asked {
                    0 => (StatusCode::OK, vec![]),
                    _ if asked < self.min => {
                        (StatusCode::INTERVAL_TOO_BRIEF, vec![(Name::MinExpires, self.min.to_string())])
                    }
                    _ => (
                        StatusCode::OK,
                        vec![(Name::Contact, format!("{contact};expires={}", self.expires.max(self.min)))],
                    ),
                }
            }
            Err(denied) => {
                let challenges = self.verifier.challenge(now, denied == Denied::Stale);
                let (status, name) = match self.name {
                    Name::ProxyAuthorization => (StatusCode::PROXY_AUTHENTICATION_REQUIRED, Name::ProxyAuthenticate),
                    _ => (StatusCode::UNAUTHORIZED, Name::WwwAuthenticate),
                };
                (status, challenges.into_iter().map(|challenge| (name.clone(), challenge)).collect())
            }
        }
    }
}

#[test]
fn registers_with_digest_refreshes_in_time_and_unregisters() {
    let mut world = World::pair(1);
    let id = account(&mut world, "secret");
    let mut registrar = Registrar::new(&[Algorithm::Md5], 3600);
    world.on(0, |e, now| e.register(now, id)).unwrap();
    registrar.serve(&mut world, 310);
    world.mark("unregister");
    world.on(0, |e, now| e.unregister(now, id)).unwrap();
    registrar.serve(&mut world, 700);
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn a_nonce_that_has_run_out_costs_one_more_round_and_no_failure() {
    let mut world = World::pair(2);
    let id = account(&mut world, "secret");
    let mut registrar = Registrar::new(&[Algorithm::Sha256, Algorithm::Md5], 60);
    world.on(0, |e, now| e.register(now, id)).unwrap();
    registrar.serve(&mut world, 310);
    insta::assert_snapshot!(world.ladder());
    assert!(!world.ladder().contains("Failed"));
}

#[test]
fn a_wrong_password_is_told_once_and_never_tried_again() {
    let mut world = World::pair(3);
    let id = account(&mut world, "guess");
    let mut registrar = Registrar::new(&[Algorithm::Md5], 3600);
    world.on(0, |e, now| e.register(now, id)).unwrap();
    registrar.serve(&mut world, 10_000);
    assert_eq!(registrar.served, 2, "one without and one with credentials\n{}", world.ladder());
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn without_a_password_a_challenge_is_final() {
    let mut world = World::pair(4);
    let id = world.on(0, |e, _| e.add_account(AccountConfig::new("sip:1001@10.0.0.2".parse().unwrap())));
    let mut registrar = Registrar::new(&[Algorithm::Md5], 3600);
    world.on(0, |e, now| e.register(now, id)).unwrap();
    registrar.serve(&mut world, 10_000);
    assert_eq!(registrar.served, 1);
    let events = world.events(0);
    assert!(events[1].starts_with("Failed { status: 401") && events[1].contains("permanent: true"), "{events:?}");
}

#[test]
fn too_brief_an_interval_is_raised_to_what_the_registrar_wants() {
    let mut world = World::pair(5);
    let id = account(&mut world, "secret");
    let mut registrar = Registrar::new(&[Algorithm::Md5], 36_000);
    registrar.min = 7200;
    world.on(0, |e, now| e.register(now, id)).unwrap();
    registrar.serve(&mut world, 5);
    let events = world.events(0);
    assert!(events[1].starts_with("Registered { expires: 7200s"), "{events:?}\n{}", world.ladder());
    assert_eq!(registrar.served, 3);
}

#[test]
fn a_silent_registrar_is_tried_again_with_growing_pauses() {
    let mut world = World::new(6);
    world.node("alice", "10.0.0.1:5060");
    let id = account(&mut world, "secret");
    world.on(0, |e, now| e.register(now, id)).unwrap();
    world.secs(600);
    let events = world.events(0);
    let failures: Vec<_> = events.iter().filter(|event| event.starts_with("Failed { status: 408")).collect();
    assert!((4..=7).contains(&failures.len()), "{failures:?}");
    assert!(events.iter().all(|event| !event.contains("permanent: true")));
    world.on(0, |e, now| e.unregister(now, id)).unwrap();
    world.secs(100);
    assert_eq!(world.events(0).last().map(String::as_str), Some("Unregistered"));
    world.assert_idle();
}

#[test]
fn retry_after_is_kept() {
    let mut world = World::new(7);
    world.node("alice", "10.0.0.1:5060");
    world.peer("pbx", "10.0.0.2:5060");
    let id = account(&mut world, "secret");
    world.on(0, |e, now| e.register(now, id)).unwrap();
    let (packet, _) = world.catch_request(Method::Register);
    world.answer(&packet, 503, "x", &[(Name::RetryAfter, "120")], None);
    world.secs(119);
    assert!(world.caught.is_empty(), "not before its time");
    world.secs(15);
    assert!(!world.caught.is_empty(), "soon after it");
}

#[test]
fn the_address_behind_a_nat_is_learned_and_replaces_the_first_contact() {
    let mut world = World::new(8);
    world.node("alice", "10.0.0.1:5060");
    world.peer("pbx", "10.0.0.2:5060");
    let id = account(&mut world, "secret");
    world.on(0, |e, now| e.register(now, id)).unwrap();
    let (packet, request) = world.catch_request(Method::Register);
    assert_eq!(request.value(&Name::Contact), Some("<sip:1001@10.0.0.1:5060>;expires=3600"));
    seen_from(&mut world, &packet, "203.0.113.7", 40_000, "<sip:1001@10.0.0.1:5060>;expires=3600");
    let (packet, request) = world.catch_request(Method::Register);
    assert_eq!(
        request.value(&Name::Contact),
        Some("<sip:1001@203.0.113.7:40000>;expires=3600, <sip:1001@10.0.0.1:5060>;expires=0")
    );
    seen_from(&mut world, &packet, "203.0.113.7", 40_000, "<sip:1001@203.0.113.7:40000>;expires=3600");
    world.secs(60);
    assert!(world.caught.is_empty(), "it has come to rest");
    let events = world.events(0);
    assert!(events.last().unwrap().contains("public: Some(203.0.113.7:40000)"), "{events:?}");
    world.on(0, |e, now| e.unregister(now, id)).unwrap();
    let (_, request) = world.catch_request(Method::Register);
    assert_eq!(request.value(&Name::Contact), Some("<sip:1001@203.0.113.7:40000>;expires=0"), "ours and no other");
}

/// 200 as from a registrar that sees us at that address.
fn seen_from(world: &mut World, packet: &Packet, ip: &str, port: u16, contact: &str) {
    let request = packet.message().as_request().unwrap().clone();
    let via = request.value(&Name::Via).unwrap().replace(";rport", &format!(";rport={port};received={ip}"));
    let builder = Response::reply_to(&request, StatusCode::OK, Some("r")).replace(Name::Via, via);
    let response = builder.header(Name::Contact, contact).build();
    world.inject(packet.to, packet.from, response.as_bytes().clone());
}

#[test]
fn service_route_is_taken_by_calls() {
    let mut world = World::new(9);
    world.node("alice", "10.0.0.1:5060");
    world.peer("pbx", "10.0.0.2:5060");
    world.peer("edge", "10.0.0.9:5070");
    let id = account(&mut world, "secret");
    world.on(0, |e, now| e.register(now, id)).unwrap();
    let (packet, request) = world.catch_request(Method::Register);
    assert!(request.has_token(Name::Supported, "path"));
    world.answer(&packet, 200, "x", &[(Name::ServiceRoute, "<sip:10.0.0.9:5070;lr>")], None);
    world.wait(0, "Registered");
    world.on(0, |e, now| {
        let mut invite = Invite::new("sip:600@10.0.0.2".parse().unwrap());
        invite.account = Some(id);
        invite.offer = offer();
        e.invite(now, invite)
    });
    let (packet, request) = world.catch_request(Method::Invite);
    assert_eq!(packet.to, addr("10.0.0.9:5070"));
    assert_eq!(request.value(&Name::Route), Some("<sip:10.0.0.9:5070;lr>"));
    assert_eq!(request.uri_str(), "sip:600@10.0.0.2");
}

#[test]
fn a_proxy_that_asks_with_407_is_answered() {
    let mut world = World::pair(10);
    let id = account(&mut world, "secret");
    let mut registrar = Registrar::new(&[Algorithm::Md5], 3600);
    registrar.name = Name::ProxyAuthorization;
    world.on(0, |e, now| {
        let mut message = OutOfDialog::new(Method::Message, "sip:1002@10.0.0.2".parse().unwrap());
        message.account = Some(id);
        message.body = Some(("text/plain".into(), "hello".into()));
        e.request_out_of_dialog(now, message)
    });
    registrar.serve(&mut world, 60);
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn a_removed_account_takes_its_binding_along() {
    let mut world = World::pair(11);
    let id = account(&mut world, "secret");
    let mut registrar = Registrar::new(&[Algorithm::Md5], 3600);
    world.on(0, |e, now| e.register(now, id)).unwrap();
    registrar.serve(&mut world, 5);
    world.on(0, |e, now| e.remove_account(now, id)).unwrap();
    registrar.serve(&mut world, 1000);
    assert_eq!(world.events(0).last().map(String::as_str), Some("Unregistered"));
    assert_eq!(world.on(0, |e, now| e.register(now, id)), Err(Misuse::Gone));
    assert!(world.nodes[0].endpoint.poll_timeout().is_none());
}
