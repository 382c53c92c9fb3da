//! What the audio path costs: streams, a conference, calls on a core. `./dev bench media [--quick]`.
//!
//! Everything is virtual time on one thread. pjmedia has no package that a program here could be linked to, so its
//! figures are quoted, measured elsewhere: those ratios say the order of magnitude, no more. The codec by
//! itself is measured in turns with ours.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use denwa_benches::alloc;
use denwa_benches::table::{Table, median};
use media::bench::Conference;
use media::codec::{Decoder, Encoder};
use media::stream::Channel;
use media::{Codec, CodecConfig, Stream, StreamConfig, StreamId};

/// pjmedia, µs for a second of audio, by its own benchmark.
const PJMEDIA_STREAM: f64 = 28.0;
const PJMEDIA_CONFERENCE: f64 = 327.0;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 5 } else { 25 };
    let mut table = Table::new(["a second of", "µs", "beside", "µs", "ratio", "aim", "allocations"]);
    let mut row = |what: &str, (ours, allocations): (f64, i64), other: &str, theirs: f64, aim: &str| {
        let ratio = if theirs > 0.0 { format!("{:.2}", ours / theirs) } else { String::new() };
        let theirs = if theirs > 0.0 { format!("{theirs:.0}") } else { String::new() };
        table.row([
            what.into(),
            format!("{ours:.1}"),
            other.into(),
            theirs,
            ratio,
            aim.into(),
            allocations.to_string(),
        ]);
    };

    let pjmedia = "pjmedia, quoted";
    for codec in [Codec::Pcmu, Codec::Pcma] {
        row(&format!("{} stream, both ways", codec.name()), stream(codec, rounds), pjmedia, PJMEDIA_STREAM, "14");
    }
    row("conference of 16, mixing alone", conference(16, rounds), pjmedia, PJMEDIA_CONFERENCE, "160");
    row("conference of 2", conference(2, rounds), "", 0.0, "");
    row("conference of 64", conference(64, rounds), "", 0.0, "");
    let (call, codec) = opus(rounds);
    row("opus call, both ways", call, "libopus alone", codec, "1.25 ×");
    table.print("Audio, one thread (medians)");

    let mut table = Table::new([
        "opus calls on one core, complexity 9",
        "load",
        "longest tick, ms",
        "furthest behind, ms",
        "underruns",
    ]);
    for calls in if quick { vec![100] } else { vec![50, 100, 150] } {
        let load = calls_on_a_core(calls, if quick { 3 } else { 10 });
        table.row([
            calls.to_string(),
            format!("{:.0} %", load.share * 100.0),
            format!("{:.1}", load.longest.as_secs_f64() * 1e3),
            format!("{:.1}", load.behind.as_secs_f64() * 1e3),
            load.underruns.to_string(),
        ]);
    }
    table.print("Concurrent calls, each mixed with the user (a speaker's ring holds 20 ms; by this thread's CPU time)");
}

fn address(side: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side + 1], 4_000))
}

/// Speech enough for a codec: a tone of moving pitch and loudness.
fn voice(tick: usize) -> [f32; 480] {
    std::array::from_fn(|n| {
        let t = (tick * 480 + n) as f32 / 48_000.0;
        0.3 * (t * 900.0 + 3.0 * (t * 5.0).sin()).sin() * (t * 9.0).sin() + 0.05 * (t * 5_000.0).sin()
    })
}

/// A stream whose peer repeats to it what it says, as if it came from another.
struct Call {
    near: Stream,
    /// Packets of another stream for each tick of ten seconds.
    incoming: Vec<Vec<Vec<u8>>>,
    now: Instant,
    tick: usize,
    sent: usize,
}

const SECONDS: usize = 10;

