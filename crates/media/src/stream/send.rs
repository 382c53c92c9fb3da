//! What goes out: voice and keys as RTP packets.

use std::time::Instant;

use rand_core::Rng;

use super::{Channel, Stream, keep_alive};
use crate::codec::{CodecError, Encoder};
use crate::config::{Codec, Event, StreamConfig};
use crate::dtmf::{EventSender, ToneSender};
use crate::resample;
use crate::rtp;
use crate::silence::{self, Silence};

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// Of the packet that is being filled.
    pub(super) timestamp: u32,
    encoder: Option<Encoder>,
    network: Network,
    complexity: Option<u8>,
    pub(super) muted: bool,
    /// Captured samples that do not make a packet yet.
    voice: Vec<f32>,
    payload: Vec<u8>,
    events: EventSender,
    tones: ToneSender,
    keys: bool,
    silence: Silence,
    /// The next packet is the first after a silence.
    spurt: bool,
    pub(super) packets: u64,
    pub(super) octets: u64,
    /// When the last packet went out, and its timestamp's successor: the RTP clock against ours.
    pub(super) clock: Option<(Instant, u32)>,
}

/// What the peer's reports say of the way to it.
#[derive(Debug, Default)]
struct Network {
    /// Share of our packets that is lost, 0 to 1: up at once, down slowly, for loss comes in bursts.
    loss: f32,
    /// What may be sent, in bits per second.
    bitrate: u32,
}

impl Network {
    /// Less of the old loss with every report.
    const FORGETS: f32 = 0.7;
    /// So much loss may be our own doing: less is sent. After as little as that, more again.
    const CONGESTED: f32 = 0.20;
    const FREE: f32 = 0.02;
    /// Never less than this share of the bitrate wanted, nor than what wideband voice needs beside its FEC: with less,
    /// Opus leaves FEC out just when it is wanted most.
    const LEAST: f32 = 0.5;
    const WITH_FEC: u32 = 20_000;

    fn hear(&mut self, lost: f32, wanted: u32) {
        self.loss = lost.max(self.loss * Network::FORGETS);
        let least = ((wanted as f32 * Network::LEAST) as u32).max(Network::WITH_FEC).min(wanted);
        let now = if self.bitrate == 0 { wanted } else { self.bitrate };
        let next = match lost {
            lost if lost >= Network::CONGESTED => now as f32 * 0.85,
            lost if lost <= Network::FREE => now as f32 * 1.05,
            _ => now as f32,
        };
        self.bitrate = (next as u32).clamp(least, wanted);
    }
}

impl Sender {
    pub(super) fn new(random: &mut impl Rng) -> Sender {
        Sender {
            ssrc: random.next_u32(),
            // RFC 3550 §5.1: random first numbers. The sequence starts in the lower half, so that SRTP's roll-over
            // counter is not guessed wrong when the first packets are lost (RFC 3711 §3.3.1).
            sequence: random.next_u32() as u16 & 0x7fff,
            timestamp: random.next_u32(),
            encoder: None,
            network: Network::default(),
            complexity: None,
            muted: false,
            voice: Vec::new(),
            payload: Vec::new(),
            events: EventSender::default(),
            tones: ToneSender::default(),
            keys: false,
            silence: Silence::default(),
            spurt: true,
            packets: 0,
            octets: 0,
            clock: None,
        }
    }

    /// From now on voice has `rate` samples per second.
    pub(super) fn configure(&mut self, config: &StreamConfig, rate: u32) -> Result<(), CodecError> {
        if self.encoder.as_ref().map(Encoder::config) != Some(&config.send) {
            let mut encoder = Encoder::with_rate(&config.send, rate)?;
            if let Some(complexity) = self.complexity {
                encoder.set_complexity(complexity);
            }
            self.encoder = Some(encoder);
            self.network = Network::default();
            self.voice.clear();
            self.spurt = true;
        } else if let Some(encoder) = self.encoder.as_mut().filter(|encoder| encoder.rate() != rate) {
            resample::convert(&mut self.voice, encoder.rate(), rate);
            encoder.set_rate(rate);
        }
        Ok(())
    }

    pub(super) fn send_dtmf(&mut self, keys: &str, as_events: bool) {
        if as_events {
            self.events.push(keys)
        } else {
            self.tones.push(keys)
        }
        self.keys = !self.events.is_idle() || !self.tones.is_idle();
    }

    /// The peer says what share of our packets it lost since it last said so.
    pub(super) fn adapt(&mut self, lost: f32) {
        let Some(encoder) = &mut self.encoder else { return };
        self.network.hear(lost, encoder.config().opus_bitrate());
        encoder.set_loss(self.network.loss);
        encoder.set_bitrate(self.network.bitrate);
    }

    pub(super) fn set_complexity(&mut self, complexity: u8) {
        self.complexity = Some(complexity);
        if let Some(encoder) = &mut self.encoder {
            encoder.set_complexity(complexity);
        }
    }

    /// The timestamp that voice captured at `now` has.
    pub(super) fn timestamp_at(&self, now: Instant, rate: u32) -> u32 {
        match self.clock {
            Some((sent, timestamp)) => {
                let micros = now.saturating_duration_since(sent).as_micros() as u64;
                timestamp.wrapping_add((micros * u64::from(rate) / 1_000_000) as u32)
            }
            None => self.timestamp,
        }
    }
}

