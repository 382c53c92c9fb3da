//! Offers within a call: re-INVITE, UPDATE, glare, late offers (RFC 3261 §14, RFC 3311).

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, StatusCode};

pub(crate) fn take_offer(world: &mut World, node: usize) -> (SessionId, OfferId) {
    match world.wait(node, "Offer by") {
        Event::Session { session, event: SessionEvent::Offer { id, .. } } => (session, id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_re_invite_is_answered() {
    let mut world = World::pair(1);
    let (a, b) = talking(&mut world);
    world.mark("alice offers");
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    let (session, id) = take_offer(&mut world, 1);
    assert_eq!(session, b);
    world.on(1, |e, now| e.answer_offer(now, b, id, answer().unwrap())).unwrap();
    world.wait(0, "OfferAnswered +sdp");
    world.wait(1, "Acknowledged");
    world.mark("bob offers");
    world.on(1, |e, now| e.offer(now, b, answer())).unwrap();
    let (_, id) = take_offer(&mut world, 0);
    world.on(0, |e, now| e.refuse_offer(now, a, id, StatusCode::NOT_ACCEPTABLE_HERE)).unwrap();
    world.wait(1, "OfferRefused 488");
    world.mark("bob hangs up");
    world.on(1, |e, now| e.hang_up(now, b, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn two_offers_that_cross_are_both_refused_with_491() {
    let mut world = World::pair(2);
    let (a, b) = talking(&mut world);
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    world.on(1, |e, now| e.offer(now, b, answer())).unwrap();
    world.wait(0, "OfferRefused 491");
    world.wait(1, "OfferRefused 491");
    assert!(!world.ladder().contains("Offer by"));
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    world.assert_idle();
}

#[test]
fn a_call_without_offer_gets_the_peers_and_answers_in_the_ack() {
    let mut world = World::pair(4);
    let a = world.on(0, |e, now| e.invite(now, Invite::new("sip:bob@10.0.0.2".parse().unwrap())));
    let b = world.incoming(1);
    world.on(1, |e, now| e.accept(now, b, offer(), vec![])).unwrap();
    world.wait(0, "Answered +sdp");
    world.secs(3);
    assert!(!world.ladder().contains("ACK"), "the ACK waits for the answer");
    world.on(0, |e, now| e.answer_late(now, a, answer().unwrap())).unwrap();
    world.wait(1, "Acknowledged +sdp");
    world.mark("a re-INVITE without offer");
    world.on(1, |e, now| e.offer(now, b, None)).unwrap();
    let (_, id) = take_offer(&mut world, 0);
    world.on(0, |e, now| e.answer_offer(now, a, id, offer().unwrap())).unwrap();
    world.wait(1, "OfferAnswered +sdp");
    world.on(1, |e, now| e.answer_late(now, b, answer().unwrap())).unwrap();
    world.wait(0, "Acknowledged +sdp");
    assert!(matches!(world.on(1, |e, now| e.answer_late(now, b, answer().unwrap())), Err(Misuse::State { .. })));
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn hanging_up_with_a_late_answer_owed_still_acknowledges() {
    let mut world = World::pair(5);
    let a = world.on(0, |e, now| e.invite(now, Invite::new("sip:bob@10.0.0.2".parse().unwrap())));
    let b = world.incoming(1);
    world.on(1, |e, now| e.accept(now, b, offer(), vec![])).unwrap();
    world.wait(0, "Answered +sdp");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.wait(1, "Acknowledged");
    world.wait(1, "Bye");
    world.settle();
    world.assert_idle();
}

#[test]
fn an_offer_to_a_peer_that_forgot_the_call_ends_it() {
    let mut world = World::new(6);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 481, "b", &[], None);
    let (bye, _) = world.catch_request(Method::Bye);
    world.answer(&bye, 481, "b", &[], None);
    world.settle();
    assert_eq!(world.events(0), ["OfferRefused 481 None", "Ended"]);
    world.assert_idle();
}

#[test]
fn retry_after_of_a_refused_offer_is_told() {
    let mut world = World::new(7);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 500, "b", &[(Name::RetryAfter, "3")], None);
    world.secs(1);
    assert_eq!(world.events(0), ["OfferRefused 500 Some(3s)"]);
}

#[test]
fn a_second_re_invite_before_the_first_is_answered_gets_500_and_retry_after() {
    let mut world = World::new(9);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    let re_invite = |world: &World, cseq: u32| in_dialog(world, a, "INVITE", cseq, OFFER);
    let first = re_invite(&world, 10);
    world.inject(bob, addr("10.0.0.1:5060"), first);
    take_offer(&mut world, 0);
    let second = re_invite(&world, 11);
    world.inject(bob, addr("10.0.0.1:5060"), second);
    let response = loop {
        let response = world.catch_response();
        if response.cseq().unwrap().number == 11 {
            break response;
        }
    };
    assert_eq!(response.status().code(), 500);
    assert!(response.value(&Name::RetryAfter).unwrap().parse::<u32>().unwrap() <= 10);
    let late = re_invite(&world, 5);
    world.inject(bob, addr("10.0.0.1:5060"), late);
    let response = world.catch_response();
    assert_eq!((response.cseq().unwrap().number, response.status().code()), (5, 500), "out of order");
}

#[test]
fn a_bye_ends_an_open_offer_with_487() {
    let mut world = World::new(10);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    let re_invite = in_dialog(&world, a, "INVITE", 10, OFFER);
    world.inject(bob, addr("10.0.0.1:5060"), re_invite);
    let (_, id) = take_offer(&mut world, 0);
    let bye = in_dialog(&world, a, "BYE", 11, b"");
    world.inject(bob, addr("10.0.0.1:5060"), bye);
    let mut statuses: Vec<u16> = Vec::new();
    while statuses.len() < 2 {
        let response = world.catch_response();
        if response.status().code() >= 200 {
            statuses.push(response.status().code());
        }
    }
    assert_eq!(statuses, [200, 487]);
    assert_eq!(world.events(0), ["Bye", "Ended"]);
    assert_eq!(world.on(0, |e, now| e.answer_offer(now, a, id, answer().unwrap())), Err(Misuse::Gone));
}
