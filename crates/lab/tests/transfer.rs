//! Transfer by REFER, as a phone that transfers, one that is transferred and a target see it.

mod common;

use common::*;
use lab::pbx::{Config, Service};
use lab::peer::{Line, Manner, Phone};

const SOON: Manner = Manner::Answer(std::time::Duration::from_millis(100));
const LATE: Manner = Manner::Answer(std::time::Duration::from_millis(2_000));

fn three(seed: u64, carol: Manner) -> Three {
    Three::new(seed, Config::default(), carol).talking()
}

#[test]
fn blind_by_the_callee() {
    let mut three = three(70, LATE);
    three.world.with(three.bob, |phone, now| phone.refer(now, "1003", ""));
    three.world.run_for(secs(1));
    // Success is told while the target rings.
    assert_eq!(three.world.host(three.bob).reports(), ["100 Trying", "180 Ringing", "200 OK"]);
    assert_eq!(three.world.host(three.carol).line(), Line::Ringing);
    three.world.with(three.bob, Phone::hang_up);
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn blind_by_the_caller() {
    let mut three = three(71, LATE);
    three.world.with(three.alice, |phone, now| phone.refer(now, "1003", ""));
    three.world.run_for(ms(100));
    three.world.with(three.alice, Phone::hang_up);
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.bob, three.carol);
    three.end(three.bob);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn a_transferor_who_does_not_hang_up_is_hung_up_on_after_a_minute() {
    let mut three = three(72, SOON);
    three.world.with(three.bob, |phone, now| phone.refer(now, "1003", ""));
    three.world.run_for(secs(59));
    assert_eq!(three.world.host(three.bob).line(), Line::Talking);
    three.world.run_for(secs(2));
    assert_eq!(three.world.host(three.bob).line(), Line::Over);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
}

#[test]
fn an_unknown_number_leaves_the_call_as_it_is() {
    let mut three = three(73, SOON);
    three.world.with(three.bob, |phone, now| phone.refer(now, "9999", ""));
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(three.bob).reports(), ["100 Trying", "404 Not Found"]);
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
}

#[test]
fn a_busy_target_ends_it_for_who_was_transferred() {
    let mut three = three(74, Manner::Refuse(486));
    three.world.with(three.bob, |phone, now| phone.refer(now, "1003", ""));
    three.world.run_for(secs(2));
    assert_eq!(three.world.host(three.bob).reports(), ["100 Trying", "486 Busy Here"]);
    three.world.with(three.bob, Phone::hang_up);
    three.assert_hears(three.alice, 212.5);
    wait_for(&mut three.world, three.alice, Line::Over);
    wait_for_silence(&mut three.world, three.pbx);
    insta::assert_snapshot!(three.world.ladder());
}

fn consulting(seed: u64, carol: Manner) -> Three {
    let mut three = three(seed, carol);
    three.world.with(three.bob, Phone::hold);
    three.world.run_for(ms(500));
    three.world.with(three.bob, |phone, now| phone.dial_second(now, "1003"));
    three
}

