//! Tones that a telephone makes by itself: ringback, busy, call waiting, a key, a beep. What they sound like in which
//! country is in `tone/countries.rs`.

mod countries;

use std::f32::consts::TAU;

use crate::codec::RATE as SAMPLE_RATE;
use crate::dtmf;

pub use countries::{Country, Signal, UnknownCountry};

/// A tone with its cadence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// Up to two frequencies in Hz; 0 is none.
    frequencies: [f32; 2],
    /// Amplitude modulation in Hz; 0 is none.
    modulation: f32,
    /// Peak of each frequency, 0 to 1.
    amplitude: f32,
    /// Milliseconds on and off, one after the other; all of 0 is a continuous tone.
    cadence: [(u32, u32); 2],
    /// How often; 0 is for ever.
    times: u32,
}

/// Peak of each frequency: -23 dBov, loud enough and no shock.
const AMPLITUDE: f32 = 0.1;
const CONTINUOUS: [(u32, u32); 2] = [(0, 0); 2];

impl Tone {
    /// A plain tone until it is stopped: `frequency` in Hz, `amplitude` 0 to 1.
    pub const fn continuous(frequency: f32, amplitude: f32) -> Self {
        Tone { frequencies: [frequency, 0.0], modulation: 0.0, amplitude, cadence: CONTINUOUS, times: 0 }
    }

    /// What a country's telephones say by this signal.
    pub const fn of(country: Country, signal: Signal) -> Self {
        countries::tone(country, signal)
    }

    /// The far end rings, as in Japan.
    pub const fn ringback() -> Self {
        Tone::of(Country::Japan, Signal::Ringback)
    }

    /// The far end is busy, as in Japan.
    pub const fn busy() -> Self {
        Tone::of(Country::Japan, Signal::Busy)
    }

    /// One short beep of 1 kHz.
    pub const fn beep() -> Self {
        Tone { cadence: [(150, 50), (0, 0)], times: 1, ..Tone::continuous(1_000.0, AMPLITUDE) }
    }

    /// A key's two tones, once (ITU-T Q.23).
    /// `None` for what is no key.
    pub fn key(key: char) -> Option<Self> {
        let (low, high) = dtmf::frequencies(dtmf::event_of(key)?);
        let cadence = [(100, 50), (0, 0)];
        Some(Tone { frequencies: [low, high], modulation: 0.0, amplitude: AMPLITUDE, cadence, times: 1 })
    }

    /// How long one round of the cadence is, in samples; 0 for a continuous tone.
    fn round(&self) -> u64 {
        self.cadence.iter().map(|(on, off)| samples(*on) + samples(*off)).sum()
    }

    /// The gain at `within` samples of a round.
    fn gain(&self, within: u64) -> f32 {
        let mut start = 0;
        for (on, off) in self.cadence.map(|(on, off)| (samples(on), samples(off))) {
            if (start..start + on).contains(&within) {
                let (rise, fall) = (within - start, start + on - within);
                return rise.min(fall).min(FADE) as f32 / FADE as f32;
            }
            start += on + off;
        }
        0.0
    }
}

fn samples(ms: u32) -> u64 {
    u64::from(ms) * u64::from(SAMPLE_RATE / 1_000)
}

/// Samples over which a tone fades in and out: 5 ms, so that it does not click.
const FADE: u64 = SAMPLE_RATE as u64 / 200;

/// Makes a [`Tone`] audible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generator {
    tone: Tone,
    at: u64,
    /// Fades out from this sample on.
    stopped: Option<u64>,
}

impl Generator {
    /// From the tone's start.
    pub(crate) fn new(tone: Tone) -> Self {
        Generator { tone, at: 0, stopped: None }
    }

    /// Fade out; then [`mix`](Self::mix) is `false`.
    pub(crate) fn stop(&mut self) {
        self.stopped.get_or_insert(self.at);
    }

    /// Add the next samples (48 kHz) to `out`; `false` when the tone is over.
    pub(crate) fn mix(&mut self, out: &mut [f32]) -> bool {
        let round = self.tone.round();
        for sample in out {
            if self.tone.times > 0 && self.at >= round * u64::from(self.tone.times) {
                return false;
            }
            let stop_gain = match self.stopped {
                Some(since) if self.at - since >= FADE => return false,
                Some(since) => 1.0 - (self.at - since) as f32 / FADE as f32,
                None => 1.0,
            };
            let gain = match round {
                0 => self.at.min(FADE) as f32 / FADE as f32,
                _ => self.tone.gain(self.at % round),
            };
            if gain > 0.0 {
                *sample += self.value() * gain * stop_gain;
            }
            self.at += 1;
        }
        true
    }

    fn value(&self) -> f32 {
        let wave = |frequency: f32| {
            let turns = f64::from(frequency) * self.at as f64 / f64::from(SAMPLE_RATE);
            (turns.fract() as f32 * TAU).sin()
        };
        let carrier: f32 = self.tone.frequencies.iter().filter(|&&f| f > 0.0).map(|&f| wave(f)).sum();
        let envelope = if self.tone.modulation > 0.0 { 0.5 * (1.0 + wave(self.tone.modulation)) } else { 1.0 };
        carrier * envelope * self.tone.amplitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snr_of_sine;

    #[test]
    fn a_tone_is_what_it_says_and_ends() {
        let mut out = vec![0.0; 48_000];
        assert!(!Generator::new(Tone::beep()).mix(&mut out), "a beep is over within a second");
        assert!(snr_of_sine(&out[480..6_720], 1_000.0, SAMPLE_RATE) > 60.0);
        assert!(out[7_300..].iter().all(|&s| s == 0.0));
    }

    #[test]
    fn cadence_and_stop_do_not_click() {
        let mut generator = Generator::new(Tone::busy());
        let mut out = vec![0.0; 60_000];
        assert!(generator.mix(&mut out));
        generator.stop();
        let mut rest = vec![0.0; 4_800];
        assert!(!generator.mix(&mut rest));
        out.extend(rest);
        let steepest = out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.1 * TAU * 400.0 / 48_000.0 * 1.1, "{steepest}");
    }
}
