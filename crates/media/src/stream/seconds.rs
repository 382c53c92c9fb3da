//! The stream's numbers, second by second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Stream;
use crate::config::Stats;
use crate::history::Second;
use crate::quality;

const SECOND: Duration = Duration::from_secs(1);
/// Seconds that wait to be taken; when nobody takes them the oldest go.
const MAX_SECONDS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Seconds {
    pub(super) due: Option<Instant>,
    /// What had been counted by the end of the last one.
    before: Stats,
    pub(super) queue: VecDeque<Second>,
}

impl Stream {
    pub(super) fn configure_seconds(&mut self, now: Instant) {
        self.seconds.due.get_or_insert(now + SECOND);
    }

    /// A second is over.
    pub(super) fn end_second(&mut self, now: Instant, due: Instant) {
        // Who was not asked for long does not get a second for each that he missed.
        let next = due + SECOND;
        self.seconds.due = Some(if next > now { next } else { now + SECOND });
        let stats = self.stats();
        let before = &self.seconds.before;
        let grown = |now: u64, before: u64| u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX);
        let ms = |duration: Duration| duration.as_secs_f32() * 1_000.0;
        let received = grown(stats.packets_received, before.packets_received);
        let (lost, late) = (grown(stats.lost, before.lost), grown(stats.late, before.late));
        // What was thought lost may come yet: no second counts it again.
        let lost_before = before.lost.max(stats.lost);
        let missing = (lost + late) as f32 / (received + lost).max(1) as f32;
        let second = Second {
            sent: grown(stats.packets_sent, before.packets_sent),
            received,
            lost,
            late,
            concealed: stats.concealed.saturating_sub(before.concealed).as_millis() as u32,
            jitter: ms(stats.jitter),
            delay: ms(stats.delay),
            round_trip: ms(stats.round_trip.unwrap_or_default()),
            mos: if received > 0 { quality::mos(self.quality(stats.codec, missing, 1.0).rating()) } else { 0.0 },
        };
        self.seconds.before = Stats { lost: lost_before, ..stats };
        if self.seconds.queue.len() == MAX_SECONDS {
            self.seconds.queue.pop_front();
        }
        self.seconds.queue.push_back(second);
    }
}
