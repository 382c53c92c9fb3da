//! The handle to the media thread.
//!
//! ```text
//!   Engine (any thread) ── Command, waker ──▶ engine/thread.rs ──▶ on_event
//!                                               │  sockets, streams, mixer
//!                                               └▶ engine/hardware.rs ── rings ──▶ the device's callback
//! ```

mod desk;
mod governor;
mod hardware;
mod health;
mod recorder;
mod thread;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use mio::net::UdpSocket;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::clip::Clip;
use crate::config::{Event, Stats, StreamConfig, StreamId};
use crate::device::{Device, DeviceError};
use crate::history::History;
use crate::source::Source;
use crate::tone::Tone;
pub use desk::{DeviceDelay, DeviceStats};
pub use recorder::{Format, Layout, Recording};

/// What an engine is made of.
pub struct EngineConfig {
    /// Microphone and speaker.
    pub devices: Box<dyn Device>,
    /// All randomness (SSRCs, first sequence numbers, ports, report times) comes from this.
    pub seed: [u8; 32],
    /// The UDP ports to choose from, in pairs that begin with an even one (RFC 3550 §11).
    pub ports: Range<u16>,
    /// Called on the media thread; must not block.
    pub on_event: Box<dyn Fn(Event) + Send>,
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConfig").field("ports", &self.ports).finish_non_exhaustive()
    }
}

/// Why a stream has no socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Every port pair of the range is taken.
    #[error("no free pair of UDP ports in the range")]
    NoPort,
    /// The address is not ours, or the system refuses.
    #[error("cannot open a UDP socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The media thread has ended.
    #[error("the media thread has ended")]
    Ended,
}

/// Streams whose peers hear each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Room {
    /// Who. A stream that several rooms name is in the first of them.
    pub streams: Vec<StreamId>,
    /// Is the user there, with microphone and ear?
    pub user: bool,
}

impl Room {
    /// Of these streams and the user: a conference.
    pub fn with_user(streams: impl Into<Vec<StreamId>>) -> Room {
        Room { streams: streams.into(), user: true }
    }

    /// Of these streams alone: a bridge.
    pub fn without_user(streams: impl Into<Vec<StreamId>>) -> Room {
        Room { streams: streams.into(), user: false }
    }
}

/// A handle to the media thread. Every call returns at once, from any thread, except [`Engine::start`], which opens
/// the device, and dropping it, which says goodbye on all streams, closes the device and waits for it.
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
    waker: mio::Waker,
    stats: Snapshot,
    display: desk::Display,
    random: Mutex<ChaCha8Rng>,
    ports: Range<u16>,
    next: AtomicU64,
    thread: Option<JoinHandle<()>>,
}

/// The newest numbers of each open stream; locked only to copy.
type Snapshot = Arc<Mutex<BTreeMap<StreamId, Figures>>>;

#[derive(Debug, Default)]
struct Figures {
    stats: Stats,
    history: History,
}

#[derive(Debug)]
enum Command {
    Open {
        stream: StreamId,
        rtp: UdpSocket,
        rtcp: UdpSocket,
        seed: [u8; 32],
    },
    Configure {
        stream: StreamId,
        config: Box<StreamConfig>,
    },
    SetLive {
        stream: StreamId,
        live: bool,
    },
    SetMuted {
        stream: StreamId,
        muted: bool,
    },
    SendDtmf {
        stream: StreamId,
        digits: String,
    },
    Arrange(Vec<Room>),
    SetSource {
        stream: StreamId,
        source: Source,
    },
    Record {
        stream: StreamId,
        recording: Option<Recording>,
    },
    UseDevice(Opening),
    SetVolume(Volume),
    #[cfg(feature = "voice")]
    SetVoice(Option<Box<crate::voice::Processor>>),
    PlayTone(Option<Tone>),
    PlayClip(Option<Arc<Clip>>),
    Close {
        stream: StreamId,
    },
    Quit,
}

/// A device that is to take the place of the one before.
struct Opening(Box<dyn Device>);

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device")
    }
}

/// How loud: factors of amplitude, 0.0 (silent) to 4.0 (12 dB more); 1.0 is as it comes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Volume {
    /// Of what is played.
    pub speaker: f32,
    /// Of what is heard.
    pub microphone: f32,
}

impl Default for Volume {
    fn default() -> Volume {
        Volume { speaker: 1.0, microphone: 1.0 }
    }
}

