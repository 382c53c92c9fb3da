//! Taking a call that rings elsewhere.

mod common;

use common::*;
use lab::pbx::Config;
use lab::peer::{Line, Manner, Phone};

fn ringing(seed: u64) -> Three {
    let mut three = Three::new(seed, Config::default(), Manner::Ring);
    three.world.with(three.bob, |phone, _| phone.set_manner(Manner::Ring));
    three.world.with(three.alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut three.world, three.alice, Line::Ringback);
    three.world.run_for(secs(1));
    three
}

#[test]
fn of_anybody() {
    let mut three = ringing(80);
    three.world.with(three.carol, |phone, now| phone.dial(now, "*8"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    wait_for(&mut three.world, three.bob, Line::Missed);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn of_a_number_and_no_other() {
    let mut three = ringing(81);
    three.world.with(three.carol, |phone, now| phone.dial(now, "*81004"));
    wait_for(&mut three.world, three.carol, Line::Refused(404));
    assert_eq!(three.world.host(three.bob).line(), Line::Ringing);
    three.world.with(three.carol, |phone, now| phone.dial(now, "*81002"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.carol);
}

#[test]
fn of_nothing() {
    let mut three = Three::new(82, Config::default(), Manner::Ring);
    three.world.with(three.carol, |phone, now| phone.dial(now, "*8"));
    wait_for(&mut three.world, three.carol, Line::Refused(404));
    wait_for_silence(&mut three.world, three.pbx);
}

#[test]
fn all_phones_of_a_group_ring_and_the_first_to_answer_has_the_call() {
    let mut three = Three::new(83, Config::default(), Manner::Answer(secs(2)));
    three.world.with(three.bob, |phone, _| phone.set_manner(Manner::Ring));
    three.world.with(three.alice, |phone, now| phone.dial(now, "650"));
    wait_for(&mut three.world, three.alice, Line::Talking);
    wait_for(&mut three.world, three.bob, Line::Missed);
    let why = three.world.host(three.bob).reasons();
    assert_eq!(why, [r#"SIP;cause=200;text="Call completed elsewhere""#, "Q.850;cause=26"]);
    three.assert_talk(three.alice, three.carol);
    three.world.with(three.carol, Phone::hang_up);
    three.end(three.carol);
}
