//! G.711: eight bits a sample at 8 kHz. Segment and step are the exponent and the highest bits of a float; both ways
//! without a branch or a table, so that it is done for many samples at once.

/// One step of 16 bits, full scale being 1.
const STEP: f32 = 1.0 / 32_768.0;
/// What µ-law clips at, and adds so that each of its segments is an octave from 128 on.
const CLIP: f32 = 32_635.0 * STEP;
const BIAS: f32 = 132.0 * STEP;
/// Where the second segment of A-law begins.
const FIRST: f32 = 256.0 * STEP;
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
    let magnitude = sample.abs();
    let magnitude = if magnitude < 1.0 - STEP { magnitude } else { 1.0 - STEP };
    // The lowest segment is as fine as the one above it: it is taken for that one, and its number taken off again.
    let (magnitude, first) = if magnitude < FIRST { (magnitude + FIRST, OCTAVE + 16) } else { (magnitude, OCTAVE) };
    let code = (magnitude.to_bits() >> BELOW).wrapping_sub(first);
    ((code | sign(sample)) ^ 0xd5) as u8
}

/// The linear sample of a µ-law byte (ITU-T G.711 table 2), full scale being 1.
pub(super) fn from_ulaw(byte: u8) -> f32 {
    let code = u32::from(!byte);
    signed(magnitude(code & 0x7f) - BIAS, code)
}

/// The linear sample of an A-law byte (ITU-T G.711 table 1), full scale being 1.
pub(super) fn from_alaw(byte: u8) -> f32 {
    let code = u32::from(byte ^ 0xd5);
    // The lowest segment is as fine as the one above it, and begins at nothing.
    let first = code & 0x70 == 0;
    let (step, less) = if first { (16, FIRST) } else { (0, 0.0) };
    signed(magnitude((code & 0x7f) + step) - less, code)
}

/// The middle of a step: its number counts from that at 128 on, sixteen to an octave.
fn magnitude(step: u32) -> f32 {
    f32::from_bits(((OCTAVE + step) << BELOW) | (1 << (BELOW - 1)))
}

fn signed(magnitude: f32, code: u32) -> f32 {
    f32::from_bits(magnitude.to_bits() ^ ((code & 0x80) << 24))
}

/// The highest bit of a byte for what is below zero.
fn sign(sample: f32) -> u32 {
    (sample.to_bits() >> 24) & 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ITU-T G.711 table 2, in steps of 16 bits.
    fn ulaw(byte: u8) -> i32 {
        let bits = !byte;
        let magnitude = ((i32::from(bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7);
        if bits & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }
    }

    /// ITU-T G.711 table 1, in steps of 16 bits.
    fn alaw(byte: u8) -> i32 {
        let bits = byte ^ 0x55;
        let (segment, step) = ((bits >> 4) & 7, i32::from(bits & 0x0f) << 4);
        let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
        if bits & 0x80 != 0 { magnitude } else { -magnitude }
    }

    #[test]
    fn every_byte_is_what_the_tables_say() {
        for byte in 0..=255u8 {
            assert_eq!(from_ulaw(byte), ulaw(byte) as f32 / 32_768.0, "µ-law {byte:#x}");
            assert_eq!(from_alaw(byte), alaw(byte) as f32 / 32_768.0, "A-law {byte:#x}");
        }
    }

    #[test]
    fn every_byte_is_the_code_of_its_own_sample() {
        for byte in 0..=255u8 {
            let sample = from_alaw(byte);
            assert_eq!(to_alaw(sample), byte, "A-law {sample}");
            let sample = from_ulaw(byte);
            // µ-law has two zeros.
            assert!(to_ulaw(sample) == byte || (sample == 0.0 && byte == 0x7f), "µ-law {sample}");
        }
    }

    #[test]
    fn known_values() {
        let bits = |sample: f32| (sample * 32_768.0) as i32;
        assert_eq!([0xff, 0x00, 0x80].map(from_ulaw).map(bits), [0, -32_124, 32_124]);
        assert_eq!([0xd5, 0x55, 0xaa].map(from_alaw).map(bits), [8, -8, 32_256]);
        assert_eq!([0.0, 9.0, -9.0].map(to_ulaw), [0xff, 0x80, 0x00]);
        assert_eq!([0.0, 9.0, -9.0].map(to_alaw), [0xd5, 0xaa, 0x2a]);
    }

    #[test]
    fn the_error_is_that_of_the_segment() {
        for sample in i16::MIN..=i16::MAX {
            let wide = f32::from(sample);
            let error = |decoded: f32| (decoded * 32_768.0 - wide).abs();
            let allowed = (wide.abs() / 16.0).max(8.0) + if wide.abs() > 32_000.0 { 700.0 } else { 8.0 };
            assert!(error(from_ulaw(to_ulaw(wide / 32_768.0))) <= allowed, "µ-law {sample}");
            assert!(error(from_alaw(to_alaw(wide / 32_768.0))) <= allowed, "A-law {sample}");
        }
    }
}
