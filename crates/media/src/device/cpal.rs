//! The system's speaker and microphone, through cpal. No other file knows a word of it.
//!
//! cpal's streams stay on the thread that made them, so each device has a thread of its own, that opens both and then
//! only waits to close them.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{DeviceDirection, ErrorKind, FromSample, Sample, SampleFormat, SizedSample};

use super::{Capture, Device, DeviceError, DeviceInfo, Line, Loss, Playout, line};

/// What we would like of the hardware unless told otherwise. It may give others.
const PERIOD: Duration = Duration::from_millis(10);
/// A device that does not open in this time has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A speaker and a microphone of this machine, at any rate, any number of channels and any sample format; the system's
/// defaults unless others are chosen. One that is chosen and not there is stood in for by the default. Without a microphone
/// one can still listen; without a speaker there is no device.
#[derive(Debug)]
pub struct System {
    wanted: Wanted,
    running: Option<Running>,
}

/// Ids of what was chosen.
#[derive(Debug, Clone)]
struct Wanted {
    speaker: Option<String>,
    microphone: Option<String>,
    /// Only listen.
    deaf: bool,
    period: Duration,
}

#[derive(Debug)]
struct Running {
    /// Dropping it ends the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Default for System {
    fn default() -> System {
        System::new()
    }
}

impl System {
    /// A closed one.
    pub const fn new() -> System {
        System { wanted: Wanted { speaker: None, microphone: None, deaf: false, period: PERIOD }, running: None }
    }

    /// Plays through the device with this [`DeviceInfo::id`](super::DeviceInfo).
    #[must_use]
    pub fn speaker(mut self, id: impl Into<String>) -> System {
        self.wanted.speaker = Some(id.into());
        self
    }

    /// Hears by the device with this [`DeviceInfo::id`](super::DeviceInfo).
    #[must_use]
    pub fn microphone(mut self, id: impl Into<String>) -> System {
        self.wanted.microphone = Some(id.into());
        self
    }

    /// How much sound the hardware moves at once: 2 to 100 ms, 10 unless told otherwise. Shorter is less delay and more
    /// work; hardware that refuses it gives what it likes.
    #[must_use]
    pub fn period(mut self, period: Duration) -> System {
        self.wanted.period = period.clamp(Duration::from_millis(2), Duration::from_millis(100));
        self
    }

    /// Opens no microphone.
    #[must_use]
    pub fn without_microphone(mut self) -> System {
        self.wanted.deaf = true;
        self
    }
}

