//! Longer or shorter without another pitch: a whole period of the voice is put in or taken out where it looks like its
//! neighbour.

use crate::codec::RATE;
use crate::power::{dot, mean_square};

/// Lengths in samples, at the rate of the voice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    /// Shortest and longest period looked for: 400 Hz to 100 Hz.
    shortest: usize,
    longest: usize,
    /// Two periods are compared, and faded into each other, over this.
    overlap: usize,
    /// The coarse search looks at every so manieth sample of a smoothed copy.
    coarse: usize,
    /// Two stretches of noise are faded into each other over this.
    seam: usize,
    /// What a change needs at least.
    pub(crate) enough: usize,
}

impl Lengths {
    /// For voice of `rate` samples per second.
    pub(crate) const fn new(rate: u32) -> Lengths {
        let period = rate as usize / 100;
        let coarse = if rate == RATE { 4 } else { 1 };
        Lengths { shortest: period / 4, longest: period, overlap: period, coarse, seam: period / 4, enough: 2 * period }
    }
}

/// The most that `enough` and `overlap` can be.
const ENOUGH: usize = RATE as usize / 50;
const OVERLAP: usize = ENOUGH / 2;

/// Below this mean square nobody hears a seam: -50 dBFS.
const QUIET: f32 = 1e-5;

impl Lengths {
    /// Take a period out of the voice from `start` on, when at least `likeness` (0 to 1) alike. Gives the samples
    /// removed.
    pub(crate) fn shorten(&self, voice: &mut Vec<f32>, start: usize, likeness: f32) -> usize {
        let Some(period) = self.find(&voice[start..], likeness) else { return 0 };
        for n in 0..self.overlap {
            let share = n as f32 / self.overlap as f32;
            voice[start + n] = voice[start + n] * (1.0 - share) + voice[start + period + n] * share;
        }
        voice.drain(start + self.overlap..start + self.overlap + period);
        period
    }

    /// Repeat a period of the voice from `start` on, when at least `likeness` alike. Gives the samples added.
    pub(crate) fn lengthen(&self, voice: &mut Vec<f32>, start: usize, likeness: f32) -> usize {
        let Some(period) = self.find(&voice[start..], likeness) else { return 0 };
        let mut seam = [0.0; OVERLAP];
        let seam = &mut seam[..self.overlap];
        for (n, sample) in seam.iter_mut().enumerate() {
            let share = n as f32 / self.overlap as f32;
            *sample = voice[start + period + n] * (1.0 - share) + voice[start + n] * share;
        }
        let tail = voice.len();
        // The voice moves back by a period, and the seam lies over the second period.
        voice.resize(tail + period, 0.0);
        voice.copy_within(start..tail, start + period);
        voice[start + period..start + period + self.overlap].copy_from_slice(seam);
        period
    }

    /// Take up to `samples` out of the noise from `start` on, but leave what the seam needs. Gives the samples removed.
    pub(crate) fn cut(&self, voice: &mut Vec<f32>, start: usize, samples: usize) -> usize {
        let removed = samples.min((voice.len() - start).saturating_sub(self.seam));
        if removed == 0 {
            return 0;
        }
        for n in 0..self.seam {
            let share = n as f32 / self.seam as f32;
            voice[start + n] = voice[start + n] * (1.0 - share) + voice[start + removed + n] * share;
        }
        voice.drain(start + self.seam..start + self.seam + removed);
        removed
    }

    /// Repeat up to `samples` of the noise from `start` on. Gives the samples added.
    pub(crate) fn extend(&self, voice: &mut Vec<f32>, start: usize, samples: usize) -> usize {
        let tail = voice.len();
        let added = samples.min((tail - start).saturating_sub(self.seam));
        if added == 0 {
            return 0;
        }
        voice.resize(tail + added, 0.0);
        voice.copy_within(start..tail, start + added);
        // The noise runs on into the seam, and its repetition out of it.
        for n in 0..self.seam {
            let share = n as f32 / self.seam as f32;
            voice[start + added + n] = voice[start + 2 * added + n] * (1.0 - share) + voice[start + added + n] * share;
        }
        added
    }

    /// The period at the beginning of `voice`, when it is alike enough or too quiet to matter.
    fn find(&self, voice: &[f32], likeness: f32) -> Option<usize> {
        let voice = voice.get(..self.enough)?;
        let (period, alike) = self.best(voice);
        let power = mean_square(voice);
        (alike >= likeness || power < QUIET).then_some(period)
    }

    fn best(&self, voice: &[f32]) -> (usize, f32) {
        let Lengths { shortest, longest, overlap, coarse, .. } = *self;
        if coarse == 1 {
            return peak(voice, shortest..=longest, overlap);
        }
        let mut smooth = [0.0; ENOUGH];
        let smooth = &mut smooth[..self.enough / coarse];
        for (slot, group) in smooth.iter_mut().zip(voice.chunks_exact(coarse)) {
            *slot = group.iter().sum();
        }
        let found = peak(smooth, shortest / coarse..=longest / coarse, overlap / coarse).0 * coarse;
        peak(voice, (found - coarse).max(shortest)..=(found + coarse).min(longest), overlap)
    }
}

/// The lag with the highest normalised correlation, and that.
fn peak(voice: &[f32], lags: std::ops::RangeInclusive<usize>, overlap: usize) -> (usize, f32) {
    let energy = |from: usize| dot(&voice[from..from + overlap], &voice[from..from + overlap]);
    let first = energy(0);
    let mut best = (*lags.start(), f32::MIN);
    for lag in lags {
        let product = dot(&voice[..overlap], &voice[lag..]);
        let alike = product / (first * energy(lag)).sqrt().max(1e-9);
        if alike > best.1 {
            best = (lag, alike);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sine, snr_of_sine};

    #[test]
    fn a_tone_stays_the_same_tone() {
        for rate in [48_000, 16_000, 8_000] {
            let lengths = Lengths::new(rate);
            for change in [Lengths::shorten as fn(&Lengths, &mut Vec<f32>, usize, f32) -> usize, Lengths::lengthen] {
                let mut voice = sine(200.0, rate, 0.06, 0.5);
                let (all, period) = (voice.len(), rate as usize / 200);
                let samples = change(&lengths, &mut voice, rate as usize / 100, 0.9);
                assert!(samples % period <= 2 || samples % period >= period - 2, "not whole periods: {samples}");
                assert!(samples > 0 && (voice.len() == all - samples || voice.len() == all + samples));
                let snr = snr_of_sine(&voice, 200.0, rate);
                assert!(snr > 25.0, "{rate}: {snr} dB");
            }
        }
    }

    #[test]
    fn noise_is_left_alone_but_silence_is_not() {
        let lengths = Lengths::new(48_000);
        let mut state = 1u32;
        let mut noise: Vec<f32> = (0..960)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        assert_eq!(lengths.shorten(&mut noise, 0, 0.7), 0);
        assert!(lengths.shorten(&mut vec![0.0; 960], 0, 0.7) > 0);
        assert_eq!(lengths.lengthen(&mut vec![0.0; 959], 0, 0.7), 0, "too little to tell");
    }
}
