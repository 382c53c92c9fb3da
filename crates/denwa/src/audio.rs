//! Where sound comes from and goes to.
use crate::error::Error;
use media::{Device, Engine, EngineConfig};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The microphone and the speaker of a phone.
#[non_exhaustive]
pub enum Audio {
    /// The system's default devices.
    System,
    /// Chosen ones.
    Devices(Devices),
    /// None: silence is sent, what comes is thrown away. Calls are otherwise whole.
    None,
    /// Files in the place of devices.
    File {
        /// A WAV file, any rate, played over and over into calls; silence without one.
        play: Option<PathBuf>,
        /// A WAV file that is written with what is heard; whole after [`shutdown`](crate::Phone::shutdown).
        record: Option<PathBuf>,
    },
    /// A device of your own.
    Custom(Box<dyn Device>),
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Devices(_) => "Devices",
            Self::None => "None",
            Self::File { .. } => "File",
            Self::Custom(_) => "Custom",
        })
    }
}

/// Which of this machine's sound devices are used, by [`AudioDevice::id`](crate::AudioDevice); the system's defaults where
/// none is named, followed when they change. One that is named and not there is stood in for by the default until it is
/// plugged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Devices {
    /// Where calls are heard.
    pub speaker: Option<String>,
    /// What hears us.
    pub microphone: Option<String>,
    /// Where it rings; where calls are heard if none is named.
    pub ringer: Option<String>,
    /// How much sound speaker and microphone move at once, 2 to 100 ms; 10 if nothing is said. Shorter is less delay and more
    /// work; what refuses it gives what it likes.
    pub period: Option<Duration>,
}

impl Devices {
    /// Calls are heard there.
    #[must_use]
    pub fn speaker(mut self, id: impl Into<String>) -> Self {
        self.speaker = Some(id.into());
        self
    }

    /// That one hears us.
    #[must_use]
    pub fn microphone(mut self, id: impl Into<String>) -> Self {
        self.microphone = Some(id.into());
        self
    }

    /// It rings there.
    #[must_use]
    pub fn ringer(mut self, id: impl Into<String>) -> Self {
        self.ringer = Some(id.into());
        self
    }

    /// They move so much sound at once.
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.period = Some(period);
        self
    }

    /// For calls.
    pub(crate) fn system(&self) -> media::System {
        let system = self.speaker.iter().fold(media::System::new(), |system, id| system.speaker(id));
        let system = self.period.into_iter().fold(system, media::System::period);
        self.microphone.iter().fold(system, |system, id| system.microphone(id))
    }
}

/// Whether echo, steady noise and a low level are taken out of the microphone's voice (feature `voice`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VoiceProcessing {
    /// Where a microphone of this machine can hear a speaker of it: not with a headset, as far as its name and type tell.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// The sound devices that this machine has now. Asks the sound system, which may take a moment: not for an async task.
///
/// # Errors
/// [`Error::Audio`] when the sound system does not answer.
pub fn audio_devices() -> Result<Vec<media::DeviceInfo>, Error> {
    let failed =
        |error: media::DeviceError| Error::Audio { doing: "looking for sound devices", detail: error.to_string() };
    media::device::cpal::devices().map_err(failed)
}

/// What the other side hears while we hold it. A server in between usually plays music of its own; without one, silence is
/// taken for a dead line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HoldSound {
    /// Nothing is sent: the server plays something, or nobody does.
    #[default]
    None,
    /// A soft tone every few seconds.
    Tone,
    /// A WAV file, over and over.
    File(PathBuf),
}

impl HoldSound {
    /// Ready to be played. Reads the file whole: blocks as long as that takes.
    pub(crate) fn load(&self) -> Result<Option<media::Source>, Error> {
        Ok(match self {
            Self::None => None,
            Self::Tone => Some(media::Source::Clip(Arc::new(comfort()?))),
            Self::File(path) => {
                let clip = media::Clip::from_wav(path).map_err(|error| unusable(&error))?;
                Some(media::Source::Clip(Arc::new(clip)))
            }
        })
    }
}

/// A soft beep of 425 Hz for 0.2 s, then silence for 4.8 s.
fn comfort() -> Result<media::Clip, Error> {
    const RATE: u32 = 8_000;
    let sample = |n: u32| {
        let seconds = n as f32 / RATE as f32;
        let fade = (seconds / 0.02).min((0.2 - seconds) / 0.02).clamp(0.0, 1.0);
        0.05 * fade * (std::f32::consts::TAU * 425.0 * seconds).sin()
    };
    let samples: Vec<f32> = (0..5 * RATE).map(sample).collect();
    media::Clip::from_samples(&samples, RATE).map_err(|error| unusable(&error))
}

fn unusable(error: &impl std::fmt::Display) -> Error {
    Error::Audio { doing: "reading the hold music", detail: error.to_string() }
}

/// The UDP ports for RTP and RTCP: the dynamic range below the one that systems take for other sockets.
const PORTS: std::ops::Range<u16> = 16_384..32_768;

/// A second one that only rings.
pub(crate) fn start_ringer(id: &str, seed: [u8; 32]) -> Option<Engine> {
    let config =
        EngineConfig { devices: Box::new(media::Null::default()), seed, ports: PORTS, on_event: Box::new(|_| ()) };
    let started = Engine::start(config).inspect_err(|error| tracing::warn!(%error, "it rings where calls are heard"));
    let ringer = started.ok()?;
    ringer.use_device(ring_device(id));
    Some(ringer)
}

pub(crate) fn ring_device(id: &str) -> Box<dyn Device> {
    Box::new(media::System::new().speaker(id).without_microphone())
}

/// Tells `sound` whenever the machine's devices change.
pub(crate) fn watch(sound: mpsc::Sender<media::Event>) -> Option<media::Watch> {
    let tell = move |found| drop(sound.try_send(media::Event::Devices(found)));
    let watch = media::Watch::start(media::device::cpal::devices, tell);
    watch.inspect_err(|error| tracing::warn!(%error, "sound devices are not watched")).ok()
}

/// Starts the media thread; what it hears goes to `sound`. Opening a device may take seconds, so it has a thread for that.
pub(crate) async fn start(audio: Audio, seed: [u8; 32], sound: mpsc::Sender<media::Event>) -> Result<Engine, Error> {
    let started = tokio::task::spawn_blocking(move || start_blocking(audio, seed, sound)).await;
    started.unwrap_or(Err(Error::Closed)) // the runtime is going down
}

fn start_blocking(audio: Audio, seed: [u8; 32], sound: mpsc::Sender<media::Event>) -> Result<Engine, Error> {
    let failed = |detail| Error::Audio { doing: "opening the sound device", detail };
    let devices: Box<dyn Device> = match audio {
        Audio::System => Box::new(media::System::default()),
        Audio::Devices(devices) => Box::new(devices.system()),
        Audio::None => Box::new(media::Null::default()),
        Audio::File { play, record } => {
            let file = play.into_iter().fold(media::File::default(), media::File::play);
            Box::new(record.into_iter().fold(file, media::File::record))
        }
        Audio::Custom(device) => device,
    };
    let on_event = Box::new(move |event| {
        // A full queue means that the driver is far behind; the media thread never waits for it.
        let _ = sound.try_send(event);
    });
    Engine::start(EngineConfig { devices, seed, ports: PORTS, on_event }).map_err(|error| failed(error.to_string()))
}
