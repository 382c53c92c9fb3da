//! How loud something is, for the eye.

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
    /// Takes samples in, -1 to 1.
    pub(crate) fn hear(&mut self, voice: &[f32]) {
        for frame in voice.chunks(480) {
            let energy = frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len().max(1) as f32;
            self.energy += (energy - self.energy) * SHARE * frame.len() as f32 / 480.0;
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
        let mut meter = Meter::default();
        assert_eq!(meter.level(), None);
        let sine: Vec<f32> =
            (0..48_000).map(|n| 0.5 * (std::f32::consts::TAU * 1_000.0 * n as f32 / 48_000.0).sin()).collect();
        meter.hear(&sine);
        assert!((meter.level().unwrap() + 9.03).abs() < 0.1, "{:?}", meter.level());
        meter.hear(&[0.0; 480 * 3]);
        assert!(meter.level().unwrap() < -10.0, "it falls with the sound");
        meter.hear(&[0.0; 480 * 200]);
        assert_eq!(meter.level(), None);
    }
}
