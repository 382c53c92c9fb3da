//! Samples to payloads: Opus and G.711.
//!
//! G.711 is written out here and not taken from `media`: a peer that shares the code under test would share its faults.

use opus::{Application, Channels};

/// Whether [`Encoder`] makes this encoding, by its name in SDP.
pub(crate) fn speaks(name: &str) -> bool {
    ["opus", "PCMU", "PCMA"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Makes payloads of 20 ms.
#[derive(Debug)]
pub(crate) enum Encoder {
    Opus(Box<opus::Encoder>),
    Pcmu,
    Pcma,
}

/// Above what 20 ms of Opus can need at 64 kbit/s, and far below the MTU.
const MAX_PAYLOAD: usize = 1_000;

impl Encoder {
    /// By its name and clock rate (Hz) in SDP.
    pub(crate) fn named(name: &str, clock_rate: u32) -> Option<Self> {
        match (name.to_ascii_lowercase().as_str(), clock_rate) {
            // RFC 7587 §4.2: the clock rate is 48,000 whatever is sent.
            ("opus", 48_000) => {
                let encoder = opus::Encoder::new(48_000, Channels::Mono, Application::Audio).ok()?;
                Some(Self::Opus(Box::new(encoder)))
            }
            ("pcmu", 8_000) => Some(Self::Pcmu),
            ("pcma", 8_000) => Some(Self::Pcma),
            _ => None,
        }
    }

    /// Samples a second that [`Encoder::encode`] takes.
    pub(crate) fn rate(&self) -> u32 {
        match self {
            Self::Opus(_) => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// The payload of 20 ms of samples (-1 to 1); empty if they are not 20 ms.
    pub(crate) fn encode(&mut self, samples: &[f32]) -> Vec<u8> {
        match self {
            Self::Opus(encoder) => encoder.encode_vec_float(samples, MAX_PAYLOAD).unwrap_or_default(),
            Self::Pcmu => samples.iter().map(|sample| mu_law(linear(*sample))).collect(),
            Self::Pcma => samples.iter().map(|sample| a_law(linear(*sample))).collect(),
        }
    }
}

fn linear(sample: f32) -> i16 {
    (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16
}

/// The position of the highest bit, 7 for 0x80 up to 14 for 0x4000, as a segment from 0 to 7.
fn segment(magnitude: i32) -> i32 {
    (magnitude >> 7).checked_ilog2().map_or(0, |bit| bit as i32)
}

/// ITU-T G.711 table 2a.
fn mu_law(sample: i16) -> u8 {
    // The bias makes the segments' bounds powers of two; above the clip level the bias would overflow them.
    const BIAS: i32 = 132;
    const CLIP: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    let segment = segment(magnitude);
    let mantissa = (magnitude >> (segment + 3)) & 0x0f;
    !((sign | (segment << 4) | mantissa) as u8)
}

/// ITU-T G.711 table 1a.
fn a_law(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = if negative { !i32::from(sample) } else { i32::from(sample) };
    let segment = (magnitude >> 8).checked_ilog2().map_or(0, |bit| bit as i32 + 1);
    let mantissa = (magnitude >> if segment == 0 { 4 } else { segment + 3 }) & 0x0f;
    let sign = if negative { 0 } else { 0x80 };
    (sign | (segment << 4) | mantissa) as u8 ^ 0x55
}

/// The sample (-1 to 1) of a µ-law byte.
pub(crate) fn mu_law_sample(byte: u8) -> f32 {
    let byte = i32::from(!byte);
    let (segment, mantissa) = ((byte >> 4) & 7, byte & 0x0f);
    let magnitude = (((mantissa << 3) + 132) << segment) - 132;
    let sample = if byte & 0x80 == 0 { magnitude } else { -magnitude };
    sample as f32 / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corner_values_of_g711_are_those_of_the_tables() {
        assert_eq!([0, 32_767, -32_768, -1].map(mu_law), [0xff, 0x80, 0x00, 0x7f]);
        assert_eq!([0, 32_767, -32_768, -1].map(a_law), [0xd5, 0xaa, 0x2a, 0x55]);
        // ITU-T G.191's reference program: 1,000 and -1,000.
        assert_eq!([1_000, -1_000].map(mu_law), [0xce, 0x4e]);
        assert_eq!([1_000, -1_000].map(a_law), [0xfa, 0x7a]);
    }

    #[test]
    fn mu_law_comes_back_within_its_steps() {
        for sample in (-32_000..32_000).step_by(37) {
            let back = mu_law_sample(mu_law(sample)) * 32_768.0;
            let error = (f32::from(sample) - back).abs();
            // Sixteen steps an octave of the biased magnitude, and the middle of each comes back.
            assert!(error <= 2.0 + (f32::from(sample).abs() + 132.0) / 32.0, "{sample} came back as {back}");
        }
    }

    #[test]
    fn opus_makes_payloads_that_fit_a_packet() {
        let mut encoder = Encoder::named("OPUS", 48_000).unwrap();
        let tone: Vec<f32> = (0..960).map(|at| (at as f32 / 20.0).sin() * 0.5).collect();
        let payload = encoder.encode(&tone);
        assert!(payload.len() > 20 && payload.len() < 400, "{}", payload.len());
        assert!(encoder.encode(&tone[..100]).is_empty());
    }
}
