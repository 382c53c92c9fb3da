//! RTCP both ways, and the stream's numbers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::Rng;

use super::Stream;
use crate::config::{Codec, Event, Stats, StreamConfig};
use crate::quality;
use crate::rtcp::{self, Report, SenderInfo, VoipMetrics};

/// Voice heard before its quality is judged, in packets.
const ENOUGH: u64 = 50;
/// IPv4, UDP and RTP headers, in bytes a packet (RFC 3550 §6.2 counts them).
const HEADERS: u32 = 40;
/// The longest delay that the jitter buffer can have, in ms.
const LONGEST_BUFFER: u16 = 1_500;

#[derive(Debug, Default)]
pub(super) struct Reporter {
    pub(super) due: Option<Instant>,
    reported: bool,
    bandwidth: u32,
    /// What we had sent, and received from whom, at our last report.
    sent_prior: u64,
    received_prior: (u32, u64),
    /// The peer's last sender report: whose, the middle of its NTP time, and when it came.
    sender_report: Option<(u32, u32, Instant)>,
    round_trip: Option<Duration>,
    /// What the peer says of our packets: fraction lost and jitter in timestamp units.
    remote: Option<(f32, u32)>,
    voip: Option<VoipMetrics>,
    /// Packets and octets sent under SSRCs that we have given up.
    under_old_names: (u64, u64),
    /// The longest delay of the jitter buffer so far, in ms.
    longest: u16,
}

