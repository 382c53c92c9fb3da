//! WAV files read as voice: mono, 48 kHz, -1 to 1.

use std::path::Path;

use crate::codec::RATE;
use crate::resample::Resampler;

/// The lowest sample rate that is taken for one, in Hz.
const LEAST_RATE: u32 = 1_000;

/// Why a WAV file is not voice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// It cannot be read, or is no WAV file of integers or floats.
    #[error("{0}")]
    Broken(#[from] hound::Error),
    /// It sounds longer than is allowed.
    #[error("longer than {0} s")]
    TooLong(u32),
    /// It has no samples, or says that it has fewer than 1000 a second.
    #[error("there is no sound in it")]
    Empty,
}

/// A whole file of at most `seconds`, channels mixed.
pub(crate) fn read(path: &Path, seconds: u32) -> Result<Vec<f32>, WavError> {
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels.max(1));
    if spec.sample_rate < LEAST_RATE || reader.duration() == 0 {
        return Err(WavError::Empty);
    }
    if reader.duration() / spec.sample_rate >= seconds {
        return Err(WavError::TooLong(seconds));
    }
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            reader.samples::<i32>().map(|sample| Ok(sample? as f32 * scale)).collect::<Result<_, hound::Error>>()?
        }
    };
    let mono: Vec<f32> =
        samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
    if spec.sample_rate == RATE {
        return Ok(mono);
    }
    Ok(Resampler::convert(&mono, spec.sample_rate, RATE))
}
