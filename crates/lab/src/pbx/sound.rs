//! The sound of a service: one RTP stream, sans-IO.
//!
//! ```text
//!  Echo:   RTP in ──► Mirror: own SSRC, sequence and timestamps, the payload untouched ──► RTP out
//!  Play:   Tune ──► samples ──► Encoder ──► a packet every 20 ms
//!  both:   Reports ──► RTCP, about every second
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

use super::description::Stream;
use super::tone::Tune;
use crate::packet::Packet;

mod encoder;
mod reports;
#[cfg(test)]
mod tests;

pub(crate) use encoder::{Encoder, mu_law_sample, speaks};
use reports::Reports;
pub(super) use reports::is_rtcp;

/// By their number in RFC 4733 §3.2.
pub(crate) const KEYS: &str = "0123456789*#ABCD";
const FRAME: Duration = Duration::from_millis(20);
/// A player that was not called for longer than this does not make up for it.
const MAX_LATE: u32 = 10;
/// Packets that wait to be polled; more are dropped.
const MAX_QUEUE: usize = 64;

/// The RTP of one call to a service.
#[derive(Debug)]
pub(super) struct Sound {
    here: SocketAddr,
    stream: Stream,
    sender: Sender,
    reports: Reports,
    rng: ChaCha8Rng,
    what: What,
    /// The timestamp of the last key heard: each is sent many times with the same.
    last_key: Option<u32>,
    out: VecDeque<Packet>,
}

#[derive(Debug)]
enum What {
    Echo(Option<Mirror>),
    Play(Player),
}

/// Where our own stream stands.
#[derive(Debug)]
struct Sender {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    started: bool,
}

/// How the peer's numbers become ours. Gaps and swapped packets stay as they came, so the peer hears its own losses.
#[derive(Clone, Copy, Debug)]
struct Mirror {
    source: u32,
    sequence: u16,
    timestamp: u32,
}

#[derive(Debug)]
struct Player {
    tune: Tune,
    encoder: Encoder,
    /// In samples.
    position: u64,
    next: Instant,
    over: bool,
}

impl Sound {
    /// Sends back what comes.
    pub(super) fn echo(now: Instant, here: SocketAddr, stream: Stream, rng: ChaCha8Rng) -> Self {
        Self::new(now, here, stream, What::Echo(None), rng)
    }

    /// Plays a tune from `now` on. `None` for an encoding that cannot be made here.
    pub(super) fn play(now: Instant, here: SocketAddr, stream: Stream, tune: Tune, rng: ChaCha8Rng) -> Option<Self> {
        let encoder = Encoder::named(&stream.encoding, stream.clock_rate)?;
        let what = What::Play(Player { tune, encoder, position: 0, next: now, over: false });
        Some(Self::new(now, here, stream, what, rng))
    }

    fn new(now: Instant, here: SocketAddr, stream: Stream, what: What, mut rng: ChaCha8Rng) -> Self {
        let sender = Sender::new(&mut rng);
        let reports = Reports::new(now, sender.ssrc, stream.clock_rate, &mut rng);
        Self { here, stream, sender, reports, rng, what, last_key: None, out: VecDeque::new() }
    }

    /// Goes on with what a new offer has changed. False, and nothing is changed, when it cannot.
    pub(super) fn renegotiate(&mut self, stream: Stream) -> bool {
        if let What::Play(player) = &mut self.what
            && stream.encoding != self.stream.encoding
        {
            let Some(encoder) = Encoder::named(&stream.encoding, stream.clock_rate) else { return false };
            player.position = player.position * u64::from(encoder.rate()) / u64::from(player.encoder.rate());
            player.encoder = encoder;
        }
        self.reports.set_clock_rate(stream.clock_rate);
        self.stream = stream;
        true
    }

