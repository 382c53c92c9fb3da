//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): 16 kHz in two bands of 8 kHz, each ADPCM; eight bits for two samples.
//!
//! ```text
//!   16 kHz ─▶ QMF ─┬─ lower ─▶ 6 bits ─┐             ┌─▶ lower ─┬─ QMF ─▶ 16 kHz
//!                  └─ upper ─▶ 2 bits ─┴─ one byte ──┴─▶ upper ─┘
//! ```
//!
//! Names and tables are the recommendation's (its clause 6); all arithmetic is 16 bits, saturating, as it must be for
//! both ends to stay in step.

/// Coefficients of the quadrature mirror filter (table 11), half of its 24.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the 6-bit quantiser (Q6).
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Output of the inverse quantisers of 6, 4 and 2 bits.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Logarithmic scale factor multipliers, by code of the lower (WL, through RL42) and the upper band (WH, through RH2).
const WL: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
const WH: [i32; 4] = [798, -214, 798, -214];
/// The inverse logarithm (ILB).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// One band's adaptive predictor and scale factor; arrays begin with the newest value.
#[derive(Debug, Clone)]
struct Band {
    /// Is it the lower band?
    lower: bool,
    /// Logarithmic and linear scale factor (NB, DET).
    nb: i32,
    det: i32,
    /// What is predicted, and the zeros' part of it (S, SZ).
    s: i32,
    sz: i32,
    /// Quantised differences, partially and fully reconstructed signal (D, P, R).
    d: [i32; 6],
    p: [i32; 2],
    r: i32,
    /// Coefficients of the poles and the zeros.
    a: [i32; 2],
    b: [i32; 6],
}

impl Band {
    fn new(lower: bool) -> Band {
        let det = if lower { 32 } else { 8 };
        Band { lower, nb: 0, det, s: 0, sz: 0, d: [0; 6], p: [0; 2], r: 0, a: [0; 2], b: [0; 6] }
    }

    /// A quantised value scaled back (INVQ).
    fn inverse(&self, quantised: i32) -> i32 {
        (self.det * quantised) >> 15
    }

    /// Adapt to the code that was sent: scale factor, then predictor. `code` has 4 bits in the lower band, 2 in the
    /// upper.
    fn adapt(&mut self, code: usize) {
        let (quantised, step, limit, shift) =
            if self.lower { (QM4[code], WL[code], 18_432, 8) } else { (QM2[code], WH[code], 22_528, 10) };
        let difference = self.inverse(quantised);
        // LOGSCL, SCALEL (LOGSCH, SCALEH)
        self.nb = (((self.nb * 127) >> 7) + step).clamp(0, limit);
        let exponent = shift - (self.nb >> 11);
        let linear = ILB[(self.nb >> 6) as usize & 31];
        self.det = if exponent < 0 { linear << -exponent } else { linear >> exponent } << 2;
        self.predict(difference);
    }