impl Stream {
    /// Voice from the microphone at the stream's [`rate`](Self::rate), captured just before `now`. Packets leave as soon
    /// as they are full.
    pub fn capture(&mut self, now: Instant, voice: &[f32]) {
        let Some(config) = &self.config else { return };
        let frame = (config.send.frame_ms() * self.rate / 1_000) as usize;
        for piece in voice.chunks(frame) {
            let sender = &mut self.sender;
            let start = sender.voice.len();
            if sender.muted {
                sender.voice.resize(start + piece.len(), 0.0);
            } else {
                sender.voice.extend_from_slice(piece);
            }
            sender.tones.fill(&mut sender.voice[start..], self.rate);
            self.out.hear(&sender.voice[start..], self.rate);
            while self.sender.voice.len() >= frame {
                self.send_frame(now, frame);
            }
        }
        self.report_sent_keys();
    }

    fn send_frame(&mut self, now: Instant, frame: usize) {
        let Some(config) = &self.config else { return };
        let sender = &mut self.sender;
        let ptime = config.send.frame_ms();
        let timestamp = sender.timestamp;
        let units = config.send.codec.clock_rate() * ptime / 1_000;
        sender.timestamp = timestamp.wrapping_add(units);
        let event = config.dtmf.and_then(|dtmf| {
            let packet = sender.events.next(timestamp, ptime, dtmf.clock)?;
            Some((packet, dtmf.send_pt))
        });
        // Voice is encoded even where a key replaces it: the codec's filters go on.
        let encoded = match &mut sender.encoder {
            Some(encoder) => encoder.encode(&sender.voice[..frame], &mut sender.payload).is_ok(),
            None => false,
        };
        let noise = match (config.comfort_noise, config.send.codec) {
            (Some(payload_type), Codec::Pcmu | Codec::Pcma) => {
                Some((payload_type, sender.silence.judge(&sender.voice[..frame], ptime)))
            }
            _ => None,
        };
        let noise_type = match noise {
            Some((payload_type, silence::Frame::Noise(level))) => {
                sender.payload.clear();
                sender.payload.push(level);
                Some(payload_type)
            }
            Some((_, silence::Frame::Nothing)) => {
                sender.payload.clear();
                None
            }
            Some((_, silence::Frame::Voice)) | None => None,
        };
        sender.voice.drain(..frame);
        if !encoded || !config.direction.sends() {
            sender.spurt = true;
            return;
        }
        let packet = match &event {
            Some((event, payload_type)) => rtp::Packet {
                marker: event.marker,
                payload_type: payload_type & 0x7f,
                sequence: sender.sequence,
                timestamp: event.timestamp,
                ssrc: sender.ssrc,
                payload: &event.payload,
            },
            None if sender.payload.is_empty() => {
                sender.spurt = true;
                return;
            }
            None => rtp::Packet {
                // RFC 3389 §4: comfort noise has no marker; the voice after it begins a talkspurt.
                marker: noise_type.is_none() && std::mem::replace(&mut sender.spurt, noise_type.is_some()),
                payload_type: noise_type.unwrap_or(config.send.payload_type) & 0x7f,
                sequence: sender.sequence,
                timestamp,
                ssrc: sender.ssrc,
                payload: &sender.payload,
            },
        };
        sender.sequence = sender.sequence.wrapping_add(1);
        sender.packets += 1;
        sender.octets += packet.payload.len() as u64;
        sender.clock = Some((now, sender.timestamp));
        let mut bytes = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(rtp::MAX_PACKET));
        packet.write(&mut bytes);
        self.reporter.sent(now);
        self.keep_alive = Some(now + keep_alive::EVERY);
        if let Some(to) = self.receiver.remote_rtp() {
            self.transmit(Channel::Rtp, to, bytes);
        }
    }

    fn report_sent_keys(&mut self) {
        let sender = &mut self.sender;
        if sender.keys && sender.events.is_idle() && sender.tones.is_idle() {
            sender.keys = false;
            self.event(Event::DtmfSent { stream: self.id });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_believed_at_once_and_forgotten_slowly() {
        let mut network = Network::default();
        network.hear(0.2, 24_000);
        assert_eq!(network.loss, 0.2);
        let reports = (1..).take_while(|_| {
            network.hear(0.0, 24_000);
            network.loss >= 0.01
        });
        assert_eq!(reports.count(), 8);
    }

    #[test]
    fn less_is_sent_while_much_is_lost_and_more_again_after() {
        let mut network = Network::default();
        let after = |network: &mut Network, reports: usize, lost: f32, wanted: u32| {
            (0..reports).for_each(|_| network.hear(lost, wanted));
            network.bitrate
        };
        assert_eq!(after(&mut network, 1, 0.15, 64_000), 64_000, "FEC is answer enough");
        assert_eq!(after(&mut network, 1, 0.20, 64_000), 54_400);
        assert_eq!(after(&mut network, 20, 0.3, 64_000), 32_000);
        assert!((40_000..41_000).contains(&after(&mut network, 5, 0.0, 64_000)));
        assert_eq!(after(&mut network, 50, 0.0, 64_000), 64_000);
        assert_eq!(after(&mut Network::default(), 20, 0.3, 24_000), 20_000);
        assert_eq!(after(&mut Network::default(), 9, 0.3, 8_000), 8_000, "what was wanted is little enough");
    }
}
