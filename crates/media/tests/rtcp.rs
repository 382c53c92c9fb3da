//! RTCP between two streams and against strangers: one port for both, VoIP metrics, SSRC collisions, names, seconds.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::pair::{Network, PERFECT, Pair};
use media::stream::{Channel, Transmit};
use media::{Codec, Event, History, Stream, StreamConfig, StreamId, rtcp, rtp};

fn config(codec: Codec) -> impl Fn(SocketAddr) -> StreamConfig {
    move |remote| StreamConfig::new(remote, codec, 96)
}

fn muxed(remote: SocketAddr) -> StreamConfig {
    // The RTCP address is nonsense: nothing may go there.
    let remote_rtcp = "203.0.113.1:9".parse().unwrap();
    StreamConfig { rtcp_mux: true, remote_rtcp, ..StreamConfig::new(remote, Codec::Opus, 96) }
}

#[test]
fn rtp_and_rtcp_share_a_port_where_agreed() {
    let mut pair = Pair::new(1, PERFECT, muxed);
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.from_rtcp, 0);
    for side in &pair.sides {
        let stats = side.stream.stats();
        assert!(stats.round_trip.is_some() && stats.remote_voip.is_some() && stats.dropped == 0, "{stats:?}");
    }
    pair.sides[0].stream.close(pair.now);
    pair.run(Duration::from_millis(100));
    assert!(pair.sides[1].events.iter().any(|event| matches!(event, Event::Bye { .. })));
}

#[test]
fn one_port_is_not_taken_unasked() {
    let mut pair = Pair::new(1, PERFECT, config(Codec::Opus));
    pair.run(Duration::from_secs(1));
    let bye = rtcp::build(5, None, &[], "x", true);
    let (now, from) = (pair.now, pair.sides[0].rtp);
    pair.sides[1].stream.handle_rtp(now, from, &bye);
    assert_eq!(pair.sides[1].stream.stats().dropped, 1);
}

#[test]
fn with_one_port_strangers_are_still_strangers() {
    let mut pair = Pair::new(1, PERFECT, muxed);
    pair.run(Duration::from_secs(1));
    let ssrc = ssrc(&mut pair.sides[0].stream, pair.now);
    let bye = rtcp::build(ssrc, None, &[], "x", true);
    let (now, peer) = (pair.now, pair.sides[0].rtp);
    let side = &mut pair.sides[1].stream;
    side.handle_rtp(now, "203.0.113.9:4000".parse().unwrap(), &bye);
    assert!(std::iter::from_fn(|| side.poll_event()).all(|event| !matches!(event, Event::Bye { .. })));
    side.handle_rtp(now, peer, &bye);
    assert!(std::iter::from_fn(|| side.poll_event()).any(|event| matches!(event, Event::Bye { .. })));
}

#[test]
fn the_peer_learns_how_it_is_heard() {
    let network = Network { loss: 0.1, ..PERFECT };
    let mut pair = Pair::new(3, network, config(Codec::Pcmu));
    pair.run(Duration::from_secs(60));
    let metrics = pair.sides[0].stream.stats().remote_voip.unwrap();
    assert!((18..36).contains(&metrics.loss_rate), "{metrics:?}");
    assert!(metrics.burst_density > 20 && metrics.burst_duration > 100 && metrics.gap_duration > 200, "{metrics:?}");
    assert!((35..60).contains(&metrics.round_trip) && metrics.end_system_delay > 20, "{metrics:?}");
    let (listening, conversation) = (metrics.mos_lq.unwrap(), metrics.mos_cq.unwrap());
    assert!((20..40).contains(&conversation) && listening >= conversation, "{metrics:?}");

    let mut silent =
        Pair::new(3, PERFECT, |remote| StreamConfig { voip_metrics: false, ..config(Codec::Pcmu)(remote) });
    silent.run(Duration::from_secs(20));
    assert_eq!(silent.sides[0].stream.stats().remote_voip, None);
}

#[test]
fn reports_that_come_alone_are_read_where_agreed() {
    for reduced in [false, true] {
        let agree = |remote| StreamConfig { rtcp_reduced: reduced, ..config(Codec::Opus)(remote) };
        let mut pair = Pair::new(4, PERFECT, agree);
        pair.run(Duration::from_secs(1));
        let ssrc = ssrc(&mut pair.sides[0].stream, pair.now);
        let mut bye = Vec::new();
        rtcp::write_bye(&mut bye, ssrc);
        let (now, from) = (pair.now, pair.sides[0].rtcp);
        pair.sides[1].stream.handle_rtcp(now, from, &bye);
        let mut events = std::iter::from_fn(|| pair.sides[1].stream.poll_event());
        assert_eq!(events.any(|event| matches!(event, Event::Bye { .. })), reduced);
    }
}

