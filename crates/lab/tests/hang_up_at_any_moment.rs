//! A call that somebody ends at every moment of its life, on good and bad networks: it is over for all, and forgotten.

mod common;

use common::*;
use lab::link::{LinkConfig, Loss};
use lab::pbx::{Config, Pbx};
use lab::peer::{Line, Manner, Phone, PhoneConfig};
use lab::world::{HostId, World};

struct Scene {
    world: World,
    alice: HostId<Phone>,
    pbx: HostId<Pbx>,
    bob: HostId<Phone>,
}

/// 1001 calls 1002, who answers after half a second, and holds after one.
fn scene(seed: u64, link: LinkConfig, direct: bool) -> Scene {
    let mut world = World::new(seed);
    let alice = phone(&mut world, config("1001"));
    let setup = if direct { Config::default().direct_media() } else { Config::default() };
    let pbx = pbx(&mut world, setup);
    let bob = phone(&mut world, PhoneConfig { manner: Manner::Answer(ms(500)), ..config("1002") });
    for phone in [alice, bob] {
        register(&mut world, phone);
        world.set_link(phone, pbx, link.clone());
    }
    world.with(alice, |phone, now| phone.dial(now, "1002"));
    Scene { world, alice, pbx, bob }
}

fn over(line: Line) -> bool {
    matches!(line, Line::Idle | Line::Refused(_) | Line::Missed | Line::Over)
}

/// `ender` hangs up `after` so long; then all must be over within the time that SIP gives.
fn ends(mut scene: Scene, after: u64, by_caller: bool) {
    let hold_at = 1_000.min(after);
    scene.world.run_for(ms(hold_at));
    if scene.world.host(scene.bob).line() == Line::Talking {
        scene.world.with(scene.bob, Phone::hold);
    }
    scene.world.run_for(ms(after - hold_at));
    let ender = if by_caller { scene.alice } else { scene.bob };
    scene.world.with(ender, Phone::hang_up);
    scene.world.run_for(secs(if by_caller { 70 } else { 140 }));
    let lines = [scene.alice, scene.bob].map(|phone| scene.world.host(phone).line());
    // A callee that hung up before it was called is called all the same.
    let never_called = !by_caller && lines.contains(&Line::Talking);
    assert!(never_called || lines.into_iter().all(over), "{lines:?} after a hang-up at {after} ms");
    if !never_called {
        assert_eq!(scene.world.host(scene.pbx).calls().count(), 0, "a hang-up at {after} ms leaves a call behind");
    }
}

#[test]
fn by_the_caller() {
    for after in (0..1_200).step_by(8) {
        ends(scene(20, LinkConfig::delay(ms(13)), after % 16 == 0), after, true);
    }
}

#[test]
fn by_the_callee() {
    for after in (100..1_200).step_by(8) {
        ends(scene(21, LinkConfig::delay(ms(13)), after % 16 == 4), after, false);
    }
}

#[test]
fn on_bad_networks() {
    let bad = LinkConfig::delay(ms(30)).jitter(ms(40)).loss(Loss::Random(0.15)).duplicate(0.1).reorder(0.1, ms(60));
    for seed in 0..50 {
        ends(scene(seed, bad.clone(), seed % 3 == 0), 40 + seed * 17 % 3_000, seed % 2 == 0);
    }
}
