//! Who hears whom: the live streams, ear and mouth make one conversation; every other stream is alone in silence.

use crate::tone::{Generator, Tone};

/// Samples of a tick: 10 ms at 48 kHz.
pub(crate) const TICK: usize = 480;

/// A tick of one voice.
pub(crate) type Voice = [f32; TICK];

/// One stream's part in a tick.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) live: bool,
    /// What the stream's peer says.
    pub(crate) said: Voice,
    /// What the stream's peer shall hear.
    pub(crate) heard: Voice,
}

impl Default for Part {
    fn default() -> Part {
        Part { live: false, said: [0.0; TICK], heard: [0.0; TICK] }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Mixer {
    tone: Option<Generator>,
}

impl Mixer {
    /// Play a tone to the ear, in place of the one before; `None` fades it out.
    pub(crate) fn play(&mut self, tone: Option<Tone>) {
        match (tone, &mut self.tone) {
            (Some(tone), slot) => *slot = Some(Generator::new(tone)),
            (None, Some(generator)) => generator.stop(),
            (None, None) => {}
        }
    }

    /// Does a tone sound?
    pub(crate) fn is_playing(&self) -> bool {
        self.tone.is_some()
    }

    /// Mix a tick: each peer hears the mouth and the other peers, the ear hears all peers and the tone.
    pub(crate) fn mix<'a>(&mut self, parts: impl Iterator<Item = &'a mut Part>, mouth: &Voice, ear: &mut Voice) {
        let mut all = [0.0; TICK];
        let mut live = Vec::new();
        for part in parts {
            if part.live {
                add(&mut all, &part.said);
                live.push(part);
            } else {
                part.heard.fill(0.0);
            }
        }
        for part in live {
            for (n, sample) in part.heard.iter_mut().enumerate() {
                *sample = limit(mouth[n] + all[n] - part.said[n]);
            }
        }
        if let Some(tone) = &mut self.tone
            && !tone.mix(&mut all)
        {
            self.tone = None;
        }
        for (sample, sum) in ear.iter_mut().zip(all) {
            *sample = limit(sum);
        }
    }
}

fn add(sum: &mut Voice, voice: &Voice) {
    for (sum, sample) in sum.iter_mut().zip(voice) {
        *sum += sample;
    }
}

/// Straight up to 0.8, then bent so that it never passes 1.
fn limit(sample: f32) -> f32 {
    let size = sample.abs();
    if size <= 0.8 {
        return sample;
    }
    let over = size - 0.8;
    (0.8 + 0.2 * over / (0.2 + over)).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(live: bool, level: f32) -> Part {
        Part { live, said: [level; TICK], heard: [9.0; TICK] }
    }

    #[test]
    fn live_streams_hear_each_other_and_the_mouth_but_not_themselves() {
        let mut parts = [part(true, 0.1), part(false, 0.2), part(true, 0.3)];
        let mut ear = [0.0; TICK];
        Mixer::default().mix(parts.iter_mut(), &[0.05; TICK], &mut ear);
        let near = |value: f32, wanted: f32| assert!((value - wanted).abs() < 1e-6, "{value} is not {wanted}");
        near(ear[0], 0.4);
        near(parts[0].heard[0], 0.35);
        near(parts[1].heard[0], 0.0);
        near(parts[2].heard[0], 0.15);
    }

    #[test]
    fn too_loud_is_bent_and_never_passes_one() {
        let mut parts = [part(true, 0.9), part(true, 0.9), part(true, 0.9)];
        let mut ear = [0.0; TICK];
        Mixer::default().mix(parts.iter_mut(), &[-1.0; TICK], &mut ear);
        assert!(ear[0] > 0.9 && ear[0] <= 1.0);
        assert_eq!((limit(0.8), limit(-0.5)), (0.8, -0.5));
        assert!(limit(-100.0) >= -1.0);
    }

    #[test]
    fn a_tone_is_for_the_ear_alone() {
        let mut mixer = Mixer::default();
        mixer.play(Some(Tone::beep()));
        let mut parts = [part(true, 0.0)];
        let mut ear = [0.0; TICK];
        mixer.mix(parts.iter_mut(), &[0.0; TICK], &mut ear);
        assert!(ear.iter().any(|sample| sample.abs() > 0.05));
        assert!(parts[0].heard.iter().all(|sample| *sample == 0.0));
        mixer.play(None);
        for _ in 0..3 {
            mixer.mix([].iter_mut(), &[0.0; TICK], &mut ear);
        }
        assert!(!mixer.is_playing());
    }
}