    fn predict(&mut self, d: i32) {
        // RECONS, PARREC
        let r = saturate(self.s + d);
        let p = saturate(self.sz + d);
        let same = |one: i32, other: i32| (one < 0) == (other < 0);
        // UPPOL2, UPPOL1
        let turn = saturate(self.a[0] << 2);
        let turn = if same(p, self.p[0]) { saturate(-turn) } else { turn };
        let nudge = if same(p, self.p[1]) { 128 } else { -128 };
        let a2 = ((turn >> 7) + nudge + ((self.a[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let nudge = if same(p, self.p[0]) { 192 } else { -192 };
        let limit = saturate(15_360 - a2);
        let a1 = saturate(nudge + ((self.a[0] * 32_640) >> 15)).clamp(-limit, limit);
        self.a = [a1, a2];
        // UPZERO
        let nudge = if d == 0 { 0 } else { 128 };
        for (b, old) in self.b.iter_mut().zip(self.d) {
            let nudge = if same(d, old) { nudge } else { -nudge };
            *b = saturate(nudge + ((*b * 32_640) >> 15));
        }
        // DELAYA
        self.d.copy_within(..5, 1);
        self.d[0] = d;
        self.p = [p, self.p[0]];
        let before = std::mem::replace(&mut self.r, r);
        // FILTEP, FILTEZ, PREDIC
        let pole = |a: i32, r: i32| (a * saturate(r + r)) >> 15;
        let sp = saturate(pole(a1, r) + pole(a2, before));
        self.sz = saturate(self.b.iter().zip(self.d).map(|(b, d)| (b * saturate(d + d)) >> 15).sum());
        self.s = saturate(sp + self.sz);
    }
}

/// The last samples that the mirror filter sees, oldest first.
#[derive(Debug, Clone)]
struct Mirror([i32; 24]);

impl Mirror {
    /// Two more samples; gives the sums over the older and the newer of each pair.
    fn push(&mut self, older: i32, newer: i32) -> (i32, i32) {
        self.0.copy_within(2.., 0);
        (self.0[22], self.0[23]) = (older, newer);
        let pairs = || self.0.chunks_exact(2);
        let older = pairs().zip(QMF).map(|(pair, c)| pair[0] * c).sum();
        let newer = pairs().zip(QMF.iter().rev()).map(|(pair, c)| pair[1] * c).sum();
        (older, newer)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Encoder {
    mirror: Mirror,
    lower: Band,
    upper: Band,
}

impl Encoder {
    pub(super) fn new() -> Encoder {
        Encoder { mirror: Mirror([0; 24]), lower: Band::new(true), upper: Band::new(false) }
    }

    /// The byte for two samples of 16 bits.
    pub(super) fn encode(&mut self, older: i16, newer: i16) -> u8 {
        let (odd, even) = self.mirror.push(i32::from(older), i32::from(newer));
        // Rounded in the sum: the bands are half as loud as the signal.
        let (low, high) = ((even + odd) >> 14, (even - odd) >> 14);
        // SUBTRA, QUANTL
        let error = saturate(low - self.lower.s);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let level = (1..30).find(|level| magnitude < (Q6[*level] * self.lower.det) >> 12).unwrap_or(30);
        let code = match (error < 0, level) {
            // The two smallest negative levels have the codes that look like positive ones.
            (true, 1 | 2) => 64 - level,
            (true, _) => 34 - level,
            (false, _) => 62 - level,
        };
        self.lower.adapt(code >> 2);
        // SUBTRA, QUANTH
        let error = saturate(high - self.upper.s);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let large = magnitude >= (564 * self.upper.det) >> 12;
        let upper = match (error < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.upper.adapt(upper);
        (upper << 6 | code) as u8
    }
}

#[derive(Debug, Clone)]
pub(super) struct Decoder {
    mirror: Mirror,
    lower: Band,
    upper: Band,
}

impl Decoder {
    pub(super) fn new() -> Decoder {
        Decoder { mirror: Mirror([0; 24]), lower: Band::new(true), upper: Band::new(false) }
    }

    /// The two samples of a byte.
    pub(super) fn decode(&mut self, byte: u8) -> [i16; 2] {
        let (code, upper) = (usize::from(byte & 63), usize::from(byte >> 6));
        let low = (self.lower.s + self.lower.inverse(QM6[code])).clamp(-16_384, 16_383);
        self.lower.adapt(code >> 2);
        let high = (self.upper.s + self.upper.inverse(QM2[upper])).clamp(-16_384, 16_383);
        self.upper.adapt(upper);
        let (sums, differences) = self.mirror.push(low + high, low - high);
        [differences, sums].map(|sum| saturate(sum >> 11) as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sine, snr_of_sine};

    /// Encode and decode.
    fn through(voice: &[f32]) -> Vec<f32> {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        let wide = |sample: f32| (sample * 32_767.0) as i16;
        voice
            .chunks_exact(2)
            .flat_map(|pair| decoder.decode(encoder.encode(wide(pair[0]), wide(pair[1]))))
            .map(|sample| f32::from(sample) / 32_768.0)
            .collect()
    }

    #[test]
    fn tones_of_both_bands_come_through() {
        for (frequency, least) in [(300.0, 30.0), (1_000.0, 30.0), (3_100.0, 25.0), (5_000.0, 10.0), (6_500.0, 10.0)] {
            let snr = snr_of_sine(&through(&sine(frequency, 16_000, 1.0, 0.5))[4_000..], frequency, 16_000);
            assert!(snr > least, "{frequency} Hz: {snr} dB");
        }
    }

    /// A sweep with noise, checked against what another implementation (FFmpeg's) makes of it, byte for byte.
    #[test]
    fn every_bit_is_as_others_have_it() {
        let hash = |bytes: &mut dyn Iterator<Item = u8>| {
            bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        };
        let voice: Vec<i16> =
            (0..8_000).map(|n| (((n * n / 50) & 0x3fff) - 0x2000 + n * 7_919 % 4_001) as i16).collect();
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        let bytes: Vec<u8> = voice.chunks_exact(2).map(|pair| encoder.encode(pair[0], pair[1])).collect();
        assert_eq!(hash(&mut bytes.iter().copied()), 0x6d70_f738_32a7_18c1);
        let mut back = bytes.iter().flat_map(|byte| decoder.decode(*byte)).flat_map(i16::to_le_bytes);
        assert_eq!(hash(&mut back), 0x5551_d86f_16f6_e37f);
    }

    #[test]
    fn both_ends_stay_in_step_on_noise_and_overload() {
        let mut state = 1u32;
        let noise: Vec<f32> = (0..32_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state as f32 / u32::MAX as f32 - 0.5) * 4.0
            })
            .collect();
        let _ = through(&noise);
        // Every byte, in any order, is a signal.
        let mut decoder = Decoder::new();
        for n in 0..100_000u32 {
            decoder.decode((n.wrapping_mul(2_654_435_761) >> 24) as u8);
        }
    }
}
