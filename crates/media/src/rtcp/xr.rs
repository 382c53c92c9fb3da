//! The VoIP metrics block of an extended report (RFC 3611 §4.7).

use super::word;

/// How a source's voice is received (RFC 3611 §4.7). Fractions are in 256ths, times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VoipMetrics {
    /// Whose voice.
    pub ssrc: u32,
    /// Packets lost by the network and not restored.
    pub loss_rate: u8,
    /// Packets that came too late for the jitter buffer.
    pub discard_rate: u8,
    /// Missing packets within bursts, and within the gaps between bursts.
    pub burst_density: u8,
    /// See [`burst_density`](Self::burst_density).
    pub gap_density: u8,
    /// Mean length of a burst; 0 without bursts.
    pub burst_duration: u16,
    /// Mean length of a gap.
    pub gap_duration: u16,
    /// Between the two RTP ends; 0 while unknown.
    pub round_trip: u16,
    /// Framing, encoding and jitter buffer of the reporter; 0 for unknown.
    pub end_system_delay: u16,
    /// Transmission rating of ITU-T G.107, 0 to 100; `None` is unknown, as below.
    pub r_factor: Option<u8>,
    /// Mean opinion score times ten, 10 to 50, of listening: without delay.
    pub mos_lq: Option<u8>,
    /// The same of conversation: with delay.
    pub mos_cq: Option<u8>,
    /// The jitter buffer's present delay, its longest, and the longest that it can have.
    pub buffer_nominal: u16,
    /// See [`buffer_nominal`](Self::buffer_nominal).
    pub buffer_maximum: u16,
    /// See [`buffer_nominal`](Self::buffer_nominal).
    pub buffer_limit: u16,
}

/// Received packets between two lost ones that end a burst: §4.7.2 recommends it.
pub(crate) const GMIN: u8 = 16;
/// What is not known (§4.7.4, §4.7.5).
const UNKNOWN: u8 = 127;
/// §4.7.6: enhanced concealment (10), adaptive buffer (11), which follows at once (0).
const CONFIGURATION: u8 = 0b1011_0000;
const BLOCK: u8 = 7;
/// Words after the block's first.
const WORDS: usize = 8;

impl VoipMetrics {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[BLOCK, 0, 0, WORDS as u8]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&[self.loss_rate, self.discard_rate, self.burst_density, self.gap_density]);
        for field in [self.burst_duration, self.gap_duration, self.round_trip, self.end_system_delay] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        // Signal, noise and echo levels are not measured.
        out.extend_from_slice(&[UNKNOWN, UNKNOWN, UNKNOWN, GMIN]);
        let known = |field: Option<u8>| field.unwrap_or(UNKNOWN);
        out.extend_from_slice(&[known(self.r_factor), UNKNOWN, known(self.mos_lq), known(self.mos_cq)]);
        out.extend_from_slice(&[CONFIGURATION, 0]);
        for field in [self.buffer_nominal, self.buffer_maximum, self.buffer_limit] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }

    /// `None` unless the block has its length.
    fn read(block: &[u8]) -> Option<VoipMetrics> {
        let block = block.first_chunk::<{ WORDS * 4 }>()?;
        let half = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
        // §4.7.5: what is out of range must be ignored.
        let rating =
            |at: usize, range: std::ops::RangeInclusive<u8>| Some(block[at]).filter(|value| range.contains(value));
        Some(VoipMetrics {
            ssrc: word(block, 0)?,
            loss_rate: block[4],
            discard_rate: block[5],
            burst_density: block[6],
            gap_density: block[7],
            burst_duration: half(8),
            gap_duration: half(10),
            round_trip: half(12),
            end_system_delay: half(14),
            r_factor: rating(20, 0..=100),
            mos_lq: rating(22, 10..=50),
            mos_cq: rating(23, 10..=50),
            buffer_nominal: half(26),
            buffer_maximum: half(28),
            buffer_limit: half(30),
        })
    }
}

/// The VoIP metrics among the blocks of an extended report, without its header and the reporter's SSRC; others are
/// skipped. `None` when the blocks do not hold together.
pub(super) fn read(mut blocks: &[u8], mut take: impl FnMut(VoipMetrics)) -> Option<()> {
    while !blocks.is_empty() {
        let head = blocks.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        let (block, rest) = blocks[4..].split_at_checked(length)?;
        if head[0] == BLOCK && length == WORDS * 4 {
            take(VoipMetrics::read(block)?);
        }
        blocks = rest;
    }
    Some(())
}
