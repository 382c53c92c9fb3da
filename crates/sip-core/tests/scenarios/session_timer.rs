//! Session timers in both roles (RFC 4028). What Asterisk does is in the recorded calls 22, 23 and 45.

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, Request, Response};
use std::time::Duration;

const CONTACT: (Name, &str) = (Name::Contact, "<sip:bob@10.0.0.2>");
const REQUIRE: (Name, &str) = (Name::Require, "timer");
const ALICE: &str = "10.0.0.1:5060";

fn allow(methods: &'static str) -> (Name, &'static str) {
    (Name::Allow, methods)
}

fn expires(value: &'static str) -> (Name, &'static str) {
    (Name::SessionExpires, value)
}

fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.node("alice", ALICE);
    world.peer("bob", "10.0.0.2:5060");
    world
}

/// A call to a scripted bob whose 2xx has those headers.
fn called(world: &mut World, headers: &[(Name, &str)]) -> (SessionId, Request) {
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let (packet, invite) = world.catch_request(Method::Invite);
    let headers: Vec<_> = headers.iter().cloned().chain([CONTACT]).collect();
    world.answer(&packet, 200, "b", &headers, Some(ANSWER));
    world.catch_request(Method::Ack);
    world.events(0);
    (a, invite)
}

/// A call from a scripted bob with those header lines; the 2xx.
fn calling(world: &mut World, headers: &str) -> (SessionId, Response) {
    world.inject(addr("10.0.0.2:5060"), addr(ALICE), invite(headers));
    let a = world.incoming(0);
    world.on(0, |e, now| e.accept(now, a, answer(), vec![])).unwrap();
    let response = world.catch_response();
    let ack = in_dialog(world, a, "ACK", 1, b"");
    world.inject(addr("10.0.0.2:5060"), addr(ALICE), ack);
    world.millis(50);
    world.events(0);
    (a, response)
}

fn invite(headers: &str) -> String {
    format!(
        "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKfirst\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@10.0.0.2>;tag=b\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:bob@10.0.0.2>\r\n{headers}Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{}",
        OFFER.len(),
        std::str::from_utf8(OFFER).unwrap()
    )
}

/// An UPDATE of bob's without offer.
fn update(world: &mut World, a: SessionId, cseq: u32, headers: &str) -> Response {
    let text = String::from_utf8(in_dialog(world, a, "UPDATE", cseq, b"")).unwrap();
    let text = text.replace("Content-Length", &format!("{headers}Content-Length"));
    world.inject(addr("10.0.0.2:5060"), addr(ALICE), text);
    world.catch_response()
}

/// Whether nothing is sent for all but the last millisecond of that time, and then something is.
fn sends_exactly_after(world: &mut World, seconds: u64) {
    world.run(Duration::from_secs(seconds) - Duration::from_millis(1));
    assert!(world.caught.is_empty(), "too early\n{}", world.ladder());
    world.run(Duration::from_millis(1 + 10));
    assert!(!world.caught.is_empty(), "too late\n{}", world.ladder());
}

fn value(request: &Request, name: Name) -> Option<String> {
    request.value(&name).map(str::to_owned)
}

