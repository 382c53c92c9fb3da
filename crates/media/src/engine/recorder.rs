//! Calls into files. The media thread hands samples to a ring; a thread for each recording writes them, so that a slow
//! disk holds up nobody's voice.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::codec::RATE;
use crate::config::{Event, StreamId};
use crate::mixer::{self, TICK, Voice};
use crate::to_i16;

/// Where a call is recorded to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recording {
    /// A WAV file, made anew: 48 kHz, 16 bits.
    pub path: PathBuf,
    /// What is in which channel.
    pub layout: Layout,
}

impl Recording {
    /// Into `path`, both sides mixed.
    pub fn new(path: impl Into<PathBuf>) -> Recording {
        Recording { path: path.into(), layout: Layout::Mono }
    }

    /// Into `path`, each side in a channel of its own.
    pub fn stereo(path: impl Into<PathBuf>) -> Recording {
        Recording { path: path.into(), layout: Layout::Stereo }
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
    /// The disk cannot follow.
    behind: Arc<AtomicBool>,
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
            let result = create(&path, channels as u16).and_then(|writer| {
                tell(true, None);
                write(writer, samples)
            });
            let error = match result {
                Ok(_) if late.load(Ordering::Relaxed) => Some("the disk is too slow".to_owned()),
                Ok(End::Asked) => None,
                Ok(End::Full) => Some("a WAV file holds no more".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            tell(false, error);
        };
        let thread = std::thread::Builder::new().name("denwa-recorder".into()).spawn(run)?;
        Ok((Recorder { ring, layout, behind }, thread))
    }

    /// A tick of both sides.
    pub(super) fn record(&mut self, sent: &Voice, said: &Voice) {
        let mut mixed = [0.0; TICK];
        let needs = if self.layout == Layout::Stereo { 2 * TICK } else { TICK };
        if self.ring.slots() < needs {
            return self.behind.store(true, Ordering::Relaxed);
        }
        let Ok(chunk) = self.ring.write_chunk_uninit(needs) else { return };
        match self.layout {
            Layout::Stereo => chunk.fill_from_iter(sent.iter().zip(said).flat_map(|(sent, said)| [*sent, *said])),
            Layout::Mono => {
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

fn create(path: &Path, channels: u16) -> Result<hound::WavWriter<BufWriter<File>>, hound::Error> {
    let spec =
        hound::WavSpec { channels, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    hound::WavWriter::create(path, spec)
}

/// Why a recording ends.
enum End {
    Asked,
    Full,
}

fn write(mut writer: hound::WavWriter<BufWriter<File>>, mut ring: rtrb::Consumer<f32>) -> Result<End, hound::Error> {
    let mut bytes = 0;
    let mut period = 0u32;
    let end = loop {
        period = period.wrapping_add(1);
        // Asked before the ring is emptied: what came before the end is written.
        let over = ring.is_abandoned();
        let ready = ring.slots();
        let Ok(chunk) = ring.read_chunk(ready) else { continue };
        bytes += ready as u64 * 2;
        for sample in chunk {
            writer.write_sample(to_i16(sample))?;
        }
        if over {
            break End::Asked;
        }
        if bytes > MAX_BYTES {
            break End::Full;
        }
        if period.is_multiple_of(FLUSH) {
            writer.flush()?;
        }
        #[expect(clippy::disallowed_methods, reason = "this thread is for nothing else")]
        std::thread::sleep(PERIOD);
    };
    writer.finalize()?;
    Ok(end)
}
