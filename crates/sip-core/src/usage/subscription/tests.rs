use super::*;
use std::fmt::Write;

#[allow(clippy::disallowed_methods)]
fn epoch() -> Instant {
    Instant::now()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap()
}

/// Every state × every input.
#[test]
fn the_whole_transition_table() {
    let now = epoch();
    let states = [
        Subscription::Asking { failures: 1 },
        Subscription::Active { until: now + seconds(600), refresh_at: now + seconds(568) },
        Subscription::Refreshing { until: now + seconds(32) },
        Subscription::Waiting { retry_at: now + seconds(30), failures: 1 },
        Subscription::Leaving { asked: false, give_up_at: now + seconds(32) },
        Subscription::Leaving { asked: true, give_up_at: now + seconds(32) },
        Subscription::Over,
    ];
    let ended = |reason: &str, after| Input::Terminated {
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        retry_after: after,
    };
    let inputs = [
        Input::Accepted(seconds(600)),
        Input::Accepted(seconds(1)),
        Input::TooBrief(seconds(7200)),
        Input::TooBrief(seconds(60)),
        Input::Refused { status: status(481), retry_after: None },
        Input::Refused { status: status(403), retry_after: None },
        Input::Refused { status: status(503), retry_after: None },
        Input::Refused { status: status(503), retry_after: Some(seconds(5)) },
        Input::Notified(None),
        Input::Notified(Some(seconds(100))),
        ended("", None),
        ended("deactivated", None),
        ended("probation", Some(seconds(7))),
        ended("giveup", None),
        ended("noresource", None),
        Input::Unsubscribe,
        Input::Timer,
    ];
    let picture = |state: &Subscription| {
        let at = |at: &Instant| at.saturating_duration_since(now).as_secs();
        match state {
            Subscription::Asking { failures } => format!("Asking #{failures}"),
            Subscription::Active { until, refresh_at } => {
                format!("Active until {} s, refresh {} s", at(until), at(refresh_at))
            }
            Subscription::Refreshing { until } => format!("Refreshing until {} s", at(until)),
            Subscription::Waiting { retry_at, failures } => format!("Waiting {} s #{failures}", at(retry_at)),
            Subscription::Leaving { asked, give_up_at } => format!("Leaving asked={asked} {} s", at(give_up_at)),
            Subscription::Over => "Over".to_owned(),
        }
    };
    let mut table = String::new();
    for state in states {
        writeln!(table, "## {}", picture(&state)).unwrap();
        for input in &inputs {
            let machine = Machine { state: state.clone(), expires: seconds(3600) };
            // A timer is due when it is due.
            let moment = if *input == Input::Timer { machine.deadline().unwrap_or(now) } else { now };
            let (next, out) = machine.clone().step(moment, input.clone());
            let to = if next == machine { "=".to_owned() } else { picture(&next.state) };
            let asks = if next.expires == seconds(3600) { String::new() } else { format!(" asks {:?}", next.expires) };
            writeln!(table, "{input:?} → {to}{asks} {out:?}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_timer_is_not_early() {
    let now = epoch();
    let (machine, _) = Machine::start(seconds(3600));
    let (machine, _) = machine.step(now, Input::Accepted(seconds(3600)));
    let due = machine.deadline().unwrap();
    assert_eq!(due - now, seconds(3568));
    let early = machine.clone().step(due - Duration::from_millis(1), Input::Timer);
    assert_eq!(early, (machine.clone(), vec![]));
    let (_, out) = machine.step(due, Input::Timer);
    assert_eq!(out, [Action::Refresh(seconds(3600))]);
}

/// A server that is away is asked less and less often.
#[test]
fn the_pauses_grow_and_have_an_end() {
    let mut now = epoch();
    let (mut machine, _) = Machine::start(seconds(60));
    let mut pauses = Vec::new();
    for _ in 0..9 {
        machine = machine.step(now, Input::Refused { status: status(503), retry_after: None }).0;
        let due = machine.deadline().unwrap();
        pauses.push((due - now).as_secs());
        now = due;
        machine = machine.step(now, Input::Timer).0;
    }
    assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
}
