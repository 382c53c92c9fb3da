//! The jitter buffer on recorded and modelled arrivals: how long it holds the voice and how much it must make up.
//!
//! `tests/corpus/traces/NAME.csv` has `seq,arrival_ms` of 3,000 packets of 20 ms; packet `n` was sent at
//! `20 * (n + 1)` ms, a missing one was lost. The voice is asked for every 10 ms, 3 ms off the packets' beat.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use media::codec::Encoder;
use media::{Codec, CodecConfig, Stream, StreamConfig, StreamId, rtp};

/// Something like vowels: a pitch that wanders, harmonics, pauses.
fn voice(samples: usize) -> Vec<f32> {
    let mut phase = 0.0f64;
    (0..samples)
        .map(|n| {
            let time = n as f64 / 48_000.0;
            phase += (140.0 + 30.0 * (time * 3.0).sin() + 15.0 * (time * 7.3).sin()) / 48_000.0;
            let talks = (time * 0.9).sin() > -0.7;
            let sum: f64 = (1..8).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
            if talks { (0.2 * sum * (1.0 + 0.5 * (time * 25.0).sin())) as f32 } else { 0.0 }
        })
        .collect()
}

struct Result {
    /// Mean delay and its 95th percentile in ms, and the share of time made up.
    mean: f64,
    p95: f64,
    concealed: f64,
    late: u64,
    lost: u64,
}

fn run(path: &Path, loss: bool) -> Result {
    let text = std::fs::read_to_string(path).unwrap();
    let mut arrivals: Vec<(f64, usize)> = text
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap())
        .map(|(sequence, arrival)| (arrival.parse().unwrap(), sequence.parse().unwrap()))
        .collect();
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut encoder = Encoder::new(&CodecConfig::new(Codec::Opus, 96)).unwrap();
    encoder.set_loss(if loss { 0.05 } else { 0.0 });
    let voice = voice(3_000 * 960);
    let packets: Vec<Vec<u8>> = voice
        .chunks_exact(960)
        .map(|frame| {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload).unwrap();
            payload
        })
        .collect();

    let start = Instant::now();
    let from = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut stream = Stream::new(start, [1; 32], StreamId(1));
    stream.configure(start, StreamConfig::new(from, Codec::Opus, 96)).unwrap();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut delays = Vec::new();
    for tick in 0..6_000 {
        let time = f64::from(tick) * 10.0 + 3.0;
        while let Some((arrival, sequence)) = arrivals.next_if(|(arrival, _)| *arrival <= time) {
            let packet = rtp::Packet {
                marker: false,
                payload_type: 96,
                sequence: sequence as u16,
                timestamp: sequence as u32 * 960,
                ssrc: 7,
                payload: &packets[sequence],
            };
            stream.handle_rtp(start + Duration::from_secs_f64(arrival / 1_000.0), from, &packet.to_bytes());
        }
        let now = start + Duration::from_secs_f64(time / 1_000.0);
        if stream.poll_timeout().is_some_and(|(due, _)| due <= now) {
            stream.handle_timeout(now);
        }
        while stream.poll_transmit().is_some() || stream.poll_event().is_some() {}
        stream.playout(now, &mut [0.0; 480]);
        if tick > 200 {
            delays.push(stream.stats().delay.as_secs_f64() * 1_000.0);
        }
    }
    let stats = stream.stats();
    let mean = delays.iter().sum::<f64>() / delays.len() as f64;
    delays.sort_by(f64::total_cmp);
    Result {
        mean,
        p95: delays[delays.len() * 95 / 100],
        concealed: stats.concealed.as_secs_f64() / 60.0,
        late: stats.late,
        lost: stats.lost,
    }
}

fn table(names: &[&str], folder: &Path) -> (String, Vec<Result>) {
    let mut table = String::from("trace        mean   p95 ms  concealed  late  lost\n");
    let results: Vec<_> =
        names.iter().map(|name| run(&folder.join(format!("{name}.csv")), name.contains("_l"))).collect();
    for (name, result) in names.iter().zip(&results) {
        let Result { mean, p95, concealed, late, lost } = result;
        writeln!(table, "{name:<10} {mean:>6.1} {p95:>8.1} {:>8.2} % {late:>5} {lost:>5}", concealed * 100.0).unwrap();
    }
    (table, results)
}

#[test]
fn delay_and_concealment_stay_within_bounds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/traces");
    // Trace, most mean delay in ms, most concealment. Lost packets of j10_l5: 5.2 %.
    let bounds = [("clean", 25.0, 0.002), ("j10_l5", 75.0, 0.065), ("wifi", 160.0, 0.05)];
    let names: Vec<_> = bounds.iter().map(|bound| bound.0).collect();
    let (table, results) = table(&names, &folder);
    eprintln!("{table}");
    for ((name, delay, concealed), result) in bounds.iter().zip(&results) {
        assert!(result.mean < *delay && result.concealed < *concealed, "{name}\n{table}");
    }
}

/// `JITTER_TRACES=folder cargo test --test jitter_traces -- --ignored --nocapture` measures all traces of a folder.
#[test]
#[ignore = "a measurement, not a test"]
fn measure() {
    let folder = std::env::var_os("JITTER_TRACES").expect("JITTER_TRACES names the folder of the traces");
    let folder = Path::new(&folder);
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no trace in {}", folder.display());
    eprintln!("{}", table(&names.iter().map(String::as_str).collect::<Vec<_>>(), folder).0);
}
