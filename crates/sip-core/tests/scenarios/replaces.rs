//! A call that shall take the place of another (RFC 3891 §3).

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::{Header, Name, Replaces};
use sip_core::{Method, StatusCode};

const CAROL: &str = "10.0.0.3:5060";

/// What alice answers to carol's INVITE with those header lines.
fn ask(world: &mut World, cseq: u32, headers: &str) -> u16 {
    world.peers.entry(addr(CAROL)).or_insert("carol");
    let text = format!(
        "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {CAROL};rport;branch=z9hG4bKc{cseq}\r\nMax-Forwards: 70\r\n\
         From: <sip:carol@10.0.0.3>;tag=c\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: carol{cseq}\r\nCSeq: {cseq} INVITE\r\n\
         Contact: <sip:carol@10.0.0.3>\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    world.caught.clear();
    world.inject(addr(CAROL), addr("10.0.0.1:5060"), text);
    world.millis(25);
    let last = world.caught.iter().rev().filter(|packet| packet.to == addr(CAROL));
    last.filter_map(|packet| packet.message().as_response().map(|response| response.status().code()))
        .next()
        .unwrap_or(0)
}

/// The Replaces that carol would have got from bob: tags as bob's peer, alice, sees them.
fn for_alice(world: &World, a: SessionId) -> String {
    let dialog = world.nodes[0].endpoint.dialog(a).unwrap();
    format!("Replaces: {};to-tag={};from-tag={}\r\n", dialog.call_id(), dialog.local_tag(), dialog.remote_tag())
}

fn replaced(world: &mut World) -> Option<SessionId> {
    match world.wait(0, "Incoming") {
        Event::Incoming { replaces, .. } => replaces,
        other => panic!("{other:?}"),
    }
}

fn with_bob(seed: u64) -> World {
    let mut world = World::new(seed);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    world
}

fn dial(world: &mut World) -> (SessionId, Packet) {
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let (packet, invite) = world.catch_request(Method::Invite);
    assert!(invite.has_token(Name::Supported, "replaces"));
    (a, packet)
}

/// A call from bob that rings.
fn ringing(world: &mut World) -> SessionId {
    let text = "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKr\r\n\
        Max-Forwards: 70\r\nFrom: <sip:bob@10.0.0.2>;tag=b\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: r\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:bob@10.0.0.2>\r\nContent-Length: 0\r\n\r\n";
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), text);
    let a = world.incoming(0);
    world.on(0, |e, now| e.ring(now, a, StatusCode::RINGING, None)).unwrap();
    a
}

#[test]
fn a_confirmed_dialog_is_named_and_not_touched() {
    let mut world = with_bob(1);
    let a = call_peer(&mut world);
    let replaces = for_alice(&world, a);
    assert_eq!(ask(&mut world, 1, &format!("Require: replaces\r\n{replaces}")), 0);
    assert_eq!(replaced(&mut world), Some(a));
    world.secs(1);
    assert!(!world.ladder().contains("BYE"), "that is for the owner");
    assert_eq!(ask(&mut world, 2, ""), 0);
    assert_eq!(replaced(&mut world), None);
}

#[test]
fn an_early_dialog_of_ours_is_named_with_or_without_early_only() {
    for early_only in ["", ";early-only"] {
        let mut world = with_bob(2);
        let (a, packet) = dial(&mut world);
        for tag in ["b", "fork"] {
            world.answer(&packet, 180, tag, &[(Name::Contact, "<sip:bob@10.0.0.2>")], None);
        }
        world.millis(50);
        let replaces = for_alice(&world, a).replace("\r\n", &format!("{early_only}\r\n"));
        assert_eq!(ask(&mut world, 1, &replaces), 0);
        assert_eq!(replaced(&mut world), Some(a));
        assert_eq!(ask(&mut world, 2, &replaces.replace("from-tag=fork", "from-tag=b")), 0);
        assert_eq!(replaced(&mut world), Some(a), "an older fork");
        assert_eq!(ask(&mut world, 3, &replaces.replace("from-tag=fork", "from-tag=none")), 481);
    }
}

#[test]
fn an_early_dialog_of_the_peers_is_not_ours_to_replace() {
    let mut world = with_bob(3);
    let a = ringing(&mut world);
    let replaces = for_alice(&world, a);
    assert_eq!(ask(&mut world, 1, &replaces), 481);
    assert!(world.nodes[0].endpoint.dialog(a).is_some(), "it rings on");
    world.secs(1);
    assert!(world.events(0).is_empty());
}

