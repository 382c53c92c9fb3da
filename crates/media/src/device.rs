//! What the engine needs of a sound card: two wait-free rings of samples.
//!
//! ```text
//!   media thread                         device callback (hard real time)
//!   Line.playout  ──── ring, mono f32 ───▶  Playout::pull(&mut [f32])  ─▶ speaker
//!   Line.capture  ◀─── ring, mono f32 ────  Capture::push(&[f32])      ◀─ microphone
//! ```
//!
//! The callback side copies and counts, nothing else: no allocation, lock, log or system call. The engine's side lives
//! on the media thread and converts rates, so a device gives its own rate and nothing more.

pub mod cpal;
pub mod file;
pub mod null;
mod paced;
pub mod watch;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A microphone and a speaker. [`start`](Device::start) may be called again after [`stop`](Device::stop) or after the
/// device was lost.
pub trait Device: Send {
    /// Open the device and let it run; the ends for its callbacks come from [`line()`]. It may block for as long as
    /// opening takes: the engine calls it on the media thread.
    ///
    /// # Errors
    /// Whatever keeps the device from running.
    fn start(&mut self) -> Result<Line, DeviceError>;

    /// Close the device. Files are complete after this.
    fn stop(&mut self);
}

/// Why a device does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// There is no such device on this machine.
    #[error("no audio device: {0}")]
    Missing(String),
    /// The device is there and refuses.
    #[error("the audio device fails: {0}")]
    Failed(String),
    /// A file cannot be read, written or understood.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system gave no thread.
    #[error("no thread for audio: {0}")]
    Thread(String),
}

/// A sound device of this machine, as [`cpal::devices`] finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// What to choose it by; the same the next time it is there.
    pub id: String,
    /// For people.
    pub name: String,
    /// Can it play?
    pub speaker: bool,
    /// Can it hear?
    pub microphone: bool,
    /// What plays if nothing is chosen.
    pub default_speaker: bool,
    /// What hears if nothing is chosen.
    pub default_microphone: bool,
    /// It is worn on the head or held to the ear, as far as its type and name tell.
    pub headset: bool,
}

impl DeviceInfo {
    /// One of that id and name that can do nothing yet: for lists of one's own.
    pub fn new(id: impl Into<String>) -> DeviceInfo {
        let id = id.into();
        DeviceInfo {
            name: id.clone(),
            id,
            speaker: false,
            microphone: false,
            default_speaker: false,
            default_microphone: false,
            headset: false,
        }
    }
}

/// The engine's end of a device.
#[derive(Debug)]
pub struct Line {
    pub(crate) playout: rtrb::Producer<f32>,
    pub(crate) capture: rtrb::Consumer<f32>,
    pub(crate) playout_rate: u32,
    pub(crate) capture_rate: u32,
    pub(crate) shared: Arc<Shared>,
}

/// The speaker's end: give it to the output callback.
#[derive(Debug)]
pub struct Playout {
    ring: rtrb::Consumer<f32>,
    shared: Arc<Shared>,
}

/// The microphone's end: give it to the input callback.
#[derive(Debug)]
pub struct Capture {
    ring: rtrb::Producer<f32>,
    shared: Arc<Shared>,
}

/// Says from any thread that the device is gone, or may be.
#[derive(Debug, Clone)]
pub struct Loss {
    shared: Arc<Shared>,
    side: Side,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Playout,
    Capture,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Samples the speaker has asked for since the start; the media thread sees by it that the device is alive.
    pub(crate) pulled: AtomicU64,
    /// Samples the microphone has given since the start.
    pub(crate) pushed: AtomicU64,
    /// Errors of either side that may pass.
    pub(crate) playout_errors: AtomicU64,
    pub(crate) capture_errors: AtomicU64,
    /// Samples of the largest pull since the media thread last looked: how much the device takes at once.
    pub(crate) largest_pull: AtomicU64,
    /// Samples of silence played because the media thread was late.
    pub(crate) underrun: AtomicU64,
    /// Samples of the microphone thrown away because the media thread was late.
    pub(crate) overrun: AtomicU64,
    pub(crate) lost: AtomicBool,
    /// The first error, for people.
    pub(crate) reason: OnceLock<String>,
}

/// A new line between the engine and a device: mono, `playout_rate` and `capture_rate` samples per second (8000 to
/// 192000). The rings hold half a second.
pub fn line(playout_rate: u32, capture_rate: u32) -> (Line, Playout, Capture) {
    let shared = Arc::new(Shared::default());
    let (speaker_in, speaker_out) = rtrb::RingBuffer::new(playout_rate as usize / 2);
    let (mic_in, mic_out) = rtrb::RingBuffer::new(capture_rate as usize / 2);
    (
        Line { playout: speaker_in, capture: mic_out, playout_rate, capture_rate, shared: shared.clone() },
        Playout { ring: speaker_out, shared: shared.clone() },
        Capture { ring: mic_in, shared },
    )
}

