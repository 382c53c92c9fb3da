//! The jitter buffer: puts packets in order, holds them as long as the network's unsteadiness asks, and says what is
//! lost.
//!
//! ```text
//!   insert ──▶ in order ──▶ next(): Frame | Stale | Gap (lost or silent) | Starved
//!     │                       ▲
//!     └─▶ Delays ─▶ target ─▶ error(): plays too early or too late, in µs
//! ```
//!
//! It knows no codec and makes no sound: positions are extended RTP timestamps, and times are those of the *playout
//! clock*, the microseconds of voice asked for so far. A packet's delay is where that clock stands when it comes, less
//! its timestamp: it contains the network, the sender's clock against ours, and the steps in which the device asks.
//! So the delay that suffices is exactly one that was measured, whatever these are.
//!
//! Playing goes on while nothing comes: what is missing is made up and [passed](Jitter::pass), and a packet that comes
//! too late still gives what is left of it, or at least feeds the decoder ([`Next::Stale`]). Time stands still only
//! while the delay is shorter than wanted. The caller changes the delay, by [`Jitter::error`], where it is heard
//! least, and then simply asks for what comes next at another time.

mod delays;

use crate::codec;
use std::collections::VecDeque;

pub use delays::DelayPolicy;
use delays::Delays;

/// No more than this waits, in µs: beyond it the oldest packets go.
const MAX_HELD: i64 = 1_500_000;
/// Nor more packets than this: 1.5 s at 10 ms, twice over.
const MAX_PACKETS: usize = 300;
/// A step in the sender's timestamps against our clock that no network makes, in µs.
const MAX_STEP: i64 = 3_000_000;
/// The delay of the first half second, in µs: nothing is known of the network yet.
const FIRST_TARGET: i64 = 40_000;
/// Voice that is this much too late, in µs, is not worth catching up with by stretching.
const TOO_OLD: i64 = 500_000;
/// Nothing has come for so long, in µs, that the sender is thought to pause.
const PAUSE: i64 = 1_000_000;
/// Packets have only come too late for so long, in µs: no stall but another clock or way, and playing begins anew.
const ASTRAY: i64 = 100_000;

/// The weight of one packet in the share of restorable ones: 4 s at 20 ms.
const RESTORABLE: f64 = 0.005;

/// A packet that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held<T> {
    pub(crate) timestamp: i64,
    pub(crate) sequence: u64,
    /// In timestamp units.
    pub(crate) duration: u32,
    pub(crate) content: T,
}

impl<T> Held<T> {
    fn end(&self) -> i64 {
        self.timestamp + i64::from(self.duration)
    }
}

/// What became of an inserted packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    InTime,
    /// Its turn is over.
    Late,
    Duplicate,
    /// The sender's clock has jumped; all that waited is gone.
    Reset,
}

/// What to play next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// This, but for so many timestamp units at its start whose turn is over.
    Frame(Held<T>, i64),
    /// This packet's turn is over, but the decoder should know it.
    Stale(Held<T>),
    /// A stretch without packets, in timestamp units, before the next packet. `lost`, or silent by the sender's will.
    Gap { units: i64, lost: bool },
    /// Nothing is there.
    Starved,
}

#[derive(Debug)]
pub(crate) struct Jitter<T> {
    rate: u32,
    /// By timestamp.
    packets: VecDeque<Held<T>>,
    delays: Delays,
    /// The share of packets, 0 to 1, that were lost and came again with their follower.
    restorable: f64,
    after_loss: bool,
    /// Extended timestamp of the newest packet.
    newest: Option<i64>,
    play: Option<Play>,
    /// Since when all packets have been too late.
    astray: Option<i64>,
    seen: Seen,
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    pub(crate) resets: u64,
    /// Packets thrown away because too many waited.
    pub(crate) overflowed: u64,
}

