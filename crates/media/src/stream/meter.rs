//! How loud something is, for the eye.

use crate::power::mean_square;

/// Of the new loudness this share counts in each frame of 10 ms: a meter that follows speech and does not flicker.
const SHARE: f32 = 0.15;
/// What is quieter counts as silence: the least that 16 bits can say.
const FLOOR: f32 = 1e-9;

/// The loudness of the last moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    /// Mean square, full scale being 1.
    energy: f32,
}

impl Meter {
    /// Takes samples in, -1 to 1, `rate` of them a second.
    pub(crate) fn hear(&mut self, voice: &[f32], rate: u32) {
        for frame in voice.chunks(rate as usize / 100) {
            let energy = mean_square(frame);
            self.energy += (energy - self.energy) * SHARE * frame.len() as f32 / (rate as f32 / 100.0);
        }
    }

    /// In dBov (RFC 6464 §3: 0 is a square wave at full scale); nothing in silence.
    pub(crate) fn level(self) -> Option<f32> {
        (self.energy > FLOOR).then(|| 10.0 * self.energy.log10())
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;

    #[test]
    fn a_sine_at_half_scale_is_nine_db_below() {
        for rate in [48_000, 16_000, 8_000] {
            let (mut meter, frame) = (Meter::default(), rate as usize / 100);
            assert_eq!(meter.level(), None);
            meter.hear(&crate::testing::sine(1_000.0, rate, 1.0, 0.5), rate);
            assert!((meter.level().unwrap() + 9.03).abs() < 0.1, "{:?}", meter.level());
            meter.hear(&vec![0.0; frame * 3], rate);
            assert!((-13.0..-10.0).contains(&meter.level().unwrap()), "it falls with the sound");
            meter.hear(&vec![0.0; frame * 200], rate);
            assert_eq!(meter.level(), None);
        }
    }
}
