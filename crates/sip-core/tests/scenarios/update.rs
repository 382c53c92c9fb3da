//! UPDATE (RFC 3311): offers without the user's leave, and who is who now.

use super::offers::take_offer;
use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, StatusCode};

const CONTACT: (Name, &str) = (Name::Contact, "<sip:bob@10.0.0.2>");

/// A call that bob has answered reliably with 183, and does not accept yet.
fn settled(seed: u64) -> (World, SessionId, Packet) {
    let mut world = World::new(seed);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = dial(&mut world);
    let (invite, _) = world.catch_request(Method::Invite);
    let reliable = [CONTACT, (Name::Require, "100rel"), (Name::RSeq, "1")];
    world.answer(&invite, 183, "b", &reliable, Some(ANSWER));
    let (prack, _) = world.catch_request(Method::Prack);
    world.answer(&prack, 200, "b", &[], None);
    world.millis(100);
    world.events(0);
    (world, a, invite)
}

fn dial(world: &mut World) -> SessionId {
    world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    })
}

#[test]
fn an_update_with_an_offer_is_an_offer_and_one_without_is_answered() {
    let mut world = World::pair(1);
    let (a, b) = talking(&mut world);
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    let (_, id) = take_offer(&mut world, 1);
    world.on(1, |e, now| e.answer_offer(now, b, id, answer().unwrap())).unwrap();
    let answered = world.wait(0, "OfferAnswered +sdp");
    let Event::Session { event: SessionEvent::OfferAnswered { sdp: Some(sdp), .. }, .. } = answered else { panic!() };
    assert_eq!(sdp, ANSWER);
    let identity = vec![(Name::PAssertedIdentity, "\"Carol\" <sip:carol@example.com>".to_owned())];
    world.on(1, |e, now| e.update(now, b, None, identity)).unwrap();
    let Event::Session { event: SessionEvent::Updated { request }, .. } = world.wait(0, "Updated") else { panic!() };
    assert!(request.value(&Name::PAssertedIdentity).unwrap().contains("Carol"));
    world.secs(1);
    assert!(world.events(1).is_empty(), "its answer is no news");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn update_has_a_command_of_its_own() {
    let mut world = World::pair(2);
    let (a, _) = talking(&mut world);
    let refused = world.on(0, |e, now| e.request(now, a, Method::Update, vec![], None));
    assert!(matches!(refused, Err(Misuse::Argument(_))));
}

#[test]
fn two_updates_that_cross_are_both_refused_with_491() {
    let mut world = World::pair(3);
    let (a, b) = talking(&mut world);
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    world.on(1, |e, now| e.offer(now, b, answer())).unwrap();
    world.wait(0, "OfferRefused 491");
    world.wait(1, "OfferRefused 491");
    assert!(!world.ladder().contains("Offer by"));
}

#[test]
fn an_offer_waits_for_an_update_and_of_identities_only_the_newest_is_told() {
    let mut world = World::new(4);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    for name in ["one", "two", "three"] {
        let subject = vec![(Name::Subject, name.to_owned())];
        world.on(0, |e, now| e.update(now, a, None, subject)).unwrap();
    }
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    let (one, request) = world.catch_request(Method::Update);
    assert_eq!(request.value(&Name::Subject), Some("one"));
    world.millis(100);
    assert!(world.caught.is_empty(), "one after the other, RFC 3311 §5.2");
    world.answer(&one, 500, "b", &[], None);
    let (second, request) = world.catch_request(Method::Update);
    assert_eq!(&request.body()[..], OFFER, "an offer goes first");
    world.answer(&second, 200, "b", &[CONTACT], Some(ANSWER));
    let (_, request) = world.catch_request(Method::Update);
    assert_eq!(request.value(&Name::Subject), Some("three"));
    assert_eq!(world.events(0), ["OfferAnswered +sdp"], "a refused identity is silent");
}

#[test]
fn an_update_that_the_peer_does_not_know_ends_the_call() {
    for (status, sdp) in [(481, offer()), (481, None), (408, None)] {
        let mut world = World::new(5);
        world.node("alice", "10.0.0.1:5060");
        world.peer("bob", "10.0.0.2:5060");
        let a = call_peer(&mut world);
        world.on(0, |e, now| e.update(now, a, sdp.clone(), vec![])).unwrap();
        let (packet, _) = world.catch_request(Method::Update);
        world.answer(&packet, status, "b", &[], None);
        let (bye, _) = world.catch_request(Method::Bye);
        world.answer(&bye, 481, "b", &[], None);
        world.settle();
        let told = if sdp.is_some() { "OfferRefused 481 None" } else { "Expired" };
        assert_eq!(world.events(0), [told, "Ended"]);
        world.assert_idle();
    }
}

#[test]
fn before_the_answer_an_offer_needs_a_reliable_one() {
    let mut world = World::new(6);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = dial(&mut world);
    let (invite, _) = world.catch_request(Method::Invite);
    assert!(matches!(world.on(0, |e, now| e.update(now, a, None, vec![])), Err(Misuse::State { .. })), "no dialog");
    world.answer(&invite, 183, "b", &[CONTACT], Some(ANSWER));
    world.millis(50);
    assert!(matches!(world.on(0, |e, now| e.update(now, a, offer(), vec![])), Err(Misuse::State { .. })));
    world.on(0, |e, now| e.update(now, a, None, vec![])).unwrap();
    let (_, request) = world.catch_request(Method::Update);
    assert!(!request.has(&Name::SessionExpires), "the INVITE asks for that");
}

#[test]
fn an_early_offer_by_update_is_answered() {
    let (mut world, a, invite) = settled(7);
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    let (packet, request) = world.catch_request(Method::Update);
    assert_eq!(&request.body()[..], OFFER);
    world.answer(&packet, 200, "b", &[CONTACT], Some(ANSWER));
    world.millis(50);
    assert_eq!(world.events(0), ["OfferAnswered +sdp"]);
    world.answer(&invite, 200, "b", &[CONTACT], None);
    world.catch_request(Method::Ack);
    assert_eq!(world.events(0), ["Answered"]);
}

#[test]
fn an_early_offer_may_be_answered_after_the_call() {
    let (mut world, a, invite) = settled(8);
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    let (packet, _) = world.catch_request(Method::Update);
    world.answer(&invite, 200, "b", &[CONTACT], None);
    world.catch_request(Method::Ack);
    // An offer made now waits for the one that is out.
    world.on(0, |e, now| e.offer(now, a, answer())).unwrap();
    world.answer(&packet, 200, "b", &[CONTACT], Some(ANSWER));
    world.catch_request(Method::Invite);
    assert_eq!(world.events(0), ["Answered", "OfferAnswered +sdp"]);
}

#[test]
fn an_early_offer_to_a_fork_that_loses_is_void() {
    let (mut world, a, invite) = settled(9);
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    let (packet, _) = world.catch_request(Method::Update);
    world.answer(&invite, 200, "other", &[CONTACT], Some(ANSWER));
    world.catch_request(Method::Ack);
    assert_eq!(world.events(0), ["Answered +sdp", "OfferRefused 487 None"]);
    world.answer(&packet, 481, "b", &[], None);
    world.secs(1);
    assert!(world.events(0).is_empty());
    assert!(world.caught.is_empty(), "no BYE to the one that won");
}

#[test]
fn an_early_offer_of_the_peers_dies_with_the_call() {
    let (mut world, a, invite) = settled(10);
    let dialog = world.nodes[0].endpoint.dialog(a).unwrap();
    assert_eq!(dialog.remote_tag(), "b");
    let update = in_dialog(&world, a, "UPDATE", 10, OFFER);
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), update);
    let (_, id) = take_offer(&mut world, 0);
    world.answer(&invite, 486, "b", &[], None);
    let response = world.catch_response();
    assert_eq!((response.status().code(), response.cseq().unwrap().method), (487, Method::Update));
    assert_eq!(world.on(0, |e, now| e.answer_offer(now, a, id, answer().unwrap())), Err(Misuse::Gone));
    assert_eq!(world.events(0), ["Refused 486 Busy Here", "Ended"]);
    world.settle();
    world.assert_idle();
}

