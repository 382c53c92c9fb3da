//! Opus as our binding gives it, beside the crates `opus` (libopus 1.6.1, as ours) and `audiopus` (the libopus that it
//! bundles): the same voice, the same settings, in turns. `./dev bench opus`.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

#[path = "common.rs"]
mod common;

use std::hint::black_box;
use std::process::Command;

use common::{FRAME, RATE, Times, timed, voice};
use denwa_benches::table::{Table, median};
use media::codec::{Decoder, Encoder};
use media::{Codec, CodecConfig};

const ROUNDS: usize = 9;

fn main() {
    let voice = voice();
    let (mut ours, mut opus, mut audiopus) = (Vec::new(), Vec::new(), Vec::new());
    let mut version = String::new();
    for _ in 0..ROUNDS {
        ours.push(through_ours(&voice));
        opus.push(through_opus(&voice));
        let (times, bundled) = through_audiopus();
        audiopus.push(times);
        version = bundled;
    }
    let mut table = Table::new([
        "µs per 20 ms, complexity 9, 24 kbit/s",
        "encode",
        "decode",
        "encode to `opus`",
        "decode to `opus`",
    ]);
    for (name, rounds) in [("denwa-media", &ours), ("opus 0.4", &opus), ("audiopus 0.2", &audiopus)] {
        let of = |part: fn(&Times) -> f64, base: bool| {
            median(rounds.iter().zip(&opus).map(|(a, b)| part(a) / if base { part(b) } else { 1.0 }).collect())
        };
        table.row([
            name.into(),
            format!("{:.1}", of(|times| times.0, false)),
            format!("{:.1}", of(|times| times.1, false)),
            format!("{:.2}", of(|times| times.0, true)),
            format!("{:.2}", of(|times| times.1, true)),
        ]);
    }
    table.print(&format!("Opus: {} and {}", opus::version(), version));
}

fn through_ours(voice: &[f32]) -> Times {
    let mut encoder = Encoder::new(&CodecConfig::new(Codec::Opus, 96)).unwrap();
    let mut decoder = Decoder::new(Codec::Opus).unwrap();
    let mut out = Vec::with_capacity(media::codec::MAX_FRAME);
    timed(
        voice,
        |frame, packet| encoder.encode(frame, packet).unwrap(),
        |packet| {
            out.clear();
            decoder.decode(packet, &mut out).unwrap();
            black_box(&out);
        },
    )
}

fn through_opus(voice: &[f32]) -> Times {
    let mut encoder = opus::Encoder::new(RATE as u32, opus::Channels::Mono, opus::Application::Voip).unwrap();
    encoder.set_bitrate(opus::Bitrate::Bits(24_000)).unwrap();
    encoder.set_complexity(9).unwrap();
    encoder.set_lsb_depth(16).unwrap();
    let mut decoder = opus::Decoder::new(RATE as u32, opus::Channels::Mono).unwrap();
    let mut out = [0.0; FRAME];
    timed(
        voice,
        |frame, packet| {
            packet.resize(1_275, 0);
            let length = encoder.encode_float(frame, packet).unwrap();
            packet.truncate(length);
        },
        |packet| {
            decoder.decode_float(packet, &mut out, false).unwrap();
            black_box(&out);
        },
    )
}

/// What the other program beside this one says.
fn through_audiopus() -> (Times, String) {
    let program = std::env::current_exe().unwrap().with_file_name("audiopus");
    let output = Command::new(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut words = text.trim().splitn(3, ' ');
    let mut number = || words.next().unwrap().parse().unwrap();
    let times = (number(), number());
    (times, words.next().unwrap().to_owned())
}
