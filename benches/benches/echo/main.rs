//! What is left of an echo, and of the voice beside it: `./dev bench echo`, which writes `docs/echo.md`.
//!
//! Real speech comes out of a speaker and, by made-up rooms, into a microphone. Echo return loss enhancement (ERLE): how much
//! weaker the far end's voice is after cancellation, in dB, over speech alone after five seconds of learning. AECMOS: what a
//! listener would say of the same seconds, of the echo and of all else that was done to the voice. Everything is virtual
//! time and repeats exactly, but for the last column.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

mod judge;
mod page;
mod room;
mod run;

use std::path::Path;
use std::process::ExitCode;

use denwa_benches::table::Table;

use judge::{Heard, Talk};
use room::Room;
use run::{Case, Near, Outcome};

const TICK: usize = 480;
const SECOND: usize = 100;

/// A scene, what was measured of it, and what AECMOS says of the echo and of all else before and after cancellation.
struct Row {
    name: &'static str,
    outcome: Outcome,
    before: (Option<f64>, Option<f64>),
    after: (Option<f64>, Option<f64>),
}

fn main() -> ExitCode {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let work = here.join("../target/sound");
    let Ok(mut reader) = hound::WavReader::open(work.join("speech_48k.wav")) else {
        println!("echo: NOT MEASURED: no speech in target/sound; `./dev bench echo` makes it");
        return ExitCode::FAILURE;
    };
    let speech: Vec<f32> = reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect();
    let room = Room { delay_ms: 40, seed: 1, distorts: false };
    let alone = |name, room| Case { name, room, then: None, near: Near::Silent };
    let cases = [
        alone("linear", room),
        alone("non-linear", Room { distorts: true, ..room }),
        alone("250 ms delay", Room { delay_ms: 250, ..room }),
        Case { then: Some(Room { delay_ms: 60, seed: 9, ..room }), ..alone("after another path", room) },
        Case { near: Near::Beside, ..alone("double talk", room) },
        Case { near: Near::Alone, ..alone("near end alone", room) },
    ];
    let runs: Vec<(Outcome, Heard)> = cases.iter().map(|case| run::run(case, &speech)).collect();
    let heard: Vec<(Talk, &Heard)> = cases.iter().zip(&runs).map(|(case, (_, heard))| (case.talk(), heard)).collect();
    let scores = judge::judge(&here.join("sound"), &work, &heard);
    let score = |at: usize| scores.as_ref().map(|scores| scores[at]);
    let rows: Vec<Row> = cases
        .iter()
        .zip(runs)
        .enumerate()
        .map(|(at, (case, (outcome, _)))| Row {
            name: case.name,
            outcome,
            before: case.talk().of(score(at).map(|(before, _)| before)),
            after: case.talk().of(score(at).map(|(_, after)| after)),
        })
        .collect();
    print(&rows);
    if scores.is_some() {
        page::write(&here.join("../docs/echo.md"), &rows);
        println!("\n  written: docs/echo.md");
    } else {
        println!(
            "\n  AECMOS: NOT MEASURED: no Python packages in target/sound, or they failed; `./dev bench echo` fetches them"
        );
    }
    ExitCode::SUCCESS
}

fn print(rows: &[Row]) {
    let mut table = Table::new([
        "echo",
        "ERLE dB",
        "20 dB after s",
        "near voice dB",
        "echo MOS",
        "degradation MOS",
        "µs a 10 ms tick",
    ]);
    for Row { name, outcome, before, after } in rows {
        table.row([
            (*name).to_owned(),
            or_none(outcome.erle, 1),
            or_none(outcome.converged, 2),
            or_none(outcome.near, 1),
            or_none(after.0, 2),
            or_none(after.1, 2),
            format!("{:.0}", outcome.micros),
        ]);
        let mut unprocessed = ["  unprocessed", "-", "-", "-", "-", "-", "-"].map(String::from);
        (unprocessed[4], unprocessed[5]) = (or_none(before.0, 2), or_none(before.1, 2));
        table.row(unprocessed);
    }
    table.print("Echo cancellation on real speech, 30 s each");
    println!(
        "\n  Measured elsewhere, on other rooms (linear / non-linear / 250 ms): C++ WebRTC 38.6 / 31.4 / 38.6 dB, \
         speex 32.3 / 26.2 / 30.7 dB."
    );
}

fn or_none(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
