//! What is left of an echo, and of the voice beside it: `./dev bench echo`.
//!
//! Real speech comes out of a speaker and, by made-up rooms, into a microphone. Echo return loss enhancement (ERLE): how much
//! weaker the far end's voice is after cancellation, in dB, over speech alone after five seconds of learning. Everything is
//! virtual time and repeats exactly, but for the last column.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use denwa_benches::table::Table;
use media::Voice;
use media::voice::Processor;

const TICK: usize = 480;
const SECOND: usize = 100;

/// From speaker to microphone.
#[derive(Clone, Copy)]
struct Room {
    delay_ms: usize,
    /// Where the reflections lie.
    seed: u32,
    /// The speaker is driven too hard.
    distorts: bool,
}

struct Echo {
    taps: Vec<(usize, f32)>,
    distorts: bool,
    played: VecDeque<f32>,
}

impl Echo {
    fn new(room: Room) -> Self {
        let mut state = room.seed;
        let mut dice = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let start = room.delay_ms * 48;
        let mut taps = vec![(start, 0.4)];
        // 80 ms of reflections that die away.
        taps.extend((0..60).map(|_| {
            let after = (dice() * 80.0 * 48.0) as usize;
            (start + after, (dice() - 0.5) * 0.3 * (-(after as f32) / (20.0 * 48.0)).exp())
        }));
        let longest = taps.iter().map(|(at, _)| at + 1).max().unwrap_or(1);
        Self { taps, distorts: room.distorts, played: VecDeque::from(vec![0.0; longest]) }
    }

    fn of(&mut self, sample: f32) -> f32 {
        let out = if self.distorts { (sample * 4.0).tanh() / 4.0 } else { sample };
        self.played.push_front(out);
        self.played.pop_back();
        self.taps.iter().map(|(at, gain)| self.played[*at] * gain).sum()
    }
}

struct Case {
    name: &'static str,
    room: Room,
    /// Another room from the 15th second on.
    then: Option<Room>,
    /// Somebody speaks here from the 15th second on.
    near: bool,
}

struct Outcome {
    erle: f64,
    /// Seconds until 20 dB are reached, from the start or the change.
    converged: Option<f64>,
    /// What is left of the near voice's power, in dB.
    near: Option<f64>,
    micros: f64,
}

fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

fn run(case: &Case, speech: &[f32]) -> Outcome {
    let only_echo = {
        let mut voice = Voice::default();
        (voice.noise_suppression, voice.gain_control) = (false, false);
        voice
    };
    let mut processor = Processor::new(only_echo);
    let mut echo = Echo::new(case.room);
    let change = 15 * SECOND;
    let (mut before, mut after, mut near_in, mut near_out) = (0.0, 0.0, 0.0, 0.0);
    let mut recent: VecDeque<(f64, f64)> = VecDeque::new();
    let (mut converged, mut spent) = (None, Duration::ZERO);
    let begins = if case.then.is_some() { change } else { 0 };
    for tick in 0..30 * SECOND {
        if tick == change
            && let Some(room) = case.then
        {
            echo = Echo::new(room);
        }
        let at = tick * TICK;
        let far: [f32; TICK] = std::array::from_fn(|n| speech[at + n]);
        let double = case.near && tick >= change;
        let near: [f32; TICK] =
            std::array::from_fn(|n| if double { speech[speech.len() - 30 * SECOND * TICK + at + n] } else { 0.0 });
        let reflected: [f32; TICK] = std::array::from_fn(|n| echo.of(far[n]));
        let mut mouth: [f32; TICK] = std::array::from_fn(|n| (reflected[n] + near[n]).clamp(-1.0, 1.0));
        let heard = mouth;
        let began = Instant::now();
        processor.play(&far);
        processor.capture(&mut mouth, Duration::from_millis(case.room.delay_ms as u64));
        spent += began.elapsed();
        if double {
            near_in += power(&near);
            near_out += power(&mouth);
            continue;
        }
        recent.push_back((power(&heard), power(&mouth)));
        if recent.len() > SECOND / 2 {
            recent.pop_front();
        }
        let (sum_in, sum_out) = recent.iter().fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        if tick > begins + SECOND / 2 && converged.is_none() && sum_in > 1.0 && sum_in > sum_out * 100.0 {
            converged = Some((tick - begins) as f64 / SECOND as f64);
        }
        if tick >= begins + 5 * SECOND {
            before += power(&heard);
            after += power(&mouth);
        }
    }
    Outcome {
        erle: 10.0 * (before / (after + 1e-9)).log10(),
        converged,
        near: case.near.then(|| 10.0 * (near_out / near_in).log10()),
        micros: spent.as_secs_f64() * 1e6 / (30 * SECOND) as f64,
    }
}

fn main() -> ExitCode {
    let speech = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sound/speech_48k.wav");
    let Ok(mut reader) = hound::WavReader::open(&speech) else {
        println!("echo: NOT MEASURED: no speech in target/sound; `./dev bench echo` makes it");
        return ExitCode::FAILURE;
    };
    let speech: Vec<f32> = reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect();
    let room = Room { delay_ms: 40, seed: 1, distorts: false };
    let cases = [
        Case { name: "linear", room, then: None, near: false },
        Case { name: "non-linear", room: Room { distorts: true, ..room }, then: None, near: false },
        Case { name: "250 ms delay", room: Room { delay_ms: 250, ..room }, then: None, near: false },
        Case { name: "after another path", room, then: Some(Room { delay_ms: 60, seed: 9, ..room }), near: false },
        Case { name: "double talk", room, then: None, near: true },
    ];
    let mut table = Table::new(["echo", "ERLE dB", "20 dB after s", "near voice dB", "µs a 10 ms tick"]);
    for case in &cases {
        let outcome = run(case, &speech);
        let or_none =
            |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
        table.row([
            case.name.to_owned(),
            format!("{:.1}", outcome.erle),
            or_none(outcome.converged, 2),
            or_none(outcome.near, 1),
            format!("{:.0}", outcome.micros),
        ]);
    }
    table.print("Echo cancellation on real speech, 30 s each");
    println!(
        "\n  Measured elsewhere, on other rooms (linear / non-linear / 250 ms): C++ WebRTC 38.6 / 31.4 / 38.6 dB, \
         speex 32.3 / 26.2 / 30.7 dB."
    );
    ExitCode::SUCCESS
}