const PEER: ([u8; 4], u16) = ([192, 0, 2, 1], 4_000);

fn alone() -> (Stream, Instant) {
    let now = Instant::now();
    let mut stream = Stream::new(now, [1; 32], StreamId(1));
    stream.configure(now, StreamConfig::new(PEER.into(), Codec::Pcmu, 0)).unwrap();
    (stream, now)
}

fn ssrc(stream: &mut Stream, now: Instant) -> u32 {
    let sent = say(stream, now);
    rtp::Packet::parse(&sent.iter().find(|transmit| transmit.channel == Channel::Rtp).unwrap().bytes).unwrap().ssrc
}

fn say(stream: &mut Stream, now: Instant) -> Vec<Transmit> {
    stream.capture(now, &vec![0.1; stream.rate() as usize / 50]);
    std::iter::from_fn(|| stream.poll_transmit()).collect()
}

fn goodbyes(transmits: &[Transmit]) -> Vec<u32> {
    let rtcp = transmits.iter().filter(|transmit| transmit.channel == Channel::Rtcp);
    let packets = rtcp.flat_map(|transmit| rtcp::parse(&transmit.bytes).unwrap());
    packets.filter_map(|packet| if let rtcp::Packet::Bye { ssrc } = packet { Some(ssrc) } else { None }).collect()
}

#[test]
fn two_with_one_ssrc_part() {
    let (mut stream, now) = alone();
    let ours = ssrc(&mut stream, now);
    for sequence in 0..50u16 {
        let timestamp = u32::from(sequence) * 160;
        let payload = &[0x55; 160];
        let packet = rtp::Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: ours, payload };
        stream.handle_rtp(now + Duration::from_millis(20) * sequence.into(), PEER.into(), &packet.to_bytes());
    }
    let sent = say(&mut stream, now);
    assert_eq!(goodbyes(&sent), [ours]);
    assert_ne!(ssrc(&mut stream, now), ours);
    // The first is thrown away, the second is on probation; the SSRC is the peer's alone now.
    let stats = stream.stats();
    assert_eq!((stats.packets_received, stats.dropped), (49, 1));
    let looped = std::iter::from_fn(|| stream.poll_event()).any(|event| matches!(event, Event::Looped { .. }));
    assert!(!looped);
}

#[test]
fn our_own_packets_are_not_played_and_cost_one_goodbye() {
    let (mut stream, mut now) = alone();
    let (mut byes, mut names) = (0, std::collections::BTreeSet::new());
    let mut heard = [0.0; 80];
    for _ in 0..500 {
        now += Duration::from_millis(20);
        let sent = say(&mut stream, now);
        byes += goodbyes(&sent).len();
        for transmit in sent {
            let from = SocketAddr::from((PEER.0, PEER.1 + u16::from(transmit.channel == Channel::Rtcp)));
            if transmit.channel == Channel::Rtp {
                names.insert(rtp::Packet::parse(&transmit.bytes).unwrap().ssrc);
                stream.handle_rtp(now, from, &transmit.bytes);
            } else {
                stream.handle_rtcp(now, from, &transmit.bytes);
            }
        }
        if stream.poll_timeout().is_some_and(|(due, _)| due <= now) {
            stream.handle_timeout(now);
        }
        stream.playout(now, &mut heard);
        assert!(heard.iter().all(|sample| *sample == 0.0));
    }
    // RTP and RTCP come from two addresses, and either may be the first to tell.
    assert!((1..=2).contains(&byes) && names.len() == byes + 1, "{byes} goodbyes, {} names", names.len());
    let looped = std::iter::from_fn(|| stream.poll_event()).filter(|event| matches!(event, Event::Looped { .. }));
    assert_eq!(looped.count(), 1);
}

#[test]
fn a_strangers_collision_is_not_believed() {
    let (mut stream, now) = alone();
    let ours = ssrc(&mut stream, now);
    let packet =
        rtp::Packet { marker: false, payload_type: 0, sequence: 1, timestamp: 0, ssrc: ours, payload: &[0x55; 160] };
    for stranger in ["203.0.113.9:4000", "192.0.2.1:4001"] {
        stream.handle_rtp(now, stranger.parse().unwrap(), &packet.to_bytes());
    }
    stream.handle_rtcp(now, "203.0.113.9:4001".parse().unwrap(), &rtcp::build(ours, None, &[], "x", false));
    assert_eq!(ssrc(&mut stream, now), ours);
}

