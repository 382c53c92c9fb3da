//! How late packets have been lately, compared with the fastest of them.

use std::collections::VecDeque;

/// Packets looked back on: 10 s at 20 ms.
const WINDOW: usize = 500;
/// The share of packets that should be in time, in thousandths.
const QUANTILE: usize = 985;
/// Packets after which the window says something.
const YOUNG: usize = 25;
/// The resolution and the margin, in µs: the device asks in steps.
const MARGIN: i64 = 5_000;

#[derive(Debug)]
pub(super) struct Delays {
    /// Arrival less timestamp, in µs.
    window: VecDeque<i64>,
    scratch: Vec<i64>,
    base: i64,
    spread: i64,
}

impl Delays {
    pub(super) fn new() -> Delays {
        Delays { window: VecDeque::with_capacity(WINDOW), scratch: Vec::with_capacity(WINDOW), base: 0, spread: 0 }
    }

    pub(super) fn add(&mut self, delay: i64) {
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(delay);
        self.scratch.clear();
        self.scratch.extend(&self.window);
        self.base = self.scratch.iter().copied().min().unwrap_or(delay);
        let rank = (self.scratch.len() * QUANTILE / 1_000).min(self.scratch.len() - 1);
        let (_, quantile, _) = self.scratch.select_nth_unstable(rank);
        self.spread = *quantile - self.base + MARGIN;
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.spread = 0;
    }

    /// The delay of the fastest packet, on a scale of its own; `None` before the first.
    pub(super) fn base(&self) -> Option<i64> {
        (!self.window.is_empty()).then_some(self.base)
    }

    /// How much longer than the fastest all but the slowest took, in µs, with a margin.
    pub(super) fn spread(&self) -> i64 {
        self.spread
    }

    pub(super) fn is_young(&self) -> bool {
        self.window.len() < YOUNG
    }
}
