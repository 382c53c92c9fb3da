//! Ten other networks of each kind that the sound bench measures: what holds on one seed must hold on all.
//!
//! `jN`: delays are the sum of two exponentials of N/√2 ms; packets stay in order, or not. Loss is Gilbert-Elliott.
//! `wifi`: 5 ms of jitter, with stalls of 150 to 400 ms, every 10 s or so. The peer's clock may be off by 500 ppm.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::codec::Encoder;
use media::{Codec, CodecConfig, Stream, StreamConfig, StreamId, rtp};

const SEEDS: u64 = 10;
const PACKETS: usize = 3_000;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[derive(Clone, Copy)]
struct Network {
    name: &'static str,
    jitter: f64,
    loss: f64,
    ordered: bool,
    ppm: f64,
    stalls: bool,
    /// What the buffer may add in the mean, in ms.
    delay: f64,
    /// What may be made up beyond what is lost, as a share of the time.
    concealed: f64,
}

const PLAIN: Network =
    Network { name: "", jitter: 0.0, loss: 0.0, ordered: true, ppm: 0.0, stalls: false, delay: 0.0, concealed: 0.0 };

const NETWORKS: [Network; 12] = [
    Network { name: "clean", delay: 20.0, concealed: 0.001, ..PLAIN },
    Network { name: "j10", jitter: 10.0, delay: 64.0, concealed: 0.01, ..PLAIN },
    Network { name: "j10_l1", jitter: 10.0, loss: 0.01, delay: 64.0, concealed: 0.01, ..PLAIN },
    Network { name: "j10_l5", jitter: 10.0, loss: 0.05, delay: 66.0, concealed: 0.01, ..PLAIN },
    Network { name: "j10_l10", jitter: 10.0, loss: 0.10, delay: 68.0, concealed: 0.01, ..PLAIN },
    Network { name: "j30", jitter: 30.0, delay: 170.0, concealed: 0.02, ..PLAIN },
    Network { name: "j30reord", jitter: 30.0, ordered: false, delay: 160.0, concealed: 0.02, ..PLAIN },
    Network { name: "j60", jitter: 60.0, delay: 350.0, concealed: 0.03, ..PLAIN },
    Network { name: "j60_l10", jitter: 60.0, loss: 0.10, delay: 350.0, concealed: 0.03, ..PLAIN },
    Network { name: "j10_p500", jitter: 10.0, ppm: 500.0, delay: 68.0, concealed: 0.015, ..PLAIN },
    Network { name: "j10_m500", jitter: 10.0, ppm: -500.0, delay: 68.0, concealed: 0.015, ..PLAIN },
    Network { name: "wifi", jitter: 5.0, loss: 0.005, stalls: true, delay: 60.0, concealed: 0.04, ..PLAIN },
];

