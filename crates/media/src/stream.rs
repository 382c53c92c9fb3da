//! One call leg of audio, without sockets, clock or device.
//!
//! ```text
//!   handle_rtp ─▶ rtp::Source ─▶ which payload? ─┬▶ dtmf::EventReceiver ─▶ poll_event
//!                 believed? ours?                └▶ jitter ─▶ Decoder ─▶ stretch ─▶ playout(&mut [f32]) ─▶ ear
//!
//!   mouth ─▶ capture(&[f32]) ─▶ mute ─▶ tones ─▶ Encoder ─┬▶ rtp::Packet ─▶ poll_transmit
//!                              dtmf::EventSender ─────────┘
//!
//!   handle_rtcp ─▶ reports on us ─▶ round trip, loss ─▶ Encoder's FEC
//!   handle_timeout ─▶ our reports, silence of the peer
//! ```
//!
//! Voice on this side is mono, 48 kHz, -1 to 1, in pieces of any length; `capture` and `playout` are media time,
//! `now` is when a packet came or a report is due. After every call drain [`Stream::poll_transmit`] and
//! [`Stream::poll_event`], then call [`Stream::handle_timeout`] at [`Stream::poll_timeout`].
//!
//! Read `stream/receive.rs` for whose packets are believed, `stream/send.rs` for what goes out, `stream/report.rs`
//! for RTCP and statistics.

mod keep_alive;
mod receive;
mod report;
mod send;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::codec::CodecError;
use crate::config::{Event, StreamConfig, StreamId};
use receive::Receiver;
use report::Reporter;
use send::Sender;

/// Which of a stream's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// From which socket.
    pub channel: Channel,
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// Why a stream wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A report is due (RFC 3550 §6.2).
    Report,
    /// The peer has been silent for long.
    Stalled,
    /// We have been silent for long, and a NAT would forget us (RFC 6263).
    KeepAlive,
}

/// Without a valid packet for this long, a stream that should hear something tells [`Event::Stalled`].
pub const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Datagrams that wait to be sent; when nobody takes them the oldest go.
const MAX_TRANSMITS: usize = 64;
/// Events that wait to be taken; when nobody takes them the newest go.
const MAX_EVENTS: usize = 256;

/// One call leg of audio. Nothing flows until it is configured.
#[derive(Debug)]
pub struct Stream {
    id: StreamId,
    began: Instant,
    random: ChaCha8Rng,
    config: Option<StreamConfig>,
    sender: Sender,
    receiver: Receiver,
    reporter: Reporter,
    keep_alive: Option<Instant>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Stream {
    /// A silent stream; its SSRC, first sequence number and timestamp are drawn from `seed` (RFC 3550 §5.1).
    pub fn new(now: Instant, seed: [u8; 32], id: StreamId) -> Stream {
        let mut random = ChaCha8Rng::from_seed(seed);
        Stream {
            id,
            began: now,
            sender: Sender::new(&mut random),
            random,
            config: None,
            receiver: Receiver::new(),
            reporter: Reporter::default(),
            keep_alive: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Tell the stream what was agreed; may be given again after each new agreement. Sequence numbers go on, and what
    /// did not change is not disturbed.
    ///
    /// # Errors
    /// The codec refuses its configuration; nothing has changed then.
    pub fn configure(&mut self, now: Instant, config: StreamConfig) -> Result<(), CodecError> {
        self.sender.configure(&config)?;
        self.receiver.configure(now, self.config.as_ref(), &config);
        self.reporter.configure(now, &config, &mut self.random);
        self.configure_keep_alive(now, &config);
        self.config = Some(config);
        Ok(())
    }

    /// What the stream was told last.
    pub fn config(&self) -> Option<&StreamConfig> {
        self.config.as_ref()
    }

    /// Send silence in place of what is captured.
    pub fn set_muted(&mut self, muted: bool) {
        self.sender.muted = muted;
    }

    /// Queue keys: `0`-`9`, `*`, `#`, `A`-`D`; others are left out, and so is what exceeds 128. They go as telephone
    /// events when those were agreed, else as tones.
    pub fn send_dtmf(&mut self, keys: &str) {
        let events = self.config.as_ref().is_some_and(|config| config.dtmf.is_some());
        self.sender.send_dtmf(keys, events);
    }

    /// Say goodbye (RFC 3550 §6.6); nothing is sent after it.
    pub fn close(&mut self, now: Instant) {
        self.report(now, true);
        self.config = None;
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What has happened since.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let config = self.config.as_ref()?;
        let report = self.reporter.due.map(|due| (due, Why::Report));
        let stalled = self.receiver.stalls_at(config.direction).map(|at| (at, Why::Stalled));
        let keep_alive = self.keep_alive.map(|due| (due, Why::KeepAlive));
        [report, stalled, keep_alive].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(config) = &self.config else { return };
        if self.receiver.stalls_at(config.direction).is_some_and(|at| at <= now) {
            self.receiver.flowing = false;
            self.event(Event::Stalled { stream: self.id });
        }
        if self.reporter.due.is_some_and(|due| due <= now) {
            self.report(now, false);
        }
        if self.keep_alive.is_some_and(|due| due <= now) {
            self.send_keep_alive(now);
        }
    }

    fn event(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    fn transmit(&mut self, channel: Channel, to: SocketAddr, bytes: Vec<u8>) {
        // A hold of old phones is an address of zeros (RFC 2543).
        if to.ip().is_unspecified() || to.port() == 0 {
            return;
        }
        if self.transmits.len() == MAX_TRANSMITS {
            self.transmits.pop_front();
        }
        self.transmits.push_back(Transmit { channel, to, bytes });
    }

    fn micros(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.began).as_micros() as i64
    }
}
