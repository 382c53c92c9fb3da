//! A stream has the rate of what it sends, or of what comes if that is better, and may have another at any time.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::pair::{Network, PERFECT, Pair, address};
use media::stream::Channel;
use media::{Codec, CodecConfig, Stream, StreamConfig, StreamId};

const ALL: [(u8, Codec); 4] = [(0, Codec::Pcmu), (8, Codec::Pcma), (9, Codec::G722), (96, Codec::Opus)];

/// Sends `codec`, receives those as well.
fn config(codec: Codec, others: &[Codec]) -> impl Fn(SocketAddr) -> StreamConfig {
    let payload_type = |codec: Codec| ALL.iter().find(|(_, known)| *known == codec).unwrap().0;
    let receive: Vec<_> = [codec].iter().chain(others).map(|codec| (payload_type(*codec), *codec)).collect();
    move |remote| StreamConfig { receive: receive.clone(), ..StreamConfig::new(remote, codec, payload_type(codec)) }
}

#[test]
fn it_is_that_of_what_is_sent_until_something_better_comes() {
    let now = Instant::now();
    let mut stream = Stream::new(now, [1; 32], StreamId(1));
    assert_eq!(stream.rate(), 48_000, "nothing is agreed");
    for (codec, others, rate) in [
        (Codec::Pcmu, vec![], 8_000),
        (Codec::Pcma, vec![Codec::Opus], 8_000),
        (Codec::G722, vec![Codec::Pcmu], 16_000),
        (Codec::Opus, vec![Codec::Pcmu], 48_000),
    ] {
        stream.configure(now, config(codec, &others)(address(1, Channel::Rtp))).unwrap();
        assert_eq!(stream.rate(), rate, "{codec:?} {others:?}");
    }
}

/// Both hear the other's tone, at the rate that their own stream has.
fn assert_tones(pair: &Pair, what: &str) {
    for (side, hertz) in [(0, 1_000.0), (1, 440.0)] {
        let (heard, rate) = (&pair.sides[side].heard, pair.sides[side].stream.rate());
        let tonality = common::tonality(&heard[heard.len() - rate as usize..], hertz, rate);
        assert!(tonality > 0.95, "{what}, side {side} at {rate}: {tonality} of {hertz} Hz");
    }
}

#[test]
fn a_peer_that_sends_something_better_is_heard_so() {
    let mut pair = Pair::new(1, PERFECT, config(Codec::Pcmu, &[Codec::Opus]));
    pair.run(Duration::from_secs(3));
    assert_eq!([0, 1].map(|side| pair.sides[side].stream.rate()), [8_000; 2], "Opus may come, and does not");
    let opus = config(Codec::Opus, &[Codec::Pcmu])(address(0, Channel::Rtp));
    pair.sides[1].stream.configure(pair.now, opus).unwrap();
    pair.run(Duration::from_secs(3));
    assert_eq!([0, 1].map(|side| pair.sides[side].stream.rate()), [48_000; 2]);
    assert_tones(&pair, "PCMU one way, Opus the other");
}

#[test]
fn a_new_agreement_changes_it_in_the_middle_of_a_call() {
    let network = Network { jitter: Duration::from_millis(30), ..PERFECT };
    let mut pair = Pair::new(2, network, config(Codec::Opus, &[Codec::Pcmu, Codec::G722]));
    pair.run(Duration::from_secs(3));
    let mut received = 0;
    for (codec, others, rate) in [
        (Codec::Pcmu, vec![], 8_000),
        (Codec::G722, vec![Codec::Pcmu], 16_000),
        (Codec::G722, vec![Codec::Opus], 16_000),
        (Codec::Opus, vec![], 48_000),
        // It was heard, and still may be.
        (Codec::Pcma, vec![Codec::Opus], 48_000),
        (Codec::Pcma, vec![Codec::Pcmu], 8_000),
    ] {
        for side in 0..2 {
            let config = config(codec, &others)(address(1 - side, Channel::Rtp));
            pair.sides[side].stream.configure(pair.now, config).unwrap();
            assert_eq!(pair.sides[side].stream.rate(), rate);
        }
        pair.run(Duration::from_secs(3));
        assert_tones(&pair, &format!("{codec:?} {others:?}"));
        let stats = pair.sides[0].stream.stats();
        assert!(stats.packets_received >= received + 145 && stats.codec == codec, "{stats:?}");
        assert!(stats.delay < Duration::from_millis(120), "{stats:?}");
        received = stats.packets_received;
    }
}

/// What was to sound still does, and nobody hears the seam: the same codec goes on at another rate.
#[test]
fn what_waits_is_not_lost_when_the_rate_changes() {
    for (codec, ticks) in
        [Codec::Pcmu, Codec::G722].into_iter().flat_map(|codec| (0..4).map(move |ticks| (codec, ticks)))
    {
        let mut pair = Pair::new(3, PERFECT, config(codec, &[Codec::Opus]));
        pair.run(Duration::from_millis(2_000 + 10 * ticks));
        let before = pair.sides[0].stream.rate();
        let opus = config(Codec::Opus, &[codec])(address(0, Channel::Rtp));
        pair.sides[1].stream.configure(pair.now, opus).unwrap();
        let mut last = 0.0;
        while pair.sides[0].stream.rate() == before {
            last = pair.sides[0].heard.pop().unwrap();
            pair.sides[0].heard.clear();
            pair.run(Duration::from_millis(10));
        }
        // What was heard last is the first tick at the new rate: it goes on where the one before stopped.
        let heard: Vec<f32> = [last].iter().chain(&pair.sides[0].heard).copied().collect();
        assert_eq!(heard.len(), 481);
        let steepest = 0.4 * std::f32::consts::TAU * 1_000.0 / before as f32 * 1.25 + 0.02;
        let most = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(most < steepest, "{codec:?} after {ticks}: {most}, not {steepest}");
    }
}

#[test]
fn keys_in_the_voice_are_heard_at_every_rate() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        let mut pair = Pair::new(4, PERFECT, |remote| StreamConfig {
            hear_tones: true,
            send: CodecConfig { bitrate: Some(32_000), ..config(codec, &[])(remote).send },
            ..config(codec, &[])(remote)
        });
        pair.sides[0].said = None;
        pair.run(Duration::from_secs(1));
        pair.sides[0].stream.send_dtmf("159D");
        pair.run(Duration::from_secs(2));
        let keys: String = pair.sides[1]
            .events
            .iter()
            .filter_map(|event| if let media::Event::Dtmf { digit, .. } = event { Some(*digit) } else { None })
            .collect();
        assert_eq!(keys, "159D", "{codec:?}");
    }
}