impl Playout {
    /// Fill `out` with what to play; silence where there is nothing yet. Never blocks, never allocates.
    pub fn pull(&mut self, out: &mut [f32]) {
        let ready = self.ring.slots().min(out.len());
        if let Ok(chunk) = self.ring.read_chunk(ready) {
            let (first, second) = chunk.as_slices();
            let (head, rest) = out.split_at_mut(first.len());
            head.copy_from_slice(first);
            rest[..second.len()].copy_from_slice(second);
            chunk.commit_all();
        }
        out[ready..].fill(0.0);
        self.note(ready, out.len());
    }

    /// The same for interleaved frames of `channels`, each sample through `convert`.
    pub fn pull_frames<T: Copy>(&mut self, out: &mut [T], channels: usize, convert: impl Fn(f32) -> T) {
        let frames = out.len() / channels.max(1);
        let ready = self.ring.slots().min(frames);
        let mut outs = out.chunks_exact_mut(channels.max(1));
        if let Ok(chunk) = self.ring.read_chunk(ready) {
            let (first, second) = chunk.as_slices();
            for (frame, sample) in outs.by_ref().zip(first.iter().chain(second)) {
                frame.fill(convert(*sample));
            }
            chunk.commit_all();
        }
        // `zip` takes one frame more than it has samples for; start again after what is filled.
        out[ready * channels.max(1)..].fill(convert(0.0));
        self.note(ready, frames);
    }

    /// A handle by which an error callback reports the end of the device.
    pub fn loss(&self) -> Loss {
        Loss { shared: self.shared.clone(), side: Side::Playout }
    }

    fn note(&self, ready: usize, wanted: usize) {
        let before = self.shared.pulled.fetch_add(wanted as u64, Ordering::Relaxed);
        self.shared.largest_pull.fetch_max(wanted as u64, Ordering::Relaxed);
        // The first pull comes before the engine could write anything.
        if before > 0 {
            self.shared.underrun.fetch_add((wanted - ready) as u64, Ordering::Relaxed);
        }
    }
}

impl Capture {
    /// Take over what the microphone heard; what does not fit is dropped. Never blocks, never allocates.
    pub fn push(&mut self, samples: &[f32]) {
        self.push_frames(samples, 1, |sample| sample);
    }

    /// The same for interleaved frames of `channels`, of which the mean is kept.
    pub fn push_frames<T: Copy>(&mut self, samples: &[T], channels: usize, convert: impl Fn(T) -> f32) {
        let channels = channels.max(1);
        let frames = samples.len() / channels;
        let room = self.ring.slots().min(frames);
        if let Ok(mut chunk) = self.ring.write_chunk(room) {
            let (first, second) = chunk.as_mut_slices();
            for (slot, frame) in first.iter_mut().chain(second).zip(samples.chunks_exact(channels)) {
                *slot = frame.iter().map(|sample| convert(*sample)).sum::<f32>() / channels as f32;
            }
            chunk.commit_all();
        }
        self.shared.pushed.fetch_add(frames as u64, Ordering::Relaxed);
        self.shared.overrun.fetch_add((frames - room) as u64, Ordering::Relaxed);
    }

    /// A handle by which an error callback reports the end of the device.
    pub fn loss(&self) -> Loss {
        Loss { shared: self.shared.clone(), side: Side::Capture }
    }
}

impl Loss {
    /// The device is gone, for this reason. May be called without end: the first time counts, and only that allocates.
    pub fn report(&self, reason: impl fmt::Display) {
        self.explain(reason);
        self.shared.lost.store(true, Ordering::Release);
    }

    /// Something is wrong that may pass. While no sound moves on this side, a second of it is the device's end. May be
    /// called without end: only the first time allocates.
    pub fn doubt(&self, reason: impl fmt::Display) {
        self.explain(reason);
        let errors = match self.side {
            Side::Playout => &self.shared.playout_errors,
            Side::Capture => &self.shared.capture_errors,
        };
        errors.fetch_add(1, Ordering::Relaxed);
    }

    fn explain(&self, reason: impl fmt::Display) {
        if self.shared.reason.get().is_none() {
            // Losing a race to another report changes nothing.
            let _ = self.shared.reason.set(reason.to_string());
        }
    }
}

impl Line {
    /// Has the device ended, by its own word or by dropping an end?
    pub(crate) fn is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire) || self.playout.is_abandoned()
    }

    /// Why it ended, for people.
    pub(crate) fn loss_reason(&self) -> &str {
        self.shared.reason.get().map_or("it has ended", String::as_str)
    }

    /// Samples waiting to be played.
    pub(crate) fn level(&self) -> usize {
        self.playout.buffer().capacity() - self.playout.slots()
    }
}
