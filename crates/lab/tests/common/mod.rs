//! A PBX and phones on one network.
#![allow(dead_code, clippy::unwrap_used)] // each scenario uses its part of it, and all of it is test

use std::net::SocketAddr;
use std::time::Duration;

use lab::pbx::{Config, Pbx};
use lab::peer::{Line, Phone, PhoneConfig};
use lab::world::{HostId, World};

pub(crate) const PBX: &str = "10.0.0.1:5060";

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Puts a PBX into the world.
pub(crate) fn pbx(world: &mut World, config: Config) -> HostId<Pbx> {
    let config = config.seed(world.seed_for("pbx"));
    let here = addr(PBX);
    let rtp = (0..24).map(|at| SocketAddr::new(here.ip(), 20_000 + 2 * at));
    world.add("pbx", here.ip(), Pbx::new(config, here, rtp))
}

/// A phone and the PBX, in this order in the ladder.
pub(crate) fn world_of_one(seed: u64, user: &str, config_of_pbx: Config) -> (World, HostId<Phone>, HostId<Pbx>) {
    let mut world = World::new(seed);
    let phone = phone(&mut world, config(user));
    let pbx = pbx(&mut world, config_of_pbx);
    (world, phone, pbx)
}

/// What the phone of a user is; its address ends in the last digit of its number, and 10.
pub(crate) fn config(user: &str) -> PhoneConfig {
    let last = user.chars().last().and_then(|digit| digit.to_digit(10)).unwrap_or(0);
    PhoneConfig::new(addr(&format!("10.0.0.{}:5060", 10 + last)), addr(PBX), user)
}

/// Puts a phone into the world.
pub(crate) fn phone(world: &mut World, config: PhoneConfig) -> HostId<Phone> {
    let (name, ip) = (config.user.clone(), config.here.ip());
    world.add(&name, ip, Phone::new(config))
}

/// Registers a phone and waits until it is.
pub(crate) fn register(world: &mut World, phone: HostId<Phone>) {
    world.with(phone, Phone::register);
    world.run_until(secs(10), |world| world.host(phone).is_registered());
}

/// Waits until a phone's line is that.
#[track_caller]
pub(crate) fn wait_for(world: &mut World, phone: HostId<Phone>, line: Line) {
    world.run_until(secs(40), |world| world.host(phone).line() == line);
}

/// Waits until the PBX has forgotten all calls.
#[track_caller]
pub(crate) fn wait_for_silence(world: &mut World, pbx: HostId<Pbx>) {
    world.run_until(secs(64), |world| world.host(pbx).calls().count() == 0);
}
