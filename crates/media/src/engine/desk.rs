//! Between the device and the mixer: how loud, and how loud it is.
//!
//! ```text
//!   microphone ──▶ meter ──▶ volume ──▶ mixer ──▶ volume ──▶ meter ──▶ speaker
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Volume;
use crate::codec::RATE;
use crate::mixer::Voice;
use crate::stream::meter::Meter;

/// What goes on at the device, at most a fifth of a second old. Levels in dBov: 0 is a square wave at full scale.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct DeviceStats {
    /// How loud it is at the microphone, whatever its volume and whoever is muted: a voice at a muted microphone is worth
    /// a hint. Nothing in silence, and while no call is on.
    pub microphone: Option<f32>,
    /// How loud the speaker plays.
    pub speaker: Option<f32>,
    /// What our rings add to the delay; the device's own periods are not in it.
    pub delay: DeviceDelay,
}

/// How long sound waits between a device and us, in the mean of the last second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceDelay {
    /// From the microphone's giving it to the tick that takes it.
    pub microphone: Duration,
    /// From the tick that gives it to the speaker's asking for it.
    pub speaker: Duration,
}

/// The newest numbers, for any thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Display(Arc<Mutex<DeviceStats>>);

impl Display {
    pub(super) fn read(&self) -> DeviceStats {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the media thread does to each tick of microphone and ear.
#[derive(Debug, Default)]
pub(super) struct Desk {
    volume: Volume,
    wanted: Volume,
    heard: Meter,
    played: Meter,
    display: Display,
}

impl Desk {
    pub(super) fn new(display: Display) -> Desk {
        Desk { display, ..Desk::default() }
    }

    pub(super) fn set_volume(&mut self, volume: Volume) {
        self.wanted = volume;
    }

    /// What the microphone heard becomes what the mixer gets.
    pub(super) fn mouth(&mut self, voice: &mut Voice) {
        self.heard.hear(voice, RATE);
        fade(voice, self.volume.microphone, self.wanted.microphone);
        self.volume.microphone = self.wanted.microphone;
    }

    /// What the mixer gives becomes what the speaker gets.
    pub(super) fn ear(&mut self, voice: &mut Voice) {
        fade(voice, self.volume.speaker, self.wanted.speaker);
        self.volume.speaker = self.wanted.speaker;
        self.played.hear(voice, RATE);
    }

    /// Show the numbers, with what waits in the rings.
    pub(super) fn publish(&self, delay: DeviceDelay) {
        let stats = DeviceStats { microphone: self.heard.level(), speaker: self.played.level(), delay };
        // Somebody reads just now: the next round will do.
        if let Ok(mut display) = self.display.0.try_lock() {
            *display = stats;
        }
    }

    /// No voice moves any more.
    pub(super) fn rest(&mut self) {
        (self.heard, self.played) = (Meter::default(), Meter::default());
    }
}

/// From one factor to the other over the voice, in a straight line.
fn fade(voice: &mut [f32], from: f32, to: f32) {
    // One that is not changed stays what it was, bit by bit.
    if from == 1.0 && to == 1.0 {
        return;
    }
    let step = (to - from) / voice.len() as f32;
    for (n, sample) in voice.iter_mut().enumerate() {
        *sample = (*sample * (from + step * (n + 1) as f32)).clamp(-1.0, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::TICK;
    use crate::testing::sine;

    #[test]
    fn the_level_is_that_before_the_volume_and_the_volume_moves_without_a_click() {
        let display = Display::default();
        let mut desk = Desk::new(display.clone());
        desk.set_volume(Volume::default().microphone(0.0).speaker(2.0));
        let wave = sine(1_000.0, 48_000, 1.0, 0.25);
        let (mut mouth, mut ear) = (Vec::new(), Vec::new());
        for tick in wave.chunks_exact(TICK) {
            let mut voice = [0.0; TICK];
            voice.copy_from_slice(tick);
            let mut other = voice;
            desk.mouth(&mut voice);
            desk.ear(&mut other);
            mouth.extend(voice);
            ear.extend(other);
        }
        desk.publish(DeviceDelay::default());
        let stats = display.read();
        // A sine is 3 dB below a square wave; 0.25 is 12 dB below full scale, and 0.5 is 6.
        assert!(stats.microphone.is_some_and(|level| (level + 15.05).abs() < 0.2), "{stats:?}");
        assert!(stats.speaker.is_some_and(|level| (level + 9.03).abs() < 0.2), "{stats:?}");
        assert!(mouth[TICK..].iter().all(|sample| *sample == 0.0), "silent after a tick");
        let steepest = |voice: &[f32]| voice.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest(&mouth) < 0.035 && steepest(&ear) < 0.068, "{} {}", steepest(&mouth), steepest(&ear));
        desk.rest();
        desk.publish(DeviceDelay::default());
        assert_eq!(display.read().microphone, None);
    }
}
