//! How the missing packets lie: alone, or in bursts (RFC 3611 §4.7.2, appendix A.2).

use crate::rtcp::xr::GMIN;

/// Packets that may still come in another order before they are judged.
const WINDOW: u64 = 64;
/// A larger step is not judged packet by packet: the source began anew.
const MAX_STEP: u64 = 3_000;

/// What became of the packets of one source. Counts are of the whole call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bursts {
    /// The highest number seen; the lowest bit of the masks is its own.
    highest: Option<u64>,
    came: u64,
    late: u64,
    /// The first number: what lies before it was never expected.
    first: u64,
    tally: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    packets: u64,
    lost: u64,
    discarded: u64,
    /// Uninterrupted runs of missing packets.
    runs: u64,
    bursts: u64,
    /// Packets within bursts, and those of them that are missing.
    burst_packets: u64,
    burst_missing: u64,
    /// The burst, or lone missing packet, that goes on.
    open: Open,
}

#[derive(Debug, Clone, Copy, Default)]
struct Open {
    missing: u64,
    packets: u64,
    /// Received since the last missing one.
    good: u64,
}

/// What [`Bursts`] has to say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Pattern {
    /// Shares of all packets, 0 to 1.
    pub(crate) lost: f32,
    pub(crate) discarded: f32,
    /// Shares missing within bursts and gaps.
    pub(crate) burst_density: f32,
    pub(crate) gap_density: f32,
    /// Mean lengths in packets.
    pub(crate) burst_length: f32,
    pub(crate) gap_length: f32,
    /// G.107's BurstR: mean length of a run of missing packets by that of a network that loses at random; at least 1.
    pub(crate) ratio: f32,
}

impl Bursts {
    /// A packet came, too `late` to be played or not.
    pub(crate) fn arrived(&mut self, number: u64, late: bool) {
        let highest = *self.highest.get_or_insert_with(|| {
            self.first = number;
            number
        });
        if number > highest {
            let step = number - highest;
            if step > MAX_STEP {
                return self.restart();
            }
            for passed in 1..=step {
                self.judge_oldest(highest + passed);
                (self.came, self.late) = (self.came << 1, self.late << 1);
            }
            self.highest = Some(number);
        }
        let age = self.highest.unwrap_or(number) - number;
        if age < WINDOW {
            self.came |= 1 << age;
            self.late |= u64::from(late) << age;
            self.first = self.first.min(number);
        }
    }

    /// The source begins anew.
    pub(crate) fn restart(&mut self) {
        (self.highest, self.came, self.late) = (None, 0, 0);
    }

    /// Leaves the window when the window comes to begin at `newest`.
    fn judge_oldest(&mut self, newest: u64) {
        if newest < self.first + WINDOW {
            return;
        }
        let oldest = 1 << (WINDOW - 1);
        match (self.came & oldest != 0, self.late & oldest != 0) {
            (true, false) => self.tally.good(),
            (true, true) => {
                self.tally.discarded += 1;
                self.tally.missing();
            }
            (false, _) => {
                self.tally.lost += 1;
                self.tally.missing();
            }
        }
    }

    /// As of now; the last packets are not judged yet.
    pub(crate) fn pattern(&self) -> Pattern {
        let mut tally = self.tally;
        tally.close();
        let share = |part: u64, all: u64| if all == 0 { 0.0 } else { part as f32 / all as f32 };
        let missing = tally.lost + tally.discarded;
        let gap_packets = tally.packets - tally.burst_packets;
        let mean_run = share(missing, tally.runs);
        Pattern {
            lost: share(tally.lost, tally.packets),
            discarded: share(tally.discarded, tally.packets),
            burst_density: share(tally.burst_missing, tally.burst_packets),
            gap_density: share(missing - tally.burst_missing, gap_packets),
            burst_length: share(tally.burst_packets, tally.bursts),
            // As A.2 has it: by the number of bursts.
            gap_length: share(gap_packets, tally.bursts.max(1)),
            ratio: (mean_run * (1.0 - share(missing, tally.packets))).max(1.0),
        }
    }
}

impl Tally {
    fn good(&mut self) {
        self.packets += 1;
        self.open.good += 1;
    }

    fn missing(&mut self) {
        self.packets += 1;
        if self.open.good > 0 || self.open.missing == 0 {
            self.runs += 1;
        }
        if self.open.good >= u64::from(GMIN) {
            self.close();
        }
        let open = &mut self.open;
        open.packets += 1 + if open.missing > 0 { open.good } else { 0 };
        open.missing += 1;
        open.good = 0;
    }

    /// A missing packet alone belongs to the gap; more of them are a burst.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.missing > 1 {
            self.bursts += 1;
            self.burst_packets += open.packets;
            self.burst_missing += open.missing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1` came, `X` came late, `0` never.
    fn pattern(packets: &str) -> Pattern {
        let mut bursts = Bursts::default();
        for (number, packet) in packets.chars().chain("1".repeat(WINDOW as usize).chars()).enumerate() {
            if packet != '0' {
                bursts.arrived(70_000 + number as u64, packet == 'X');
            }
        }
        bursts.pattern()
    }

    #[test]
    fn the_example_of_the_rfc() {
        let found = pattern("11110111111111111111111X111X1011110111111111111111111X111111111");
        // §4.7.2: the burst is of twelve packets with a third missing; the rest of 51 or 52 has two missing.
        assert_eq!((found.burst_length, found.gap_length), (12.0, 51.0));
        assert!(
            (found.burst_density - 1.0 / 3.0).abs() < 1e-6 && (found.gap_density - 0.04).abs() < 0.001,
            "{found:?}"
        );
        assert!((found.lost - 0.05).abs() < 0.003 && (found.discarded - 0.05).abs() < 0.003, "{found:?}");
    }

    #[test]
    fn lone_losses_are_no_burst() {
        let found = pattern(&"1111111111111111111101111111111111111111".repeat(10));
        assert_eq!((found.burst_length, found.burst_density, found.ratio), (0.0, 0.0, 1.0));
        assert!((found.gap_density - 0.025).abs() < 1e-6 && found.gap_length == 400.0, "{found:?}");
    }

    #[test]
    fn losses_in_a_row_have_a_ratio() {
        let found = pattern(&"11111111111111111111111111111111110000".repeat(10));
        assert!((found.ratio - 4.0 * (1.0 - 4.0 / 38.0)).abs() < 1e-5 && found.burst_length == 4.0, "{found:?}");
    }

    #[test]
    fn another_order_is_no_loss() {
        let mut bursts = Bursts::default();
        for number in 0..200u64 {
            bursts.arrived(1_000 + (number ^ 3), false);
        }
        let found = bursts.pattern();
        assert_eq!((found.lost, found.discarded), (0.0, 0.0));
        assert!(found.gap_length > 130.0);
    }

    #[test]
    fn a_new_beginning_is_no_loss() {
        let mut bursts = Bursts::default();
        (0..100).for_each(|number| bursts.arrived(number, false));
        bursts.restart();
        (70_000..70_100).for_each(|number| bursts.arrived(number, false));
        bursts.arrived(u64::MAX - 1, false);
        assert_eq!(bursts.pattern().lost, 0.0);
    }
}