/// Where playing stands.
#[derive(Debug, Clone, Copy)]
struct Play {
    /// The timestamp to be played next.
    wanted: i64,
    /// The sequence number after the highest played.
    follower: u64,
    /// Where the last packet played ended: from there to `wanted` everything was made up.
    known: i64,
    /// When the last packet was played.
    since: i64,
}

impl<T> Jitter<T> {
    /// For timestamps that count `rate` per second.
    pub(crate) fn new(rate: u32) -> Jitter<T> {
        Jitter {
            rate: rate.max(1),
            packets: VecDeque::with_capacity(MAX_PACKETS + 1),
            delays: Delays::new(),
            restorable: 0.0,
            after_loss: false,
            newest: None,
            play: None,
            astray: None,
            seen: Seen::default(),
            late: 0,
            duplicates: 0,
            resets: 0,
            overflowed: 0,
        }
    }

    /// Take a packet that came at `now`. What is given back with the outcome is of no use.
    pub(crate) fn insert(
        &mut self,
        now: i64,
        sequence: u64,
        timestamp: u32,
        duration: u32,
        content: T,
    ) -> (Inserted, Option<T>) {
        if self.seen.again(sequence) {
            self.duplicates += 1;
            return (Inserted::Duplicate, Some(content));
        }
        let extended = match self.newest {
            Some(newest) => newest + i64::from(timestamp.wrapping_sub(newest as u32) as i32),
            None => i64::from(timestamp),
        };
        let delay = now - self.micros(extended);
        let step = self.delays.base().map_or(0, |base| (delay - base).abs());
        let mut outcome = Inserted::InTime;
        if step > MAX_STEP || self.goes_astray(now, extended + i64::from(duration)) {
            self.clear();
            self.resets += 1;
            outcome = Inserted::Reset;
        }
        self.delays.add(delay, self.restorable, self.micros(i64::from(duration)));
        self.newest = Some(self.newest.map_or(extended, |newest| newest.max(extended)));
        if let Some(play) = self.play
            && extended + i64::from(duration) <= play.wanted
        {
            self.late += 1;
            // Only what was made up last is still worth knowing better.
            if extended < play.known {
                return (Inserted::Late, Some(content));
            }
            outcome = Inserted::Late;
        }
        let place = self.packets.iter().rposition(|held| held.timestamp < extended).map_or(0, |before| before + 1);
        self.packets.insert(place, Held { timestamp: extended, sequence, duration, content });
        let mut overflow = None;
        while self.packets.len() > MAX_PACKETS || self.span() > MAX_HELD {
            overflow = self.packets.pop_front().map(|held| held.content);
            self.overflowed += 1;
        }
        (outcome, overflow)
    }

    /// How the delay is chosen from now on.
    pub(crate) fn set_policy(&mut self, policy: DelayPolicy) {
        self.delays.policy = policy;
    }

    pub(crate) fn policy(&self) -> DelayPolicy {
        self.delays.policy
    }

    /// Was the packet before the one played last lost?
    pub(crate) fn is_after_loss(&self) -> bool {
        self.after_loss
    }

    /// The packet before the one played last was lost, and the latter has it once more (FEC).
    pub(crate) fn was_restorable(&mut self) {
        self.restorable += RESTORABLE;
    }

    /// What to play at `now`, and move on by it, but for gaps, which are [passed](Self::pass) in pieces.
    pub(crate) fn next(&mut self, now: i64) -> Next<T> {
        self.catch_up(now);
        let Some(head) = self.packets.front() else {
            // A pause: begin anew with whatever comes, as if it were the first.
            if self.play.is_some_and(|play| now - play.since > PAUSE) {
                self.play = None;
            }
            return Next::Starved;
        };
        // The first of all waits until its delay is as wanted.
        let Some(play) = self.play else { return Next::Starved };
        if head.timestamp > play.wanted {
            return Next::Gap { units: head.timestamp - play.wanted, lost: head.sequence != play.follower };
        }
        self.take(now)
    }

    /// The packet that ends a gap.
    pub(crate) fn follower(&self) -> Option<&Held<T>> {
        self.packets.front()
    }

