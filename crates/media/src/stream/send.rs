//! What goes out: voice and keys as RTP packets.

use std::time::Instant;

use rand_core::Rng;

use super::{Channel, Stream, keep_alive};
use crate::codec::{CodecError, Encoder};
use crate::config::{Event, StreamConfig};
use crate::dtmf::{EventSender, ToneSender};
use crate::rtp;

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// Of the packet that is being filled.
    pub(super) timestamp: u32,
    encoder: Option<Encoder>,
    pub(super) muted: bool,
    /// Captured samples that do not make a packet yet.
    voice: Vec<f32>,
    payload: Vec<u8>,
    events: EventSender,
    tones: ToneSender,
    keys: bool,
    /// The next packet is the first after a silence.
    spurt: bool,
    pub(super) packets: u64,
    pub(super) octets: u64,
    /// When the last packet went out, and its timestamp's successor: the RTP clock against ours.
    pub(super) clock: Option<(Instant, u32)>,
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
            muted: false,
            voice: Vec::new(),
            payload: Vec::new(),
            events: EventSender::default(),
            tones: ToneSender::default(),
            keys: false,
            spurt: true,
            packets: 0,
            octets: 0,
            clock: None,
        }
    }

    pub(super) fn configure(&mut self, config: &StreamConfig) -> Result<(), CodecError> {
        if self.encoder.as_ref().map(Encoder::config) != Some(&config.send) {
            self.encoder = Some(Encoder::new(&config.send)?);
            self.voice.clear();
            self.spurt = true;
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

    pub(super) fn set_loss(&mut self, fraction: f32) {
        if let Some(encoder) = &mut self.encoder {
            encoder.set_loss(fraction);
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
    /// Voice from the microphone, captured just before `now`. Packets leave as soon as they are full.
    pub fn capture(&mut self, now: Instant, voice: &[f32]) {
        let Some(config) = &self.config else { return };
        let frame = config.send.frame_ms() as usize * 48;
        for piece in voice.chunks(frame) {
            let sender = &mut self.sender;
            let start = sender.voice.len();
            if sender.muted {
                sender.voice.resize(start + piece.len(), 0.0);
            } else {
                sender.voice.extend_from_slice(piece);
            }
            sender.tones.fill(&mut sender.voice[start..]);
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
                marker: std::mem::take(&mut sender.spurt),
                payload_type: config.send.payload_type & 0x7f,
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
        let bytes = packet.to_bytes();
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
