//! Bodies of the fuzz targets; `tests/corpus.rs` runs them on everything in `tests/corpus`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::{Codec, Dtmf, Stream, StreamConfig, StreamId, rtcp, rtp};

/// The most that an input sounds, in ticks of 10 ms; beyond it time goes on as if the device stood still. What is new in an
/// input is its packets, not how long it lasts.
const MAX_TICKS: u32 = 100;
/// So many ticks after each datagram the microphone speaks, one packet: encoding costs more than all else, and is no matter
/// of what is received.
const SPOKEN_TICKS: u32 = 2;

/// Datagrams for the RTP socket: the first byte says how far on each is, the second how long it is. Once with RTCP on
/// the same port, comfort noise and keys in the voice, and once without.
pub fn rtp(data: &[u8]) {
    rtp_written_alike(data);
    rtp_to(data, true);
    rtp_to(data, false);
}

/// As [`rtp`], but only one of the two, as the last byte says: for the fuzzer, which tries the other soon enough.
pub fn rtp_once(data: &[u8]) {
    rtp_written_alike(data);
    rtp_to(data, data.last().is_some_and(|byte| byte % 2 == 1));
}

fn rtp_written_alike(data: &[u8]) {
    if let Some(packet) = rtp::Packet::parse(data) {
        assert_eq!(rtp::Packet::parse(&packet.to_bytes()), Some(packet), "what is read is written alike");
    }
}

#[expect(clippy::disallowed_methods, reason = "only differences of it matter")]
fn rtp_to(data: &[u8], all: bool) {
    let mut now = Instant::now();
    let mut stream = stream(now, all);
    // The encoder is not what is tested.
    stream.set_complexity(0);
    let (mut rest, mut ticks) = (data, 0);
    while let [step, length, after @ ..] = rest {
        let (datagram, after) = after.split_at(usize::from(*length).min(after.len()));
        stream.handle_rtp(now, peer(), datagram);
        now += Duration::from_millis(u64::from(*step));
        let heard = u32::from(step / 10).min(MAX_TICKS - ticks);
        ticks += heard;
        for tick in 0..heard {
            let mut voice = vec![0.0; stream.rate() as usize / 100];
            stream.playout(now, &mut voice);
            // Not one check a sample: the fuzzer counts each.
            assert!(voice.iter().sum::<f32>().is_finite());
            if tick < SPOKEN_TICKS {
                stream.capture(now, &voice);
            }
        }
        rest = after;
    }
    drain(&mut stream, now);
}

/// Datagrams for the RTCP socket, each behind a byte that says how many words it is. Once with reduced size, and once
/// without.
pub fn rtcp(data: &[u8]) {
    if let Some(packets) = rtcp::parse(data) {
        assert_eq!(rtcp::parse_reduced(data), Some(packets), "what is whole is not less when reduced");
    }
    rtcp_to(data, true);
    rtcp_to(data, false);
}

#[expect(clippy::disallowed_methods, reason = "only differences of it matter")]
fn rtcp_to(data: &[u8], all: bool) {
    let mut now = Instant::now();
    let mut stream = stream(now, all);
    stream.handle_rtcp(now, peer(), data);
    let mut rest = data;
    while let [words, after @ ..] = rest {
        let (datagram, after) = after.split_at((usize::from(*words) * 4).min(after.len()));
        stream.handle_rtcp(now, peer(), datagram);
        now += Duration::from_millis(u64::from(*words) * 50);
        rest = after;
    }
    drain(&mut stream, now);
}

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000))
}

fn stream(now: Instant, all: bool) -> Stream {
    let mut stream = Stream::new(now, [0; 32], StreamId(1));
    let mut config = StreamConfig::new(peer(), Codec::Opus, 111);
    config.remote_rtcp = peer();
    config.receive = vec![(111, Codec::Opus), (0, Codec::Pcmu), (8, Codec::Pcma)];
    config.rtcp_mux = all;
    config.rtcp_reduced = all;
    config.hear_tones = all;
    if all {
        config.send.codec = Codec::Pcmu;
        config.comfort_noise = Some(13);
    }
    config.dtmf = Some(Dtmf { send_pt: 101, receive_pt: 101, clock: 8_000 });
    stream.configure(now, config).expect("the defaults of Opus are good");
    stream
}

fn drain(stream: &mut Stream, now: Instant) {
    stream.handle_timeout(now + Duration::from_secs(10));
    let stats = stream.stats();
    assert!((0.0..=1.0).contains(&stats.loss_fraction), "{stats:?}");
    assert!(stats.delay < Duration::from_secs(3), "{stats:?}");
    assert!(std::iter::from_fn(|| stream.poll_second()).count() <= 16);
    let (mut events, mut transmits) = (0, 0);
    while stream.poll_event().is_some() {
        events += 1;
    }
    while stream.poll_transmit().is_some() {
        transmits += 1;
    }
    assert!(events <= 300 && transmits <= 100);
}