    /// The next `units` have been made up, or left out.
    pub(crate) fn pass(&mut self, units: i64) {
        if let Some(play) = &mut self.play {
            play.wanted += units;
        }
    }

    /// The timestamp that is played next, and where what was made up before it begins.
    pub(crate) fn position(&self) -> Option<(i64, i64)> {
        self.play.map(|play| (play.wanted, play.known))
    }

    /// By how much what sounds at `now` sounds too late (positive) or too early, in µs.
    pub(crate) fn error(&self, now: i64) -> i64 {
        self.play.map_or(0, |play| now - self.micros(play.wanted) - self.wanted())
    }

    /// From the arrival of the fastest packets to their playing at `now`, in µs.
    pub(crate) fn delay(&self, now: i64) -> Option<i64> {
        let wanted = self.play?.wanted;
        Some((now - self.micros(wanted) - self.delays.base()?).max(0))
    }

    /// The delay that the network asks for, in µs, as [`delay`](Self::delay) counts it.
    pub(crate) fn target(&self) -> i64 {
        let floor = if self.delays.is_young() { FIRST_TARGET } else { 0 };
        (self.delays.best() - self.delays.base().unwrap_or(0)).max(floor).min(MAX_HELD * 2 / 3)
    }

    /// Forget all packets and times; counts stay.
    pub(crate) fn clear(&mut self) {
        self.packets.clear();
        self.delays.clear();
        self.newest = None;
        self.play = None;
        self.astray = None;
        self.seen = Seen::default();
    }

    /// Has nothing come in time for so long that it never will? `end` is where the packet ends that came at `now`.
    fn goes_astray(&mut self, now: i64, end: i64) -> bool {
        if self.play.is_none_or(|play| end > play.wanted) {
            self.astray = None;
            return false;
        }
        now - *self.astray.get_or_insert(now) >= ASTRAY
    }

    /// We begin, or did not play for long: of what waits, the newest that is due now is next.
    fn catch_up(&mut self, now: i64) {
        let allowed = self.wanted() + if self.play.is_some() { TOO_OLD } else { 0 };
        let rate = self.rate;
        let delay = |held: &Held<T>| now - codec::micros(held.timestamp, rate);
        if self.packets.front().is_none_or(|head| delay(head) < allowed) {
            return;
        }
        let due = self.packets.iter().rposition(|held| delay(held) >= self.wanted()).unwrap_or(0);
        self.packets.drain(..due);
        self.overflowed += due as u64;
        if let Some(held) = self.packets.front() {
            // It may have been due within the last packet's length.
            let over = (delay(held) - self.wanted()) * i64::from(self.rate) / 1_000_000;
            let wanted = held.timestamp + over.clamp(0, i64::from(held.duration) - 1);
            self.play = Some(Play { wanted, follower: held.sequence, known: held.timestamp, since: now });
        }
    }

    fn take(&mut self, now: i64) -> Next<T> {
        let (Some(held), Some(play)) = (self.packets.pop_front(), &mut self.play) else { return Next::Starved };
        self.after_loss = held.sequence > play.follower;
        (play.follower, play.known) = (play.follower.max(held.sequence + 1), held.end());
        if held.end() <= play.wanted {
            return Next::Stale(held);
        }
        let over = play.wanted - held.timestamp;
        self.restorable *= 1.0 - RESTORABLE;
        (play.wanted, play.since) = (held.end(), now);
        Next::Frame(held, over)
    }

    /// Arrival base plus target: what a played timestamp's distance from its sound should be.
    fn wanted(&self) -> i64 {
        self.delays.base().unwrap_or(0) + self.target()
    }

    fn span(&self) -> i64 {
        match (self.packets.front(), self.packets.back()) {
            (Some(first), Some(last)) => self.micros(last.timestamp - first.timestamp),
            _ => 0,
        }
    }

    fn micros(&self, units: i64) -> i64 {
        codec::micros(units, self.rate)
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
