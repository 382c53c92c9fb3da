//! Subscriptions of others to us: RFC 6665 §4.2, between two of us and against a scripted subscriber.

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::usage::notifier::End;
use sip_core::{Method, StatusCode};
use std::time::Duration;

const PBX: &str = "10.0.0.2:5060";

fn config() -> Config {
    let mut config = Config::new([7; 32]);
    config.allow.push(Method::Subscribe);
    config.packages = vec!["dialog".to_owned()];
    config
}

fn body(text: &'static str) -> Option<Body> {
    Some(("text/plain".to_owned(), text.into()))
}

/// Who subscribes is scripted, and 0 is the notifier.
fn notifier() -> World {
    let mut world = World::new(3);
    world.node_with("pbx", PBX, config());
    world.peer("alice", "10.0.0.1:5060");
    world
}

fn subscribe(cseq: u32, to_tag: &str, event: &str, expires: &str) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    format!(
        "SUBSCRIBE sip:701@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKs{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@10.0.0.1>;tag=a\r\nTo: <sip:701@10.0.0.2>{to_tag}\r\nCall-ID: c\r\n\
         CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:10.0.0.1>\r\nEvent: {event}\r\nExpires: {expires}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn send(world: &mut World, text: String) {
    world.inject(addr("10.0.0.1:5060"), addr(PBX), text);
}

fn asked(world: &mut World) -> NotifierId {
    world.millis(20);
    let event = std::iter::from_fn(|| world.next_event(0)).find_map(|event| match event {
        Event::Subscribed { id, .. } => Some(id),
        _ => None,
    });
    event.expect("nobody subscribes")
}

fn gone(world: &mut World) -> Vec<End> {
    world.millis(20);
    std::iter::from_fn(|| world.next_event(0))
        .filter_map(|event| match event {
            Event::SubscriberGone { why, .. } => Some(why),
            _ => None,
        })
        .collect()
}

/// Accepted with that body; the tag of ours.
fn accepted(world: &mut World, expires: &str) -> (NotifierId, String) {
    send(world, subscribe(1, "", "dialog", expires));
    let id = asked(world);
    world.on(0, |e, now| e.accept_subscription(now, id, body("first"))).unwrap();
    let response = world.catch_response();
    assert_eq!((response.status().code(), response.value(&Name::Expires)), (200, Some(expires)));
    (id, response.to().unwrap().tag().unwrap().to_owned())
}

/// The next NOTIFY: its state and body; answered with that status.
fn told(world: &mut World, status: u16) -> (String, String) {
    let (packet, request) = world.catch_request(Method::Notify);
    let state = request.value(&Name::SubscriptionState).unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(&request.body()).into_owned();
    world.answer(&packet, status, "", &[], None);
    (state, text)
}

#[test]
fn two_of_us() {
    let mut world = World::new(1);
    world.node("alice", "10.0.0.1:5060");
    world.node_with("pbx", PBX, config());
    let wish = Subscribe::new("sip:701@10.0.0.2".parse().unwrap(), "dialog");
    let ours = world.on(0, |e, now| e.subscribe(now, wish));
    world.millis(20);
    let id = std::iter::from_fn(|| world.next_event(1))
        .find_map(|event| if let Event::Subscribed { id, .. } = event { Some(id) } else { None })
        .unwrap();
    world.on(1, |e, now| e.accept_subscription(now, id, body("free"))).unwrap();
    world.millis(20);
    world.on(1, |e, now| e.notify(now, id, body("taken"))).unwrap();
    // It is refreshed for as long as it is wanted.
    world.secs(3 * 3600);
    world.on(0, |e, now| e.unsubscribe(now, ours)).unwrap();
    world.secs(40);
    insta::assert_snapshot!(world.ladder());
    world.settle();
    world.assert_idle();
}

#[test]
fn news_waits_for_the_answer_and_only_the_newest_is_told() {
    let mut world = notifier();
    let (id, _) = accepted(&mut world, "600");
    for news in ["second", "third", "fourth"] {
        world.on(0, |e, now| e.notify(now, id, body(news))).unwrap();
    }
    assert_eq!(told(&mut world, 200), ("active;expires=600".into(), "first".into()));
    assert_eq!(told(&mut world, 200).1, "fourth");
    world.secs(1);
    assert!(world.caught.is_empty(), "all is told");
}

