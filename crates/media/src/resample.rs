//! Sample-rate conversion by a windowed sinc, at a fixed ratio or at one that a clock's drift moves.

use std::f64::consts::PI;

/// Taps of the filter per zero crossing scale of 1, that is when not reducing the rate.
const TAPS: usize = 32;
/// Phases of the table when the ratio can be anything; between two the filter is interpolated.
const PHASES: usize = 256;
/// Cut-off as a share of the lower of the two Nyquist frequencies.
const CUTOFF: f64 = 0.95;
/// Shape of the Kaiser window: about 70 dB of stop band.
const BETA: f64 = 7.0;
/// Input is worked off in pieces of this many samples, which bounds the buffer.
const PIECE: usize = 1024;

/// Converts a stream of mono samples from one rate to another; allocates nothing after its making.
///
/// The delay is half the filter: 16 samples of the lower rate.
#[derive(Clone, Debug)]
pub(crate) struct Resampler {
    table: Vec<f32>,
    taps: usize,
    phases: usize,
    interpolated: bool,
    /// Input samples per output sample.
    nominal: f64,
    step: f64,
    /// Where the next output lies, in input samples from the start of `line`.
    at: f64,
    line: Vec<f32>,
    /// Of a whole ratio, which has a faster way: how many outputs an input makes, or inputs an output.
    whole: Whole,
    /// The line by its place within an output, one run after the other.
    runs: Vec<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Whole {
    Up(usize),
    Down(usize),
    No,
}

impl Resampler {
    /// Exactly `from` to `to` samples per second, both at least 1.
    pub(crate) fn fixed(from: u32, to: u32) -> Self {
        let (from, to) = (from.max(1), to.max(1));
        let phases = (to / gcd(from, to)) as usize;
        if phases > PHASES { Self::variable(from, to) } else { Self::build(from, to, phases, false) }
    }

    /// About `from` to `to` samples per second; [`adjust`](Self::adjust) moves the ratio.
    pub(crate) fn variable(from: u32, to: u32) -> Self {
        Self::build(from.max(1), to.max(1), PHASES, true)
    }

    /// All of a recording at once, its start aligned.
    pub(crate) fn convert(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
        let mut resampler = Self::fixed(from, to);
        let mut out = Vec::with_capacity(samples.len() * to as usize / from.max(1) as usize + 64);
        resampler.at = (resampler.taps / 2) as f64;
        resampler.process(samples, &mut out);
        resampler.process(&vec![0.0; resampler.taps / 2], &mut out);
        out
    }

    fn build(from: u32, to: u32, phases: usize, interpolated: bool) -> Self {
        let nominal = f64::from(from) / f64::from(to);
        let scale = nominal.max(1.0);
        // A multiple of 8, for the dot product.
        let taps = ((TAPS as f64 * scale).ceil() as usize).next_multiple_of(8);
        let half = taps as f64 / 2.0;
        let cutoff = CUTOFF / scale;
        let mut table = vec![0.0; (phases + 1) * taps];
        for phase in 0..=phases {
            let row = &mut table[phase * taps..(phase + 1) * taps];
            let fraction = phase as f64 / phases as f64;
            let mut sum = 0.0;
            for (tap, value) in row.iter_mut().enumerate() {
                // The output lies at `half - 1 + fraction` input samples into the taps.
                let x = tap as f64 - (half - 1.0) - fraction;
                let window = bessel(BETA * (1.0 - (x / half).powi(2)).max(0.0).sqrt()) / bessel(BETA);
                let sinc = if x == 0.0 { 1.0 } else { (PI * cutoff * x).sin() / (PI * cutoff * x) };
                *value = (cutoff * sinc * window) as f32;
                sum += f64::from(*value);
            }
            // Unity at 0 Hz in every phase, or the phases would modulate the sound.
            row.iter_mut().for_each(|value| *value /= sum as f32);
        }
        let mut line = Vec::with_capacity(2 * taps + PIECE + nominal.ceil() as usize);
        line.resize(taps - 1, 0.0);
        let whole = match (interpolated, from.is_multiple_of(to), to.is_multiple_of(from)) {
            (false, _, true) => Whole::Up((to / from) as usize),
            (false, true, _) if taps.is_multiple_of((from / to) as usize) => Whole::Down((from / to) as usize),
            _ => Whole::No,
        };
        let runs = Vec::with_capacity(if matches!(whole, Whole::Down(_)) { line.capacity() } else { 0 });
        Resampler { table, taps, phases, interpolated, nominal, step: nominal, at: 0.0, line, whole, runs }
    }

