//! Sounds that are found again behind a codec, and where they are found.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use super::tap::Recording;

/// A chirp lasts for this many samples, and one comes every so many.
const LENGTH: usize = 4_800;
const EVERY: usize = 30_000;
/// The longest delay that is looked for, in samples.
const LONGEST: usize = 12_000;

/// 300 to 3000 Hz in 100 ms, softly begun and ended.
fn chirp() -> Vec<f32> {
    let sample = |n: usize| {
        let t = n as f32 / 48_000.0;
        let window = (std::f32::consts::PI * n as f32 / LENGTH as f32).sin().powi(2);
        0.5 * window * (std::f32::consts::TAU * (300.0 + 13_500.0 * t) * t).sin()
    };
    (0..LENGTH).map(sample).collect()
}

/// What is said again and again.
pub(crate) fn round() -> Vec<f32> {
    let mut round = chirp();
    round.resize(EVERY, 0.0);
    round
}

/// Plays chirps until it is dropped.
pub(crate) struct Feeder {
    program: Child,
}

impl Feeder {
    pub(crate) fn start(sink: &str) -> Feeder {
        let mut program = Command::new("pacat")
            .args(["--playback", "-d", sink, "--latency-msec=40"])
            .args(["--format=float32le", "--rate=48000", "--channels=1"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut into = program.stdin.take().unwrap();
        let bytes: Vec<u8> = round().iter().flat_map(|sample| sample.to_le_bytes()).collect();
        // Ends with the program.
        std::thread::spawn(move || while into.write_all(&bytes).is_ok() {});
        Feeder { program }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// The delay of each chirp, in ms, the shortest first.
pub(crate) struct Delays(Vec<f64>);

impl Delays {
    pub(crate) fn between((mouth, ear): &(Recording, Recording)) -> Delays {
        let apart = match ear.start.checked_duration_since(mouth.start) {
            Some(later) => later.as_secs_f64(),
            None => -mouth.start.duration_since(ear.start).as_secs_f64(),
        };
        let pattern = chirp();
        let mut delays = Vec::new();
        let mut from = 0;
        while let Some(at) = find(&mouth.voice, &pattern, from, EVERY + LENGTH) {
            from = at + EVERY / 2;
            // The same moment in the other recording.
            let there = at as f64 - apart * 48_000.0;
            if there < 0.0 {
                continue;
            }
            let Some(heard) = find(&ear.voice, &pattern, there as usize, LONGEST) else { continue };
            delays.push((heard as f64 - there) / 48.0);
        }
        delays.sort_by(f64::total_cmp);
        Delays(delays)
    }

    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }

    pub(crate) fn p95(&self) -> f64 {
        self.0.get(self.0.len() * 95 / 100).copied().unwrap_or(f64::NAN)
    }
}

/// Where the pattern fits best in so many places from one on, if it fits at all: every fourth place first.
fn find(voice: &[f32], pattern: &[f32], from: usize, places: usize) -> Option<usize> {
    /// The highest of 3 kHz is known by every fifth sample.
    const THIN: usize = 5;
    let product = |one: &[f32], other: &[f32]| -> f32 {
        one.iter().zip(other).step_by(THIN).map(|(one, other)| one * other).sum()
    };
    let wanted = product(pattern, pattern);
    let fit = |at: usize| {
        let part = voice.get(at..at + pattern.len())?;
        Some((at, product(part, pattern)))
    };
    let best = |places: &mut dyn Iterator<Item = usize>| {
        places.filter_map(fit).max_by(|one, other| one.1.total_cmp(&other.1)).map(|(at, _)| at)
    };
    voice.get(from..from + places + pattern.len())?;
    let near = best(&mut (from..from + places).step_by(4))?;
    let at = best(&mut (near.saturating_sub(4)..near + 5))?;
    let part = voice.get(at..at + pattern.len())?;
    let all = (product(part, part) * wanted).sqrt();
    (all > wanted * 0.05 && product(part, pattern) > 0.5 * all).then_some(at)
}
