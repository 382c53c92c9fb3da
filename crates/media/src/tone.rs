//! Tones that a telephone makes by itself: ringback, busy, a beep.

use std::f32::consts::TAU;

use crate::codec::RATE as SAMPLE_RATE;
use crate::dtmf;

/// A tone with its cadence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// Up to two frequencies in Hz; 0 is none.
    frequencies: [f32; 2],
    /// Amplitude modulation in Hz; 0 is none.
    modulation: f32,
    /// Peak of each frequency, 0 to 1.
    amplitude: f32,
    /// Milliseconds on and off; `off` of 0 is a continuous tone.
    on: u32,
    off: u32,
    /// How often; 0 is for ever.
    times: u32,
}

impl Tone {
    /// A plain tone until it is stopped: `frequency` in Hz, `amplitude` 0 to 1.
    pub const fn continuous(frequency: f32, amplitude: f32) -> Self {
        Tone { frequencies: [frequency, 0.0], modulation: 0.0, amplitude, on: 1_000, off: 0, times: 0 }
    }

    /// The far end rings: 400 Hz modulated at 16 Hz, 1 s on, 2 s off (E.180 supplement 2, Japan).
    pub const fn ringback() -> Self {
        Tone { frequencies: [400.0, 0.0], modulation: 16.0, amplitude: 0.1, on: 1_000, off: 2_000, times: 0 }
    }

    /// The far end is busy: 400 Hz, 0.5 s on, 0.5 s off.
    pub const fn busy() -> Self {
        Tone { frequencies: [400.0, 0.0], modulation: 0.0, amplitude: 0.1, on: 500, off: 500, times: 0 }
    }

    /// One short beep of 1 kHz.
    pub const fn beep() -> Self {
        Tone { frequencies: [1_000.0, 0.0], modulation: 0.0, amplitude: 0.1, on: 150, off: 50, times: 1 }
    }

    /// A key's two tones, once (ITU-T Q.23).
    /// `None` for what is no key.
    pub fn key(key: char) -> Option<Self> {
        let (low, high) = dtmf::frequencies(dtmf::event_of(key)?);
        Some(Tone { frequencies: [low, high], modulation: 0.0, amplitude: 0.1, on: 100, off: 50, times: 1 })
    }
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
        let per_ms = u64::from(SAMPLE_RATE / 1000);
        let (on, off) = (u64::from(self.tone.on) * per_ms, u64::from(self.tone.off) * per_ms);
        for sample in out {
            let cycle = self.at / (on + off).max(1);
            if self.tone.times > 0 && cycle >= u64::from(self.tone.times) {
                return false;
            }
            let stop_gain = match self.stopped {
                Some(since) if self.at - since >= FADE => return false,
                Some(since) => 1.0 - (self.at - since) as f32 / FADE as f32,
                None => 1.0,
            };
            let within = self.at % (on + off).max(1);
            if within < on || off == 0 {
                let rise = if off == 0 { self.at } else { within };
                let fall = if off == 0 { FADE } else { on - within };
                let gain = rise.min(fall).min(FADE) as f32 / FADE as f32;
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
        generator.mix(&mut out);
        generator.stop();
        let mut rest = vec![0.0; 4_800];
        assert!(!generator.mix(&mut rest));
        out.extend(rest);
        let steepest = out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.1 * TAU * 400.0 / 48_000.0 * 1.1, "{steepest}");
    }
}
