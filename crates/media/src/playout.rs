//! From packets that wait to voice that sounds: decodes, hides what is missing, and keeps the delay where the jitter
//! buffer wants it.
//!
//! ```text
//!   jitter.next ─┬─ Frame ───────▶ decode ────────────┬─▶ steer: cut or extend silence, stretch voice ─▶ pull
//!                ├─ Stale ───────▶ rewind, decode     │
//!                ├─ Gap, Starved ▶ recover or conceal ┘
//! ```
//!
//! The decoder is copied where a hole begins. A packet that comes while its hole is being filled is decoded from that
//! copy, as if it had been in time, and what is left of it is faded in over what was made up.

mod rate;

use crate::codec::{self, Decoder, RATE};
use crate::config::Codec;
use crate::jitter::{DelayPolicy, Held, Inserted, Jitter, Next};
use crate::power::mean_square;
use crate::resample;
use rate::Rate;

/// Voice is faded into another over 5 ms: so many samples at most.
const FADE: usize = RATE as usize / 200;
/// In silence the delay may be off by this much, in µs.
const QUIET_TOLERANCE: i64 = 1_000;
/// In voice it may be too long by this much and too short by that before the voice is stretched, in µs.
const LONG_TOLERANCE: i64 = 60_000;
const SHORT_TOLERANCE: i64 = 20_000;
/// Frames between two stretches of voice.
const REST: u32 = 3;
/// The delay has been too long for so many seconds without a pause of the voice: now by more than this, in µs, and only
/// where periods of the voice are very much alike.
const IMPATIENT: i64 = 4;
const IMPATIENT_TOLERANCE: i64 = 8_000;
/// Voice made and not yet asked for never exceeds this, in samples: a frame, a stretch and a step.
const MAX_VOICE: usize = 4 * codec::MAX_FRAME;
/// Payload buffers kept for the next packets.
const MAX_SPARE: usize = 64;
/// When we were not asked for voice for so long, in µs, the time is lost.
const STOOD_STILL: i64 = 80_000;

type Payload = (Codec, Vec<u8>);

#[derive(Debug)]
pub(crate) struct Playout {
    /// Samples per second of the voice asked for.
    rate: Rate,
    jitter: Jitter<Payload>,
    decoder: Option<Decoder>,
    /// The decoder as it was where the hole begins.
    before: Option<Decoder>,
    hole: Option<Hole>,
    /// Where a hole was rewound: what was going to be made up next, to be faded out.
    fading: [f32; FADE],
    voice: Vec<f32>,
    read: usize,
    /// The last sample given out; and whether the decoder's filter begins anew with the next frame.
    last: f32,
    seam: bool,
    scratch: Vec<f32>,
    spare: Vec<Vec<u8>>,
    /// Samples asked for so far: the playout clock; and by how much our other clock is ahead of it, in µs.
    clock: i64,
    ahead: Option<i64>,
    level: Level,
    rest: u32,
    /// When the delay was last right, or the voice quiet, on the playout clock.
    content: i64,
    /// Mean delay in µs.
    delay: f32,
    tally: Tally,
}

/// A stretch that is being made up.
#[derive(Debug)]
struct Hole {
    /// The timestamp where the decoder was copied.
    from: i64,
    /// Since a packet came late: the timestamp up to which the rewound decoder has got.
    rewound: Option<i64>,
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
    pub(crate) fn new(codec: Codec, rate: u32) -> Playout {
        Playout {
            rate: Rate::new(rate),
            jitter: Jitter::new(codec.clock_rate()),
            decoder: None,
            before: None,
            hole: None,
            fading: [0.0; FADE],
            voice: Vec::with_capacity(MAX_VOICE),
            read: 0,
            last: 0.0,
            seam: false,
            scratch: Vec::with_capacity(codec::MAX_FRAME),
            spare: Vec::with_capacity(MAX_SPARE),
            clock: 0,
            ahead: None,
            level: Level::default(),
            rest: 0,
            content: 0,
            delay: 0.0,
            tally: Tally::default(),
        }
    }

