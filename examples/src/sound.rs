//! A tone to send, and the proof that it came back.
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use std::f64::consts::TAU;
use std::path::Path;

/// Samples per second of what is written here.
pub const RATE: u32 = 48_000;

/// Writes a WAV file of a sine tone: `hz`, for so many seconds, at a quarter of full scale.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tone(path: &Path, hz: f64, seconds: u32) -> Result<(), hound::Error> {
    let spec = WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec)?;
    for n in 0..RATE * seconds {
        let sample = (TAU * hz * f64::from(n) / f64::from(RATE)).sin() * 0.25 * f64::from(i16::MAX);
        writer.write_sample(sample as i16)?;
    }
    writer.finalize()
}

/// What a recording holds of a tone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Seconds in which the tone was there: in 100 ms pieces where it makes up most of the sound.
    pub seconds: f64,
    /// Its share of the energy in those pieces, 0 to 1.
    pub purity: f64,
}

/// Looks for a tone in a WAV file.
///
/// # Errors
/// When the file cannot be read.
pub fn listen_for(path: &Path, hz: f64) -> Result<Heard, hound::Error> {
    let mut reader = WavReader::open(path)?;
    let spec = reader.spec();
    let full_scale = f64::from(1_u32 << (spec.bits_per_sample - 1));
    let every = usize::from(spec.channels);
    let samples: Vec<f64> = match spec.sample_format {
        SampleFormat::Float => {
            reader.samples::<f32>().step_by(every).map(|s| s.map(f64::from)).collect::<Result<_, _>>()?
        }
        SampleFormat::Int => reader
            .samples::<i32>()
            .step_by(every)
            .map(|s| s.map(|s| f64::from(s) / full_scale))
            .collect::<Result<_, _>>()?,
    };
    Ok(measure(&samples, f64::from(spec.sample_rate), hz))
}

/// As [`listen_for`], on samples from -1 to 1.
#[must_use]
pub fn measure(samples: &[f64], rate: f64, hz: f64) -> Heard {
    const SILENCE: f64 = 1e-6; // mean square, -60 dBov
    let piece = (rate / 10.0) as usize;
    let shares: Vec<f64> = samples
        .chunks_exact(piece.max(1))
        .filter(|piece| piece.iter().map(|s| s * s).sum::<f64>() / piece.len() as f64 > SILENCE)
        .map(|piece| goertzel(piece, rate, hz))
        .filter(|share| *share > 0.5)
        .collect();
    let purity = if shares.is_empty() { 0.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 };
    Heard { seconds: shares.len() as f64 / 10.0, purity }
}

/// The share of a tone in the energy of samples, 0 to 1: Goertzel's filter, which is one bin of a Fourier transform.
fn goertzel(samples: &[f64], rate: f64, hz: f64) -> f64 {
    let turn = 2.0 * (TAU * hz / rate).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        (last, before) = (sample + turn * last - before, last);
    }
    let tone = last * last + before * before - turn * last * before;
    let all: f64 = samples.iter().map(|s| s * s).sum();
    // A pure tone of n samples has tone = n² a²/4 and all = n a²/2.
    (2.0 * tone / (samples.len() as f64 * all)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64) -> Vec<f64> {
        (0..48_000).map(|n| 0.2 * (TAU * hz * f64::from(n) / 48_000.0).sin()).collect()
    }

    #[test]
    fn a_tone_is_heard_and_another_is_not() {
        let heard = measure(&tone(440.0), 48_000.0, 440.0);
        assert!(heard.seconds > 0.95 && heard.purity > 0.99, "{heard:?}");
        assert_eq!(measure(&tone(660.0), 48_000.0, 440.0).seconds, 0.0);
        assert_eq!(measure(&vec![0.0; 48_000], 48_000.0, 440.0).seconds, 0.0);
    }
}
