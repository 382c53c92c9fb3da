//! RTP packets in and out (RFC 3550 §5), and the judgement whether a source is one (appendix A.1, A.3, A.8).

pub(crate) mod bursts;

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

/// The longest RTP datagram taken or made, in bytes: 120 ms of G.711 is 960, Opus at most 1275 a frame.
pub const MAX_PACKET: usize = 1_500;

/// The fixed header without contributing sources or extension, in bytes.
pub const HEADER: usize = 12;

/// A received packet; the payload is without padding and header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// First packet of a talkspurt (RFC 3551 §4.1) or of a telephone event.
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Counts packets, modulo 2^16.
    pub sequence: u16,
    /// Counts samples of the payload's clock, modulo 2^32.
    pub timestamp: u32,
    /// Who sends.
    pub ssrc: u32,
    /// What is sent.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Read a datagram; `None` when it is not RTP version 2 or is cut short.
    pub fn parse(datagram: &'a [u8]) -> Option<Packet<'a>> {
        if datagram.len() > MAX_PACKET {
            return None;
        }
        let reader = RtpReader::new(datagram).ok()?;
        // The reader checks header and extension, not that the padding fits behind them.
        let offset = reader.payload_offset();
        let padding = usize::from(reader.padding().unwrap_or(0));
        if offset + padding > datagram.len() || (datagram[0] & 0x20 != 0 && padding == 0) {
            return None;
        }
        // RFC 5761 §4: 64 to 95 with the marker bit would be RTCP sent to the wrong port.
        if (192..=223).contains(&datagram[1]) {
            return None;
        }
        Some(Packet {
            marker: reader.mark(),
            payload_type: reader.payload_type(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: &datagram[offset..datagram.len() - padding],
        })
    }

    /// The packet as a datagram.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// Make `bytes` the packet as a datagram.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let builder = RtpPacketBuilder::new()
            .payload_type(self.payload_type)
            .marked(self.marker)
            .sequence(Seq::from(self.sequence))
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(self.payload);
        bytes.clear();
        bytes.resize(builder.target_length(), 0);
        builder.build_into(bytes).expect("a payload type below 128 and no contributing sources always build");
    }
}

/// Packets in a row before an unknown source is believed (RFC 3550 A.1).
const MIN_SEQUENTIAL: u16 = 2;
/// A larger step forward is a restart of the source, not loss (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3_000;
/// A smaller step backward is reordering (RFC 3550 A.1).
const MAX_MISORDER: u16 = 100;

/// What a packet means to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not yet believed; keep the packet until the next says more.
    Probation,
    /// The extended sequence number: cycles in the upper bits.
    Valid(u64),
    /// The source has begun anew with this packet; the extended number starts over.
    Restarted(u64),
    /// Far from anything expected.
    Nonsense,
}

/// One sender's sequence numbers and interarrival jitter.
#[derive(Debug, Clone)]
pub struct Source {
    ssrc: u32,
    max: u16,
    cycles: u64,
    base: u64,
    bad: Option<u16>,
    /// Nobody listened since `max`: what was missed meanwhile is not lost.
    paused: bool,
    skipped: u64,
    probation: u16,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    transit: Option<i64>,
    /// In sixteenths of a timestamp unit (RFC 3550 A.8).
    jitter16: i64,
}

impl Source {
    /// A source first seen with `sequence`, on probation.
    pub fn new(ssrc: u32, sequence: u16) -> Source {
        Source {
            ssrc,
            max: sequence.wrapping_sub(1),
            cycles: CYCLE,
            base: 0,
            bad: None,
            paused: false,
            skipped: 0,
            probation: MIN_SEQUENTIAL,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            jitter16: 0,
        }
    }

