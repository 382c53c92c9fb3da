//! RTCP reports in and out (RFC 3550 §6): sender and receiver reports, the canonical name, goodbye, VoIP metrics
//! (RFC 3611), and when to send.

pub(crate) mod xr;

use std::time::Duration;

use rand_core::Rng;

pub use xr::VoipMetrics;

/// What one source says of another's packets (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Whose packets.
    pub ssrc: u32,
    /// Lost since the previous report, in 256ths.
    pub fraction_lost: u8,
    /// Lost in all, -2^23 to 2^23 - 1; negative with duplicates.
    pub cumulative_lost: i32,
    /// Highest sequence number received, cycles in the upper half.
    pub highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report seen; 0 for none.
    pub last_sender_report: u32,
    /// Time since that report arrived, in 65536ths of a second.
    pub delay: u32,
}

/// What a sender says of itself (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// When, in 2^-32 s since whatever the sender chose.
    pub ntp: u64,
    /// The same moment on the RTP clock.
    pub timestamp: u32,
    /// RTP packets sent.
    pub packets: u32,
    /// RTP payload bytes sent.
    pub octets: u32,
}

/// One packet of a compound. Unknown types are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Sender report when `sender` is there, else receiver report.
    Report {
        /// Who reports.
        ssrc: u32,
        /// Of itself.
        sender: Option<SenderInfo>,
        /// Of others; at most 31.
        reports: Vec<Report>,
    },
    /// A source's canonical name; other items are skipped.
    CanonicalName {
        /// Whose name.
        ssrc: u32,
        /// At most 255 bytes.
        name: &'a [u8],
    },
    /// A source leaves.
    Bye {
        /// Who.
        ssrc: u32,
    },
    /// How a source is received (RFC 3611 §4.7); other blocks of an extended report are skipped.
    Voip {
        /// Who says so.
        ssrc: u32,
        /// Of whom, and what.
        metrics: VoipMetrics,
    },
}

impl Packet<'_> {
    /// Whose packet it is.
    pub fn says(&self) -> u32 {
        match self {
            Packet::Report { ssrc, .. }
            | Packet::CanonicalName { ssrc, .. }
            | Packet::Bye { ssrc }
            | Packet::Voip { ssrc, .. } => *ssrc,
        }
    }
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const EXTENDED_REPORT: u8 = 207;
const CNAME: u8 = 1;

/// Is this RTCP rather than RTP, where both come to one port? (RFC 5761 §4: by what would be the payload type and its
/// marker bit.)
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

/// Read a compound datagram; `None` unless it holds together by the rules of RFC 3550 A.2.
pub fn parse(datagram: &[u8]) -> Option<Vec<Packet<'_>>> {
    read(datagram, false)
}

/// Read a datagram that need not begin with a report, where the peer may send such (RFC 5506). We send none: they are
/// for the AVPF profile alone (RFC 5506 §4.1).
pub fn parse_reduced(datagram: &[u8]) -> Option<Vec<Packet<'_>>> {
    read(datagram, true)
}

fn read(datagram: &[u8], reduced: bool) -> Option<Vec<Packet<'_>>> {
    let mut packets = Vec::new();
    let mut rest = datagram;
    let mut first = true;
    while !rest.is_empty() {
        let header = rest.first_chunk::<4>()?;
        let length = (usize::from(u16::from_be_bytes([header[2], header[3]])) + 1) * 4;
        let (packet, after) = rest.split_at_checked(length)?;
        if !is_rtcp(packet) {
            return None;
        }
        let (padded, count) = (header[0] & 0x20 != 0, usize::from(header[0] & 0x1f));
        if header[0] >> 6 != 2 || (first && !reduced && !matches!(header[1], SENDER_REPORT | RECEIVER_REPORT)) {
            return None;
        }
        let mut body = &packet[4..];
        if padded {
            // Only the last packet of a compound is padded (RFC 3550 §6.4.1).
            let padding = usize::from(*packet.last()?);
            if !after.is_empty() || padding == 0 || padding > body.len() {
                return None;
            }
            body = &body[..body.len() - padding];
        }
        match header[1] {
            SENDER_REPORT => packets.push(report(body, count, true)?),
            RECEIVER_REPORT => packets.push(report(body, count, false)?),
            SOURCE_DESCRIPTION => names(body, count, &mut packets)?,
            BYE => {
                for ssrc in 0..count {
                    packets.push(Packet::Bye { ssrc: word(body, ssrc * 4)? });
                }
            }
            EXTENDED_REPORT => {
                let ssrc = word(body, 0)?;
                xr::read(&body[4..], |metrics| packets.push(Packet::Voip { ssrc, metrics }))?;
            }
            _ => {}
        }
        (rest, first) = (after, false);
    }
    (!first).then_some(packets)
}

/// A compound of report, canonical name (cut at 255 bytes) and, when asked, goodbye.
pub fn build(ssrc: u32, sender: Option<SenderInfo>, reports: &[Report], cname: &str, bye: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    write(&mut out, ssrc, sender, reports, cname);
    if bye {
        write_bye(&mut out, ssrc);
    }
    out
}

