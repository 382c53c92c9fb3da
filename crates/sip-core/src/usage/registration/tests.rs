use super::*;
use std::fmt::Write as _;

const S: Duration = Duration::from_secs(1);

#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

fn refused(code: u16) -> Input {
    Input::Refused { status: StatusCode::new(code).unwrap(), retry_after: None, credentials: false }
}

#[test]
fn the_whole_table() {
    let t = now();
    let states = [
        Registration::Idle,
        Registration::Registering { bound_until: None, failures: 0, raises: 0 },
        Registration::Registered { bound_until: t + 100 * S, refresh_at: t },
        Registration::Registered { bound_until: t + 100 * S, refresh_at: t + 50 * S },
        Registration::Waiting { bound_until: None, failures: 1, retry_at: t },
        Registration::Waiting { bound_until: Some(t + 50 * S), failures: 1, retry_at: t },
        Registration::Unregistering,
        Registration::Stopped,
    ];
    let inputs = [
        ("Register", Input::Register),
        ("Unregister", Input::Unregister),
        ("Accepted 600", Input::Accepted(600 * S)),
        ("Accepted 0", Input::Accepted(Duration::ZERO)),
        ("TooBrief 7200", Input::TooBrief(7200 * S)),
        ("TooBrief 1", Input::TooBrief(S)),
        ("Refused 503", refused(503)),
        ("Refused 404", refused(404)),
        ("Moved", Input::Moved),
        ("FlowLost", Input::FlowLost),
        ("Timer", Input::Timer),
    ];
    let mut out = String::new();
    let name = |state: &Registration| format!("{state:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
    for state in states {
        let from = match &state {
            Registration::Waiting { bound_until: Some(_), .. } => "Waiting bound".to_owned(),
            Registration::Registered { refresh_at, .. } if *refresh_at > t => "Registered new".to_owned(),
            other => name(other),
        };
        for (label, input) in inputs.clone() {
            let machine = Machine { state: state.clone(), expires: 3600 * S };
            let (next, actions) = machine.step(t, 0, input);
            let to = if next.state == state { "=".to_owned() } else { name(&next.state) };
            writeln!(out, "{from:<14} {label:<14} {to:<15} {actions:?}").unwrap();
        }
    }
    insta::assert_snapshot!(out);
}

#[test]
fn refreshes_leave_time_for_two_attempts() {
    let t = now();
    for (granted, earliest, latest) in [(3600, 2592, 3240), (300, 184, 230), (60, 24, 30), (30, 12, 15), (2, 4, 5)] {
        for draw in [0, 500, 1000, u64::MAX] {
            let state = Registration::Registering { bound_until: None, failures: 0, raises: 0 };
            let machine = Machine { state, expires: 3600 * S };
            let (machine, _) = machine.step(t, draw, Input::Accepted(granted * S));
            let at = machine.deadline().unwrap() - t;
            assert!(at >= earliest * S && at <= latest * S, "{granted}: {at:?}");
        }
    }
}

#[test]
fn back_off_doubles_to_half_an_hour_and_is_drawn() {
    let t = now();
    for (failures, lowest) in [(0, 15), (1, 30), (2, 60), (5, 480), (6, 900), (40, 900)] {
        for (draw, factor) in [(0, 1), (1000, 2)] {
            let state = Registration::Registering { bound_until: None, failures, raises: 0 };
            let (machine, actions) = Machine { state, expires: 3600 * S }.step(t, draw, refused(408));
            assert_eq!(machine.deadline(), Some(t + lowest * factor * S));
            assert_eq!(actions, [Action::Failed { retry_in: Some(lowest * factor * S), permanent: false }]);
        }
    }
}

#[test]
fn retry_after_is_a_floor() {
    let state = Registration::Registering { bound_until: None, failures: 0, raises: 0 };
    let input =
        Input::Refused { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: Some(100 * S), credentials: false };
    let (machine, _) = Machine { state, expires: 3600 * S }.step(now(), 7, input);
    let Registration::Waiting { .. } = machine.state else { panic!() };
    let t = now();
    let wait = machine.deadline().unwrap() - t;
    assert!(wait > 99 * S && wait <= 110 * S, "{wait:?}");
}

#[test]
fn a_registrar_that_raises_for_ever_is_not_followed() {
    let t = now();
    let mut machine = Machine::new(600 * S);
    (machine, _) = machine.step(t, 0, Input::Register);
    for round in 1..=3 {
        let (next, actions) = machine.step(t, 0, Input::TooBrief((600 + round * 100) * S));
        machine = next;
        let again = matches!(actions[..], [Action::Register(_)]);
        assert_eq!(again, round <= 2, "round {round}: {actions:?}");
    }
}
