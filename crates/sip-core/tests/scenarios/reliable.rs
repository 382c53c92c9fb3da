//! Provisional responses that the caller acknowledges, as callee (RFC 3262).

use super::offers::take_offer;
use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, Response, StatusCode};

const ALICE: &str = "10.0.0.1:5060";
const BOB: &str = "10.0.0.2:5060";
const INSISTS: &str = "Require: 100rel\r\n";
const SUPPORTS: &str = "Supported: 100rel\r\n";

/// Bob's call to alice, with those header lines.
fn called(seed: u64, reliable_ringing: bool, headers: &str) -> (World, SessionId) {
    let mut config = Config::new([u8::try_from(seed).unwrap(); 32]);
    config.reliable_ringing = reliable_ringing;
    let mut world = World::new(seed);
    world.node_with("alice", ALICE, config);
    world.peer("bob", BOB);
    world.inject(addr(BOB), addr(ALICE), invite(headers, OFFER));
    let a = world.incoming(0);
    (world, a)
}

fn invite(headers: &str, sdp: &[u8]) -> String {
    let content = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {BOB};rport;branch=z9hG4bKi\r\nMax-Forwards: 70\r\n\
         From: <sip:bob@10.0.0.2>;tag=b\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\n\
         Contact: <sip:bob@10.0.0.2>\r\n{headers}{content}Content-Length: {}\r\n\r\n{}",
        sdp.len(),
        std::str::from_utf8(sdp).unwrap()
    )
}

fn ring(world: &mut World, a: SessionId, status: StatusCode, sdp: Option<bytes::Bytes>) {
    world.on(0, |e, now| e.ring(now, a, status, sdp)).unwrap();
}

/// The next response to the INVITE.
fn response(world: &mut World) -> Response {
    loop {
        let response = world.catch_response();
        if response.cseq().unwrap().method == Method::Invite && response.status() != StatusCode::TRYING {
            return response;
        }
    }
}

fn rseq(response: &Response) -> u32 {
    assert!(response.has_token(Name::Require, "100rel"));
    response.value(&Name::RSeq).unwrap().parse().unwrap()
}

/// Sends PRACK and gives the status of its answer.
fn prack(world: &mut World, a: SessionId, cseq: u32, rack: &str, sdp: &[u8]) {
    let text = String::from_utf8(in_dialog(world, a, "PRACK", cseq, sdp)).unwrap();
    let text = text.replacen("Content-Length", &format!("RAck: {rack}\r\nContent-Length"), 1);
    world.inject(addr(BOB), addr(ALICE), text);
}

fn prack_status(world: &mut World) -> u16 {
    loop {
        let response = world.catch_response();
        if response.cseq().unwrap().method == Method::Prack {
            return response.status().code();
        }
    }
}

#[test]
fn who_insists_gets_them_and_who_can_only_if_we_want() {
    for (headers, ours, reliably) in
        [(INSISTS, false, true), (SUPPORTS, false, false), (SUPPORTS, true, true), ("", true, false)]
    {
        let (mut world, a) = called(1, ours, headers);
        ring(&mut world, a, StatusCode::RINGING, None);
        let ringing = response(&mut world);
        assert_eq!(ringing.has(&Name::RSeq), reliably, "{headers} {ours}");
        assert_eq!(ringing.has_token(Name::Require, "100rel"), reliably);
        world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    }
}

#[test]
fn it_is_repeated_until_its_prack_and_the_numbers_go_up_by_one() {
    let (mut world, a) = called(2, false, INSISTS);
    ring(&mut world, a, StatusCode::RINGING, None);
    let first = response(&mut world);
    let number = rseq(&first);
    assert!((1..1 << 31).contains(&number));
    let copy = response(&mut world);
    assert_eq!(copy.as_bytes(), first.as_bytes());
    // Of those that wait, the newest is sent, and no description is lost.
    ring(&mut world, a, StatusCode::SESSION_PROGRESS, answer());
    ring(&mut world, a, StatusCode::QUEUED, None);
    prack(&mut world, a, 6, &format!("{number} 5 INVITE"), b"");
    assert_eq!(prack_status(&mut world), 200);
    let second = response(&mut world);
    assert_eq!((second.status(), rseq(&second)), (StatusCode::QUEUED, number + 1));
    assert_eq!(&second.body()[..], ANSWER);
    prack(&mut world, a, 7, &format!("{} 5 INVITE", number + 1), b"");
    assert_eq!(prack_status(&mut world), 200);
    world.secs(40);
    assert!(world.caught.is_empty(), "nothing is repeated any more\n{}", world.ladder());
    // RFC 3262 §3: each two and a half minutes is enough; the description is not sent again.
    world.secs(149 - 40);
    assert!(world.caught.is_empty());
    world.secs(3);
    let third = response(&mut world);
    assert_eq!(rseq(&third), number + 2);
    assert!(third.body().is_empty());
}

