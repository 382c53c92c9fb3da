//! Is a device alive? By its own word, and by whether sound moves.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::device::Line;

/// A speaker that asks for nothing for this long does not pace the calls until it asks again.
const STALLED: Duration = Duration::from_millis(200);
/// A device that asks for nothing for this long is lost.
const DEAD: Duration = Duration::from_secs(3);
/// So is one that gives errors and no sound for this long.
const FAILING: Duration = Duration::from_secs(1);

/// Of one line.
#[derive(Debug, Default)]
pub(super) struct Health {
    playout: Pulse,
    capture: Pulse,
}

impl Health {
    /// Why the device has ended, if it has.
    pub(super) fn end(&mut self, now: Instant, line: &Line) -> Option<String> {
        let shared = &line.shared;
        if line.is_lost() {
            return Some(line.loss_reason().to_owned());
        }
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let playout = self.playout.still(now, load(&shared.pulled), load(&shared.playout_errors));
        let capture = self.capture.still(now, load(&shared.pushed), load(&shared.capture_errors));
        let fails = |(still, errors): (Duration, bool)| errors && still > FAILING;
        if fails(playout) || fails(capture) {
            return Some(line.loss_reason().to_owned());
        }
        (playout.0 > DEAD).then(|| "it has stopped asking for sound".to_owned())
    }

    /// Has the speaker been stuck since before the last look?
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        self.playout.moved.is_some_and(|moved| now.saturating_duration_since(moved) > STALLED)
    }
}

/// Does sound move on one side?
#[derive(Debug, Default)]
struct Pulse {
    samples: u64,
    moved: Option<Instant>,
    /// Errors when it last moved.
    errors: u64,
}

impl Pulse {
    /// For how long no sound has moved, and whether there were errors in this time.
    fn still(&mut self, now: Instant, samples: u64, errors: u64) -> (Duration, bool) {
        let moved = self.moved.get_or_insert(now);
        if samples != self.samples {
            (self.samples, self.errors, *moved) = (samples, errors, now);
        }
        (now.saturating_duration_since(*moved), errors > self.errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::line;

    #[test]
    fn errors_that_pass_are_nothing_and_without_sound_they_are_the_end() {
        let (line, mut playout, mut capture) = line(48_000, 48_000);
        let (mut health, start) = (Health::default(), testing_now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        for ms in (0..2_000).step_by(10) {
            // A storm, but sound moves.
            (0..100).for_each(|_| playout.loss().doubt("no timing yet"));
            playout.pull(&mut [0.0; 480]);
            capture.push(&[0.0; 480]);
            assert_eq!(health.end(at(ms), &line), None);
        }
        capture.loss().doubt("the server is gone");
        for ms in [2_000, 2_400, 2_990] {
            playout.pull(&mut [0.0; 480]);
            assert_eq!(health.end(at(ms), &line), None);
        }
        assert_eq!(health.end(at(2_991), &line).as_deref(), Some("no timing yet"), "the first error is the reason");
    }

    #[test]
    fn a_speaker_that_asks_no_more_is_stuck_and_then_dead() {
        let (line, mut playout, _capture) = line(48_000, 48_000);
        let (mut health, start) = (Health::default(), testing_now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        playout.pull(&mut [0.0; 480]);
        assert_eq!(health.end(at(0), &line), None);
        assert!(!health.is_stuck(at(200)) && health.is_stuck(at(201)));
        assert_eq!(health.end(at(3_000), &line), None);
        assert_eq!(health.end(at(3_001), &line).as_deref(), Some("it has stopped asking for sound"));
    }

    #[expect(clippy::disallowed_methods, reason = "any time will do")]
    fn testing_now() -> Instant {
        Instant::now()
    }
}
