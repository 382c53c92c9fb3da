//! What packets' delays have been lately, exactly, and the delay that is worth waiting for.
//!
//! A longer delay saves packets that come late, a shorter one is a better conversation. Both have a price here: one
//! percent of all packets is worth so much delay ([`DelayPolicy::Worth`]). The target is the delay at which the sum is
//! lowest over everything in the window. So no kind of delay needs to be recognised: rare stalls of 300 ms would cost
//! more to wait for than they spoil and are left out, but where the same delays are usual, the target contains them.
//!
//! Every change of the delay is heard a little. So the target stays where it is until what it has cost since, compared
//! with the best one, exceeds the price of a change: a big difference moves it within packets, a small one in seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// Packets looked back on: 15 s at 20 ms.
const WINDOW: usize = 750;
/// Packets after which the window says something.
const YOUNG: usize = 25;
/// Packets until which it says too little of long delays: the target is extrapolated, by half at first.
const GROWN: usize = 150;
const EXTRAPOLATED: f64 = 0.5;
/// What a change of the delay costs, in packets.
const CHANGE: f64 = 1.0;
/// What it is worth to have a lost packet from its follower in place of making it up, in packets.
const RESTORED: f64 = 0.3;
/// So many packets in a row, all too late and alike within a packet's length, are no accident (nor a stall, after which
/// each packet comes a packet's length less late): the peer's clock is slower, or the way has become longer.
const SHIFTED: usize = 3;
/// A fixed delay may be off by this much, in µs.
const SLACK: i64 = 20_000;

/// How the jitter buffer chooses its delay; each trades delay for quality.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum DelayPolicy {
    /// Having one more percent of the packets in time is worth so much longer a delay: 23 ms by default, 1 ms to 1 s.
    /// More is a calmer voice on bad networks, less a quicker conversation.
    Worth(Duration),
    /// So many of the packets of the last seconds, 0 to 1, would have been in time: the classic rule, for comparison.
    Share(f64),
    /// Always this much behind the fastest packets, as a recorder may want.
    Fixed(Duration),
}

impl Default for DelayPolicy {
    fn default() -> Self {
        DelayPolicy::Worth(Duration::from_millis(23))
    }
}

#[derive(Debug)]
pub(super) struct Delays {
    pub(super) policy: DelayPolicy,
    /// Arrival less timestamp, in µs, in the order of arrival …
    window: VecDeque<i64>,
    /// … and of size.
    sorted: Vec<i64>,
    best: i64,
    /// What `best` has cost more than the best would have since it was chosen, in packets.
    regret: f64,
}

impl Delays {
    pub(super) fn new() -> Delays {
        Delays {
            policy: DelayPolicy::default(),
            window: VecDeque::with_capacity(WINDOW),
            sorted: Vec::with_capacity(WINDOW),
            best: 0,
            regret: 0.0,
        }
    }

    /// Take the delay of a packet, in µs. `restorable` is the share of packets, 0 to 1, that are lost and come again
    /// with their follower, which is sent `follower` µs later.
    pub(super) fn add(&mut self, delay: i64, restorable: f64, follower: i64) {
        self.take_in(delay);
        let base = self.sorted.first().copied().unwrap_or(delay);
        self.best = match self.policy {
            DelayPolicy::Worth(percent) => {
                let percent = percent.clamp(Duration::from_millis(1), Duration::from_secs(1));
                let price = 0.01 / percent.as_micros() as f64;
                self.cheapest(price, restorable * RESTORED, follower)
            }
            DelayPolicy::Share(share) => {
                let rank = (self.sorted.len() as f64 * share.clamp(0.0, 1.0)) as usize;
                self.sorted.get(rank).or(self.sorted.last()).copied().unwrap_or(delay)
            }
            DelayPolicy::Fixed(fixed) => {
                let wanted = base + i64::try_from(fixed.as_micros()).unwrap_or(i64::MAX / 2);
                if self.window.len() > 1 && (self.best - wanted).abs() <= SLACK { self.best } else { wanted }
            }
        };
    }

    /// The oldest goes, the newest comes; what lies between their places in the order moves by one.
    fn take_in(&mut self, delay: i64) {
        let place = |sorted: &[i64], delay: i64| sorted.partition_point(|other| *other < delay);
        let to = place(&self.sorted, delay);
        let oldest = if self.window.len() == WINDOW { self.window.pop_front() } else { None };
        self.window.push_back(delay);
        let Some(oldest) = oldest else { return self.sorted.insert(to, delay) };
        let from = place(&self.sorted, oldest);
        let to = if from < to {
            self.sorted.copy_within(from + 1..to, from);
            to - 1
        } else {
            self.sorted.copy_within(to..from, to + 1);
            to
        };
        self.sorted[to] = delay;
    }

    /// The delay to aim at when a µs costs `price`, and being late a packet.
    fn cheapest(&mut self, price: f64, restorable: f64, follower: i64) -> i64 {
        let sorted = &self.sorted;
        let count = sorted.len();
        let base = sorted.first().copied().unwrap_or(0);
        let late = |delay: i64| (count - sorted.partition_point(|other| *other <= delay)) as f64 / count as f64;
        let cost = |delay: i64, late: f64, follower_late: f64| {
            (delay - base) as f64 * price + late + restorable * follower_late
        };
        let restored = |delay: i64| if restorable > 0.0 { late(delay - follower) } else { 0.0 };
        let cost_of = |delay: i64| cost(delay, late(delay), restored(delay));
        let (mut lowest, mut best) = (f64::MAX, base);
        let present = cost_of(self.best);
        // The best costs no more than to wait for all, nor than now: delays that make more packets late are not it.
        let all = cost(sorted.last().copied().unwrap_or(base), 0.0, 0.0);
        let bound = if self.best >= base { all.min(present) } else { all };
        let dear = if restorable > 0.0 { 0 } else { (count as f64 * (1.0 - bound)) as usize };
        let mut n = dear.saturating_sub(2);
        while let Some(delay) = sorted.get(n) {
            if (delay - base) as f64 * price >= lowest {
                break;
            }
            n += 1;
            if sorted.get(n) == Some(delay) {
                continue;
            }
            let sum =
                if restorable > 0.0 { cost_of(*delay) } else { cost(*delay, (count - n) as f64 / count as f64, 0.0) };
            if sum < lowest {
                (lowest, best) = (sum, *delay);
            }
            if restorable > 0.0 && cost_of(delay + follower) < lowest {
                (lowest, best) = (cost_of(delay + follower), delay + follower);
            }
        }
        if count < GROWN {
            best += ((best - base) as f64 * EXTRAPOLATED * (1.0 - count as f64 / GROWN as f64)) as i64;
            if count == 1 || best > self.best {
                self.regret = 0.0;
                return best;
            }
        }
        let recent = || self.window.iter().rev().take(SHIFTED).copied();
        let (least, most) = (recent().min().unwrap_or(base), recent().max().unwrap_or(base));
        if least > self.best && most - least < follower {
            self.regret = 0.0;
            return most;
        }
        let excess = present - lowest;
        self.regret = if excess > 0.0 { self.regret + excess } else { 0.0 };
        if self.regret <= CHANGE {
            return self.best;
        }
        self.regret = 0.0;
        best
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.sorted.clear();
    }

    /// The delay of the fastest packet, on a scale of its own; `None` before the first.
    pub(super) fn base(&self) -> Option<i64> {
        self.sorted.first().copied()
    }

    /// The delay worth waiting for, on the same scale.
    pub(super) fn best(&self) -> i64 {
        self.best
    }

    pub(super) fn is_young(&self) -> bool {
        self.window.len() < YOUNG
    }
}
