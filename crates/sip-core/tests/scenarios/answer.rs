//! The 2xx and its ACK under loss and forking (RFC 3261 §13.2.2.4, §13.3.1.4).

use super::world::*;
use sip_core::Method;
use sip_core::endpoint::*;
use sip_core::header::Name;

fn dial(world: &mut World) -> SessionId {
    world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    })
}

#[test]
fn each_copy_of_the_2xx_gets_the_same_ack_again() {
    let mut world = World::new(1);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    dial(&mut world);
    let (packet, invite) = world.catch_request(Method::Invite);
    let contact = (Name::Contact, "<sip:bob@10.0.0.2:5070>");
    world.answer(&packet, 200, "b", std::slice::from_ref(&contact), Some(ANSWER));
    let (first, ack) = world.catch_request(Method::Ack);
    assert_eq!(first.to, addr("10.0.0.2:5070"), "to the Contact");
    assert_eq!(ack.uri_str(), "sip:bob@10.0.0.2:5070");
    assert_eq!(ack.cseq().unwrap().number, invite.cseq().unwrap().number);
    assert_ne!(ack.top_via().unwrap().branch(), invite.top_via().unwrap().branch(), "a branch of its own");
    world.answer(&packet, 200, "b", &[contact], Some(ANSWER));
    let (second, _) = world.catch_request(Method::Ack);
    assert_eq!(first.bytes, second.bytes);
    assert_eq!(world.events(0), ["Answered +sdp"], "told once");
}

#[test]
fn a_second_fork_that_answers_is_acknowledged_and_ended() {
    let mut world = World::new(2);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = dial(&mut world);
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 180, "one", &[(Name::Contact, "<sip:one@10.0.0.2>")], None);
    world.answer(&packet, 180, "two", &[(Name::Contact, "<sip:two@10.0.0.2>")], None);
    world.answer(&packet, 200, "one", &[(Name::Contact, "<sip:one@10.0.0.2>")], Some(ANSWER));
    world.answer(&packet, 200, "two", &[(Name::Contact, "<sip:two@10.0.0.2>")], Some(ANSWER));
    let (_, ack) = world.catch_request(Method::Ack);
    assert_eq!(ack.uri_str(), "sip:one@10.0.0.2");
    let (_, ack) = world.catch_request(Method::Ack);
    assert_eq!(ack.uri_str(), "sip:two@10.0.0.2");
    let (packet, bye) = world.catch_request(Method::Bye);
    assert_eq!(bye.uri_str(), "sip:two@10.0.0.2");
    world.answer(&packet, 200, "two", &[], None);
    world.secs(40);
    assert_eq!(world.events(0), ["Progress 180", "Progress 180", "Answered +sdp"]);
    assert_eq!(world.nodes[0].endpoint.dialog(a).unwrap().remote_tag(), "one");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    let (packet, _) = world.catch_request(Method::Bye);
    world.answer(&packet, 200, "one", &[], None);
    world.settle();
    world.assert_idle();
}

#[test]
fn a_2xx_without_ack_is_repeated_and_at_last_ended_by_bye() {
    let mut world = World::new(3);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let text = "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        From: <sip:bob@x>;tag=b\r\nTo: <sip:alice@x>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:bob@10.0.0.2>\r\n\r\n";
    world.inject(bob, addr("10.0.0.1:5060"), text);
    let a = world.incoming(0);
    world.on(0, |e, now| e.accept(now, a, offer(), vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn a_lost_ack_is_repeated_on_the_next_copy_of_the_2xx() {
    let mut world = World::pair(4);
    let a = dial(&mut world);
    let b = world.incoming(1);
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    world.wire.loss = 1000;
    world.wait(0, "Answered");
    world.wire.loss = 0;
    world.wait(1, "Acknowledged");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn reliable_provisional_responses_are_acknowledged_in_order_and_once() {
    let mut world = World::new(5);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    dial(&mut world);
    let (packet, invite) = world.catch_request(Method::Invite);
    assert!(invite.has_token(Name::Supported, "100rel"));
    let number = invite.cseq().unwrap().number;
    let reliable =
        |rseq: &'static str| [(Name::Contact, "<sip:bob@10.0.0.2>"), (Name::Require, "100rel"), (Name::RSeq, rseq)];
    world.answer(&packet, 183, "b", &reliable("41"), Some(ANSWER));
    let (prack, request) = world.catch_request(Method::Prack);
    assert_eq!(request.value(&Name::RAck), Some(format!("41 {number} INVITE").as_str()));
    assert_eq!(request.cseq().unwrap().number, number + 1);
    world.answer(&prack, 200, "b", &[], None);
    world.answer(&packet, 183, "b", &reliable("41"), Some(ANSWER));
    world.answer(&packet, 180, "b", &reliable("43"), None);
    world.secs(1);
    assert!(world.caught.is_empty(), "a copy and a gap get nothing");
    world.answer(&packet, 180, "b", &reliable("42"), None);
    let (prack, _) = world.catch_request(Method::Prack);
    world.answer(&prack, 200, "b", &[], None);
    world.answer(&packet, 200, "b", &[(Name::Contact, "<sip:bob@10.0.0.2>")], Some(ANSWER));
    world.catch_request(Method::Ack);
    assert_eq!(world.events(0), ["Progress 183 +sdp", "Progress 180", "Answered +sdp"]);
}

#[test]
fn a_late_offer_call_does_not_invite_reliable_responses() {
    let mut world = World::new(6);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    world.on(0, |e, now| e.invite(now, Invite::new("sip:bob@10.0.0.2".parse().unwrap())));
    let (_, invite) = world.catch_request(Method::Invite);
    assert!(!invite.has_token(Name::Supported, "100rel"));
}

#[test]
fn a_fork_that_answers_after_the_call_has_ended_is_acknowledged_and_ended_too() {
    let mut world = World::new(7);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = dial(&mut world);
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 200, "one", &[(Name::Contact, "<sip:one@10.0.0.2>")], Some(ANSWER));
    world.catch_request(Method::Ack);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    let (bye, _) = world.catch_request(Method::Bye);
    world.answer(&bye, 200, "one", &[], None);
    world.wait(0, "Ended");
    world.answer(&packet, 200, "two", &[(Name::Contact, "<sip:two@10.0.0.2>")], Some(ANSWER));
    let (_, ack) = world.catch_request(Method::Ack);
    let (bye, request) = world.catch_request(Method::Bye);
    assert_eq!((ack.uri_str(), request.uri_str()), ("sip:two@10.0.0.2", "sip:two@10.0.0.2"));
    world.answer(&bye, 200, "two", &[], None);
    world.settle();
    assert!(world.events(0).is_empty());
    world.assert_idle();
}