    /// Forget what waits: another source or another call state.
    pub(crate) fn clear(&mut self) {
        self.jitter.clear();
        self.voice.clear();
        self.read = 0;
        (self.decoder, self.before, self.hole) = (None, None, None);
        self.ahead = None;
    }

    /// Give voice at another rate from now on. What is made already is converted, and goes on where it stood.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        let before = std::mem::replace(&mut self.rate, Rate::new(rate));
        let scaled = |samples: i64| samples * i64::from(rate) / i64::from(before.hertz);
        (self.clock, self.content) = (scaled(self.clock), scaled(self.content));
        self.drop_read();
        resample::convert(&mut self.voice, before.hertz, rate);
        resample::even_out(self.last, &mut self.voice, self.rate.fade());
        self.seam = true;
        if let Some(decoder) = &mut self.decoder {
            decoder.set_rate(rate);
        }
        (self.before, self.hole) = (None, None);
    }

    /// The codec's timestamps count differently from those before.
    pub(crate) fn change_clock(&mut self, codec: Codec) {
        self.tally = self.tally();
        let policy = self.jitter.policy();
        self.jitter = Jitter::new(codec.clock_rate());
        self.jitter.set_policy(policy);
        self.hole = None;
    }

    /// The playout clock: how much voice has been asked for so far, in µs.
    pub(crate) fn clock(&self) -> i64 {
        self.rate.micros(self.clock)
    }

    /// Take a packet that came when the playout clock stood at `clock`. False when its payload is broken.
    pub(crate) fn insert(&mut self, clock: i64, sequence: u64, timestamp: u32, codec: Codec, payload: &[u8]) -> bool {
        let Some(duration) = codec::duration(codec, payload) else { return false };
        let mut bytes = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(256));
        bytes.clear();
        bytes.extend_from_slice(payload);
        let (inserted, unused) = self.jitter.insert(clock, sequence, timestamp, duration, (codec, bytes));
        if let Some((_, bytes)) = unused {
            self.recycle(bytes);
        }
        if inserted == Inserted::Reset {
            tracing::debug!("the sender's clock jumped; jitter buffer begins anew");
            self.hole = None;
        }
        true
    }

    /// How the delay is chosen from now on.
    pub(crate) fn set_policy(&mut self, policy: DelayPolicy) {
        self.jitter.set_policy(policy);
    }

    /// The samples that sound next; `now` (µs) is only looked at for whether we were not asked for long.
    pub(crate) fn pull(&mut self, now: i64, out: &mut [f32]) {
        self.keep_time(now);
        let mut filled = 0;
        while filled < out.len() {
            let wanted = out.len() - filled;
            if self.pending() < wanted.min(self.rate.step()) {
                self.drop_read();
            }
            while self.pending() < wanted.min(self.rate.step()) {
                self.more(self.clock + filled as i64);
            }
            let piece = self.pending().min(wanted);
            out[filled..filled + piece].copy_from_slice(&self.voice[self.read..self.read + piece]);
            self.read += piece;
            filled += piece;
        }
        self.last = out.last().copied().unwrap_or(self.last);
        self.clock += out.len() as i64;
        if let Some(delay) = self.jitter.delay(self.rate.micros(self.clock + self.pending() as i64)) {
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

    /// Keep the front short, so that the vector never grows.
    fn drop_read(&mut self) {
        self.voice.drain(..self.read);
        self.read = 0;
    }

    fn pending(&self) -> usize {
        self.voice.len() - self.read
    }

    /// The device asks irregularly, but on the whole as fast as time passes. When it did not ask at all, what should
    /// have sounded is left out, or all that follows would be later.
    fn keep_time(&mut self, now: i64) {
        let ahead = now - self.rate.micros(self.clock);
        let usual = self.ahead.get_or_insert(ahead);
        if ahead - *usual > STOOD_STILL {
            let lost = (ahead - *usual) * i64::from(self.rate.hertz) / 1_000_000;
            self.clock += lost;
            if let Some(decoder) = &self.decoder {
                self.jitter.pass(self.rate.units(lost, decoder.codec()));
            }
            self.hole = None;
        } else if ahead < *usual {
            *usual = ahead;
        } else {
            // Clocks of devices differ by a few hundred ppm.
            *usual += (ahead - *usual) / 1_000;
        }
    }

    /// Make some more voice, that sounds after what is pending; `clock` is when that begins to sound.
    fn more(&mut self, clock: i64) {
        let at = self.rate.micros(clock + self.pending() as i64);
        match self.jitter.next(at) {
            Next::Frame(held, over) => {
                self.frame(&held, over);
                self.recycle(held.content.1);
                self.steer(clock);
            }
            Next::Stale(held) => {
                self.stale(&held);
                self.recycle(held.content.1);
            }
            Next::Gap { units, lost: false } => self.pause(at, units),
            Next::Gap { units, lost: true } => self.missing(at, Some(units)),
            Next::Starved => self.missing(at, None),
        }
    }

    fn frame(&mut self, held: &Held<Payload>, over: i64) {
        let start = self.voice.len();
        if self.jitter.is_after_loss() && codec::has_fec(held.content.0, &held.content.1) {
            self.jitter.was_restorable();
        }
        if let Some(hole) = &self.hole
            && (hole.rewound.is_some() || held.timestamp < hole.from + i64::from(held.duration))
        {
            self.rewind(held.timestamp);
        }
        let hole = self.hole.take();
        self.decode(held);
        if std::mem::take(&mut self.seam) {
            let last = if start > self.read { self.voice[start - 1] } else { self.last };
            resample::even_out(last, &mut self.voice[start..], self.rate.fade());
        }
        self.leave_out(start, over, held.content.0);
        if hole.is_some_and(|hole| hole.rewound.is_some()) {
            fade_in(&self.fading[..self.rate.fade()], &mut self.voice[start..]);
        }
        self.level.hear(&self.voice[start..]);
    }

    /// A packet whose turn is over: only the decoder hears it.
    fn stale(&mut self, held: &Held<Payload>) {
        if self.hole.is_none() {
            return;
        }
        self.rewind(held.timestamp);
        let start = self.voice.len();
        self.decode(held);
        self.voice.truncate(start);
        if let Some(hole) = &mut self.hole {
            hole.rewound = Some(held.timestamp + i64::from(held.duration));
        }
    }

    /// Bring the decoder back to where the hole began and on to `timestamp`, as if nothing had been made up since.
    fn rewind(&mut self, timestamp: i64) {
        let (Some(hole), Some(decoder), Some(before)) = (&mut self.hole, &mut self.decoder, &self.before) else {
            return;
        };
        if hole.rewound.is_none() {
            self.scratch.clear();
            let fade = self.rate.fade();
            decoder.conceal(fade, &mut self.scratch);
            self.fading[..fade].copy_from_slice(&self.scratch[..fade]);
            decoder.copy_from(before);
        }
        let from = hole.rewound.unwrap_or(hole.from);
        let missing = self.rate.samples_of((timestamp - from).max(0), decoder.codec());
        if missing > 0 && missing <= self.rate.longest() {
            self.scratch.clear();
            decoder.conceal(self.rate.whole(missing), &mut self.scratch);
        }
        hole.rewound = Some(timestamp.max(from));
    }

    fn decode(&mut self, held: &Held<Payload>) {
        let (codec, payload) = &held.content;
        if self.decoder.as_ref().map(Decoder::codec) != Some(*codec) {
            self.decoder = Decoder::with_rate(*codec, self.rate.hertz).ok();
            (self.before, self.hole) = (None, None);
        }
        let decoded = self.decoder.as_mut().is_some_and(|decoder| decoder.decode(payload, &mut self.voice).is_ok());
        if !decoded {
            let samples = self.rate.samples_of(held.duration.into(), *codec);
            self.conceal(samples);
            self.tally.concealed += self.rate.full(samples);
        }
    }

    /// The sender was silent by its own will.
    fn pause(&mut self, at: i64, units: i64) {
        let Some(decoder) = &self.decoder else {
            self.jitter.pass(units);
            return self.silence(self.rate.step());
        };
        let codec = decoder.codec();
        let piece = units.min(step_of(codec));
        self.conceal(self.rate.samples_of(piece, codec));
        // The best time to change the delay: the pause becomes longer or shorter than it was.
        let off = self.jitter.error(at) * i64::from(codec.clock_rate()) / 1_000_000;
        self.jitter.pass((piece + off).clamp(0, units));
    }

    /// Something is missing, `units` of it as far as we know.
    fn missing(&mut self, at: i64, units: Option<i64>) {
        // Comfort noise sounds until something else comes (RFC 3389 §5): nothing is missing.
        if self.decoder.as_ref().is_some_and(|decoder| decoder.codec() == Codec::ComfortNoise) {
            let piece = units.unwrap_or(i64::MAX).clamp(1, step_of(Codec::ComfortNoise));
            self.conceal(self.rate.samples_of(piece, Codec::ComfortNoise));
            return self.jitter.pass(piece);
        }
        let (Some((wanted, known)), Some(decoder)) = (self.jitter.position(), &self.decoder) else {
            if let (Some(units), true) = (units, self.decoder.is_none()) {
                self.jitter.pass(units);
            }
            return self.silence(self.rate.step());
        };
        let codec = decoder.codec();
        if self.hole.is_none() {
            match &mut self.before {
                Some(before) => before.copy_from(decoder),
                None => self.before = Some(decoder.clone()),
            }
            self.hole = Some(Hole { from: known, rewound: None });
        }
        // While we play earlier than wanted, waiting costs nothing that is not due.
        let off = self.jitter.error(at);
        if off < -5_000 {
            let samples = self.rate.whole(self.rate.samples(-off).clamp(1, self.rate.step()));
            self.conceal(samples);
            self.tally.concealed += self.rate.full(samples);
            return;
        }
        if units.is_some_and(|units| self.recover(wanted, units)) {
            return;
        }
        let piece = units.unwrap_or(i64::MAX).min(step_of(codec));
        let samples = self.rate.samples_of(piece, codec);
        if units.is_some_and(|units| self.recover_deep(units, samples)) {
            self.tally.recovered += self.rate.full(samples);
        } else {
            self.conceal(samples);
            self.tally.concealed += self.rate.full(samples);
        }
        self.jitter.pass(piece);
    }

    /// The packet behind the gap may describe `samples` of what lies `units` before it.
    fn recover_deep(&mut self, units: i64, samples: usize) -> bool {
        let (Some(held), Some(decoder)) = (self.jitter.follower(), &mut self.decoder) else { return false };
        let codec = decoder.codec();
        held.content.0 == codec
            && decoder.recover_deep(
                &held.content.1,
                held.sequence,
                self.rate.samples_of(units, codec),
                self.rate.whole(samples),
                &mut self.voice,
            )
    }

    /// The packet behind the gap may have what is missing.
    fn recover(&mut self, wanted: i64, units: i64) -> bool {
        let Some((codec, from, duration)) = self
            .jitter
            .follower()
            .map(|held| (held.content.0, held.timestamp - i64::from(held.duration), held.duration))
        else {
            return false;
        };
        let here = self.decoder.as_ref().is_some_and(|decoder| decoder.codec() == codec);
        if !here || from > wanted || !self.jitter.follower().is_some_and(|held| codec::has_fec(codec, &held.content.1))
        {
            return false;
        }
        let start = self.voice.len();
        let over = wanted - from;
        if self.hole.as_ref().is_some_and(|hole| hole.rewound.is_some() || (over > 0 && from <= hole.from)) {
            self.rewind(from);
        } else if over > 0 {
            return false;
        }
        let samples = self.rate.samples_of(duration.into(), codec);
        let (Some(held), Some(decoder)) = (self.jitter.follower(), &mut self.decoder) else { return false };
        if !decoder.recover(&held.content.1, samples, &mut self.voice) {
            return false;
        }
        self.leave_out(start, over, codec);
        if self.hole.take().is_some_and(|hole| hole.rewound.is_some()) {
            fade_in(&self.fading[..self.rate.fade()], &mut self.voice[start..]);
        }
        self.tally.recovered += self.rate.full(self.voice.len() - start);
        self.jitter.pass(units);
        true
    }

    /// The first `units` of what was decoded to `start` are over.
    fn leave_out(&mut self, start: usize, units: i64, codec: Codec) {
        let samples = self.rate.samples_of(units.max(0), codec).min(self.voice.len() - start);
        self.voice.drain(start..start + samples);
    }

    fn conceal(&mut self, samples: usize) {
        let whole = self.rate.whole(samples);
        let start = self.voice.len();
        match &mut self.decoder {
            Some(decoder) => {
                decoder.conceal(whole, &mut self.voice);
                self.voice.truncate(start + samples);
            }
            None => self.silence(samples),
        }
    }

    fn silence(&mut self, samples: usize) {
        self.voice.resize(self.voice.len() + samples, 0.0);
    }

    fn recycle(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < MAX_SPARE {
            self.spare.push(bytes);
        }
    }

    /// Change what is pending towards the wanted delay.
    fn steer(&mut self, clock: i64) {
        let off = self.jitter.error(self.rate.micros(clock + self.pending() as i64));
        let lengths = self.rate.lengths;
        self.rest = self.rest.saturating_sub(1);
        if self.level.is_quiet() {
            self.content = clock;
            if off > QUIET_TOLERANCE {
                lengths.cut(&mut self.voice, self.read, self.rate.samples(off));
            } else if off < -QUIET_TOLERANCE {
                lengths.extend(&mut self.voice, self.read, self.rate.samples(-off));
            }
            return;
        }
        if off <= IMPATIENT_TOLERANCE {
            self.content = clock;
        }
        let impatient = clock - self.content > IMPATIENT * i64::from(self.rate.hertz);
        let long = if impatient { IMPATIENT_TOLERANCE } else { LONG_TOLERANCE };
        if (-SHORT_TOLERANCE..=long).contains(&off) || self.rest > 0 {
            return;
        }
        // Short packets: two make enough to find a period in.
        if off > 0 && self.pending() < lengths.enough && self.jitter.follower().is_some() {
            return self.more(clock);
        }
        let changed = if off > 0 {
            lengths.shorten(&mut self.voice, self.read, if off > LONG_TOLERANCE { 0.8 } else { 0.95 })
        } else {
            lengths.lengthen(&mut self.voice, self.read, 0.8)
        };
        if changed > 0 {
            self.rest = REST;
        }
    }
}

/// How loud the voice is, the noise behind it, and the packet heard last; as mean squares.
#[derive(Debug, Default)]
struct Level {
    voice: f32,
    noise: f32,
    last: f32,
}

impl Level {
    /// Below this nobody hears a seam: -60 dBFS.
    const QUIET: f32 = 1e-6;

    fn hear(&mut self, voice: &[f32]) {
        if voice.is_empty() {
            return;
        }
        self.last = mean_square(voice);
        self.voice = self.last.max(self.voice * 0.998);
        self.noise = self.last.min(self.noise * 1.01 + 1e-10);
    }

    /// Is it a pause of the voice: 30 dB below it, or at least 15 when that is its noise?
    fn is_quiet(&self) -> bool {
        self.last < Level::QUIET
            || self.last < self.voice * 1e-3
            || (self.last < self.voice * 0.03 && self.last < self.noise * 4.0)
    }
}

fn fade_in(fading: &[f32], voice: &mut [f32]) {
    let length = fading.len().min(voice.len());
    for (n, (old, new)) in fading.iter().zip(voice).enumerate() {
        let share = n as f32 / length as f32;
        *new = *new * share + old * (1.0 - share);
    }
}

/// What is made up at once while nothing comes, 10 ms, as the codec's timestamps count it.
fn step_of(codec: Codec) -> i64 {
    i64::from(codec.clock_rate()) / 100
}
