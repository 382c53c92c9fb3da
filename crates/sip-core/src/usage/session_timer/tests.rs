use super::*;
use std::fmt::Write as _;

const S: Duration = Duration::from_secs(1);

#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// Times as seconds from `t`.
fn show(state: &Expiration, t: Instant) -> String {
    let at = |at: &Instant| at.saturating_duration_since(t).as_secs_f64();
    match state {
        Expiration::Off => "Off".into(),
        Expiration::Ours { interval, refresh_at, end } => {
            format!("Ours {}: refresh at {}, end at {}", interval.as_secs(), at(refresh_at), at(end))
        }
        Expiration::Refreshing { interval, end } => format!("Refreshing {}: end at {}", interval.as_secs(), at(end)),
        Expiration::Theirs { interval, end } => format!("Theirs {}: end at {}", interval.as_secs(), at(end)),
    }
}

#[test]
fn the_whole_table() {
    let t = now();
    let states = [
        Expiration::Off,
        Expiration::Ours { interval: 1800 * S, refresh_at: t + 10 * S, end: t + 878 * S },
        Expiration::Ours { interval: 1800 * S, refresh_at: t, end: t + 868 * S },
        Expiration::Ours { interval: 1800 * S, refresh_at: t, end: t },
        Expiration::Refreshing { interval: 1800 * S, end: t + 868 * S },
        Expiration::Refreshing { interval: 1800 * S, end: t + 4 * S },
        Expiration::Refreshing { interval: 1800 * S, end: t },
        Expiration::Theirs { interval: 1800 * S, end: t + 868 * S },
        Expiration::Theirs { interval: 1800 * S, end: t },
    ];
    let inputs = [
        ("Agreed 90 ours", Input::Agreed { interval: 90 * S, ours: true }),
        ("Agreed 1800 theirs", Input::Agreed { interval: 1800 * S, ours: false }),
        ("Agreed 0 ours", Input::Agreed { interval: Duration::ZERO, ours: true }),
        ("Unset", Input::Unset),
        ("Failed", Input::Failed { retry_after: None }),
        ("Failed 600", Input::Failed { retry_after: Some(600 * S) }),
        ("Failed 3600", Input::Failed { retry_after: Some(3600 * S) }),
        ("Timer", Input::Timer),
    ];
    let mut out = String::new();
    for state in states {
        writeln!(out, "{}", show(&state, t)).unwrap();
        for (label, input) in inputs {
            let (next, action) = state.step(t, input);
            let to = if next == state { "=".to_owned() } else { show(&next, t) };
            writeln!(out, "    {label:<20} {to:<42} {action:?}").unwrap();
        }
    }
    insta::assert_snapshot!(out);
}

#[test]
fn it_acts_at_its_deadline_and_not_one_millisecond_before() {
    let (t, ms) = (now(), Duration::from_millis(1));
    for (ours, due, action) in [(true, 900, Action::Refresh), (false, 1768, Action::Expire)] {
        let (state, _) = Expiration::Off.step(t, Input::Agreed { interval: 1800 * S, ours });
        assert_eq!(state.deadline(), Some(t + due * S));
        assert_eq!(state.step(t + due * S - ms, Input::Timer), (state, Action::None));
        assert_eq!(state.step(t + due * S, Input::Timer).1, action);
    }
}

#[test]
fn a_refresh_that_always_fails_is_tried_a_few_times_and_ends() {
    let t = now();
    let (mut state, _) = Expiration::Off.step(t, Input::Agreed { interval: 1800 * S, ours: true });
    let mut tried = Vec::new();
    while let Some(at) = state.deadline() {
        let action;
        (state, action) = state.step(at, Input::Timer);
        tried.push(((at - t).as_secs(), action));
        if action == Action::Refresh {
            (state, _) = state.step(at, Input::Failed { retry_after: None });
        }
    }
    assert_eq!(tried.last(), Some(&(1768, Action::Expire)));
    let at: Vec<_> = tried.iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [900, 1334, 1551, 1659, 1713, 1740, 1754, 1761, 1765, 1768]);
}
