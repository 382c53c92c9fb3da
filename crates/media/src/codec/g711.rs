//! G.711: eight bits a sample at 8 kHz. Decoding is by table. Encoding reads segment and step from the exponent and the
//! highest bits of a float, which is what they are; without a branch, so that it is done for many samples at once.

/// The linear sample of each µ-law byte (ITU-T G.711 table 2), full scale being 1.
pub(super) static ULAW: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        let bits = !(byte as u8);
        let magnitude = ((((bits & 0x0f) as i16) << 3) + 0x84) << ((bits >> 4) & 7);
        let linear = if bits & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 };
        table[byte] = linear as f32 / 32_768.0;
        byte += 1;
    }
    table
};

/// The linear sample of each A-law byte (ITU-T G.711 table 1), full scale being 1.
pub(super) static ALAW: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        let bits = (byte as u8) ^ 0x55;
        let (segment, step) = ((bits >> 4) & 7, ((bits & 0x0f) as i16) << 4);
        let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
        let linear = if bits & 0x80 != 0 { magnitude } else { -magnitude };
        table[byte] = linear as f32 / 32_768.0;
        byte += 1;
    }
    table
};

/// One step of 16 bits, full scale being 1.
const STEP: f32 = 1.0 / 32_768.0;
/// What µ-law clips at, and adds so that each of its segments is an octave from 128 on.
const CLIP: f32 = 32_635.0 * STEP;
const BIAS: f32 = 132.0 * STEP;
/// Bits of a float's mantissa below the four of a step.
const BELOW: u32 = 19;
/// Exponent of the octave that begins at 128, above those four bits.
const OCTAVE: u32 = (127 + 7 - 15) << 4;

/// The µ-law byte nearest to a sample of -1 to 1.
pub(super) fn to_ulaw(sample: f32) -> u8 {
    let magnitude = sample.abs();
    let magnitude = if magnitude < CLIP { magnitude } else { CLIP } + BIAS;
    // All bits are turned round, which is to take them from 255.
    (0xff + OCTAVE).wrapping_sub(magnitude.to_bits() >> BELOW).wrapping_sub(sign(sample)) as u8
}

/// The A-law byte nearest to a sample of -1 to 1.
pub(super) fn to_alaw(sample: f32) -> u8 {
    const FIRST: f32 = 256.0 * STEP;
    let magnitude = sample.abs();
    let magnitude = if magnitude < 1.0 - STEP { magnitude } else { 1.0 - STEP };
    // The lowest segment is as fine as the one above it: it is taken for that one, and its number taken off again.
    let (magnitude, first) = if magnitude < FIRST { (magnitude + FIRST, OCTAVE + 16) } else { (magnitude, OCTAVE) };
    let code = (magnitude.to_bits() >> BELOW).wrapping_sub(first);
    ((code | sign(sample)) ^ 0xd5) as u8
}

/// The highest bit of a byte for what is below zero.
fn sign(sample: f32) -> u32 {
    (sample.to_bits() >> 24) & 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_the_code_of_its_own_sample() {
        for byte in 0..=255u8 {
            let sample = ALAW[usize::from(byte)];
            assert_eq!(to_alaw(sample), byte, "A-law {sample}");
            let sample = ULAW[usize::from(byte)];
            // µ-law has two zeros.
            assert!(to_ulaw(sample) == byte || (sample == 0.0 && byte == 0x7f), "µ-law {sample}");
        }
    }

    #[test]
    fn known_values() {
        let bits = |sample: f32| (sample * 32_768.0) as i32;
        assert_eq!([ULAW[0xff], ULAW[0x00], ULAW[0x80]].map(bits), [0, -32_124, 32_124]);
        assert_eq!([ALAW[0xd5], ALAW[0x55], ALAW[0xaa]].map(bits), [8, -8, 32_256]);
        assert_eq!([0.0, 9.0, -9.0].map(to_ulaw), [0xff, 0x80, 0x00]);
        assert_eq!([0.0, 9.0, -9.0].map(to_alaw), [0xd5, 0xaa, 0x2a]);
    }

    #[test]
    fn the_error_is_that_of_the_segment() {
        for sample in i16::MIN..=i16::MAX {
            let wide = f32::from(sample);
            let error = |table: &[f32; 256], byte: u8| (table[usize::from(byte)] * 32_768.0 - wide).abs();
            let allowed = (wide.abs() / 16.0).max(8.0) + if wide.abs() > 32_000.0 { 700.0 } else { 8.0 };
            assert!(error(&ULAW, to_ulaw(wide / 32_768.0)) <= allowed, "µ-law {sample}");
            assert!(error(&ALAW, to_alaw(wide / 32_768.0)) <= allowed, "A-law {sample}");
        }
    }
}
