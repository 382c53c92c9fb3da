//! INVITE with Replaces: every row of RFC 3891 §3.

use super::world::*;
use sip_core::endpoint::*;

fn invite(value: &str, id: u32) -> String {
    format!(
        "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKr{id}\r\nMax-Forwards: 70\r\n\
         From: <sip:carol@10.0.0.2>;tag=c{id}\r\nTo: <sip:alice@10.0.0.1>\r\nCall-ID: r{id}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:carol@10.0.0.2>\r\nRequire: replaces\r\n{value}Content-Length: 0\r\n\r\n"
    )
}

/// What comes of it: the status, or 0 where the owner is asked, and whether it is to replace that session.
fn tried(world: &mut World, session: SessionId, value: &str) -> u16 {
    let id = u32::try_from(value.len()).unwrap() + u32::try_from(world.ladder().len()).unwrap();
    world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), invite(value, id));
    world.millis(20);
    while let Some(event) = world.next_event(0) {
        if let Event::Incoming { replaces, session: new, .. } = event {
            assert_eq!(replaces, Some(session));
            world.on(0, |e, now| e.refuse(now, new, sip_core::StatusCode::BUSY_HERE, vec![])).unwrap();
            return 0;
        }
    }
    world.catch_response().status().code()
}

#[test]
fn of_an_answered_call() {
    let mut world = World::new(1);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let session = call_peer(&mut world);
    let dialog = world.nodes[0].endpoint.dialog(session).unwrap();
    let (call_id, ours) = (dialog.call_id().to_owned(), dialog.local_tag().to_owned());
    let cases = [
        (format!("Replaces: {call_id};to-tag={ours};from-tag=b\r\n"), 0),
        (format!("Replaces: {call_id};from-tag=b;to-tag={ours};early-only\r\n"), 486),
        (format!("Replaces: {call_id};to-tag={ours};from-tag=x\r\n"), 481),
        (format!("Replaces: {call_id};to-tag=b;from-tag={ours}\r\n"), 481),
        (format!("Replaces: other;to-tag={ours};from-tag=b\r\n"), 481),
        (format!("Replaces: {call_id};to-tag={ours}\r\n"), 400),
        (format!("Replaces: {call_id};to-tag={ours};from-tag=b\r\nReplaces: x;to-tag=1;from-tag=2\r\n"), 400),
    ];
    for (value, expected) in &cases {
        assert_eq!(tried(&mut world, session, value), *expected, "{value}");
        world.caught.clear();
    }
    // The call is being hung up.
    world.on(0, |e, now| e.hang_up(now, session, vec![])).unwrap();
    world.millis(20);
    world.caught.clear();
    assert_eq!(tried(&mut world, session, &cases[0].0), 603);
}

/// Ours that rings there may be taken; theirs that rings here may not.
#[test]
fn of_calls_that_ring() {
    let mut world = World::pair(1);
    world.peer("carol", "10.0.0.2:5070");
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let b = world.incoming(1);
    world.on(1, |e, now| e.ring(now, b, sip_core::StatusCode::RINGING, None)).unwrap();
    world.wait(0, "Progress 180");
    let value = |world: &World, node: usize, session, early| {
        // As the other party of the dialog would name it to a third.
        let endpoint = &world.nodes[1 - node].endpoint;
        let value = endpoint.replaces_value(session, early).unwrap();
        format!("Replaces: {value}\r\n")
    };
    for (node, other, session, early, expected) in [(0, b, a, true, 0), (0, b, a, false, 0), (1, a, b, true, 481)] {
        let value = value(&world, node, other, early);
        let to = world.nodes[node].addr;
        let text = invite(&value, u32::from(early) + u32::try_from(node).unwrap() * 2 + 40);
        world.inject(addr("10.0.0.2:5070"), to, text.replace("10.0.0.2;rport", "10.0.0.2:5070;rport"));
        world.millis(30);
        let mut status = None;
        while let Some(event) = world.next_event(node) {
            if let Event::Incoming { replaces, .. } = event {
                assert_eq!(replaces, Some(session));
                status = Some(0);
            }
        }
        let status = status.unwrap_or_else(|| world.catch_response().status().code());
        assert_eq!(status, expected, "{value}");
        world.caught.clear();
    }
}
