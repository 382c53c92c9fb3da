//! What comes from strangers and broken stacks: answered with the status that the RFC names, or dropped and counted.

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;

const VIA: &str = "Via: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bK1\r\n";
const REST: &str = "Max-Forwards: 70\r\nFrom: <sip:bob@x>;tag=b\r\nTo: <sip:alice@x>\r\nCall-ID: c\r\n";
const CONTACT: &str = "Contact: <sip:bob@10.0.0.2>\r\n";

/// The status of the answer to one request, and one of its headers.
fn status_of(text: &str, header: Option<Name>) -> (u16, Option<String>) {
    let mut world = World::new(1);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    world.inject(bob, addr("10.0.0.1:5060"), text.to_owned());
    let response = world.catch_response();
    assert!(response.to().map_or(true, |to| to.tag().is_some()), "a final response has a To tag: {text}");
    let value = header.and_then(|name| response.value(&name).map(str::to_owned));
    (response.status().code(), value)
}

#[test]
fn requests_that_can_be_answered_get_the_status_of_the_rfc() {
    let req = |line: &str, cseq: &str, more: &str| format!("{line} SIP/2.0\r\n{VIA}{REST}CSeq: 1 {cseq}\r\n{more}\r\n");
    let table: Vec<(&str, String, u16, Option<Name>)> = vec![
        ("unknown method", req("FLY sip:alice@10.0.0.1", "FLY", ""), 405, Some(Name::Allow)),
        ("CSeq method differs", req("OPTIONS sip:alice@10.0.0.1", "INFO", ""), 400, None),
        ("two From", req("OPTIONS sip:alice@10.0.0.1", "OPTIONS", "From: <sip:eve@x>;tag=e\r\n"), 400, None),
        ("foreign scheme", req("OPTIONS http://x/", "OPTIONS", ""), 416, None),
        (
            "unknown extension",
            req("INVITE sip:alice@10.0.0.1", "INVITE", "Require: warp\r\n"),
            420,
            Some(Name::Unsupported),
        ),
        (
            "reliable provisionals",
            req("INVITE sip:alice@10.0.0.1", "INVITE", "Require: 100rel\r\n"),
            420,
            Some(Name::Unsupported),
        ),
        (
            "INVITE with a body of no use",
            req(
                "INVITE sip:alice@10.0.0.1",
                "INVITE",
                &format!("{CONTACT}Content-Type: text/html\r\nContent-Length: 2\r\n"),
            ) + "hi",
            415,
            Some(Name::Accept),
        ),
        (
            "packed body",
            req(
                "INVITE sip:alice@10.0.0.1",
                "INVITE",
                &format!("{CONTACT}Content-Type: application/sdp\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n"),
            ) + "hi",
            415,
            Some(Name::AcceptEncoding),
        ),
        (
            "takes no session description",
            req("INVITE sip:alice@10.0.0.1", "INVITE", &format!("{CONTACT}Accept: text/plain\r\n")),
            406,
            None,
        ),
        ("INVITE without Contact", req("INVITE sip:alice@10.0.0.1", "INVITE", ""), 400, None),
        ("BYE of nothing", req("BYE sip:alice@10.0.0.1", "BYE", ""), 481, None),
        ("UPDATE of nothing", req("UPDATE sip:alice@10.0.0.1", "UPDATE", ""), 481, None),
        (
            "a dialog that we do not know",
            req("INFO sip:alice@10.0.0.1", "INFO", "").replace("To: <sip:alice@x>", "To: <sip:alice@x>;tag=gone"),
            481,
            None,
        ),
        ("no Call-ID", req("OPTIONS sip:alice@10.0.0.1", "OPTIONS", "").replace("Call-ID: c\r\n", ""), 400, None),
        (
            "wrong version",
            req("OPTIONS sip:alice@10.0.0.1", "OPTIONS", "").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"),
            505,
            None,
        ),
        ("broken header line", req("OPTIONS sip:alice@10.0.0.1", "OPTIONS", "rubbish\r\n"), 400, None),
        ("body cut short", req("OPTIONS sip:alice@10.0.0.1", "OPTIONS", "Content-Length: 99\r\n"), 400, None),
        ("negative length", req("OPTIONS sip:alice@10.0.0.1", "OPTIONS", "Content-Length: -1\r\n"), 400, None),
    ];
    for (what, text, status, header) in table {
        let wanted = header.is_some();
        let (got, value) = status_of(&text, header);
        assert_eq!(got, status, "{what}\n{text}");
        assert_eq!(value.is_some(), wanted, "{what}: the header that helps");
    }
}