/// When each packet comes, in ms, in the order of coming.
fn arrivals(network: &Network, seed: u64) -> Vec<(f64, usize)> {
    let mut random = Random(seed);
    let (mut before, mut stall, mut bad) = (0.0f64, (0.0, 0.0), false);
    let mut arrivals = Vec::new();
    for packet in 0..PACKETS {
        let sent = 20.0 * (packet + 1) as f64 * (1.0 - network.ppm * 1e-6);
        let mean = network.jitter / std::f64::consts::SQRT_2;
        let mut at = sent + random.exponential(mean) + random.exponential(mean);
        if network.stalls && sent > stall.1 + 1_000.0 && random.unit() < 0.002 {
            stall = (sent, sent + 150.0 + 250.0 * random.unit());
        }
        if sent >= stall.0 && at < stall.1 {
            at = stall.1 + random.unit() * 0.5;
        }
        if network.ordered {
            at = at.max(before);
            before = at;
        }
        // A burst of loss is 1.75 packets long.
        let leaves = 1.0 / 1.75;
        let enters = network.loss * leaves / (1.0 - network.loss);
        bad = if bad { random.unit() >= leaves } else { random.unit() < enters };
        if !bad {
            arrivals.push((at, packet));
        }
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    arrivals
}

struct Heard {
    /// Mean delay of the first and the second half, after the first seconds, in ms.
    halves: [f64; 2],
    /// Shares of the time.
    concealed: f64,
    lost: f64,
}

fn hear(network: &Network, seed: u64, payload: &[u8]) -> Heard {
    let start = Instant::now();
    let from = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut stream = Stream::new(start, [1; 32], StreamId(1));
    stream.configure(start, StreamConfig::new(from, Codec::Pcmu, 0)).unwrap();
    let mut arrivals = arrivals(network, seed).into_iter().peekable();
    let (mut halves, ticks) = ([0.0; 2], PACKETS * 2);
    for tick in 0..ticks {
        let time = tick as f64 * 10.0 + 3.0;
        while let Some((arrival, packet)) = arrivals.next_if(|(arrival, _)| *arrival <= time) {
            let packet = rtp::Packet {
                marker: false,
                payload_type: 0,
                sequence: packet as u16,
                timestamp: packet as u32 * 160,
                ssrc: 7,
                payload,
            };
            stream.handle_rtp(start + Duration::from_secs_f64(arrival / 1_000.0), from, &packet.to_bytes());
        }
        while stream.poll_transmit().is_some() || stream.poll_event().is_some() {}
        stream.playout(start + Duration::from_secs_f64(time / 1_000.0), &mut [0.0; 80]);
        if tick >= 400 {
            halves[tick * 2 / ticks] += stream.stats().delay.as_secs_f64() * 1_000.0;
        }
    }
    halves[0] /= (ticks / 2 - 400) as f64;
    halves[1] /= (ticks / 2) as f64;
    let stats = stream.stats();
    Heard {
        halves,
        concealed: stats.concealed.as_secs_f64() / (PACKETS as f64 * 0.02),
        lost: stats.lost as f64 / PACKETS as f64,
    }
}

#[test]
fn delay_and_concealment_stay_within_bounds_and_nothing_grows() {
    // Silence: the delay is changed whenever the buffer wants, and G.711 costs no time.
    let mut payload = Vec::new();
    Encoder::new(&CodecConfig::new(Codec::Pcmu, 0)).unwrap().encode(&[0.0; 960], &mut payload).unwrap();
    let mut failures = Vec::new();
    for network in &NETWORKS {
        let mut worst = (0.0f64, 0.0f64);
        for seed in 1..=SEEDS {
            let Heard { halves, concealed, lost } = hear(network, seed, &payload);
            let mean = (halves[0] + halves[1]) / 2.0;
            worst = (worst.0.max(mean), worst.1.max(concealed - lost));
            let grows = halves[1] - halves[0] > 15.0 + network.delay / 4.0;
            if mean > network.delay || concealed - lost > network.concealed || grows {
                let (name, beyond) = (network.name, (concealed - lost) * 100.0);
                failures.push(format!("{name} seed {seed}: {halves:.0?} ms, {beyond:.2} % made up beyond the lost"));
            }
        }
        eprintln!("{:<9} at worst {:>4.0} ms, {:.2} % made up beyond the lost", network.name, worst.0, worst.1 * 100.0);
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// A clock that is off by 500 ppm is 900 ms off after half an hour; the buffer never is.
#[test]
fn half_an_hour_with_a_wrong_clock() {
    for ppm in [-500.0, 500.0] {
        let start = Instant::now();
        let from = SocketAddr::from(([192, 0, 2, 1], 4_000));
        let mut stream = Stream::new(start, [1; 32], StreamId(1));
        stream.configure(start, StreamConfig::new(from, Codec::Pcmu, 0)).unwrap();
        let (mut packet, mut longest) = (0usize, 0.0f64);
        for tick in 0..180_000 {
            let time = f64::from(tick) * 10.0 + 3.0;
            while 20.0 * (packet + 1) as f64 * (1.0 - ppm * 1e-6) <= time {
                let rtp = rtp::Packet {
                    marker: false,
                    payload_type: 0,
                    sequence: packet as u16,
                    timestamp: packet as u32 * 160,
                    ssrc: 7,
                    payload: &[0xff; 160],
                };
                stream.handle_rtp(start + Duration::from_secs_f64(time / 1_000.0), from, &rtp.to_bytes());
                packet += 1;
            }
            while stream.poll_transmit().is_some() || stream.poll_event().is_some() {}
            stream.playout(start + Duration::from_secs_f64(time / 1_000.0), &mut [0.0; 80]);
            if tick > 1_000 {
                longest = longest.max(stream.stats().delay.as_secs_f64() * 1_000.0);
            }
        }
        let stats = stream.stats();
        assert!(longest < 40.0 && stats.late == 0, "{ppm} ppm: {longest} ms, {stats:?}");
        assert!(stats.concealed < Duration::from_secs(5), "{ppm} ppm: {:?}", stats.concealed);
    }
}
