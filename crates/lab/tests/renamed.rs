//! Who one talks to changes, and the phone is told as its setup says.

mod common;

use common::*;
use lab::pbx::{Config, ConnectedLine, Pbx, User};
use lab::peer::{Line, Manner, Phone};
use lab::world::{HostId, World};

const SOON: Manner = Manner::Answer(std::time::Duration::from_millis(100));

#[test]
fn a_machine_that_renames_itself() {
    let (mut world, phone, pbx): (World, HostId<Phone>, HostId<Pbx>) = world_of_one(100, "1001", Config::default());
    register(&mut world, phone);
    world.with(phone, |phone, now| phone.dial(now, "616"));
    wait_for(&mut world, phone, Line::Talking);
    world.run_for(secs(3));
    assert_eq!(world.host(phone).other(), Some("\"New Name\" <sip:4242@10.0.0.1:5060>"));
    wait_for(&mut world, phone, Line::Over);
    wait_for_silence(&mut world, pbx);
    insta::assert_snapshot!(world.ladder());
}

#[test]
fn a_name_comes_with_the_ringing_already() {
    let named = User::new("secret1003").display_name("Carol");
    let mut three = Three::new(101, Config::default().user_with("1003", named), Manner::Ring);
    three.world.with(three.alice, |phone, now| phone.dial(now, "1003"));
    wait_for(&mut three.world, three.alice, Line::Ringback);
    assert_eq!(three.world.host(three.alice).other(), Some("\"Carol\" <sip:1003@10.0.0.1:5060>"));
    three.end(three.alice);
}

/// 1001 is handed over from 1002 to 1003, who has called 1002.
fn told_by(line: ConnectedLine) -> (bool, bool, bool) {
    let user = User::new("secret1001").connected_line(line);
    let mut three = Three::new(102, Config::default().user_with("1001", user), SOON).talking();
    three.world.with(three.bob, |phone, now| phone.refer(now, "1003", ""));
    three.world.run_for(secs(2));
    let ladder = three.world.ladder().to_string();
    let knows = three.world.host(three.alice).other().is_some_and(|other| other.contains("1003"));
    (ladder.contains("UPDATE 1001 · is 1003"), ladder.contains("INVITE 1001 · is 1003 · sdp"), knows)
}

#[test]
fn by_update_by_reinvite_or_not_at_all() {
    assert_eq!(told_by(ConnectedLine::Auto), (true, false, true));
    assert_eq!(told_by(ConnectedLine::Update), (true, false, true));
    assert_eq!(told_by(ConnectedLine::ReInvite), (false, true, true));
    assert_eq!(told_by(ConnectedLine::Off), (false, false, false));
}