impl Device for System {
    fn start(&mut self) -> Result<Line, DeviceError> {
        self.stop();
        let (stop, stopped) = mpsc::channel::<()>();
        let (opened, opening) = mpsc::channel();
        let wanted = self.wanted.clone();
        let run = move || {
            let streams = match open(&wanted) {
                Ok((line, streams)) => {
                    // Nobody waits any more: the engine has lost patience.
                    if opened.send(Ok(line)).is_err() {
                        return;
                    }
                    streams
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
            // Ends when the other end is dropped.
            let _ = stopped.recv();
            drop(streams);
        };
        let thread = std::thread::Builder::new()
            .name("denwa-cpal".into())
            .spawn(run)
            .map_err(|error| DeviceError::Thread(error.to_string()))?;
        let line = opening.recv_timeout(PATIENCE).map_err(|_| DeviceError::Failed("it does not open".into()))??;
        self.running = Some(Running { stop: Some(stop), thread: Some(thread) });
        Ok(line)
    }

    fn stop(&mut self) {
        self.running = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told already by the panic hook.
            let _ = thread.join();
        }
    }
}

struct Streams {
    _speaker: cpal::Stream,
    _microphone: Option<cpal::Stream>,
}

fn open(wanted: &Wanted) -> Result<(Line, Streams), DeviceError> {
    // Not every device takes the period that we like.
    quietly(|| {
        let shorter = open_with(wanted, Some(wanted.period));
        shorter.or_else(|_| open_with(wanted, Some(PERIOD))).or_else(|_| open_with(wanted, None))
    })
}

/// The sound devices that there are now, by asking the system; takes as long as that takes.
///
/// # Errors
/// The sound server does not answer.
pub fn devices() -> Result<Vec<DeviceInfo>, DeviceError> {
    quietly(|| {
        let host = cpal::default_host();
        let id = |device: Option<cpal::Device>| device.and_then(|device| device.id().ok());
        let (speaker, microphone) = (id(host.default_output_device()), id(host.default_input_device()));
        let infos = host.devices().map_err(failed)?.filter_map(|device| {
            let (id, description) = (device.id().ok()?, device.description().ok()?);
            let direction = description.direction();
            Some(DeviceInfo {
                name: description.name().to_owned(),
                speaker: matches!(direction, DeviceDirection::Output | DeviceDirection::Duplex),
                microphone: matches!(direction, DeviceDirection::Input | DeviceDirection::Duplex),
                default_speaker: speaker.as_ref() == Some(&id),
                default_microphone: microphone.as_ref() == Some(&id),
                headset: is_headset(&description),
                id: id.to_string(),
            })
        });
        Ok(infos.collect())
    })
}

/// Worn on the head or held to the ear: what it plays does not reach its microphone.
fn is_headset(description: &cpal::DeviceDescription) -> bool {
    use cpal::DeviceType::{Earpiece, Handset, Headphones, Headset, HearingAid};
    let name = description.name().to_lowercase();
    matches!(description.device_type(), Earpiece | Handset | Headphones | Headset | HearingAid)
        || ["headset", "headphone", "earphone", "earbud", "airpod", "handset"].iter().any(|word| name.contains(word))
}

fn quietly<T>(ask: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    let words = quiet_alsa();
    let answer = ask();
    #[cfg(target_os = "linux")]
    if let Some(words) = words {
        tracing::debug!(alsa = %words.borrow(), "the devices were looked for");
    }
    answer
}

/// The device with that id, else the default.
fn chosen(
    host: &cpal::Host,
    id: Option<&String>,
    otherwise: impl FnOnce() -> Option<cpal::Device>,
) -> Option<cpal::Device> {
    let found = id.and_then(|id| host.device_by_id(&id.parse().ok()?));
    if let (Some(id), None) = (id, &found) {
        tracing::warn!(%id, "the chosen sound device is not there: the default stands in");
    }
    found.or_else(otherwise)
}

/// ALSA writes to the program's standard error whatever it did not find. On this thread it goes into a buffer instead.
#[cfg(target_os = "linux")]
fn quiet_alsa() -> Option<std::rc::Rc<std::cell::RefCell<alsa::Output>>> {
    alsa::Output::local_error_handler().ok()
}

fn open_with(wanted: &Wanted, asked: Option<Duration>) -> Result<(Line, Streams), DeviceError> {
    let host = cpal::default_host();
    let speaker = chosen(&host, wanted.speaker.as_ref(), || host.default_output_device());
    let speaker = speaker.ok_or_else(|| DeviceError::Missing("there is no speaker".into()))?;
    let out = speaker.default_output_config().map_err(failed)?;
    let microphone = match wanted.deaf {
        true => None,
        false => chosen(&host, wanted.microphone.as_ref(), || host.default_input_device()),
    };
    let microphone = microphone.and_then(|device| Some((device.default_input_config().ok()?, device)));
    let capture_rate = microphone.as_ref().map_or(out.sample_rate(), |(config, _)| config.sample_rate());
    let (line, playout, capture) = line(out.sample_rate(), capture_rate);
    let speaker = output(&speaker, &out, asked, playout)?;
    speaker.play().map_err(failed)?;
    let microphone = match microphone {
        Some((config, device)) => {
            let stream = input(&device, &config, asked, capture)?;
            stream.play().map_err(failed)?;
            Some(stream)
        }
        None => {
            if !wanted.deaf {
                tracing::warn!("there is no microphone: calls are silent");
            }
            None
        }
    };
    Ok((line, Streams { _speaker: speaker, _microphone: microphone }))
}

fn period(config: &cpal::SupportedStreamConfig, asked: Option<Duration>) -> cpal::StreamConfig {
    let mut config = config.config();
    if let Some(period) = asked {
        config.buffer_size = cpal::BufferSize::Fixed(config.sample_rate * period.as_millis() as u32 / 1_000);
    }
    config
}

/// Calls `$build` with the type of a sample format.
macro_rules! with_type {
    ($format:expr, $build:ident, $($argument:expr),+) => {
        match $format {
            SampleFormat::F32 => $build::<f32>($($argument),+),
            SampleFormat::F64 => $build::<f64>($($argument),+),
            SampleFormat::I8 => $build::<i8>($($argument),+),
            SampleFormat::I16 => $build::<i16>($($argument),+),
            SampleFormat::I32 => $build::<i32>($($argument),+),
            SampleFormat::U8 => $build::<u8>($($argument),+),
            SampleFormat::U16 => $build::<u16>($($argument),+),
            SampleFormat::U32 => $build::<u32>($($argument),+),
            other => return Err(DeviceError::Failed(format!("its samples are {other}"))),
        }
    };
}

fn output(
    device: &cpal::Device,
    config: &cpal::SupportedStreamConfig,
    asked: Option<Duration>,
    playout: Playout,
) -> Result<cpal::Stream, DeviceError> {
    with_type!(config.sample_format(), output_of, device, period(config, asked), playout).map_err(failed)
}

fn output_of<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    mut playout: Playout,
) -> Result<cpal::Stream, cpal::Error> {
    let channels = usize::from(config.channels);
    let loss = playout.loss();
    let callback =
        move |out: &mut [T], _: &cpal::OutputCallbackInfo| playout.pull_frames(out, channels, T::from_sample);
    device.build_output_stream(config, callback, on_error(loss), None)
}

fn input(
    device: &cpal::Device,
    config: &cpal::SupportedStreamConfig,
    asked: Option<Duration>,
    capture: Capture,
) -> Result<cpal::Stream, DeviceError> {
    with_type!(config.sample_format(), input_of, device, period(config, asked), capture).map_err(failed)
}

fn input_of<T: SizedSample>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    mut capture: Capture,
) -> Result<cpal::Stream, cpal::Error>
where
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels);
    let loss = capture.loss();
    let callback =
        move |samples: &[T], _: &cpal::InputCallbackInfo| capture.push_frames(samples, channels, f32::from_sample);
    device.build_input_stream(config, callback, on_error(loss), None)
}

/// Backends report errors that pass (ALSA on PulseAudio thousands of them until its first timing arrives), and when the
/// sound server has died, errors without end. The engine tells them apart by whether sound moves, and makes one event.
fn on_error(loss: Loss) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| match error.kind() {
        // The stream goes on after these.
        ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
        ErrorKind::DeviceNotAvailable | ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable => loss.report(error),
        _ => loss.doubt(error),
    }
}

fn failed(error: cpal::Error) -> DeviceError {
    match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => {
            tracing::debug!(%error, "a device is not there");
            DeviceError::Missing("this machine has none that can be opened".into())
        }
        _ => DeviceError::Failed(error.to_string()),
    }
}
