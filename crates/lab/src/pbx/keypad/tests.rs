use std::fmt::Write as _;

use super::*;

/// 70 is a number and the beginning of 700; 1003 is one.
fn plan(digits: &str) -> Match {
    match digits {
        "70" => Match::Number,
        "700" | "1003" => Match::Complete,
        "" | "7" | "1" | "10" | "100" => Match::Part,
        _ => Match::Nothing,
    }
}

/// Every code × every state × every input.
#[test]
fn table() {
    let now = Instant::now();
    let collecting = |transfer, digits: &str| State::Collecting {
        transfer,
        digits: digits.to_owned(),
        due: now + Duration::from_millis(10),
    };
    let states = [
        ("Idle", State::Idle),
        ("Collecting * 100", collecting(Transfer::Attended, "100")),
        ("Collecting # 70", collecting(Transfer::Blind, "70")),
        ("Collecting # 9", collecting(Transfer::Blind, "9")),
        ("Consulting", State::Consulting { star: None }),
        ("Consulting *", State::Consulting { star: Some(now + BETWEEN_CODE) }),
    ];
    let inputs = ['3', '1', '2', '*', '#'].map(Input::Key).into_iter().chain([Input::Time, Input::Reset]);
    let mut table = String::new();
    for codes in [Codes::Off, Codes::Features, Codes::Guide] {
        for (name, state) in &states {
            for input in inputs.clone() {
                let later = now + Duration::from_millis(10);
                let keypad = Keypad { codes, state: state.clone() };
                let (next, outcome) = keypad.step(later, input, plan);
                let next = match next.state {
                    State::Idle => "Idle".to_owned(),
                    State::Collecting { transfer, digits, due } => {
                        format!("Collecting {transfer:?} {digits:?} for {:?}", due - later)
                    }
                    State::Consulting { star } => format!("Consulting {:?}", star.map(|until| until - later)),
                };
                let passed = if outcome.consumed { "" } else { " (passed on)" };
                let action = outcome.action.map_or_else(|| "-".to_owned(), |action| format!("{action:?}"));
                let (codes, input) = (format!("{codes:?}"), format!("{input:?}"));
                let _ = writeln!(table, "{codes:8} {name:16} {input:8} → {next:38} {action}{passed}");
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_key_after_a_star_may_take_a_second_and_no_longer() {
    let now = Instant::now();
    let consulting = Keypad { codes: Codes::Features, state: State::Consulting { star: None } };
    let (starred, _) = consulting.step(now, Input::Key('*'), plan);
    for (after, aborts) in [(1_000, true), (1_001, false)] {
        let (_, outcome) = starred.clone().step(now + Duration::from_millis(after), Input::Key('1'), plan);
        assert_eq!(outcome.action == Some(Action::Abort), aborts, "after {after} ms");
    }
}
