//! Ways: UDP and TCP, fail-over, the way back (RFC 3261 §18, RFC 3263 §4.3, RFC 3581).

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, StatusCode};

fn dial(world: &mut World, target: &str, headers: Headers) -> SessionId {
    world.on(0, |e, now| {
        let mut invite = Invite::new(target.parse().unwrap());
        invite.offer = offer();
        invite.headers = headers;
        e.invite(now, invite)
    })
}

fn large() -> Headers {
    vec![(Name::Subject, "x".repeat(1200))]
}

#[test]
fn a_large_request_goes_by_tcp() {
    let mut world = World::pair(1);
    dial(&mut world, "sip:bob@10.0.0.2", large());
    let b = world.incoming(1);
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    world.wait(1, "Acknowledged");
    world.on(1, |e, now| e.hang_up(now, b, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn a_large_request_goes_by_udp_if_there_is_no_tcp() {
    let mut world = World::pair(2);
    world.no_tcp.insert(addr("10.0.0.2:5060"));
    let a = dial(&mut world, "sip:bob@10.0.0.2", large());
    let b = world.incoming(1);
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    world.wait(1, "Acknowledged");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn a_call_by_tcp_repeats_nothing_and_keeps_its_connection() {
    let mut world = World::pair(3);
    let a = dial(&mut world, "sip:bob@10.0.0.2;transport=tcp", vec![]);
    let b = world.incoming(1);
    world.secs(3);
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    world.wait(1, "Acknowledged");
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn the_next_address_of_a_name_is_tried_after_503_and_after_silence() {
    let mut world = World::new(4);
    world.node("alice", "10.0.0.1:5060");
    for (name, at) in [("one", "10.0.0.11:5060"), ("two", "10.0.0.12:5060"), ("three", "10.0.0.13:5060")] {
        let at = world.peer(name, at);
        world.names.entry("pbx.test".into()).or_default().push(at);
    }
    dial(&mut world, "sip:600@pbx.test", vec![]);
    let (first, one) = world.catch_request(Method::Invite);
    world.answer(&first, 503, "x", &[], None);
    let (second, two) = loop {
        let (packet, request) = world.catch_request(Method::Invite);
        if packet.to != first.to {
            break (packet, request);
        }
    };
    assert_eq!(second.to, addr("10.0.0.12:5060"));
    assert_eq!(one.call_id(), two.call_id());
    assert_ne!(one.top_via().unwrap().branch(), two.top_via().unwrap().branch());
    world.secs(33);
    let third = world.caught.iter().find(|packet| packet.to == addr("10.0.0.13:5060")).unwrap().clone();
    world.answer(&third, 486, "x", &[], None);
    world.settle();
    assert_eq!(world.events(0), ["Refused 486 Busy Here", "Ended"]);
    world.assert_idle();
}

#[test]
fn a_name_without_address_fails_the_call() {
    let mut world = World::new(5);
    world.node("alice", "10.0.0.1:5060");
    dial(&mut world, "sip:600@nowhere.test", vec![]);
    assert_eq!(world.events(0), ["Refused 503 Service Unavailable", "Ended"]);
    dial(&mut world, "sips:600@10.0.0.2", vec![]);
    assert_eq!(world.events(0), ["Refused 503 Service Unavailable", "Ended"], "no TLS here");
    world.assert_idle();
}

#[test]
fn a_call_can_be_hung_up_while_its_name_is_looked_up() {
    let mut endpoint = Endpoint::new(Config::new([1; 32]));
    #[allow(clippy::disallowed_methods)]
    let now = std::time::Instant::now();
    let mut invite = Invite::new("sip:600@pbx.test".parse().unwrap());
    invite.offer = offer();
    let id = endpoint.invite(now, invite);
    assert!(matches!(endpoint.poll_event(), Some(Event::Resolve { .. })));
    endpoint.hang_up(now, id, vec![]).unwrap();
    let events: Vec<_> = std::iter::from_fn(|| endpoint.poll_event()).map(|event| describe_event(&event)).collect();
    assert_eq!(events, ["Refused 487 Request Terminated", "Ended"]);
    assert!(endpoint.is_idle());
}

const OPTIONS: &str = "OPTIONS sip:alice@10.0.0.1 SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:bob@x>;tag=b\r\nTo: <sip:alice@x>\r\n\
    Call-ID: c\r\nCSeq: 7 OPTIONS\r\n";

#[test]
fn responses_go_where_the_via_and_the_source_say() {
    // Via value, source, where the response must go, and what its Via must say.
    let table = [
        ("10.0.0.2", "10.0.0.2:5060", "10.0.0.2:5060", "SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1"),
        ("10.0.0.2:5099", "10.0.0.2:7000", "10.0.0.2:5099", "SIP/2.0/UDP 10.0.0.2:5099;branch=z9hG4bK1"),
        (
            "10.9.9.9:5099",
            "10.0.0.2:7000",
            "10.0.0.2:5099",
            "SIP/2.0/UDP 10.9.9.9:5099;branch=z9hG4bK1;received=10.0.0.2",
        ),
        ("bob.test", "10.0.0.2:7000", "10.0.0.2:5060", "SIP/2.0/UDP bob.test;branch=z9hG4bK1;received=10.0.0.2"),
        (
            "10.9.9.9:5099;rport",
            "10.0.0.2:7000",
            "10.0.0.2:7000",
            "SIP/2.0/UDP 10.9.9.9:5099;branch=z9hG4bK1;received=10.0.0.2;rport=7000",
        ),
        (
            "10.0.0.2;maddr=10.0.0.77",
            "10.0.0.2:7000",
            "10.0.0.77:5060",
            "SIP/2.0/UDP 10.0.0.2;maddr=10.0.0.77;branch=z9hG4bK1",
        ),
    ];
    for (i, (via, from, to, stamped)) in table.into_iter().enumerate() {
        let mut world = World::new(6);
        world.node("alice", "10.0.0.1:5060");
        let second = "Via: SIP/2.0/UDP 10.8.8.8;branch=z9hG4bKlower\r\n";
        let text = format!("{OPTIONS}Via: SIP/2.0/UDP {via};branch=z9hG4bK1\r\n{second}\r\n");
        world.inject(addr(from), addr("10.0.0.1:5060"), text);
        let packet = world.catch();
        assert_eq!(packet.to, addr(to), "row {i}");
        let response = packet.message().as_response().unwrap().clone();
        assert_eq!(response.status().code(), 200);
        assert_eq!(response.values(&Name::Via).next(), Some(stamped), "row {i}");
        assert_eq!(response.values(&Name::Via).nth(1), Some("SIP/2.0/UDP 10.8.8.8;branch=z9hG4bKlower"));
    }
}

#[test]
fn two_messages_and_a_ping_in_one_chunk_of_a_stream_are_all_served() {
    let mut world = World::new(7);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:40000");
    let one = format!("{OPTIONS}Via: SIP/2.0/TCP 10.0.0.2;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n");
    let two = one.replace("bK1", "bK2").replace("CSeq: 7", "CSeq: 8");
    let (head, tail) = two.split_at(50);
    world.inject_by(Transport::Tcp, bob, addr("10.0.0.1:5060"), format!("{one}\r\n\r\n{head}"));
    world.inject_by(Transport::Tcp, bob, addr("10.0.0.1:5060"), tail.to_owned());
    let first = world.catch();
    assert_eq!(first.to, bob, "the connection itself");
    assert_eq!(first.message().as_response().unwrap().status().code(), 200);
    assert_eq!(&world.catch().bytes[..], b"\r\n");
    assert_eq!(world.catch().message().as_response().unwrap().cseq().unwrap().number, 8);
}

#[test]
fn the_answer_of_a_lost_connection_goes_by_a_new_one_to_the_address_in_via() {
    let mut world = World::new(8);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:40000");
    let text = "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.2:5062;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        From: <sip:bob@x>;tag=b\r\nTo: <sip:alice@x>\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\
        Contact: <sip:bob@10.0.0.2:5062;transport=tcp>\r\nContent-Length: 0\r\n\r\n";
    world.inject_by(Transport::Tcp, bob, addr("10.0.0.1:5060"), text);
    let a = world.incoming(0);
    let flow = |remote| Flow { transport: Transport::Tcp, local: addr("10.0.0.1:5060"), remote };
    world.on(0, |e, now| e.handle_closed(now, flow(bob)));
    world.on(0, |e, now| e.ring(now, a, StatusCode::RINGING, None)).unwrap();
    assert_eq!(world.catch().to, addr("10.0.0.2:5062"));
    world.on(0, |e, now| e.handle_closed(now, flow(addr("10.0.0.2:5062"))));
    assert_eq!(world.events(0), ["Cancelled (no CANCEL)", "Ended"], "nobody left to answer");
    world.settle();
    world.assert_idle();
}

#[test]
fn a_lost_connection_is_made_anew_by_the_registration_that_needs_it() {
    let mut world = World::new(9);
    world.node("alice", "10.0.0.1:5060");
    let pbx = world.peer("pbx", "10.0.0.2:5060");
    let id = world.on(0, |e, _| {
        let mut config = AccountConfig::new("sip:1001@10.0.0.2".parse().unwrap());
        config.transport = Some(Transport::Tcp);
        e.add_account(config)
    });
    world.on(0, |e, now| e.register(now, id)).unwrap();
    let (packet, request) = world.catch_request(Method::Register);
    assert_eq!(packet.transport, Transport::Tcp);
    assert!(request.value(&Name::Contact).unwrap().contains(";transport=tcp"));
    world.answer(&packet, 200, "x", &[], None);
    world.wait(0, "Registered");
    let flow = Flow { transport: Transport::Tcp, local: addr("10.0.0.1:5060"), remote: pbx };
    world.on(0, |e, now| e.handle_closed(now, flow));
    world.millis(1_999);
    assert!(world.caught.is_empty());
    world.secs(3);
    assert_eq!(world.caught.len(), 1);
}

#[test]
fn a_dialog_asks_for_the_address_of_its_proxy_once() {
    let mut world = World::new(10);
    world.node("alice", "10.0.0.1:5060");
    let proxy = world.peer("proxy", "10.0.0.3:5060");
    world.peer("bob", "10.0.0.2:5060");
    world.names.insert("proxy.test".into(), vec![proxy]);
    let a = dial(&mut world, "sip:bob@10.0.0.2", vec![]);
    let (packet, _) = world.catch_request(Method::Invite);
    let headers = [(Name::Contact, "<sip:bob@192.168.7.7>"), (Name::RecordRoute, "<sip:proxy.test;lr>")];
    world.answer(&packet, 200, "b", &headers, Some(ANSWER));
    let (packet, ack) = world.catch_request(Method::Ack);
    assert_eq!((packet.to, ack.uri_str()), (proxy, "sip:bob@192.168.7.7"));
    assert_eq!(ack.value(&Name::Route), Some("<sip:proxy.test;lr>"));
    world.names.clear();
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    let (packet, _) = world.catch_request(Method::Bye);
    assert_eq!(packet.to, proxy);
}

#[test]
fn a_host_that_answers_503_by_tcp_is_not_asked_again_by_udp() {
    let mut world = World::new(11);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    dial(&mut world, "sip:bob@10.0.0.2", large());
    let (packet, _) = world.catch_request(Method::Invite);
    assert_eq!(packet.transport, Transport::Tcp);
    world.answer(&packet, 503, "b", &[], None);
    world.settle();
    assert_eq!(world.events(0), ["Refused 503 Service Unavailable", "Ended"]);
    assert!(world.caught.iter().all(|packet| packet.transport == Transport::Tcp), "the ACK alone");
}