#[test]
fn attended() {
    let mut three = consulting(75, SOON);
    wait_for(&mut three.world, three.bob, Line::Talking);
    three.assert_talk(three.bob, three.carol);
    three.world.with(three.bob, |phone, now| phone.refer_to_current(now, "1003"));
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(three.bob).reports(), ["100 Trying", "200 OK"]);
    assert_eq!(three.world.host(three.bob).line(), Line::Over);
    assert_eq!(three.world.host(three.bob).waiting_line(), Some(Line::Talking));
    three.world.with(three.bob, |phone, _| phone.swap());
    three.world.with(three.bob, Phone::hang_up);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn attended_while_the_target_rings() {
    let mut three = consulting(76, LATE);
    wait_for(&mut three.world, three.carol, Line::Ringing);
    three.world.run_for(ms(500));
    three.world.with(three.bob, |phone, now| phone.refer_to_current(now, "1003"));
    three.world.run_for(ms(500));
    assert_eq!(three.world.host(three.bob).reports(), ["100 Trying", "200 OK"]);
    assert_eq!(three.world.host(three.bob).line(), Line::Refused(603));
    assert!(three.world.host(three.carol).other().unwrap().contains("1001"));
    three.world.with(three.bob, |phone, _| phone.swap());
    three.world.with(three.bob, Phone::hang_up);
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn an_invite_in_place_of_no_dialog_is_refused() {
    let mut three = three(78, SOON);
    let replaces = vec![(sip_core::header::Name::Replaces, "nobody;to-tag=1;from-tag=2".to_owned())];
    three.world.with(three.carol, |phone, now| phone.dial_with(now, "1002", replaces));
    wait_for(&mut three.world, three.carol, Line::Refused(481));
    three.assert_talk(three.alice, three.bob);
    three.end(three.bob);
}

/// 1003 knows the dialog of 1002 with the PBX, as a second terminal of the same agent would.
#[test]
fn an_invite_takes_the_place_of_a_dialog() {
    let mut three = three(79, SOON);
    let replaces = three.world.host(three.bob).replaces_value().unwrap();
    let headers = vec![(sip_core::header::Name::Replaces, replaces)];
    three.world.with(three.carol, |phone, now| phone.dial_with(now, "1002", headers));
    wait_for(&mut three.world, three.carol, Line::Talking);
    wait_for(&mut three.world, three.bob, Line::Over);
    three.assert_talk(three.alice, three.carol);
    three.end(three.carol);
}

/// As a test of a front end does it: a machine calls, and is handed over, parked and taken.
#[test]
fn of_a_machine() {
    let mut three = Three::new(68, Config::default(), SOON);
    three.world.with(three.pbx, |pbx, now| pbx.call(now, Service::Echo, "600", "1002")).unwrap();
    wait_for(&mut three.world, three.bob, Line::Talking);
    three.world.run_for(secs(1));
    three.world.with(three.bob, |phone, now| phone.refer(now, "1003", ""));
    three.world.run_for(secs(2));
    assert_eq!(three.world.host(three.bob).reports(), ["100 Trying", "180 Ringing", "200 OK"]);
    three.assert_hears(three.carol, 700.0);
    three.world.with(three.bob, Phone::hang_up);
    three.world.with(three.carol, |phone, now| phone.refer(now, "700", ""));
    three.world.run_for(secs(3));
    three.world.with(three.carol, Phone::hang_up);
    assert_eq!(three.park_events(), ["600 parked in 701 by 1003"]);
    three.world.with(three.alice, |phone, now| phone.dial(now, "701"));
    three.world.run_for(secs(3));
    three.assert_hears(three.alice, 440.0);
    assert!(three.world.host(three.alice).other().unwrap().contains("600"));
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn of_a_machine_attended_and_a_parker_is_called_back_by_it() {
    let mut three = Three::new(67, Config::default(), LATE);
    three.world.with(three.pbx, |pbx, now| pbx.call(now, Service::Echo, "600", "1002")).unwrap();
    wait_for(&mut three.world, three.bob, Line::Talking);
    three.world.with(three.bob, |phone, now| phone.dial_second(now, "1003"));
    wait_for(&mut three.world, three.carol, Line::Ringing);
    three.world.run_for(ms(100));
    three.world.with(three.bob, |phone, now| phone.refer_to_current(now, "1003"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    assert_eq!(three.world.host(three.bob).line(), Line::Refused(603));
    three.world.with(three.bob, |phone, _| phone.swap());
    three.world.with(three.bob, Phone::hang_up);
    three.world.run_for(secs(2));
    three.assert_hears(three.carol, 700.0);
    three.world.with(three.carol, |phone, now| phone.refer(now, "730", ""));
    three.world.run_for(secs(3));
    three.world.with(three.carol, Phone::hang_up);
    wait_for(&mut three.world, three.carol, Line::Ringing);
    assert!(three.world.host(three.carol).other().unwrap().contains("600"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.end(three.carol);
}

/// With direct media the PBX takes the sound back first.
#[test]
fn of_a_direct_call() {
    let mut three = Three::new(66, Config::default().direct_media(), SOON).talking();
    three.assert_talk(three.alice, three.bob);
    three.world.with(three.bob, |phone, now| phone.refer(now, "700", ""));
    three.world.run_for(secs(3));
    three.world.with(three.bob, Phone::hang_up);
    three.world.run_for(secs(2));
    let music = three.world.host(three.alice).hertz_heard();
    assert!((250.0..400.0).contains(&music), "{music}");
    three.world.with(three.carol, |phone, now| phone.dial(now, "701"));
    wait_for(&mut three.world, three.carol, Line::Talking);
    three.assert_talk(three.alice, three.carol);
    three.end(three.alice);
    insta::assert_snapshot!(three.world.ladder());
}

#[test]
fn by_the_pbx() {
    let mut three = Three::new(69, Config::default(), SOON);
    three.world.with(three.alice, |phone, now| phone.dial(now, "619"));
    wait_for(&mut three.world, three.alice, Line::Talking);
    three.world.run_for(secs(2));
    assert!(three.world.ladder().to_string().contains("REFER 1001 · to 600"));
    three.end(three.alice);
}

#[test]
fn to_a_machine() {
    let mut three = three(77, SOON);
    three.world.with(three.bob, |phone, now| phone.refer(now, "600", ""));
    three.world.run_for(secs(1));
    assert_eq!(three.world.host(three.bob).reports(), ["100 Trying", "200 OK"]);
    three.world.with(three.bob, Phone::hang_up);
    three.world.run_for(secs(2));
    three.assert_hears(three.alice, 440.0);
    three.end(three.alice);
}
