//! The plain call: rings, is answered, is hung up by either side.

use super::world::*;
use sip_core::StatusCode;
use sip_core::endpoint::Invite;

#[test]
fn rings_is_answered_and_hung_up_by_the_caller() {
    let mut world = World::pair(1);
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let b = world.incoming(1);
    world.on(1, |e, now| e.ring(now, b, StatusCode::RINGING, None)).unwrap();
    world.secs(3);
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    world.secs(5);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}

#[test]
fn the_callee_hangs_up_right_after_its_answer_and_the_bye_waits_for_the_ack() {
    let mut world = World::pair(2);
    world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let b = world.incoming(1);
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    world.on(1, |e, now| e.hang_up(now, b, vec![])).unwrap();
    world.settle();
    insta::assert_snapshot!(world.ladder());
    world.assert_idle();
}