#[test]
fn a_name_is_made_up_once_for_each_stream_unless_there_is_one() {
    let name = |seed: u8, cname: &str| {
        let now = Instant::now();
        let mut stream = Stream::new(now, [seed; 32], StreamId(1));
        let config =
            |cname: &str| StreamConfig { cname: cname.into(), ..StreamConfig::new(PEER.into(), Codec::Pcmu, 0) };
        stream.configure(now, config(cname)).unwrap();
        stream.configure(now, config("changed")).unwrap();
        stream.handle_timeout(now + Duration::from_secs(6));
        let sent = std::iter::from_fn(|| stream.poll_transmit()).find(|transmit| transmit.channel == Channel::Rtcp);
        let bytes = sent.unwrap().bytes;
        let packets = rtcp::parse(&bytes).unwrap();
        let rtcp::Packet::CanonicalName { name, .. } = packets[1] else { panic!("{packets:?}") };
        String::from_utf8(name.into()).unwrap()
    };
    assert_eq!(name(1, "given"), "given");
    assert_eq!(name(1, "").len(), 16);
    assert_ne!(name(1, ""), name(2, ""));
}

#[test]
fn every_second_is_counted_once() {
    let network = Network { loss: 0.05, jitter: Duration::from_millis(30), ..PERFECT };
    let mut pair = Pair::new(5, network, config(Codec::Pcmu));
    let mut history = History::default();
    for second in 0..30 {
        pair.network.loss = if second == 20 { 0.8 } else { 0.02 };
        pair.run(Duration::from_secs(1));
        while let Some(second) = pair.sides[0].stream.poll_second() {
            history.push(second);
        }
    }
    let stats = pair.sides[0].stream.stats();
    let steps: Vec<_> = history.steps().copied().collect();
    assert!((29..=30).contains(&steps.len()), "{} seconds", steps.len());
    let sum = |field: fn(&media::Second) -> u32| steps.iter().map(field).map(u64::from).sum::<u64>();
    assert!(stats.packets_received - sum(|second| second.received) <= 55);
    assert!(sum(|second| second.lost).abs_diff(stats.lost) <= 5, "{} of {}", sum(|second| second.lost), stats.lost);
    let worst = steps.iter().enumerate().min_by(|a, b| a.1.mos.total_cmp(&b.1.mos)).unwrap();
    assert!((20..=21).contains(&worst.0) && worst.1.mos < 2.0, "{worst:?}");
    assert!(steps[25].mos > 3.5 && steps[25].jitter > 1.0 && steps[25].delay > 1.0, "{:?}", steps[25]);
}

/// Hold music has reports of its own: when the voice comes back it is not told by them how long a packet is on its way.
#[test]
fn the_reports_of_another_source_say_nothing_of_this_one() {
    let (mut stream, now) = alone();
    let hear = |stream: &mut Stream, ssrc: u32, from: u64| {
        for number in from..from + 100 {
            let sequence = u16::try_from(number).unwrap();
            let (timestamp, payload) = (u32::from(sequence) * 160, &[0x55; 160]);
            let packet = rtp::Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc, payload };
            stream.handle_rtp(now + Duration::from_millis(20) * number as u32, PEER.into(), &packet.to_bytes());
        }
    };
    let report = |stream: &mut Stream, at: u64| {
        let at = now + Duration::from_secs(at);
        stream.handle_timeout(at);
        let rtcp = std::iter::from_fn(|| stream.poll_transmit()).filter(|transmit| transmit.channel == Channel::Rtcp);
        let reports = rtcp.flat_map(|transmit| {
            let packets = rtcp::parse(&transmit.bytes).unwrap();
            let read = packets.into_iter().filter_map(|packet| match packet {
                rtcp::Packet::Report { reports, .. } => reports.first().copied(),
                _ => None,
            });
            read.collect::<Vec<_>>()
        });
        reports.last().map(|report| (report.ssrc, report.last_sender_report))
    };
    let (music, voice) = (7, 8);
    hear(&mut stream, music, 0);
    let mut bytes = Vec::new();
    let sender = rtcp::SenderInfo { ntp: 0x1234_5678_0000_0000, timestamp: 0, packets: 100, octets: 16_000 };
    rtcp::write(&mut bytes, music, Some(sender), &[], "music");
    stream.handle_rtcp(now + Duration::from_secs(2), (PEER.0, PEER.1 + 1).into(), &bytes);
    assert_eq!(report(&mut stream, 10), Some((music, 0x5678_0000)));
    hear(&mut stream, voice, 600);
    assert_eq!(report(&mut stream, 30), Some((voice, 0)));
}
