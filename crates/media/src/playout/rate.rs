//! How many samples make what.

use crate::codec::{self, RATE};
use crate::config::Codec;
use crate::stretch::Lengths;

/// Samples per second, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) hertz: u32,
    pub(super) lengths: Lengths,
}

impl Rate {
    pub(super) fn new(hertz: u32) -> Rate {
        Rate { hertz, lengths: Lengths::new(hertz) }
    }

    /// What is made up at once while nothing comes: 10 ms.
    pub(super) fn step(self) -> usize {
        self.hertz as usize / 100
    }

    pub(super) fn fade(self) -> usize {
        self.hertz as usize / 200
    }

    /// The longest frame.
    pub(super) fn longest(self) -> usize {
        codec::MAX_FRAME / (RATE / self.hertz) as usize
    }

    /// Rounded up to what a decoder can make up: whole 2.5 ms.
    pub(super) fn whole(self, samples: usize) -> usize {
        samples.next_multiple_of(self.hertz as usize / 400).min(self.longest())
    }

    /// So many at 48 kHz.
    pub(super) fn full(self, samples: usize) -> u64 {
        samples as u64 * u64::from(RATE / self.hertz)
    }

    /// Of so many timestamp units.
    pub(super) fn samples_of(self, units: i64, codec: Codec) -> usize {
        usize::try_from(units * i64::from(self.hertz) / i64::from(codec.clock_rate())).unwrap_or(0)
    }

    pub(super) fn units(self, samples: i64, codec: Codec) -> i64 {
        samples * i64::from(codec.clock_rate()) / i64::from(self.hertz)
    }

    pub(super) fn micros(self, samples: i64) -> i64 {
        codec::micros(samples, self.hertz)
    }

    pub(super) fn samples(self, micros: i64) -> usize {
        usize::try_from(micros * i64::from(self.hertz) / 1_000_000).unwrap_or(0)
    }
}
