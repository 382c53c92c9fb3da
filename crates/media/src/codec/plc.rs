//! What to play for a lost G.711 packet: the last pitch period again and again, fading, as in G.711 Appendix I.

use crate::stretch;

/// What is remembered of the past, in samples at 48 kHz: two of the longest periods.
const HISTORY: usize = 1_440;
/// Full volume for this long, then down to nothing over `FADE`.
const HOLD: usize = 480;
const FADE: usize = 48 * 60;
/// The real voice is faded in over the made-up one for this long.
const MERGE: usize = 240;

#[derive(Debug, Clone)]
pub(super) struct Plc {
    history: Vec<f32>,
    /// Samples made up since the last good one, and the period they repeat.
    lost: usize,
    period: usize,
}

impl Plc {
    pub(super) fn new() -> Plc {
        Plc { history: vec![0.0; HISTORY], lost: 0, period: 1 }
    }

    /// Go on as `other` would; allocates nothing.
    pub(super) fn copy_from(&mut self, other: &Plc) {
        self.history.clone_from(&other.history);
        (self.lost, self.period) = (other.lost, other.period);
    }

    /// Remember decoded voice, and hide the seam when it follows a made-up stretch.
    pub(super) fn good(&mut self, voice: &mut [f32]) {
        if self.lost > 0 {
            let merge = MERGE.min(voice.len());
            for (n, sample) in voice[..merge].iter_mut().enumerate() {
                let share = n as f32 / merge as f32;
                *sample = *sample * share + self.made_up(n) * (1.0 - share);
            }
            self.lost = 0;
        }
        let keep = HISTORY.saturating_sub(voice.len());
        self.history.drain(..HISTORY - keep);
        self.history.extend_from_slice(&voice[voice.len() - (HISTORY - keep)..]);
    }

    pub(super) fn lost(&mut self, out: &mut [f32]) {
        if self.lost == 0 {
            self.period = stretch::period(&self.history);
        }
        for (n, sample) in out.iter_mut().enumerate() {
            *sample = self.made_up(n);
        }
        self.lost += out.len();
    }

    /// The sample `ahead` of the last made up.
    fn made_up(&self, ahead: usize) -> f32 {
        let at = self.lost + ahead;
        let gain = 1.0 - at.saturating_sub(HOLD) as f32 / FADE as f32;
        self.history[HISTORY - self.period + at % self.period] * gain.max(0.0)
    }
}