/// Append a report and the canonical name (cut at 255 bytes): what every compound begins with.
pub fn write(out: &mut Vec<u8>, ssrc: u32, sender: Option<SenderInfo>, reports: &[Report], cname: &str) {
    let reports = &reports[..reports.len().min(31)];
    let kind = if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    let words = 1 + if sender.is_some() { 5 } else { 0 } + reports.len() * 6;
    head(out, reports.len(), kind, words);
    out.extend_from_slice(&ssrc.to_be_bytes());
    if let Some(sender) = sender {
        out.extend_from_slice(&sender.ntp.to_be_bytes());
        for field in [sender.timestamp, sender.packets, sender.octets] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }
    for report in reports {
        let lost = report.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let loss = (u32::from(report.fraction_lost) << 24) | lost;
        let fields = [report.ssrc, loss, report.highest, report.jitter, report.last_sender_report, report.delay];
        for field in fields {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }
    let mut end = cname.len().min(255);
    while !cname.is_char_boundary(end) {
        end -= 1;
    }
    let name = &cname.as_bytes()[..end];
    // §6.5: a chunk ends with one to four null bytes, at a multiple of four.
    let chunk = (4 + 2 + name.len() + 1).next_multiple_of(4);
    head(out, 1, SOURCE_DESCRIPTION, chunk / 4);
    let start = out.len();
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.push(CNAME);
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    out.resize(start + chunk, 0);
}

/// Append what we have to say of the peer's voice (RFC 3611).
pub fn write_voip(out: &mut Vec<u8>, ssrc: u32, metrics: &VoipMetrics) {
    head(out, 0, EXTENDED_REPORT, 10);
    out.extend_from_slice(&ssrc.to_be_bytes());
    metrics.write(out);
}

/// Append a goodbye: the last of a compound (RFC 3550 §6.1).
pub fn write_bye(out: &mut Vec<u8>, ssrc: u32) {
    head(out, 1, BYE, 1);
    out.extend_from_slice(&ssrc.to_be_bytes());
}

/// A canonical name for one session: 96 random bits in Base64, 16 characters (RFC 7022 §4.2).
pub fn random_cname(random: &mut impl Rng) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..16).map(|_| char::from(ALPHABET[(random.next_u32() >> 26) as usize])).collect()
}

/// Time since the session began as an NTP timestamp: without a wall clock RFC 3550 §6.4.1 allows the elapsed time.
pub fn ntp(elapsed: Duration) -> u64 {
    (elapsed.as_secs() << 32) | ((u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000)
}

/// The middle 32 bits of an NTP timestamp, as reports refer to it.
pub fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// Round trip by a report on us that came at `now` (RFC 3550 §6.4.1: A - LSR - DLSR); `None` when it refers to no
/// report of ours, or to one that we cannot have sent.
pub fn round_trip(now: Duration, report: &Report) -> Option<Duration> {
    if report.last_sender_report == 0 {
        return None;
    }
    let units = ntp_middle(ntp(now)).wrapping_sub(report.last_sender_report).wrapping_sub(report.delay);
    // The peer's rounding may make it slightly negative; more than a minute is nonsense.
    match units as i32 {
        units @ 0..0x3c_0000 => Some(Duration::from_micros((units as u64 * 1_000_000) >> 16)),
        -656..0 => Some(Duration::ZERO),
        _ => None,
    }
}

/// When to send the next report (RFC 3550 §6.2, §6.3.1, for two parties): 5 s or less at higher bandwidth, times a
/// random factor of 0.5 to 1.5, divided by e - 3/2.
pub fn interval(bits_per_second: u32, random: &mut impl Rng) -> Duration {
    let minimum = (360_000.0 / f64::from(bits_per_second.max(1))).clamp(1.0, 5.0);
    let factor = 0.5 + f64::from(random.next_u32()) / f64::from(u32::MAX);
    Duration::from_secs_f64(minimum * factor / 1.218_28)
}

fn head(out: &mut Vec<u8>, count: usize, kind: u8, words: usize) {
    out.extend_from_slice(&[0x80 | count as u8, kind, (words >> 8) as u8, words as u8]);
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn report(body: &[u8], count: usize, sends: bool) -> Option<Packet<'_>> {
    let ssrc = word(body, 0)?;
    let sender = if sends {
        Some(SenderInfo {
            ntp: (u64::from(word(body, 4)?) << 32) | u64::from(word(body, 8)?),
            timestamp: word(body, 12)?,
            packets: word(body, 16)?,
            octets: word(body, 20)?,
        })
    } else {
        None
    };
    let start = if sends { 24 } else { 4 };
    let mut reports = Vec::with_capacity(count);
    for at in (0..count).map(|index| start + index * 24) {
        let loss = word(body, at + 4)?;
        reports.push(Report {
            ssrc: word(body, at)?,
            fraction_lost: (loss >> 24) as u8,
            cumulative_lost: ((loss << 8) as i32) >> 8,
            highest: word(body, at + 8)?,
            jitter: word(body, at + 12)?,
            last_sender_report: word(body, at + 16)?,
            delay: word(body, at + 20)?,
        });
    }
    Some(Packet::Report { ssrc, sender, reports })
}

/// The chunks of a source description (RFC 3550 §6.5).
fn names<'a>(body: &'a [u8], count: usize, packets: &mut Vec<Packet<'a>>) -> Option<()> {
    let mut at = 0;
    for _ in 0..count {
        let ssrc = word(body, at)?;
        at += 4;
        loop {
            let kind = *body.get(at)?;
            if kind == 0 {
                at = (at + 1).next_multiple_of(4);
                break;
            }
            let length = usize::from(*body.get(at + 1)?);
            let value = body.get(at + 2..at + 2 + length)?;
            if kind == CNAME {
                packets.push(Packet::CanonicalName { ssrc, name: value });
            }
            at += 2 + length;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