#[test]
fn it_runs_out_unless_it_is_refreshed() {
    let mut world = notifier();
    let (_, tag) = accepted(&mut world, "600");
    told(&mut world, 200);
    world.secs(500);
    send(&mut world, subscribe(2, &tag, "dialog", "60"));
    assert_eq!(world.catch_response().value(&Name::Expires), Some("60"));
    assert_eq!(told(&mut world, 200), ("active;expires=60".into(), "first".into()));
    world.run(Duration::from_millis(59_900));
    assert!(world.caught.is_empty());
    assert_eq!(told(&mut world, 200).0, "terminated;reason=timeout");
    assert_eq!(gone(&mut world), [End::Timeout]);
    send(&mut world, subscribe(3, &tag, "dialog", "60"));
    assert_eq!(world.catch_response().status().code(), 481);
    world.settle();
    world.assert_idle();
}

#[test]
fn given_up_by_the_subscriber_or_wanted_only_once() {
    let mut world = notifier();
    let (_, tag) = accepted(&mut world, "600");
    told(&mut world, 200);
    send(&mut world, subscribe(2, &tag, "dialog", "0"));
    assert_eq!(world.catch_response().status().code(), 200);
    assert_eq!(told(&mut world, 200), ("terminated;reason=timeout".into(), "first".into()));
    assert_eq!(gone(&mut world), [End::Timeout]);

    let mut world = notifier();
    accepted(&mut world, "0");
    assert_eq!(told(&mut world, 200), ("terminated;reason=timeout".into(), "first".into()));
    assert_eq!(gone(&mut world), [End::Timeout]);
    world.settle();
    world.assert_idle();
}

#[test]
fn ended_by_us() {
    let mut world = notifier();
    let (id, _) = accepted(&mut world, "600");
    world.on(0, |e, now| e.end_subscription(now, id, End::NoResource)).unwrap();
    told(&mut world, 200);
    assert_eq!(told(&mut world, 200).0, "terminated;reason=noresource");
    assert_eq!(gone(&mut world), [End::NoResource]);
    assert_eq!(world.on(0, |e, now| e.notify(now, id, None)), Err(Misuse::Gone));
}

#[test]
fn a_subscriber_that_forgot_it_or_is_gone() {
    let mut world = notifier();
    accepted(&mut world, "600");
    told(&mut world, 481);
    assert_eq!(gone(&mut world), [End::Gone { status: StatusCode::CALL_DOES_NOT_EXIST }]);

    let mut world = notifier();
    accepted(&mut world, "600");
    world.secs(33);
    assert_eq!(gone(&mut world), [End::Gone { status: StatusCode::REQUEST_TIMEOUT }]);
    world.caught.clear();
    world.settle();
    world.assert_idle();
}

#[test]
fn what_is_refused() {
    let mut world = notifier();
    // Another package: 489 says which there are.
    send(&mut world, subscribe(1, "", "presence", "600"));
    let response = world.catch_response();
    assert_eq!((response.status().code(), response.value(&Name::AllowEvents)), (489, Some("dialog")));
    send(&mut world, subscribe(2, "", "dialog", "5"));
    let response = world.catch_response();
    assert_eq!((response.status().code(), response.value(&Name::MinExpires)), (423, Some("30")));
    // By the owner.
    send(&mut world, subscribe(3, "", "dialog", "600"));
    let id = asked(&mut world);
    world.on(0, |e, now| e.refuse_subscription(now, id, StatusCode::FORBIDDEN, vec![])).unwrap();
    assert_eq!(world.catch_response().status().code(), 403);
    assert_eq!(world.on(0, |e, now| e.accept_subscription(now, id, None)), Err(Misuse::Gone));
    // In a dialog that there is, but not from it, out of order, or to something else.
    let (_, tag) = accepted_as(&mut world, 40);
    told(&mut world, 200);
    for (cseq, tag, event, status) in
        [(50, "other", "dialog", 481), (60, tag.as_str(), "presence", 489), (39, tag.as_str(), "dialog", 500)]
    {
        send(&mut world, subscribe(cseq, tag, event, "600"));
        assert_eq!(world.catch_response().status().code(), status, "{cseq} {event}");
    }
}

fn accepted_as(world: &mut World, cseq: u32) -> (NotifierId, String) {
    send(world, subscribe(cseq, "", "dialog", "600"));
    let id = asked(world);
    world.on(0, |e, now| e.accept_subscription(now, id, body("first"))).unwrap();
    let response = world.catch_response();
    (id, response.to().unwrap().tag().unwrap().to_owned())
}
