//! Files in place of a sound card: a WAV file is said, a WAV file is made of what is heard.

use std::fs::File as Disk;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::paced::{Paced, Sound};
use super::{Device, DeviceError, Line};
use crate::codec::RATE;
use crate::wav;

/// The longest file that is read, in seconds.
const MAX_SECONDS: u32 = 3_600;

/// A device that plays a file into calls and writes what it hears to another, at the pace of a sound card.
#[derive(Debug, Default)]
pub struct File {
    play: Option<PathBuf>,
    once: bool,
    record: Option<PathBuf>,
    running: Option<Paced>,
}

impl File {
    /// Says nothing and keeps nothing.
    pub const fn new() -> File {
        File { play: None, once: false, record: None, running: None }
    }

    /// Say this WAV file over and over: any rate, channels are mixed, integers of 8 to 32 bits or 32-bit floats.
    #[must_use]
    pub fn play(mut self, path: impl Into<PathBuf>) -> File {
        self.play = Some(path.into());
        self
    }

    /// Say the file once, then silence.
    #[must_use]
    pub fn once(mut self) -> File {
        self.once = true;
        self
    }

    /// Write what is heard as a WAV file: 48 kHz, mono, 16 bits. It is complete when the device stops.
    #[must_use]
    pub fn record(mut self, path: impl Into<PathBuf>) -> File {
        self.record = Some(path.into());
        self
    }
}

impl Device for File {
    fn start(&mut self) -> Result<Line, DeviceError> {
        self.stop();
        let voice = self.play.as_deref().map(read).transpose()?.unwrap_or_default();
        let writer = self.record.as_deref().map(create).transpose()?;
        let path = self.record.clone().unwrap_or_default();
        let (running, line) = Paced::start(Files { voice, at: 0, once: self.once, writer, path })?;
        self.running = Some(running);
        Ok(line)
    }

    fn stop(&mut self) {
        self.running = None;
    }
}

struct Files {
    voice: Vec<f32>,
    at: usize,
    once: bool,
    writer: Option<hound::WavWriter<BufWriter<Disk>>>,
    path: PathBuf,
}

impl Sound for Files {
    fn period(&mut self, heard: &[f32], said: &mut [f32]) -> Result<(), DeviceError> {
        if let Some(writer) = &mut self.writer {
            for sample in heard {
                let sample = (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16;
                writer.write_sample(sample).map_err(|error| failed(&self.path, error))?;
            }
        }
        for sample in said {
            if self.at == self.voice.len() && !self.once {
                self.at = 0;
            }
            *sample = self.voice.get(self.at).copied().unwrap_or(0.0);
            self.at = (self.at + 1).min(self.voice.len());
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(writer) = self.writer.take()
            && let Err(error) = writer.finalize()
        {
            tracing::debug!(%error, "the recording is not complete");
        }
    }
}

/// A whole WAV file as mono voice at 48 kHz.
fn read(path: &Path) -> Result<Vec<f32>, DeviceError> {
    match wav::read(path, MAX_SECONDS) {
        Ok(voice) => Ok(voice),
        Err(wav::WavError::Empty) => Ok(Vec::new()),
        Err(error) => Err(DeviceError::File { path: path.display().to_string(), reason: error.to_string() }),
    }
}

fn create(path: &Path) -> Result<hound::WavWriter<BufWriter<Disk>>, DeviceError> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    hound::WavWriter::create(path, spec).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: hound::Error) -> DeviceError {
    DeviceError::File { path: path.display().to_string(), reason: error.to_string() }
}