#[test]
fn a_prack_that_acknowledges_nothing_gets_481() {
    let (mut world, a) = called(3, false, INSISTS);
    ring(&mut world, a, StatusCode::RINGING, None);
    let number = rseq(&response(&mut world));
    let wrong =
        [format!("{} 5 INVITE", number.wrapping_add(1)), format!("{number} 4 INVITE"), format!("{number} 5 UPDATE")];
    for (cseq, rack) in (6..).zip(&wrong) {
        prack(&mut world, a, cseq, rack, b"");
        assert_eq!(prack_status(&mut world), 481, "{rack}");
    }
    prack(&mut world, a, 20, &format!("{number} 5 INVITE"), b"");
    assert_eq!(prack_status(&mut world), 200);
    prack(&mut world, a, 21, &format!("{number} 5 INVITE"), b"");
    assert_eq!(prack_status(&mut world), 481, "it is acknowledged already");
}

#[test]
fn without_prack_for_64_t1_the_call_is_refused() {
    let (mut world, a) = called(4, false, INSISTS);
    ring(&mut world, a, StatusCode::RINGING, None);
    world.millis(31_999);
    assert!(world.events(0).is_empty());
    world.millis(1);
    assert_eq!(world.events(0), ["Cancelled (no CANCEL)", "Ended"]);
    world.millis(20);
    let statuses: Vec<u16> =
        world.caught.drain(..).map(|packet| packet.message().as_response().unwrap().status().code()).collect();
    assert_eq!(statuses, [180, 180, 180, 180, 180, 180, 180, 500]);
    world.settle();
    world.assert_idle();
}

#[test]
fn a_2xx_waits_for_the_prack_of_a_description() {
    let (mut world, a) = called(5, false, INSISTS);
    ring(&mut world, a, StatusCode::SESSION_PROGRESS, answer());
    let number = rseq(&response(&mut world));
    world.on(0, |e, now| e.accept(now, a, answer(), vec![])).unwrap();
    let again = world.on(0, |e, now| e.accept(now, a, answer(), vec![]));
    assert_eq!(again, Err(Misuse::State { doing: "accept", state: "it is accepted" }));
    assert!(world.on(0, |e, now| e.ring(now, a, StatusCode::RINGING, None)).is_err());
    world.secs(3);
    assert!(world.caught.drain(..).all(|packet| describe_message(&packet.bytes).starts_with("183")));
    prack(&mut world, a, 6, &format!("{number} 5 INVITE"), b"");
    assert_eq!(prack_status(&mut world), 200);
    let ok = response(&mut world);
    assert_eq!(ok.status(), StatusCode::OK);
    assert!(ok.body().is_empty(), "the caller has it");
    assert!(ok.has(&Name::Contact));
    let ack = in_dialog(&world, a, "ACK", 5, b"");
    world.inject(addr(BOB), addr(ALICE), ack);
    world.wait(0, "Acknowledged");
}

#[test]
fn a_2xx_does_not_wait_for_the_prack_of_mere_ringing_which_still_counts() {
    let (mut world, a) = called(6, false, INSISTS);
    ring(&mut world, a, StatusCode::RINGING, None);
    let number = rseq(&response(&mut world));
    world.on(0, |e, now| e.accept(now, a, answer(), vec![])).unwrap();
    let ok = response(&mut world);
    assert_eq!((ok.status(), &ok.body()[..]), (StatusCode::OK, ANSWER));
    let ack = in_dialog(&world, a, "ACK", 5, b"");
    world.inject(addr(BOB), addr(ALICE), ack);
    prack(&mut world, a, 6, &format!("{number} 5 INVITE"), b"");
    assert_eq!(prack_status(&mut world), 200);
    world.secs(40);
    assert!(world.caught.is_empty(), "no copies of the 180 after the 200\n{}", world.ladder());
    assert_eq!(world.events(0), ["Acknowledged"]);
}

