//! How much work encoding may be: less of it when the media thread can hardly keep up, more again when it has long been at
//! ease.

use std::time::Duration;

use crate::codec::COMPLEXITY;

/// Complexities of the encoder; each takes about two thirds of the time of the one before (`./dev bench opus`).
const STEPS: [u8; 4] = [COMPLEXITY, 5, 2, 0];
/// The share of time that ticks take is looked at over this much sound.
const WINDOW: Duration = Duration::from_secs(1);
/// From here on the next step is taken at once. A tick that is late by its own length is heard as a gap.
const BUSY: f64 = 0.7;
/// Below this for so many windows in a row a step is taken back: what it costs then stays far below `BUSY`.
const AT_EASE: f64 = 0.35;
const PATIENCE: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Governor {
    step: usize,
    spent: Duration,
    made: Duration,
    at_ease: u32,
}

impl Governor {
    /// The complexity of now.
    pub(super) fn complexity(&self) -> u8 {
        STEPS[self.step]
    }

    /// Making so much sound took so long. True when the complexity has changed.
    pub(super) fn note(&mut self, made: Duration, spent: Duration) -> bool {
        self.made += made;
        self.spent += spent;
        if self.made < WINDOW {
            return false;
        }
        let share = self.spent.as_secs_f64() / self.made.as_secs_f64();
        (self.made, self.spent) = (Duration::ZERO, Duration::ZERO);
        self.at_ease = if share < AT_EASE { self.at_ease + 1 } else { 0 };
        let before = self.step;
        if share > BUSY {
            self.step = (self.step + 1).min(STEPS.len() - 1);
        } else if self.at_ease >= PATIENCE {
            self.step = self.step.saturating_sub(1);
            self.at_ease = 0;
        }
        self.step != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread with so much to do: at complexity 9 it would take `load` of the time.
    fn run(governor: &mut Governor, seconds: u32, load: f64) -> Vec<u8> {
        let mut seen = vec![governor.complexity()];
        for _ in 0..seconds * 200 {
            let share = load * 0.66_f64.powi(governor.step as i32);
            if governor.note(Duration::from_millis(5), Duration::from_secs_f64(0.005 * share)) {
                seen.push(governor.complexity());
            }
        }
        seen
    }

    #[test]
    fn it_does_less_at_once_and_more_after_a_while() {
        let mut governor = Governor::default();
        assert_eq!(run(&mut governor, 60, 0.6), [9], "that is enough for everything");
        assert_eq!(run(&mut governor, 60, 0.9), [9, 5], "and does not swing back");
        assert_eq!(run(&mut governor, 4, 3.0), [5, 2, 0], "a second each");
        assert_eq!(run(&mut governor, 9, 0.1), [0]);
        assert_eq!(run(&mut governor, 31, 0.1), [0, 2, 5, 9]);
    }

    #[test]
    fn whatever_the_load_it_comes_to_rest() {
        for load in (1..40).map(|tenth| f64::from(tenth) * 0.1) {
            let mut governor = Governor::default();
            run(&mut governor, 120, load);
            assert!(run(&mut governor, 120, load).len() <= 1, "load {load}");
        }
    }
}
