//! Offers of ours that may not be sent yet are held back (RFC 3261 §14.1).

use super::offers::take_offer;
use super::world::*;
use sip_core::Method;
use sip_core::endpoint::*;
use sip_core::header::Name;

/// Texts of the requests of that method that alice has sent, by their bodies.
fn bodies(world: &World, method: &Method) -> usize {
    world.ladder().lines().filter(|line| line.contains(&format!("{method} sip:")) && line.contains("+body")).count()
}

#[test]
fn an_offer_waits_for_the_ack() {
    let mut world = World::new(1);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let invite = "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKone\r\n\
        Max-Forwards: 70\r\nFrom: <sip:bob@10.0.0.2>;tag=b\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: c\r\n\
        CSeq: 1 INVITE\r\nContact: <sip:bob@10.0.0.2>\r\nContent-Type: application/sdp\r\n";
    let text = format!("{invite}Content-Length: {}\r\n\r\n{}", OFFER.len(), std::str::from_utf8(OFFER).unwrap());
    world.inject(bob, addr("10.0.0.1:5060"), text);
    let a = world.incoming(0);
    world.on(0, |e, now| e.accept(now, a, answer(), vec![])).unwrap();
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    world.millis(900);
    assert_eq!(bodies(&world, &Method::Invite), 1, "only bob's\n{}", world.ladder());
    // The peer's offers are refused meanwhile, so that ours does not grow old.
    let re_invite = in_dialog(&world, a, "INVITE", 2, OFFER);
    world.inject(bob, addr("10.0.0.1:5060"), re_invite);
    world.millis(50);
    let ack = in_dialog(&world, a, "ACK", 1, b"");
    world.inject(bob, addr("10.0.0.1:5060"), ack);
    let (packet, request) = world.catch_request(Method::Invite);
    assert_eq!(&request.body()[..], OFFER);
    world.answer(&packet, 200, "b", &[(Name::Contact, "<sip:bob@10.0.0.2>")], Some(ANSWER));
    world.catch_request(Method::Ack);
    assert_eq!(world.events(0), ["Acknowledged", "OfferAnswered +sdp"]);
}

#[test]
fn an_offer_waits_for_the_one_before_and_of_two_the_newer_is_sent() {
    let mut world = World::new(2);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    for sdp in [b"first".as_slice(), b"second", b"third"] {
        world.on(0, |e, now| e.offer(now, a, Some(sdp.into()))).unwrap();
    }
    let (packet, request) = world.catch_request(Method::Invite);
    assert_eq!(&request.body()[..], b"first");
    world.millis(100);
    world.answer(&packet, 488, "b", &[], None);
    let (packet, request) = world.catch_request(Method::Invite);
    assert_eq!(&request.body()[..], b"third");
    world.answer(&packet, 200, "b", &[(Name::Contact, "<sip:bob@10.0.0.2>")], Some(ANSWER));
    world.catch_request(Method::Ack);
    world.secs(3);
    assert_eq!(world.events(0), ["OfferRefused 488 None", "OfferAnswered +sdp"]);
}

#[test]
fn an_offer_waits_until_the_peers_is_answered_and_acknowledged() {
    let mut world = World::pair(3);
    let (a, b) = talking(&mut world);
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    let (_, id) = take_offer(&mut world, 1);
    world.on(1, |e, now| e.offer(now, b, offer())).unwrap();
    world.secs(1);
    assert_eq!(bodies(&world, &Method::Invite), 2);
    world.on(1, |e, now| e.answer_offer(now, b, id, answer().unwrap())).unwrap();
    assert_eq!(world.on(1, |e, now| e.answer_offer(now, b, id, answer().unwrap())), Err(Misuse::Gone));
    let (_, id) = take_offer(&mut world, 0);
    world.on(0, |e, now| e.answer_offer(now, a, id, answer().unwrap())).unwrap();
    world.wait(1, "OfferAnswered +sdp");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn an_offer_waits_for_the_late_answer_that_we_owe() {
    let mut world = World::pair(4);
    let (a, b) = talking(&mut world);
    world.on(0, |e, now| e.offer(now, a, None)).unwrap();
    let (_, id) = take_offer(&mut world, 1);
    world.on(1, |e, now| e.answer_offer(now, b, id, offer().unwrap())).unwrap();
    world.wait(0, "OfferAnswered +sdp");
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    world.secs(2);
    assert!(!world.events(1).iter().any(|event| event.starts_with("Offer by")));
    world.on(0, |e, now| e.answer_late(now, a, answer().unwrap())).unwrap();
    world.wait(1, "Acknowledged +sdp");
    take_offer(&mut world, 1);
}

#[test]
fn what_is_held_back_is_dropped_with_the_session() {
    let mut world = World::pair(5);
    let (a, _) = talking(&mut world);
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    world.on(0, |e, now| e.offer(now, a, answer())).unwrap();
    take_offer(&mut world, 1);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    assert!(matches!(world.on(0, |e, now| e.offer(now, a, offer())), Err(Misuse::State { .. })));
    world.settle();
    assert_eq!(bodies(&world, &Method::Invite), 2, "{}", world.ladder());
    world.assert_idle();
}
