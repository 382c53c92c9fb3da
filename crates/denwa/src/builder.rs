//! How a phone is set up before it starts.
use crate::audio::{Audio, HoldSound, VoiceProcessing};
use crate::board::Board;
use crate::driver;
use crate::error::Error;
use crate::events::{Events, Queue};
use crate::handle::{Door, Phone};
use crate::log::CallLog;
use crate::net::Sockets;
use media::Country;
use sdp::Codec;
use sip_core::endpoint::SessionTimer;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Calls at a time, unless told otherwise: far above what one person handles, far below what would hurt.
pub const DEFAULT_MAX_CALLS: usize = 32;
/// Commands on their way to the driver; the next one waits.
const MAX_COMMANDS: usize = 64;
/// Packets on their way to the driver; the next one waits in the kernel.
const MAX_ARRIVALS: usize = 1024;

/// Settings of a [`Phone`]; made by [`Phone::builder`].
#[must_use = "a builder does nothing until `start`"]
#[derive(Debug)]
pub struct PhoneBuilder {
    pub(crate) audio: Audio,
    pub(crate) bind: Vec<SocketAddr>,
    pub(crate) user_agent: String,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) packet_time: Duration,
    pub(crate) max_calls: usize,
    pub(crate) t1: Duration,
    pub(crate) seed: Option<[u8; 32]>,
    pub(crate) session_timer: Option<SessionTimer>,
    pub(crate) log: Option<CallLog>,
    pub(crate) hold_sound: HoldSound,
    pub(crate) hold_others: bool,
    pub(crate) call_waiting: bool,
    pub(crate) voice: VoiceProcessing,
    /// Not said: on real devices.
    pub(crate) tones: Option<Option<Country>>,
}

impl Phone {
    /// Settings to start from: the system's sound card, any free port on all addresses, Opus and G.711.
    pub fn builder() -> PhoneBuilder {
        PhoneBuilder {
            audio: Audio::System,
            bind: Vec::new(),
            user_agent: concat!("denwa/", env!("CARGO_PKG_VERSION")).to_owned(),
            codecs: Codec::USUAL.to_vec(),
            packet_time: Duration::from_millis(20),
            max_calls: DEFAULT_MAX_CALLS,
            t1: Duration::from_millis(500),
            seed: None,
            session_timer: Some(SessionTimer::default()),
            log: None,
            hold_sound: HoldSound::None,
            hold_others: true,
            call_waiting: true,
            tones: None,
            voice: VoiceProcessing::Auto,
        }
    }
}

impl PhoneBuilder {
    /// Where sound comes from and goes to.
    pub fn audio(mut self, audio: Audio) -> Self {
        self.audio = audio;
        self
    }

    /// Listens at this address, UDP and TCP; port 0 takes a free one. May be given twice, for IPv4 and IPv6. The default
    /// is `0.0.0.0:0`. Behind a wildcard address, the address named in messages is the one that faces the peer.
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.bind.push(address);
        self
    }

    /// What User-Agent and Server say.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// The codecs to offer and accept, best first. An empty list means the usual ones: Opus, PCMU, PCMA.
    pub fn codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = if codecs.is_empty() { Codec::USUAL.to_vec() } else { codecs.to_vec() };
        self
    }

    /// How much sound a packet shall have (`a=ptime`, RFC 8866 §6.4): 10 to 60 ms, 20 unless told otherwise. It is asked of the
    /// other side, and used to it unless it asks for something else. With 10 ms everybody is heard 10 ms sooner, for twice
    /// the packets; see also [`Devices::period`](crate::Devices::period).
    pub fn packet_time(mut self, time: Duration) -> Self {
        let tens = (time.as_millis() / 10).clamp(1, 6) as u64;
        self.packet_time = Duration::from_millis(tens * 10);
        self
    }

    /// Calls at a time, at least 1; above it an incoming call is answered 486 and a dialled one is an error.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.max_calls = calls.max(1);
        self
    }

    /// T1, the estimate of a round trip (RFC 3261 §17.1.1.1), 500 ms by default; a request without any answer is given up
    /// after 64 times as long.
    pub fn round_trip_estimate(mut self, t1: Duration) -> Self {
        self.t1 = t1.max(Duration::from_millis(1));
        self
    }

    /// Where finished calls are written down; by default they are kept in memory only.
    pub fn call_log(mut self, log: CallLog) -> Self {
        self.log = Some(log);
        self
    }

    /// What the other side hears while we hold it; nothing by default, which is right where a server plays music.
    pub fn hold_sound(mut self, sound: HoldSound) -> Self {
        self.hold_sound = sound;
        self
    }

    /// Whether answering, dialling or resuming a call puts the live one on hold; true by default.
    pub fn holds_others(mut self, on: bool) -> Self {
        self.hold_others = on;
        self
    }

    /// Whether a call may ring while there is another; true by default, else it is answered 486.
    pub fn call_waiting(mut self, on: bool) -> Self {
        self.call_waiting = on;
        self
    }

    /// Whether echo and noise are taken out of the microphone's voice; where there can be an echo by default.
    pub fn voice_processing(mut self, voice: VoiceProcessing) -> Self {
        self.voice = voice;
        self
    }

    /// Which country's tones are played for ringing, ringback, busy and a call that waits; `None` plays none. By default
    /// Japan's, and none without a real device.
    pub fn tones(mut self, country: Option<Country>) -> Self {
        self.tones = Some(country);
        self
    }

    /// How often both sides make sure that a call is still there (RFC 4028): half this interval, at least 90 s; 30 minutes
    /// by default. `None` turns it off.
    pub fn session_interval(mut self, interval: Option<Duration>) -> Self {
        self.session_timer = interval.map(|interval| SessionTimer { interval, ..SessionTimer::default() });
        self
    }

    /// The one source of every random value: tags, branches, SSRCs. For tests and replays; by default the operating
    /// system's.
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Opens the sockets and the sound, and runs the phone as one task of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`Error::Network`] when an address cannot be bound, [`Error::Audio`] when the device cannot be opened.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without its network and time drivers.
    pub async fn start(self) -> Result<(Phone, Events), Error> {
        let bind = match self.bind.as_slice() {
            [] => vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))],
            given => given.to_vec(),
        };
        let network = |source| Error::Network { doing: "opening the phone's port", source };
        let (arrivals, arrived) = mpsc::channel(MAX_ARRIVALS);
        let sockets = Sockets::bind(&bind, arrivals).await.map_err(network)?;
        let seed = match self.seed {
            Some(seed) => seed,
            None => crate::seed::from_system().map_err(network)?,
        };
        let log = match &self.log {
            Some(log) => log.clone(),
            None => CallLog::open(None)
                .map_err(|error| Error::Invalid { what: "the call log", detail: error.to_string() })?,
        };
        let board = Arc::new(Board::new(sockets.listening(), log));
        let queue = Arc::new(Queue::default());
        let (letters, inbox) = mpsc::channel(MAX_COMMANDS);
        let door = Door { letters, board };
        let driver = driver::Driver::new(self, seed, sockets, &door, Arc::clone(&queue)).await?;
        tokio::spawn(driver.run(inbox, arrived));
        Ok((Phone { door: door.clone() }, Events::new(queue, door)))
    }
}
