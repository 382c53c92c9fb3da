//! RTCP of one stream (RFC 3550 §6): what we sent, what we received, and when the peer's report came, so that it can tell
//! the round trip.

use std::time::{Duration, Instant};

use rand_core::Rng;
use rtp_rs::RtpReader;

#[cfg(test)]
mod tests;

/// RFC 3550 §6.2 would have five seconds; a short test is to see a report too.
const INTERVAL: Duration = Duration::from_secs(1);
/// The wall clock is nothing that a packet needs: NTP time counts from an hour of 2004 (RFC 3550 §4 lets it).
const NTP_START: u64 = 0xc400_0000;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// Whether a packet is RTCP, at whichever port it came (RFC 5761 §4).
pub(in crate::pbx) fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

#[derive(Debug)]
pub(super) struct Reports {
    ssrc: u32,
    start: Instant,
    next: Instant,
    /// In Hz.
    clock_rate: u32,
    sent: Option<Sent>,
    source: Option<Source>,
    /// The middle of the NTP time in the peer's last sender report, and when it came.
    heard: Option<(u32, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    packets: u32,
    octets: u32,
    timestamp: u32,
    at: Instant,
}

/// What we receive, by the algorithms of RFC 3550 appendix A.
#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    first: u32,
    /// With the cycles of 65,536 above it.
    highest: u32,
    received: u32,
    transit: u32,
    /// In units of 1/16 of a timestamp.
    jitter: u32,
    expected_before: u32,
    received_before: u32,
}

impl Reports {
    pub(super) fn new(now: Instant, ssrc: u32, clock_rate: u32, rng: &mut impl Rng) -> Self {
        let first = now + INTERVAL / 2 + random(INTERVAL, rng);
        Self { ssrc, start: now, next: first, clock_rate, sent: None, source: None, heard: None }
    }

    pub(super) fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
    }

    pub(super) fn sent(&mut self, now: Instant, timestamp: u32, octets: usize) {
        let before = self.sent.map_or((0, 0), |sent| (sent.packets, sent.octets));
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        self.sent =
            Some(Sent { packets: before.0.wrapping_add(1), octets: before.1.wrapping_add(octets), timestamp, at: now });
    }

    pub(super) fn received(&mut self, now: Instant, rtp: &RtpReader<'_>) {
        let arrival = self.ticks(now.saturating_duration_since(self.start));
        let transit = arrival.wrapping_sub(rtp.timestamp());
        let sequence = u16::from(rtp.sequence_number());
        match self.source.as_mut().filter(|source| source.ssrc == rtp.ssrc()) {
            Some(source) => source.received(sequence, transit),
            None => self.source = Some(Source::new(rtp.ssrc(), sequence, transit)),
        }
    }

    /// Reads a compound packet; only sender reports matter here.
    pub(super) fn handle_packet(&mut self, now: Instant, mut bytes: &[u8]) {
        while let [first, kind, high, low, ..] = *bytes {
            let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
            let Some(packet) = bytes.get(..length).filter(|_| first >> 6 == 2) else { return };
            if kind == SENDER_REPORT
                && let Some(middle) = packet.get(10..14)
            {
                let middle = middle.try_into().map(u32::from_be_bytes).unwrap_or_default();
                self.heard = Some((middle, now));
            }
            bytes = &bytes[length..];
        }
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// The report that is due, if one is.
    pub(super) fn poll(&mut self, now: Instant, rng: &mut impl Rng) -> Option<Vec<u8>> {
        if self.next > now {
            return None;
        }
        // §6.3.1: half to one and a half intervals, so that nobody reports in step.
        self.next = now + INTERVAL / 2 + random(INTERVAL, rng);
        Some(self.report(now))
    }

    /// The last report: with it the stream ends.
    pub(super) fn goodbye(&mut self, now: Instant) -> Vec<u8> {
        let mut bytes = self.report(now);
        packet(&mut bytes, GOODBYE, 1, &self.ssrc.to_be_bytes());
        bytes
    }

    fn report(&mut self, now: Instant) -> Vec<u8> {
        let heard = self.heard;
        let block = self.source.as_mut().map(|source| source.block(now, heard));
        let count = u8::from(block.is_some());
        let mut body = self.ssrc.to_be_bytes().to_vec();
        if let Some(sent) = self.sent {
            let ntp = ntp(now.saturating_duration_since(self.start));
            let timestamp = sent.timestamp.wrapping_add(self.ticks(now.saturating_duration_since(sent.at)));
            body.extend(ntp.to_be_bytes());
            body.extend([timestamp, sent.packets, sent.octets].iter().flat_map(|number| number.to_be_bytes()));
        }
        body.extend(block.into_iter().flatten());
        let mut bytes = Vec::new();
        packet(&mut bytes, if self.sent.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }, count, &body);
        packet(&mut bytes, DESCRIPTION, 1, &self.description());
        bytes
    }

    /// §6.5: our SSRC, the item CNAME, and zeros up to a multiple of four.
    fn description(&self) -> Vec<u8> {
        let name = format!("{:08x}@lab", self.ssrc);
        let mut chunk = self.ssrc.to_be_bytes().to_vec();
        chunk.extend([1, name.len() as u8]);
        chunk.extend(name.as_bytes());
        chunk.push(0);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    fn ticks(&self, time: Duration) -> u32 {
        (time.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000) as u32
    }
}

impl Source {
    fn new(ssrc: u32, sequence: u16, transit: u32) -> Self {
        let first = u32::from(sequence);
        Self { ssrc, first, highest: first, received: 1, transit, jitter: 0, expected_before: 0, received_before: 0 }
    }

    fn received(&mut self, sequence: u16, transit: u32) {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < 0x8000 {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        }
        self.received = self.received.wrapping_add(1);
        // Appendix A.8.
        let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs();
        self.transit = transit;
        self.jitter = self.jitter.wrapping_add(difference).wrapping_sub((self.jitter + 8) >> 4);
    }

    /// §6.4.1, with appendix A.3 for what was lost.
    fn block(&mut self, now: Instant, heard: Option<(u32, Instant)>) -> Vec<u8> {
        let expected = self.highest.wrapping_sub(self.first).wrapping_add(1);
        let lost = i64::from(expected) - i64::from(self.received);
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction =
            if expected_now == 0 { 0 } else { (u64::from(lost_now) * 256 / u64::from(expected_now)).min(255) };
        let lost = lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let (last, delay) = match heard {
            Some((middle, at)) => (middle, (ntp_length(now.saturating_duration_since(at)) >> 16) as u32),
            None => (0, 0),
        };
        let words = [self.ssrc, (fraction as u32) << 24 | lost, self.highest, self.jitter >> 4, last, delay];
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }
}

/// Appends one packet: `count` in the low five bits, a body of whole words.
fn packet(bytes: &mut Vec<u8>, kind: u8, count: u8, body: &[u8]) {
    bytes.extend([0x80 | count, kind]);
    bytes.extend(u16::try_from(body.len() / 4).unwrap_or_default().to_be_bytes());
    bytes.extend(body);
}

/// In units of 2^-32 s.
fn ntp_length(time: Duration) -> u64 {
    (time.as_secs() << 32) + (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000
}

fn ntp(elapsed: Duration) -> u64 {
    (NTP_START << 32).wrapping_add(ntp_length(elapsed))
}

fn random(range: Duration, rng: &mut impl Rng) -> Duration {
    range.mul_f64(f64::from(rng.next_u32()) / f64::from(u32::MAX))
}
