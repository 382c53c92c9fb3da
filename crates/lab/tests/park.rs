//! Parking: into a slot by every way that there is, out of it, and back to the one who parked.

mod common;

use common::*;
use lab::pbx::Config;
use lab::peer::{Line, Manner, Phone};

const SOON: Manner = Manner::Answer(std::time::Duration::from_millis(100));

fn three(seed: u64) -> Three {
    Three::new(seed, Config::default(), SOON).talking()
}

/// Music is the Ode to Joy: nothing of it is as high as a phone's tone.
#[track_caller]
fn assert_music(three: &Three, phone: lab::world::HostId<Phone>) {
    let heard = three.world.host(phone).hertz_heard();
    assert!((250.0..400.0).contains(&heard), "{heard} Hz is not music");
}

#[test]
fn by_refer_and_retrieved() {
    let mut three = three(40);
    let (alice, bob, carol) = (three.alice, three.bob, three.carol);
    three.world.with(bob, |phone, now| phone.refer(now, "700", ""));
    three.world.run_for(secs(2));
    assert_eq!(three.world.host(bob).reports(), ["100 Trying"]);
    assert_eq!(three.park_events(), ["1001 parked in 701 by 1002"]);
    let slots: Vec<_> = three.world.host(three.pbx).parked().map(|parked| parked.slot.clone()).collect();
    assert_eq!(slots, ["701"]);
    // The number is spoken to the parker meanwhile.
    assert!(three.world.host(bob).hertz_heard() > 100.0 && (three.world.host(bob).hertz_heard() - 440.0).abs() > 20.0);
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(bob).reports(), ["100 Trying", "200 OK"]);
    assert_eq!(three.world.host(bob).line(), Line::Talking);
    three.world.with(bob, Phone::hang_up);
    three.world.run_for(secs(2));
    assert_music(&three, alice);
    three.note("1003 takes the call");
    three.world.with(carol, |phone, now| phone.dial(now, "701"));
    wait_for(&mut three.world, carol, Line::Talking);
    three.assert_talk(alice, carol);
    assert_eq!(three.park_events(), ["1001 retrieved from 701 by 1003"]);
    three.end(carol);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn an_empty_slot_is_not_found_and_a_full_lot_is_busy() {
    let mut three = Three::new(41, Config::default().lot(lab::pbx::Lot::new("700", 701..=701)), SOON).talking();
    let (bob, carol) = (three.bob, three.carol);
    three.world.with(carol, |phone, now| phone.dial(now, "701"));
    wait_for(&mut three.world, carol, Line::Refused(404));
    three.world.with(carol, |phone, now| phone.dial(now, "700"));
    wait_for(&mut three.world, carol, Line::Talking);
    three.world.with(bob, |phone, now| phone.refer(now, "700", ""));
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(bob).reports(), ["100 Trying", "486 Busy Here"]);
    three.assert_talk(three.alice, bob);
    three.world.with(carol, Phone::hang_up);
    three.world.run_for(secs(1));
    assert_eq!(three.park_events(), ["1003 parked in 701 by 1003", "1003 gave up 701"]);
    three.end(bob);
}

