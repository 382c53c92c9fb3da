//! Numbers that do not answer: busy, unknown, not there, no common codec, too many calls.

mod common;

use common::*;
use lab::pbx::{Config, Service};
use lab::peer::Line;

fn refused(number: &str, config: Config) -> (u16, String) {
    let (mut world, phone, pbx) = world_of_one(3, "1001", config);
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, number));
    world.run_until(secs(10), |world| matches!(world.host(phone).line(), Line::Refused(_)));
    wait_for_silence(&mut world, pbx);
    let Line::Refused(status) = world.host(phone).line() else { unreachable!("waited for it") };
    (status, world.ladder().to_string())
}

#[test]
fn busy() {
    let (status, ladder) = refused("605", Config::default());
    assert_eq!(status, 486);
    insta::assert_snapshot!(ladder);
}

#[test]
fn unknown() {
    let (status, ladder) = refused("999", Config::default());
    assert_eq!(status, 404);
    insta::assert_snapshot!(ladder);
}

#[test]
fn the_rest_by_status() {
    let default = Config::default;
    // A user with no phone registered.
    assert_eq!(refused("1002", default()).0, 480);
    // The phone speaks PCMU.
    assert_eq!(refused("600", default().encodings(["opus"])).0, 488);
    assert_eq!(refused("666", default().number("666", Service::Refuse(503))).0, 503);
    let mut full = default();
    full.max_calls = 0;
    assert_eq!(refused("600", full).0, 503);
}
