//! A PBX answers 401 for ever; the phone stops by itself.

mod common;

use common::*;
use lab::pbx::Config;
use lab::peer::{Line, Phone, PhoneConfig, Standing};
use lab::world::World;

#[test]
fn a_wrong_password_is_tried_once() {
    let mut world = World::new(2);
    let phone = phone(&mut world, PhoneConfig { password: "guess".to_owned(), ..config("1001") });
    let pbx = pbx(&mut world, Config::default());
    world.with(phone, Phone::register);
    world.run_for(secs(3_600));
    assert_eq!(world.host(phone).standing(), Standing::Refused { status: 401, permanent: true });
    assert_eq!(world.host(pbx).bindings().count(), 0);
    world.with(phone, |phone, now| phone.dial(now, "600"));
    world.run_for(secs(60));
    assert_eq!(world.host(phone).line(), Line::Refused(401));
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn an_unknown_user_is_treated_alike() {
    let (mut world, phone, _) = world_of_one(2, "1010", Config::default());
    world.with(phone, Phone::register);
    world.run_for(secs(60));
    assert_eq!(world.host(phone).standing(), Standing::Refused { status: 401, permanent: true });
}
