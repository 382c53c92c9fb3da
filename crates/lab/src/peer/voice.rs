//! What a scripted phone says and hears: a sine in µ-law, and keys.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::Rng;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use sdp::Agreed;

use crate::packet::Packet;
use crate::pbx::sound::{Encoder, KEYS, mu_law_sample};

const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: u32 = 160;
const RATE: usize = 8_000;
/// A minute of sound is enough for every question.
const MAX_HEARD: usize = 60 * RATE;

/// The sound of one call.
#[derive(Debug)]
pub(super) struct Voice {
    here: SocketAddr,
    hertz: f32,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    position: u64,
    agreed: Option<Agreed>,
    next: Option<Instant>,
    /// Event payloads that are to be sent in place of sound, the first of each key marked.
    pressing: VecDeque<(bool, [u8; 4])>,
    key_began: u32,
    heard: VecDeque<f32>,
    packets: usize,
    keys: String,
    /// Each key is sent many times, with one timestamp.
    last_key: Option<u32>,
    out: VecDeque<Packet>,
}

impl Voice {
    pub(super) fn new(here: SocketAddr, hertz: f32, rng: &mut impl Rng) -> Self {
        Self {
            here,
            hertz,
            ssrc: rng.next_u32(),
            sequence: rng.next_u32() as u16,
            timestamp: rng.next_u32(),
            position: 0,
            agreed: None,
            next: None,
            pressing: VecDeque::new(),
            key_began: 0,
            heard: VecDeque::new(),
            packets: 0,
            keys: String::new(),
            last_key: None,
            out: VecDeque::new(),
        }
    }

    /// Goes by what was agreed; speaks only when `talking`.
    pub(super) fn agree(&mut self, now: Instant, agreed: Option<&Agreed>, talking: bool) {
        self.agreed = agreed.cloned();
        let sends = talking && agreed.is_some_and(|agreed| agreed.direction.sends());
        self.next = if sends { self.next.or(Some(now)) } else { None };
    }

    pub(super) fn stop(&mut self) {
        self.agreed = None;
        self.next = None;
    }

    pub(super) fn press(&mut self, key: char) {
        let Some(event) = KEYS.find(key).and_then(|at| u8::try_from(at).ok()) else { return };
        // RFC 4733 §2.5.1: updates with a growing duration, the last three times with the end bit.
        for frame in 1..=7_u16 {
            let end = if frame >= 5 { 0x80 } else { 0 };
            let [high, low] = (160 * frame.min(5)).to_be_bytes();
            self.pressing.push_back((frame == 1, [event, end | 10, high, low]));
        }
    }

    pub(super) fn handle_packet(&mut self, packet: &Packet) {
        let (Some(agreed), Ok(rtp)) = (&self.agreed, RtpReader::new(&packet.bytes)) else { return };
        let event = agreed.receive_events.iter().any(|events| events.payload_type == rtp.payload_type());
        if event {
            if self.last_key != Some(rtp.timestamp()) {
                self.last_key = Some(rtp.timestamp());
                self.keys.extend(rtp.payload().first().and_then(|event| KEYS.chars().nth((*event).into())));
            }
            return;
        }
        self.packets += 1;
        self.heard.extend(rtp.payload().iter().map(|byte| mu_law_sample(*byte)));
        let surplus = self.heard.len().saturating_sub(MAX_HEARD);
        self.heard.drain(..surplus);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.next.filter(|due| *due <= now) {
            self.next = Some(due + FRAME);
            self.frame();
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Packet> {
        self.out.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn packets(&self) -> usize {
        self.packets
    }

    /// Rising zero crossings of the last second.
    pub(super) fn hertz(&self) -> f32 {
        let last: Vec<f32> = self.heard.iter().rev().take(RATE).copied().collect();
        let crossings = last.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count();
        crossings as f32 * RATE as f32 / last.len().max(1) as f32
    }

    pub(super) fn keys(&self) -> &str {
        &self.keys
    }

    fn frame(&mut self) {
        let Some(agreed) = &self.agreed else { return };
        let (to, voice) = (agreed.remote_rtp, agreed.send.payload_type);
        let events = agreed.send_events.map(|events| events.payload_type);
        let timestamp = self.timestamp;
        let samples: Vec<f32> = (self.position..self.position + u64::from(SAMPLES))
            .map(|at| 0.25 * (TAU * self.hertz * (at % 8_000) as f32 / RATE as f32).sin())
            .collect();
        self.position += u64::from(SAMPLES);
        self.timestamp = timestamp.wrapping_add(SAMPLES);
        let key = events.and_then(|number| Some((number, self.pressing.pop_front()?)));
        let (payload_type, marked, payload, timestamp) = match key {
            Some((number, (first, payload))) => {
                // All packets of a key have the timestamp of its beginning (RFC 4733 §2.2).
                if first {
                    self.key_began = timestamp;
                }
                (number, first, payload.to_vec(), self.key_began)
            }
            None => (voice, self.position == u64::from(SAMPLES), Encoder::Pcmu.encode(&samples), timestamp),
        };
        let packet = RtpPacketBuilder::new()
            .payload_type(payload_type)
            .marked(marked)
            .sequence(Seq::from(self.sequence))
            .timestamp(timestamp)
            .ssrc(self.ssrc)
            .payload(&payload)
            .build();
        self.sequence = self.sequence.wrapping_add(1);
        if let Ok(bytes) = packet {
            self.out.push_back(Packet::udp(self.here, to, bytes));
        }
    }
}
