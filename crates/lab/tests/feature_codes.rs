//! `*` and `#` in a call, as RFC 4733 keys and as INFO.

mod common;

use common::*;
use lab::pbx::{Codes, Config, User};
use lab::peer::{Line, Manner, Phone};

const SOON: Manner = Manner::Answer(std::time::Duration::from_millis(100));
const LATE: Manner = Manner::Answer(std::time::Duration::from_millis(3_500));

fn features(seed: u64, carol: Manner) -> Three {
    Three::new(seed, Config::default(), carol).talking()
}

fn guide(seed: u64, carol: Manner) -> Three {
    Three::of(seed, Config::default(), ["1101", "1102", "1103"], carol).talking()
}

#[test]
fn hash_hands_over_at_once() {
    let mut three = features(50, LATE);
    three.press(three.bob, "#1003");
    three.world.run_for(ms(700));
    assert_eq!(three.world.host(three.bob).line(), Line::Over);
    assert_eq!(three.world.host(three.bob).keys_heard(), "");
    three.assert_hears(three.alice, 425.0);
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn star_asks_and_hanging_up_completes() {
    let mut three = features(51, SOON);
    three.press(three.bob, "*1003");
    three.assert_talk(three.bob, three.carol);
    let music = three.world.host(three.alice).hertz_heard();
    assert!((250.0..400.0).contains(&music), "{music}");
    three.world.with(three.bob, Phone::hang_up);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn the_caller_may_ask_too_and_star_2_completes() {
    let mut three = features(52, SOON);
    three.press(three.alice, "*1003");
    three.assert_talk(three.alice, three.carol);
    three.press(three.alice, "*2");
    wait_for(&mut three.world, three.alice, Line::Over);
    three.assert_talk(three.bob, three.carol);
    three.end(three.bob);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn star_1_returns_while_it_rings() {
    let mut three = features(53, Manner::Ring);
    three.press(three.bob, "*1003");
    wait_for(&mut three.world, three.carol, Line::Ringing);
    three.press(three.bob, "*1");
    wait_for(&mut three.world, three.carol, Line::Missed);
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn nobody_answers_and_it_is_back_after_15_seconds() {
    let mut three = features(54, Manner::Ring);
    three.press(three.bob, "*1003");
    wait_for(&mut three.world, three.carol, Line::Ringing);
    three.world.run_for(ms(14_500));
    assert_eq!(three.world.host(three.carol).line(), Line::Ringing);
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(three.carol).line(), Line::Missed);
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
}

#[test]
fn a_number_that_does_not_exist_changes_nothing() {
    let mut three = features(55, SOON);
    three.press(three.bob, "*4711");
    three.world.run_for(secs(4));
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn a_second_star_returns_while_it_rings() {
    let mut three = guide(56, Manner::Ring);
    three.press(three.bob, "*1103");
    wait_for(&mut three.world, three.carol, Line::Ringing);
    three.press(three.bob, "*");
    wait_for(&mut three.world, three.carol, Line::Missed);
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn a_second_star_returns_while_they_talk() {
    let mut three = guide(57, SOON);
    three.press(three.bob, "*1103");
    three.assert_talk(three.bob, three.carol);
    three.press(three.bob, "*");
    wait_for(&mut three.world, three.carol, Line::Over);
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
}

#[test]
fn a_second_star_returns_while_digits_are_collected() {
    let mut three = guide(58, SOON);
    three.press(three.bob, "*11");
    three.press(three.bob, "*");
    three.assert_talk(three.alice, three.bob);
    three.press(three.alice, "5");
    assert_eq!(three.world.host(three.bob).keys_heard(), "5");
    assert_eq!(three.world.host(three.alice).keys_heard(), "");
    three.end(three.bob);
}

#[test]
fn hanging_up_while_it_rings_lets_it_ring_on() {
    let mut three = guide(59, LATE);
    three.press(three.bob, "*1103");
    wait_for(&mut three.world, three.carol, Line::Ringing);
    three.world.with(three.bob, Phone::hang_up);
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(three.carol).line(), Line::Ringing);
    assert!(three.world.host(three.carol).other().unwrap().contains("1101"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn the_target_hangs_up_and_it_is_back() {
    let mut three = guide(60, SOON);
    three.press(three.bob, "*1103");
    three.assert_talk(three.bob, three.carol);
    three.world.with(three.carol, Phone::hang_up);
    three.assert_talk(three.alice, three.bob);
    three.end(three.alice);
}

#[test]
fn who_waits_hangs_up_and_the_others_talk_on() {
    let mut three = guide(61, SOON);
    three.press(three.bob, "*1103");
    three.assert_talk(three.bob, three.carol);
    three.world.with(three.alice, Phone::hang_up);
    three.assert_talk(three.bob, three.carol);
    three.end(three.bob);
}

#[test]
fn info_is_a_key_too_and_a_key_that_is_no_code_is_passed_on() {
    let mut three = features(62, SOON);
    for signal in ["Signal=#\r\n", "Signal=1\r\n", "Signal=0\r\n", "Signal=0\r\n", "Signal=3\r\n"] {
        three.world.with(three.bob, |phone, now| phone.info(now, "application/dtmf-relay", signal));
        three.world.run_for(ms(200));
    }
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.world.with(three.carol, |phone, now| phone.info(now, "application/dtmf-relay", "Signal=5\r\n"));
    three.world.run_for(secs(1));
    three.end(three.carol);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn a_user_without_codes_sends_every_key() {
    let plain = User::new("secret1002").codes(Codes::Off);
    let mut three = Three::new(63, Config::default().user_with("1002", plain), SOON).talking();
    three.press(three.bob, "#1003*");
    three.assert_talk(three.alice, three.bob);
    assert_eq!(three.world.host(three.alice).keys_heard(), "#1003*");
    three.end(three.bob);
}
