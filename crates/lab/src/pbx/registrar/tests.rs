use std::net::SocketAddr;

use sip_core::endpoint::Transport;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn registrar() -> Registrar {
    Registrar::new(Terms {
        default_expires: 60 * MINUTE,
        min_expires: MINUTE,
        max_expires: 120 * MINUTE,
        max_contacts: 2,
    })
}

fn flow() -> Flow {
    let local: SocketAddr = "10.0.0.1:5060".parse().unwrap();
    Flow { transport: Transport::Udp, local, remote: "10.0.0.2:5060".parse().unwrap() }
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

fn ask(cseq: u32, contacts: &[(&str, Option<u32>)]) -> Ask<'static> {
    let contacts = contacts.iter().map(|(contact, expires)| (uri(contact), *expires)).collect();
    Ask { contacts: Contacts::These(contacts), expires: None, call_id: "a", cseq, flow: flow() }
}

const PHONE: &str = "sip:1001@10.0.0.2";

#[test]
fn a_binding_lives_as_long_as_was_asked_and_not_a_millisecond_longer() {
    let (mut registrar, now) = (registrar(), Instant::now());
    registrar.register(now, "1001", ask(1, &[(PHONE, Some(90))])).unwrap();
    assert_eq!(registrar.poll_timeout(), Some(now + Duration::from_secs(90)));
    registrar.expire(now + Duration::from_millis(89_999));
    assert_eq!(registrar.bindings("1001").len(), 1);
    registrar.expire(now + Duration::from_millis(90_000));
    assert_eq!(registrar.bindings("1001"), &[]);
    assert_eq!(registrar.poll_timeout(), None);
}

#[test]
fn the_lifetime_comes_from_the_contact_then_the_header_then_the_default() {
    let (mut registrar, now) = (registrar(), Instant::now());
    let cases = [(Some(100), Some(200), 100), (None, Some(200), 200), (None, None, 3600), (Some(99_999), None, 7200)];
    for (cseq, (own, header, expected)) in (1..).zip(cases) {
        let ask = Ask { expires: header, ..ask(cseq, &[(PHONE, own)]) };
        let bindings = registrar.register(now, "1001", ask).unwrap();
        assert_eq!(bindings[0].expires_at - now, Duration::from_secs(expected));
    }
}

#[test]
fn too_brief_is_refused_at_59_seconds_and_not_at_60_or_0() {
    let (mut registrar, now) = (registrar(), Instant::now());
    let refusal = registrar.register(now, "1001", ask(1, &[(PHONE, Some(59))])).unwrap_err();
    assert_eq!(refusal, Refusal::TooBrief(MINUTE));
    assert_eq!(registrar.register(now, "1001", ask(2, &[(PHONE, Some(60))])).unwrap().len(), 1);
    assert_eq!(registrar.register(now, "1001", ask(3, &[(PHONE, Some(0))])).unwrap().len(), 0);
}

#[test]
fn an_equivalent_contact_is_refreshed_and_another_is_added() {
    let (mut registrar, now) = (registrar(), Instant::now());
    registrar.register(now, "1001", ask(1, &[(PHONE, None)])).unwrap();
    let same = registrar.register(now, "1001", ask(2, &[("SIP:1001@10.0.0.2", None)])).unwrap();
    assert_eq!(same.len(), 1);
    let both = registrar.register(now, "1001", ask(3, &[("sip:1001@10.0.0.2:5070", None)])).unwrap();
    assert_eq!(both.len(), 2);
}

#[test]
fn a_request_fails_as_a_whole() {
    let (mut registrar, now) = (registrar(), Instant::now());
    registrar.register(now, "1001", ask(1, &[(PHONE, None)])).unwrap();
    let refusal = registrar.register(now, "1001", ask(2, &[(PHONE, Some(0)), ("sip:1001@10.0.0.3", Some(1))]));
    assert_eq!(refusal.unwrap_err(), Refusal::TooBrief(MINUTE));
    assert_eq!(registrar.bindings("1001").len(), 1);
}

#[test]
fn no_more_contacts_than_allowed() {
    let (mut registrar, now) = (registrar(), Instant::now());
    let two = [("sip:1@10.0.0.2", None), ("sip:2@10.0.0.2", None)];
    assert_eq!(registrar.register(now, "1001", ask(1, &two)).unwrap().len(), 2);
    let refusal = registrar.register(now, "1001", ask(2, &[("sip:3@10.0.0.2", None)]));
    assert_eq!(refusal.unwrap_err(), Refusal::TooMany);
}

#[test]
fn an_older_request_is_refused_unless_the_phone_was_restarted() {
    let (mut registrar, now) = (registrar(), Instant::now());
    registrar.register(now, "1001", ask(5, &[(PHONE, None)])).unwrap();
    assert_eq!(registrar.register(now, "1001", ask(5, &[(PHONE, None)])).unwrap_err(), Refusal::OutOfOrder);
    let restarted = Ask { call_id: "b", ..ask(1, &[(PHONE, None)]) };
    assert!(registrar.register(now, "1001", restarted).is_ok());
}

#[test]
fn star_removes_all_and_only_with_expires_0() {
    let (mut registrar, now) = (registrar(), Instant::now());
    registrar.register(now, "1001", ask(1, &[("sip:1@10.0.0.2", None), ("sip:2@10.0.0.2", None)])).unwrap();
    let star = |cseq, expires| Ask { contacts: Contacts::All, expires, ..ask(cseq, &[]) };
    assert_eq!(registrar.register(now, "1001", star(2, None)).unwrap_err(), Refusal::Star);
    assert_eq!(registrar.register(now, "1001", star(3, Some(60))).unwrap_err(), Refusal::Star);
    assert_eq!(registrar.register(now, "1001", star(4, Some(0))).unwrap(), &[]);
}

#[test]
fn asking_changes_nothing() {
    let (mut registrar, now) = (registrar(), Instant::now());
    registrar.register(now, "1001", ask(1, &[(PHONE, None)])).unwrap();
    assert_eq!(registrar.register(now, "1001", ask(2, &[])).unwrap().len(), 1);
    assert_eq!(registrar.register(now, "1002", ask(1, &[])).unwrap().len(), 0);
}

#[test]
fn a_closed_connection_takes_its_bindings_with_it() {
    let (mut registrar, now) = (registrar(), Instant::now());
    registrar.register(now, "1001", ask(1, &[(PHONE, None)])).unwrap();
    registrar.close(Flow { transport: Transport::Tcp, ..flow() });
    assert_eq!(registrar.bindings("1001").len(), 1);
    registrar.close(flow());
    assert_eq!(registrar.bindings("1001").len(), 0);
}
