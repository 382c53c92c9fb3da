//! Signals and what is measured on them, for tests.

use std::f32::consts::TAU;

/// `seconds` of a sine.
pub(crate) fn sine(frequency: f32, rate: u32, seconds: f32, amplitude: f32) -> Vec<f32> {
    let samples = (rate as f32 * seconds) as usize;
    (0..samples)
        .map(|i| (f64::from(frequency) * i as f64 / f64::from(rate)).fract() as f32)
        .map(|x| (x * TAU).sin() * amplitude)
        .collect()
}

/// Power of one frequency against all the rest, in dB, by the best-fitting sine.
pub(crate) fn snr_of_sine(samples: &[f32], frequency: f32, rate: u32) -> f32 {
    let (mut s, mut c, mut all) = (0.0f64, 0.0f64, 0.0f64);
    let n = samples.len() as f64;
    for (i, &x) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * f64::from(frequency) * i as f64 / f64::from(rate);
        s += f64::from(x) * angle.sin();
        c += f64::from(x) * angle.cos();
        all += f64::from(x) * f64::from(x);
    }
    let tone = 2.0 * (s * s + c * c) / n;
    (10.0 * (tone / (all - tone).max(1e-12)).log10()) as f32
}
