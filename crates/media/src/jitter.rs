//! The jitter buffer: puts packets in order, holds them as long as the network's unsteadiness asks, and says what is
//! lost.
//!
//! ```text
//!   insert ──▶ by timestamp ──▶ next(): Frame | Gap (lost or silent) | Starved
//!     │                           ▲
//!     └─▶ Delays: how late were packets lately ─▶ target delay ─▶ error(): too early or too late, in µs
//! ```
//!
//! It knows no codec and makes no sound: times are microseconds since the stream began, positions are extended RTP
//! timestamps. The caller stretches the voice by [`Jitter::error`] and then says so by playing earlier or later.

mod delays;

use std::collections::BTreeMap;

use delays::Delays;

/// No more than this waits, in µs: beyond it the oldest packets go.
const MAX_HELD: i64 = 1_500_000;
/// Nor more packets than this: 1.5 s at 10 ms, twice over.
const MAX_PACKETS: usize = 300;
/// A step in the sender's timestamps against our clock that no network makes, in µs.
const MAX_STEP: i64 = 3_000_000;
/// The delay of the first half second, in µs: nothing is known of the network yet.
const FIRST_TARGET: i64 = 40_000;
/// A longer loss, in µs, is not made up for in full when what follows is due.
const MAX_GAP: i64 = 200_000;
/// Voice that is this much too late, in µs, is not worth catching up with by stretching.
const TOO_OLD: i64 = 500_000;
/// Starved for so long, in µs, that the sender is thought to pause.
const PAUSE: i64 = 1_000_000;

/// A packet that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held<T> {
    pub(crate) timestamp: i64,
    pub(crate) sequence: u64,
    /// In timestamp units.
    pub(crate) duration: u32,
    pub(crate) content: T,
}

/// What became of an inserted packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    InTime,
    Late,
    Duplicate,
    /// The sender's clock has jumped; all that waited is gone.
    Reset,
}

/// What to play next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// This.
    Frame(Held<T>),
    /// A stretch without packets, in timestamp units, before the next packet. `Lost`, or silent by the sender's will.
    Gap { units: i64, lost: bool },
    /// Nothing has come yet; make something up, time stands still.
    Starved,
}

#[derive(Debug)]
pub(crate) struct Jitter<T> {
    rate: i64,
    packets: BTreeMap<i64, Held<T>>,
    delays: Delays,
    /// Extended timestamp of the newest packet.
    newest: Option<i64>,
    /// Where playing stands: the timestamp wanted next, and the sequence number played last.
    play: Option<(i64, u64)>,
    starved: i64,
    seen: Seen,
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    pub(crate) resets: u64,
    /// Packets thrown away because too many waited.
    pub(crate) overflowed: u64,
}

impl<T> Jitter<T> {
    /// For timestamps that count `rate` per second.
    pub(crate) fn new(rate: u32) -> Jitter<T> {
        Jitter {
            rate: i64::from(rate.max(1)),
            packets: BTreeMap::new(),
            delays: Delays::new(),
            newest: None,
            play: None,
            starved: 0,
            seen: Seen::default(),
            late: 0,
            duplicates: 0,
            resets: 0,
            overflowed: 0,
        }
    }

    /// Take a packet that came at `now`.
    pub(crate) fn insert(&mut self, now: i64, sequence: u64, timestamp: u32, duration: u32, content: T) -> Inserted {
        if self.seen.again(sequence) {
            self.duplicates += 1;
            return Inserted::Duplicate;
        }
        let extended = match self.newest {
            Some(newest) => newest + i64::from(timestamp.wrapping_sub(newest as u32) as i32),
            None => i64::from(timestamp),
        };
        let delay = now - self.micros(extended);
        let step = self.delays.base().map_or(0, |base| (delay - base).abs());
        let mut outcome = Inserted::InTime;
        if step > MAX_STEP {
            self.clear();
            self.resets += 1;
            outcome = Inserted::Reset;
        }
        self.delays.add(delay);
        self.newest = Some(self.newest.map_or(extended, |newest| newest.max(extended)));
        if let Some((next, _)) = self.play
            && extended < next
        {
            self.late += 1;
            return Inserted::Late;
        }
        self.packets.insert(extended, Held { timestamp: extended, sequence, duration, content });
        while self.packets.len() > MAX_PACKETS || self.span() > MAX_HELD {
            self.packets.pop_first();
            self.overflowed += 1;
        }
        outcome
    }

    /// What to play at `now` (when the first sample of the answer sounds), and move on by it. `hold` is the delay in
    /// µs that is wanted even on a perfect network.
    pub(crate) fn next(&mut self, now: i64, hold: i64) -> Next<T> {
        self.catch_up(now, hold);
        let Some((&first, head)) = self.packets.first_key_value() else {
            return Next::Starved;
        };
        // The first of all waits until its delay is as wanted.
        let Some((wanted, last)) = self.play else { return Next::Starved };
        if first <= wanted {
            return self.take();
        }
        if head.sequence == last + 1 {
            // The sender paused (DTX, or another kind of payload). Being starved has covered some of the pause.
            // Of the rest, only what brings the next packet to its due time: a pause may be shorter than it was.
            self.cover(first);
            let rest = first - self.play.map_or(first, |(wanted, _)| wanted);
            let units = rest.min(self.due(now, first, hold));
            if units <= 0 {
                return self.take();
            }
            self.play = Some((first, last));
            return Next::Gap { units, lost: false };
        }
        // Its packet may only be late: while we play earlier than wanted, waiting costs nothing that is not due.
        if self.starved == 0 && now - self.micros(wanted) < self.wanted(hold) - 10_000 {
            return Next::Starved;
        }
        self.cover(first);
        match self.play {
            Some((wanted, _)) if self.micros(first - wanted) > MAX_GAP && self.due(now, first, hold) <= 0 => {
                self.take()
            }
            Some((wanted, _)) if wanted < first => {
                // One packet's length at a time, so that the last one can be had from its follower's FEC.
                let units = gap_piece(first - wanted, i64::from(head_duration(&self.packets)));
                self.play = Some((wanted + units, last));
                Next::Gap { units, lost: true }
            }
            _ => self.take(),
        }
    }

