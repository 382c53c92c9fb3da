//! Broken and hostile messages: nothing panics, and when time has passed nothing is left but what the owner keeps.

use super::world::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sip_core::Method;
use sip_core::StatusCode;
use sip_core::endpoint::*;
use std::time::Duration;

/// By chance.
fn one_in(n: u32, random: &mut ChaCha8Rng) -> bool {
    random.next_u32().is_multiple_of(n)
}

/// Good messages of a call, to be broken.
fn seeds() -> Vec<Vec<u8>> {
    let mut world = World::new(1);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    let invite = in_dialog(&world, a, "INVITE", 10, OFFER);
    let update = in_dialog(&world, a, "UPDATE", 11, OFFER);
    let bye = in_dialog(&world, a, "BYE", 12, b"");
    world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
    let (packet, _) = world.catch_request(Method::Invite);
    let ours = packet.bytes.to_vec();
    let text = String::from_utf8(ours.clone()).unwrap();
    let (_, headers) = text.split_once("\r\n").unwrap();
    let response = |line: &str| format!("{line}\r\n{headers}").into_bytes();
    let cancel = String::from_utf8(invite.clone()).unwrap().replace("INVITE", "CANCEL").into_bytes();
    let ack = String::from_utf8(invite.clone()).unwrap().replace("INVITE", "ACK").into_bytes();
    let initial = String::from_utf8(invite.clone()).unwrap();
    let (before, after) = initial.split_once("To: ").unwrap();
    let (_, after) = after.split_once("\r\n").unwrap();
    let initial = format!("{before}To: <sip:alice@10.0.0.1>\r\n{after}").into_bytes();
    vec![
        initial,
        invite,
        update,
        bye,
        cancel,
        ack,
        ours,
        response("SIP/2.0 180 Ringing"),
        response("SIP/2.0 200 OK"),
        response("SIP/2.0 401 Unauthorized"),
        response("SIP/2.0 486 Busy Here"),
    ]
}

/// A message with a few bytes changed, cut out, doubled or taken from another.
fn broken(seeds: &[Vec<u8>], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut pick = |n: usize| (random.next_u32() as usize) % n.max(1);
    let mut bytes = seeds[pick(seeds.len())].clone();
    for _ in 0..pick(4) {
        let at = pick(bytes.len());
        match pick(7) {
            0 => bytes[at] = u8::try_from(pick(256)).unwrap(),
            1 => bytes.truncate(at),
            2 => {
                let end = (at + pick(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + pick(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => {
                let other = &seeds[pick(seeds.len())];
                let from = pick(other.len());
                let end = (from + pick(80)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            5 => {
                // Another branch, number or tag: what makes a message a new one.
                for digit in bytes.iter_mut().filter(|c| c.is_ascii_digit()).skip(pick(40)).take(1 + pick(3)) {
                    *digit = b'0' + u8::try_from(pick(10)).unwrap();
                }
            }
            _ => {
                let lines: Vec<&[u8]> = bytes.split_inclusive(|c| *c == b'\n').collect();
                let line = lines[pick(lines.len())].to_vec();
                bytes.splice(0..0, line);
            }
        }
        if bytes.is_empty() {
            bytes = b"\r\n".to_vec();
        }
    }
    bytes
}

#[test]
fn broken_messages_leave_nothing_behind() {
    let seeds = seeds();
    for seed in 0..60u8 {
        let mut random = ChaCha8Rng::from_seed([seed; 32]);
        // The same seed and commands, so that the ids in the good messages are those of this call.
        let mut world = World::new(1);
        world.node("alice", "10.0.0.1:5060");
        let bob = world.peer("bob", "10.0.0.2:5060");
        let a = call_peer(&mut world);
        world.on(0, |e, now| e.offer(now, a, offer())).unwrap();
        for _ in 0..80 {
            let transport = if one_in(5, &mut random) { Transport::Tcp } else { Transport::Udp };
            let bytes = broken(&seeds, &mut random);
            world.inject_by(transport, bob, addr("10.0.0.1:5060"), bytes);
            world.run(Duration::from_millis(u64::from(random.next_u32() % 900)));
            while let Some(event) = world.next_event(0) {
                match event {
                    Event::Incoming { session, .. } if one_in(2, &mut random) => {
                        world.on(0, |e, now| e.accept(now, session, answer(), vec![])).ok();
                    }
                    Event::Incoming { session, .. } => {
                        world.on(0, |e, now| e.refuse(now, session, StatusCode::BUSY_HERE, vec![])).ok();
                    }
                    Event::Session { session, event: SessionEvent::Offer { id, .. } } if one_in(2, &mut random) => {
                        world.on(0, |e, now| e.answer_offer(now, session, id, answer().unwrap())).ok();
                    }
                    _ => {}
                }
            }
        }
        world.on(0, |e, now| e.hang_up(now, a, vec![])).ok();
        world.settle();
        let counters = world.nodes[0].endpoint.counters();
        assert!(counters.malformed + counters.rejected + counters.strays > 0);
        world.assert_idle();
    }
}
