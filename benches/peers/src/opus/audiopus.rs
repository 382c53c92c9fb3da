//! The part of `opus` that another libopus does: a process of its own, for both have the same symbols. Prints µs a frame,
//! to encode and to decode.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

#[path = "common.rs"]
mod common;

use std::hint::black_box;

use audiopus::coder::{Decoder as PeerDecoder, Encoder as PeerEncoder};
use audiopus::{Application, Bitrate, Channels, SampleRate};
use common::{FRAME, Times, timed, voice};

fn main() {
    let (encode, decode) = through_audiopus(&voice());
    // The crate does not say which libopus it has.
    println!("{encode} {decode} the libopus of audiopus_sys 0.1.8");
}

fn through_audiopus(voice: &[f32]) -> Times {
    let mut encoder = PeerEncoder::new(SampleRate::Hz48000, Channels::Mono, Application::Voip).unwrap();
    encoder.set_bitrate(Bitrate::BitsPerSecond(24_000)).unwrap();
    encoder.set_complexity(9).unwrap();
    let mut decoder = PeerDecoder::new(SampleRate::Hz48000, Channels::Mono).unwrap();
    let mut out = [0.0; FRAME];
    timed(
        voice,
        |frame, packet| {
            packet.resize(1_275, 0);
            let length = encoder.encode_float(frame, &mut packet[..]).unwrap();
            packet.truncate(length);
        },
        |packet| {
            decoder.decode_float(Some(packet), &mut out[..], false).unwrap();
            black_box(&out);
        },
    )
}