    /// Become like another of the same rates; allocates nothing.
    pub(crate) fn copy_from(&mut self, other: &Resampler) {
        self.line.clone_from(&other.line);
        (self.at, self.step) = (other.at, other.step);
    }

    /// Forget what came before.
    pub(crate) fn clear(&mut self) {
        self.line.clear();
        self.line.resize(self.taps - 1, 0.0);
        self.at = 0.0;
    }

    /// Run `correction` times faster through the input than nominal (1 + a few hundred ppm); at most 5 % either way.
    pub(crate) fn adjust(&mut self, correction: f64) {
        self.step = self.nominal * correction.clamp(0.95, 1.05);
    }

    /// Append to `out` all output that `input` makes possible. Allocates only if `out` must grow.
    pub(crate) fn process(&mut self, input: &[f32], out: &mut Vec<f32>) {
        for piece in input.chunks(PIECE) {
            self.line.extend_from_slice(piece);
            match self.whole {
                Whole::Up(times) => self.up(times, out),
                Whole::Down(times) => self.down(times, out),
                Whole::No => {}
            }
            loop {
                let start = self.at as usize;
                let Some(window) = self.line.get(start..start + self.taps) else { break };
                let position = (self.at - start as f64) * self.phases as f64;
                let sample = if self.interpolated {
                    let phase = (position as usize).min(self.phases - 1);
                    let fraction = (position - phase as f64) as f32;
                    let low = dot(window, &self.table[phase * self.taps..][..self.taps]);
                    let high = dot(window, &self.table[(phase + 1) * self.taps..][..self.taps]);
                    low + (high - low) * fraction
                } else {
                    let phase = (position.round() as usize).min(self.phases);
                    dot(window, &self.table[phase * self.taps..][..self.taps])
                };
                out.push(sample);
                self.at += self.step;
                if !self.interpolated {
                    // Exact: the positions of a fixed ratio are multiples of a phase.
                    self.at = (self.at * self.phases as f64).round() / self.phases as f64;
                }
            }
            let used = (self.at as usize).min(self.line.len());
            self.line.copy_within(used.., 0);
            self.line.truncate(self.line.len() - used);
            self.at -= used as f64;
        }
    }
}

/// Voice that waits, at another rate from now on: a moment of it, which keeps its length.
pub(crate) fn convert(voice: &mut Vec<f32>, from: u32, to: u32) {
    let wanted = voice.len() * to as usize / from.max(1) as usize;
    let converted = Resampler::convert(voice, from, to);
    voice.clear();
    voice.extend_from_slice(&converted[..wanted.min(converted.len())]);
}

/// Let the step from `last` to what follows go over `fade` samples.
pub(crate) fn even_out(last: f32, voice: &mut [f32], fade: usize) {
    let offset = last - voice.first().copied().unwrap_or(last);
    for (n, sample) in voice.iter_mut().take(fade).enumerate() {
        *sample += offset * (1.0 - n as f32 / fade as f32);
    }
}

impl Resampler {
    /// All outputs of the line, [`WIDE`] inputs at a time: each tap is one multiplication for all of them.
    fn up(&mut self, times: usize, out: &mut Vec<f32>) {
        let start = self.at as usize;
        let inputs = (self.line.len() + 1).saturating_sub(start + self.taps) / WIDE * WIDE;
        let first = out.len();
        out.resize(first + inputs * times, 0.0);
        for (block, outs) in out[first..].chunks_exact_mut(WIDE * times).enumerate() {
            let window = &self.line[start + block * WIDE..][..self.taps + WIDE - 1];
            for phase in 0..times {
                let sums = wide(window, &self.table[phase * self.taps..][..self.taps], [0.0; WIDE]);
                outs.iter_mut().skip(phase).step_by(times).zip(sums).for_each(|(out, sum)| *out = sum);
            }
        }
        self.at += inputs as f64;
    }

