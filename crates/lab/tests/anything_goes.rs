//! Phones that press, dial, transfer, park, hold and hang up at random, on good and bad networks: whatever happened, the
//! PBX has forgotten it all when they are done.

mod common;

use common::*;
use lab::link::{LinkConfig, Loss};
use lab::pbx::{Config, Service};
use lab::peer::{Manner, Phone};
use lab::world::HostId;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const NUMBERS: [&str; 14] =
    ["1001", "1002", "1003", "1003", "600", "602", "605", "700", "701", "702", "730", "*8", "650", "9999"];
const KEYS: [&str; 12] = ["*1003", "#1002", "#700", "*700", "*1", "*2", "*", "#", "*600", "*99", "#605", "5"];

fn pick<'a>(rng: &mut impl Rng, from: &[&'a str]) -> &'a str {
    from[rng.next_u32() as usize % from.len()]
}

fn act(three: &mut Three, rng: &mut ChaCha8Rng, phone: HostId<Phone>) {
    let number = pick(rng, &NUMBERS).to_owned();
    let keys = pick(rng, &KEYS).to_owned();
    let world = &mut three.world;
    match rng.next_u32() % 14 {
        0..=2 => world.with(phone, |phone, now| {
            // A call that is forgotten would never end.
            phone.hang_up(now);
            phone.dial(now, &number);
        }),
        3 if world.host(phone).waiting_line().is_none() => {
            world.with(phone, |phone, now| phone.dial_second(now, &number));
        }
        4 | 5 => three.press(phone, &keys),
        6 | 7 => world.with(phone, |phone, now| phone.refer(now, &number, "")),
        8 => world.with(phone, |phone, now| phone.refer_to_current(now, &number)),
        9 => world.with(phone, Phone::hang_up),
        10 => world.with(phone, Phone::hold),
        11 => world.with(phone, Phone::resume),
        12 => world.with(phone, |phone, _| phone.swap()),
        _ => {
            let manner = match rng.next_u32() % 4 {
                0 => Manner::Ring,
                1 => Manner::Refuse(486),
                2 => Manner::Redirect(1_001 + rng.next_u32() % 3),
                _ => Manner::Answer(ms(u64::from(rng.next_u32() % 3_000))),
            };
            world.with(phone, |phone, _| phone.set_manner(manner));
        }
    }
}

fn anything_goes(seed: u64, setup: Config, link: &LinkConfig) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let setup = setup.park_timeout(secs(60));
    let mut three = Three::new(seed, setup, Manner::Answer(ms(500)));
    let phones = [three.alice, three.bob, three.carol];
    for phone in phones {
        three.world.set_link(phone, three.pbx, link.clone());
    }
    for _ in 0..40 {
        let phone = phones[rng.next_u32() as usize % phones.len()];
        act(&mut three, &mut rng, phone);
        if rng.next_u32() % 12 == 0 {
            let user = three.user(phone);
            let _ = three.world.with(three.pbx, |pbx, now| pbx.call(now, Service::Echo, "600", &user));
        }
        let pause = ms(u64::from(rng.next_u32() % 900));
        three.world.run_for(pause);
    }
    for round in 0..4 {
        for phone in phones {
            three.world.with(phone, |phone, now| {
                phone.set_manner(Manner::Refuse(486));
                phone.hang_up(now);
                phone.swap();
                phone.hang_up(now);
            });
        }
        three.world.run_for(secs(if round < 3 { 10 } else { 200 }));
    }
    assert!(three.world.host(three.pbx).is_idle(), "seed {seed} leaves {:?}", three.world.host(three.pbx));
}

#[test]
fn on_a_good_network() {
    for seed in 1_000..1_400 {
        anything_goes(seed, Config::default(), &LinkConfig::delay(ms(10)));
    }
}

#[test]
fn on_a_bad_network() {
    let bad = LinkConfig::delay(ms(30)).jitter(ms(40)).loss(Loss::Random(0.1)).duplicate(0.1).reorder(0.1, ms(60));
    for seed in 2_000..2_200 {
        anything_goes(seed, Config::default(), &bad);
    }
}

#[test]
fn with_direct_media() {
    for seed in 3_000..3_200 {
        anything_goes(seed, Config::default().direct_media(), &LinkConfig::delay(ms(10)));
    }
}
