//! The whole transition tables as pictures, and the timers at their edges.

use super::client::{self, Client};
use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::server::{self, Server};
use super::*;
use std::fmt::Write as _;

const MS: Duration = Duration::from_millis(1);

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// The state's name alone.
fn name(state: &impl std::fmt::Debug) -> String {
    format!("{state:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn row(out: &mut String, from: &str, input: &str, to: &str, actions: &Actions) {
    let send = actions.send.as_ref().map(|bytes| format!("send {}", String::from_utf8_lossy(bytes)));
    let report = actions.report.map(|report| format!("report {report:?}"));
    let did: Vec<String> = [send, report].into_iter().flatten().collect();
    let did = if did.is_empty() { "-".to_owned() } else { did.join(", ") };
    let to = if from == to { "=" } else { to };
    writeln!(out, "{from:<12} {input:<15} {to:<12} {did}").unwrap();
}

/// Every state by every input, each timer at its time.
macro_rules! table {
    ($states:expr, $inputs:expr, $reliable:expr, $now:expr) => {{
        let mut out = String::new();
        for state in $states {
            let from = name(&state);
            for input in $inputs.iter() {
                let (next, actions) = state.clone().step($now, &Timers::default(), $reliable, input.clone());
                let label = name(input).split('(').next().unwrap_or_default().to_owned();
                row(&mut out, &from, &label, &name(&next), &actions);
            }
        }
        out
    }};
}

#[test]
fn invite_client_table() {
    use invite_client::Input;
    let t = now();
    let states = [
        InviteClient::Calling { request: bytes("INVITE"), a: Some(Backoff { at: t, interval: 500 * MS }), b: t + MS },
        InviteClient::Proceeding,
        InviteClient::Completed { ack: bytes("ACK"), d: t },
        InviteClient::Accepted { m: t },
        InviteClient::Terminated,
    ];
    let inputs =
        [Input::Provisional, Input::Success, Input::Failure(bytes("ACK")), Input::Timer, Input::TransportError];
    insta::assert_snapshot!(format!(
        "unreliable\n{}\nreliable\n{}",
        table!(states.clone(), inputs.clone(), false, t),
        table!(states, inputs, true, t)
    ));
}

#[test]
fn client_table() {
    use client::Input;
    let t = now();
    let e = Some(Backoff { at: t, interval: 500 * MS });
    let states = [
        Client::Trying { request: bytes("INFO"), e, f: t + MS },
        Client::Proceeding { request: bytes("INFO"), e, f: t + MS },
        Client::Completed { k: t },
        Client::Terminated,
    ];
    let inputs = [Input::Provisional, Input::Final, Input::Timer, Input::TransportError];
    insta::assert_snapshot!(format!(
        "unreliable\n{}\nreliable\n{}",
        table!(states.clone(), inputs, false, t),
        table!(states, inputs, true, t)
    ));
}

#[test]
fn invite_server_table() {
    use invite_server::Input;
    let t = now();
    let g = Some(Backoff { at: t, interval: 500 * MS });
    let states = [
        InviteServer::Trying { trying: bytes("100"), at: t },
        InviteServer::Proceeding { last: bytes("180") },
        InviteServer::Completed { response: bytes("486"), g, h: t + MS },
        InviteServer::Confirmed { i: t },
        InviteServer::Accepted { l: t },
        InviteServer::Terminated,
    ];
    let inputs = [
        Input::Retransmission,
        Input::Ack,
        Input::Provisional(bytes("183")),
        Input::Success(bytes("200")),
        Input::Failure(bytes("603")),
        Input::Timer,
        Input::TransportError,
    ];
    insta::assert_snapshot!(format!(
        "unreliable\n{}\nreliable\n{}",
        table!(states.clone(), inputs.clone(), false, t),
        table!(states, inputs, true, t)
    ));
}

#[test]
fn server_table() {
    use server::Input;
    let t = now();
    let states = [
        Server::Trying { trying: bytes("100"), at: t, late: t + MS },
        Server::Proceeding { last: bytes("100"), late: t },
        Server::Completed { response: bytes("200"), j: t },
        Server::Terminated,
    ];
    let inputs = [Input::Retransmission, Input::Final(bytes("202")), Input::Timer, Input::TransportError];
    insta::assert_snapshot!(format!(
        "unreliable\n{}\nreliable\n{}",
        table!(states.clone(), inputs.clone(), false, t),
        table!(states, inputs, true, t)
    ));
}

/// What a machine does by its timers alone, in milliseconds since its start.
macro_rules! script {
    ($state:expr, $start:expr, $timer:expr) => {{
        let (mut state, mut log) = ($state, Vec::new());
        while let Some((at, timer)) = state.deadline() {
            let early = state.clone().step(at - MS, &Timers::default(), false, $timer);
            assert!(early.1 == Actions::none() && early.0 == state, "{timer:?} one millisecond early changes nothing");
            let (next, actions) = state.step(at, &Timers::default(), false, $timer);
            let what = if actions.send.is_some() { "send" } else { "end" };
            log.push(format!("{} {timer:?} {what}", (at - $start).as_millis()));
            state = next;
        }
        log
    }};
}

#[test]
fn an_invite_is_sent_seven_times_and_given_up_after_32_s() {
    let t = now();
    let (state, _) = InviteClient::start(t, &Timers::default(), false, bytes("INVITE"));
    let log = script!(state, t, invite_client::Input::Timer);
    assert_eq!(
        log,
        ["500 A send", "1500 A send", "3500 A send", "7500 A send", "15500 A send", "31500 A send", "32000 B end"]
    );
    let (state, _) = InviteClient::start(t, &Timers::default(), true, bytes("INVITE"));
    assert_eq!(script!(state, t, invite_client::Input::Timer), ["32000 B end"]);
}

#[test]
fn another_request_is_sent_eleven_times_and_given_up_after_32_s() {
    let t = now();
    let (state, _) = Client::start(t, &Timers::default(), false, bytes("BYE"));
    let log = script!(state, t, client::Input::Timer);
    assert_eq!(log.len(), 11);
    assert_eq!(log[..5], ["500 E send", "1500 E send", "3500 E send", "7500 E send", "11500 E send"]);
    assert_eq!(log[10], "32000 F end");
}

#[test]
fn a_failure_is_repeated_until_h_and_a_silent_owner_says_100() {
    let t = now();
    let state = InviteServer::start(t, bytes("100"));
    assert_eq!(state.deadline(), Some((t + 200 * MS, Timer::Trying)));
    let (state, actions) = state.step(t, &Timers::default(), false, invite_server::Input::Failure(bytes("486")));
    assert_eq!(actions.send, Some(bytes("486")));
    let log = script!(state, t, invite_server::Input::Timer);
    assert_eq!(log[..5], ["500 G send", "1500 G send", "3500 G send", "7500 G send", "11500 G send"]);
    assert_eq!(log.last().map(String::as_str), Some("32000 H end"));
    let state = Server::start(t, &Timers::default(), bytes("100"));
    assert_eq!(script!(state, t, server::Input::Timer), ["3500 Trying send", "32000 Late end"]);
}

#[test]
fn the_states_that_absorb_last_as_long_as_the_rfc_says() {
    let (t, timers) = (now(), Timers::default());
    let (state, _) = InviteClient::Proceeding.step(t, &timers, false, invite_client::Input::Failure(bytes("ACK")));
    assert_eq!(state.deadline(), Some((t + 32_000 * MS, Timer::D)));
    let (state, _) = InviteClient::Proceeding.step(t, &timers, true, invite_client::Input::Success);
    assert_eq!(state.deadline(), Some((t + 32_000 * MS, Timer::M)));
    let trying = Client::Trying { request: bytes("x"), e: None, f: t + MS };
    let (state, _) = trying.step(t, &timers, false, client::Input::Final);
    assert_eq!(state.deadline(), Some((t + 5_000 * MS, Timer::K)));
    let proceeding = InviteServer::Proceeding { last: bytes("180") };
    let (state, _) = proceeding.step(t, &timers, true, invite_server::Input::Success(bytes("200")));
    assert_eq!(state.deadline(), Some((t + 32_000 * MS, Timer::L)));
    let server = Server::Proceeding { last: bytes("100"), late: t + MS };
    let (state, _) = server.step(t, &timers, false, server::Input::Final(bytes("200")));
    assert_eq!(state.deadline(), Some((t + 32_000 * MS, Timer::J)));
}