#[test]
fn the_parker_may_hang_up_at_once() {
    let mut three = three(42);
    let (alice, bob, carol) = (three.alice, three.bob, three.carol);
    three.world.with(bob, |phone, now| phone.refer(now, "700", ""));
    three.world.run_for(ms(60));
    three.world.with(bob, Phone::hang_up);
    three.world.run_for(secs(3));
    assert_eq!(three.park_events(), ["1001 parked in 701 by 1002"]);
    three.world.with(carol, |phone, now| phone.dial(now, "701"));
    wait_for(&mut three.world, carol, Line::Talking);
    three.assert_talk(alice, carol);
    three.end(alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn by_own_call_and_refer_with_replaces() {
    let mut three = three(43);
    let (alice, bob, carol) = (three.alice, three.bob, three.carol);
    three.world.with(bob, Phone::hold);
    three.world.run_for(secs(1));
    three.world.with(bob, |phone, now| phone.dial_second(now, "700"));
    wait_for(&mut three.world, bob, Line::Talking);
    three.world.run_for(secs(3));
    assert_eq!(three.park_events(), ["1002 parked in 701 by 1002"]);
    three.world.with(bob, |phone, now| phone.refer_to_current(now, "700"));
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(bob).reports(), ["100 Trying", "200 OK"]);
    assert_eq!(three.world.host(bob).line(), Line::Over);
    assert_eq!(three.park_events(), ["1001 swapped into 701"]);
    three.world.with(bob, |phone, _| phone.swap());
    three.world.with(bob, Phone::hang_up);
    three.world.run_for(secs(2));
    assert_music(&three, alice);
    three.world.with(carol, |phone, now| phone.dial(now, "701"));
    wait_for(&mut three.world, carol, Line::Talking);
    three.assert_talk(alice, carol);
    three.end(alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn by_hash_700() {
    let mut three = three(44);
    three.press(three.bob, "#700");
    assert_eq!(three.park_events(), ["1001 parked in 701 by 1002"]);
    wait_for(&mut three.world, three.bob, Line::Over);
    three.world.run_for(secs(2));
    assert_music(&three, three.alice);
    three.world.with(three.carol, |phone, now| phone.dial(now, "701"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.carol);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn by_star_700() {
    let mut three = three(45);
    three.press(three.bob, "*700");
    assert_eq!(three.park_events(), ["1002 parked in 701 by 1002"]);
    three.world.run_for(secs(4));
    three.world.with(three.bob, Phone::hang_up);
    three.world.run_for(secs(2));
    assert_eq!(three.park_events(), ["1001 swapped into 701"]);
    three.world.with(three.carol, |phone, now| phone.dial(now, "701"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.carol);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn after_300_seconds_the_parker_is_called_back_and_no_earlier() {
    let mut three = three(46);
    three.press(three.bob, "#700");
    let parked_at = three.world.elapsed();
    wait_for(&mut three.world, three.bob, Line::Over);
    three.park_events();
    while three.world.host(three.bob).line() == Line::Over {
        three.world.run_for(ms(100));
    }
    let after = three.world.elapsed() - parked_at;
    assert!((secs(299)..secs(301)).contains(&after), "{after:?}");
    assert_eq!(three.park_events(), ["1001 timed out in 701"]);
    assert_eq!(three.world.host(three.pbx).parked().count(), 0);
    wait_for(&mut three.world, three.bob, Line::Talking);
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn a_parker_who_is_busy_cuts_the_call() {
    let mut three = three(47);
    three.press(three.bob, "#730");
    wait_for(&mut three.world, three.bob, Line::Over);
    three.world.with(three.bob, |phone, _| phone.set_manner(Manner::Refuse(486)));
    three.world.run_for(secs(10));
    assert_eq!(three.world.host(three.alice).line(), Line::Over);
    assert_eq!(three.park_events(), ["1001 parked in 731 by 1002", "1001 timed out in 731"]);
    wait_for_silence(&mut three.world, three.pbx);
}

#[test]
fn unless_the_setup_keeps_it() {
    let mut setup = Config::default();
    setup.keep_parked = true;
    let mut three = Three::new(48, setup, SOON).talking();
    three.press(three.bob, "#730");
    wait_for(&mut three.world, three.bob, Line::Over);
    three.world.with(three.bob, |phone, _| phone.set_manner(Manner::Refuse(486)));
    three.world.run_for(secs(7));
    assert_eq!(three.world.host(three.alice).line(), Line::Talking);
    let events = three.park_events();
    assert_eq!(events, ["1001 parked in 731 by 1002", "1001 timed out in 731", "1001 parked in 731 by 1002"]);
    three.end(three.alice);
}

#[test]
fn who_waits_may_give_up() {
    let mut three = three(49);
    three.world.with(three.bob, |phone, now| phone.refer(now, "700", ""));
    three.world.run_for(secs(3));
    three.world.with(three.bob, Phone::hang_up);
    three.end(three.alice);
    assert_eq!(three.park_events(), ["1001 parked in 701 by 1002", "1001 gave up 701"]);
    assert_eq!(three.world.host(three.pbx).parked().count(), 0);
}
