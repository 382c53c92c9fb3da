//! Two clocks made one: how much faster to read the microphone, by how full its ring is.
//!
//! The speaker's clock drives everything; the microphone's may run up to a few hundred ppm away from it. Too much in
//! the ring means that it runs fast. The device fills the ring in steps, so the level is smoothed first.

/// Ticks over which the level is averaged: a second at 5 ms.
const SMOOTH: f64 = 200.0;
/// Correction for each millisecond too much, and for each millisecond and tick that it stays.
const PROPORTIONAL: f64 = 2e-4;
const INTEGRAL: f64 = 2.5e-8;
/// No crystal is this bad.
const LIMIT: f64 = 0.005;

/// The controller of one microphone.
#[derive(Debug, Clone)]
pub(crate) struct Drift {
    target: f64,
    level: Option<f64>,
    integral: f64,
}

impl Drift {
    /// That keeps the ring at `target` milliseconds.
    pub(crate) fn new(target: f64) -> Drift {
        Drift { target, level: None, integral: 0.0 }
    }

    /// A tick has passed and the ring holds `level` ms: the factor by which to read faster.
    pub(crate) fn update(&mut self, level: f64) -> f64 {
        let smooth = self.level.map_or(level, |before| before + (level - before) / SMOOTH);
        self.level = Some(smooth);
        let error = smooth - self.target;
        self.integral = (self.integral + error * INTEGRAL).clamp(-LIMIT, LIMIT);
        1.0 + (error * PROPORTIONAL + self.integral).clamp(-LIMIT, LIMIT)
    }

    /// Keep another level: `target` milliseconds.
    pub(crate) fn set_target(&mut self, target: f64) {
        self.target = target;
    }

    /// The ring was emptied or refilled: its level says nothing of the past, what is known of the clock stays.
    pub(crate) fn restart(&mut self) {
        self.level = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes of a microphone that is `ppm` fast; gives lowest and highest level of the last minute, in ms.
    fn run(ppm: f64, minutes: usize) -> (f64, f64) {
        let mut drift = Drift::new(20.0);
        let mut level = 20.0;
        let mut range = (f64::MAX, f64::MIN);
        for tick in 0..minutes * 12_000 {
            level += 5.0 * (1.0 + ppm * 1e-6);
            // The device delivers in steps of 21.3 ms.
            let seen = level - (tick as f64 * 5.0) % 21.3;
            level -= 5.0 * drift.update(seen + 10.65);
            if tick > (minutes - 1) * 12_000 {
                range = (range.0.min(level), range.1.max(level));
            }
        }
        range
    }

    #[test]
    fn the_level_stays_whatever_the_clock() {
        for ppm in [-500.0, -100.0, 0.0, 100.0, 500.0] {
            let (lowest, highest) = run(ppm, 4);
            // A tick less than the target, which holds before reading.
            assert!(lowest > 10.0 && highest < 20.0, "{ppm} ppm: {lowest} to {highest} ms");
        }
    }

    #[test]
    fn a_leap_is_worked_off_slowly() {
        let mut drift = Drift::new(20.0);
        for _ in 0..1_000 {
            assert!((drift.update(400.0) - 1.0).abs() <= LIMIT);
        }
    }
}