    /// The same the other way: the line is sorted into `times` runs first.
    fn down(&mut self, times: usize, out: &mut Vec<f32>) {
        let start = self.at as usize;
        let outputs = (self.line.len() + times).saturating_sub(start + self.taps) / times / WIDE * WIDE;
        if outputs == 0 {
            return;
        }
        let taps = self.taps / times;
        let length = outputs + taps - 1;
        self.runs.clear();
        self.runs.resize(length * times, 0.0);
        for (place, run) in self.runs.chunks_exact_mut(length).enumerate() {
            let inputs = self.line[start + place..].iter().step_by(times);
            run.iter_mut().zip(inputs).for_each(|(to, from)| *to = *from);
        }
        for block in 0..outputs / WIDE {
            let mut sums = [0.0; WIDE];
            for (place, run) in self.runs.chunks_exact(length).enumerate() {
                let window = &run[block * WIDE..][..taps + WIDE - 1];
                let mut row = [0.0; TAPS];
                row.iter_mut()
                    .zip(self.table[place..self.taps].iter().step_by(times))
                    .for_each(|(to, from)| *to = *from);
                sums = wide(window, &row[..taps], sums);
            }
            out.extend_from_slice(&sums);
        }
        self.at += (outputs * times) as f64;
    }
}

/// Outputs made at once.
const WIDE: usize = 8;

/// `sums` and the products of `row` with each of the windows that begin at the first samples of `window`.
fn wide(window: &[f32], row: &[f32], mut sums: [f32; WIDE]) -> [f32; WIDE] {
    for (samples, tap) in window.windows(WIDE).zip(row) {
        for (sum, sample) in sums.iter_mut().zip(samples) {
            *sum += tap * sample;
        }
    }
    sums
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The modified Bessel function of the first kind, order 0, by its series.
fn bessel(x: f64) -> f64 {
    let mut sum = 1.0;
    let mut term = 1.0;
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sine, snr_of_sine};

    #[test]
    fn a_tone_keeps_its_frequency_and_its_purity() {
        for (from, to) in [(48_000, 8_000), (8_000, 48_000), (44_100, 48_000), (48_000, 44_100), (16_000, 48_000)] {
            let mut resampler = Resampler::fixed(from, to);
            let mut out = Vec::new();
            for piece in sine(1_000.0, from, 1.0, 0.5).chunks(137) {
                resampler.process(piece, &mut out);
            }
            assert!((out.len() as i64 - i64::from(to)).abs() < 8, "{from} to {to}: {} samples", out.len());
            let snr = snr_of_sine(&out[to as usize / 4..to as usize * 3 / 4], 1_000.0, to);
            assert!(snr > 60.0, "{from} to {to}: {snr} dB");
        }
    }

    #[test]
    fn the_fast_way_is_the_slow_way() {
        for (from, to) in [(8_000, 48_000), (48_000, 8_000), (48_000, 16_000), (16_000, 48_000), (24_000, 48_000)] {
            let mut fast = Resampler::fixed(from, to);
            let mut slow = Resampler { whole: Whole::No, ..fast.clone() };
            assert_ne!(fast.whole, Whole::No);
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            let signal: Vec<f32> = (0..20_000u32).map(|n| ((n * n) % 1_009) as f32 / 1_009.0 - 0.5).collect();
            // Pieces of all sizes.
            let (mut rest, mut size) = (&signal[..], 1);
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                fast.process(piece, &mut ours);
                slow.process(piece, &mut theirs);
                (rest, size) = (after, (size * 7) % 997);
            }
            assert_eq!(ours.len(), theirs.len(), "{from} to {to}");
            let off = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{from} to {to}: {off}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let mut resampler = Resampler::fixed(48_000, 8_000);
        let mut out = Vec::new();
        resampler.process(&sine(6_000.0, 48_000, 1.0, 0.5), &mut out);
        let rms = (out[800..].iter().map(|s| s * s).sum::<f32>() / (out.len() - 800) as f32).sqrt();
        assert!(rms < 0.001, "{rms}");
    }

    #[test]
    fn the_ratio_moves_without_a_click() {
        let mut resampler = Resampler::variable(48_000, 48_000);
        let mut out = Vec::new();
        for (i, piece) in sine(400.0, 48_000, 4.0, 0.5).chunks(480).enumerate() {
            resampler.adjust(1.0 + 0.000_3 * f64::from((i as i32 % 7) - 3));
            resampler.process(piece, &mut out);
        }
        let steepest = out[200..].windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).fold(0.0, f32::max);
        // The second difference of a sine of amplitude 0.5 at 400 Hz is at most 0.5·(2π·400/48000)² = 0.00137.
        assert!(steepest < 0.001_6, "{steepest}");
    }
}