impl Volume {
    /// The greatest factor.
    pub const MOST: f32 = 4.0;

    /// With the speaker at that factor; what is out of range is brought into it.
    #[must_use]
    pub fn speaker(self, factor: f32) -> Volume {
        Volume { speaker: clamped(factor), ..self }
    }

    /// With the microphone at that factor; what is out of range is brought into it.
    #[must_use]
    pub fn microphone(self, factor: f32) -> Volume {
        Volume { microphone: clamped(factor), ..self }
    }
}

fn clamped(factor: f32) -> f32 {
    if factor.is_nan() { 1.0 } else { factor.clamp(0.0, Volume::MOST) }
}

impl Engine {
    /// Start the device and the media thread.
    ///
    /// # Errors
    /// The device does not run, or the system gives no thread.
    pub fn start(config: EngineConfig) -> Result<Engine, DeviceError> {
        let EngineConfig { mut devices, seed, ports, on_event } = config;
        let failed = |error: std::io::Error| DeviceError::Thread(error.to_string());
        let poll = mio::Poll::new().map_err(failed)?;
        let waker = mio::Waker::new(poll.registry(), thread::WAKE).map_err(failed)?;
        let line = devices.start()?;
        let (commands, inbox) = mpsc::channel();
        let stats = Snapshot::default();
        let hardware = hardware::Hardware::new(devices, line);
        let display = desk::Display::default();
        let desk = desk::Desk::new(display.clone());
        let media = thread::Media::new(poll, inbox, (hardware, desk), stats.clone(), on_event);
        let run = move || media.run();
        let thread = std::thread::Builder::new().name("denwa-media".into()).spawn(run).map_err(failed)?;
        let random = Mutex::new(ChaCha8Rng::from_seed(seed));
        Ok(Engine { commands, waker, stats, display, random, ports, next: AtomicU64::new(1), thread: Some(thread) })
    }

