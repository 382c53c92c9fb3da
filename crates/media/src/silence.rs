//! When a G.711 sender need not send, and what the silence sounds like (RFC 3389).

use crate::power::mean_square;

/// Louder than this over the noise is voice, in dB.
const OVER: f32 = 8.0;
/// Louder than this is always worth sending, and quieter than this never, in dBov: hold music is no noise.
const LOUD: f32 = -45.0;
const QUIET: f32 = -70.0;
/// The noise rises by this in a second, in dB, and falls by this share in a frame.
const RISE: f32 = 1.0;
const FALL: f32 = 0.3;
/// What follows voice is voice for so long, in ms: the ends of words are soft.
const HANG: u32 = 240;
/// Comfort noise is said again after this, in ms, or sooner after a change in dB.
const AGAIN: u32 = 1_000;
const SOON: u32 = 200;
const CHANGE: u8 = 4;

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Send it.
    Voice,
    /// Send comfort noise of this level, in -dBov.
    Noise(u8),
    /// Send nothing.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Silence {
    /// Level of the noise in dBov.
    floor: f32,
    /// ms of voice still to be sent.
    hang: u32,
    /// Level said last, and ms since.
    said: Option<(u8, u32)>,
}

impl Default for Silence {
    fn default() -> Silence {
        Silence { floor: QUIET, hang: HANG, said: None }
    }
}

impl Silence {
    /// The next frame, of `ms`.
    pub(crate) fn judge(&mut self, voice: &[f32], ms: u32) -> Frame {
        let level = (10.0 * mean_square(voice).max(1e-13).log10()).clamp(-127.0, 0.0);
        self.floor += match level < self.floor {
            true => (level - self.floor) * FALL,
            false => (level - self.floor).min(RISE * ms as f32 / 1_000.0),
        };
        let speaks = level > LOUD || (level > QUIET && level > self.floor + OVER);
        self.hang = if speaks { HANG } else { self.hang.saturating_sub(ms) };
        if self.hang > 0 {
            self.said = None;
            return Frame::Voice;
        }
        let level = -self.floor.round() as u8;
        match &mut self.said {
            Some((said, since)) if *since + ms < if said.abs_diff(level) < CHANGE { AGAIN } else { SOON } => {
                *since += ms;
                Frame::Nothing
            }
            said => {
                *said = Some((level, 0));
                Frame::Noise(level)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `seconds` of noise at `level` dBov, in frames of 20 ms.
    fn noise(silence: &mut Silence, level: f32, seconds: usize) -> Vec<Frame> {
        let peak = 10.0f32.powf(level / 20.0) * 1.732;
        let mut random = 1u32;
        let mut sample = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random as i32 as f32 / 2_147_483_648.0) * peak
        };
        let mut frame = || (0..960).map(|_| sample()).collect::<Vec<_>>();
        (0..seconds * 50).map(|_| silence.judge(&frame(), 20)).collect()
    }

    #[test]
    fn noise_becomes_comfort_noise_and_voice_is_voice() {
        let mut silence = Silence::default();
        noise(&mut silence, -55.0, 20);
        let frames = noise(&mut silence, -55.0, 10);
        let told = frames.iter().filter(|frame| matches!(frame, Frame::Noise(54..=57))).count();
        assert_eq!(frames.iter().filter(|frame| **frame == Frame::Nothing).count() + told, 500, "{frames:?}");
        assert!((10..=11).contains(&told), "{told}");
        // The first frame of voice already, and its soft end.
        let frames = noise(&mut silence, -30.0, 1);
        assert!(frames.iter().all(|frame| *frame == Frame::Voice));
        let frames = noise(&mut silence, -55.0, 1);
        assert_eq!(frames.iter().position(|frame| *frame != Frame::Voice), Some(11));
        assert!(matches!(frames[11], Frame::Noise(_)));
    }

    #[test]
    fn what_is_loud_is_sent_however_steady_and_mute_is_silence() {
        let mut silence = Silence::default();
        assert!(noise(&mut silence, -40.0, 120).iter().all(|frame| *frame == Frame::Voice));
        let frames = noise(&mut silence, -126.0, 2);
        assert!(frames.iter().skip(13).all(|frame| *frame != Frame::Voice));
    }

    #[test]
    fn a_change_of_the_noise_is_told_soon() {
        let mut silence = Silence::default();
        noise(&mut silence, -60.0, 30);
        let frames = noise(&mut silence, -68.0, 2);
        let told: Vec<_> =
            frames.iter().filter_map(|f| if let Frame::Noise(level) = f { Some(*level) } else { None }).collect();
        assert!(told.len() >= 2 && told.last().is_some_and(|level| (66..=69).contains(level)), "{told:?}");
    }
}
