//! What to play for lost packets of codecs that cannot say so themselves: the voice's last periods again and again, more
//! of them the longer it lasts, fading; after ITU-T G.711 Appendix I, for any sample rate.
//!
//! ```text
//!   … history ──┐┌ period ┐┌ period ┐┌ two periods    ┐┌ … silence after 60 ms ┐ good voice
//!               ▲ step evened out    ▲ faded          ▲ faded             faded ▲
//! ```
//!
//! The appendix delays all voice by 3.75 ms to fade into the first repetition. Here the first repetition begins where
//! the voice stands, without delay, and the difference is let go over a quarter of the period.

/// Lengths in ms, and those of the history in quarters of one: 48.75.
const HISTORY: usize = 195;
const SHORTEST: usize = 5;
const LONGEST: usize = 15;
const COMPARED: usize = 20;
/// So long at full volume, then down to nothing until `SILENT`; and another period is repeated after each of these.
const STEP: usize = 10;
const SILENT: usize = 60;
/// How many periods are repeated at most.
const PERIODS: usize = 3;
/// Good voice is faded in for a quarter of the period and so much for each 10 ms lost, up to `LONGEST_MERGE`.
const MERGE: usize = 4;
const LONGEST_MERGE: usize = 10;

#[derive(Debug, Clone)]
pub(super) struct Plc {
    /// Samples of a millisecond.
    ms: usize,
    history: Vec<f32>,
    /// Samples made up since the last good one, and the period they repeat.
    lost: usize,
    period: usize,
    /// By how much the voice stood above the first repetition.
    offset: f32,
}

impl Plc {
    /// For `rate` samples per second, a multiple of 4000.
    pub(super) fn new(rate: u32) -> Plc {
        let ms = rate as usize / 1_000;
        Plc { ms, history: vec![0.0; HISTORY * ms / 4], lost: 0, period: ms * SHORTEST, offset: 0.0 }
    }

    /// Become like another of the same rate; allocates nothing.
    pub(super) fn copy_from(&mut self, other: &Plc) {
        self.history.clone_from(&other.history);
        (self.ms, self.lost, self.period, self.offset) = (other.ms, other.lost, other.period, other.offset);
    }

    /// Remember decoded voice, and hide the seam when it follows a made-up stretch.
    pub(super) fn good(&mut self, voice: &mut [f32]) {
        if self.lost > 0 {
            let ms = self.ms;
            let merge = self.period / 4 + MERGE * ms * (self.lost.div_ceil(STEP * ms) - 1);
            let merge = merge.min(LONGEST_MERGE * ms).min(voice.len());
            for (n, sample) in voice[..merge].iter_mut().enumerate() {
                let share = (n + 1) as f32 / (merge + 1) as f32;
                *sample = *sample * share + self.made_up(self.lost + n) * (1.0 - share);
            }
            self.lost = 0;
        }
        let all = self.history.len();
        let new = voice.len().min(all);
        self.history.copy_within(new.., 0);
        self.history[all - new..].copy_from_slice(&voice[voice.len() - new..]);
    }

    /// Make up what comes next.
    pub(super) fn lost(&mut self, out: &mut [f32]) {
        if self.lost == 0 {
            self.period = self.find_period();
            let end = self.history.len();
            self.offset = self.history[end - 1] - self.history[end - 1 - self.period];
        }
        for (n, sample) in out.iter_mut().enumerate() {
            *sample = self.made_up(self.lost + n);
        }
        self.lost += out.len();
    }

    /// The sample `at` samples after the last good one.
    fn made_up(&self, at: usize) -> f32 {
        let (step, quarter) = (STEP * self.ms, self.period / 4);
        let gain = 1.0 - at.saturating_sub(step) as f32 / ((SILENT - STEP) * self.ms) as f32;
        if gain <= 0.0 {
            return 0.0;
        }
        let periods = (1 + at / step).min(PERIODS);
        let mut sample = self.repeated(at, periods);
        let into = at % step;
        if at >= step && at < PERIODS * step && into < quarter {
            let share = into as f32 / quarter as f32;
            sample = sample * share + self.repeated(at, periods - 1) * (1.0 - share);
        }
        if at < quarter {
            sample += self.offset * (1.0 - at as f32 / quarter as f32);
        }
        sample * gain
    }

    /// The last `periods` again and again; the end of each run goes over into its beginning.
    fn repeated(&self, at: usize, periods: usize) -> f32 {
        let (end, length, quarter) = (self.history.len(), self.period * periods, self.period / 4);
        let within = at % length;
        let sample = self.history[end - length + within];
        let left = length - within;
        if left > quarter {
            return sample;
        }
        // What led up to the beginning.
        let share = (quarter - left + 1) as f32 / (quarter + 1) as f32;
        sample * (1.0 - share) + self.history[end - length - left] * share
    }

    /// The lag at which the end of the history is most like what went before it.
    fn find_period(&self) -> usize {
        let (end, compared) = (self.history.len(), COMPARED * self.ms);
        let tail = &self.history[end - compared..];
        let mut energy: f32 = self.window(SHORTEST * self.ms).iter().map(|sample| sample * sample).sum();
        let mut best = (f32::MIN, SHORTEST * self.ms);
        for lag in SHORTEST * self.ms..=LONGEST * self.ms {
            let window = self.window(lag);
            let product: f32 = tail.iter().zip(window).map(|(a, b)| a * b).sum();
            let alike = product / energy.max(1e-6).sqrt();
            if alike > best.0 {
                best = (alike, lag);
            }
            // The next window is one sample earlier.
            let (enters, leaves) = (self.history[end - compared - lag - 1], window[compared - 1]);
            energy += enters * enters - leaves * leaves;
        }
        best.1
    }

    fn window(&self, lag: usize) -> &[f32] {
        let (end, compared) = (self.history.len(), COMPARED * self.ms);
        &self.history[end - compared - lag..end - lag]
    }
}
