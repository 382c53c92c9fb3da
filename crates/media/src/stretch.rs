//! Longer or shorter without another pitch: a whole period of the voice is put in or taken out where it looks like its
//! neighbour.

/// Shortest and longest period looked for, in samples at 48 kHz: 400 Hz to 100 Hz.
const SHORTEST: usize = 120;
const LONGEST: usize = 480;
/// Length over which two periods are compared and faded into each other.
const OVERLAP: usize = 480;
/// The coarse search looks at every fourth sample of a smoothed copy.
const COARSE: usize = 4;

/// Two stretches of noise are faded into each other over this.
const SEAM: usize = 120;

/// What a change needs at least, in samples.
pub(crate) const ENOUGH: usize = LONGEST + OVERLAP;

/// Below this mean square nobody hears a seam: -50 dBFS.
const QUIET: f32 = 1e-5;

/// Take a period out of the voice from `start` on, when at least `likeness` (0 to 1) alike. Gives the samples removed.
pub(crate) fn shorten(voice: &mut Vec<f32>, start: usize, likeness: f32) -> usize {
    let Some(period) = find(&voice[start..], likeness) else { return 0 };
    for n in 0..OVERLAP {
        let share = n as f32 / OVERLAP as f32;
        voice[start + n] = voice[start + n] * (1.0 - share) + voice[start + period + n] * share;
    }
    voice.drain(start + OVERLAP..start + OVERLAP + period);
    period
}

/// Repeat a period of the voice from `start` on, when at least `likeness` alike. Gives the samples added.
pub(crate) fn lengthen(voice: &mut Vec<f32>, start: usize, likeness: f32) -> usize {
    let Some(period) = find(&voice[start..], likeness) else { return 0 };
    let mut seam = [0.0; OVERLAP];
    for (n, sample) in seam.iter_mut().enumerate() {
        let share = n as f32 / OVERLAP as f32;
        *sample = voice[start + period + n] * (1.0 - share) + voice[start + n] * share;
    }
    let tail = voice.len();
    // The voice moves back by a period, and the seam lies over the second period.
    voice.resize(tail + period, 0.0);
    voice.copy_within(start..tail, start + period);
    voice[start + period..start + period + OVERLAP].copy_from_slice(&seam);
    period
}

/// Take up to `samples` out of the noise from `start` on, but leave what the seam needs. Gives the samples removed.
pub(crate) fn cut(voice: &mut Vec<f32>, start: usize, samples: usize) -> usize {
    let removed = samples.min((voice.len() - start).saturating_sub(SEAM));
    if removed == 0 {
        return 0;
    }
    for n in 0..SEAM {
        let share = n as f32 / SEAM as f32;
        voice[start + n] = voice[start + n] * (1.0 - share) + voice[start + removed + n] * share;
    }
    voice.drain(start + SEAM..start + SEAM + removed);
    removed
}

/// Repeat up to `samples` of the noise from `start` on. Gives the samples added.
pub(crate) fn extend(voice: &mut Vec<f32>, start: usize, samples: usize) -> usize {
    let tail = voice.len();
    let added = samples.min((tail - start).saturating_sub(SEAM));
    if added == 0 {
        return 0;
    }
    voice.resize(tail + added, 0.0);
    voice.copy_within(start..tail, start + added);
    // The noise runs on into the seam, and its repetition out of it.
    for n in 0..SEAM {
        let share = n as f32 / SEAM as f32;
        voice[start + added + n] = voice[start + 2 * added + n] * (1.0 - share) + voice[start + added + n] * share;
    }
    added
}

/// The period at the beginning of `voice`, when it is alike enough or too quiet to matter.
fn find(voice: &[f32], likeness: f32) -> Option<usize> {
    let voice = voice.get(..ENOUGH)?;
    let (period, alike) = best(voice);
    let power = voice.iter().map(|sample| sample * sample).sum::<f32>() / ENOUGH as f32;
    (alike >= likeness || power < QUIET).then_some(period)
}

fn best(voice: &[f32]) -> (usize, f32) {
    let mut smooth = [0.0; ENOUGH / COARSE];
    for (slot, group) in smooth.iter_mut().zip(voice.chunks_exact(COARSE)) {
        *slot = group.iter().sum();
    }
    let coarse = peak(&smooth, SHORTEST / COARSE..=LONGEST / COARSE, OVERLAP / COARSE).0 * COARSE;
    peak(voice, (coarse - COARSE).max(SHORTEST)..=(coarse + COARSE).min(LONGEST), OVERLAP)
}

/// The lag with the highest normalised correlation, and that.
fn peak(voice: &[f32], lags: std::ops::RangeInclusive<usize>, overlap: usize) -> (usize, f32) {
    let energy = |from: usize| voice[from..from + overlap].iter().map(|sample| sample * sample).sum::<f32>();
    let first = energy(0);
    let mut best = (*lags.start(), f32::MIN);
    for lag in lags {
        let product: f32 = voice[..overlap].iter().zip(&voice[lag..]).map(|(a, b)| a * b).sum();
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
        for change in [shorten as fn(&mut Vec<f32>, usize, f32) -> usize, lengthen] {
            let mut voice = sine(200.0, 48_000, 0.06, 0.5);
            let samples = change(&mut voice, 480, 0.9);
            assert!(samples % 240 <= 2 || samples % 240 >= 238, "not whole periods: {samples}");
            assert!(voice.len() == 2_880 - samples || voice.len() == 2_880 + samples);
            let snr = snr_of_sine(&voice, 200.0, 48_000);
            assert!(snr > 25.0, "{snr} dB");
        }
    }

    #[test]
    fn noise_is_left_alone_but_silence_is_not() {
        let mut state = 1u32;
        let mut noise: Vec<f32> = (0..960)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        assert_eq!(shorten(&mut noise, 0, 0.7), 0);
        assert!(shorten(&mut vec![0.0; 960], 0, 0.7) > 0);
        assert_eq!(lengthen(&mut vec![0.0; 959], 0, 0.7), 0, "too little to tell");
    }
}
