//! A call to 600 over a network that loses one packet in twenty, in bursts.

mod common;

use common::*;
use lab::link::{LinkConfig, Loss};
use lab::pbx::Config;
use lab::peer::{Line, Phone};

/// The seed is one that loses SIP messages too.
#[test]
fn an_echo_is_heard_through_five_percent_loss() {
    let (mut world, phone, pbx) = world_of_one(SEED, "1001", Config::default());
    let bad = LinkConfig::delay(ms(30)).jitter(ms(10)).loss(Loss::bursts(0.05, 2.0)).duplicate(0.01);
    world.set_link(phone, pbx, bad);
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "600"));
    wait_for(&mut world, phone, Line::Talking);
    world.run_for(secs(4));
    world.with(phone, |phone, _| phone.press('5'));
    world.run_for(secs(1));
    let heard = world.host(phone).packets_heard();
    assert!((200..=248).contains(&heard), "{heard}");
    let hertz = world.host(phone).hertz_heard();
    assert!((hertz - 440.0).abs() < 25.0, "{hertz}");
    assert_eq!(world.host(phone).keys_heard(), "5");
    world.with(phone, Phone::hang_up);
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

const SEED: u64 = 61;

/// Whatever the network does, the call comes about and is forgotten on both sides.
#[test]
fn calls_come_about_on_a_hundred_bad_networks() {
    for seed in 0..100 {
        let (mut world, phone, pbx) = world_of_one(seed, "1001", Config::default());
        let bad = LinkConfig::delay(ms(30)).jitter(ms(40)).loss(Loss::Random(0.1)).duplicate(0.05);
        world.set_link(phone, pbx, bad.reorder(0.05, ms(50)));
        register(&mut world, phone);
        world.with(phone, |phone, now| phone.dial(now, "600"));
        wait_for(&mut world, phone, Line::Talking);
        world.run_for(secs(1));
        assert!(world.host(phone).packets_heard() > 5);
        world.with(phone, Phone::hang_up);
        wait_for_silence(&mut world, pbx);
    }
}
