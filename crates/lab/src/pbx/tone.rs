//! What the services play: tones, a tune and a voice that says nothing, all made out of sines.

use std::f32::consts::TAU;
use std::time::Duration;

/// What sounds for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sound {
    Silence,
    /// One sine, in Hz.
    Tone(f32),
    /// A voice at 120 Hz with two formants, in Hz: a vowel.
    Vowel(f32, f32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Note {
    sound: Sound,
    millis: u32,
}

const fn tone(hertz: f32, millis: u32) -> Note {
    Note { sound: Sound::Tone(hertz), millis }
}

const fn vowel(first: f32, second: f32, millis: u32) -> Note {
    Note { sound: Sound::Vowel(first, second), millis }
}

const fn pause(millis: u32) -> Note {
    Note { sound: Sound::Silence, millis }
}

/// A sequence of notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tune {
    notes: &'static [Note],
    repeats: bool,
}

/// The ringing tone of most of Europe: 425 Hz, a second of it every five (ITU-T E.180).
pub(super) const RINGING: Tune = Tune { notes: &[tone(425.0, 1_000), pause(4_000)], repeats: true };

/// The Ode to Joy, in C.
pub(super) const MUSIC: Tune = {
    const C: f32 = 261.63;
    const D: f32 = 293.66;
    const E: f32 = 329.63;
    const F: f32 = 349.23;
    const G: f32 = 392.0;
    Tune {
        notes: &[
            tone(E, 400),
            tone(E, 400),
            tone(F, 400),
            tone(G, 400),
            tone(G, 400),
            tone(F, 400),
            tone(E, 400),
            tone(D, 400),
            tone(C, 400),
            tone(C, 400),
            tone(D, 400),
            tone(E, 400),
            tone(E, 600),
            tone(D, 200),
            tone(D, 800),
        ],
        repeats: true,
    }
};

/// A signal and a sentence: 3.1 seconds.
pub(super) const ANNOUNCEMENT: Tune = Tune {
    notes: &[
        pause(100),
        tone(660.0, 150),
        tone(880.0, 250),
        pause(200),
        vowel(700.0, 1_200.0, 250),
        pause(50),
        vowel(300.0, 2_300.0, 200),
        vowel(500.0, 1_900.0, 250),
        pause(150),
        vowel(450.0, 800.0, 250),
        pause(50),
        vowel(700.0, 1_200.0, 200),
        vowel(300.0, 2_300.0, 350),
        pause(100),
        tone(880.0, 150),
        tone(660.0, 250),
        pause(150),
    ],
    repeats: false,
};

/// A slot number, spoken: 2.6 seconds that sound like nothing else here.
pub(super) const SLOT: Tune = Tune {
    notes: &[
        tone(700.0, 300),
        pause(100),
        vowel(700.0, 1_200.0, 500),
        pause(150),
        vowel(300.0, 2_300.0, 500),
        pause(150),
        vowel(450.0, 800.0, 500),
        pause(100),
        tone(700.0, 300),
    ],
    repeats: false,
};

/// Precedes speech when a parked call is taken: 0.4 seconds.
pub(super) const COURTESY: Tune = Tune { notes: &[tone(880.0, 400)], repeats: false };

/// Something did not work: 0.6 seconds.
pub(super) const ERROR: Tune = Tune { notes: &[tone(240.0, 600)], repeats: false };

/// The busy tone of most of Europe: 425 Hz, half a second of it every second (ITU-T E.180).
pub(super) const BUSY: Tune = Tune { notes: &[tone(425.0, 500), pause(500)], repeats: true };

/// A part of full scale: -12 dB, so that nothing clips.
const LOUDNESS: f32 = 0.25;
/// Notes begin and end softly, in ms; else they click.
const FADE: f32 = 5.0;

impl Tune {
    /// How long it takes, once through.
    pub(super) fn length(&self) -> Duration {
        Duration::from_millis(self.notes.iter().map(|note| u64::from(note.millis)).sum())
    }

    /// Fills `frame` with samples (-1 to 1) from `position` on, in samples at `rate` Hz. False when nothing was left.
    pub(super) fn render(&self, position: u64, rate: u32, frame: &mut [f32]) -> bool {
        let length = self.length().as_millis() as u64 * u64::from(rate) / 1_000;
        for (at, sample) in (position..).zip(frame.iter_mut()) {
            let at = if self.repeats { at % length.max(1) } else { at };
            *sample = self.sample(at, rate);
        }
        self.repeats || position < length
    }

    fn sample(&self, at: u64, rate: u32) -> f32 {
        let mut begin = 0;
        for note in self.notes {
            let length = u64::from(note.millis) * u64::from(rate) / 1_000;
            if at < begin + length {
                return note.sample(at - begin, length, rate);
            }
            begin += length;
        }
        0.0
    }
}

impl Note {
    fn sample(&self, at: u64, length: u64, rate: u32) -> f32 {
        let seconds = at as f32 / rate as f32;
        let fade = FADE / 1_000.0 * rate as f32;
        let envelope = (at.min(length - at) as f32 / fade).min(1.0) * LOUDNESS;
        match self.sound {
            Sound::Silence => 0.0,
            Sound::Tone(hertz) => envelope * (TAU * hertz * seconds).sin(),
            Sound::Vowel(first, second) => envelope * voice(first, second, seconds),
        }
    }
}

/// Harmonics of 120 Hz, strong near the formants.
fn voice(first: f32, second: f32, seconds: f32) -> f32 {
    const PITCH: f32 = 120.0;
    let near = |hertz: f32, formant: f32, width: f32| 1.0 / (1.0 + ((hertz - formant) / width).powi(2));
    let harmonics = (1..=25).map(|number| number as f32 * PITCH);
    let sum: f32 = harmonics
        .map(|hertz| (near(hertz, first, 90.0) + 0.5 * near(hertz, second, 120.0)) * (TAU * hertz * seconds).sin())
        .sum();
    (sum / 3.0).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(tune: Tune, rate: u32, seconds: usize) -> Vec<f32> {
        let mut samples = vec![0.0; rate as usize * seconds];
        tune.render(0, rate, &mut samples);
        samples
    }

    /// Rising zero crossings a second.
    fn crossings(samples: &[f32]) -> usize {
        samples.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count()
    }

    #[test]
    fn ringing_sounds_one_second_in_five_at_any_rate() {
        for rate in [8_000, 48_000] {
            let samples = rendered(RINGING, rate, 6);
            let second = |n: usize| &samples[n * rate as usize..(n + 1) * rate as usize];
            assert!(crossings(second(0)).abs_diff(425) <= 1);
            assert!(second(1).iter().chain(second(4)).all(|sample| *sample == 0.0));
            assert!(crossings(second(5)).abs_diff(425) <= 1);
        }
    }

    #[test]
    fn nothing_clips_and_nothing_jumps() {
        for tune in [RINGING, MUSIC, ANNOUNCEMENT] {
            let samples = rendered(tune, 48_000, 4);
            let jump = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(samples.iter().all(|sample| sample.abs() <= LOUDNESS) && jump < 0.1, "{jump}");
        }
    }

    #[test]
    fn an_announcement_ends_and_music_does_not() {
        let end = ANNOUNCEMENT.length().as_millis() as u64 * 8;
        let mut frame = [0.0; 160];
        assert!(ANNOUNCEMENT.render(end - 1, 8_000, &mut frame));
        assert!(!ANNOUNCEMENT.render(end, 8_000, &mut frame));
        assert!(MUSIC.render(1_000_000_000, 8_000, &mut frame));
    }
}
