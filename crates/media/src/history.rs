//! How a call went, second by second.

use std::collections::VecDeque;

/// One step of a [`History`]: of one second, or of several in a long call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Second {
    /// RTP packets sent.
    pub sent: u32,
    /// RTP packets received.
    pub received: u32,
    /// Packets that the network lost.
    pub lost: u32,
    /// Packets that came too late to be played.
    pub late: u32,
    /// Milliseconds of voice that were made up.
    pub concealed: u32,
    /// Interarrival jitter at the end of it, in milliseconds.
    pub jitter: f32,
    /// What the jitter buffer added at the end of it, in milliseconds.
    pub delay: f32,
    /// The network's round trip, in milliseconds; 0 while unknown.
    pub round_trip: f32,
    /// Estimated quality of this time alone, 1 to 4.5 (ITU-T G.107); 0 when nothing was received.
    pub mos: f32,
}

/// Steps kept: four hours of single seconds, half a megabyte. From there on two steps become one of twice the length,
/// so that the whole call is always there.
pub const MAX_STEPS: usize = 14_400;

/// All seconds of a call, coarser when it is long.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    steps: VecDeque<Second>,
    /// Log2 of the seconds in a step.
    doubled: u32,
    /// What does not make a step yet, and its seconds.
    open: Second,
    seconds: u32,
}

impl History {
    /// Add the newest second.
    pub fn push(&mut self, second: Second) {
        self.open = if self.seconds == 0 { second } else { self.open.with(&second) };
        self.seconds += 1;
        if self.seconds < self.step() {
            return;
        }
        if self.steps.len() == MAX_STEPS {
            self.steps = (0..MAX_STEPS / 2).map(|pair| self.steps[2 * pair].with(&self.steps[2 * pair + 1])).collect();
            self.doubled += 1;
            return;
        }
        self.steps.push_back(self.open);
        self.seconds = 0;
    }

    /// Seconds in each step: 1 for the first four hours, then 2, 4 …
    pub fn step(&self) -> u32 {
        1 << self.doubled.min(31)
    }

    /// The steps from the call's beginning on; what does not make a step yet is left out.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Second> {
        self.steps.iter()
    }
}

impl Second {
    /// Both together.
    fn with(&self, next: &Second) -> Second {
        let mos = match (self.mos > 0.0, next.mos > 0.0) {
            (true, true) => f32::midpoint(self.mos, next.mos),
            (false, _) => next.mos,
            (true, false) => self.mos,
        };
        Second {
            sent: self.sent.saturating_add(next.sent),
            received: self.received.saturating_add(next.received),
            lost: self.lost.saturating_add(next.lost),
            late: self.late.saturating_add(next.late),
            concealed: self.concealed.saturating_add(next.concealed),
            jitter: self.jitter.max(next.jitter),
            delay: self.delay.max(next.delay),
            round_trip: self.round_trip.max(next.round_trip),
            mos,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_call_is_kept_whole_and_bounded() {
        let mut history = History::default();
        for second in 0..100_000u32 {
            history.push(Second { received: 50, lost: second % 2, jitter: second as f32, ..Second::default() });
            assert!(history.steps().len() <= MAX_STEPS);
        }
        assert_eq!((history.step(), history.steps().len()), (8, 12_500));
        assert_eq!(history.steps().map(|step| u64::from(step.received)).sum::<u64>(), 5_000_000);
        assert!(history.steps().all(|step| step.lost == 4 && step.received == 400));
        assert!(
            history.steps().zip(history.steps().skip(1)).all(|(before, after)| after.jitter == before.jitter + 8.0)
        );
    }

    #[test]
    fn the_first_hours_are_single_seconds() {
        let mut history = History::default();
        (0..MAX_STEPS).for_each(|second| history.push(Second { sent: second as u32, ..Second::default() }));
        assert_eq!((history.step(), history.steps().len()), (1, MAX_STEPS));
        history.push(Second::default());
        assert_eq!((history.step(), history.steps().len()), (2, MAX_STEPS / 2));
    }
}
