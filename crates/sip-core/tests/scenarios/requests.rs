//! Requests in and out of dialogs that the owner sends and answers.

use super::world::*;
use sip_core::Method;
use sip_core::StatusCode;
use sip_core::endpoint::*;
use sip_core::header::Name;

#[test]
fn requests_within_a_call_go_both_ways() {
    let mut world = World::pair(1);
    let (a, b) = talking(&mut world);
    let body = Some(("application/dtmf-relay".to_owned(), "Signal=5\r\n".into()));
    world.on(0, |e, now| e.request(now, a, Method::Info, vec![], body)).unwrap();
    let Event::Request { id, session, request, .. } = world.wait(1, "Request INFO") else { panic!() };
    assert_eq!(session, Some(b));
    assert_eq!(&request.body()[..], b"Signal=5\r\n");
    world.on(1, |e, now| e.respond(now, id, StatusCode::OK, vec![], None)).unwrap();
    world.wait(0, "Response 200");
    assert_eq!(world.on(1, |e, now| e.respond(now, id, StatusCode::OK, vec![], None)), Err(Misuse::Gone));
    world.on(0, |e, now| e.request(now, a, Method::Options, vec![], None)).unwrap();
    let Event::Response { outcome: Ok(response), .. } = world.wait(0, "Response 200") else { panic!() };
    assert!(response.has_token(Name::Allow, "INVITE") && response.value(&Name::Accept) == Some("application/sdp"));
    assert!(matches!(world.on(0, |e, now| e.request(now, a, Method::Bye, vec![], None)), Err(Misuse::Argument(_))));
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.settle();
    world.assert_idle();
}

#[test]
fn a_request_that_the_owner_forgets_gets_100_and_then_nothing() {
    let mut world = World::pair(2);
    world.on(0, |e, now| {
        let message = OutOfDialog::new(Method::Message, "sip:bob@10.0.0.2".parse().unwrap());
        e.request_out_of_dialog(now, message)
    });
    let Event::Request { id, .. } = world.wait(1, "Request MESSAGE") else { panic!() };
    world.settle();
    insta::assert_snapshot!(world.ladder());
    assert_eq!(world.on(1, |e, now| e.respond(now, id, StatusCode::OK, vec![], None)), Err(Misuse::Gone));
    world.assert_idle();
}

#[test]
fn an_info_that_gets_481_ends_the_call() {
    let mut world = World::new(3);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    world.on(0, |e, now| e.request(now, a, Method::Info, vec![], None)).unwrap();
    let (packet, _) = world.catch_request(Method::Info);
    world.answer(&packet, 481, "b", &[], None);
    let (bye, _) = world.catch_request(Method::Bye);
    world.answer(&bye, 200, "b", &[], None);
    world.settle();
    assert_eq!(world.events(0), ["Response 481", "Ended"]);
    world.assert_idle();
}

#[test]
fn a_refer_that_is_refused_leaves_the_call_alone() {
    let mut world = World::new(4);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    let to = vec![(Name::ReferTo, "<sip:carol@10.0.0.3>".to_owned())];
    world.on(0, |e, now| e.request(now, a, Method::Refer, to, None)).unwrap();
    let (packet, _) = world.catch_request(Method::Refer);
    world.answer(&packet, 481, "b", &[], None);
    world.settle();
    assert_eq!(world.events(0), ["Response 481"]);
}

#[test]
fn the_account_that_was_called_is_named() {
    let mut world = World::pair(5);
    let ids: Vec<_> = ["sip:bob@lab.test", "sip:carol@lab.test"]
        .map(|aor| world.on(1, |e, _| e.add_account(AccountConfig::new(aor.parse().unwrap()))))
        .into();
    world.on(0, |e, now| {
        let mut invite = Invite::new("sip:carol@10.0.0.2".parse().unwrap());
        invite.to = Some("sip:carol@lab.test".parse().unwrap());
        invite.from = Some("sip:alice@lab.test".parse().unwrap());
        invite.display_name = Some("Alice \"A\" Doe".into());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let Event::Incoming { account, request, .. } = world.wait(1, "Incoming for account") else { panic!() };
    assert_eq!(account, Some(ids[1]));
    assert_eq!(request.from().unwrap().display().as_deref(), Some("Alice \"A\" Doe"));
    assert_eq!(request.contact().unwrap().unwrap().uri_str(), "sip:alice@10.0.0.1:5060");
}

#[test]
fn both_hang_up_at_once() {
    let mut world = World::pair(6);
    let (a, b) = talking(&mut world);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.on(1, |e, now| e.hang_up(now, b, vec![])).unwrap();
    world.on(1, |e, now| e.hang_up(now, b, vec![])).unwrap();
    world.settle();
    assert_eq!(world.events(0), ["Ended"]);
    assert_eq!(world.events(1), ["Ended"]);
    assert_eq!(world.on(1, |e, now| e.hang_up(now, b, vec![])), Err(Misuse::Gone));
    world.assert_idle();
}

#[test]
fn a_bye_that_nobody_answers_ends_after_64_t1() {
    let mut world = World::new(7);
    world.node("alice", "10.0.0.1:5060");
    world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
    world.millis(31_999);
    assert!(world.events(0).is_empty());
    world.millis(1);
    assert_eq!(world.events(0), ["Ended"]);
    world.settle();
    world.assert_idle();
}

#[test]
fn a_request_older_than_the_last_one_gets_500() {
    let mut world = World::new(8);
    world.node("alice", "10.0.0.1:5060");
    let bob = world.peer("bob", "10.0.0.2:5060");
    let a = call_peer(&mut world);
    let statuses = [10, 12, 11, 12].map(|number| {
        let options = in_dialog(&world, a, "OPTIONS", number, b"");
        // Each of a branch of its own.
        let unique = format!("z9hG4bKunique{}", world.caught.len());
        let options = String::from_utf8(options).unwrap().replace("z9hG4bKOPTIONS", &format!("{unique}{number}"));
        world.inject(bob, addr("10.0.0.1:5060"), options);
        world.catch_response().status().code()
    });
    assert_eq!(statuses[..3], [200, 200, 500]);
}
