//! A stream that says nothing keeps its way through a NAT open (RFC 6263), and one that hears such packets is not
//! disturbed by them.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::time::{Duration, Instant};

use common::pair::{PERFECT, Pair};
use media::stream::{Channel, Why};
use media::{Codec, Direction, Dtmf, Event, Stream, StreamConfig, StreamId, rtp};

const EVERY: Duration = Duration::from_secs(15);

fn quiet(direction: Direction) -> (Stream, Instant) {
    let now = Instant::now();
    let mut stream = Stream::new(now, [1; 32], StreamId(1));
    stream.configure(now, config(direction)).unwrap();
    (stream, now)
}

fn config(direction: Direction) -> StreamConfig {
    let dtmf = Some(Dtmf { send_pt: 127, receive_pt: 126, clock: 8_000 });
    StreamConfig { direction, dtmf, ..StreamConfig::new("192.0.2.1:4000".parse().unwrap(), Codec::Opus, 125) }
}

/// Payload types, sequence numbers and payload lengths of what goes to the RTP port.
fn sent(stream: &mut Stream) -> Vec<(u8, u16, usize)> {
    let transmits = std::iter::from_fn(|| stream.poll_transmit()).filter(|transmit| transmit.channel == Channel::Rtp);
    transmits
        .map(|transmit| {
            let packet = rtp::Packet::parse(&transmit.bytes).unwrap();
            (packet.payload_type, packet.sequence, packet.payload.len())
        })
        .collect()
}

#[test]
fn a_silent_stream_speaks_at_once_and_every_fifteen_seconds() {
    for direction in [Direction::Inactive, Direction::RecvOnly] {
        let (mut stream, now) = quiet(direction);
        stream.handle_timeout(now);
        let [(payload_type, first, 0)] = sent(&mut stream)[..] else { panic!("no packet") };
        assert_eq!(payload_type, 124, "the highest that was not agreed");
        stream.handle_timeout(now + EVERY - Duration::from_millis(1));
        assert_eq!(sent(&mut stream), []);
        stream.handle_timeout(now + EVERY);
        assert_eq!(sent(&mut stream), [(124, first.wrapping_add(1), 0)]);
    }
}

#[test]
fn a_stream_that_speaks_needs_none() {
    let (mut stream, mut now) = quiet(Direction::SendRecv);
    for _ in 0..2_000 {
        now += Duration::from_millis(10);
        stream.capture(now, &[0.1; 80]);
        assert!(stream.poll_timeout().is_some_and(|(_, why)| why != Why::KeepAlive));
        assert!(sent(&mut stream).iter().all(|(payload_type, _, _)| *payload_type == 125));
    }
    // Hold: fifteen seconds after the last voice.
    stream.configure(now, config(Direction::Inactive)).unwrap();
    stream.handle_timeout(now + Duration::from_secs(14));
    assert_eq!(sent(&mut stream), []);
    stream.handle_timeout(now + EVERY);
    assert_eq!(sent(&mut stream).len(), 1);
    // Another address: a way to be opened.
    let moved = StreamConfig { remote_rtp: "192.0.2.2:4000".parse().unwrap(), ..config(Direction::Inactive) };
    stream.configure(now + EVERY, moved).unwrap();
    sent(&mut stream);
    stream.handle_timeout(now + EVERY);
    assert_eq!(sent(&mut stream).len(), 1);
}

#[test]
fn the_other_end_takes_no_harm() {
    let config = |remote| StreamConfig::new(remote, Codec::Pcmu, 0);
    let mut pair = Pair::new(1, PERFECT, config);
    pair.run(Duration::from_secs(2));
    let hold = StreamConfig { direction: Direction::RecvOnly, ..pair.sides[0].stream.config().unwrap().clone() };
    let resume = pair.sides[0].stream.config().unwrap().clone();
    pair.sides[0].stream.configure(pair.now, hold).unwrap();
    pair.run(Duration::from_secs(50));
    pair.sides[0].stream.configure(pair.now, resume).unwrap();
    pair.run(Duration::from_secs(2));
    let stats = pair.sides[1].stream.stats();
    assert_eq!((stats.lost, stats.duplicates), (0, 0), "{stats:?}");
    let count = |wanted: fn(&Event) -> bool| pair.sides[1].events.iter().filter(|event| wanted(event)).count();
    let flowing = count(|event| matches!(event, Event::Flowing { .. }));
    let stalled = count(|event| matches!(event, Event::Stalled { .. }));
    assert_eq!((flowing, stalled), (2, 1), "a keep-alive is no voice");
    pair.sides[1].heard.clear();
    pair.run(Duration::from_secs(1));
    assert!(common::tonality(&pair.sides[1].heard, 440.0, pair.sides[1].stream.rate()) > 0.95);
}