    /// Bind a pair of ports on `ip` for a new stream; gives the RTP address, RTCP is the port after it. The stream is
    /// silent until it is configured, and reaches ear and microphone only when it is live.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, ip: IpAddr) -> Result<(StreamId, SocketAddr), OpenError> {
        let (start, mut seed) = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            let mut seed = [0; 32];
            random.fill_bytes(&mut seed);
            (random.next_u32(), seed)
        };
        let (rtp, rtcp) = bind(ip, &self.ports, start)?;
        let address = rtp.local_addr()?;
        let stream = StreamId(self.next.fetch_add(1, Ordering::Relaxed));
        // Two streams never share a seed, even if the generator were to repeat.
        for (byte, number) in seed.iter_mut().zip(stream.0.to_le_bytes()) {
            *byte ^= number;
        }
        self.lock_stats().insert(stream, Figures::default());
        if !self.send(Command::Open { stream, rtp, rtcp, seed }) {
            self.lock_stats().remove(&stream);
            return Err(OpenError::Ended);
        }
        Ok((stream, address))
    }

    /// Tell a stream what was agreed. May be given again at any time.
    pub fn configure(&self, stream: StreamId, config: StreamConfig) {
        self.send(Command::Configure { stream, config: Box::new(config) });
    }

    /// Does the stream reach ear and microphone? It does not at first. Live streams hear each other too: two of them
    /// are a conference of three. It matters only while no [`Room`] names the stream.
    pub fn set_live(&self, stream: StreamId, live: bool) {
        self.send(Command::SetLive { stream, live });
    }

    /// Who hears whom: the whole picture, given again whenever it changes. Within a room everybody hears everybody but
    /// himself; rooms do not hear each other, but the user hears all rooms that he is in and speaks to all of them.
    /// Streams in no room are with the user when [live](Self::set_live), else alone. Rooms beyond 63 are as silence.
    /// What does not change goes on undisturbed; what does is faded within 20 ms.
    pub fn arrange(&self, rooms: Vec<Room>) {
        self.send(Command::Arrange(rooms));
    }

    /// What a stream's peer is sent in place of the microphone, until this is called again.
    pub fn set_source(&self, stream: StreamId, source: Source) {
        self.send(Command::SetSource { stream, source });
    }

    /// Record both sides of a stream, in place of an earlier recording of it; `None` ends it, as closing the stream
    /// does. [`Event::Recording`] tells when it begins and ends. The law of many countries wants the people recorded
    /// to know: that is the caller's duty.
    pub fn record(&self, stream: StreamId, recording: Option<Recording>) {
        self.send(Command::Record { stream, recording });
    }

    /// Do not send the microphone on a stream; what other streams of its room say, or what its [`Source`] is, is sent
    /// all the same.
    pub fn set_muted(&self, stream: StreamId, muted: bool) {
        self.send(Command::SetMuted { stream, muted });
    }

    /// Send keys: `0`-`9`, `*`, `#`, `A`-`D`; others are left out. They queue behind earlier ones;
    /// [`Event::DtmfSent`] tells when all are out.
    pub fn send_dtmf(&self, stream: StreamId, digits: &str) {
        self.send(Command::SendDtmf { stream, digits: digits.to_owned() });
    }

    /// Use another device from now on. Calls go on in silence until it is open; [`Event::DeviceBack`] tells that, and
    /// [`Event::DeviceLost`] that it does not open, in which case it is tried again every two seconds.
    pub fn use_device(&self, device: Box<dyn Device>) {
        self.send(Command::UseDevice(Opening(device)));
    }

    /// How loud the speaker and the microphone are.
    pub fn set_volume(&self, volume: Volume) {
        self.send(Command::SetVolume(volume));
    }

    /// Process what the microphone hears, from now on; `None` leaves it as it is. Off until this is called.
    #[cfg(feature = "voice")]
    pub fn set_voice(&self, voice: Option<crate::Voice>) {
        // Made here, for it allocates.
        self.send(Command::SetVoice(voice.map(|voice| Box::new(crate::voice::Processor::new(voice)))));
    }

    /// Play a tone to the ear, such as ringback, in place of the one before; `None` ends it.
    pub fn play_tone(&self, tone: Option<Tone>) {
        self.send(Command::PlayTone(tone));
    }

    /// Play a clip to the ear once, beside tones and voices, in place of the clip before; `None` ends it.
    pub fn play_clip(&self, clip: Option<Arc<Clip>>) {
        self.send(Command::PlayClip(clip));
    }

    /// What goes on at the device.
    pub fn device(&self) -> DeviceStats {
        self.display.read()
    }

    /// Say goodbye and close the sockets.
    pub fn close(&self, stream: StreamId) {
        self.lock_stats().remove(&stream);
        self.send(Command::Close { stream });
    }

    /// The newest numbers, at most a fifth of a second old. `None` for a stream that is closed or unknown.
    pub fn stats(&self, stream: StreamId) -> Option<Stats> {
        self.lock_stats().get(&stream).map(|figures| figures.stats.clone())
    }

    /// How the call went so far, second by second; at most half a megabyte is copied. `None` for a stream that is
    /// closed or unknown.
    pub fn history(&self, stream: StreamId) -> Option<History> {
        self.lock_stats().get(&stream).map(|figures| figures.history.clone())
    }

    fn lock_stats(&self) -> std::sync::MutexGuard<'_, BTreeMap<StreamId, Figures>> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when the media thread has ended.
    fn send(&self, command: Command) -> bool {
        let sent = self.commands.send(command).is_ok();
        // The thread looks at its commands every few milliseconds anyway while a call is on.
        let _ = self.waker.wake();
        sent
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.send(Command::Quit);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told already by the panic hook.
            let _ = thread.join();
        }
    }
}

/// An even port and the one after it, looking from a random pair on.
fn bind(ip: IpAddr, ports: &Range<u16>, start: u32) -> Result<(UdpSocket, UdpSocket), OpenError> {
    let first = u32::from(ports.start).next_multiple_of(2);
    let pairs = u32::from(ports.end).saturating_sub(first) / 2;
    for pair in 0..pairs {
        let port = first + (start.wrapping_add(pair) % pairs) * 2;
        let Ok(port) = u16::try_from(port) else { continue };
        let bound = socket(SocketAddr::new(ip, port)).and_then(|rtp| Ok((rtp, socket(SocketAddr::new(ip, port + 1))?)));
        match bound {
            Ok(pair) => return Ok(pair),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(OpenError::NoPort)
}

fn socket(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    // Expedited forwarding (RFC 4594 §4.1); a system that refuses it carries the voice all the same.
    if address.is_ipv4() {
        let _ = socket2::SockRef::from(&socket).set_tos_v4(0xb8);
    }
    Ok(socket)
}
