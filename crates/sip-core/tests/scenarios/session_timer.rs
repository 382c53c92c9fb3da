//! Session timers (RFC 4028), in both roles.

use super::world::*;
use sip_core::Method;
use sip_core::endpoint::*;
use sip_core::header::Name;
use std::time::Duration;

/// A call from alice to a scripted bob, whose 200 has these header fields.
fn called(headers: &[(Name, &str)]) -> (World, SessionId) {
    let mut world = World::new(1);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let session = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let (packet, request) = world.catch_request(Method::Invite);
    assert_eq!(request.value(&Name::SessionExpires), Some("1800"));
    assert!(request.has_token(Name::Supported, "timer"));
    let mut all = vec![(Name::Contact, "<sip:bob@10.0.0.2>")];
    all.extend_from_slice(headers);
    world.answer(&packet, 200, "b", &all, Some(ANSWER));
    world.catch_request(Method::Ack);
    (world, session)
}

const ALLOW: (Name, &str) = (Name::Allow, "INVITE, ACK, BYE, CANCEL, UPDATE");

/// Trace 23: the caller is the refresher.
#[test]
fn the_caller_refreshes_by_update() {
    let (mut world, _) = called(&[(Name::SessionExpires, "90;refresher=uac"), ALLOW]);
    for _ in 0..3 {
        world.run(Duration::from_secs(44));
        assert!(world.caught.is_empty());
        let (packet, update) = world.catch_request(Method::Update);
        assert_eq!(update.value(&Name::SessionExpires), Some("90;refresher=uac"));
        assert!(update.body().is_empty());
        world.answer(&packet, 200, "b", &[(Name::SessionExpires, "90;refresher=uac")], None);
        world.millis(20);
    }
    // The peer no longer wants one.
    let (packet, _) = world.catch_request(Method::Update);
    world.answer(&packet, 200, "b", &[], None);
    world.secs(600);
    assert!(world.caught.is_empty());
    assert!(!world.events(0).iter().any(|event| event.contains("Response")), "refreshes are nobody's news");
}

/// A peer that takes no UPDATE gets a re-INVITE with the same description, and the owner hears nothing of it.
#[test]
fn the_caller_refreshes_by_reinvite() {
    let (mut world, session) = called(&[(Name::SessionExpires, "90;refresher=uac")]);
    world.events(0);
    let (packet, invite) = world.catch_request(Method::Invite);
    assert_eq!((&invite.body()[..], invite.value(&Name::SessionExpires)), (OFFER, Some("90;refresher=uac")));
    let contact = (Name::Contact, "<sip:bob@10.0.0.2>");
    world.answer(&packet, 200, "b", &[contact, (Name::SessionExpires, "90;refresher=uac")], Some(ANSWER));
    world.catch_request(Method::Ack);
    assert!(world.events(0).is_empty());
    // Refused for now: tried again; the session's end is the peer's affair.
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 491, "b", &[], None);
    world.catch_request(Method::Ack);
    world.secs(6);
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 481, "b", &[], None);
    world.catch_request(Method::Bye);
    assert!(world.nodes[0].endpoint.dialog(session).is_some());
}

#[test]
fn the_peer_refreshes_or_is_gone() {
    let (mut world, session) = called(&[(Name::SessionExpires, "90;refresher=uas"), ALLOW]);
    world.secs(50);
    let update = in_dialog(&world, session, "UPDATE", 10, b"");
    let update = String::from_utf8(update).unwrap();
    let update =
        update.replace("Content-Length", "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\nContent-Length");
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), update);
    let response = world.catch_response();
    assert_eq!(response.value(&Name::SessionExpires), Some("90;refresher=uac"));
    assert!(response.has_token(Name::Require, "timer"));
    // RFC 4028 §10: 30 s before the end of the interval, and not a moment sooner.
    world.run(Duration::from_millis(59_900));
    assert!(world.caught.is_empty(), "{}", world.ladder());
    let (_, bye) = world.catch_request(Method::Bye);
    assert_eq!(bye.value(&Name::Reason), Some("SIP;cause=408;text=\"Session expired\""));
    assert!(world.events(0).iter().any(|event| event.contains("Expired")));
}

#[test]
fn too_short_for_them_and_too_short_for_us() {
    let mut world = World::new(1);
    let mut config = Config::new([1; 32]);
    config.session_timer = Some(SessionTimer { interval: Duration::from_secs(120), min: Duration::from_secs(120) });
    world.node_with("alice", "10.0.0.1:5060", config);
    world.peer("bob", "10.0.0.2:5060");
    world.on(0, |e, now| e.invite(now, Invite::new("sip:bob@10.0.0.2".parse().unwrap())));
    let (packet, first) = world.catch_request(Method::Invite);
    assert_eq!((first.value(&Name::SessionExpires), first.value(&Name::MinSe)), (Some("120"), Some("120")));
    world.answer(&packet, 422, "b", &[(Name::MinSe, "600")], None);
    world.catch_request(Method::Ack);
    let (packet, second) = world.catch_request(Method::Invite);
    assert_eq!((second.value(&Name::SessionExpires), second.value(&Name::MinSe)), (Some("600"), Some("600")));
    // One that asks for no more than was asked is no answer.
    world.answer(&packet, 422, "b", &[(Name::MinSe, "600")], None);
    world.catch_request(Method::Ack);
    world.millis(50);
    assert!(world.events(0).iter().any(|event| event.contains("Refused 422")));

    let invite = |supported: &str| {
        format!(
            "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKs{}\r\nMax-Forwards: 70\r\n\
             From: <sip:bob@10.0.0.2>;tag=b\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: in{}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:bob@10.0.0.2>\r\nSession-Expires: 90\r\n{supported}Content-Length: 0\r\n\r\n",
            supported.len(),
            supported.len()
        )
    };
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), invite("Supported: timer\r\n"));
    let response = world.catch_response();
    assert_eq!((response.status().code(), response.value(&Name::MinSe)), (422, Some("120")));
    // One who knows nothing of timers cannot be told.
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), invite(""));
    world.incoming(0);
}

/// Two of our endpoints: whoever called keeps the call alive, through any number of intervals.
#[test]
fn between_us() {
    let mut world = World::pair(1);
    let (a, _) = talking(&mut world);
    world.run(Duration::from_secs(3 * 1800));
    assert!(world.nodes[0].endpoint.dialog(a).is_some());
    let updates = world.ladder().matches("UPDATE").count();
    assert!((5..=14).contains(&updates), "{}", world.ladder());
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    world.assert_idle();
}
