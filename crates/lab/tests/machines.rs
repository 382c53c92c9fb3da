//! Music, an announcement that hangs up by itself, early media, and a machine that calls.

mod common;

use common::*;
use lab::pbx::{CannotCall, Config, Service};
use lab::peer::{Line, Phone};

#[test]
fn an_announcement_ends_by_itself() {
    let (mut world, phone, pbx) = world_of_one(6, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "602"));
    wait_for(&mut world, phone, Line::Talking);
    wait_for(&mut world, phone, Line::Over);
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn early_media_is_heard_before_any_answer() {
    let (mut world, phone, pbx) = world_of_one(6, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "604"));
    wait_for(&mut world, phone, Line::Ringback);
    world.run_for(ms(900));
    let hertz = world.host(phone).hertz_heard();
    assert!((hertz - 425.0).abs() < 5.0, "{hertz}");
    world.with(phone, Phone::hang_up);
    wait_for(&mut world, phone, Line::Refused(487));
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn music_plays_until_somebody_hangs_up() {
    let (mut world, phone, pbx) = world_of_one(6, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "601"));
    wait_for(&mut world, phone, Line::Talking);
    world.run_for(secs(60));
    assert!(world.host(phone).packets_heard() >= 2_990);
    let id = world.host(pbx).calls().next().unwrap().id;
    assert!(world.with(pbx, |pbx, now| pbx.hang_up(now, id)));
    wait_for(&mut world, phone, Line::Over);
    wait_for_silence(&mut world, pbx);
}

#[test]
fn a_machine_calls() {
    let (mut world, phone, pbx) = world_of_one(6, "1001", Config::default());
    let call = |pbx: &mut lab::pbx::Pbx, now| pbx.call(now, Service::Echo, "600", "1001");
    assert_eq!(world.with(pbx, call), Err(CannotCall::NotRegistered));
    register(&mut world, phone);
    world.with(pbx, call).unwrap();
    wait_for(&mut world, phone, Line::Talking);
    world.run_for(secs(2));
    let hertz = world.host(phone).hertz_heard();
    assert!((hertz - 440.0).abs() < 5.0, "{hertz}");
    world.with(phone, Phone::hang_up);
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn an_echo_makes_the_offer_if_the_caller_makes_none() {
    let (mut world, phone, pbx) = world_of_one(6, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial_without_offer(now, "600"));
    wait_for(&mut world, phone, Line::Talking);
    world.run_for(secs(2));
    world.with(phone, Phone::ask_for_offer);
    world.run_for(secs(2));
    let hertz = world.host(phone).hertz_heard();
    assert!((hertz - 440.0).abs() < 5.0 && world.host(phone).packets_heard() >= 190, "{hertz}");
    world.with(phone, Phone::hang_up);
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn an_echo_holds_still_while_it_is_held() {
    let (mut world, phone, pbx) = world_of_one(6, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "600"));
    wait_for(&mut world, phone, Line::Talking);
    world.run_for(secs(1));
    world.with(phone, Phone::hold);
    world.run_for(ms(100));
    let heard = world.host(phone).packets_heard();
    world.run_for(secs(1));
    assert_eq!(world.host(phone).packets_heard(), heard);
    world.with(phone, Phone::resume);
    world.run_for(secs(1));
    assert!(world.host(phone).packets_heard() > heard + 40);
    world.with(phone, Phone::hang_up);
    wait_for_silence(&mut world, pbx);
}