#[test]
fn what_cannot_be_answered_is_counted() {
    let mut world = World::new(2);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let ok = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnone\r\nFrom: <sip:a@x>;tag=a\r\nTo: <sip:b@x>;tag=b\r\n\
        Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
    let ack = format!("ACK sip:alice@10.0.0.1 SIP/2.0\r\n{VIA}{REST}CSeq: 1 ACK\r\n\r\n");
    for text in
        ["", "\r\n\r\n", "\0", "GET / HTTP/1.1\r\n\r\n", "\u{1}\u{2}rubbish", ok, &ack, "ACK sip:a SIP/2.0\r\n\r\n"]
    {
        world.inject(bob, addr("10.0.0.1:5060"), text.to_owned());
    }
    world.secs(1);
    assert!(world.caught.is_empty());
    let counters = world.nodes[0].endpoint.counters();
    assert_eq!((counters.received, counters.keep_alives, counters.strays), (8, 3, 2), "{counters:?}");
    assert_eq!(counters.malformed, 3, "{counters:?}");
    world.assert_idle();
}

#[test]
fn a_request_that_came_by_two_paths_is_served_once() {
    let mut world = World::new(3);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let invite = format!("INVITE sip:alice@10.0.0.1 SIP/2.0\r\n{VIA}{REST}{CONTACT}CSeq: 1 INVITE\r\n\r\n");
    world.inject(bob, addr("10.0.0.1:5060"), invite.clone());
    let a = world.incoming(0);
    world.inject(bob, addr("10.0.0.1:5060"), invite.replace("z9hG4bK1", "z9hG4bK2"));
    let response = loop {
        let response = world.catch_response();
        if response.status().code() != 100 {
            break response;
        }
    };
    assert_eq!((response.status().code(), response.top_via().unwrap().branch()), (482, Some("z9hG4bK2")));
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    world.assert_idle();
}

#[test]
fn a_client_of_rfc_2543_is_served_once_and_its_ack_is_recognised() {
    let mut world = World::new(4);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let invite = format!(
        "INVITE sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2\r\n{REST}{CONTACT}CSeq: 1 INVITE\r\n\r\n"
    );
    world.inject(bob, addr("10.0.0.1:5060"), invite.clone());
    let a = world.incoming(0);
    world.inject(bob, addr("10.0.0.1:5060"), invite.clone());
    world.secs(1);
    assert!(world.events(0).is_empty(), "the copy is absorbed");
    world.on(0, |e, now| e.refuse(now, a, sip_core::StatusCode::BUSY_HERE, vec![])).unwrap();
    let response = loop {
        let response = world.catch_response();
        if response.status().code() == 486 {
            break response;
        }
    };
    let ack = invite.replace("INVITE sip", "ACK sip").replace("1 INVITE", "1 ACK");
    let ack = ack.replace("To: <sip:alice@x>", &format!("To: {}", response.value(&Name::To).unwrap()));
    world.inject(bob, addr("10.0.0.1:5060"), ack);
    world.secs(1);
    world.caught.clear();
    world.secs(3);
    assert!(world.caught.is_empty(), "no more copies of the 486");
    world.settle();
    world.assert_idle();
}

#[test]
fn at_its_limits_an_endpoint_answers_503() {
    let mut config = Config::new([5; 32]);
    config.limits.sessions = 1;
    config.limits.transactions = 3;
    let mut world = World::new(5);
    world.node_with("alice", "10.0.0.1:5060", config);
    let bob = world.peer("bob", "10.0.0.2:5060");
    for i in 0..6 {
        let invite = format!("INVITE sip:alice@10.0.0.1 SIP/2.0\r\n{VIA}{REST}{CONTACT}CSeq: 1 INVITE\r\n\r\n");
        let invite =
            invite.replace("z9hG4bK1", &format!("z9hG4bK{i}")).replace("Call-ID: c", &format!("Call-ID: c{i}"));
        world.inject(bob, addr("10.0.0.1:5060"), invite);
    }
    world.millis(300);
    let full = world.caught.iter().filter(|p| p.message().as_response().is_some_and(|r| r.status().code() == 503));
    assert!(full.clone().all(|p| p.message().fields().value(&Name::RetryAfter).is_some()));
    assert_eq!(full.count(), 5);
    assert_eq!(world.events(0), ["Incoming"]);
    assert_eq!(world.nodes[0].endpoint.counters().overload, 5);
}