    /// Whose numbers these are.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Take note of a packet (RFC 3550 A.1, `update_seq`).
    pub fn update(&mut self, sequence: u16) -> Verdict {
        let step = sequence.wrapping_sub(self.max);
        if self.probation > 0 {
            if step == 1 {
                self.probation -= 1;
                self.max = sequence;
                if self.probation == 0 {
                    // The held first packet counts as well, unlike in A.1: its audio is played.
                    self.restart(sequence.wrapping_sub(MIN_SEQUENTIAL - 1));
                    self.received = u64::from(MIN_SEQUENTIAL);
                    self.advance(sequence);
                    return Verdict::Valid(self.extended(sequence));
                }
            } else {
                self.probation = MIN_SEQUENTIAL - 1;
                self.max = sequence;
            }
            return Verdict::Probation;
        }
        let resumed = std::mem::take(&mut self.paused) && step < 1 << 15;
        if resumed {
            self.skipped += u64::from(step.saturating_sub(1));
        }
        if step < MAX_DROPOUT || resumed {
            self.advance(sequence);
        } else if step <= 0u16.wrapping_sub(MAX_MISORDER) {
            if self.bad == Some(sequence) {
                self.restart(sequence);
                self.received = 1;
                return Verdict::Restarted(self.extended(sequence));
            }
            self.bad = Some(sequence.wrapping_add(1));
            return Verdict::Nonsense;
        }
        self.received += 1;
        Verdict::Valid(self.extended(sequence))
    }

    /// What is sent from now until the next packet that is noted was not to be received: a call on hold.
    pub fn pause(&mut self) {
        self.paused = true;
        self.transit = None;
    }

    /// Take note of when a packet came, both in units of its clock (RFC 3550 A.8). Packets of another clock than the
    /// one before must not be mixed in.
    pub fn arrived(&mut self, arrival: i64, timestamp: u32) {
        // Only differences matter, so the wrapped timestamp is unwrapped against the arrival.
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(last) = self.transit.replace(transit) {
            let difference = i64::from((transit - last) as i32).abs();
            self.jitter16 += difference - ((self.jitter16 + 8) >> 4);
        }
    }

    /// Interarrival jitter in timestamp units.
    pub fn jitter(&self) -> u32 {
        u32::try_from(self.jitter16 >> 4).unwrap_or(u32::MAX)
    }

    /// Forget the last transit: the clock has changed.
    pub fn clock_changed(&mut self) {
        self.transit = None;
    }

    /// Packets received, duplicates included.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that must have been sent since the first.
    pub fn expected(&self) -> u64 {
        if self.probation > 0 { 0 } else { self.extended_max() - self.base + 1 - self.skipped }
    }

    /// Expected less received; negative when there are duplicates (RFC 3550 A.3).
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// The highest sequence number with its cycles, as a report gives it.
    pub fn extended_max(&self) -> u64 {
        self.cycles + u64::from(self.max)
    }

    /// Loss since the last call of this, in 256ths (RFC 3550 A.3).
    pub fn fraction_lost(&mut self) -> u8 {
        let expected = self.expected() - self.expected_prior.min(self.expected());
        let received = self.received - self.received_prior.min(self.received);
        (self.expected_prior, self.received_prior) = (self.expected(), self.received);
        if expected == 0 || received >= expected {
            return 0;
        }
        u8::try_from(((expected - received) << 8) / expected).unwrap_or(u8::MAX)
    }

    fn restart(&mut self, sequence: u16) {
        self.max = sequence;
        // One cycle ahead, so that packets from before the first have a number too.
        self.cycles = CYCLE;
        self.base = CYCLE + u64::from(sequence);
        self.bad = None;
        self.skipped = 0;
        self.received = 0;
        (self.expected_prior, self.received_prior) = (0, 0);
    }

    fn advance(&mut self, sequence: u16) {
        if sequence < self.max {
            self.cycles += CYCLE;
        }
        self.max = sequence;
        self.bad = None;
    }

    /// A number at or a little below the highest, with its cycles.
    fn extended(&self, sequence: u16) -> u64 {
        self.extended_max() - u64::from(self.max.wrapping_sub(sequence))
    }
}

const CYCLE: u64 = 1 << 16;

#[cfg(test)]
mod tests;
