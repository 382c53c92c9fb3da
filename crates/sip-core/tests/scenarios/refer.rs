//! REFER and its NOTIFYs, as exchanges do it and as the RFC has it.

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::refer::{refer_target, refer_to_value};
use sip_core::{Message, Method, Request, StatusCode};
use std::time::Duration;

/// alice in a call with a scripted exchange, to which she has sent a REFER.
struct Transfer {
    world: World,
    session: SessionId,
    refer: Packet,
    cseq: u32,
}

impl Transfer {
    fn asked() -> Self {
        let mut world = World::new(1);
        world.node("alice", "10.0.0.1:5060");
        world.peer("bob", "10.0.0.2:5060");
        let session = call_peer(&mut world);
        let target = "sip:1003@10.0.0.2".parse().unwrap();
        let mut refer = Refer::new(refer_to_value(&target, &[]));
        refer.referred_by = Some("<sip:alice@10.0.0.1>".to_owned());
        world.on(0, |e, now| e.refer(now, session, refer)).unwrap();
        let (packet, request) = world.catch_request(Method::Refer);
        assert_eq!(request.value(&Name::ReferTo), Some("<sip:1003@10.0.0.2>"));
        Self { world, session, refer: packet, cseq: 100 }
    }

    fn accept(mut self) -> Self {
        self.world.answer(&self.refer, 202, "b", &[(Name::Contact, "<sip:bob@10.0.0.2>")], None);
        self
    }

    /// A NOTIFY, as the exchange of trace 10 sends it; what alice answers.
    fn notify(&mut self, state: &str, status: &str) -> u16 {
        let text = notify(&self.world, self.session, self.cseq, state, status);
        self.cseq += 1;
        self.world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), text);
        self.world.catch_response().status().code()
    }

    fn said(&mut self) -> Vec<String> {
        self.world.millis(20);
        let events: Vec<Event> = std::iter::from_fn(|| self.world.next_event(0)).collect();
        let words = events.into_iter().filter_map(|event| match event {
            Event::Refer { event: ReferEvent::Accepted { subscribed, .. }, .. } => {
                Some(format!("accepted subscribed={subscribed}"))
            }
            Event::Refer { event: ReferEvent::Progress { status, .. }, .. } => Some(status.code().to_string()),
            Event::Refer { event: ReferEvent::Ended { outcome }, .. } => Some(match outcome {
                ReferOutcome::Final { status, reason } => format!("ended {} {reason}", status.code()),
                ReferOutcome::Refused { status, .. } => format!("refused {}", status.code()),
                other => format!("{other:?}"),
            }),
            Event::Session { event: SessionEvent::Ended, .. } => Some("session over".to_owned()),
            _ => None,
        });
        words.collect()
    }
}

fn notify(world: &World, session: SessionId, cseq: u32, state: &str, status: &str) -> Vec<u8> {
    let body = format!("SIP/2.0 {status}\r\n");
    let text = String::from_utf8(in_dialog(world, session, "NOTIFY", cseq, b"")).unwrap();
    let head = text.split("Content-Length").next().unwrap();
    format!(
        "{head}Event: refer\r\nSubscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const OVER: &str = "terminated;reason=noresource";

#[test]
fn blind_as_trace_10_has_it() {
    let mut transfer = Transfer::asked().accept();
    assert_eq!(transfer.said(), ["accepted subscribed=true"]);
    assert_eq!(transfer.notify("active;expires=599", "100 Trying"), 200);
    assert_eq!(transfer.notify("active;expires=599", "180 Ringing"), 200);
    assert_eq!(transfer.notify(OVER, "200 OK"), 200);
    assert_eq!(transfer.said(), ["100", "180", "ended 200 OK"]);
    // The subscription is over: another NOTIFY finds none of ours.
    assert_ne!(transfer.notify(OVER, "200 OK"), 200);
}

#[test]
fn failures_are_told_and_the_call_lives() {
    for (status, told) in [("404 Not Found", "ended 404 Not Found"), ("486 Busy Here", "ended 486 Busy Here")] {
        let mut transfer = Transfer::asked().accept();
        transfer.notify("active;expires=600", "100 Trying");
        transfer.notify(OVER, status);
        assert_eq!(transfer.said(), ["accepted subscribed=true", "100", told]);
        assert!(transfer.world.nodes[0].endpoint.dialog(transfer.session).is_some());
    }
    for status in [403, 405, 481, 501, 603] {
        let mut transfer = Transfer::asked();
        transfer.world.answer(&transfer.refer.clone(), status, "b", &[], None);
        assert_eq!(transfer.said(), [format!("refused {status}")]);
        assert!(transfer.world.nodes[0].endpoint.dialog(transfer.session).is_some());
    }
}

/// Trace 08: the NOTIFYs come after the response to our BYE.
#[test]
fn notifies_after_our_bye() {
    let mut transfer = Transfer::asked().accept();
    let first = notify(&transfer.world, transfer.session, 100, "active;expires=597", "100 Trying");
    let last = notify(&transfer.world, transfer.session, 101, OVER, "200 OK");
    let session = transfer.session;
    transfer.world.on(0, |e, now| e.hang_up(now, session, vec![])).unwrap();
    let (bye, _) = transfer.world.catch_request(Method::Bye);
    transfer.world.answer(&bye, 200, "b", &[], None);
    assert_eq!(transfer.said(), ["accepted subscribed=true", "session over"]);
    for text in [first, last] {
        transfer.world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), text);
        assert_eq!(transfer.world.catch_response().status(), StatusCode::OK);
    }
    assert_eq!(transfer.said(), ["100", "ended 200 OK"]);
    transfer.world.settle();
    transfer.world.assert_idle();
}

