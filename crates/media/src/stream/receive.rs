//! Whose packets are believed, and what becomes of them.

use std::net::SocketAddr;
use std::time::Instant;

use super::{STALLED_AFTER, Stream};
use crate::codec;
use crate::config::{Codec, Direction, Event, StreamConfig};
use crate::dtmf::EventReceiver;
use crate::dtmf::detect::Detector;
use crate::playout::Playout;
use crate::rtcp;
use crate::rtp::bursts::Bursts;
use crate::rtp::{Packet, Source, Verdict};

#[derive(Debug)]
pub(super) struct Receiver {
    /// Where the peer is: the agreed address until latching finds another.
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    /// A valid packet has come from `rtp`: no other address is believed from then on.
    settled: bool,
    rtcp_settled: bool,
    pub(super) source: Option<Source>,
    /// Somebody new, on probation.
    candidate: Option<Candidate>,
    pub(super) playout: Playout,
    pub(super) bursts: Bursts,
    events: EventReceiver,
    /// Listens for keys in the voice, where asked to.
    tones: Option<Box<Detector>>,
    /// The codec last heard.
    pub(super) codec: Option<Codec>,
    pub(super) flowing: bool,
    /// When the last valid packet came, or the stream began to wait for one.
    heard: Option<Instant>,
    pub(super) octets: u64,
    pub(super) dropped: u64,
    /// Counts of sources that are gone.
    pub(super) received_before: u64,
    pub(super) lost_before: i64,
}

#[derive(Debug)]
struct Candidate {
    from: SocketAddr,
    source: Source,
    /// The last packet on probation, which counts when the next makes the source valid.
    held: Vec<u8>,
    arrived: Instant,
    /// And on the playout clock.
    clock: i64,
}

impl Receiver {
    pub(super) fn new() -> Receiver {
        Receiver {
            rtp: None,
            rtcp: None,
            settled: false,
            rtcp_settled: false,
            source: None,
            candidate: None,
            playout: Playout::new(Codec::Opus, codec::RATE),
            bursts: Bursts::default(),
            events: EventReceiver::default(),
            tones: None,
            codec: None,
            flowing: false,
            heard: None,
            octets: 0,
            dropped: 0,
            received_before: 0,
            lost_before: 0,
        }
    }

    pub(super) fn configure(&mut self, now: Instant, before: Option<&StreamConfig>, config: &StreamConfig) {
        if before.map(|before| before.remote_rtp) != Some(config.remote_rtp) {
            (self.rtp, self.settled, self.candidate) = (Some(config.remote_rtp), false, None);
        }
        if before.map(|before| before.remote_rtcp) != Some(config.remote_rtcp) {
            (self.rtcp, self.rtcp_settled) = (Some(config.remote_rtcp), false);
        }
        let received = before.is_some_and(|before| before.direction.receives());
        if config.direction.receives() && !received {
            self.playout.clear();
            self.bursts.restart();
            if let Some(source) = &mut self.source {
                source.pause();
            }
            self.heard = Some(now);
        }
    }

    /// The voice that is heard has `rate` samples per second from now on.
    pub(super) fn set_rate(&mut self, rate: u32) {
        self.playout.set_rate(rate);
        self.tones = None;
    }

    pub(super) fn remote_rtp(&self) -> Option<SocketAddr> {
        self.rtp
    }

    pub(super) fn remote_rtcp(&self) -> Option<SocketAddr> {
        self.rtcp
    }

    pub(super) fn stalls_at(&self, direction: Direction) -> Option<Instant> {
        (self.flowing && direction.receives()).then_some(self.heard? + STALLED_AFTER)
    }

    /// May the peer be there? It is at the agreed address, or anywhere as long as no packet has settled that.
    fn may_speak(&self, from: SocketAddr, latch: bool) -> bool {
        self.rtp == Some(from) || (latch && !self.settled)
    }

    /// Is RTCP from there the peer's? It comes from the agreed address, or from the host that RTP comes from.
    pub(super) fn believes_rtcp(&mut self, from: SocketAddr, latch: bool) -> bool {
        if self.rtcp == Some(from) {
            self.rtcp_settled = true;
            return true;
        }
        if self.rtp.map(|rtp| rtp.ip()) != Some(from.ip()) || !self.settled {
            return false;
        }
        if latch && !self.rtcp_settled {
            (self.rtcp, self.rtcp_settled) = (Some(from), true);
        }
        true
    }
}