#[test]
fn a_cancel_ends_what_waits() {
    for accepted in [false, true] {
        let (mut world, a) = called(7, false, INSISTS);
        ring(&mut world, a, StatusCode::SESSION_PROGRESS, answer());
        if accepted {
            world.on(0, |e, now| e.accept(now, a, None, vec![])).unwrap();
        }
        let cancel = format!(
            "CANCEL sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {BOB};rport;branch=z9hG4bKi\r\nMax-Forwards: 70\r\n\
             From: <sip:bob@10.0.0.2>;tag=b\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: c\r\nCSeq: 5 CANCEL\r\n\
             Content-Length: 0\r\n\r\n"
        );
        world.inject(addr(BOB), addr(ALICE), cancel);
        world.secs(1);
        assert_eq!(world.events(0), ["Cancelled", "Ended"]);
        assert!(world.ladder().contains("487"));
        world.settle();
        world.assert_idle();
    }
}

#[test]
fn hanging_up_an_accepted_call_that_waits_declines_it() {
    let (mut world, a) = called(8, false, INSISTS);
    ring(&mut world, a, StatusCode::SESSION_PROGRESS, answer());
    world.on(0, |e, now| e.accept(now, a, None, vec![])).unwrap();
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.secs(1);
    assert_eq!(world.events(0), ["Ended"]);
    assert!(world.ladder().contains("603"));
    world.settle();
    world.assert_idle();
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_2xx() {
    let (mut world, a) = called(9, false, INSISTS);
    ring(&mut world, a, StatusCode::SESSION_PROGRESS, answer());
    let number = rseq(&response(&mut world));
    prack(&mut world, a, 6, &format!("{number} 5 INVITE"), OFFER);
    let (_, id) = take_offer(&mut world, 0);
    world.on(0, |e, now| e.answer_offer(now, a, id, answer().unwrap())).unwrap();
    let ok = loop {
        let response = world.catch_response();
        if response.cseq().unwrap().method == Method::Prack {
            break response;
        }
    };
    assert_eq!((ok.status(), &ok.body()[..]), (StatusCode::OK, ANSWER));
    assert!(!ok.has(&Name::SessionExpires), "PRACK refreshes nothing");
    world.on(0, |e, now| e.accept(now, a, None, vec![])).unwrap();
    assert_eq!(response(&mut world).status(), StatusCode::OK);
}

#[test]
fn an_offer_in_a_prack_dies_with_the_call() {
    let (mut world, a) = called(10, false, INSISTS);
    ring(&mut world, a, StatusCode::SESSION_PROGRESS, answer());
    let number = rseq(&response(&mut world));
    prack(&mut world, a, 6, &format!("{number} 5 INVITE"), OFFER);
    let (_, id) = take_offer(&mut world, 0);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    assert_eq!(prack_status(&mut world), 487);
    assert_eq!(world.on(0, |e, now| e.answer_offer(now, a, id, answer().unwrap())), Err(Misuse::Gone));
    world.settle();
    world.assert_idle();
}

#[test]
fn without_an_offer_a_requirement_is_declined_and_a_wish_ignored() {
    let mut config = Config::new([11; 32]);
    config.reliable_ringing = true;
    let mut world = World::new(11);
    world.node_with("alice", ALICE, config);
    world.peer("bob", BOB);
    world.inject(addr(BOB), addr(ALICE), invite(INSISTS, b""));
    let refused = response(&mut world);
    assert_eq!((refused.status().code(), refused.value(&Name::Unsupported)), (420, Some("100rel")));
    world.secs(40);
    world.caught.clear();
    world.inject(
        addr(BOB),
        addr(ALICE),
        invite(SUPPORTS, b"").replace("bKi", "bKj").replace("Call-ID: c", "Call-ID: d"),
    );
    let a = world.incoming(0);
    ring(&mut world, a, StatusCode::RINGING, None);
    assert!(!response(&mut world).has(&Name::RSeq));
}

#[test]
fn two_of_us_over_a_wire_that_loses_the_first_prack() {
    let mut config = Config::new([12; 32]);
    config.reliable_ringing = true;
    let mut world = World::new(12);
    world.node("alice", ALICE);
    world.node_with("bob", BOB, config);
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let b = world.incoming(1);
    world.on(1, |e, now| e.ring(now, b, StatusCode::SESSION_PROGRESS, answer())).unwrap();
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    // The 183 is on its way; what alice sends next is lost.
    world.wire.loss = 1000;
    world.millis(100);
    world.wire.loss = 0;
    world.wait(0, "Answered");
    world.secs(1);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}
