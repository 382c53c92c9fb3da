//! What the audio path costs: streams, a conference, calls on a core. `./dev bench media [--quick]`.
//!
//! | row | a second of what |
//! |---|---|
//! | stream, both ways | fifty packets in (parsed, buffered, decoded, played) and fifty out (encoded, written), voice at the stream's own rate: 8 kHz for G.711, 16 for G.722, 48 for Opus |
//! | … over a jittery network | the same, but packets come up to 20 ms late, each by another time: what a network costs |
//! | conference of 16 at a rate | what mixing costs: sixteen voices copied in and added, sixteen taken out without their own; nobody at a microphone |
//! | … and the user | the same, and microphone and speaker at 48 kHz: below that, one conversion each way |
//! | mixed conference | eight at 8 kHz, four at 16, four at 48, and the user |
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
use media::bench::{Conference, TICK};
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
        row(&format!("{} stream, both ways", codec.name()), stream(codec, rounds, 0), pjmedia, PJMEDIA_STREAM, "14");
    }
    row("G722 stream, both ways", stream(Codec::G722, rounds, 0), "", 0.0, "");
    row("PCMU stream, over a jittery network", stream(Codec::Pcmu, rounds, 20_000), "", 0.0, "");
    let user = true;
    let of = |count: usize, rate: u32, user: bool| conference(&vec![rate; count], user, rounds);
    row("conference of 16 at 8 kHz", of(16, 8_000, !user), pjmedia, PJMEDIA_CONFERENCE, "160");
    row("conference of 16 at 8 kHz and the user", of(16, 8_000, user), "", 0.0, "");
    row("conference of 16 at 48 kHz and the user", of(16, 48_000, user), "", 0.0, "");
    let mixed: Vec<_> = [8_000; 8].into_iter().chain([16_000; 4]).chain([48_000; 4]).collect();
    row("mixed conference of 16 and the user", conference(&mixed, user, rounds), "", 0.0, "");
    row("call at 8 kHz and the user", of(1, 8_000, user), "", 0.0, "");
    row("bridge of 2 at 8 kHz", of(2, 8_000, !user), "", 0.0, "");
    row("conference of 2 at 48 kHz and the user", of(2, 48_000, user), "", 0.0, "");
    row("conference of 64 at 48 kHz and the user", of(64, 48_000, user), "", 0.0, "");
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
    table.print("Concurrent calls, each mixed with the user (a speaker's ring holds 15 ms; by this thread's CPU time)");
}

fn address(side: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side + 1], 4_000))
}

/// Speech enough for a codec: a tone of moving pitch and loudness. A tick of it at a rate is at the front.
fn voice(tick: usize, rate: u32) -> [f32; TICK] {
    std::array::from_fn(|n| {
        let t = tick as f32 / TICKS as f32 + n as f32 / rate as f32;
        0.3 * (t * 900.0 + 3.0 * (t * 5.0).sin()).sin() * (t * 9.0).sin() + 0.05 * (t * 5_000.0).sin()
    })
}

/// A stream whose peer repeats to it what it says, as if it came from another.
struct Call {
    near: Stream,
    /// Packets of another stream for each tick of ten seconds.
    incoming: Vec<Vec<Vec<u8>>>,
    /// How late they are, at most, in µs.
    jitter: u64,
    now: Instant,
    tick: usize,
    sent: usize,
}

const SECONDS: usize = 10;
/// In a second, and how long one is.
const TICKS: usize = 48_000 / TICK;
const TIME: Duration = Duration::from_nanos(1_000_000_000 / TICKS as u64);

impl Call {
    fn new(codec: Codec, number: u64, jitter: u64) -> Call {
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
        let rate = near.rate();
        let packets = |tick: usize| {
            let voice = &voice(tick, rate)[..rate as usize / TICKS];
            far.capture(now + TIME * tick as u32, voice);
            std::iter::from_fn(|| far.poll_transmit()).filter(|t| t.channel == Channel::Rtp).map(|t| t.bytes).collect()
        };
        let incoming = (0..SECONDS * TICKS).map(packets).collect();
        Call { near, incoming, jitter, now, tick: 0, sent: 0 }
    }

    /// A tick at the stream's rate.
    fn length(&self) -> usize {
        self.near.rate() as usize / TICKS
    }

    /// A tick: hear, and say.
    fn hear(&mut self, heard: &mut [f32]) {
        self.now += TIME;
        for bytes in &self.incoming[self.tick % self.incoming.len()] {
            let late = if self.jitter > 0 { self.tick as u64 * 7_919 % self.jitter } else { 0 };
            self.near.handle_rtp(self.now + Duration::from_micros(late), address(1), bytes);
        }
        self.near.playout(self.now, heard);
        self.tick += 1;
    }