impl Call {
    fn new(codec: Codec, number: u64) -> Call {
        let now = Instant::now();
        let stream = |side: u8| {
            let mut seed = [side; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            let mut stream = Stream::new(now, seed, StreamId(number));
            let payload_type = if codec == Codec::Opus { 96 } else { 0 };
            stream.configure(now, StreamConfig::new(address(1 - side), codec, payload_type)).unwrap();
            stream
        };
        let (near, mut far) = (stream(0), stream(1));
        let packets = |tick: usize| {
            far.capture(now + Duration::from_millis(10) * tick as u32, &voice(tick));
            std::iter::from_fn(|| far.poll_transmit()).filter(|t| t.channel == Channel::Rtp).map(|t| t.bytes).collect()
        };
        let incoming = (0..SECONDS * 100).map(packets).collect();
        Call { near, incoming, now, tick: 0, sent: 0 }
    }

    /// Ten milliseconds: hear, and say.
    fn hear(&mut self, heard: &mut [f32; 480]) {
        self.now += Duration::from_millis(10);
        for bytes in &self.incoming[self.tick % self.incoming.len()] {
            self.near.handle_rtp(self.now, address(1), bytes);
        }
        self.near.playout(self.now, heard);
        self.tick += 1;
    }

    fn say(&mut self, voice: &[f32; 480]) {
        self.near.capture(self.now, voice);
        while let Some(transmit) = self.near.poll_transmit() {
            self.sent += transmit.bytes.len();
            self.near.recycle(transmit);
        }
    }
}

/// Median of µs for a second, and allocations in one.
fn stream(codec: Codec, rounds: usize) -> (f64, i64) {
    let voices: Vec<_> = (0..100).map(voice).collect();
    let mut heard = [0.0; 480];
    let mut times = Vec::new();
    let mut allocations = i64::MAX;
    // What has been heard does not come twice: each call lasts as long as its packets.
    for _ in 0..rounds.div_ceil(SECONDS - 2) {
        let mut call = Call::new(codec, 1);
        for second in 0..SECONDS {
            let begun = Instant::now();
            let ((), counts) = alloc::counted(|| {
                for voice in &voices {
                    call.hear(black_box(&mut heard));
                    call.say(black_box(voice));
                }
            });
            if second >= 2 {
                times.push(begun.elapsed().as_secs_f64() * 1e6);
                allocations = allocations.min(counts.allocations);
            }
        }
        assert!(call.near.stats().packets_received > 490 && call.sent > 0);
    }
    (median(times), allocations)
}

fn conference(streams: usize, rounds: usize) -> (f64, i64) {
    let mut conference = Conference::new(streams);
    let voices: Vec<_> = (0..streams).map(|stream| voice(stream * 7).map(|sample| sample / 4.0)).collect();
    let mouth = voice(3);
    let mut times = Vec::new();
    let mut allocations = i64::MAX;
    for _ in 0..rounds * 10 {
        let begun = Instant::now();
        let ((), counts) = alloc::counted(|| {
            for _ in 0..100 {
                // The copy is part of it: pjmedia's ports give frames too.
                black_box(conference.tick(black_box(&mouth), |stream, said| *said = voices[stream]));
            }
        });
        times.push(begun.elapsed().as_secs_f64() * 1e6);
        allocations = allocations.min(counts.allocations);
    }
    (median(times), allocations)
}

/// Our call, and the same work by the codec alone, in turns.
fn opus(rounds: usize) -> ((f64, i64), f64) {
    let call = stream(Codec::Opus, rounds);
    let config = CodecConfig::new(Codec::Opus, 96);
    let (mut encoder, mut decoder) = (Encoder::new(&config).unwrap(), Decoder::new(Codec::Opus).unwrap());
    let (mut payload, mut heard) = (Vec::new(), Vec::new());
    let mut times = Vec::new();
    for _ in 0..rounds.max(10) {
        let voices: Vec<Vec<f32>> = (0..50).map(|frame| [voice(frame * 2), voice(frame * 2 + 1)].concat()).collect();
        let begun = Instant::now();
        for voice in &voices {
            encoder.encode(black_box(voice), &mut payload).unwrap();
            heard.clear();
            decoder.decode(&payload, &mut heard).unwrap();
        }
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    (call, median(times))
}

struct Load {
    /// Of a core.
    share: f64,
    longest: Duration,
    behind: Duration,
    underruns: usize,
}

/// So many calls in one thread, as the media thread makes them.
fn calls_on_a_core(count: usize, seconds: usize) -> Load {
    let mut calls: Vec<_> = (0..count).map(|number| Call::new(Codec::Opus, number as u64)).collect();
    let mut conference = Conference::new(count);
    // Calls begin when they begin: half of them fill their packets in the odd ticks.
    for (number, call) in calls.iter_mut().enumerate() {
        if number % 2 == 1 {
            call.near.capture(call.now, &[0.0; 480]);
        }
    }
    let mouth = voice(3);
    let (mut all, mut longest, mut behind, mut furthest) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut underruns = 0;
    let ticks = seconds.min(SECONDS) * 100;
    for tick in 0..ticks {
        let begun = cpu_time();
        black_box(conference.tick(&mouth, |stream, said| calls[stream].hear(said)));
        for (stream, call) in calls.iter_mut().enumerate() {
            call.say(conference.heard(stream));
        }
        let took = cpu_time() - begun;
        all += took;
        // The first packets of all streams come at once and make decoders.
        if tick > 50 {
            longest = longest.max(took);
            behind = (behind + took).saturating_sub(Duration::from_millis(10));
            furthest = furthest.max(behind);
            underruns += usize::from(behind > Duration::from_millis(20));
        }
    }
    Load { share: all.as_secs_f64() / (ticks as f64 / 100.0), longest, behind: furthest, underruns }
}

/// Of this thread: other programs on the machine do not count. Where the system does not tell, the wall clock.
fn cpu_time() -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = spent.and_then(|line| line.split_whitespace().next()?.parse().ok());
    match nanos {
        Some(nanos) => Duration::from_nanos(nanos),
        None => {
            static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
            BEGAN.get_or_init(Instant::now).elapsed()
        }
    }
}
