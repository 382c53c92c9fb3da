use super::*;
use std::fmt::Write;

#[allow(clippy::disallowed_methods)]
fn epoch() -> Instant {
    Instant::now()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Every state × every input.
#[test]
fn the_whole_transition_table() {
    let now = epoch();
    let until = now + seconds(600);
    let states = [
        Notifier::Quiet { until },
        Notifier::Telling { until, more: false },
        Notifier::Telling { until, more: true },
        Notifier::Parting { why: End::NoResource, waits: true },
        Notifier::Parting { why: End::NoResource, waits: false },
        Notifier::Over,
    ];
    let inputs = [
        Input::Subscribed(seconds(100)),
        Input::Subscribed(seconds(10_000)),
        Input::Subscribed(Duration::ZERO),
        Input::News,
        Input::Terminate(End::Deactivated),
        Input::Delivered,
        Input::Refused(StatusCode::CALL_DOES_NOT_EXIST),
        Input::Timer,
    ];
    let picture = |state: Notifier| {
        let at = |at: Instant| at.saturating_duration_since(now).as_secs();
        match state {
            Notifier::Quiet { until } => format!("Quiet until {} s", at(until)),
            Notifier::Telling { until, more } => format!("Telling until {} s more={more}", at(until)),
            Notifier::Parting { .. } | Notifier::Over => format!("{state:?}"),
        }
    };
    let mut table = String::new();
    for state in states {
        writeln!(table, "## {}", picture(state)).unwrap();
        for input in inputs {
            // A timer is due when it is due.
            let moment = if input == Input::Timer { state.deadline().unwrap_or(now) } else { now };
            let (next, out) = state.step(moment, input);
            let to = if next == state { "=".to_owned() } else { picture(next) };
            writeln!(table, "{input:?} → {to} {}", out.map_or_else(String::new, |out| format!("{out:?}"))).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_timer_is_not_early() {
    let now = epoch();
    let (state, _) = Notifier::start(now, seconds(60));
    let due = state.deadline().unwrap();
    assert_eq!(due - now, seconds(60));
    assert_eq!(state.step(due - Duration::from_millis(1), Input::Timer), (state, None));
}
