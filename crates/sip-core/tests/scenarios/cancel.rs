//! Calls that end before they are answered (RFC 3261 §9).

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, StatusCode};

fn dial(world: &mut World) -> SessionId {
    world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    })
}

#[test]
fn a_ringing_call_is_cancelled() {
    let mut world = World::pair(1);
    let a = dial(&mut world);
    let b = world.incoming(1);
    world.on(1, |e, now| e.ring(now, b, StatusCode::RINGING, None)).unwrap();
    world.secs(1);
    let reason = vec![(Name::Reason, "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned())];
    world.on(0, |e, now| e.hang_up(now, a, reason)).unwrap();
    let cancelled = world.wait(1, "Cancelled");
    let Event::Session { event: SessionEvent::Cancelled { request: Some(cancel) }, .. } = cancelled else { panic!() };
    assert!(cancel.value(&Name::Reason).unwrap().contains("elsewhere"));
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn the_cancel_is_held_back_until_the_first_provisional_response() {
    let mut world = World::new(2);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = dial(&mut world);
    let (packet, _) = world.catch_request(Method::Invite);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.secs(2);
    assert!(world.caught.iter().all(|p| p.message().as_request().unwrap().method() == Method::Invite), "no CANCEL yet");
    world.answer(&packet, 100, "", &[], None);
    let (cancel, request) = world.catch_request(Method::Cancel);
    let invite = packet.message().as_request().unwrap().clone();
    assert_eq!(request.top_via().unwrap().branch(), invite.top_via().unwrap().branch());
    assert_eq!(request.uri_str(), invite.uri_str());
    assert_eq!(request.cseq().unwrap().number, invite.cseq().unwrap().number);
    world.answer(&cancel, 200, "t", &[], None);
    world.answer(&packet, 487, "t", &[], None);
    world.catch_request(Method::Ack);
    assert_eq!(world.events(0), ["Refused 487 Request Terminated", "Ended"]);
    world.settle();
    world.assert_idle();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut world = World::new(3);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = dial(&mut world);
    let (packet, _) = world.catch_request(Method::Invite);
    let contact = (Name::Contact, "<sip:bob@10.0.0.2>");
    world.answer(&packet, 180, "t", std::slice::from_ref(&contact), None);
    world.wait(0, "Progress 180");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    let (cancel, _) = world.catch_request(Method::Cancel);
    world.answer(&packet, 200, "t", &[contact], Some(ANSWER));
    world.answer(&cancel, 200, "t", &[], None);
    world.catch_request(Method::Ack);
    let (bye, _) = world.catch_request(Method::Bye);
    world.answer(&bye, 200, "t", &[], None);
    world.settle();
    assert_eq!(world.events(0), ["Ended"], "never answered for the owner");
    world.assert_idle();
}

#[test]
fn a_cancel_that_nobody_answers_ends_after_64_t1() {
    let mut world = World::new(4);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = dial(&mut world);
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 180, "t", &[], None);
    world.wait(0, "Progress 180");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.millis(31_999);
    assert!(world.events(0).is_empty());
    world.millis(1);
    assert_eq!(world.events(0), ["Refused 487 Request Terminated", "Ended"]);
    world.settle();
    world.assert_idle();
}

#[test]
fn an_unanswered_invite_times_out() {
    let mut world = World::new(5);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    dial(&mut world);
    world.millis(31_999);
    assert!(world.events(0).is_empty());
    world.millis(1);
    assert_eq!(world.events(0), ["Refused 408 Request Timeout", "Ended"]);
    assert_eq!(world.caught.len(), 7, "0, .5, 1.5, 3.5, 7.5, 15.5, 31.5 s");
    world.settle();
    world.assert_idle();
}

#[test]
fn a_refused_call_ends_on_both_sides() {
    let mut world = World::pair(6);
    dial(&mut world);
    let b = world.incoming(1);
    world.on(1, |e, now| e.refuse(now, b, StatusCode::BUSY_HERE, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn hanging_up_a_ringing_call_as_callee_declines_it() {
    let mut world = World::pair(7);
    dial(&mut world);
    let b = world.incoming(1);
    world.on(1, |e, now| e.hang_up(now, b, vec![])).unwrap();
    world.wait(0, "Refused 603");
    world.settle();
    world.assert_idle();
}

#[test]
fn a_cancel_for_nothing_gets_481() {
    let mut world = World::new(8);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let cancel = "CANCEL sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKnone\r\n\
        From: <sip:bob@x>;tag=1\r\nTo: <sip:alice@x>\r\nCall-ID: c\r\nCSeq: 1 CANCEL\r\nMax-Forwards: 70\r\n\r\n";
    world.inject(bob, addr("10.0.0.1:5060"), cancel);
    assert_eq!(world.catch_response().status().code(), 481);
}

#[test]
fn an_invite_that_expires_while_it_rings_is_ended_by_the_callee() {
    let mut world = World::pair(9);
    world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        invite.headers.push((Name::Expires, "20".into()));
        e.invite(now, invite)
    });
    let b = world.incoming(1);
    world.on(1, |e, now| e.ring(now, b, StatusCode::RINGING, None)).unwrap();
    world.wait(0, "Refused 487");
    assert_eq!(world.events(1), ["Cancelled (no CANCEL)", "Ended"]);
    world.settle();
    world.assert_idle();
}

#[test]
fn a_long_ringing_is_kept_alive_each_minute() {
    let mut world = World::pair(10);
    let a = dial(&mut world);
    let b = world.incoming(1);
    world.on(1, |e, now| e.ring(now, b, StatusCode::RINGING, None)).unwrap();
    world.secs(190);
    assert_eq!(world.events(0).iter().filter(|event| *event == "Progress 180").count(), 4);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    world.assert_idle();
}
