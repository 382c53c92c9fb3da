//! Two streams talk over networks good and bad.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::time::Duration;

use common::pair::{Network, PERFECT, Pair, address};
use media::stream::Channel;
use media::{Codec, CodecConfig, Direction, Dtmf, Event, Stats, StreamConfig};

const BAD: Network =
    Network { delay: Duration::from_millis(40), jitter: Duration::from_millis(30), loss: 0.05, duplicate: 0.02 };

fn config(codec: Codec) -> impl Fn(std::net::SocketAddr) -> StreamConfig {
    move |remote| StreamConfig {
        dtmf: Some(Dtmf { send_pt: 101, receive_pt: 101, clock: 8_000 }),
        cname: "pair".into(),
        ..StreamConfig::new(remote, codec, 96)
    }
}

fn digits(events: &[Event]) -> String {
    let digit = |event: &Event| if let Event::Dtmf { digit, .. } = event { Some(*digit) } else { None };
    events.iter().filter_map(digit).collect()
}

/// Both hear the other's tone in the last `seconds`.
fn assert_tones(pair: &Pair, seconds: usize, least: f32) {
    for (side, hertz) in [(0, 1_000.0), (1, 440.0)] {
        let (heard, rate) = (&pair.sides[side].heard, pair.sides[side].stream.rate());
        let tonality = common::tonality(&heard[heard.len() - seconds * rate as usize..], hertz, rate);
        assert!(tonality > least, "side {side} hears {tonality} of {hertz} Hz");
    }
}

#[test]
fn a_perfect_network_carries_every_codec_unhurt() {
    for codec in [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma] {
        for ptime in [10, 20, 60] {
            let mut pair = Pair::new(1, PERFECT, |remote| StreamConfig {
                send: CodecConfig { ptime, ..CodecConfig::new(codec, 96) },
                ..config(codec)(remote)
            });
            pair.run(Duration::from_secs(4));
            assert_tones(&pair, 2, 0.98);
            let stats = pair.sides[0].stream.stats();
            assert_eq!((stats.lost, stats.late, stats.duplicates, stats.dropped), (0, 0, 0, 0), "{stats:?}");
            assert!(stats.concealed < Duration::from_millis(100), "{stats:?}");
            assert!(stats.delay < Duration::from_millis(40), "{codec:?} {ptime} ms: {stats:?}");
            assert!(stats.mos.is_some_and(|mos| mos > 4.2), "{stats:?}");
        }
    }
}

#[test]
fn reports_measure_the_round_trip_and_the_loss() {
    let mut pair = Pair::new(2, Network { loss: 0.1, ..PERFECT }, config(Codec::Opus));
    pair.run(Duration::from_secs(60));
    for side in &pair.sides {
        let stats = side.stream.stats();
        let round_trip = stats.round_trip.unwrap().as_millis();
        assert!((39..=61).contains(&round_trip), "{stats:?}");
        assert!((0.06..0.14).contains(&stats.loss_fraction), "{stats:?}");
        assert!(stats.remote_loss_fraction.is_some_and(|loss| loss > 0.02), "{stats:?}");
        assert!(stats.remote_jitter.is_some());
        assert!(side.events.iter().any(|event| matches!(event, Event::Quality { .. })));
    }
}

/// The peer's reports switch FEC on, what comes switches the receiver to wait for it, and what is lost is heard.
#[test]
fn reported_loss_brings_back_what_is_lost() {
    let made_up_of_lost = |fec: bool| {
        let mut pair = Pair::new(12, Network { loss: 0.1, ..PERFECT }, |remote| {
            let mut config = config(Codec::Opus)(remote);
            config.send.fec = fec;
            config
        });
        pair.run(Duration::from_secs(120));
        let stats = pair.sides[0].stream.stats();
        stats.concealed.as_secs_f64() / (stats.lost as f64 * 0.02)
    };
    let (with, without) = (made_up_of_lost(true), made_up_of_lost(false));
    // A tone is not always coded in the mode that has FEC.
    assert!(with < 0.75 && without > 0.95, "{with} of the lost packets made up with FEC, {without} without");
}

