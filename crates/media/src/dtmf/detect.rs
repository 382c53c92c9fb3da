//! Keys heard as tones in the voice (ITU-T Q.23, Q.24), where a peer sends no telephone events.
//!
//! Eight resonators (Goertzel) listen for 20 ms, a new set beginning every 10 ms. A key is told when two sets in a
//! row hear the same pair and little else, for which 40 ms of it suffice; it ends when two in a row do not. All of it lies
//! below 4 kHz, so that 8 kHz do as well as more.

use std::f64::consts::TAU;

use super::{frequencies, key_of};

/// The pair's share of all power, at least, once what a tone off the middle loses is made up for.
const PURITY: f32 = 0.92;
/// How far a tone may be off its frequency: Q.24 takes 1.5 % and refuses 3.5 %.
const OFF: f32 = 0.018;
/// The least mean square of the pair: -40 dBov.
const LEAST: f32 = 1e-4;
/// The lower tone may be this much louder, and the higher this much (Q.24: 8 and 4 dB, and some for the way).
const TWIST: [f32; 2] = [10.0, 4.0];
/// What another of the same group, and the second harmonics, may have of the strongest: speech has more.
const OTHERS: f32 = 0.2;
const HARMONIC: f32 = 0.1;
const LEAK: f32 = 0.06;
const TOLD_AFTER: u32 = 2;
const ENDED_AFTER: u32 = 2;

/// The resonators: four rows, four columns, and their second harmonics.
const TONES: usize = 16;

/// Listens to one voice.
#[derive(Debug, Clone)]
pub(crate) struct Detector {
    /// Samples by which a set follows the one before; each listens to twice as many.
    hop: usize,
    turns: [f32; TONES],
    sets: [Set; 2],
    /// The key that sounds, or is about to, and how many sets heard it.
    heard: Option<(u8, u32)>,
    missed: u32,
    /// How the tones stood at the end of the set before.
    phases: [f32; 8],
}

#[derive(Debug, Clone, Copy)]
struct Set {
    at: usize,
    power: f32,
    one: [f32; TONES],
    two: [f32; TONES],
}

impl Set {
    const NEW: Set = Set { at: 0, power: 0.0, one: [0.0; TONES], two: [0.0; TONES] };
}

impl Detector {
    /// Of voice of `rate` samples per second, 8000 or more.
    pub(crate) fn new(rate: u32) -> Detector {
        let mut hertz = [0.0; TONES];
        for group in 0..4u8 {
            // The digits of a diagonal: 1, 5, 9, D.
            let (row, column) = frequencies([1, 5, 9, 15][usize::from(group)]);
            let group = usize::from(group);
            (hertz[group], hertz[group + 4]) = (row, column);
            (hertz[group + 8], hertz[group + 12]) = (2.0 * row, 2.0 * column);
        }
        let turns = hertz.map(|hertz| (2.0 * (TAU * f64::from(hertz) / f64::from(rate)).cos()) as f32);
        let hop = rate as usize / 100;
        Detector { hop, turns, sets: [Set::NEW, Set { at: hop, ..Set::NEW }], heard: None, missed: 0, phases: [0.0; 8] }
    }

    /// The next samples; `told` gets each key once, when it is sure.
    pub(crate) fn hear(&mut self, voice: &[f32], mut told: impl FnMut(char)) {
        let window = 2 * self.hop;
        let mut rest = voice;
        while !rest.is_empty() {
            let room = self.sets.iter().map(|set| window - set.at).min().unwrap_or(window);
            let (piece, after) = rest.split_at(room.min(rest.len()));
            for set in &mut self.sets {
                set.listen(&self.turns, piece);
            }
            for index in 0..self.sets.len() {
                if self.sets[index].at == window {
                    let found = self.sets[index].judge(self.hop, &self.turns, &mut self.phases);
                    self.sets[index] = Set::NEW;
                    self.note(found, &mut told);
                }
            }
            rest = after;
        }
    }

    fn note(&mut self, found: Option<u8>, told: &mut impl FnMut(char)) {
        match (&mut self.heard, found) {
            (Some((event, count)), Some(found)) if *event == found => {
                *count += 1;
                self.missed = 0;
                if *count == TOLD_AFTER
                    && let Some(key) = key_of(found)
                {
                    told(key);
                }
            }
            // A key that was told is not over for one bad set, nor does another begin.
            (Some((_, TOLD_AFTER..)), _) if self.missed + 1 < ENDED_AFTER => self.missed += 1,
            (heard, found) => {
                *heard = found.map(|event| (event, 1));
                self.missed = 0;
            }
        }
    }
}

impl Set {
    fn listen(&mut self, turns: &[f32; TONES], piece: &[f32]) {
        for sample in piece {
            self.power += sample * sample;
            for (turn, (one, two)) in turns.iter().zip(self.one.iter_mut().zip(&mut self.two)) {
                let next = sample + turn * *one - *two;
                (*two, *one) = (*one, next);
            }
        }
        self.at += piece.len();
    }

