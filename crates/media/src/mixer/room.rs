//! A room: a layer for each rate that voices have, and what the layers hear of each other.
//!
//! ```text
//!   48 kHz  Σ members ──┬────────────────────────────────(+)──┬──▶ members, ear
//!                       ▼                                 ▲   │
//!                      down (what the others say)         up  │   (as far as anybody is there to hear it)
//!                       │                                 │
//!   8 kHz   Σ members ─(+)──▶ members      Σ members ─────┘
//! ```
//!
//! Members of one rate hear each other without any conversion. Between two layers a sum is converted, not its members:
//! however many there are, a layer costs one conversion each way.

use super::{Ramp, TICK};
use crate::codec::RATE;
use crate::resample::Resampler;

/// The rates of the layers; the first is that of mouth and ear.
const RATES: [u32; 3] = [RATE, 16_000, 8_000];
pub(super) const LAYERS: usize = RATES.len();

/// The layer of voices of `rate`.
pub(super) fn layer_of(rate: u32) -> usize {
    RATES.iter().position(|known| *known == rate).unwrap_or(0)
}

/// Samples of a tick of a layer.
pub(super) const fn samples(layer: usize) -> usize {
    TICK / (RATE / RATES[layer]) as usize
}

#[derive(Debug)]
pub(super) struct Room {
    pub(super) user: bool,
    /// The user was there in the last tick: filters have begun to hear, and the ear may.
    settled: bool,
    pub(super) layers: [Layer; LAYERS],
    /// How much of it goes to the ear in this tick, and whether there is anything.
    pub(super) ear: Ramp,
    pub(super) sounds: bool,
    /// What a layer is about to hear of the others.
    others: Box<[f32]>,
}

impl Room {
    pub(super) fn new() -> Room {
        Room {
            user: false,
            settled: false,
            layers: std::array::from_fn(Layer::new),
            ear: Ramp::new(0.0, 0.0),
            sounds: false,
            others: vec![0.0; TICK].into(),
        }
    }

    /// Was somebody in it in the last tick?
    pub(super) fn is_used(&self) -> bool {
        self.layers.iter().any(|layer| layer.used)
    }

    pub(super) fn begin(&mut self) {
        for layer in &mut self.layers {
            (layer.used, layer.coming, layer.has_mouth) = (false, false, false);
            layer.up.begin();
            layer.down.begin();
        }
    }

    /// All members have spoken: let the layers hear each other.
    pub(super) fn mix(&mut self) {
        let settled = std::mem::replace(&mut self.settled, self.user);
        self.ear = Ramp::new(self.ear.to, if self.user && settled { 1.0 } else { 0.0 });
        let hears = self.user || !self.ear.is_none();
        let members = self.layers.iter().filter(|layer| layer.has_members()).count();
        let [full, low @ ..] = &mut self.layers;
        self.sounds = full.used;
        if low.iter().all(|layer| !layer.has_members() && !layer.up.ran && !layer.down.ran) {
            return;
        }
        if !full.used {
            full.sum.fill(0.0);
        }
        for layer in low.iter_mut() {
            layer.raised = layer.up.run(layer.used && (members > 1 || hears), &layer.sum);
            self.sounds |= layer.raised;
        }
        for index in 0..low.len() {
            let elsewhere = || low.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, layer)| layer);
            let sounds = full.used || elsewhere().any(|layer| layer.raised);
            let wanted = sounds && low[index].has_members();
            if wanted {
                self.others.copy_from_slice(&full.sum);
                elsewhere().filter(|layer| layer.raised).for_each(|layer| add(&mut self.others, &layer.up.out));
            }
            low[index].lowered = low[index].down.run(wanted, &self.others);
        }
        for layer in low {
            if layer.raised {
                add(&mut full.sum, &layer.up.out);
            }
            if layer.lowered && layer.used {
                add(&mut layer.sum, &layer.down.out);
            }
        }
    }
}

