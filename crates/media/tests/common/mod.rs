//! Tones and what is measured on them.
#![allow(dead_code, unreachable_pub, reason = "not every test uses all of it")]

pub mod pair;

use std::f32::consts::TAU;

/// A tone that goes on from piece to piece.
#[derive(Debug)]
pub struct Tone {
    hertz: f32,
    rate: f32,
    at: u64,
}

impl Tone {
    pub fn new(hertz: f32, rate: u32) -> Tone {
        Tone { hertz, rate: rate as f32, at: 0 }
    }

    /// Go on at another rate.
    pub fn set_rate(&mut self, rate: u32) {
        self.at = (self.at as f64 * f64::from(rate) / f64::from(self.rate)).round() as u64;
        self.rate = rate as f32;
    }

    pub fn fill(&mut self, out: &mut [f32]) {
        for sample in out {
            let turns = f64::from(self.hertz) * self.at as f64 / f64::from(self.rate);
            *sample = 0.4 * (turns.fract() as f32 * TAU).sin();
            self.at += 1;
        }
    }

    pub fn samples(hertz: f32, rate: u32, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        Tone::new(hertz, rate).fill(&mut out);
        out
    }
}

/// The share of a signal's power that lies at one frequency (Goertzel), 0 to 1.
pub fn share(samples: &[f32], hertz: f32, rate: u32) -> f32 {
    let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(rate);
    let (mut one, mut two) = (0.0f64, 0.0f64);
    for sample in samples {
        (one, two) = (f64::from(*sample) + 2.0 * turn.cos() * one - two, one);
    }
    let power = one * one + two * two - 2.0 * turn.cos() * one * two;
    let all: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if all < 1e-9 { 0.0 } else { (2.0 * power / (samples.len() as f64 * all)) as f32 }
}

/// The mean share over windows of 50 ms: a phase that moves slowly does not count as another tone.
pub fn tonality(samples: &[f32], hertz: f32, rate: u32) -> f32 {
    let window = rate as usize / 20;
    let shares: Vec<_> = samples.chunks_exact(window).map(|piece| share(piece, hertz, rate)).collect();
    shares.iter().sum::<f32>() / shares.len().max(1) as f32
}

pub fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}
