//! Bodies of the fuzz targets; `tests/corpus.rs` runs them on everything in `tests/corpus`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::{Codec, Dtmf, Stream, StreamConfig, StreamId, rtcp, rtp};

/// Datagrams for the RTP socket: the first byte says how far on each is, the second how long it is.
#[expect(clippy::disallowed_methods, reason = "only differences of it matter")]
pub fn rtp(data: &[u8]) {
    if let Some(packet) = rtp::Packet::parse(data) {
        assert_eq!(rtp::Packet::parse(&packet.to_bytes()), Some(packet), "what is read is written alike");
    }
    let mut now = Instant::now();
    let mut stream = stream(now);
    let mut rest = data;
    while let [step, length, after @ ..] = rest {
        let (datagram, after) = after.split_at(usize::from(*length).min(after.len()));
        stream.handle_rtp(now, peer(), datagram);
        now += Duration::from_millis(u64::from(*step));
        for _ in 0..step / 10 {
            let mut voice = [0.0; 480];
            stream.playout(now, &mut voice);
            assert!(voice.iter().all(|sample| sample.is_finite()));
        }
        rest = after;
    }
    drain(&mut stream, now);
}

/// Datagrams for the RTCP socket, each behind a byte that says how many words it is.
#[expect(clippy::disallowed_methods, reason = "only differences of it matter")]
pub fn rtcp(data: &[u8]) {
    let _ = rtcp::parse(data);
    let mut now = Instant::now();
    let mut stream = stream(now);
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

fn stream(now: Instant) -> Stream {
    let mut stream = Stream::new(now, [0; 32], StreamId(1));
    let mut config = StreamConfig::new(peer(), Codec::Opus, 111);
    config.remote_rtcp = peer();
    config.receive = vec![(111, Codec::Opus), (0, Codec::Pcmu), (8, Codec::Pcma)];
    config.dtmf = Some(Dtmf { send_pt: 101, receive_pt: 101, clock: 8_000 });
    stream.configure(now, config).expect("the defaults of Opus are good");
    stream
}

fn drain(stream: &mut Stream, now: Instant) {
    stream.handle_timeout(now + Duration::from_secs(10));
    let stats = stream.stats();
    assert!((0.0..=1.0).contains(&stats.loss_fraction), "{stats:?}");
    let (mut events, mut transmits) = (0, 0);
    while stream.poll_event().is_some() {
        events += 1;
    }
    while stream.poll_transmit().is_some() {
        transmits += 1;
    }
    assert!(events <= 300 && transmits <= 100);
}