#[test]
fn early_only_on_a_confirmed_dialog_is_busy() {
    let mut world = with_bob(4);
    let a = call_peer(&mut world);
    let replaces = for_alice(&world, a).replace("\r\n", ";early-only\r\n");
    assert_eq!(ask(&mut world, 1, &replaces), 486);
}

#[test]
fn a_dialog_that_is_over_or_about_to_be_is_declined() {
    let mut world = with_bob(5);
    let a = call_peer(&mut world);
    let replaces = for_alice(&world, a);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    assert_eq!(ask(&mut world, 1, &replaces), 603, "the BYE is out");
    world.settle();
    assert_eq!(ask(&mut world, 2, &replaces), 603, "it is over");

    let (a, packet) = dial(&mut world);
    world.answer(&packet, 180, "b", &[(Name::Contact, "<sip:bob@10.0.0.2>")], None);
    world.millis(50);
    let replaces = for_alice(&world, a);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    assert_eq!(ask(&mut world, 3, &replaces), 603, "the CANCEL is out");
    world.settle();
    assert_eq!(ask(&mut world, 4, &replaces), 603);
}

#[test]
fn a_dialog_that_is_unknown_does_not_exist() {
    let mut world = with_bob(6);
    let a = call_peer(&mut world);
    let replaces = for_alice(&world, a);
    assert_eq!(ask(&mut world, 1, "Replaces: nosuch@x;to-tag=a;from-tag=b\r\n"), 481, "recorded call 45");
    let dialog = world.nodes[0].endpoint.dialog(a).unwrap();
    let swapped =
        format!("Replaces: {};to-tag={};from-tag={}\r\n", dialog.call_id(), dialog.remote_tag(), dialog.local_tag());
    assert_eq!(ask(&mut world, 2, &swapped), 481, "the tags are those at the receiver");
    assert_eq!(ask(&mut world, 3, &replaces.replace("from-tag=b", "from-tag=0")), 481);
    assert!(world.events(0).iter().all(|event| !event.starts_with("Incoming")));
}

#[test]
fn a_peer_without_tag_is_named_by_zero() {
    let mut world = with_bob(7);
    let text = "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKr\r\n\
        Max-Forwards: 70\r\nFrom: <sip:bob@10.0.0.2>\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: old\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:bob@10.0.0.2>\r\nContent-Length: 0\r\n\r\n";
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), text);
    let a = world.incoming(0);
    world.on(0, |e, now| e.accept(now, a, offer(), vec![])).unwrap();
    let value = world.on(0, |e, _| e.replaces_value(a, false)).unwrap();
    let tag = world.nodes[0].endpoint.dialog(a).unwrap().local_tag().to_owned();
    assert_eq!(value, format!("old;to-tag=0;from-tag={tag}"));
    assert_eq!(ask(&mut world, 1, &format!("Replaces: old;to-tag={tag};from-tag=0\r\n")), 0);
    assert_eq!(replaced(&mut world), Some(a));
}

#[test]
fn what_contradicts_itself_is_a_bad_request() {
    let mut world = with_bob(8);
    let a = call_peer(&mut world);
    let replaces = for_alice(&world, a);
    assert_eq!(ask(&mut world, 1, &format!("{replaces}{replaces}")), 400, "twice");
    assert_eq!(ask(&mut world, 2, "Replaces: x;to-tag=1\r\n"), 400, "a tag is missing");
    let join = replaces.replace("Replaces", "Join");
    assert_eq!(ask(&mut world, 3, &format!("{replaces}{join}")), 400, "replaces and joins");
    assert_eq!(ask(&mut world, 4, &format!("Require: join\r\n{join}")), 420, "we do not join");
    let update = String::from_utf8(in_dialog(&world, a, "UPDATE", 9, b"")).unwrap();
    world.inject(
        addr("10.0.0.2:5060"),
        addr("10.0.0.1:5060"),
        update.replace("Content-Length", &format!("{replaces}Content-Length")),
    );
    let refused = loop {
        let response = world.catch_response();
        if response.cseq().unwrap().method == Method::Update {
            break response;
        }
    };
    assert_eq!(refused.status().code(), 400, "outside of INVITE");
}