/// The voices of one rate.
#[derive(Debug)]
pub(super) struct Layer {
    /// Somebody is in it this tick.
    pub(super) used: bool,
    /// Somebody will be in the next one: filters begin to hear before he does.
    pub(super) coming: bool,
    /// What its members say, and from [`Room::mix`] on what they hear of the others as well.
    pub(super) sum: Box<[f32]>,
    /// The sum and the mouth, once somebody wants both this tick.
    with_mouth: Box<[f32]>,
    has_mouth: bool,
    /// To the rate of the ear, and from it; and whether this tick gave anything.
    up: Converter,
    down: Converter,
    raised: bool,
    lowered: bool,
}

impl Layer {
    fn new(layer: usize) -> Layer {
        Layer {
            used: false,
            coming: false,
            sum: vec![0.0; samples(layer)].into(),
            with_mouth: vec![0.0; samples(layer)].into(),
            has_mouth: false,
            up: Converter::new(RATES[layer], RATE),
            down: Converter::new(RATE, RATES[layer]),
            raised: false,
            lowered: false,
        }
    }

    fn has_members(&self) -> bool {
        self.used || self.coming
    }

    pub(super) fn add(&mut self, voice: &[f32]) {
        if self.used {
            add(&mut self.sum, voice);
        } else {
            self.used = true;
            self.sum.copy_from_slice(voice);
        }
    }

    /// A voice broke off at `last`: let it go.
    pub(super) fn let_go(&mut self, last: f32) {
        if !std::mem::replace(&mut self.used, true) {
            self.sum.fill(0.0);
        }
        let length = self.sum.len() as f32;
        self.sum.iter_mut().enumerate().for_each(|(n, sample)| *sample += last * (1.0 - (n + 1) as f32 / length));
    }

    pub(super) fn with_mouth(&mut self, mouth: &[f32]) -> &[f32] {
        if !self.has_mouth {
            self.has_mouth = true;
            let both = self.sum.iter().zip(mouth);
            self.with_mouth.iter_mut().zip(both).for_each(|(to, (sum, mouth))| *to = sum + mouth);
        }
        &self.with_mouth
    }
}

fn add(sum: &mut [f32], voice: &[f32]) {
    sum.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += sample);
}

/// From one rate to another, as long as somebody wants it.
#[derive(Debug)]
pub(super) struct Converter {
    rates: (u32, u32),
    /// Made when it is wanted first.
    resampler: Option<Resampler>,
    pub(super) out: Vec<f32>,
    /// In the last tick, and in this one.
    ran: bool,
    runs: bool,
}

impl Converter {
    fn new(from: u32, to: u32) -> Converter {
        Converter { rates: (from, to), resampler: None, out: Vec::new(), ran: false, runs: false }
    }

    /// From the rate of mouth and ear to that of a layer.
    pub(super) fn down_to(layer: usize) -> Converter {
        Converter::new(RATE, RATES[layer])
    }

    pub(super) fn begin(&mut self) {
        self.ran = std::mem::take(&mut self.runs);
    }

    /// Did it run in the last tick, or does it in this one?
    pub(super) fn is_on(&self) -> bool {
        self.ran || self.runs
    }

    /// Convert a tick, once; false when there is nothing. Where it is not wanted any more, what the filter holds still
    /// comes out.
    pub(super) fn run(&mut self, wanted: bool, voice: &[f32]) -> bool {
        if self.runs || !(wanted || self.ran) {
            return self.runs;
        }
        let (from, to) = self.rates;
        let resampler = self.resampler.get_or_insert_with(|| Resampler::fixed(from, to));
        if !self.ran {
            resampler.clear();
        }
        self.out.clear();
        self.out.reserve(TICK);
        let silence = [0.0; TICK];
        resampler.process(if wanted { voice } else { &silence[..voice.len()] }, &mut self.out);
        self.runs = wanted;
        true
    }
}
