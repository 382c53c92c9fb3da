//! Subscriptions of ours, against a scripted exchange.

use super::world::*;
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::{Method, Request};
use std::time::Duration;

struct Watch {
    world: World,
    id: SubscriptionId,
    asked: Packet,
    request: Request,
    cseq: u32,
}

impl Watch {
    fn asked() -> Self {
        let mut world = World::new(1);
        world.node("alice", "10.0.0.1:5060");
        world.peer("pbx", "10.0.0.2:5060");
        let id = world.on(0, |e, now| {
            let mut wish = Subscribe::new("sip:701@10.0.0.2".parse().unwrap(), "dialog");
            wish.accept = "application/dialog-info+xml".to_owned();
            e.subscribe(now, wish)
        });
        let (asked, request) = world.catch_request(Method::Subscribe);
        Self { world, id, asked, request, cseq: 1 }
    }

    fn accepted() -> Self {
        let mut watch = Self::asked();
        watch.answer(200, "600");
        watch
    }

    fn answer(&mut self, status: u16, expires: &str) {
        let headers = [(Name::Contact, "<sip:10.0.0.2>"), (Name::Expires, expires)];
        self.world.answer(&self.asked.clone(), status, "n", &headers, None);
    }

    /// The next SUBSCRIBE is the one that is answered next.
    fn next(&mut self) {
        (self.asked, self.request) = self.world.catch_request(Method::Subscribe);
    }

    fn notify(&mut self, state: &str, body: &str) -> u16 {
        self.notify_from("n", "dialog", state, body)
    }

    fn notify_from(&mut self, tag: &str, event: &str, state: &str, body: &str) -> u16 {
        let from = self.request.from().unwrap();
        let content = if body.is_empty() { "" } else { "Content-Type: application/dialog-info+xml\r\n" };
        let text = format!(
            "NOTIFY sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bKn{}\r\nMax-Forwards: 70\r\n\
             From: <sip:701@10.0.0.2>;tag={tag}\r\nTo: <{}>;tag={}\r\nCall-ID: {}\r\nCSeq: {} NOTIFY\r\n\
             Contact: <sip:10.0.0.2>\r\nEvent: {event}\r\nSubscription-State: {state}\r\n{content}Content-Length: {}\r\n\r\n\
             {body}",
            self.cseq,
            from.uri_str(),
            from.tag().unwrap(),
            self.request.call_id().unwrap(),
            self.cseq,
            body.len()
        );
        self.cseq += 1;
        self.world.inject(addr("10.0.0.2:5060"), addr("10.0.0.1:5060"), text);
        self.world.catch_response().status().code()
    }

    fn said(&mut self) -> Vec<String> {
        self.world.millis(20);
        let events: Vec<Event> = std::iter::from_fn(|| self.world.next_event(0)).collect();
        let words = events.into_iter().filter_map(|event| match event {
            Event::Subscription { event, .. } => Some(match event {
                SubscriptionEvent::Active { expires } => format!("active {}", expires.as_secs()),
                SubscriptionEvent::Notify { body, .. } => String::from_utf8_lossy(&body).into_owned(),
                SubscriptionEvent::Ended { why } => format!("{why:?}"),
                _ => return None,
            }),
            _ => None,
        });
        words.collect()
    }
}

#[test]
fn a_slot_as_trace_38_has_it() {
    let mut watch = Watch::accepted();
    assert_eq!(watch.request.value(&Name::Event), Some("dialog"));
    assert_eq!(watch.notify("active;expires=600", "<free/>"), 200);
    assert_eq!(watch.notify("active;expires=590", "<taken/>"), 200);
    assert_eq!(watch.said(), ["active 600", "<free/>", "<taken/>"]);
    // Refreshed in the dialog, in time, and no sooner.
    watch.world.run(Duration::from_secs(500));
    assert!(watch.world.caught.is_empty());
    watch.next();
    assert_eq!(watch.request.to().unwrap().tag(), Some("n"));
    assert_eq!(watch.request.uri_str(), "sip:10.0.0.2");
    watch.answer(200, "600");
    watch.world.millis(20);
    let id = watch.id;
    watch.world.on(0, |e, now| e.unsubscribe(now, id)).unwrap();
    watch.next();
    assert_eq!(watch.request.value(&Name::Expires), Some("0"));
    watch.answer(200, "0");
    assert_eq!(watch.notify("terminated;reason=timeout", "<free/>"), 200);
    assert_eq!(watch.said(), ["active 600", "<free/>", "Unsubscribed"]);
    watch.world.settle();
    watch.world.assert_idle();
}

#[test]
fn a_notify_before_the_2xx_and_strangers() {
    let mut watch = Watch::asked();
    assert_eq!(watch.notify("active;expires=600", "<free/>"), 200);
    watch.answer(200, "600");
    assert_eq!(watch.notify_from("other", "dialog", "active", "<fork/>"), 481);
    assert_eq!(watch.notify_from("n", "presence", "active", "<other/>"), 489);
    assert_eq!(watch.said(), ["<free/>", "active 600"]);
}

#[test]
fn refusals() {
    // Unknown event, forbidden, no such mailbox: for good.
    for status in [403, 404, 489] {
        let mut watch = Watch::asked();
        watch.answer(status, "0");
        let said = watch.said();
        assert!(said[0].starts_with("Refused") && said.len() == 1, "{said:?}");
        watch.world.settle();
        watch.world.assert_idle();
    }
    // Too brief: asked again for as long as the notifier wants.
    let mut watch = Watch::asked();
    let headers = [(Name::MinExpires, "7200")];
    watch.world.answer(&watch.asked.clone(), 423, "n", &headers, None);
    watch.next();
    assert_eq!(watch.request.value(&Name::Expires), Some("7200"));
    // Away: tried again later.
    let mut watch = Watch::asked();
    watch.answer(503, "0");
    watch.world.run(Duration::from_millis(29_900));
    assert!(watch.world.caught.is_empty());
    watch.next();
    assert_eq!(watch.request.to().unwrap().tag(), None);
}

#[test]
fn ended_by_the_notifier() {
    // For a while: a new subscription.
    let mut watch = Watch::accepted();
    let before = watch.request.call_id().unwrap().to_owned();
    watch.notify("terminated;reason=deactivated", "");
    watch.next();
    assert_ne!(watch.request.call_id().unwrap(), before);
    // For good.
    let mut watch = Watch::accepted();
    watch.notify("terminated;reason=noresource", "<gone/>");
    assert_eq!(watch.said(), ["active 600", "<gone/>", "Terminated { reason: Some(\"noresource\") }"]);
    watch.world.settle();
    watch.world.assert_idle();
}

#[test]
fn a_refresh_that_finds_nothing_begins_anew() {
    let mut watch = Watch::accepted();
    watch.world.run(Duration::from_secs(560));
    watch.next();
    watch.answer(481, "0");
    watch.next();
    assert_eq!(watch.request.to().unwrap().tag(), None);
    watch.answer(200, "600");
    assert_eq!(watch.said(), ["active 600", "active 600"]);
}

#[test]
fn given_up_before_the_answer() {
    let mut watch = Watch::asked();
    let id = watch.id;
    watch.world.on(0, |e, now| e.unsubscribe(now, id)).unwrap();
    watch.answer(200, "600");
    watch.next();
    assert_eq!(watch.request.value(&Name::Expires), Some("0"));
    watch.answer(481, "0");
    assert_eq!(watch.said(), ["Unsubscribed"]);
    assert_eq!(watch.world.on(0, |e, now| e.unsubscribe(now, id)), Err(Misuse::Gone));
    watch.world.settle();
    watch.world.assert_idle();
}