#[test]
fn a_notify_before_the_202() {
    let mut transfer = Transfer::asked();
    assert_eq!(transfer.notify("active;expires=599", "100 Trying"), 200);
    let mut transfer = transfer.accept();
    assert_eq!(transfer.notify(OVER, "200 OK"), 200);
    assert_eq!(transfer.said(), ["100", "accepted subscribed=true", "ended 200 OK"]);
}

/// RFC 6665 §4.1.2.4, Timer N; and the lifetime that a NOTIFY gave.
#[test]
fn silence_is_not_for_ever() {
    let mut transfer = Transfer::asked().accept();
    transfer.said();
    transfer.world.run(Duration::from_millis(31_900));
    assert!(transfer.said().is_empty());
    transfer.world.millis(200);
    assert_eq!(transfer.said(), ["Lost"]);

    let mut transfer = Transfer::asked().accept();
    transfer.notify("active;expires=100", "180 Ringing");
    transfer.said();
    transfer.world.secs(131);
    assert!(transfer.said().is_empty());
    transfer.world.secs(2);
    assert_eq!(transfer.said(), ["Lost"]);
}

#[test]
fn a_subscription_that_ends_without_a_final_status() {
    let mut transfer = Transfer::asked().accept();
    transfer.notify("terminated;reason=timeout", "180 Ringing");
    assert_eq!(transfer.said(), ["accepted subscribed=true", "180", "Lost"]);
}

/// RFC 4488: the peer agrees to tell nothing.
#[test]
fn without_a_subscription() {
    let mut transfer = Transfer::asked();
    let headers = [(Name::ReferSub, "false"), (Name::Contact, "<sip:bob@10.0.0.2>")];
    transfer.world.answer(&transfer.refer.clone(), 202, "b", &headers, None);
    assert_eq!(transfer.said(), ["accepted subscribed=false", "Unknown"]);
}

/// Two of our endpoints: one sends the REFER, the other follows it and tells how it goes.
#[test]
fn followed_and_reported() {
    for silent in [false, true] {
        let mut world = World::pair(1);
        let (a, b) = talking(&mut world);
        let mut refer = Refer::new("<sip:carol@10.0.0.3?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>".to_owned());
        refer.subscribe = !silent;
        world.on(0, |e, now| e.refer(now, a, refer)).unwrap();
        let (id, request) = wait_referred(&mut world, b);
        let target = refer_target(&request).unwrap();
        assert_eq!(target.uri.to_string(), "sip:carol@10.0.0.3");
        assert_eq!(target.headers, [(Name::Replaces, "x;to-tag=1;from-tag=2".to_owned())]);
        world.on(1, |e, now| e.accept_refer(now, id)).unwrap();
        world.on(1, |e, now| e.report_refer(now, id, StatusCode::RINGING, "Ringing")).unwrap();
        world.on(1, |e, now| e.report_refer(now, id, StatusCode::OK, "OK")).unwrap();
        assert_eq!(world.on(1, |e, now| e.report_refer(now, id, StatusCode::OK, "OK")), Err(Misuse::Gone));
        world.secs(1);
        let told: Vec<String> = std::iter::from_fn(|| world.next_event(0))
            .filter_map(|event| match event {
                Event::Refer { event: ReferEvent::Progress { status, .. }, .. } => Some(status.code().to_string()),
                Event::Refer { event: ReferEvent::Ended { outcome }, .. } => Some(format!("{outcome:?}")),
                _ => None,
            })
            .collect();
        match silent {
            false => assert_eq!(told[..2], ["100", "180"]),
            true => assert_eq!(told, ["Unknown"]),
        }
        world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
        world.settle();
        world.assert_idle();
    }
}

fn wait_referred(world: &mut World, session: SessionId) -> (ReferredId, Request) {
    for _ in 0..100 {
        world.millis(10);
        while let Some(event) = world.next_event(1) {
            if let Event::Referred { id, session: Some(of), request, .. } = event {
                assert_eq!(of, session);
                return (id, request);
            }
        }
    }
    panic!("no REFER came");
}

