//! Which tone is in a recording: Goertzel filters over the telephone band.

use std::f64::consts::TAU;
use std::path::Path;

use crate::Result;

/// Sound as mono samples.
#[derive(Debug, Clone, Default)]
pub struct Sound {
    /// Samples per second.
    pub rate: u32,
    /// -1.0 to 1.0.
    pub samples: Vec<f32>,
}

impl Sound {
    /// Reads a WAV file of 16 bit or float samples; of several channels the first. A recording that is still being
    /// written, or whose writer did not fill in the length, is read as far as it goes.
    pub fn read(path: &Path) -> Result<Self> {
        let mut reader = hound::WavReader::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let spec = reader.spec();
        let samples: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().map_while(std::result::Result::ok).collect(),
            hound::SampleFormat::Int => {
                let full = f32::from(i16::MAX);
                reader
                    .samples::<i16>()
                    .map_while(std::result::Result::ok)
                    .map(|sample| f32::from(sample) / full)
                    .collect()
            }
        };
        let samples = samples.into_iter().step_by(usize::from(spec.channels.max(1))).collect();
        Ok(Self { rate: spec.sample_rate, samples })
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.max(1))
    }

    /// Its last so many seconds.
    pub fn last(mut self, seconds: f64) -> Self {
        let keep = (seconds * f64::from(self.rate)) as usize;
        self.samples.drain(..self.samples.len().saturating_sub(keep));
        self
    }

    /// The root mean square, 0.0 to 1.0.
    pub fn level(&self) -> f64 {
        let energy: f64 = self.samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (energy / self.samples.len().max(1) as f64).sqrt()
    }

    /// The tone that it is made of, in Hz: the strongest of 200 to 3,400 Hz, to a few Hz. `None` if no tone holds at
    /// least 60 % of the energy of most of it, and if it is as good as silent.
    ///
    /// It looks at pieces of a quarter of a second, so that a tone which starts late or was interrupted still counts
    /// when it fills most of the recording.
    pub fn tone(&self) -> Option<u32> {
        let piece = self.rate as usize / 4;
        let mut found: Vec<u32> = Vec::new();
        let pieces: Vec<&[f32]> = self.samples.chunks_exact(piece.max(1)).collect();
        for samples in &pieces {
            found.extend(tone_of(samples, self.rate));
        }
        found.sort_unstable();
        let middle = *found.get(found.len() / 2)?;
        let agreeing = found.iter().filter(|&&hz| hz.abs_diff(middle) <= 10).count();
        (2 * agreeing > pieces.len()).then_some(middle)
    }
}

const SILENCE: f64 = 0.003; // of full scale, about -50 dBFS

fn tone_of(samples: &[f32], rate: u32) -> Option<u32> {
    let energy: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    if (energy / samples.len() as f64).sqrt() < SILENCE {
        return None;
    }
    // A bin of a quarter second is 4 Hz wide: steps of 2 Hz miss no peak.
    let strongest =
        (200..=3400).step_by(2).map(|hz| (power(samples, rate, hz), hz)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    // A pure tone on its bin has half of energy times length.
    let share = strongest.0 / (energy * samples.len() as f64 / 2.0);
    (share > 0.6).then_some(strongest.1)
}

/// The Goertzel filter: the squared magnitude of one frequency.
fn power(samples: &[f32], rate: u32, hz: u32) -> f64 {
    let coefficient = 2.0 * (TAU * f64::from(hz) / f64::from(rate)).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for &sample in samples {
        (before, last) = (last, f64::from(sample) + coefficient * last - before);
    }
    last * last + before * before - coefficient * last * before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: u32, seconds: f64, amplitude: f64) -> Sound {
        let count = (seconds * f64::from(rate)) as u32;
        let samples = (0..count).map(|n| (amplitude * (TAU * hz * f64::from(n) / f64::from(rate)).sin()) as f32);
        Sound { rate, samples: samples.collect() }
    }

    #[test]
    fn a_sine_is_found_to_a_few_hertz() {
        for (hz, rate) in [(440.0, 8000), (1004.0, 48000), (1633.0, 16000), (3000.0, 8000)] {
            let found = sine(hz, rate, 2.0, 0.3).tone().expect("a tone");
            assert!((f64::from(found) - hz).abs() <= 3.0, "{hz} Hz at {rate}: {found}");
        }
    }

    #[test]
    fn silence_noise_and_two_tones_are_no_tone() {
        assert_eq!(Sound { rate: 8000, samples: vec![0.0; 16000] }.tone(), None);
        assert_eq!(sine(440.0, 8000, 2.0, 0.001).tone(), None);
        let mut state = 1u32;
        let noise = (0..16000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 16) as f32 / 65536.0 - 0.5
        });
        assert_eq!(Sound { rate: 8000, samples: noise.collect() }.tone(), None);
        let mut both = sine(440.0, 8000, 2.0, 0.2);
        for (sum, other) in both.samples.iter_mut().zip(sine(880.0, 8000, 2.0, 0.2).samples) {
            *sum += other;
        }
        assert_eq!(both.tone(), None);
    }

    #[test]
    fn a_tone_that_fills_less_than_half_is_none() {
        let mut sound = sine(440.0, 8000, 1.0, 0.3);
        sound.samples.extend(vec![0.0; 6000]);
        assert!(sound.tone().is_some());
        sound.samples.extend(vec![0.0; 6000]);
        assert_eq!(sound.tone(), None);
    }
}
