//! G.711: eight bits a sample at 8 kHz; decoding by table.

/// The linear sample of each µ-law byte (ITU-T G.711 table 2).
pub(super) static ULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let bits = !(byte as u8);
        let magnitude = ((((bits & 0x0f) as i16) << 3) + 0x84) << ((bits >> 4) & 7);
        table[byte] = if bits & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 };
        byte += 1;
    }
    table
};

/// The linear sample of each A-law byte (ITU-T G.711 table 1).
pub(super) static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let bits = (byte as u8) ^ 0x55;
        let (segment, step) = ((bits >> 4) & 7, ((bits & 0x0f) as i16) << 4);
        let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
        table[byte] = if bits & 0x80 != 0 { magnitude } else { -magnitude };
        byte += 1;
    }
    table
};

/// The µ-law byte nearest to a linear sample.
pub(super) fn to_ulaw(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(32_635) + 0x84;
    let segment = 31 - (magnitude as u32).leading_zeros() - 7;
    let bits = ((segment << 4) | ((magnitude as u32 >> (segment + 3)) & 0x0f)) as u8;
    !(if sample < 0 { bits | 0x80 } else { bits })
}

/// The A-law byte nearest to a linear sample.
pub(super) fn to_alaw(sample: i16) -> u8 {
    let negative = sample < 0;
    let magnitude = (if negative { !sample } else { sample }) >> 3;
    let bits = 16 - (magnitude as u16).leading_zeros() as u8;
    let segment = bits.saturating_sub(5);
    let step = if segment < 2 { magnitude >> 1 } else { magnitude >> segment };
    let bits = (segment << 4) | (step as u8 & 0x0f);
    (if negative { bits } else { bits | 0x80 }) ^ 0x55
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
            assert!(to_ulaw(sample) == byte || (sample == 0 && byte == 0x7f), "µ-law {sample}");
        }
    }

    #[test]
    fn known_values() {
        assert_eq!((ULAW[0xff], ULAW[0x00], ULAW[0x80]), (0, -32_124, 32_124));
        assert_eq!((ALAW[0xd5], ALAW[0x55], ALAW[0xaa]), (8, -8, 32_256));
    }

    #[test]
    fn the_error_is_that_of_the_segment() {
        for sample in i16::MIN..=i16::MAX {
            let wide = i32::from(sample);
            let error = |table: &[i16; 256], byte: u8| (i32::from(table[usize::from(byte)]) - wide).abs();
            let allowed = (wide.abs() / 16).max(8) + if wide.abs() > 32_000 { 700 } else { 8 };
            assert!(error(&ULAW, to_ulaw(sample)) <= allowed, "µ-law {sample}");
            assert!(error(&ALAW, to_alaw(sample)) <= allowed, "A-law {sample}");
        }
    }
}
