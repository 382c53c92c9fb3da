//! `docs/echo.md`.

use std::fmt::Write;
use std::path::Path;

use crate::{Row, or_none};

pub(crate) fn write(path: &Path, rows: &[Row]) {
    let mut page = String::from(HEAD);
    for Row { name, outcome, before, after } in rows {
        let bold = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("**{value:.2}**"));
        writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            or_none(outcome.erle, 1),
            or_none(outcome.converged, 2),
            or_none(outcome.near, 1),
            bold(after.0),
            or_none(before.0, 2),
            bold(after.1),
            or_none(before.1, 2),
        )
        .unwrap();
    }
    std::fs::write(path, page).unwrap();
}

const HEAD: &str = "\
# What is left of an echo, measured

Written by `./dev bench echo`; do not edit.

Speech (Asterisk's English prompts) comes out of a speaker and, after 40 ms and with 80 ms of reflections, into a
microphone, 30 s for each scene, in virtual time, through `media::voice::Processor` with echo cancellation alone. The
speaker of `non-linear` is driven too hard; the room of `after another path` is another one from the 15th second on; in
`double talk` somebody speaks here too from then on, as loud as the speaker, and in `near end alone` nobody else does. ERLE:
how much weaker the echo is after cancellation, over the seconds in which only the far end speaks, after 5 s of learning.
The near voice: how its power changes. AECMOS (Microsoft's model of what listeners say in its echo cancellation
challenges, from the Python package `speechmos`, MIT, with the 16 kHz model; 1 is very annoying, 5 imperceptible) judges
the same seconds, or those in which somebody speaks here, of the far end's sound, the microphone's and what is sent: once
for the echo, and once for all else that was done to the near voice. Beside each score stands that of the microphone
unprocessed.

| scene | ERLE dB | 20 dB after s | near voice dB | echo MOS | unprocessed | degradation MOS | unprocessed |
|---|---|---|---|---|---|---|---|
";
