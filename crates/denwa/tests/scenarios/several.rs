//! More than one call: conference, swap, join, pick-up; and calls that are not to ring.
use super::support::*;
use super::trio::*;
use denwa::log::{Outcome, Query};
use denwa::{CallChange, EndReason, Error, Forwarding, ForwardingCodes, Pickup};
use lab::pbx::{Config, Service};
use std::time::Duration;

#[tokio::test]
async fn three_together_and_apart_again() {
    let mut trio = Trio::new().await;
    let second = trio.ours.consult(trio.uri("1003")).await.unwrap();
    let call = within("the ACK", incoming(&mut trio.target.events).await.answer()).await.unwrap();
    within("the target's answer", second.answered()).await.unwrap();
    trio.agent._phone.merge(&[&trio.ours, &second]).await.unwrap();
    until(&mut trio.agent.events, trio.ours.id(), CallChange::Resumed).await;
    assert!(trio.ours.state().unwrap().conference && second.state().unwrap().conference);
    let before =
        (trio.theirs.state().unwrap().quality.packets_received, call.state().unwrap().quality.packets_received);
    received(&trio.theirs, before.0 + 10).await;
    received(&call, before.1 + 10).await;
    second.split().await.unwrap();
    until(&mut trio.agent.events, trio.ours.id(), CallChange::Held).await;
    assert!(!second.state().unwrap().conference && !second.state().unwrap().held);
    trio.agent._phone.swap().await.unwrap();
    until(&mut trio.agent.events, trio.ours.id(), CallChange::Resumed).await;
    assert!(!trio.ours.state().unwrap().held);
}

#[tokio::test]
async fn joined_without_us() {
    let mut trio = Trio::new().await;
    let second = trio.ours.consult(trio.uri("1003")).await.unwrap();
    let call = within("the ACK", incoming(&mut trio.target.events).await.answer()).await.unwrap();
    within("the target's answer", second.answered()).await.unwrap();
    trio.ours.bridge(&second).await.unwrap();
    assert_eq!(trio.ours.state().unwrap().bridged, Some(second.id()));
    let before = call.state().unwrap().quality.packets_received;
    received(&call, before + 10).await;
    // When one hangs up the other has nobody left.
    trio.theirs.hangup().await.unwrap();
    assert_eq!(ended(&call).await, EndReason::RemoteHangup);
}

#[tokio::test]
async fn a_call_that_rings_elsewhere_is_taken() {
    let server = pbx();
    let customer = party("1001", &server, |account| account).await;
    let mut agent = party("1002", &server, |account| account).await;
    let third = party("1003", &server, |account| account).await;
    let theirs = customer.me.dial(uri("1002", server.addr())).await.unwrap();
    let ring = incoming(&mut agent.events).await;
    let taken = third.me.pick_up_ringing("1002").await.unwrap();
    within("the pick-up", taken.answered()).await.unwrap();
    within("the caller's answer", theirs.answered()).await.unwrap();
    // As Asterisk does it, the CANCEL does not say that somebody else has it.
    assert_eq!(within("the CANCEL", ring.ended()).await, EndReason::Cancelled);
    received(&theirs, 10).await;
    received(&taken, 10).await;
}

/// Without a code: who rings there is asked, and its place taken.
#[tokio::test]
async fn a_call_that_rings_elsewhere_is_taken_by_its_dialog() {
    let server = pbx();
    let mut customer = party("1001", &server, |account| account).await;
    let mut agent = party("1002", &server, |account| account).await;
    let third = party("1003", &server, |account| account.pickup(Pickup::Replaces)).await;
    let none = third.me.pick_up_ringing("1002").await.unwrap_err();
    assert!(matches!(none, Error::Misuse { .. }), "{none}");
    let unknown = third.me.pick_up_ringing("1999").await.unwrap_err();
    assert_eq!(unknown.status(), Some(404), "{unknown}");
    let theirs = customer.me.dial(uri("1002", server.addr())).await.unwrap();
    let ring = incoming(&mut agent.events).await;
    until(&mut customer.events, theirs.id(), CallChange::Ringing).await;
    let taken = third.me.pick_up_ringing("1002").await.unwrap();
    within("the pick-up", taken.answered()).await.unwrap();
    within("the caller's answer", theirs.answered()).await.unwrap();
    assert_eq!(within("the CANCEL", ring.ended()).await, EndReason::Cancelled);
    received(&theirs, 10).await;
    received(&taken, 10).await;
}

