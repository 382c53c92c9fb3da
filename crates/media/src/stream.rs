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
//!   handle_timeout ─▶ our reports, silence of the peer, keep-alives, the second's numbers
//! ```
//!
//! # Where what is missing will sit
//!
//! A datagram is looked at in this order, and the first that does not want it drops it:
//!
//! ```text
//!   in    [RFC 7983: STUN ─▶ ICE agent, DTLS ─▶ handshake]
//!         ─▶ from the peer's address? (agreed, latched once; with ICE: the selected pair)
//!         ─▶ RTP or RTCP? (RFC 5761) ─▶ [SRTP, SRTCP: authentic? new? decrypt in place]
//!         ─▶ header holds together ─▶ SSRC: known, on probation, our own? ─▶ payload type agreed?
//!   out   packet ─▶ [SRTP, SRTCP: encrypt in place] ─▶ poll_transmit
//! ```
//!
//! What is in brackets is not there yet. With SRTP a source is believed, and an address latched to, only after its
//! packet has proved authentic; with ICE there is no latching, and its consent checks (RFC 7675) are the keep-alives.
//!
//! Voice on this side is mono, -1 to 1, in pieces of any length, with as many samples per second as the better codec of
//! what is sent and what comes: [`Stream::rate`]. So a G.711 call is 8 kHz from end to end, and nothing is converted.
//! `capture` and `playout` are media time, `now` is when a packet came or a report is due. After every call drain
//! [`Stream::poll_transmit`] and [`Stream::poll_event`], then call [`Stream::handle_timeout`] at [`Stream::poll_timeout`].
//!
//! Read `stream/receive.rs` for whose packets are believed, `stream/send.rs` for what goes out, `stream/report.rs`
//! for RTCP and statistics.

mod collision;
mod keep_alive;
pub(crate) mod meter;
mod receive;
mod report;
mod seconds;
mod send;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::codec::{self, CodecError};
use crate::config::{Codec, Event, StreamConfig, StreamId};
use crate::history::Second;
use crate::jitter::DelayPolicy;
use crate::quality::Call;
use crate::rtcp;
use collision::Conflicts;
use meter::Meter;
use receive::Receiver;
use report::Reporter;
use seconds::Seconds;
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
    /// A second of numbers is over: [`Stream::poll_second`].
    Second,
}

/// Without a valid packet for this long, a stream that should hear something tells [`Event::Stalled`].
pub const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Datagrams that wait to be sent; when nobody takes them the oldest go.
const MAX_TRANSMITS: usize = 64;
/// Buffers kept for the next datagrams.
const MAX_SPARE: usize = 8;
/// Events that wait to be taken; when nobody takes them the newest go.
const MAX_EVENTS: usize = 256;