    /// The event whose tones these samples are.
    fn judge(&self, hop: usize, turns: &[f32; TONES], phases: &mut [f32; 8]) -> Option<u8> {
        let (window, hop) = (2.0 * hop as f32, hop as f32);
        // Mean squares of the best-fitting sines.
        let powers: [f32; TONES] = std::array::from_fn(|tone| {
            let (one, two) = (self.one[tone], self.two[tone]);
            2.0 * (one * one + two * two - turns[tone] * one * two) / (window * window)
        });
        let strongest = |group: &[f32]| (0..4).max_by(|a, b| group[*a].total_cmp(&group[*b])).unwrap_or(0);
        let (row, column) = (strongest(&powers[..4]), strongest(&powers[4..8]));
        let (low, high) = (powers[row], powers[4 + column]);
        let mean = self.power / window;
        // How far off a tone is, in Hz: by what it turned since the set before, against what it should have.
        let mut off = |tone: usize| {
            let angle = (turns[tone] / 2.0).acos();
            let phase = (self.two[tone] * angle.sin()).atan2(self.one[tone] - self.two[tone] * angle.cos());
            let turned = phase - std::mem::replace(&mut phases[tone], phase) - angle * hop;
            let turned = turned - (turned / std::f32::consts::TAU).round() * std::f32::consts::TAU;
            (turned / hop, turned / hop / angle)
        };
        let offs: [(f32, f32); 8] = std::array::from_fn(&mut off);
        // A tone that is off the middle of its resonator has lost this share.
        let whole = |power: f32, off: f32| {
            let x = (off * window / 2.0).clamp(-1.6, 1.6);
            if x.abs() < 1e-3 { power } else { power / (x.sin() / x).powi(2) }
        };
        let ((low_off, low_share), (high_off, high_share)) = (offs[row], offs[4 + column]);
        let alone = |group: &[f32], of: usize| (0..4).all(|tone| tone == of || group[tone] < OTHERS * group[of]);
        let sounds = low + high > LEAST
            && low_share.abs() < OFF
            && high_share.abs() < OFF
            && whole(low, low_off) + whole(high, high_off) > PURITY * mean
            && low < TWIST[0] * high
            && high < TWIST[1] * low
            && alone(&powers[..4], row)
            && alone(&powers[4..8], column)
            // Half a window away from a row's harmonic lies a column, which leaks into it.
            && powers[8 + row] < HARMONIC * low + LEAK * high
            && powers[12 + column] < HARMONIC * high;
        // The keypad: 1 2 3 A, 4 5 6 B, 7 8 9 C, * 0 # D.
        const EVENTS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];
        sounds.then(|| EVENTS[row][column])
    }
}

#[cfg(test)]
mod tests {
    use super::super::ToneSender;
    use super::*;
    use crate::codec::{Decoder, Encoder};
    use crate::config::{Codec, CodecConfig};
    use crate::resample::Resampler;

    /// At 48 kHz, and the same at 8 kHz.
    fn detect(voice: &[f32]) -> String {
        let heard = |voice: &[f32], rate: u32| {
            let (mut detector, mut keys) = (Detector::new(rate), String::new());
            voice.chunks(160).for_each(|piece| detector.hear(piece, |key| keys.push(key)));
            keys
        };
        let full = heard(voice, 48_000);
        assert_eq!(full, heard(&Resampler::convert(voice, 48_000, 8_000), 8_000), "at 8 kHz");
        full
    }

    /// Tones of a length in ms, one after the other, at a level of each in dBov and off their frequency.
    fn keys(keys: &str, on: usize, off: usize, levels: [f32; 2], shift: f64, start: usize) -> Vec<f32> {
        let mut out = vec![0.0; start];
        for key in keys.chars() {
            let (low, high) = frequencies(super::super::event_of(key).unwrap());
            let peak = |level: f32| f64::from(10.0f32.powf(level / 20.0)) * std::f64::consts::SQRT_2;
            out.extend((0..on * 48).map(|n| {
                let wave = |hertz: f32| (TAU * f64::from(hertz) * shift * n as f64 / 48_000.0).sin();
                (wave(low) * peak(levels[0]) + wave(high) * peak(levels[1])) as f32
            }));
            out.resize(out.len() + off * 48, 0.0);
        }
        out
    }

    const ALL: &str = "0123456789*#ABCD";

    #[test]
    fn keys_are_heard_as_the_recommendation_wants() {
        for start in [0, 100, 240, 333, 479] {
            // Q.24: 40 ms suffice, 40 ms of silence part two.
            assert_eq!(detect(&keys(ALL, 41, 40, [-15.0; 2], 1.0, start)), ALL, "at {start}");
            assert_eq!(detect(&keys("55", 60, 40, [-15.0; 2], 1.0, start)), "55", "at {start}");
            assert_eq!(detect(&keys(ALL, 23, 60, [-15.0; 2], 1.0, start)), "", "23 ms is no key");
        }
        for levels in [[-9.0, -9.0], [-36.0, -36.0], [-20.0, -15.0], [-15.0, -23.0]] {
            assert_eq!(detect(&keys(ALL, 60, 60, levels, 1.0, 77)), ALL, "{levels:?}");
        }
        for shift in [0.986, 1.014] {
            assert_eq!(detect(&keys(ALL, 80, 60, [-15.0; 2], shift, 77)), ALL, "{shift}");
        }
        for shift in [0.96, 1.04] {
            assert_eq!(detect(&keys(ALL, 80, 60, [-15.0; 2], shift, 77)), "", "{shift}");
        }
        assert_eq!(detect(&keys(ALL, 80, 60, [-50.0; 2], 1.0, 77)), "", "too faint");
    }

