//! Time that only tests move.

use std::time::{Duration, Instant};

/// A virtual clock. It stands still until [`Clock::advance_to`] moves it.
///
/// An [`Instant`] cannot be made out of nothing, so the origin is read once from the system; only differences to it
/// ever matter, so two runs are the same however far apart their origins are.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    now: Instant,
}

impl Clock {
    /// A clock at its origin.
    pub fn new() -> Self {
        let origin = Instant::now();
        Self { origin, now: origin }
    }

    /// The present.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time since the origin.
    pub fn elapsed(&self) -> Duration {
        self.now - self.origin
    }

    /// Time from the origin to `at`; zero when `at` lies before it.
    pub fn since_origin(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.origin)
    }

    /// Moves to `at`. Time never runs backwards: an earlier `at` changes nothing.
    pub fn advance_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
    }

    /// Moves on by `by`.
    pub fn advance(&mut self, by: Duration) {
        self.now += by;
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_only_forward_and_only_when_told() {
        let mut clock = Clock::new();
        let start = clock.now();
        clock.advance(Duration::from_millis(20));
        clock.advance_to(start);
        assert_eq!(clock.elapsed(), Duration::from_millis(20));
        assert_eq!(clock.since_origin(start + Duration::from_secs(1)), Duration::from_secs(1));
    }
}
