//! From packets that wait to voice that sounds: decodes, hides what is missing, and keeps the delay where the jitter
//! buffer wants it by stretching.

use crate::codec::{self, Decoder, RATE};
use crate::config::Codec;
use crate::jitter::{Inserted, Jitter, Next};
use crate::stretch;

/// What is made up at once while nothing comes, in samples.
const STEP: usize = 480;
/// The delay may be off by this much before the voice is stretched, in µs.
const TOLERANCE: i64 = 8_000;
/// From here on it is stretched at every frame and with less care, in µs.
const FAR: i64 = 60_000;
/// The delay kept on a perfect network, in µs: the device asks in steps of 10 ms.
const HOLD: i64 = 10_000;
/// Frames between two stretches while the delay is nearly right.
const REST: u32 = 3;
/// Voice made and not yet asked for never exceeds this, in samples: a frame, a stretch and a step.
const MAX_VOICE: usize = 4 * codec::MAX_FRAME;

#[derive(Debug)]
pub(crate) struct Playout {
    jitter: Jitter<(Codec, Vec<u8>)>,
    decoder: Option<Decoder>,
    voice: Vec<f32>,
    read: usize,
    rest: u32,
    /// A packet's loss is worth waiting for its follower, which has its copy (FEC).
    hold: i64,
    /// Mean delay in µs.
    delay: f32,
    tally: Tally,
}

/// What was counted over the stream's whole life.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    /// Samples made up.
    pub(crate) concealed: u64,
    /// Samples recovered from FEC.
    pub(crate) recovered: u64,
}

impl Playout {
    pub(crate) fn new(codec: Codec) -> Playout {
        Playout {
            jitter: Jitter::new(codec.clock_rate()),
            decoder: None,
            voice: Vec::with_capacity(MAX_VOICE),
            read: 0,
            rest: 0,
            hold: HOLD,
            delay: 0.0,
            tally: Tally::default(),
        }
    }

    /// Forget what waits: another source or another call state.
    pub(crate) fn clear(&mut self) {
        self.jitter.clear();
        self.voice.clear();
        self.read = 0;
        self.decoder = None;
    }

    /// The codec's timestamps count differently from those before.
    pub(crate) fn change_clock(&mut self, codec: Codec) {
        self.tally = self.tally();
        self.jitter = Jitter::new(codec.clock_rate());
    }

    /// Take a packet that came at `now` (µs). False when its payload is broken.
    pub(crate) fn insert(&mut self, now: i64, sequence: u64, timestamp: u32, codec: Codec, payload: &[u8]) -> bool {
        let Some(duration) = codec::duration(codec, payload) else { return false };
        let inserted = self.jitter.insert(now, sequence, timestamp, duration, (codec, payload.to_vec()));
        if inserted == Inserted::Reset {
            tracing::debug!("the sender's clock jumped; jitter buffer begins anew");
        }
        true
    }

    /// Loss of the other's packets, 0 to 1: from one percent on, a packet's follower is waited for.
    pub(crate) fn set_loss(&mut self, fraction: f32, ptime_ms: u32) {
        self.hold = if fraction >= 0.01 { i64::from(ptime_ms) * 1_000 + HOLD } else { HOLD };
    }

    /// The samples that sound from `now` (µs) on.
    pub(crate) fn pull(&mut self, now: i64, out: &mut [f32]) {
        let mut filled = 0;
        while filled < out.len() {
            if self.read == self.voice.len() {
                self.voice.clear();
                self.read = 0;
            }
            let wanted = out.len() - filled;
            let at = now + micros(filled);
            while self.pending() < wanted.min(STEP) {
                self.more(at);
            }
            let piece = self.pending().min(wanted);
            out[filled..filled + piece].copy_from_slice(&self.voice[self.read..self.read + piece]);
            self.read += piece;
            filled += piece;
        }
        // Keep the front short, so that the vector never grows.
        self.voice.drain(..self.read);
        self.read = 0;
        if let Some(delay) = self.jitter.delay(now + micros(out.len() + self.pending())) {
            self.delay += (delay as f32 - self.delay) * 0.02;
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            late: self.tally.late + self.jitter.late,
            duplicates: self.tally.duplicates + self.jitter.duplicates,
            ..self.tally
        }
    }

