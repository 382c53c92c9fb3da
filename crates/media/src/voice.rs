//! What is done to the voice of a microphone that can hear the speaker: echo cancellation, noise suppression, gain control
//! (`sonora`, a Rust port of WebRTC's audio processing). Feature `voice`.

use std::time::Duration;

use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, NoiseSuppression};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::codec::RATE;
use crate::mixer::TICK;

/// What the library works on at once: 10 ms.
const FRAME: usize = 480;

/// What is done to the microphone's voice. All of it by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Voice {
    /// The speaker's sound is taken out of it.
    pub echo_cancellation: bool,
    /// Steady noise is taken out of it.
    pub noise_suppression: bool,
    /// A low voice is raised.
    pub gain_control: bool,
}

impl Default for Voice {
    fn default() -> Voice {
        Voice { echo_cancellation: true, noise_suppression: true, gain_control: true }
    }
}

/// Works on ticks at 48 kHz, in the order in which they are played and captured. The library takes 10 ms at once, so the
/// voice comes out later by what a tick is shorter than that.
pub struct Processor {
    apm: AudioProcessing,
    out: Box<[f32; FRAME]>,
    /// What does not make a frame yet.
    played: Vec<f32>,
    captured: Vec<f32>,
    /// Processed, and not taken yet.
    ready: Vec<f32>,
}

impl std::fmt::Debug for Processor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processor").finish_non_exhaustive()
    }
}

impl Processor {
    /// One that has heard nothing yet.
    pub fn new(voice: Voice) -> Processor {
        let gain = || GainController2 { adaptive_digital: Some(AdaptiveDigital::default()), ..Default::default() };
        let config = Config {
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: voice.echo_cancellation.then(EchoCanceller::default),
            noise_suppression: voice.noise_suppression.then(NoiseSuppression::default),
            gain_controller2: voice.gain_control.then(gain),
            ..Config::default()
        };
        let format = StreamConfig::new(RATE, 1);
        let apm = AudioProcessing::builder().config(config).capture_config(format).render_config(format).build();
        let mut ready = Vec::with_capacity(2 * FRAME);
        ready.resize(FRAME - TICK, 0.0);
        let empty = || Vec::with_capacity(FRAME);
        Processor { apm, out: Box::new([0.0; FRAME]), played: empty(), captured: empty(), ready }
    }

    /// This goes to the speaker next: pieces that make up whole frames.
    pub fn play(&mut self, ear: &[f32]) {
        self.played.extend_from_slice(ear);
        if self.played.len() >= FRAME {
            // It only listens; the one error is a wrong length.
            let _ = self.apm.process_render_f32(&[&self.played[..FRAME]], &mut [&mut self.out[..]]);
            self.played.clear();
        }
    }

    /// This came from the microphone, in pieces as long as those of [`play`](Self::play). `delay`: from the playing of a
    /// tick until its echo could be here, as far as the rings tell; the canceller finds the rest by itself.
    pub fn capture(&mut self, mouth: &mut [f32], delay: Duration) {
        self.captured.extend_from_slice(mouth);
        if self.captured.len() >= FRAME {
            // Beyond half a second it is cut, which the canceller can live with.
            let _ = self.apm.set_stream_delay_ms(i32::try_from(delay.as_millis()).unwrap_or(i32::MAX));
            let done = self.apm.process_capture_f32(&[&self.captured[..FRAME]], &mut [&mut self.out[..]]);
            self.ready.extend_from_slice(if done.is_ok() { &self.out[..] } else { &self.captured[..FRAME] });
            self.captured.clear();
        }
        let taken = mouth.len().min(self.ready.len());
        mouth[..taken].copy_from_slice(&self.ready[..taken]);
        self.ready.drain(..taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    /// Noise of low frequencies that comes and goes as syllables do.
    struct Speech(ChaCha8Rng, f32);

    impl Speech {
        fn tick(&mut self, tick: usize) -> [f32; FRAME] {
            let loud = if (tick / 20).is_multiple_of(3) { 0.1 } else { 1.0 };
            std::array::from_fn(|_| {
                let noise = loud * (self.0.next_u32() as f32 / u32::MAX as f32 - 0.5);
                self.1 += (noise - self.1) * 0.1;
                self.1
            })
        }
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() + 1e-9
    }

    #[test]
    fn an_echo_goes_and_the_voice_beside_it_stays() {
        let mut far_end = Speech(ChaCha8Rng::from_seed([5; 32]), 0.0);
        let mut near_end = Speech(ChaCha8Rng::from_seed([6; 32]), 0.0);
        let only_echo = Voice { noise_suppression: false, gain_control: false, ..Voice::default() };
        let mut processor = Processor::new(only_echo);
        let mut before = [0.0; FRAME];
        let (mut echo, mut left, mut voice, mut kept) = (0.0, 0.0, 0.0, 0.0);
        for tick in 0..2_000 {
            let far = far_end.tick(tick);
            processor.play(&far);
            // 10 ms late and half as loud.
            let mut mouth: [f32; FRAME] = std::array::from_fn(|at| 0.5 * before[at]);
            before = far;
            // The far end is silent at last, and somebody speaks here.
            if tick >= 1_200 {
                before = [0.0; FRAME];
                mouth = near_end.tick(tick);
                voice += if tick >= 1_400 { power(&mouth) } else { 0.0 };
            } else if tick > 600 {
                echo += power(&mouth);
            }
            processor.capture(&mut mouth, Duration::from_millis(10));
            match tick {
                601..1_200 => left += power(&mouth),
                1_400.. => kept += power(&mouth),
                _ => {}
            }
        }
        let erle = 10.0 * (echo / left).log10();
        assert!(erle > 20.0, "{erle} dB of echo gone");
        assert!(kept > voice * 0.3, "{} dB of the voice left", 10.0 * (kept / voice).log10());
    }
}
