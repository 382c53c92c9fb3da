use super::*;
use std::fmt::Write as _;
use std::time::Duration;

#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

fn bytes() -> Bytes {
    Bytes::from_static(b"SIP/2.0 180 Ringing")
}

fn waiting(t: Instant, again: i64, give_up: u64, carries: bool, settled: bool) -> Reliable {
    let again = if again < 0 { t } else { t + Duration::from_millis(again.unsigned_abs()) };
    let again = Backoff { at: again, interval: Duration::from_millis(500) };
    let give_up = t + Duration::from_millis(give_up);
    Reliable::Waiting { rseq: 7, response: bytes(), carries, settled, again, give_up }
}

fn show(state: &Reliable, t: Instant) -> String {
    match state {
        Reliable::Waiting { rseq, carries, settled, again, give_up, .. } => {
            let at = |at: &Instant| at.saturating_duration_since(t).as_millis();
            let mut text = format!("Waiting {rseq}, again {}, give up {}", at(&again.at), at(give_up));
            text += if *carries { ", carries" } else { "" };
            text + if *settled { ", settled" } else { "" }
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn the_whole_table() {
    let t = now();
    let states = [
        Reliable::Unused,
        waiting(t, 500, 32_000, false, false),
        waiting(t, 500, 32_000, true, false),
        waiting(t, 500, 32_000, false, true),
        waiting(t, -1, 20_000, true, false),
        waiting(t, -1, 0, true, false),
        Reliable::Acknowledged { rseq: 7, settled: false },
        Reliable::Acknowledged { rseq: 7, settled: true },
        Reliable::Answered { rseq: 7 },
        Reliable::Over,
    ];
    let inputs = [
        ("Sent 8", Input::Sent { rseq: 8, response: bytes(), carries: false }),
        ("Sent 8 with sdp", Input::Sent { rseq: 8, response: bytes(), carries: true }),
        ("Prack 7", Input::Prack(7)),
        ("Prack 6", Input::Prack(6)),
        ("Final", Input::Final),
        ("Timer", Input::Timer),
    ];
    let mut out = String::new();
    for state in states {
        let facts = [state.holds_success(), state.has_described(), state.has_settled()].map(u8::from);
        writeln!(out, "{}: next {:?}, facts {facts:?}", show(&state, t), state.next(1)).unwrap();
        for (label, input) in inputs.clone() {
            let (next, action) = state.clone().step(t, &Timers::default(), input);
            let to = if next == state { "=".to_owned() } else { show(&next, t) };
            let action = if matches!(action, Action::Send(_)) { "Send".to_owned() } else { format!("{action:?}") };
            writeln!(out, "    {label:<16} {to:<48} {action}").unwrap();
        }
    }
    insta::assert_snapshot!(out);
}

#[test]
fn copies_are_sent_at_doubling_intervals_for_64_t1() {
    let (t, timers) = (now(), Timers::default());
    let sent = Input::Sent { rseq: 1, response: bytes(), carries: false };
    let (mut state, _) = Reliable::Unused.step(t, &timers, sent);
    let mut at = Vec::new();
    while let Some(due) = state.deadline() {
        let (early, nothing) = state.clone().step(due - Duration::from_millis(1), &timers, Input::Timer);
        assert_eq!((early, nothing), (state.clone(), Action::None));
        let action;
        (state, action) = state.step(due, &timers, Input::Timer);
        at.push(((due - t).as_millis(), action == Action::GiveUp));
    }
    let copies = [500, 1500, 3500, 7500, 15_500, 31_500].map(|at| (at, false));
    assert_eq!(at[..6], copies);
    assert_eq!(at[6..], [(32_000, true)]);
}