/// One call leg of audio. Nothing flows until it is configured.
#[derive(Debug)]
pub struct Stream {
    id: StreamId,
    began: Instant,
    random: ChaCha8Rng,
    config: Option<StreamConfig>,
    /// Samples per second of the voice on this side.
    rate: u32,
    sender: Sender,
    receiver: Receiver,
    reporter: Reporter,
    keep_alive: Option<Instant>,
    conflicts: Conflicts,
    seconds: Seconds,
    /// How loud we are, and how loud the peer is.
    out: Meter,
    heard: Meter,
    /// Our canonical name, as configured or made up.
    cname: String,
    transmits: VecDeque<Transmit>,
    /// Buffers of datagrams that are out.
    spare: Vec<Vec<u8>>,
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
            cname: rtcp::random_cname(&mut random),
            random,
            config: None,
            rate: codec::RATE,
            receiver: Receiver::new(),
            reporter: Reporter::default(),
            keep_alive: None,
            conflicts: Conflicts::default(),
            seconds: Seconds::default(),
            out: Meter::default(),
            heard: Meter::default(),
            transmits: VecDeque::with_capacity(MAX_TRANSMITS),
            spare: Vec::with_capacity(MAX_SPARE),
            events: VecDeque::new(),
        }
    }

    /// Tell the stream what was agreed; may be given again after each new agreement. Sequence numbers go on, and what
    /// did not change is not disturbed. The [`rate`](Self::rate) may be another from then on.
    ///
    /// # Errors
    /// The codec refuses its configuration; nothing has changed then.
    pub fn configure(&mut self, now: Instant, config: StreamConfig) -> Result<(), CodecError> {
        let rate = config.rate(self.receiver.codec);
        self.sender.configure(&config, rate)?;
        if std::mem::replace(&mut self.rate, rate) != rate {
            self.receiver.set_rate(rate);
        }
        self.receiver.configure(now, self.config.as_ref(), &config);
        self.reporter.configure(now, &config, &mut self.random);
        self.configure_keep_alive(now, &config);
        self.configure_seconds(now);
        // It cannot change over the life of a session (RFC 7022 §4.2): what was said first stays.
        if self.config.is_none() && !config.cname.is_empty() {
            self.cname.clone_from(&config.cname);
        }
        self.config = Some(config);
        Ok(())
    }

    /// Samples per second of the voice taken and given, that of the better codec of what we send and what comes: 8000, 16000
    /// or 48000; 48000 until the stream is configured. Another may follow a packet or a new agreement.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// What the stream was told last.
    pub fn config(&self) -> Option<&StreamConfig> {
        self.config.as_ref()
    }

    /// Send silence in place of what is captured.
    pub fn set_muted(&mut self, muted: bool) {
        self.sender.muted = muted;
    }

    /// How the jitter buffer chooses its delay from now on.
    pub fn set_delay_policy(&mut self, policy: DelayPolicy) {
        self.receiver.playout.set_policy(policy);
    }

    /// How much work to put into encoding, 0 to 10, for codecs that have a choice: Opus takes 9 until told otherwise,
    /// and half as much time at 2.
    pub fn set_complexity(&mut self, complexity: u8) {
        self.sender.set_complexity(complexity);
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

    /// Give back a datagram that is out, so that the next needs no memory of its own.
    pub fn recycle(&mut self, transmit: Transmit) {
        if self.spare.len() < MAX_SPARE {
            self.spare.push(transmit.bytes);
        }
    }

    /// What has happened since.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The numbers of a second that is over, for a [`History`](crate::History); take them at least every ten seconds.
    pub fn poll_second(&mut self) -> Option<Second> {
        self.seconds.queue.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let config = self.config.as_ref()?;
        let report = self.reporter.due.map(|due| (due, Why::Report));
        let stalled = self.receiver.stalls_at(config.direction).map(|at| (at, Why::Stalled));
        let keep_alive = self.keep_alive.map(|due| (due, Why::KeepAlive));
        let second = self.seconds.due.map(|due| (due, Why::Second));
        [report, stalled, keep_alive, second].into_iter().flatten().min_by_key(|(at, _)| *at)
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
        if let Some(due) = self.seconds.due.filter(|due| *due <= now) {
            self.end_second(now, due);
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
            return self.recycle(Transmit { channel, to, bytes });
        }
        if self.transmits.len() == MAX_TRANSMITS
            && let Some(old) = self.transmits.pop_front()
        {
            self.recycle(old);
        }
        self.transmits.push_back(Transmit { channel, to, bytes });
    }

    /// RTCP goes where the peer wants it, from the port that it knows us by.
    fn transmit_rtcp(&mut self, now: Instant, bytes: Vec<u8>) {
        let muxed = self.config.as_ref().is_some_and(|config| config.rtcp_mux);
        let (channel, to) = match muxed {
            true => (Channel::Rtp, self.receiver.remote_rtp()),
            false => (Channel::Rtcp, self.receiver.remote_rtcp()),
        };
        if muxed {
            self.keep_alive = Some(now + keep_alive::EVERY);
        }
        if let Some(to) = to {
            self.transmit(channel, to, bytes);
        }
    }

    /// How good this is, as far as we can know.
    fn quality(&self, codec: Codec, missing: f32, bursts: f32) -> Call {
        let ptime = self.config.as_ref().map_or(20, |config| config.send.frame_ms());
        let network = self.reporter.round_trip().unwrap_or_default() / 2;
        let buffer = Duration::from_micros(self.receiver.playout.delay());
        let one_way = network + buffer + Duration::from_millis(ptime.into());
        let fec = self.receiver.playout.tally().recovered > 0;
        Call { codec, fec, missing, bursts, one_way }
    }

    fn micros(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.began).as_micros() as i64
    }
}