    /// The packet that follows a gap that ends where it begins.
    pub(crate) fn follower(&self) -> Option<&Held<T>> {
        let (wanted, _) = self.play?;
        self.packets.get(&wanted)
    }

    /// Something was made up for `micros` while starved.
    pub(crate) fn starved(&mut self, micros: i64) {
        self.starved += micros;
        // A pause: begin anew with whatever comes, as if it were the first.
        if self.starved > PAUSE && self.packets.is_empty() {
            self.play = None;
            self.starved = 0;
        }
    }

    /// By how much what sounds at `now` sounds too late (positive) or too early, in µs.
    pub(crate) fn error(&self, now: i64, hold: i64) -> i64 {
        match self.play {
            Some((wanted, _)) => now - self.micros(wanted) - self.wanted(hold),
            None => 0,
        }
    }

    /// From the arrival of the fastest packets to their playing at `now`, in µs.
    pub(crate) fn delay(&self, now: i64) -> Option<i64> {
        let (wanted, _) = self.play?;
        Some((now - self.micros(wanted) - self.delays.base()?).max(0))
    }

    /// The delay that the network asks for, in µs, as [`delay`](Self::delay) counts it.
    pub(crate) fn target(&self, hold: i64) -> i64 {
        let floor = if self.delays.is_young() { FIRST_TARGET } else { 0 };
        self.delays.spread().max(hold).max(floor).min(MAX_HELD * 2 / 3)
    }

    /// Is nothing waiting?
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Forget all packets and times; counts stay.
    pub(crate) fn clear(&mut self) {
        self.packets.clear();
        self.delays.clear();
        self.newest = None;
        self.play = None;
        self.starved = 0;
        self.seen = Seen::default();
    }

    /// We did not play for long, or begin late: what waits is so old that nobody wants all of it.
    fn catch_up(&mut self, now: i64, hold: i64) {
        let allowed = self.wanted(hold) + if self.play.is_some() { TOO_OLD } else { 0 };
        let late = |timestamp: i64| now - timestamp * 1_000_000 / self.rate >= allowed;
        let Some((&head, _)) = self.packets.first_key_value() else { return };
        if !late(head) {
            return;
        }
        // The newest that is due now begins; those before it go.
        let due = |timestamp: i64| now - timestamp * 1_000_000 / self.rate >= self.wanted(hold);
        let Some(start) = self.packets.keys().rev().copied().find(|timestamp| due(*timestamp)) else { return };
        let rest = self.packets.split_off(&start);
        self.overflowed += self.packets.len() as u64;
        self.packets = rest;
        if let Some((_, held)) = self.packets.first_key_value() {
            self.play = Some((held.timestamp, held.sequence.wrapping_sub(1)));
        }
    }

    fn take(&mut self) -> Next<T> {
        let Some((_, held)) = self.packets.pop_first() else { return Next::Starved };
        self.play = Some((held.timestamp + i64::from(held.duration), held.sequence));
        self.starved = 0;
        Next::Frame(held)
    }

    /// Being starved has already sounded for part of the way to `first`.
    fn cover(&mut self, first: i64) {
        if let Some((wanted, _)) = &mut self.play {
            let units = (self.starved * self.rate / 1_000_000).min(first - *wanted);
            *wanted += units;
            self.starved = 0;
        }
    }

    /// Arrival base plus target: what a played timestamp's distance from its sound should be.
    fn wanted(&self, hold: i64) -> i64 {
        self.delays.base().unwrap_or(0) + self.target(hold)
    }

    /// Timestamp units until `timestamp` should sound.
    fn due(&self, now: i64, timestamp: i64, hold: i64) -> i64 {
        (self.micros(timestamp) + self.wanted(hold) - now) * self.rate / 1_000_000
    }

    fn span(&self) -> i64 {
        match (self.packets.first_key_value(), self.packets.last_key_value()) {
            (Some((first, _)), Some((last, _))) => self.micros(last - first),
            _ => 0,
        }
    }

    fn micros(&self, units: i64) -> i64 {
        units * 1_000_000 / self.rate
    }
}

fn head_duration<T>(packets: &BTreeMap<i64, Held<T>>) -> u32 {
    packets.first_key_value().map_or(0, |(_, held)| held.duration)
}

/// How much of a gap to conceal in one go: whole packets, the odd rest first.
fn gap_piece(gap: i64, packet: i64) -> i64 {
    if packet <= 0 || gap <= packet {
        return gap;
    }
    match gap % packet {
        0 => packet,
        rest => rest,
    }
}

/// Which of the last 128 sequence numbers have come.
#[derive(Debug, Default)]
struct Seen {
    highest: u64,
    bits: u128,
}

impl Seen {
    fn again(&mut self, sequence: u64) -> bool {
        if sequence > self.highest {
            let step = sequence - self.highest;
            self.bits = if step < 128 { self.bits << step } else { 0 };
            self.bits |= 1;
            self.highest = sequence;
            return false;
        }
        let age = self.highest - sequence;
        if age >= 128 {
            // A source that began anew counts from below.
            if age > 30_000 {
                *self = Seen { highest: sequence, bits: 1 };
            }
            return false;
        }
        let bit = 1 << age;
        let again = self.bits & bit != 0;
        self.bits |= bit;
        again
    }
}

#[cfg(test)]
mod tests;
