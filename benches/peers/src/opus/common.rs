//! The voice, and how its coding is timed.

use std::time::Instant;

pub(crate) const RATE: usize = 48_000;
pub(crate) const FRAME: usize = 960;
const SECONDS: usize = 5;

/// µs a frame, to encode and to decode.
pub(crate) type Times = (f64, f64);

/// Something like vowels, as speech has them: a pitch that wanders, harmonics, pauses.
pub(crate) fn voice() -> Vec<f32> {
    let mut phase = 0.0f64;
    (0..SECONDS * RATE)
        .map(|n| {
            let time = n as f64 / RATE as f64;
            phase += (140.0 + 30.0 * (time * 3.0).sin() + 15.0 * (time * 7.3).sin()) / RATE as f64;
            let talks = (time * 0.9).sin() > -0.7;
            let sum: f64 = (1..20).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
            if talks { (0.2 * sum * (1.0 + 0.5 * (time * 25.0).sin())) as f32 } else { 0.0 }
        })
        .collect()
}

/// Encode all frames, then decode them.
pub(crate) fn timed(
    voice: &[f32],
    mut encode: impl FnMut(&[f32], &mut Vec<u8>),
    mut decode: impl FnMut(&[u8]),
) -> Times {
    let frames = (voice.len() / FRAME) as f64;
    let mut packets = vec![Vec::with_capacity(1_275); voice.len() / FRAME];
    let start = Instant::now();
    for (frame, packet) in voice.chunks_exact(FRAME).zip(&mut packets) {
        encode(frame, packet);
    }
    let encoded = start.elapsed();
    let start = Instant::now();
    packets.iter().filter(|packet| !packet.is_empty()).for_each(|packet| decode(packet));
    (encoded.as_secs_f64() * 1e6 / frames, start.elapsed().as_secs_f64() * 1e6 / frames)
}