impl Reporter {
    pub(super) fn configure(&mut self, now: Instant, config: &StreamConfig, random: &mut impl Rng) {
        let voice = match config.send.codec {
            Codec::Opus => config.send.opus_bitrate(),
            Codec::G722 | Codec::Pcmu | Codec::Pcma | Codec::ComfortNoise => 64_000,
        };
        self.bandwidth = voice + HEADERS * 8 * 1_000 / config.send.frame_ms();
        if self.due.is_none() {
            // RFC 3550 §6.2: half the interval before the first report.
            self.due = Some(now + rtcp::interval(self.bandwidth, random) / 2);
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// We have another SSRC, of which nothing has been reported.
    pub(super) fn renamed(&mut self, packets: u64, octets: u64) {
        self.under_old_names = (packets, octets);
    }

    /// The first packet went out: §6.2 lets a unicast session report at once.
    pub(super) fn sent(&mut self, now: Instant) {
        if !self.reported {
            self.reported = true;
            self.due = Some(now);
        }
    }
}

impl Stream {
    /// A datagram came to the RTCP socket. Anything may be in it.
    pub fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let latch = self.config.as_ref().is_some_and(|config| config.latch);
        let believed = self.receiver.believes_rtcp(from, latch);
        self.read_rtcp(now, from, datagram, believed);
    }

    pub(super) fn read_rtcp(&mut self, now: Instant, from: SocketAddr, datagram: &[u8], believed: bool) {
        let packets = self.config.as_ref().filter(|_| believed).and_then(|config| match config.rtcp_reduced {
            true => rtcp::parse_reduced(datagram),
            false => rtcp::parse(datagram),
        });
        let Some(packets) = packets else {
            self.receiver.dropped += 1;
            return;
        };
        // What our own SSRC says is a loop or a collision; what is said of it is a report.
        let ours = self.sender.ssrc;
        if packets.iter().any(|packet| packet.says() == ours) {
            self.receiver.dropped += 1;
            return self.collide(now, from);
        }
        let mut measured = false;
        for packet in packets {
            match packet {
                rtcp::Packet::Report { ssrc, sender, reports } => {
                    if let Some(sender) = sender
                        && self.receiver.source.as_ref().is_none_or(|source| source.ssrc() == ssrc)
                    {
                        self.reporter.sender_report = Some((ssrc, rtcp::ntp_middle(sender.ntp), now));
                    }
                    for report in reports.iter().filter(|report| report.ssrc == ours) {
                        self.handle_report(now, report);
                        measured = true;
                    }
                }
                rtcp::Packet::Bye { ssrc } => {
                    if self.receiver.source.as_ref().is_some_and(|source| source.ssrc() == ssrc) {
                        self.event(Event::Bye { stream: self.id });
                    }
                }
                rtcp::Packet::Voip { metrics, .. } if metrics.ssrc == ours => self.reporter.voip = Some(metrics),
                rtcp::Packet::CanonicalName { .. } | rtcp::Packet::Voip { .. } => {}
            }
        }
        if measured {
            let stats = Box::new(self.stats());
            self.event(Event::Quality { stream: self.id, stats });
        }
    }

    fn handle_report(&mut self, now: Instant, report: &Report) {
        let elapsed = now.saturating_duration_since(self.began);
        if let Some(round_trip) = rtcp::round_trip(elapsed, report) {
            self.reporter.round_trip = Some(round_trip);
        }
        let fraction = f32::from(report.fraction_lost) / 256.0;
        self.reporter.remote = Some((fraction, report.jitter));
        self.sender.adapt(fraction);
    }

    /// Send a report, with goodbye when asked.
    pub(super) fn report(&mut self, now: Instant, bye: bool) {
        let Some(config) = &self.config else { return };
        let reporter = &mut self.reporter;
        let elapsed = now.saturating_duration_since(self.began);
        let sends = self.sender.packets > reporter.sent_prior;
        reporter.sent_prior = self.sender.packets;
        let sender = sends.then(|| SenderInfo {
            ntp: rtcp::ntp(elapsed),
            timestamp: self.sender.timestamp_at(now, config.send.codec.clock_rate()),
            packets: (self.sender.packets - reporter.under_old_names.0) as u32,
            octets: (self.sender.octets - reporter.under_old_names.1) as u32,
        });
        let source = self
            .receiver
            .source
            .as_mut()
            .filter(|source| (source.ssrc(), source.received()) != reporter.received_prior);
        let report = source.map(|source| {
            reporter.received_prior = (source.ssrc(), source.received());
            let fraction_lost = source.fraction_lost();
            // One of another source that spoke meanwhile says nothing about this one's.
            let theirs = reporter.sender_report.filter(|(ssrc, ..)| *ssrc == source.ssrc());
            let (last_sender_report, delay) = theirs.map_or((0, 0), |(_, middle, came)| {
                let delay = now.saturating_duration_since(came).as_micros() as u64;
                (middle, ((delay << 16) / 1_000_000) as u32)
            });
            Report {
                ssrc: source.ssrc(),
                fraction_lost,
                cumulative_lost: source.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
                // Our cycles begin at one, to number packets from before the first.
                highest: (source.extended_max() as u32).wrapping_sub(1 << 16),
                jitter: source.jitter(),
                last_sender_report,
                delay,
            }
        });
        reporter.due = Some(now + rtcp::interval(reporter.bandwidth, &mut self.random));
        reporter.reported = true;
        let ssrc = self.sender.ssrc;
        let heard = report.filter(|_| config.voip_metrics).map(|report| report.ssrc);
        let mut bytes = Vec::with_capacity(160);
        rtcp::write(&mut bytes, ssrc, sender, report.as_slice(), &self.cname);
        if let Some(heard) = heard {
            let metrics = self.voip_metrics(heard);
            rtcp::write_voip(&mut bytes, ssrc, &metrics);
        }
        if bye {
            rtcp::write_bye(&mut bytes, ssrc);
        }
        self.transmit_rtcp(now, bytes);
    }

    /// How we hear the peer, for the peer.
    fn voip_metrics(&mut self, ssrc: u32) -> VoipMetrics {
        let stats = self.stats();
        let pattern = self.receiver.bursts.pattern();
        let ptime = self.config.as_ref().map_or(20, |config| config.send.frame_ms());
        let ms = |duration: Duration| u16::try_from(duration.as_millis()).unwrap_or(u16::MAX);
        let share = |share: f32| (share * 256.0).clamp(0.0, 255.0) as u8;
        let packets = |packets: f32| (packets * ptime as f32).clamp(0.0, 65_535.0) as u16;
        let call = self.quality(stats.codec, pattern.lost + pattern.discarded, pattern.ratio);
        let known = stats.mos.is_some();
        let tenths = |rating: f32| known.then_some((quality::mos(rating) * 10.0).round() as u8);
        let delay = ms(stats.delay);
        self.reporter.longest = self.reporter.longest.max(delay);
        VoipMetrics {
            ssrc,
            loss_rate: share(pattern.lost),
            discard_rate: share(pattern.discarded),
            burst_density: share(pattern.burst_density),
            gap_density: share(pattern.gap_density),
            burst_duration: packets(pattern.burst_length),
            gap_duration: packets(pattern.gap_length),
            round_trip: ms(stats.round_trip.unwrap_or_default()),
            end_system_delay: delay.saturating_add(ptime as u16),
            r_factor: known.then_some(call.rating() as u8),
            mos_lq: tenths(call.listening()),
            mos_cq: tenths(call.rating()),
            buffer_nominal: delay,
            buffer_maximum: self.reporter.longest,
            buffer_limit: LONGEST_BUFFER,
        }
    }

    /// How the stream is doing.
    pub fn stats(&self) -> Stats {
        let receiver = &self.receiver;
        let tally = receiver.playout.tally();
        let sends = self.config.as_ref().map_or(Codec::Opus, |config| config.send.codec);
        let codec = receiver.codec.unwrap_or(sends);
        let units = |units: u32, codec: Codec| {
            Duration::from_micros(u64::from(units) * 1_000_000 / u64::from(codec.clock_rate()))
        };
        let (received, lost, jitter) =
            receiver.source.as_ref().map_or((0, 0, 0), |source| (source.received(), source.lost(), source.jitter()));
        // RFC 3550 A.3 lets duplicates hide losses; people want the losses.
        let lost = (lost + receiver.lost_before + tally.duplicates as i64).max(0) as u64;
        let received = received + receiver.received_before;
        let expected = (received + lost).saturating_sub(tally.duplicates).max(1);
        let share = |count: u64| (count as f32 / expected as f32).min(1.0);
        let delay = Duration::from_micros(receiver.playout.delay());
        let bursts = receiver.bursts.pattern().ratio;
        let call = self.quality(codec, share(lost + tally.late), bursts);
        let mos = (received >= ENOUGH).then(|| quality::mos(call.rating()));
        Stats {
            codec,
            packets_sent: self.sender.packets,
            octets_sent: self.sender.octets,
            packets_received: received,
            octets_received: receiver.octets,
            lost,
            late: tally.late,
            duplicates: tally.duplicates,
            dropped: receiver.dropped,
            concealed: Duration::from_micros(tally.concealed * 1_000 / 48),
            loss_fraction: share(lost),
            remote_loss_fraction: self.reporter.remote.map(|(fraction, _)| fraction),
            jitter: units(jitter, codec),
            remote_jitter: self.reporter.remote.map(|(_, jitter)| units(jitter, sends)),
            round_trip: self.reporter.round_trip,
            delay,
            mos,
            remote_voip: self.reporter.voip,
            remote: receiver.remote_rtp(),
            level_out: self.out.level(),
            level_in: self.heard.level(),
        }
    }
}