#[test]
fn two_of_us_refresh_by_update_for_an_hour() {
    let mut world = World::pair(1);
    let (a, _) = talking(&mut world);
    world.secs(3600);
    assert!(world.events(0).is_empty(), "refreshes are silent");
    assert_eq!(world.events(1), vec!["Updated"; 3], "at 15, 30 and 45 minutes, and soon at 60");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn the_refresher_sends_update_at_half_the_interval_where_it_is_allowed() {
    let mut world = world(2);
    let headers = [expires("90;refresher=uac"), REQUIRE, allow("INVITE, ACK, BYE, CANCEL, UPDATE")];
    let (_, invite) = called(&mut world, &headers);
    assert_eq!(value(&invite, Name::SessionExpires).as_deref(), Some("1800"));
    assert!(invite.has_token(Name::Supported, "timer"));
    assert!(!invite.has(&Name::MinSe), "90 seconds need not be said");
    // The 2xx came 10 ms before its ACK.
    sends_exactly_after(&mut world, 45);
    let (packet, refresh) = world.catch_request(Method::Update);
    assert!(refresh.body().is_empty());
    assert_eq!(value(&refresh, Name::SessionExpires).as_deref(), Some("90;refresher=uac"));
    assert!(refresh.has_token(Name::Supported, "timer"));
    world.answer(&packet, 200, "b", &[expires("90;refresher=uac"), REQUIRE, CONTACT], None);
    world.secs(40);
    assert!(world.events(0).is_empty() && world.caught.is_empty(), "the answer to the refresh began it anew");
    world.secs(10);
    world.catch_request(Method::Update);
}

#[test]
fn without_update_the_refresh_is_a_re_invite_that_changes_nothing() {
    let mut world = world(3);
    let headers = [expires("90;refresher=uac"), REQUIRE, allow("INVITE, ACK, BYE, CANCEL")];
    let (a, _) = called(&mut world, &headers);
    // Our last description is what the peer has agreed to.
    world.on(0, |e, now| e.offer(now, a, Some(b"agreed".as_slice().into()))).unwrap();
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 200, "b", &[headers[0].clone(), REQUIRE, CONTACT], Some(ANSWER));
    world.catch_request(Method::Ack);
    world.on(0, |e, now| e.offer(now, a, Some(b"refused".as_slice().into()))).unwrap();
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 488, "b", &[], None);
    world.secs(46);
    world.events(0);
    world.caught.retain(|packet| describe_message(&packet.bytes).starts_with("INVITE"));
    let (packet, refresh) = world.catch_request(Method::Invite);
    assert_eq!(&refresh.body()[..], b"agreed");
    world.answer(&packet, 200, "b", &[headers[0].clone(), REQUIRE, CONTACT], Some(ANSWER));
    world.catch_request(Method::Ack);
    world.secs(1);
    assert!(world.events(0).is_empty(), "its answer is swallowed");
}

#[test]
fn a_peer_without_timer_is_refreshed_for_our_own_benefit() {
    let mut world = world(4);
    let (_, _) = called(&mut world, &[allow("INVITE, UPDATE")]);
    world.secs(899);
    assert!(world.caught.is_empty());
    world.secs(2);
    let (_, refresh) = world.catch_request(Method::Update);
    assert_eq!(value(&refresh, Name::SessionExpires).as_deref(), Some("1800;refresher=uac"));
}

#[test]
fn a_peer_that_knows_the_timer_and_wants_none_gets_none() {
    let mut world = world(5);
    called(&mut world, &[allow("INVITE, UPDATE"), (Name::Supported, "timer")]);
    world.secs(10_000);
    assert!(world.caught.is_empty() && world.events(0).is_empty());
    assert!(world.nodes[0].endpoint.poll_timeout().is_none());
}

#[test]
fn a_peer_that_refreshes_keeps_the_call_and_one_that_does_not_loses_it() {
    let mut world = world(6);
    let (a, _) = called(&mut world, &[expires("90;refresher=uas"), REQUIRE]);
    world.secs(45);
    let refreshed =
        update(&mut world, a, 10, "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\nMin-SE: 90\r\n");
    assert_eq!(refreshed.value(&Name::SessionExpires), Some("90;refresher=uac"));
    assert!(refreshed.has_token(Name::Require, "timer"));
    assert_eq!(world.events(0), ["Updated"]);
    // 90 - min(32, 30) seconds after our 2xx, which took 10 ms to be caught, the BYE is sent.
    world.run(Duration::from_millis(60_000 - 10 - 1));
    assert!(world.events(0).is_empty() && world.caught.is_empty());
    world.run(Duration::from_millis(1));
    assert_eq!(world.events(0), ["Expired"]);
    let (bye, request) = world.catch_request(Method::Bye);
    assert!(request.value(&Name::Reason).unwrap().contains("408"));
    world.answer(&bye, 200, "b", &[], None);
    world.settle();
    assert_eq!(world.events(0), ["Ended"]);
    world.assert_idle();
}