#[test]
fn the_value_for_the_peer_of_a_dialog_matches_there() {
    let mut world = World::pair(9);
    let (a, b) = talking(&mut world);
    world.peer("carol", CAROL);
    for (early_only, status) in [(false, 0), (true, 486)] {
        // Bob shall have his call with alice's place taken: she gives away the value, and alice's peer is bob.
        let value = world.nodes[1].endpoint.replaces_value(b, early_only).unwrap();
        assert_eq!(ask(&mut world, if early_only { 2 } else { 1 }, &format!("Replaces: {value}\r\n")), status);
    }
    assert_eq!(replaced(&mut world), Some(a));
    let gone = world.on(0, |e, now| e.invite(now, Invite::new("sip:nobody@10.9.9.9".parse().unwrap())));
    assert_eq!(world.nodes[0].endpoint.replaces_value(gone, false), None, "no dialog yet");
}

/// Recorded call 14: the tags of the call to the new party and the Replaces that PJSIP's transferor made of them.
#[test]
fn the_value_is_that_of_the_recorded_transfer() {
    let mut world = with_bob(10);
    let (a, packet) = dial(&mut world);
    let pbx_tag = "e3a7efb2-5e90-4851-b3b0-8841dda7d2ca";
    world.answer(&packet, 200, pbx_tag, &[(Name::Contact, "<sip:bob@10.0.0.2>")], Some(ANSWER));
    world.catch_request(Method::Ack);
    let value = world.nodes[0].endpoint.replaces_value(a, false).unwrap();
    let replaces = Replaces::parse(&value).unwrap();
    let invite = packet.message().as_request().unwrap().clone();
    assert_eq!(replaces.call_id, invite.call_id().unwrap());
    assert_eq!(replaces.local_tag, pbx_tag, "to-tag: the one that receives the Replaces");
    assert_eq!(replaces.remote_tag, invite.from().unwrap().tag().unwrap(), "from-tag: the transferor");
    assert!(!replaces.early_only());
}

#[test]
fn a_replacement_from_end_to_end() {
    let mut world = World::pair(11);
    world.node("carol", CAROL);
    let (a, b) = talking(&mut world);
    let value = world.nodes[1].endpoint.replaces_value(b, false).unwrap();
    let c = world.on(2, |e, now| {
        let mut invite = Invite::new("sip:alice@10.0.0.1".parse().unwrap());
        invite.offer = offer();
        invite.headers = vec![(Name::Require, "replaces".into()), (Name::Replaces, value)];
        e.invite(now, invite)
    });
    let Event::Incoming { session, replaces: Some(old), .. } = world.wait(0, "Incoming") else { panic!() };
    assert_eq!(old, a);
    world.on(0, |e, now| e.accept(now, session, answer(), vec![])).unwrap();
    world.on(0, |e, now| e.hang_up(now, old, vec![])).unwrap();
    world.wait(1, "Ended");
    world.wait(2, "Answered");
    world.secs(1);
    world.on(2, |e, now| e.hang_up(now, c, vec![])).unwrap();
    world.settle();
    world.assert_idle();
}

#[test]
fn the_peers_capabilities_are_those_it_said_last() {
    let mut world = with_bob(12);
    let (a, packet) = dial(&mut world);
    let can = |world: &World, tag: &str| world.nodes[0].endpoint.remote_supports(a, tag);
    let allows = |world: &World, method: Method| world.nodes[0].endpoint.remote_allows(a, &method);
    assert!(!can(&world, "replaces") && allows(&world, Method::Bye) && !allows(&world, Method::Refer));
    let contact = (Name::Contact, "<sip:bob@10.0.0.2>");
    let says = [(Name::Supported, "timer, Replaces"), (Name::Allow, "INVITE, REFER"), contact.clone()];
    world.answer(&packet, 180, "b", &says, None);
    world.millis(50);
    assert!(can(&world, "replaces") && allows(&world, Method::Refer) && !allows(&world, Method::Bye));
    world.answer(&packet, 200, "b", &[(Name::Supported, ""), contact], Some(ANSWER));
    world.millis(50);
    assert!(!can(&world, "replaces"), "an empty one says nothing");
    assert!(allows(&world, Method::Refer), "no Allow changes nothing");
    let info = String::from_utf8(in_dialog(&world, a, "UPDATE", 9, b"")).unwrap();
    let info = info.replace("Content-Length", "Supported: norefersub\r\nAllow: INVITE, BYE\r\nContent-Length");
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), info);
    world.millis(50);
    assert!(can(&world, "norefersub") && !allows(&world, Method::Refer));
}
