//! One direction of a network path: delay, jitter, loss, duplication, reordering and rate, all out of one seed.
//!
//! Sans-IO: [`Link::send`] puts an item in, [`Link::poll`] takes out what has arrived by `now`, and
//! [`Link::poll_timeout`] says when the next one arrives. The item is whatever the caller likes; only its size on the
//! wire matters here.
//!
//! ```text
//! send ──► rate (a queue of bounded depth) ──► loss ──► delay + jitter ──► reorder? ──► duplicate? ──► poll
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

#[cfg(test)]
mod tests;

/// What a link does to packets. [`LinkConfig::default`] is a perfect wire.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// Time every packet needs.
    pub delay: Duration,
    /// Up to this much is added to `delay`, evenly distributed. Jitter alone never lets a packet overtake another.
    pub jitter: Duration,
    /// Which datagrams get lost.
    pub loss: Loss,
    /// Probability (0 to 1) that a datagram arrives twice.
    pub duplicate: f64,
    /// Probability (0 to 1) that a datagram is held back by `reorder_by`, so that later ones overtake it.
    pub reorder: f64,
    /// How long a reordered datagram is held back.
    pub reorder_by: Duration,
    /// Bits per second; `None` is unlimited.
    pub rate: Option<u64>,
    /// With a `rate`: a datagram that would wait longer than this for its turn is dropped (tail drop).
    pub queue: Duration,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::None,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_by: Duration::from_millis(30),
            rate: None,
            queue: Duration::from_millis(200),
        }
    }
}

impl LinkConfig {
    /// A wire that only takes time.
    pub fn delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// A cut wire: nothing arrives.
    pub fn down() -> Self {
        Self { loss: Loss::Random(1.0), ..Self::default() }
    }

    /// The same with `jitter`.
    #[must_use]
    pub fn jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// The same with `loss`.
    #[must_use]
    pub fn loss(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    /// The same, duplicating with `probability`.
    #[must_use]
    pub fn duplicate(self, probability: f64) -> Self {
        Self { duplicate: probability, ..self }
    }

    /// The same, holding back a datagram by `by` with `probability`.
    #[must_use]
    pub fn reorder(self, probability: f64, by: Duration) -> Self {
        Self { reorder: probability, reorder_by: by, ..self }
    }

    /// The same with at most `bits_per_second` and a queue of at most `queue`.
    #[must_use]
    pub fn rate(self, bits_per_second: u64, queue: Duration) -> Self {
        Self { rate: Some(bits_per_second.max(1)), queue, ..self }
    }
}

/// Which datagrams get lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// None.
    None,
    /// Each with this probability (0 to 1), independent of the others.
    Random(f64),
    /// Bursts: two states, good and bad, with a loss probability each (Gilbert 1960, Elliott 1963). Mean time in the
    /// bad state is `1 / leave_bad` packets, the share of bad time `enter_bad / (enter_bad + leave_bad)`.
    GilbertElliott {
        /// Probability, per packet, of going from good to bad.
        enter_bad: f64,
        /// Probability, per packet, of going from bad to good.
        leave_bad: f64,
        /// Loss probability while good.
        good: f64,
        /// Loss probability while bad.
        bad: f64,
    },
}

impl Loss {
    /// Bursts of `mean_burst` (at least 1) lost packets in a row, `share` (0 to 1) of all packets lost.
    pub fn bursts(share: f64, mean_burst: f64) -> Self {
        let leave_bad = 1.0 / mean_burst.max(1.0);
        let enter_bad = leave_bad * share / (1.0 - share).max(f64::EPSILON);
        Self::GilbertElliott { enter_bad: enter_bad.min(1.0), leave_bad, good: 0.0, bad: 1.0 }
    }
}

/// What a link has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets put in.
    pub sent: u64,
    /// Packets taken out, copies included.
    pub delivered: u64,
    /// Packets that the loss model took.
    pub lost: u64,
    /// Packets that found the queue full.
    pub overflowed: u64,
    /// Packets that arrived twice.
    pub duplicated: u64,
    /// Packets held back so that later ones overtook them.
    pub reordered: u64,
}

/// What became of a packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives then (the first copy, if there are two).
    Arrives(Instant),
    /// It never arrives.
    Lost,
}