    fn say(&mut self, voice: &[f32]) {
        self.near.capture(self.now, voice);
        while let Some(transmit) = self.near.poll_transmit() {
            self.sent += transmit.bytes.len();
            self.near.recycle(transmit);
        }
    }
}

/// Median of µs for a second, and allocations in one.
fn stream(codec: Codec, rounds: usize, jitter: u64) -> (f64, i64) {
    let mut heard = [0.0; TICK];
    let mut times = Vec::new();
    let mut allocations = i64::MAX;
    // What has been heard does not come twice: each call lasts as long as its packets.
    for _ in 0..rounds.div_ceil(SECONDS - 2) {
        let mut call = Call::new(codec, 1, jitter);
        let (length, rate) = (call.length(), call.near.rate());
        let voices: Vec<_> = (0..TICKS).map(|tick| voice(tick, rate)).collect();
        for second in 0..SECONDS {
            let begun = Instant::now();
            let ((), counts) = alloc::counted(|| {
                for voice in &voices {
                    call.hear(black_box(&mut heard[..length]));
                    call.say(black_box(&voice[..length]));
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

fn conference(rates: &[u32], user: bool, rounds: usize) -> (f64, i64) {
    let mut conference = Conference::of(rates, user);
    let voices = rates.iter().enumerate().map(|(stream, rate)| voice(stream * 7, *rate).map(|sample| sample / 4.0));
    let voices: Vec<_> = voices.collect();
    let mouth = voice(3, 48_000);
    // Filters are made when they are wanted first.
    for _ in 0..10 {
        conference.tick(&mouth, |_, said| said.fill(0.0));
    }
    let mut times = Vec::new();
    let mut allocations = i64::MAX;
    for _ in 0..rounds * 10 {
        let begun = Instant::now();
        let ((), counts) = alloc::counted(|| {
            for _ in 0..TICKS {
                // The copy is part of it: pjmedia's ports give frames too.
                black_box(conference.tick(black_box(&mouth), |stream, said| {
                    said.copy_from_slice(&voices[stream][..said.len()]);
                }));
            }
        });
        times.push(begun.elapsed().as_secs_f64() * 1e6);
        allocations = allocations.min(counts.allocations);
    }
    (median(times), allocations)
}

/// Our call, and the same work by the codec alone, in turns.
fn opus(rounds: usize) -> ((f64, i64), f64) {
    let call = stream(Codec::Opus, rounds, 0);
    let config = CodecConfig::new(Codec::Opus, 96);
    let (mut encoder, mut decoder) = (Encoder::new(&config).unwrap(), Decoder::new(Codec::Opus).unwrap());
    let (mut payload, mut heard) = (Vec::new(), Vec::new());
    let mut times = Vec::new();
    for _ in 0..rounds.max(10) {
        let voices: Vec<Vec<f32>> = (0..50)
            .map(|frame| (0..960 / TICK).flat_map(|tick| voice(frame * 960 / TICK + tick, 48_000)).collect())
            .collect();
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

/// A speaker that takes 10 ms at once is given them, and 5 ms for a start, ahead.
const RING: Duration = Duration::from_millis(15);

/// So many calls in one thread, as the media thread makes them.
fn calls_on_a_core(count: usize, seconds: usize) -> Load {
    let mut calls: Vec<_> = (0..count).map(|number| Call::new(Codec::Opus, number as u64, 0)).collect();
    let mut conference = Conference::new(count);
    // Calls begin when they begin: their packets are full in different ticks.
    for (number, call) in calls.iter_mut().enumerate() {
        call.near.capture(call.now, &vec![0.0; TICK * (number % (960 / TICK))]);
    }
    let mouth = voice(3, 48_000);
    let (mut all, mut longest, mut behind, mut furthest) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut underruns = 0;
    let ticks = seconds.min(SECONDS) * TICKS;
    for tick in 0..ticks {
        let begun = cpu_time();
        black_box(conference.tick(&mouth, |stream, said| calls[stream].hear(said)));
        for (stream, call) in calls.iter_mut().enumerate() {
            call.say(conference.heard(stream));
        }
        let took = cpu_time() - begun;
        all += took;
        // The first packets of all streams come at once and make decoders.
        if tick > TICKS / 2 {
            longest = longest.max(took);
            behind = (behind + took).saturating_sub(TIME);
            furthest = furthest.max(behind);
            underruns += usize::from(behind > RING);
        }
    }
    Load { share: all.as_secs_f64() / (ticks as f64 / TICKS as f64), longest, behind: furthest, underruns }
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
