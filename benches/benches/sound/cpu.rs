//! What a call costs beside the calls into libopus that it cannot do without.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use denwa_benches::table::median;
use media::codec::RATE;
use media::{Codec, Stream, StreamConfig, StreamId};

/// Seconds of voice in a round, and rounds.
const SECONDS: usize = 10;
const ROUNDS: usize = 7;
const FRAME: usize = 960;

/// µs for one second of a call both ways.
pub(crate) struct Cpu {
    pub(crate) libopus: f64,
    pub(crate) opus: f64,
    /// Of rounds in which both took turns.
    pub(crate) ratio: f64,
    pub(crate) g722: f64,
    pub(crate) pcmu: f64,
}

impl Cpu {
    pub(crate) fn print(&self) {
        let Cpu { libopus, opus, ratio, g722, pcmu } = self;
        println!("\nOne second of a call both ways, on one core");
        println!("  libopus alone, complexity 9   {libopus:>8.0} µs");
        println!("  a stream with Opus            {opus:>8.0} µs   {ratio:.2} times as much (aim 1.25)");
        println!("  a stream with G.722           {g722:>8.0} µs");
        println!("  a stream with PCMU            {pcmu:>8.0} µs");
    }
}

pub(crate) fn measure(speech: &[f32]) -> Cpu {
    let speech = &speech[..SECONDS * RATE as usize];
    let (mut libopus, mut opus, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (alone, stream) = (timed(|| through_libopus(speech)), timed(|| through_stream(speech, Codec::Opus)));
        libopus.push(alone);
        opus.push(stream);
        ratios.push(stream / alone);
    }
    let rounds = |codec| median((0..ROUNDS).map(|_| timed(|| through_stream(speech, codec))).collect());
    Cpu {
        libopus: median(libopus),
        opus: median(opus),
        ratio: median(ratios),
        g722: rounds(Codec::G722),
        pcmu: rounds(Codec::Pcmu),
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e6 / SECONDS as f64
}

fn through_libopus(speech: &[f32]) {
    let mut encoder = opus::Encoder::new(RATE, opus::Channels::Mono, opus::Application::Voip).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(24_000)).unwrap();
    encoder.set_complexity(9).unwrap();
    encoder.set_lsb_depth(16).unwrap();
    let mut decoder = opus::Decoder::new(RATE, opus::Channels::Mono).unwrap();
    let (mut payload, mut heard) = ([0; 1_275], [0.0; FRAME]);
    for frame in speech.chunks_exact(FRAME) {
        let length = encoder.encode_float(frame, &mut payload).unwrap();
        decoder.decode_float(&payload[..length], &mut heard, false).unwrap();
        std::hint::black_box(&heard);
    }
}

fn through_stream(speech: &[f32], codec: Codec) {
    let mut now = Instant::now();
    let peer = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut stream = Stream::new(now, [1; 32], StreamId(1));
    stream.configure(now, StreamConfig::new(peer, codec, 96)).unwrap();
    // A tick at the stream's rate; which part of the speech it is makes no difference to the time.
    let tick = stream.rate() as usize / 100;
    let mut heard = vec![0.0; tick];
    for piece in speech.chunks_exact(480) {
        now += Duration::from_millis(10);
        stream.capture(now, &piece[..tick]);
        while let Some(transmit) = stream.poll_transmit() {
            stream.handle_rtp(now, peer, &transmit.bytes);
            stream.recycle(transmit);
        }
        while stream.poll_event().is_some() {}
        stream.playout(now, &mut heard);
        std::hint::black_box(&heard);
    }
}
