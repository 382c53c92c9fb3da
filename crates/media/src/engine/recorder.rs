//! Calls into files. The media thread hands samples to a ring; a thread for each recording writes them, so that a slow
//! disk holds up nobody's voice.

mod ogg;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::codec::RATE;
use crate::config::{Event, StreamId};
use crate::mixer::{self, TICK};
use crate::resample::Resampler;
use crate::to_i16;
use ogg::OggOpus;

/// Where a call is recorded to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recording {
    /// The file, made anew.
    pub path: PathBuf,
    /// What it is.
    pub format: Format,
    /// What is in which channel.
    pub layout: Layout,
}

impl Recording {
    /// Into `path`, both sides mixed.
    pub fn new(path: impl Into<PathBuf>) -> Recording {
        let path = path.into();
        Recording { format: Format::of(&path), path, layout: Layout::Mono }
    }

    /// Into `path`, each side in a channel of its own.
    pub fn stereo(path: impl Into<PathBuf>) -> Recording {
        Recording { layout: Layout::Stereo, ..Recording::new(path) }
    }
}

/// What a [`Recording`] is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// WAV: 48 kHz, 16 bits.
    #[default]
    Wav,
    /// Opus in Ogg (RFC 7845): 32 kbit/s for each channel, a 24th of WAV.
    OggOpus,
}

impl Format {
    /// By the name's end: `.opus` and `.ogg` are Ogg, all else is WAV.
    fn of(path: &Path) -> Format {
        let is = |end: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
        if is("opus") || is("ogg") { Format::OggOpus } else { Format::Wav }
    }
}

/// What is in which channel of a [`Recording`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// Both sides mixed.
    #[default]
    Mono,
    /// What the peer is sent on the left, what it says on the right.
    Stereo,
}

/// What the writing thread may be behind before the recording is given up: a disk that sleeps takes seconds to wake.
const RING_SECONDS: usize = 10;
/// How often the ring is emptied.
const PERIOD: Duration = Duration::from_millis(100);
/// Every so many periods the file's head is brought up to date, so that it can be read even if the program dies.
const FLUSH: u32 = 50;
/// A WAV file counts its bytes in 32 bits: six hours in stereo, twelve in mono.
const MAX_BYTES: u64 = u32::MAX as u64 - (1 << 23);

/// A recording that runs; ends when dropped.
#[derive(Debug)]
pub(super) struct Recorder {
    ring: rtrb::Producer<f32>,
    layout: Layout,
    /// Both sides to the file's rate, from another.
    rate: u32,
    up: Option<[Side; 2]>,
    /// The disk cannot follow.
    behind: Arc<AtomicBool>,
}

/// One side of a call, on its way to the file's rate.
#[derive(Debug)]
struct Side {
    resampler: Resampler,
    voice: Vec<f32>,
}

impl Side {
    fn new(rate: u32) -> Side {
        Side { resampler: Resampler::fixed(rate, RATE), voice: Vec::with_capacity(TICK) }
    }

    fn convert(&mut self, voice: &[f32]) -> &[f32] {
        self.voice.clear();
        self.resampler.process(voice, &mut self.voice);
        &self.voice
    }
}

impl Recorder {
    /// Begin; what happens to it is told in `events`.
    pub(super) fn start(
        stream: StreamId,
        recording: Recording,
        events: mpsc::Sender<Event>,
    ) -> Result<(Recorder, JoinHandle<()>), std::io::Error> {
        let channels = if recording.layout == Layout::Stereo { 2 } else { 1 };
        let (ring, samples) = rtrb::RingBuffer::new(RING_SECONDS * RATE as usize * channels);
        let layout = recording.layout;
        let behind = Arc::new(AtomicBool::new(false));
        let late = behind.clone();
        let run = move || {
            let path = recording.path;
            let tell = |on, error| {
                // The engine may have ended.
                let _ = events.send(Event::Recording { stream, path: path.clone(), on, error });
            };
            let result = Sink::create(&path, recording.format, channels).and_then(|sink| {
                tell(true, None);
                write(sink, samples)
            });
            let error = match result {
                Ok(_) if late.load(Ordering::Relaxed) => Some("the disk is too slow".to_owned()),
                Ok(End::Asked) => None,
                Ok(End::Full) => Some("a WAV file holds no more".to_owned()),
                Err(error) => Some(error),
            };
            tell(false, error);
        };
        let thread = std::thread::Builder::new().name("denwa-recorder".into()).spawn(run)?;
        Ok((Recorder { ring, layout, rate: RATE, up: None, behind }, thread))
    }