    /// Mean time from the arrival of the fastest packets to their playing, in µs.
    pub(crate) fn delay(&self) -> u64 {
        self.delay.max(0.0) as u64
    }

    fn pending(&self) -> usize {
        self.voice.len() - self.read
    }

    /// Make some more voice, that sounds after what is pending; `now` is when that begins to sound.
    fn more(&mut self, now: i64) {
        let at = now + micros(self.pending());
        match self.jitter.next(at, self.hold) {
            Next::Frame(held) => {
                let (codec, payload) = held.content;
                let samples = held.duration as usize * (RATE / codec.clock_rate()) as usize;
                self.decode(codec, &payload, samples);
                self.steer(now);
            }
            Next::Gap { units, lost } => self.gap(units, lost),
            Next::Starved => {
                // Comfort noise sounds until something else comes (RFC 3389 §5).
                let noise = self.decoder.as_ref().is_some_and(|decoder| decoder.codec() == Codec::ComfortNoise);
                if noise {
                    self.conceal(STEP);
                } else if self.jitter.delay(at).is_some() {
                    self.conceal(STEP);
                    self.tally.concealed += STEP as u64;
                } else {
                    self.silence(STEP);
                }
                self.jitter.starved(micros(STEP));
            }
        }
    }

    fn decode(&mut self, codec: Codec, payload: &[u8], samples: usize) {
        if self.decoder.as_ref().map(Decoder::codec) != Some(codec) {
            self.decoder = Decoder::new(codec).ok();
        }
        let decoded = self.decoder.as_mut().is_some_and(|decoder| decoder.decode(payload, &mut self.voice).is_ok());
        if !decoded {
            self.conceal(samples);
            self.tally.concealed += samples as u64;
        }
    }

    fn gap(&mut self, units: i64, lost: bool) {
        let follower = self.jitter.follower().map(|held| (held.content.0, held.duration));
        let Some(codec) = follower.map(|(codec, _)| codec).or(self.decoder.as_ref().map(Decoder::codec)) else {
            return self.silence(STEP);
        };
        let samples = (units.max(0) as usize).saturating_mul((RATE / codec.clock_rate()) as usize);
        let samples = samples.clamp(1, codec::MAX_FRAME);
        if let (true, Some(held), Some(decoder)) = (lost, self.jitter.follower(), self.decoder.as_mut())
            && i64::from(held.duration) == units
            && decoder.codec() == held.content.0
            && decoder.recover(&held.content.1, samples, &mut self.voice)
        {
            self.tally.recovered += samples as u64;
            return;
        }
        self.conceal(samples);
        if lost {
            self.tally.concealed += samples as u64;
        }
    }

    fn conceal(&mut self, samples: usize) {
        let whole = samples.next_multiple_of(120).min(codec::MAX_FRAME);
        match &mut self.decoder {
            Some(decoder) => {
                let start = self.voice.len();
                decoder.conceal(whole, &mut self.voice);
                self.voice.truncate(start + samples);
            }
            None => self.silence(samples),
        }
    }

    fn silence(&mut self, samples: usize) {
        self.voice.resize(self.voice.len() + samples, 0.0);
    }

    /// Stretch what is pending towards the wanted delay.
    fn steer(&mut self, now: i64) {
        let off = self.jitter.error(now + micros(self.pending()), self.hold);
        self.rest = self.rest.saturating_sub(1);
        if off.abs() <= TOLERANCE || (self.rest > 0 && off.abs() < FAR) {
            return;
        }
        // Short packets: two make enough to find a period in.
        if off > 0 && self.pending() < stretch::ENOUGH && !self.jitter.is_empty() {
            return self.more(now);
        }
        let likeness = if off.abs() < FAR { 0.8 } else { 0.5 };
        let changed = if off > 0 {
            stretch::shorten(&mut self.voice, self.read, likeness)
        } else {
            stretch::lengthen(&mut self.voice, self.read, likeness)
        };
        if changed > 0 {
            self.rest = REST;
        }
    }
}

fn micros(samples: usize) -> i64 {
    samples as i64 * 1_000_000 / i64::from(RATE)
}