/// What a packet from somewhere is worth.
enum Judged {
    /// The extended sequence number, and whether the source has begun anew.
    Believed(u64, bool),
    /// The candidate has become the source; the packet held before comes first.
    Won {
        held: Vec<u8>,
        arrived: Instant,
        clock: i64,
        extended: u64,
        latched: bool,
    },
    Waits,
    Dropped,
}

impl Stream {
    /// A datagram came to the RTP socket. Anything may be in it.
    pub fn handle_rtp(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let Some(config) = self.config.as_ref().filter(|config| self.receiver.may_speak(from, config.latch)) else {
            self.receiver.dropped += 1;
            return;
        };
        if config.rtcp_mux && rtcp::is_rtcp(datagram) {
            let believed = self.receiver.rtp == Some(from);
            return self.read_rtcp(now, from, datagram, believed);
        }
        let Some(packet) = Packet::parse(datagram) else {
            self.receiver.dropped += 1;
            return;
        };
        match self.judge(now, from, &packet, datagram) {
            Judged::Waits => {}
            Judged::Dropped => self.receiver.dropped += 1,
            Judged::Believed(extended, anew) => {
                if anew {
                    self.receiver.playout.clear();
                    self.receiver.bursts.restart();
                }
                let clock = self.receiver.playout.clock();
                self.accept(now, clock, &packet, extended);
            }
            Judged::Won { held, arrived, clock, extended, latched } => {
                if latched {
                    self.event(Event::Latched { stream: self.id, remote: from });
                }
                self.receiver.playout.clear();
                self.receiver.bursts.restart();
                if let Some(first) = Packet::parse(&held) {
                    self.accept(arrived, clock, &first, extended - 1);
                }
                let clock = self.receiver.playout.clock();
                self.accept(now, clock, &packet, extended);
            }
        }
    }

    /// The voice that sounds from `now` on, at the stream's [`rate`](Self::rate); silence where there is none.
    pub fn playout(&mut self, now: Instant, out: &mut [f32]) {
        let receives = self.config.as_ref().is_some_and(|config| config.direction.receives());
        if receives {
            let now = self.micros(now);
            self.receiver.playout.pull(now, out);
            self.hear_tones(out);
        } else {
            out.fill(0.0);
        }
        self.heard.hear(out, self.rate);
    }

    fn hear_tones(&mut self, voice: &[f32]) {
        let receiver = &mut self.receiver;
        if !self.config.as_ref().is_some_and(|config| config.hear_tones) || receiver.events.has_heard() {
            receiver.tones = None;
            return;
        }
        let mut keys = [None; 4];
        let tones = receiver.tones.get_or_insert_with(|| Box::new(Detector::new(self.rate)));
        tones.hear(voice, |key| {
            if let Some(slot) = keys.iter_mut().find(|slot| slot.is_none()) {
                *slot = Some(key);
            }
        });
        for digit in keys.into_iter().flatten() {
            self.event(Event::Dtmf { stream: self.id, digit });
        }
    }

    fn judge(&mut self, now: Instant, from: SocketAddr, packet: &Packet<'_>, datagram: &[u8]) -> Judged {
        let Some(config) = &self.config else { return Judged::Dropped };
        let receiver = &mut self.receiver;
        let agreed = receiver.rtp == Some(from);
        if packet.ssrc == self.sender.ssrc {
            if agreed {
                self.collide(now, from);
            }
            return Judged::Dropped;
        }
        if agreed && let Some(source) = receiver.source.as_mut().filter(|source| source.ssrc() == packet.ssrc) {
            // The first packets after a hold may come before its end is agreed.
            if !config.direction.receives() {
                source.pause();
            }
            return match source.update(packet.sequence) {
                Verdict::Valid(extended) => Judged::Believed(extended, false),
                Verdict::Restarted(extended) => Judged::Believed(extended, true),
                Verdict::Probation => Judged::Waits,
                Verdict::Nonsense => Judged::Dropped,
            };
        }
        if !knows(config, packet.payload_type) {
            return Judged::Dropped;
        }
        match &mut receiver.candidate {
            Some(candidate) if candidate.from == from && candidate.source.ssrc() == packet.ssrc => {
                let Verdict::Valid(extended) = candidate.source.update(packet.sequence) else {
                    (candidate.held, candidate.arrived) = (datagram.to_vec(), now);
                    candidate.clock = receiver.playout.clock();
                    return Judged::Waits;
                };
                let Some(candidate) = receiver.candidate.take() else { return Judged::Dropped };
                receiver.replace(candidate.source);
                let latched = receiver.rtp.replace(from) != Some(from);
                receiver.settled = true;
                let Candidate { held, arrived, clock, .. } = candidate;
                Judged::Won { held, arrived, clock, extended, latched }
            }
            // A stranger does not push out a candidate from where the peer said to be.
            Some(candidate) if !agreed && receiver.rtp == Some(candidate.from) => Judged::Dropped,
            _ => {
                let mut source = Source::new(packet.ssrc, packet.sequence);
                source.update(packet.sequence);
                let held = datagram.to_vec();
                let clock = receiver.playout.clock();
                receiver.candidate = Some(Candidate { from, source, held, arrived: now, clock });
                Judged::Waits
            }
        }
    }

