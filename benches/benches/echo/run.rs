//! One scene, through the canceller.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use media::Voice;
use media::voice::Processor;

use crate::judge::{Heard, Talk};
use crate::room::{Echo, Room};
use crate::{SECOND, TICK};

/// How long a scene is, and when something changes in it, in ticks.
const LENGTH: usize = 30 * SECOND;
const CHANGE: usize = 15 * SECOND;
/// How long the canceller may learn before it counts.
const LEARNING: usize = 5 * SECOND;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) room: Room,
    /// Another room from the 15th second on.
    pub(crate) then: Option<Room>,
    pub(crate) near: Near,
}

/// Who speaks here from the 15th second on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Near {
    Silent,
    /// Somebody, and the far end goes on.
    Beside,
    /// Somebody, and the far end is silent from then on.
    Alone,
}

impl Case {
    /// Who speaks in the seconds that are judged.
    pub(crate) fn talk(&self) -> Talk {
        match self.near {
            Near::Silent => Talk::Far,
            Near::Beside => Talk::Both,
            Near::Alone => Talk::Near,
        }
    }

    /// From where on it is judged: after learning, or from where somebody speaks here.
    fn judged_from(&self) -> usize {
        match (self.near, self.then) {
            (Near::Silent, None) => LEARNING,
            (Near::Silent, Some(_)) => CHANGE + LEARNING,
            (Near::Beside | Near::Alone, _) => CHANGE,
        }
    }
}

pub(crate) struct Outcome {
    /// `None` where the far end has said too little.
    pub(crate) erle: Option<f64>,
    /// Seconds until 20 dB are reached, from the start or the change.
    pub(crate) converged: Option<f64>,
    /// What is left of the near voice's power, in dB.
    pub(crate) near: Option<f64>,
    pub(crate) micros: f64,
}

pub(crate) fn run(case: &Case, speech: &[f32]) -> (Outcome, Heard) {
    let only_echo = {
        let mut voice = Voice::default();
        (voice.noise_suppression, voice.gain_control) = (false, false);
        voice
    };
    let mut processor = Processor::new(only_echo);
    let mut echo = Echo::new(case.room);
    let (mut before, mut after, mut near_in, mut near_out) = (0.0, 0.0, 0.0, 0.0);
    let mut recent: VecDeque<(f64, f64)> = VecDeque::new();
    let (mut converged, mut spent) = (None, Duration::ZERO);
    let mut judged = Heard::new(case.name);
    let begins = if case.then.is_some() { CHANGE } else { 0 };
    for tick in 0..LENGTH {
        if tick == CHANGE
            && let Some(room) = case.then
        {
            echo = Echo::new(room);
        }
        let at = tick * TICK;
        let speaks = case.near != Near::Silent && tick >= CHANGE;
        let quiet = case.near == Near::Alone && tick >= CHANGE;
        let far: [f32; TICK] = std::array::from_fn(|n| if quiet { 0.0 } else { speech[at + n] });
        let near: [f32; TICK] =
            std::array::from_fn(|n| if speaks { speech[speech.len() - LENGTH * TICK + at + n] } else { 0.0 });
        let reflected: [f32; TICK] = std::array::from_fn(|n| echo.of(far[n]));
        let mut mouth: [f32; TICK] = std::array::from_fn(|n| (reflected[n] + near[n]).clamp(-1.0, 1.0));
        let heard = mouth;
        let began = Instant::now();
        processor.play(&far);
        processor.capture(&mut mouth, Duration::from_millis(case.room.delay_ms as u64));
        spent += began.elapsed();
        if tick >= case.judged_from() {
            judged.push(&far, &heard, &mouth);
        }
        if speaks {
            near_in += power(&near);
            near_out += power(&mouth);
            continue;
        }
        recent.push_back((power(&heard), power(&mouth)));
        if recent.len() > SECOND / 2 {
            recent.pop_front();
        }
        let (sum_in, sum_out) = recent.iter().fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        if tick > begins + SECOND / 2 && converged.is_none() && sum_in > 1.0 && sum_in > sum_out * 100.0 {
            converged = Some((tick - begins) as f64 / SECOND as f64);
        }
        if tick >= begins + LEARNING {
            before += power(&heard);
            after += power(&mouth);
        }
    }
    let outcome = Outcome {
        erle: (case.near != Near::Alone).then(|| 10.0 * (before / (after + 1e-9)).log10()),
        converged: converged.filter(|_| case.near != Near::Alone),
        near: (case.near != Near::Silent).then(|| 10.0 * (near_out / near_in).log10()),
        micros: spent.as_secs_f64() * 1e6 / LENGTH as f64,
    };
    (outcome, judged)
}

fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}
