#![allow(clippy::wildcard_enum_match_arm)]

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test's time begins somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

/// A script: keys are pressed without pause; ` ` lets the deadline come, `!` hangs up, `<` loses the target.
fn play(codes: &Codes, script: &str) -> String {
    let mut now = epoch();
    let mut keypad = Keypad::default();
    let mut said = Vec::new();
    for key in script.chars() {
        let press = match key {
            ' ' => {
                let Some(due) = keypad.deadline() else {
                    said.push("(no deadline)".to_owned());
                    continue;
                };
                let early = due - Duration::from_millis(1);
                assert_eq!(keypad.clone().step(early, codes, Press::Deadline), (keypad.clone(), vec![]), "not before");
                now = due;
                Press::Deadline
            }
            '!' => Press::HangUp,
            '<' => Press::Back,
            '>' => Press::Connected,
            key => Press::Key(key),
        };
        let (next, out) = keypad.step(now, codes, press);
        keypad = next;
        said.extend(out.into_iter().filter(|what| !matches!(what, Do::Number(_))).map(|what| match what {
            Do::Send(keys) => keys.to_string(),
            other => format!("{other:?}").replace('"', ""),
        }));
    }
    if keypad.is_waiting() {
        said.push("waiting".to_owned());
    }
    said.join(" ")
}

#[test]
fn the_guides_codes() {
    let codes = Codes::default();
    let cases = [
        // IVRs keep working: what is no code goes out at once.
        ("1", "1"),
        ("12 5", "1 2 (no deadline) 5"),
        // `*`, a number, a pause: dialled by itself. To hang up completes it, answered or not.
        ("*", "Hold waiting"),
        ("*1003", "Hold waiting"),
        ("*1003 ", "Hold Consult(1003) waiting"),
        ("*1003#", "Hold Consult(1003) waiting"),
        ("*1003 !", "Hold Consult(1003) Complete"),
        ("*1003 5!", "Hold Consult(1003) 5 Complete"),
        ("*1003!", "Hold Transfer(1003)"),
        // `#` does the same blind.
        ("#1003 ", "Hold Transfer(1003)"),
        ("#1003!", "Hold Transfer(1003)"),
        // One way back at every step.
        ("**", "Hold Return"),
        ("*10*", "Hold Return"),
        ("*1003 *", "Hold Consult(1003) Return"),
        ("#10*", "Hold Return"),
        ("* ", "Hold Return"),
        ("*!", "Hold Return"),
        ("*1003 <", "Hold Consult(1003)"),
        // After that all is as before.
        ("**7", "Hold Return 7"),
        ("*1003 *7", "Hold Consult(1003) Return 7"),
        ("*1>*", "Hold Return"),
    ];
    for (script, said) in cases {
        assert_eq!(play(&codes, script), said, "{script}");
    }
}

#[test]
fn codes_of_several_keys() {
    let code = |text: &str| text.parse::<Digits>().unwrap();
    let codes = Codes { attended: code("*2"), blind: code("##"), back: code("*0"), ..Codes::default() };
    let cases = [
        // A key that may become a code waits, at most its time.
        ("*", ""),
        ("* ", "*"),
        ("*5", "*5"),
        ("*21003 ", "Hold Consult(1003) waiting"),
        ("**21003 ", "* Hold Consult(1003) waiting"),
        ("#5", "#5"),
        ("##7 ", "Hold Transfer(7)"),
        // In a number the beginning of the code to go back is kept, too.
        ("*21*5 ", "Hold Consult(1*5) waiting"),
        ("*21*0", "Hold Return"),
        ("*21003 *5", "Hold Consult(1003) *5 waiting"),
        ("*21003 * ", "Hold Consult(1003) * waiting"),
        ("*21003 *0", "Hold Consult(1003) Return"),
    ];
    for (script, said) in cases {
        assert_eq!(play(&codes, script), said, "{script}");
    }
    // One code is the beginning of another: the shorter one waits for its time.
    let codes = Codes { attended: code("*"), blind: code("*1"), back: code("*"), ..Codes::default() };
    assert_eq!(play(&codes, "* "), "Hold waiting");
    assert_eq!(play(&codes, "*17 "), "Hold Transfer(7)");
}

#[test]
fn the_times() {
    let (codes, now) = (Codes::default(), epoch());
    let wait = |script: &str| {
        let keypad = script.chars().fold(Keypad::default(), |pad, key| pad.step(now, &codes, Press::Key(key)).0);
        keypad.deadline().map(|due| (due - now).as_secs())
    };
    assert_eq!(wait("5"), None);
    assert_eq!(wait("*"), Some(10));
    assert_eq!(wait("*1"), Some(3));
    assert_eq!(wait("*1003"), Some(3));
}

#[test]
fn a_number_has_an_end_and_strange_keys_are_nothing() {
    let codes = Codes::default();
    let script = format!("*{} ", "1".repeat(MAX_NUMBER + 5));
    assert_eq!(play(&codes, &script), format!("Hold Consult({}) waiting", "1".repeat(MAX_NUMBER)));
    assert_eq!(play(&codes, "xé1"), "1");
}
