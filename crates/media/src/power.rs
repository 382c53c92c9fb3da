//! How strong a voice is, and how much like another.

/// Summed side by side: one sum would wait for each of its additions.
const LANES: usize = 8;

/// The sum of the products of samples, as far as both go.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let (a, b) = (a[..length].chunks_exact(LANES), b[..length].chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut lanes = [0.0f32; LANES];
    for (a, b) in a.zip(b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    lanes.iter().sum::<f32>() + rest
}

/// The mean square of samples; 0 of none.
pub(crate) fn mean_square(voice: &[f32]) -> f32 {
    dot(voice, voice) / voice.len().max(1) as f32
}
