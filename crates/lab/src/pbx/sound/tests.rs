use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sdp::Direction;

use super::*;
use crate::pbx::tone::{ANNOUNCEMENT, MUSIC};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::from_seed([3; 32])
}

fn here() -> SocketAddr {
    "10.0.0.1:20000".parse().unwrap()
}

fn there() -> SocketAddr {
    "10.0.0.2:4000".parse().unwrap()
}

fn stream(encoding: &str, clock_rate: u32, direction: Direction) -> Stream {
    let (remote_rtp, remote_rtcp) = (there(), "10.0.0.2:4001".parse().unwrap());
    Stream {
        remote_rtp,
        remote_rtcp,
        payload_type: 9,
        encoding: encoding.to_owned(),
        clock_rate,
        events: vec![101],
        direction,
        formats: vec![],
    }
}

fn rtp(ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Packet {
    let builder = RtpPacketBuilder::new().payload_type(9).marked(sequence == 1).ssrc(ssrc);
    let bytes = builder.sequence(sequence.into()).timestamp(timestamp).payload(payload).build().unwrap();
    Packet::udp(there(), here(), bytes)
}

fn sent(sound: &mut Sound) -> Vec<Packet> {
    std::iter::from_fn(|| sound.poll_transmit()).collect()
}

#[test]
fn an_echo_keeps_payload_and_gaps_and_nothing_else_of_the_source() {
    let mut echo = Sound::echo(Instant::now(), here(), stream("G722", 8_000, Direction::SendRecv), rng());
    for (sequence, timestamp) in [(1, 160), (2, 320), (5, 800), (4, 640)] {
        echo.handle_packet(Instant::now(), &rtp(77, sequence, timestamp, &[sequence as u8]));
    }
    let out = sent(&mut echo);
    let read: Vec<_> = out.iter().map(|packet| RtpReader::new(&packet.bytes).unwrap()).collect();
    let base = (u16::from(read[0].sequence_number()), read[0].timestamp());
    let relative: Vec<_> = read
        .iter()
        .map(|rtp| (u16::from(rtp.sequence_number()).wrapping_sub(base.0), rtp.timestamp().wrapping_sub(base.1)))
        .collect();
    assert_eq!(relative, [(0, 0), (1, 160), (4, 640), (3, 480)]);
    assert!(read.iter().all(|rtp| rtp.ssrc() == read[0].ssrc() && rtp.ssrc() != 77 && rtp.payload_type() == 9));
    assert_eq!(read.iter().map(|rtp| rtp.payload()[0]).collect::<Vec<_>>(), [1, 2, 5, 4]);
    assert_eq!(read.iter().map(RtpReader::mark).collect::<Vec<_>>(), [true, false, false, false]);
    assert!(out.iter().all(|packet| packet.from == here() && packet.to == there()));
}

#[test]
fn a_new_source_goes_on_where_the_old_one_stopped() {
    let mut echo = Sound::echo(Instant::now(), here(), stream("PCMU", 8_000, Direction::SendRecv), rng());
    echo.handle_packet(Instant::now(), &rtp(1, 65_535, u32::MAX, &[0]));
    echo.handle_packet(Instant::now(), &rtp(2, 9, 9, &[0]));
    let out = sent(&mut echo);
    let read: Vec<_> = out.iter().map(|packet| RtpReader::new(&packet.bytes).unwrap()).collect();
    assert_eq!(read[1].sequence_number(), read[0].sequence_number().next());
    assert_eq!(read[1].timestamp().wrapping_sub(read[0].timestamp()), 160);
}

#[test]
fn an_echo_is_silent_while_the_peer_holds_and_deaf_to_strangers() {
    let mut echo = Sound::echo(Instant::now(), here(), stream("PCMU", 8_000, Direction::RecvOnly), rng());
    echo.handle_packet(Instant::now(), &rtp(1, 1, 1, &[0]));
    assert_eq!(sent(&mut echo), []);
    assert!(echo.renegotiate(stream("PCMU", 8_000, Direction::SendRecv)));
    echo.handle_packet(Instant::now(), &Packet { from: "10.0.0.9:4000".parse().unwrap(), ..rtp(1, 2, 2, &[0]) });
    echo.handle_packet(Instant::now(), &Packet { bytes: "no RTP".into(), ..rtp(1, 2, 2, &[0]) });
    assert_eq!(sent(&mut echo), []);
    echo.handle_packet(Instant::now(), &rtp(1, 3, 3, &[0]));
    assert_eq!(sent(&mut echo).len(), 1);
}

#[test]
fn a_tune_is_a_packet_every_20_ms_until_it_ends() {
    for (encoding, rate, step) in [("PCMU", 8_000, 160), ("opus", 48_000, 960)] {
        let start = Instant::now();
        let stream = stream(encoding, rate, Direction::SendRecv);
        let mut sound = Sound::play(start, here(), stream, ANNOUNCEMENT, rng()).unwrap();
        let mut times = Vec::new();
        let mut stamps = Vec::new();
        while !sound.is_over() {
            let due = sound.poll_timeout();
            sound.handle_timeout(due);
            for packet in sent(&mut sound).into_iter().filter(|packet| packet.to == there()) {
                times.push(due - start);
                stamps.push(RtpReader::new(&packet.bytes).unwrap().timestamp());
            }
        }
        assert_eq!(times.len() as u128, ANNOUNCEMENT.length().as_millis() / 20);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == FRAME));
        assert!(stamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step));
    }
}

#[test]
fn a_late_player_does_not_make_up_for_it() {
    let start = Instant::now();
    let stream = stream("PCMA", 8_000, Direction::SendRecv);
    let mut sound = Sound::play(start, here(), stream, MUSIC, rng()).unwrap();
    sound.handle_timeout(start + Duration::from_secs(3_600));
    let rtp = sent(&mut sound).into_iter().filter(|packet| packet.to == there()).count();
    assert_eq!(rtp, MAX_LATE as usize);
    assert_eq!(sound.poll_timeout(), start + Duration::from_secs(3_600) + FRAME);
}

#[test]
fn a_tune_in_an_encoding_that_nobody_makes_is_none() {
    assert!(Sound::play(Instant::now(), here(), stream("G722", 8_000, Direction::SendRecv), MUSIC, rng()).is_none());
}
