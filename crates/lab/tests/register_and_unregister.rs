//! A phone registers with digest, refreshes in time, and goes away.

mod common;

use common::*;
use lab::pbx::{Config, User};
use lab::peer::{Phone, Standing};
use sip_core::digest::Algorithm;

#[test]
fn a_phone_registers_and_unregisters() {
    let (mut world, phone, pbx) = world_of_one(1, "1001", Config::default());
    register(&mut world, phone);
    assert_eq!(world.host(pbx).bindings().map(|(user, _)| user).collect::<Vec<_>>(), ["1001"]);
    assert_eq!(world.host(phone).standing(), Standing::Registered(secs(3_600)));
    world.with(phone, Phone::unregister);
    world.run_until(secs(10), |world| world.host(phone).standing() == Standing::Away);
    assert_eq!(world.host(pbx).bindings().count(), 0);
    insta::assert_snapshot!(world.ladder());
}

/// Each time with a nonce that has long run out.
#[test]
fn a_phone_refreshes_for_days() {
    let (mut world, phone, pbx) = world_of_one(1, "1001", Config::default());
    register(&mut world, phone);
    for _ in 0..50 {
        world.run_for(secs(3_600));
        assert_eq!(world.host(pbx).bindings().count(), 1);
        assert!(world.host(phone).is_registered());
    }
}

#[test]
fn a_binding_that_nobody_refreshes_runs_out() {
    let (mut world, phone, pbx) = world_of_one(1, "1001", Config::default());
    register(&mut world, phone);
    world.set_link(phone, pbx, lab::link::LinkConfig::down());
    world.run_for(secs(3_600));
    assert_eq!(world.host(pbx).bindings().count(), 0);
}

#[test]
fn sha_256_is_asked_for_first_and_answered() {
    let user = User::new("secret1001").algorithms([Algorithm::Sha256, Algorithm::Md5]);
    let (mut world, phone, _) = world_of_one(1, "1001", Config::default().user_with("1001", user));
    register(&mut world, phone);
}

#[test]
fn a_lifetime_that_is_too_brief_is_made_longer() {
    let mut config = Config::default();
    config.min_expires = secs(4_000);
    let (mut world, phone, _) = world_of_one(1, "1001", config);
    register(&mut world, phone);
    assert_eq!(world.host(phone).standing(), Standing::Registered(secs(4_000)));
    insta::assert_snapshot!(world.ladder());
}