    /// A packet of the source that we believe.
    fn accept(&mut self, now: Instant, clock: i64, packet: &Packet<'_>, extended: u64) {
        let micros = self.micros(now);
        let Some(config) = &self.config else { return };
        let receiver = &mut self.receiver;
        receiver.bursts.arrived(extended, false);
        if !knows(config, packet.payload_type) {
            // Such as a keep-alive (RFC 6263 §4.6), which is no sign that the peer speaks.
            receiver.dropped += 1;
            return;
        }
        receiver.octets += packet.payload.len() as u64;
        receiver.heard = Some(now);
        let flows = std::mem::replace(&mut receiver.flowing, true);
        if !flows {
            self.events.push_back(Event::Flowing { stream: self.id });
        }
        if !config.direction.receives() {
            return;
        }
        if config.dtmf.is_some_and(|dtmf| dtmf.receive_pt == packet.payload_type) {
            if let Some(digit) = receiver.events.receive(packet.timestamp, packet.payload) {
                self.event(Event::Dtmf { stream: self.id, digit });
            }
            return;
        }
        let Some(codec) = codec_of(config, packet.payload_type) else { return };
        if codec.sample_rate() > self.rate {
            self.rate = codec.sample_rate();
            receiver.set_rate(self.rate);
            if let Err(error) = self.sender.configure(config, self.rate) {
                tracing::error!(%error, "the codec refuses what it took before");
            }
        }
        let rate = codec.clock_rate();
        let before = receiver.codec;
        if codec != Codec::ComfortNoise || before.is_none() {
            receiver.codec = Some(codec);
        }
        if before.is_none_or(|before| before.clock_rate() != rate) {
            receiver.playout.change_clock(codec);
            if let Some(source) = &mut receiver.source {
                source.clock_changed();
            }
        }
        if let Some(source) = &mut receiver.source {
            source.arrived(micros * i64::from(rate) / 1_000_000, packet.timestamp);
        }
        let late = receiver.playout.tally().late;
        if !receiver.playout.insert(clock, extended, packet.timestamp, codec, packet.payload) {
            receiver.dropped += 1;
        }
        if receiver.playout.tally().late > late {
            receiver.bursts.arrived(extended, true);
        }
    }
}

/// May the peer send this?
fn knows(config: &StreamConfig, payload_type: u8) -> bool {
    config.dtmf.is_some_and(|dtmf| dtmf.receive_pt == payload_type) || codec_of(config, payload_type).is_some()
}

fn codec_of(config: &StreamConfig, payload_type: u8) -> Option<Codec> {
    if let Some((_, codec)) = config.receive.iter().find(|(known, _)| *known == payload_type) {
        return Some(*codec);
    }
    // RFC 3389 §4: 13 is comfort noise at 8 kHz, which some send without having said so.
    let slow = config.receive.iter().any(|(_, codec)| codec.clock_rate() == Codec::ComfortNoise.clock_rate());
    (slow && (payload_type == 13 || config.comfort_noise == Some(payload_type))).then_some(Codec::ComfortNoise)
}

impl Receiver {
    fn replace(&mut self, source: Source) {
        if let Some(old) = self.source.replace(source) {
            self.received_before += old.received();
            self.lost_before += old.lost();
        }
    }
}