#[test]
fn refused_or_forgotten() {
    let mut world = World::pair(1);
    let (a, b) = talking(&mut world);
    world.on(0, |e, now| e.refer(now, a, Refer::new("<sip:carol@10.0.0.3>".into()))).unwrap();
    let (id, _) = wait_referred(&mut world, b);
    world.on(1, |e, now| e.refuse_refer(now, id, StatusCode::DECLINE)).unwrap();
    assert_eq!(world.on(1, |e, now| e.accept_refer(now, id)), Err(Misuse::Gone));
    world.secs(1);
    // Nobody answers the second one.
    world.on(0, |e, now| e.refer(now, a, Refer::new("<sip:carol@10.0.0.3>".into()))).unwrap();
    wait_referred(&mut world, b);
    world.settle();
    let ends = std::iter::from_fn(|| world.next_event(0)).filter(|event| {
        matches!(event, Event::Refer { event: ReferEvent::Ended { outcome: ReferOutcome::Refused { .. } }, .. })
    });
    assert_eq!(ends.count(), 2);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).ok();
    world.settle();
    world.assert_idle();
}

#[test]
fn refer_to_values() {
    let target = "sip:1003@127.0.0.1:5160;transport=udp".parse().unwrap();
    let headers = [(Name::Require, "replaces".to_owned()), (Name::Replaces, "a@b;to-tag=1;from-tag=2".to_owned())];
    let value = refer_to_value(&target, &headers);
    assert_eq!(
        value,
        "<sip:1003@127.0.0.1:5160;transport=udp?Require=replaces&Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    );
    let request = |refer_to: &str| {
        let text = format!(
            "REFER sip:b@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@10.0.0.1>;tag=1\r\n\
             To: <sip:b@10.0.0.2>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REFER\r\nMax-Forwards: 70\r\n{refer_to}\r\n"
        );
        let Message::Request(request) = Message::parse(text.into()).unwrap() else { panic!("a request") };
        request
    };
    let read = refer_target(&request(&format!("Refer-To: {value}\r\n"))).unwrap();
    assert_eq!((read.uri.to_string(), &read.headers[..]), (target.to_string(), &headers[..]));
    // Trace 53: no brackets.
    let bare = refer_target(&request("Refer-To: sip:600@127.0.0.1\r\n")).unwrap();
    assert_eq!((bare.uri.to_string(), bare.method), ("sip:600@127.0.0.1".to_owned(), None));
    let other = refer_target(&request("r: <sip:600@127.0.0.1;method=BYE>\r\n")).unwrap();
    assert_eq!(other.method, Some(Method::Bye));
    let many: String = (0..30).map(|n| format!("{}X-{n}=1", if n == 0 { '?' } else { '&' })).collect();
    for bad in ["", "Refer-To: <tel:123>\r\n", "Refer-To: ,\r\n", "Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n"] {
        assert!(refer_target(&request(bad)).is_err(), "{bad}");
    }
    assert!(refer_target(&request(&format!("Refer-To: <sip:a@b{many}>\r\n"))).is_err());
}

/// RFC 5359 §2.15: the parker asks the park server to take the call over.
#[test]
fn to_a_park_server_out_of_any_call() {
    let mut world = World::new(5);
    world.node("alice", "10.0.0.1:5060");
    world.peer("park", "10.0.0.3:5060");
    let customer = "sip:customer@10.0.0.2".parse().unwrap();
    let refer_to = refer_to_value(&customer, &[(Name::Replaces, "c@10.0.0.2;to-tag=b;from-tag=a".to_owned())]);
    let server = "sip:park@10.0.0.3".parse().unwrap();
    world.on(0, |e, now| e.refer_out_of_dialog(now, None, server, Refer::new(refer_to))).unwrap();
    let (packet, request) = world.catch_request(Method::Refer);
    assert_eq!(
        request.value(&Name::ReferTo),
        Some("<sip:customer@10.0.0.2?Replaces=c%4010.0.0.2%3Bto-tag%3Db%3Bfrom-tag%3Da>")
    );
    let target = refer_target(&request).unwrap();
    assert_eq!(target.headers, [(Name::Replaces, "c@10.0.0.2;to-tag=b;from-tag=a".to_owned())]);
    world.answer(&packet, 202, "p", &[(Name::Contact, "<sip:10.0.0.3>")], None);
    for (cseq, state, status) in [(1, "active;expires=60", "100 Trying"), (2, "terminated;reason=noresource", "200 OK")]
    {
        let from = request.from().unwrap();
        let body = format!("SIP/2.0 {status}\r\n");
        let text = format!(
            "NOTIFY sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.3;rport;branch=z9hG4bKp{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:park@10.0.0.3>;tag=p\r\nTo: <{}>;tag={}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} NOTIFY\r\nContact: <sip:10.0.0.3>\r\nEvent: refer\r\nSubscription-State: {state}\r\n\
             Content-Type: message/sipfrag\r\nContent-Length: {}\r\n\r\n{body}",
            from.uri_str(),
            from.tag().unwrap(),
            request.call_id().unwrap(),
            body.len()
        );
        world.inject(addr("10.0.0.3:5060"), addr("10.0.0.1:5060"), text);
        assert_eq!(world.catch_response().status().code(), 200);
    }
    let ends = std::iter::from_fn(|| world.next_event(0)).filter_map(|event| match event {
        Event::Refer { session: None, event: ReferEvent::Ended { outcome }, .. } => Some(outcome),
        _ => None,
    });
    assert!(matches!(ends.collect::<Vec<_>>()[..], [ReferOutcome::Final { status: StatusCode::OK, .. }]));
    world.settle();
    world.assert_idle();
}