/// One direction of a path.
#[derive(Debug)]
pub struct Link<T> {
    config: LinkConfig,
    rng: ChaCha8Rng,
    bad: bool,
    /// When the sender's line is free again.
    line_free: Option<Instant>,
    /// Arrival of the latest packet that keeps its place in the row.
    in_order: Option<Instant>,
    flying: BTreeMap<(Instant, u64), T>,
    next_number: u64,
    stats: LinkStats,
}

impl<T: Clone> Link<T> {
    /// A link with its own stream of random numbers.
    pub fn new(config: LinkConfig, seed: [u8; 32]) -> Self {
        Self {
            config,
            rng: ChaCha8Rng::from_seed(seed),
            bad: false,
            line_free: None,
            in_order: None,
            flying: BTreeMap::new(),
            next_number: 0,
            stats: LinkStats::default(),
        }
    }

    /// Changes the conditions for what is sent from now on; what flies already is not touched.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// Sends a datagram of `size` bytes on the wire.
    pub fn send(&mut self, now: Instant, size: usize, item: T) -> Fate {
        // The same numbers are drawn whatever the configuration, so changing one property does not reshuffle the rest.
        let [loss, state, jitter, duplicate, reorder] = std::array::from_fn(|_| self.chance());
        self.stats.sent += 1;
        let Some(departs) = self.queue(now, size, true) else {
            self.stats.overflowed += 1;
            return Fate::Lost;
        };
        if loss < self.loss_probability(state) {
            self.stats.lost += 1;
            return Fate::Lost;
        }
        let mut arrives = self.in_turn(departs, jitter);
        if reorder < self.config.reorder {
            self.stats.reordered += 1;
            arrives += self.config.reorder_by;
        } else {
            self.in_order = Some(arrives);
        }
        if duplicate < self.config.duplicate {
            self.stats.duplicated += 1;
            self.fly(arrives, item.clone());
        }
        self.fly(arrives, item);
        Fate::Arrives(arrives)
    }

    /// Sends a chunk of a connection: delayed and queued like the rest, but never lost, doubled or overtaken.
    pub fn send_reliable(&mut self, now: Instant, size: usize, item: T) -> Instant {
        let jitter = self.chance();
        self.stats.sent += 1;
        let departs = self.queue(now, size, false).unwrap_or(now);
        let arrives = self.in_turn(departs, jitter);
        self.in_order = Some(arrives);
        self.fly(arrives, item);
        arrives
    }

    /// Takes out the next item that has arrived by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<T> {
        let entry = self.flying.first_entry().filter(|entry| entry.key().0 <= now)?;
        self.stats.delivered += 1;
        Some(entry.remove())
    }

    /// When the next item arrives.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flying.first_key_value().map(|(key, _)| key.0)
    }

    /// What the link has done so far.
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    /// When the last bit has left the sender; `None` when the queue is full.
    fn queue(&mut self, now: Instant, size: usize, droppable: bool) -> Option<Instant> {
        let Some(rate) = self.config.rate else { return Some(now) };
        let starts = self.line_free.unwrap_or(now).max(now);
        if droppable && starts - now > self.config.queue {
            return None;
        }
        let bits = (size as u64).saturating_mul(8);
        let departs = starts + Duration::from_nanos(bits.saturating_mul(1_000_000_000) / rate);
        self.line_free = Some(departs);
        Some(departs)
    }

    fn loss_probability(&mut self, state: f64) -> f64 {
        match self.config.loss {
            Loss::None => 0.0,
            Loss::Random(probability) => probability,
            Loss::GilbertElliott { enter_bad, leave_bad, good, bad } => {
                self.bad = if self.bad { state >= leave_bad } else { state < enter_bad };
                if self.bad { bad } else { good }
            }
        }
    }

    fn in_turn(&self, departs: Instant, jitter: f64) -> Instant {
        let arrives = departs + self.config.delay + self.config.jitter.mul_f64(jitter);
        self.in_order.map_or(arrives, |earlier| arrives.max(earlier))
    }

    fn fly(&mut self, arrives: Instant, item: T) {
        self.flying.insert((arrives, self.next_number), item);
        self.next_number += 1;
    }

    /// An even number in [0, 1).
    fn chance(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
