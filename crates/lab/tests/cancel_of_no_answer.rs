//! 606 rings for ever; the caller gives up.

mod common;

use common::*;
use lab::pbx::Config;
use lab::peer::{Line, Phone};

#[test]
fn a_caller_gives_up() {
    let (mut world, phone, pbx) = world_of_one(5, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "606"));
    wait_for(&mut world, phone, Line::Ringback);
    world.run_for(secs(5));
    world.with(phone, Phone::hang_up);
    wait_for(&mut world, phone, Line::Refused(487));
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn a_caller_that_does_not_give_up_is_given_up() {
    let (mut world, phone, pbx) = world_of_one(5, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "606"));
    world.run_for(secs(179));
    assert_eq!(world.host(phone).line(), Line::Ringback);
    world.run_for(secs(2));
    assert_eq!(world.host(phone).line(), Line::Refused(480));
    wait_for_silence(&mut world, pbx);
}
