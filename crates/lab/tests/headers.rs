//! What of a caller's header fields reaches the phone that is called.

mod common;

use common::*;
use lab::pbx::{Config, Service};
use lab::peer::{Line, Manner, Phone};
use lab::world::HostId;
use sip_core::header::Name;

const SOON: Manner = Manner::Answer(std::time::Duration::from_millis(100));

fn value(three: &Three, phone: HostId<Phone>, name: &Name) -> Option<String> {
    three.world.host(phone).invited_with()?.value(name).map(str::to_owned)
}

fn call(setup: Config) -> Three {
    let mut three = Three::new(90, setup, SOON);
    let headers = vec![
        (Name::UserToUser, "6869;encoding=hex".to_owned()),
        (Name::Diversion, "<sip:0312345678@example.com>;reason=user-busy".to_owned()),
        (Name::HistoryInfo, "<sip:0312345678@example.com>;index=1".to_owned()),
        (Name::PPreferredIdentity, "\"Customer\" <sip:0312345678@example.com>".to_owned()),
    ];
    three.world.with(three.alice, |phone, now| phone.dial_with(now, "1003", headers));
    wait_for(&mut three.world, three.alice, Line::Talking);
    three
}

#[test]
fn they_pass() {
    let three = call(Config::default());
    let carol = three.carol;
    assert_eq!(value(&three, carol, &Name::UserToUser).as_deref(), Some("6869;encoding=hex"));
    assert!(value(&three, carol, &Name::Diversion).unwrap().contains("user-busy"));
    assert!(value(&three, carol, &Name::HistoryInfo).unwrap().contains("index=1"));
    let asserted = value(&three, carol, &Name::PAssertedIdentity);
    assert_eq!(asserted.as_deref(), Some("\"Customer\" <sip:0312345678@example.com>"));
}

#[test]
fn unless_they_are_stripped() {
    let setup = Config::default().strip([Name::UserToUser, Name::HistoryInfo, Name::PPreferredIdentity]);
    let three = call(setup);
    let carol = three.carol;
    assert_eq!(value(&three, carol, &Name::UserToUser), None);
    assert_eq!(value(&three, carol, &Name::HistoryInfo), None);
    assert!(value(&three, carol, &Name::Diversion).is_some());
    assert!(value(&three, carol, &Name::PAssertedIdentity).unwrap().contains("1001"));
}

#[test]
fn a_pbx_that_asserts_nothing() {
    let mut three = call(Config::default().strip([Name::PAssertedIdentity]));
    assert_eq!(value(&three, three.carol, &Name::PAssertedIdentity), None);
    assert_eq!(three.world.host(three.alice).other(), None);
    three.end(three.alice);
}

#[test]
fn those_of_a_refer_to_reach_the_target_but_not_what_makes_the_request() {
    for strips in [false, true] {
        let setup = Config::default();
        let setup = if strips { setup.strip([Name::UserToUser, Name::ReferredBy]) } else { setup };
        let mut three = Three::new(91, setup, SOON).talking();
        let headers = "User-to-User=7265636f7264%3Bencoding%3Dhex&From=%3Csip%3Aevil%40example.com%3E";
        three.world.with(three.bob, |phone, now| phone.refer(now, "1003", headers));
        wait_for(&mut three.world, three.carol, Line::Talking);
        let passed = value(&three, three.carol, &Name::UserToUser);
        assert_eq!(passed.as_deref(), Some("7265636f7264;encoding=hex").filter(|_| !strips));
        let by = value(&three, three.carol, &Name::ReferredBy);
        assert_eq!(by.as_deref(), Some("<sip:1002@10.0.0.1:5060>").filter(|_| !strips));
        assert!(value(&three, three.carol, &Name::From).unwrap().contains("1001"));
        assert!(value(&three, three.carol, &Name::PAssertedIdentity).unwrap().contains("1001"));
    }
}

#[test]
fn a_phone_that_has_moved_is_followed() {
    let mut three = Three::new(92, Config::default(), SOON);
    three.world.with(three.bob, |phone, _| phone.set_manner(Manner::Redirect(1003)));
    three.world.with(three.alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut three.world, three.alice, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    let diversion = value(&three, three.carol, &Name::Diversion);
    assert_eq!(diversion.as_deref(), Some("<sip:1002@10.0.0.1:5060>;reason=unconditional"));
    three.end(three.alice);
}

#[test]
fn two_that_have_moved_to_each_other_end() {
    let mut three = Three::new(93, Config::default(), Manner::Redirect(1002));
    three.world.with(three.bob, |phone, _| phone.set_manner(Manner::Redirect(1003)));
    three.world.with(three.alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut three.world, three.alice, Line::Refused(480));
    wait_for_silence(&mut three.world, three.pbx);
}

#[test]
fn a_number_that_has_moved_says_where() {
    let setup = Config::default().number("613", Service::Redirect(1002));
    let mut three = Three::new(94, setup, SOON);
    three.world.with(three.alice, |phone, now| phone.dial(now, "613"));
    wait_for(&mut three.world, three.alice, Line::Refused(302));
}