    #[test]
    fn they_survive_a_codec_and_noise() {
        let mut sender = ToneSender::default();
        sender.push(ALL);
        let mut voice = vec![0.0; 48_000 * 4];
        sender.fill(&mut voice, 48_000);
        let mut random = 9u32;
        for sample in &mut voice {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample += (random as i32 as f32 / 2_147_483_648.0) * 0.02;
        }
        for codec in [Codec::Pcmu, Codec::Opus] {
            let config = CodecConfig { bitrate: Some(32_000), ..CodecConfig::new(codec, 0) };
            let (mut encoder, mut decoder) = (Encoder::new(&config).unwrap(), Decoder::new(codec).unwrap());
            let (mut payload, mut heard) = (Vec::new(), Vec::new());
            for frame in voice.chunks_exact(960) {
                encoder.encode(frame, &mut payload).unwrap();
                decoder.decode(&payload, &mut heard).unwrap();
            }
            assert_eq!(detect(&heard), ALL, "{codec:?}");
        }
    }

    /// Vowels: pulses of a wandering pitch through three wandering formants, with pauses and hiss.
    fn speech(seconds: usize, seed: u32) -> Vec<f32> {
        let mut random = seed;
        let mut draw = move || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as f32 / 16_777_216.0
        };
        let mut out = Vec::with_capacity(seconds * 48_000);
        let (mut phase, mut pitch, mut formants, mut gain) = (0.0f32, 120.0f32, [500.0f32, 1_500.0, 2_500.0], 0.0f32);
        let mut wanted = (pitch, formants, 1.0f32);
        let mut memory = [[0.0f32; 2]; 3];
        for n in 0..seconds * 48_000 {
            if n % 7_200 == 0 {
                let voiced = if draw() < 0.8 { 1.0 } else { 0.0 };
                wanted = (
                    90.0 + 200.0 * draw(),
                    [250.0 + 700.0 * draw(), 800.0 + 1_600.0 * draw(), 2_200.0 + 900.0 * draw()],
                    voiced,
                );
            }
            pitch += (wanted.0 - pitch) * 1e-4;
            gain += (wanted.2 - gain) * 1e-3;
            phase += pitch / 48_000.0;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= pulse;
            let mut sample = pulse * gain + (draw() - 0.5) * 0.004;
            for (index, (formant, wide)) in formants.iter_mut().zip([80.0, 100.0, 140.0]).enumerate() {
                *formant += (wanted.1[index] - *formant) * 3e-4;
                let radius = (-std::f32::consts::PI * wide / 48_000.0).exp();
                let angle = std::f32::consts::TAU * *formant / 48_000.0;
                let [one, two] = memory[index];
                let next = sample + 2.0 * radius * angle.cos() * one - radius * radius * two;
                memory[index] = [next, one];
                sample = next * (1.0 - radius);
            }
            out.push(sample * 40.0);
        }
        out
    }

    #[test]
    fn speech_dials_nothing() {
        for seed in 0..8 {
            let voice = speech(60, seed);
            let loud = (voice.iter().map(|sample| sample * sample).sum::<f32>() / voice.len() as f32).sqrt();
            assert!(loud > 0.02, "{loud}");
            assert_eq!(detect(&voice), "", "seed {seed}");
        }
    }

    #[test]
    fn other_tones_dial_nothing() {
        let mut voice = Vec::new();
        // A sweep from 300 to 1800 Hz, alone and over each row.
        for second in [0.0, 697.0, 770.0, 852.0, 941.0] {
            let sweep = (0..480_000).map(|n| {
                let t = f64::from(n) / 48_000.0;
                let one = (TAU * (300.0 + 75.0 * t) * t).sin() as f32;
                let two = (TAU * second * t).sin() as f32;
                // Where it passes a column it is a key.
                let hertz = 300.0 + 150.0 * t;
                let key =
                    [1_209.0, 1_336.0, 1_477.0, 1_633.0].iter().any(|column| (column / hertz - 1.0f64).abs() < 0.035);
                if key && second > 0.0 { 0.0 } else { 0.2 * (one + two) }
            });
            voice.extend(sweep);
        }
        // North America's ringback, busy and dial tone.
        for [one, two] in [[440.0, 480.0], [480.0, 620.0], [350.0, 440.0]] {
            voice.extend((0..48_000).map(|n| {
                let wave = |hertz: f64| (TAU * hertz * f64::from(n) / 48_000.0).sin() as f32;
                0.1 * (wave(one) + wave(two))
            }));
        }
        assert_eq!(detect(&voice), "");
    }
}
