//! Made-up rooms, by which what a speaker plays comes back to a microphone.

use std::collections::VecDeque;

/// From speaker to microphone.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) delay_ms: usize,
    /// Where the reflections lie.
    pub(crate) seed: u32,
    /// The speaker is driven too hard.
    pub(crate) distorts: bool,
}

pub(crate) struct Echo {
    taps: Vec<(usize, f32)>,
    distorts: bool,
    played: VecDeque<f32>,
}

impl Echo {
    pub(crate) fn new(room: Room) -> Self {
        let mut state = room.seed;
        let mut dice = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let start = room.delay_ms * 48;
        let mut taps = vec![(start, 0.4)];
        // 80 ms of reflections that die away.
        taps.extend((0..60).map(|_| {
            let after = (dice() * 80.0 * 48.0) as usize;
            (start + after, (dice() - 0.5) * 0.3 * (-(after as f32) / (20.0 * 48.0)).exp())
        }));
        let longest = taps.iter().map(|(at, _)| at + 1).max().unwrap_or(1);
        Self { taps, distorts: room.distorts, played: VecDeque::from(vec![0.0; longest]) }
    }

    pub(crate) fn of(&mut self, sample: f32) -> f32 {
        let out = if self.distorts { (sample * 4.0).tanh() / 4.0 } else { sample };
        self.played.push_front(out);
        self.played.pop_back();
        self.taps.iter().map(|(at, gain)| self.played[*at] * gain).sum()
    }
}