#[test]
fn a_422_is_followed_with_its_minimum() {
    let mut world = world(7);
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let (packet, first) = world.catch_request(Method::Invite);
    world.answer(&packet, 422, "x", &[(Name::MinSe, "3600")], None);
    let (packet, second) = world.catch_request(Method::Invite);
    assert_eq!(second.call_id().unwrap(), first.call_id().unwrap());
    assert_eq!(second.cseq().unwrap().number, first.cseq().unwrap().number + 1);
    assert_eq!(second.value(&Name::SessionExpires), Some("3600"));
    assert_eq!(second.value(&Name::MinSe), Some("3600"));
    let headers = [expires("3600;refresher=uac"), REQUIRE, CONTACT, allow("UPDATE")];
    world.answer(&packet, 200, "b", &headers, Some(ANSWER));
    world.catch_request(Method::Ack);
    assert_eq!(world.events(0), ["Answered +sdp"], "a 422 that could be helped is no news");
    // RFC 4028 §7.4: a 422 in the dialog counts for the rest of it.
    world.secs(1799);
    let (packet, refresh) = world.catch_request(Method::Update);
    assert_eq!((refresh.value(&Name::SessionExpires), refresh.has(&Name::MinSe)), (Some("3600;refresher=uac"), false));
    world.answer(&packet, 422, "b", &[(Name::MinSe, "4000")], None);
    let (packet, refresh) = world.catch_request(Method::Update);
    assert_eq!(refresh.value(&Name::SessionExpires), Some("4000;refresher=uac"));
    world.answer(&packet, 200, "b", &[expires("4000;refresher=uac"), REQUIRE, CONTACT], None);
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    let (_, request) = world.catch_request(Method::Invite);
    assert_eq!(request.value(&Name::MinSe), Some("4000"));
}

#[test]
fn a_422_without_end_or_sense_is_a_refusal() {
    for minima in [vec!["1800"], vec!["1800", "3600"], vec!["2000", "3000", "4000"], vec!["90000"], vec![""]] {
        let mut world = world(8);
        world.on(0, |e, now| {
            let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
            invite.offer = offer();
            e.invite(now, invite)
        });
        let mut asked = 0;
        for (n, minimum) in minima.iter().enumerate() {
            if world.events(0).iter().any(|event| event.starts_with("Refused")) {
                break;
            }
            asked = n + 1;
            let (packet, _) = world.catch_request(Method::Invite);
            let headers = if minimum.is_empty() { vec![] } else { vec![(Name::MinSe, *minimum)] };
            world.answer(&packet, 422, "x", &headers, None);
            world.millis(30);
        }
        assert!(asked <= 3);
        world.settle();
        world.assert_idle();
        assert!(world.ladder().contains("Refused 422"), "{minima:?}\n{}", world.ladder());
    }
}

/// RFC 4028 §9, table 2, and what a 2xx must not do.
#[test]
fn the_callee_grants_what_the_table_says() {
    let supported = "Supported: timer\r\n";
    let table: [(&str, &str, Option<&str>, bool); 11] = [
        ("nobody asks", "", None, false),
        ("a proxy asks", "Session-Expires: 600\r\n", Some("600;refresher=uas"), false),
        ("a proxy asks for too little", "Session-Expires: 60\r\n", None, false),
        ("only understands", supported, Some("1800;refresher=uas"), true),
        ("leaves it open", "Supported: timer\r\nSession-Expires: 600\r\n", Some("600;refresher=uac"), true),
        ("wants to", "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", Some("600;refresher=uac"), true),
        ("wants us to", "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", Some("600;refresher=uas"), true),
        ("compact", "k: timer\r\nx: 600\r\n", Some("600;refresher=uac"), true),
        ("insists", "Require: timer\r\nSession-Expires: 600\r\n", Some("600;refresher=uac"), true),
        ("is reduced", "Supported: timer\r\nSession-Expires: 7200\r\n", Some("1800;refresher=uac"), true),
        (
            "but not below Min-SE",
            "Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n",
            Some("3600;refresher=uac"),
            true,
        ),
    ];
    for (what, headers, granted, require) in table {
        let mut world = world(9);
        let (_, response) = calling(&mut world, headers);
        assert_eq!(response.status().code(), 200);
        assert_eq!(response.value(&Name::SessionExpires), granted, "{what}");
        assert_eq!(response.has_token(Name::Require, "timer"), require, "{what}");
        assert!(response.has_token(Name::Supported, "timer"));
        let due = world.nodes[0].endpoint.poll_timeout().is_some();
        world.secs(40);
        assert_eq!(world.nodes[0].endpoint.poll_timeout().is_some(), granted.is_some(), "{what} {due}");
    }
}

