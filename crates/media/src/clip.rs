//! A recording in memory: hold music, an announcement.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::codec::RATE;
use crate::resample::Resampler;
use crate::wav::{self, WavError};

/// The longest clip, in seconds: 48 MB in memory.
pub const MAX_CLIP: u32 = 500;

/// A recording, whole in memory: mono, 48 kHz, 16 bits. Share it in an [`Arc`]: many streams can play the same one.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    samples: Vec<i16>,
}

impl Clip {
    /// Read a WAV file: any rate from 1000 Hz, channels are mixed, integers of 8 to 32 bits or 32-bit floats, at most
    /// [`MAX_CLIP`] seconds. It blocks as long as the disk does.
    ///
    /// # Errors
    /// The file cannot be read, is no WAV file, is empty or too long.
    pub fn from_wav(path: impl AsRef<Path>) -> Result<Clip, WavError> {
        wav::read(path.as_ref(), MAX_CLIP).map(|voice| Clip::new(&voice))
    }

    /// Mono samples, -1 to 1, `rate` of them a second, at most [`MAX_CLIP`] seconds.
    ///
    /// # Errors
    /// There are none, fewer than 1000 a second, or too many.
    pub fn from_samples(samples: &[f32], rate: u32) -> Result<Clip, WavError> {
        if samples.is_empty() || rate < 1_000 {
            return Err(WavError::Empty);
        }
        if samples.len() as u64 > u64::from(rate) * u64::from(MAX_CLIP) {
            return Err(WavError::TooLong(MAX_CLIP));
        }
        if rate == RATE {
            return Ok(Clip::new(samples));
        }
        Ok(Clip::new(&Resampler::convert(samples, rate, RATE)))
    }

    /// How long it sounds.
    pub fn duration(&self) -> std::time::Duration {
        std::time::Duration::from_micros(self.samples.len() as u64 * 1_000 / 48)
    }

    fn new(voice: &[f32]) -> Clip {
        Clip { samples: voice.iter().map(|sample| to_i16(*sample)).collect() }
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clip").field("duration", &self.duration()).finish_non_exhaustive()
    }
}

/// Samples over which a clip fades in and out where it is cut: 5 ms, so that it does not click.
const FADE: usize = RATE as usize / 200;

/// Makes a [`Clip`] audible.
#[derive(Debug, Clone)]
pub(crate) struct Player {
    clip: Arc<Clip>,
    at: usize,
    looped: bool,
    /// Samples since the beginning, as far as the fade reaches, and until the end once it was stopped.
    rise: usize,
    fall: Option<usize>,
}

impl Player {
    /// From the clip's start; `looped` plays it over and over.
    pub(crate) fn new(clip: Arc<Clip>, looped: bool) -> Player {
        Player { clip, at: 0, looped, rise: 0, fall: None }
    }

    /// Fade out; then [`mix`](Self::mix) is `false`.
    pub(crate) fn stop(&mut self) {
        self.fall.get_or_insert(FADE);
    }

    /// Add the next samples (48 kHz) to `out`; `false` when the clip is over.
    pub(crate) fn mix(&mut self, out: &mut [f32]) -> bool {
        for sample in out {
            if self.at == self.clip.samples.len() {
                if !self.looped {
                    return false;
                }
                self.at = 0;
            }
            // A clip is at least one sample long.
            let mut value = f32::from(self.clip.samples[self.at]) / 32_768.0;
            self.at += 1;
            if self.rise < FADE {
                self.rise += 1;
                value *= self.rise as f32 / FADE as f32;
            }
            if let Some(left) = &mut self.fall {
                if *left == 0 {
                    return false;
                }
                *left -= 1;
                value *= *left as f32 / FADE as f32;
            }
            *sample += value;
        }
        true
    }
}

/// A sample as 16 bits.
pub(crate) fn to_i16(sample: f32) -> i16 {
    (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(samples: usize) -> Arc<Clip> {
        Arc::new(Clip::from_samples(&vec![0.5; samples], RATE).unwrap())
    }

    #[test]
    fn once_and_over_and_over() {
        let mut out = [0.0; 1_000];
        assert!(!Player::new(clip(700), false).mix(&mut out));
        assert!((out[500] - 0.5).abs() < 1e-4 && out[699] > 0.4 && out[700] == 0.0);
        let mut out = [0.0; 1_000];
        assert!(Player::new(clip(700), true).mix(&mut out));
        assert!((out[999] - 0.5).abs() < 1e-4);
    }

    #[test]
    fn it_fades_where_it_is_cut() {
        let mut player = Player::new(clip(48_000), true);
        let mut out = [0.0; 960];
        assert!(player.mix(&mut out[..480]));
        player.stop();
        assert!(!player.mix(&mut out[480..]));
        let steepest = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest <= 0.5 / FADE as f32 * 1.01, "{steepest}");
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        assert!(matches!(Clip::from_samples(&[], RATE), Err(WavError::Empty)));
        assert!(matches!(Clip::from_samples(&[0.0], 0), Err(WavError::Empty)));
        assert!(matches!(Clip::from_samples(&vec![0.0; 500_001], 1_000), Err(WavError::TooLong(_))));
        assert!(matches!(Clip::from_wav("/nonexistent.wav"), Err(WavError::Broken(_))));
        assert_eq!(Clip::from_samples(&[0.1; 8_000], 8_000).unwrap().duration().as_millis(), 1_000);
    }
}