    /// RTP or RTCP came in; says which key it was that was pressed.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &Packet) -> Option<char> {
        // Anybody can send to a port; only the host that we talk to is heard.
        if packet.from.ip() != self.stream.remote_rtp.ip() {
            return None;
        }
        if reports::is_rtcp(&packet.bytes) {
            self.reports.handle_packet(now, &packet.bytes);
            return None;
        }
        let rtp = RtpReader::new(&packet.bytes).ok().filter(|_| self.stream.direction.receives())?;
        self.reports.received(now, &rtp);
        self.reflect(now, &rtp);
        self.key(&rtp)
    }

    fn reflect(&mut self, now: Instant, rtp: &RtpReader<'_>) {
        let What::Echo(mirror) = &mut self.what else { return };
        let current = mirror.filter(|mirror| mirror.source == rtp.ssrc());
        let current = current.unwrap_or_else(|| self.sender.mirror(rtp));
        *mirror = Some(current);
        let sequence = u16::from(rtp.sequence_number()).wrapping_add(current.sequence);
        let timestamp = rtp.timestamp().wrapping_add(current.timestamp);
        self.sender.advance(sequence, timestamp, self.stream.clock_rate / 50);
        self.send(now, rtp.payload_type(), rtp.mark(), sequence, timestamp, rtp.payload());
    }

    /// RFC 4733 §2.3: the first byte of an event names it.
    fn key(&mut self, rtp: &RtpReader<'_>) -> Option<char> {
        if !self.stream.events.contains(&rtp.payload_type()) || self.last_key == Some(rtp.timestamp()) {
            return None;
        }
        self.last_key = Some(rtp.timestamp());
        rtp.payload().first().and_then(|event| KEYS.chars().nth((*event).into()))
    }

    /// A frame or a report is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(report) = self.reports.poll(now, &mut self.rng) {
            self.send_report(report);
        }
        for _ in 0..MAX_LATE {
            if self.next_frame().is_none_or(|due| due > now) {
                return;
            }
            self.frame(now);
        }
        if let What::Play(player) = &mut self.what {
            player.next = player.next.max(now + FRAME);
        }
    }

    /// The next RTP packet to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Packet> {
        self.out.pop_front()
    }

    /// When the next frame or report is due.
    pub(super) fn poll_timeout(&self) -> Instant {
        let report = self.reports.poll_timeout();
        self.next_frame().map_or(report, |frame| frame.min(report))
    }

    /// Says goodbye: the last packets to send.
    pub(super) fn end(mut self, now: Instant) -> VecDeque<Packet> {
        let goodbye = self.reports.goodbye(now);
        self.send_report(goodbye);
        self.out
    }

    fn next_frame(&self) -> Option<Instant> {
        match &self.what {
            What::Play(player) if !player.over => Some(player.next),
            What::Play(_) | What::Echo(_) => None,
        }
    }

    /// What was agreed for it.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The tune has ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(&self.what, What::Play(player) if player.over)
    }

    fn frame(&mut self, now: Instant) {
        let What::Play(player) = &mut self.what else { return };
        let mut samples = vec![0.0; player.encoder.rate() as usize / 50];
        player.over = !player.tune.render(player.position, player.encoder.rate(), &mut samples);
        player.position += samples.len() as u64;
        player.next += FRAME;
        if player.over {
            return;
        }
        let payload = player.encoder.encode(&samples);
        let first = !std::mem::replace(&mut self.sender.started, true);
        let (sequence, timestamp) = (self.sender.sequence, self.sender.timestamp);
        self.sender.timestamp = timestamp.wrapping_add(self.stream.clock_rate / 50);
        if self.stream.direction.sends() {
            self.sender.sequence = sequence.wrapping_add(1);
            self.send(now, self.stream.payload_type, first, sequence, timestamp, &payload);
        }
    }

    fn send(&mut self, now: Instant, payload_type: u8, marked: bool, sequence: u16, timestamp: u32, payload: &[u8]) {
        let to = self.stream.remote_rtp;
        if !self.stream.direction.sends() || to.ip().is_unspecified() || self.out.len() >= MAX_QUEUE {
            return;
        }
        let packet = RtpPacketBuilder::new()
            .payload_type(payload_type)
            .marked(marked)
            .sequence(Seq::from(sequence))
            .timestamp(timestamp)
            .ssrc(self.sender.ssrc)
            .payload(payload)
            .build();
        // It fails for a payload type above 127, which the reader cannot give.
        if let Ok(bytes) = packet {
            self.reports.sent(now, timestamp, payload.len());
            self.out.push_back(Packet::udp(self.here, to, bytes));
        }
    }

    fn send_report(&mut self, bytes: Vec<u8>) {
        let to = self.stream.remote_rtcp;
        if to.ip().is_unspecified() {
            return;
        }
        // RFC 3550 §11: the port above.
        let from = SocketAddr::new(self.here.ip(), self.here.port().saturating_add(1));
        self.out.push_back(Packet::udp(from, to, bytes));
    }
}

impl Sender {
    fn new(rng: &mut impl Rng) -> Self {
        // RFC 3550 §5.1: all three begin anywhere.
        Self { ssrc: rng.next_u32(), sequence: rng.next_u32() as u16, timestamp: rng.next_u32(), started: false }
    }

    /// What was sent is behind us, unless something newer was sent before it.
    fn advance(&mut self, sequence: u16, timestamp: u32, frame: u32) {
        let ahead = sequence.wrapping_sub(self.sequence);
        if ahead < 0x8000 {
            self.sequence = sequence.wrapping_add(1);
            self.timestamp = timestamp.wrapping_add(frame);
        }
    }

    /// A new source of the peer's goes on where the one before left off.
    fn mirror(&self, rtp: &RtpReader<'_>) -> Mirror {
        Mirror {
            source: rtp.ssrc(),
            sequence: self.sequence.wrapping_sub(rtp.sequence_number().into()),
            timestamp: self.timestamp.wrapping_sub(rtp.timestamp()),
        }
    }
}