    /// A tick of both sides, at `rate` samples per second, which may be another each time.
    pub(super) fn record(&mut self, sent: &[f32], said: &[f32], rate: u32) {
        if std::mem::replace(&mut self.rate, rate) != rate {
            self.up = (rate != RATE).then(|| [Side::new(rate), Side::new(rate)]);
        }
        let (sent, said) = match &mut self.up {
            Some([left, right]) => (left.convert(sent), right.convert(said)),
            None => (sent, said),
        };
        let needs = if self.layout == Layout::Stereo { 2 * TICK } else { TICK };
        if self.ring.slots() < needs {
            return self.behind.store(true, Ordering::Relaxed);
        }
        let Ok(chunk) = self.ring.write_chunk_uninit(needs) else { return };
        match self.layout {
            Layout::Stereo => chunk.fill_from_iter(sent.iter().zip(said).flat_map(|(sent, said)| [*sent, *said])),
            Layout::Mono => {
                let mut mixed = [0.0; TICK];
                mixed.iter_mut().zip(sent.iter().zip(said)).for_each(|(mixed, (sent, said))| *mixed = sent + said);
                mixer::limit(&mut mixed);
                chunk.fill_from_iter(mixed)
            }
        };
    }

    /// The disk could not follow, or the writer has given up: nothing is recorded any more.
    pub(super) fn is_over(&self) -> bool {
        self.behind.load(Ordering::Relaxed) || self.ring.is_abandoned()
    }
}

/// A file of either format. Errors are for people.
enum Sink {
    Wav(hound::WavWriter<BufWriter<File>>),
    Ogg(Box<OggOpus<BufWriter<File>>>),
}

impl Sink {
    fn create(path: &Path, format: Format, channels: usize) -> Result<Sink, String> {
        match format {
            Format::Wav => {
                let spec = hound::WavSpec {
                    channels: channels as u16,
                    sample_rate: RATE,
                    bits_per_sample: 16,
                    sample_format: hound::SampleFormat::Int,
                };
                hound::WavWriter::create(path, spec).map(Sink::Wav).map_err(said)
            }
            Format::OggOpus => {
                let file = File::create(path).map_err(said)?;
                Ok(Sink::Ogg(Box::new(OggOpus::new(BufWriter::new(file), channels).map_err(said)?)))
            }
        }
    }

    fn write(&mut self, samples: impl Iterator<Item = f32>) -> Result<(), String> {
        match self {
            Sink::Wav(writer) => samples.map(to_i16).try_for_each(|sample| writer.write_sample(sample)).map_err(said),
            Sink::Ogg(ogg) => ogg.write(samples).map_err(said),
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        match self {
            Sink::Wav(writer) => writer.flush().map_err(said),
            Sink::Ogg(ogg) => ogg.flush().map_err(said),
        }
    }

    fn finish(self) -> Result<(), String> {
        match self {
            Sink::Wav(writer) => writer.finalize().map_err(said),
            Sink::Ogg(ogg) => ogg.finish().map_err(said),
        }
    }
}

fn said(error: impl std::error::Error) -> String {
    error.to_string()
}

/// Why a recording ends.
enum End {
    Asked,
    Full,
}

fn write(mut sink: Sink, mut ring: rtrb::Consumer<f32>) -> Result<End, String> {
    let mut bytes = 0;
    let mut period = 0u32;
    let end = loop {
        period = period.wrapping_add(1);
        // Asked before the ring is emptied: what came before the end is written.
        let over = ring.is_abandoned();
        let ready = ring.slots();
        let Ok(chunk) = ring.read_chunk(ready) else { continue };
        bytes += ready as u64 * 2;
        sink.write(chunk.into_iter())?;
        if over {
            break End::Asked;
        }
        if matches!(sink, Sink::Wav(_)) && bytes > MAX_BYTES {
            break End::Full;
        }
        if period.is_multiple_of(FLUSH) {
            sink.flush()?;
        }
        #[expect(clippy::disallowed_methods, reason = "this thread is for nothing else")]
        std::thread::sleep(PERIOD);
    };
    sink.finish()?;
    Ok(end)
}