#[test]
fn a_bad_network_is_heard_through() {
    for (seed, codec, least) in [(3, Codec::Opus, 0.85), (4, Codec::Pcmu, 0.85)] {
        let mut pair = Pair::new(seed, BAD, config(codec));
        pair.run(Duration::from_secs(20));
        assert_tones(&pair, 10, least);
        let stats = pair.sides[0].stream.stats();
        assert!(stats.duplicates > 5 && (30..75).contains(&stats.lost), "{stats:?}");
        assert!(stats.delay > Duration::from_millis(15) && stats.delay < Duration::from_millis(90), "{stats:?}");
        assert!(stats.jitter > Duration::from_millis(3) && stats.jitter < Duration::from_millis(25), "{stats:?}");
        assert!(stats.mos.is_some_and(|mos| mos < 4.3), "{stats:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_call() {
    let run = || -> (Stats, Vec<f32>) {
        let mut pair = Pair::new(5, BAD, config(Codec::Opus));
        pair.run(Duration::from_secs(5));
        (pair.sides[1].stream.stats(), std::mem::take(&mut pair.sides[1].heard))
    };
    assert_eq!(run(), run());
}

#[test]
fn keys_arrive_once_each_under_loss() {
    for seed in 10..20 {
        let mut pair = Pair::new(seed, Network { loss: 0.2, ..BAD }, config(Codec::Opus));
        pair.run(Duration::from_secs(1));
        pair.sides[0].stream.send_dtmf("0123456789*#ABCD");
        pair.run(Duration::from_secs(6));
        assert_eq!(digits(&pair.sides[1].events), "0123456789*#ABCD", "seed {seed}");
        assert!(pair.sides[0].events.iter().any(|event| matches!(event, Event::DtmfSent { .. })));
    }
}

#[test]
fn without_events_keys_are_tones() {
    let mut pair = Pair::new(6, PERFECT, |remote| StreamConfig { dtmf: None, ..config(Codec::Pcmu)(remote) });
    pair.sides[0].said = None;
    pair.run(Duration::from_secs(2));
    pair.sides[1].heard.clear();
    pair.sides[0].stream.send_dtmf("1");
    pair.run(Duration::from_millis(400));
    let heard = &pair.sides[1].heard;
    let sounding: Vec<_> =
        heard.chunks_exact(80).filter(|piece| common::rms(piece) > 0.05).flatten().copied().collect();
    assert!((640..=960).contains(&sounding.len()), "{} samples", sounding.len());
    for hertz in [697.0, 1_209.0] {
        let share = common::share(&sounding[80..560], hertz, 8_000);
        assert!(share > 0.35, "{share} of {hertz} Hz");
    }
}

#[test]
fn directions_and_mute_are_obeyed() {
    let mut pair = Pair::new(7, PERFECT, config(Codec::Pcmu));
    pair.run(Duration::from_secs(2));
    let hold = |direction| StreamConfig { direction, ..config(Codec::Pcmu)(address(1, Channel::Rtp)) };
    pair.sides[0].stream.configure(pair.now, hold(Direction::SendOnly)).unwrap();
    pair.run(Duration::from_millis(500));
    pair.sides.iter_mut().for_each(|side| side.heard.clear());
    pair.run(Duration::from_secs(1));
    assert_eq!(common::rms(&pair.sides[0].heard), 0.0, "on hold the peer is not heard");
    assert!(common::rms(&pair.sides[1].heard) > 0.1);

    let sent = pair.sides[0].stream.stats().packets_sent;
    pair.sides[0].stream.configure(pair.now, hold(Direction::RecvOnly)).unwrap();
    pair.run(Duration::from_secs(2));
    assert_eq!(pair.sides[0].stream.stats().packets_sent, sent);
    pair.sides[0].heard.clear();
    pair.run(Duration::from_secs(1));
    assert!(common::tonality(&pair.sides[0].heard, 1_000.0, 8_000) > 0.95, "heard again after the hold");

    pair.sides[0].stream.configure(pair.now, hold(Direction::SendRecv)).unwrap();
    pair.sides[0].stream.set_muted(true);
    pair.run(Duration::from_secs(2));
    pair.sides[1].heard.clear();
    let sent = pair.sides[0].stream.stats().packets_sent;
    pair.run(Duration::from_secs(1));
    assert!(common::rms(&pair.sides[1].heard) < 0.001, "{}", common::rms(&pair.sides[1].heard));
    assert_eq!(pair.sides[0].stream.stats().packets_sent, sent + 50, "silence is sent");
}

#[test]
fn silence_of_the_peer_is_told_once_and_its_return_too() {
    let mut pair = Pair::new(8, PERFECT, config(Codec::Opus));
    pair.run(Duration::from_secs(2));
    pair.network.loss = 1.0;
    pair.run(Duration::from_millis(4_900));
    let stalled = |pair: &Pair| pair.sides[0].events.iter().filter(|e| matches!(e, Event::Stalled { .. })).count();
    assert_eq!(stalled(&pair), 0);
    pair.run(Duration::from_secs(20));
    assert_eq!(stalled(&pair), 1);
    pair.network.loss = 0.0;
    pair.run(Duration::from_secs(3));
    let flowing = pair.sides[0].events.iter().filter(|event| matches!(event, Event::Flowing { .. })).count();
    assert_eq!((stalled(&pair), flowing), (1, 2));
    assert_tones(&pair, 1, 0.95);
}

#[test]
fn a_goodbye_is_told() {
    let mut pair = Pair::new(9, PERFECT, config(Codec::Opus));
    pair.run(Duration::from_secs(1));
    pair.sides[0].stream.close(pair.now);
    pair.run(Duration::from_millis(100));
    assert!(pair.sides[1].events.iter().any(|event| matches!(event, Event::Bye { .. })));
}
