//! Comfort noise (RFC 3389): what to play while a G.711 sender is silent.

/// Reflection coefficients used; more are left out (§3: the decoder may).
const ORDER: usize = 12;
/// The level moves towards a new one by this share each sample at 8 kHz: 10 ms, so that it does not click.
const SMOOTH: f32 = 1.0 / 80.0;

/// Noise of a level and colour, at 8 kHz.
#[derive(Debug, Clone)]
pub(super) struct Noise {
    /// Of the excitation: present and wanted root mean square.
    level: f32,
    wanted: f32,
    reflection: [f32; ORDER],
    /// The lattice filter's memory.
    backward: [f32; ORDER + 1],
    random: u32,
}

impl Noise {
    pub(super) fn new() -> Noise {
        Noise { level: 0.0, wanted: 0.0, reflection: [0.0; ORDER], backward: [0.0; ORDER + 1], random: 0x2545_f491 }
    }

    /// Sound as a payload says; an empty one says nothing.
    pub(super) fn set(&mut self, payload: &[u8]) {
        let Some((level, coefficients)) = payload.split_first() else { return };
        self.reflection = [0.0; ORDER];
        for (reflection, index) in self.reflection.iter_mut().zip(coefficients) {
            // §3.2; 255 is reserved.
            *reflection = f32::from(258 * (i16::from(*index).min(254) - 127)) / 32_768.0;
        }
        // What the filter adds in power is taken from its input.
        let gain: f32 = self.reflection.iter().map(|reflection| 1.0 - reflection * reflection).product();
        self.wanted = 10.0f32.powf(-f32::from(level & 0x7f) / 20.0) * gain.max(0.0).sqrt();
    }

    pub(super) fn fill(&mut self, out: &mut [f32]) {
        for sample in out {
            self.level += (self.wanted - self.level) * SMOOTH;
            // Xorshift; evenly from -√3 to √3, whose root mean square is 1.
            self.random ^= self.random << 13;
            self.random ^= self.random >> 17;
            self.random ^= self.random << 5;
            let white = (self.random as i32 as f32 / 2_147_483_648.0) * 1.732;
            let mut forward = white * self.level;
            for (stage, reflection) in self.reflection.iter().enumerate().rev() {
                forward -= reflection * self.backward[stage];
                self.backward[stage + 1] = self.backward[stage] + reflection * forward;
            }
            self.backward[0] = forward;
            *sample = forward.clamp(-1.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(payload: &[u8]) -> Vec<f32> {
        let mut noise = Noise::new();
        noise.set(payload);
        let mut out = vec![0.0; 16_000];
        noise.fill(&mut out);
        out.split_off(8_000)
    }

    fn level(samples: &[f32]) -> f32 {
        10.0 * (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).log10()
    }

    #[test]
    fn it_has_the_level_that_was_said_whatever_its_colour() {
        for payload in [
            &[30u8][..],
            &[60],
            &[45, 60],
            &[45, 200, 90, 140],
            &[50, 90, 160, 90, 160, 100, 150, 127, 127, 127, 127, 127, 127, 9, 9],
            &[40, 60, 190, 127, 127],
        ] {
            let found = level(&sound(payload));
            assert!((found + f32::from(payload[0])).abs() < 2.0, "{payload:?}: {found} dBov");
        }
        assert!(sound(&[]).iter().all(|sample| *sample == 0.0));
        assert!(level(&sound(&[0x80 | 40])) > -42.0, "the highest bit says nothing");
    }

    #[test]
    fn a_negative_first_coefficient_is_low_noise() {
        let roughness = |samples: &[f32]| level(&samples.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>());
        // §3.2: 17 is about -0.87.
        let (dull, white, sharp) =
            (roughness(&sound(&[40, 17])), roughness(&sound(&[40])), roughness(&sound(&[40, 237])));
        assert!(dull < white - 6.0 && white < sharp - 1.0, "{dull} {white} {sharp}");
    }
}