#[test]
fn the_callee_may_offer_by_update_before_it_answers() {
    let mut config = Config::new([9; 32]);
    config.reliable_ringing = true;
    let mut world = World::new(11);
    world.node("alice", "10.0.0.1:5060");
    world.node_with("bob", "10.0.0.2:5060", config);
    let a = dial(&mut world);
    let b = world.incoming(1);
    world.on(1, |e, now| e.ring(now, b, StatusCode::SESSION_PROGRESS, answer())).unwrap();
    let early = world.on(1, |e, now| e.update(now, b, answer(), vec![]));
    assert!(matches!(early, Err(Misuse::State { .. })), "the PRACK has not come");
    world.wait(0, "Progress 183 +sdp");
    world.secs(1);
    world.on(1, |e, now| e.update(now, b, answer(), vec![])).unwrap();
    let (_, id) = take_offer(&mut world, 0);
    world.on(0, |e, now| e.answer_offer(now, a, id, offer().unwrap())).unwrap();
    world.wait(1, "OfferAnswered +sdp");
    world.on(0, |e, now| e.update(now, a, offer(), vec![])).unwrap();
    let (_, id) = take_offer(&mut world, 1);
    world.on(1, |e, now| e.answer_offer(now, b, id, answer().unwrap())).unwrap();
    world.wait(0, "OfferAnswered +sdp");
    world.on(1, |e, now| e.accept(now, b, None, vec![])).unwrap();
    world.wait(0, "Answered");
    world.wait(1, "Acknowledged");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}