#[test]
fn the_callee_refuses_an_interval_below_its_minimum() {
    let mut world = world(10);
    let headers = "Supported: timer\r\nSession-Expires: 89\r\n";
    world.inject(
        addr("10.0.0.2:5060"),
        addr(ALICE),
        invite(headers).replace("bKfirst", "bKzero").replace(" 1 IN", " 0 IN"),
    );
    let response = world.catch_response();
    assert_eq!((response.status().code(), response.value(&Name::MinSe)), (422, Some("90")));
    assert!(response.to().unwrap().tag().is_some());
    assert!(world.events(0).is_empty());
    world.secs(40);
    world.caught.clear();
    let (a, response) = calling(&mut world, "Supported: timer\r\nSession-Expires: 90\r\n");
    assert_eq!(response.value(&Name::SessionExpires), Some("90;refresher=uac"));
    let refused = update(&mut world, a, 5, "Supported: timer\r\nSession-Expires: 89;refresher=uac\r\n");
    assert_eq!((refused.status().code(), refused.value(&Name::MinSe)), (422, Some("90")));
    assert!(world.events(0).is_empty());
}

#[test]
fn a_callee_that_refreshes_does_so_with_the_roles_as_they_are() {
    let mut world = world(11);
    let headers = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nMin-SE: 100\r\nAllow: INVITE, UPDATE\r\n";
    let (_, response) = calling(&mut world, &headers.replace("90;", "200;"));
    assert_eq!(response.value(&Name::SessionExpires), Some("200;refresher=uas"));
    world.secs(101);
    let (_, refresh) = world.catch_request(Method::Update);
    assert_eq!(refresh.value(&Name::SessionExpires), Some("200;refresher=uac"));
    assert_eq!(refresh.value(&Name::MinSe), Some("100"), "as it came in this dialog");
}

#[test]
fn the_timer_can_be_turned_off_by_the_peer() {
    let mut world = world(12);
    let (a, _) = called(&mut world, &[expires("90;refresher=uas"), REQUIRE]);
    world.secs(30);
    let refreshed = update(&mut world, a, 10, "");
    assert!(!refreshed.has(&Name::SessionExpires));
    world.secs(1000);
    assert_eq!(world.events(0), ["Updated"]);
    assert!(world.nodes[0].endpoint.poll_timeout().is_none());
}

#[test]
fn a_refresh_that_the_peer_does_not_know_ends_the_call() {
    for status in [481, 408] {
        let mut world = world(13);
        called(&mut world, &[expires("90;refresher=uac"), REQUIRE, allow("UPDATE")]);
        let (packet, _) = world.catch_request(Method::Update);
        world.answer(&packet, status, "b", &[], None);
        let (bye, _) = world.catch_request(Method::Bye);
        world.answer(&bye, 481, "b", &[], None);
        world.settle();
        assert_eq!(world.events(0), ["Expired", "Ended"]);
        world.assert_idle();
    }
}

#[test]
fn a_refresh_that_nobody_answers_ends_the_call() {
    let mut world = world(14);
    called(&mut world, &[expires("300;refresher=uac"), REQUIRE, allow("UPDATE")]);
    world.secs(149);
    world.catch_request(Method::Update);
    // Timer F, and nobody answers the BYE either.
    world.run(Duration::from_millis(32_000 - 10 - 1));
    assert!(world.events(0).is_empty());
    world.millis(1);
    assert_eq!(world.events(0), ["Expired"]);
    world.settle();
    assert_eq!(world.events(0), ["Ended"]);
    world.assert_idle();
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_and_at_last_ends_the_call() {
    let mut world = world(15);
    called(&mut world, &[expires("90;refresher=uac"), REQUIRE, allow("UPDATE")]);
    let mut tries = 0;
    loop {
        let packet = world.catch();
        let text = describe_message(&packet.bytes);
        if text.starts_with("BYE") {
            world.answer(&packet, 200, "b", &[], None);
            break;
        }
        tries += 1;
        world.answer(&packet, 500, "b", &[], None);
    }
    assert_eq!(tries, 3, "at 45, 52.5 and 56.5 seconds");
    world.settle();
    assert_eq!(world.events(0), ["Expired", "Ended"]);
    world.assert_idle();
}

#[test]
fn an_offer_refreshes_as_well() {
    let mut world = world(16);
    let headers = [expires("90;refresher=uac"), REQUIRE, allow("UPDATE"), CONTACT];
    let (a, _) = called(&mut world, &headers[..3]);
    world.secs(40);
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 200, "b", &headers, Some(ANSWER));
    world.catch_request(Method::Ack);
    world.secs(40);
    assert!(world.caught.is_empty());
    world.secs(6);
    world.catch_request(Method::Update);
}