/// 650 rings at 1002 and 1003.
#[tokio::test]
async fn a_call_that_another_phone_of_the_group_answers() {
    let server = pbx();
    let customer = party("1001", &server, |account| account).await;
    let mut first = party("1002", &server, |account| account).await;
    let mut second = party("1003", &server, |account| account).await;
    let theirs = customer.me.dial(uri("650", server.addr())).await.unwrap();
    let ring = incoming(&mut first.events).await;
    let call = within("the ACK", incoming(&mut second.events).await.answer()).await.unwrap();
    within("the caller's answer", theirs.answered()).await.unwrap();
    assert_eq!(within("the CANCEL", ring.ended()).await, EndReason::AnsweredElsewhere);
    received(&theirs, 10).await;
    received(&call, 10).await;
}

#[tokio::test]
async fn not_to_be_disturbed_and_sent_elsewhere() {
    let server = pbx();
    let customer = party("1001", &server, |account| account).await;
    let agent = party("1002", &server, |account| account).await;
    agent.me.do_not_disturb(true).await.unwrap();
    let refused = customer.me.dial(uri("1002", server.addr())).await.unwrap();
    assert_eq!(within("the refusal", refused.answered()).await.unwrap_err().status(), Some(486));
    let log = agent._phone.call_log().query(&Query::default()).unwrap();
    assert_eq!(log.iter().map(|entry| &entry.outcome).collect::<Vec<_>>(), [&Outcome::Busy], "it is in the log");
    agent.me.do_not_disturb(false).await.unwrap();
    // The lab does not follow a 302; a phone that is called directly shows it as it is.
    let mut forwarding = Forwarding::default();
    forwarding.when_unanswered = Some((uri("1003", server.addr()), Duration::from_millis(200)));
    agent.me.forward(forwarding).await.unwrap();
    let (direct, _events) = phone(denwa::Audio::None).await;
    let call = direct.dial(uri("1002", agent._phone.local_addresses()[0])).await.unwrap();
    let error = within("the 302", call.answered()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 302, .. }), "{error}");
}

/// Each finished call is in the log once, with what became of it.
#[tokio::test]
async fn finished_calls_are_in_the_log() {
    let mut trio = Trio::new().await;
    let busy = trio.agent.me.dial(uri("605", trio.server.addr())).await.unwrap();
    assert!(within("the refusal", busy.answered()).await.is_err());
    within("resuming", trio.ours.resume()).await.unwrap();
    let (to, ring) = (trio.uri("1003"), incoming(&mut trio.target.events));
    let (done, ring) = tokio::join!(trio.ours.transfer(to), ring);
    done.unwrap();
    ended(&trio.ours).await;
    trio.theirs.hangup().await.unwrap();
    assert_eq!(within("the CANCEL", ring.ended()).await, EndReason::Cancelled);
    let agents = trio.agent._phone.call_log().query(&Query::default()).unwrap();
    let told: Vec<_> = agents.iter().map(|entry| (entry.remote.clone(), entry.outcome.clone())).collect();
    let by_us = Outcome::Transferred { to: Some(trio.uri("1003").to_string()), by_us: true };
    assert_eq!(told, [(trio.uri("1001").to_string(), by_us), (trio.uri("605").to_string(), Outcome::Busy)]);
    let missed = trio.target._phone.call_log().query(&Query::default()).unwrap();
    assert_eq!(missed.iter().map(|entry| &entry.outcome).collect::<Vec<_>>(), [&Outcome::Missed]);
}

/// What is not heard during a hold is not lost, and the hold music's reports do not pass for the voice's.
#[tokio::test]
async fn a_hold_does_not_spoil_the_figures() {
    let trio = Trio::new().await;
    within("the hold", trio.ours.hold()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    within("resuming", trio.ours.resume()).await.unwrap();
    let before = trio.ours.state().unwrap().quality.packets_received;
    received(&trio.ours, before + 50).await;
    let quality = trio.ours.state().unwrap().quality;
    assert!(quality.packets_lost < 5 && quality.mos.is_none_or(|mos| mos > 4.0), "{quality:?}");
}

/// The exchange's code is dialled, and its answer is the agreement.
#[tokio::test]
async fn the_exchange_forwards_when_its_code_is_dialled() {
    let server =
        pbx_with(Config::default().number("*211003", Service::Announcement).number("#21", Service::Refuse(403)));
    let mut codes = ForwardingCodes::default();
    codes.always = Some(("*21{}".to_owned(), "#21".to_owned()));
    let agent = party("1002", &server, |account| account.forwards_by_codes(codes)).await;
    let mut forwarding = Forwarding::default();
    forwarding.always = Some(uri("1003", server.addr()));
    within("the exchange's answer", agent.me.forward(forwarding)).await.unwrap();
    let dialled = |view: &lab::pbx::View| view.calls.iter().any(|call| call.to == "*211003");
    assert!(server.wait_for(Duration::from_secs(5), dialled));
    let refused = within("the refusal", agent.me.forward(Forwarding::default())).await.unwrap_err();
    assert_eq!(refused.status(), Some(403));
}
