//! Calls from one phone to another with direct media: sound flows directly, everything else through the PBX.

mod common;

use common::*;
use lab::link::LinkConfig;
use lab::packet::Protocol;
use lab::pbx::{Config, Pbx, User};
use lab::peer::{Line, Manner, Phone, PhoneConfig};
use lab::world::{HostId, World};
use sdp::Direction::{RecvOnly, SendOnly, SendRecv};

struct Two {
    world: World,
    alice: HostId<Phone>,
    pbx: HostId<Pbx>,
    bob: HostId<Phone>,
}

fn two(seed: u64, manner: Manner) -> Two {
    let mut world = World::new(seed);
    let alice = phone(&mut world, config("1001"));
    let named = User::new("secret1001").display_name("Alice \"A\"");
    let pbx = pbx(&mut world, Config::default().direct_media().user_with("1001", named));
    let bob = phone(&mut world, PhoneConfig { manner, hertz: 1_000.0, ..config("1002") });
    for phone in [alice, bob] {
        register(&mut world, phone);
    }
    world.note("both are registered; 1001 calls 1002");
    Two { world, alice, pbx, bob }
}

fn talking(seed: u64) -> Two {
    let mut two = two(seed, Manner::Answer(secs(2)));
    two.world.with(two.alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut two.world, two.alice, Line::Talking);
    two.world.run_for(secs(2));
    two
}

fn hears(two: &Two, phone: HostId<Phone>, hertz: f32) -> bool {
    (two.world.host(phone).hertz_heard() - hertz).abs() < 5.0
}

#[test]
fn a_call_is_held_resumed_and_ended() {
    let mut two = talking(7);
    assert!(hears(&two, two.alice, 1_000.0) && hears(&two, two.bob, 440.0));
    assert_eq!(two.world.host(two.alice).other(), Some("<sip:1002@10.0.0.1:5060>"));
    assert_eq!(two.world.host(two.bob).other(), Some(r#""Alice \"A\"" <sip:1001@10.0.0.1:5060>"#));
    two.world.note("1001 holds");
    two.world.with(two.alice, Phone::hold);
    two.world.run_for(secs(1));
    assert_eq!(two.world.host(two.alice).direction(), Some(SendOnly));
    assert_eq!(two.world.host(two.bob).direction(), Some(RecvOnly));
    two.world.note("1001 resumes");
    two.world.with(two.alice, Phone::resume);
    two.world.run_for(secs(1));
    assert_eq!(two.world.host(two.alice).direction(), Some(SendRecv));
    assert_eq!(two.world.host(two.bob).direction(), Some(SendRecv));
    two.world.note("1002 hangs up");
    two.world.with(two.bob, Phone::hang_up);
    wait_for(&mut two.world, two.alice, Line::Over);
    wait_for_silence(&mut two.world, two.pbx);
    insta::assert_snapshot!(two.world.ladder());
}

#[test]
fn both_hold_at_once_and_one_is_told_to_wait() {
    let mut two = talking(8);
    two.world.note("both hold at once");
    two.world.with(two.alice, Phone::hold);
    two.world.with(two.bob, Phone::hold);
    two.world.run_for(secs(1));
    two.world.with(two.alice, Phone::hang_up);
    wait_for(&mut two.world, two.bob, Line::Over);
    wait_for_silence(&mut two.world, two.pbx);
    insta::assert_snapshot!(two.world.ladder());
}

#[test]
fn the_caller_gives_up_while_it_rings() {
    let mut two = two(9, Manner::Ring);
    two.world.with(two.alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut two.world, two.alice, Line::Ringback);
    two.world.run_for(secs(3));
    two.world.with(two.alice, Phone::hang_up);
    wait_for(&mut two.world, two.alice, Line::Refused(487));
    wait_for(&mut two.world, two.bob, Line::Missed);
    wait_for_silence(&mut two.world, two.pbx);
    insta::assert_snapshot!(two.world.ladder());
}

#[test]
fn the_callee_is_busy() {
    let mut two = two(9, Manner::Refuse(486));
    two.world.with(two.alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut two.world, two.alice, Line::Refused(486));
    wait_for_silence(&mut two.world, two.pbx);
}

#[test]
fn the_callee_has_vanished() {
    let mut two = two(9, Manner::Ring);
    two.world.set_link(two.pbx, two.bob, LinkConfig::down());
    two.world.with(two.alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut two.world, two.alice, Line::Refused(408));
    wait_for_silence(&mut two.world, two.pbx);
}

#[test]
fn an_info_is_asked_of_the_other_side() {
    let mut two = talking(10);
    two.world.with(two.alice, |phone, now| phone.info(now, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"));
    two.world.run_for(secs(1));
    two.world.with(two.alice, Phone::hang_up);
    wait_for_silence(&mut two.world, two.pbx);
    insta::assert_snapshot!(two.world.ladder());
}

#[test]
fn all_phones_of_a_user_ring_and_the_first_to_answer_has_the_call() {
    let mut world = World::new(11);
    let alice = phone(&mut world, config("1001"));
    let pbx = pbx(&mut world, Config::default().direct_media());
    let desk = phone(&mut world, PhoneConfig { manner: Manner::Ring, ..config("1002") });
    let mobile = world.add(
        "mobile",
        addr("10.0.0.99:5060").ip(),
        Phone::new(PhoneConfig { here: addr("10.0.0.99:5060"), seed: [99; 32], ..config("1002") }),
    );
    for phone in [alice, desk, mobile] {
        register(&mut world, phone);
    }
    world.note("three are registered; 1001 calls 1002");
    world.with(alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut world, alice, Line::Talking);
    wait_for(&mut world, desk, Line::Missed);
    assert_eq!(world.host(mobile).line(), Line::Talking);
    world.run_for(secs(1));
    world.with(mobile, Phone::hang_up);
    wait_for(&mut world, alice, Line::Over);
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn a_phone_on_tcp_is_called_along_its_connection() {
    let mut world = World::new(12);
    let alice = phone(&mut world, config("1001"));
    let pbx = pbx(&mut world, Config::default().direct_media());
    let bob = phone(&mut world, PhoneConfig { protocol: Protocol::Tcp, ..config("1002") });
    for phone in [alice, bob] {
        register(&mut world, phone);
    }
    world.with(alice, |phone, now| phone.dial(now, "1002"));
    wait_for(&mut world, alice, Line::Talking);
    world.run_for(secs(1));
    world.with(alice, Phone::hang_up);
    wait_for(&mut world, bob, Line::Over);
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn the_callee_makes_the_offer_if_the_caller_makes_none() {
    let mut two = two(13, Manner::Answer(secs(2)));
    two.world.with(two.alice, |phone, now| phone.dial_without_offer(now, "1002"));
    wait_for(&mut two.world, two.alice, Line::Talking);
    two.world.run_for(secs(2));
    assert!(hears(&two, two.alice, 1_000.0) && hears(&two, two.bob, 440.0));
    two.world.note("1002 asks for an offer");
    two.world.with(two.bob, Phone::ask_for_offer);
    two.world.run_for(secs(1));
    assert!(hears(&two, two.alice, 1_000.0) && hears(&two, two.bob, 440.0));
    two.world.with(two.alice, Phone::hang_up);
    wait_for(&mut two.world, two.bob, Line::Over);
    wait_for_silence(&mut two.world, two.pbx);
    insta::assert_snapshot!(two.world.ladder());
}