#[test]
fn a_refresh_by_re_invite_waits_for_the_peers_offer() {
    let mut world = world(17);
    let (a, _) = called(&mut world, &[expires("90;refresher=uac"), REQUIRE]);
    world.secs(40);
    let re_invite = in_dialog(&world, a, "INVITE", 10, OFFER);
    world.inject(addr("10.0.0.2:5060"), addr(ALICE), re_invite);
    let (_, id) = super::offers::take_offer(&mut world, 0);
    world.secs(10);
    assert!(!world.caught.iter().any(|packet| packet.message().as_request().is_some()), "{}", world.ladder());
    world.on(0, |e, now| e.refuse_offer(now, a, id, sip_core::StatusCode::NOT_ACCEPTABLE_HERE)).unwrap();
    world.catch_request(Method::Invite);
}

#[test]
fn without_session_timer_nothing_is_said_and_a_requirement_is_refused() {
    let mut config = Config::new([3; 32]);
    config.session_timer = None;
    let mut world = World::new(18);
    world.node_with("alice", ALICE, config);
    world.peer("bob", "10.0.0.2:5060");
    let (_, invite_sent) = called(&mut world, &[expires("90;refresher=uac"), REQUIRE]);
    assert!(!invite_sent.has(&Name::SessionExpires) && !invite_sent.has_token(Name::Supported, "timer"));
    world.secs(1000);
    assert!(world.caught.is_empty());
    world.inject(addr("10.0.0.2:5060"), addr(ALICE), invite("Require: timer\r\n"));
    assert_eq!(world.catch_response().status().code(), 420);
}

/// Recorded call 22: Asterisk sets a timer although the phone knows none, and refreshes by itself.
#[test]
fn an_asterisk_that_refreshes_by_itself() {
    let mut world = world(22);
    let (a, _) = called(&mut world, &[expires("90;refresher=uas"), allow("INVITE, ACK, BYE, CANCEL, UPDATE")]);
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    let (packet, ours) = world.catch_request(Method::Update);
    assert_eq!(ours.value(&Name::SessionExpires), Some("90;refresher=uas"));
    world.answer(&packet, 200, "b", &[expires("90;refresher=uas"), CONTACT], Some(ANSWER));
    for cseq in [8277, 8278] {
        world.secs(45);
        let headers =
            "Session-Expires: 90;refresher=uac\r\nMin-SE: 90\r\nSupported: 100rel, timer, replaces, norefersub\r\n";
        let refreshed = update(&mut world, a, cseq, headers);
        assert_eq!(refreshed.value(&Name::SessionExpires), Some("90;refresher=uac"));
    }
    assert_eq!(world.events(0), ["OfferAnswered +sdp", "Updated", "Updated"]);
    world.secs(59);
    assert!(world.events(0).is_empty());
    world.secs(1);
    assert_eq!(world.events(0), ["Expired"]);
}

/// Recorded call 23: both know the timer, the phone that calls refreshes each 45 seconds.
#[test]
fn an_asterisk_that_leaves_the_refresh_to_us() {
    let mut config = Config::new([4; 32]);
    config.session_timer.as_mut().unwrap().interval = Duration::from_secs(90);
    let mut world = World::new(23);
    world.node_with("alice", ALICE, config);
    world.peer("bob", "10.0.0.2:5060");
    let (_, invite) = called(&mut world, &[expires("90;refresher=uac"), REQUIRE, allow("INVITE, UPDATE")]);
    assert_eq!(invite.value(&Name::SessionExpires), Some("90"));
    for _ in 0..3 {
        world.secs(44);
        let (packet, refresh) = world.catch_request(Method::Update);
        assert_eq!(refresh.value(&Name::SessionExpires), Some("90;refresher=uac"));
        world.answer(&packet, 200, "b", &[expires("90;refresher=uac"), REQUIRE, CONTACT], None);
    }
    assert!(world.events(0).is_empty());
}
