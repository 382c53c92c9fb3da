//! The tones of countries, by the ITU's list "Various tones used in national networks" (annex to Recommendation E.180,
//! supplement 2). Where a country allows several, this is the one of its largest network.

use std::str::FromStr;

use super::{AMPLITUDE, CONTINUOUS, Tone};

/// Whose tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Country {
    /// `jp`
    #[default]
    Japan,
    /// `us`, and all of North America
    UnitedStates,
    /// `gb`
    UnitedKingdom,
    /// `fr`
    France,
    /// `de`
    Germany,
}

impl Country {
    /// All of them.
    pub const ALL: [Country; 5] =
        [Country::Japan, Country::UnitedStates, Country::UnitedKingdom, Country::France, Country::Germany];

    /// Its two letters (ISO 3166-1).
    pub const fn code(self) -> &'static str {
        match self {
            Country::Japan => "jp",
            Country::UnitedStates => "us",
            Country::UnitedKingdom => "gb",
            Country::France => "fr",
            Country::Germany => "de",
        }
    }
}

/// A country whose tones are not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no tones are known of this country; known are jp, us, gb, fr and de")]
pub struct UnknownCountry;

impl FromStr for Country {
    type Err = UnknownCountry;

    /// By its two letters, in either case.
    fn from_str(code: &str) -> Result<Country, UnknownCountry> {
        Country::ALL.into_iter().find(|country| country.code().eq_ignore_ascii_case(code)).ok_or(UnknownCountry)
    }
}

/// What a tone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Dial now.
    Dial,
    /// The far end rings.
    Ringback,
    /// The far end is busy.
    Busy,
    /// There is no way to the far end (congestion, reorder).
    Congestion,
    /// Somebody else calls during this call. Repeats until it is stopped.
    CallWaiting,
}

pub(super) const fn tone(country: Country, signal: Signal) -> Tone {
    match (country, signal) {
        (Country::Japan, Signal::Dial) => plain(&[400.0], CONTINUOUS),
        // 15 to 20 Hz.
        (Country::Japan, Signal::Ringback) => Tone { modulation: 16.0, ..plain(&[400.0], once(1_000, 2_000)) },
        (Country::Japan, Signal::Busy | Signal::Congestion) => plain(&[400.0], once(500, 500)),
        (Country::Japan, Signal::CallWaiting) => Tone { modulation: 16.0, ..plain(&[400.0], once(500, 8_000)) },

        (Country::UnitedStates, Signal::Dial) => plain(&[350.0, 440.0], CONTINUOUS),
        (Country::UnitedStates, Signal::Ringback) => plain(&[440.0, 480.0], once(2_000, 4_000)),
        (Country::UnitedStates, Signal::Busy) => plain(&[480.0, 620.0], once(500, 500)),
        (Country::UnitedStates, Signal::Congestion) => plain(&[480.0, 620.0], once(250, 250)),
        (Country::UnitedStates, Signal::CallWaiting) => plain(&[440.0], once(300, 9_700)),

        (Country::UnitedKingdom, Signal::Dial) => plain(&[350.0, 440.0], CONTINUOUS),
        (Country::UnitedKingdom, Signal::Ringback) => plain(&[400.0, 450.0], [(400, 200), (400, 2_000)]),
        (Country::UnitedKingdom, Signal::Busy) => plain(&[400.0], once(375, 375)),
        (Country::UnitedKingdom, Signal::Congestion) => plain(&[400.0], [(400, 350), (225, 525)]),
        (Country::UnitedKingdom, Signal::CallWaiting) => plain(&[400.0], once(100, 4_000)),

        (Country::France, Signal::Dial) => plain(&[440.0], CONTINUOUS),
        (Country::France, Signal::Ringback) => plain(&[440.0], once(1_500, 3_500)),
        (Country::France, Signal::Busy) => plain(&[440.0], once(500, 500)),
        (Country::France, Signal::Congestion) => plain(&[440.0], once(250, 250)),
        (Country::France, Signal::CallWaiting) => plain(&[440.0], once(300, 10_000)),

        (Country::Germany, Signal::Dial) => plain(&[425.0], CONTINUOUS),
        (Country::Germany, Signal::Ringback) => plain(&[425.0], once(1_000, 4_000)),
        (Country::Germany, Signal::Busy) => plain(&[425.0], once(480, 480)),
        (Country::Germany, Signal::Congestion) => plain(&[425.0], once(240, 240)),
        (Country::Germany, Signal::CallWaiting) => plain(&[425.0], [(200, 200), (200, 5_000)]),
    }
}

const fn once(on: u32, off: u32) -> [(u32, u32); 2] {
    [(on, off), (0, 0)]
}

const fn plain(frequencies: &[f32], cadence: [(u32, u32); 2]) -> Tone {
    let second = if frequencies.len() > 1 { frequencies[1] } else { 0.0 };
    Tone { frequencies: [frequencies[0], second], modulation: 0.0, amplitude: AMPLITUDE, cadence, times: 0 }
}

#[cfg(test)]
mod tests {
    use super::super::Generator;
    use super::*;

    const SIGNALS: [Signal; 5] =
        [Signal::Dial, Signal::Ringback, Signal::Busy, Signal::Congestion, Signal::CallWaiting];

    /// The times in ms at which a tone begins and ends within its first rounds.
    fn edges(tone: Tone, ms: usize) -> Vec<usize> {
        let mut out = vec![0.0; 48 * ms];
        assert!(Generator::new(tone).mix(&mut out));
        // A millisecond sounds when anything in the 40 ms around it does: the modulation has pauses of its own.
        let loud: Vec<_> = out.chunks(48).map(|ms| ms.iter().any(|sample| sample.abs() > 0.01)).collect();
        let sounds: Vec<_> = (0..ms)
            .map(|at| loud[at.saturating_sub(20)..(at + 20).min(ms)].iter().filter(|l| **l).count() >= 3)
            .collect();
        (1..ms).filter(|at| sounds[*at] != sounds[at - 1]).collect()
    }

    #[test]
    fn cadences_are_what_the_table_says() {
        for country in Country::ALL {
            for signal in SIGNALS {
                let tone = Tone::of(country, signal);
                let mut wanted = Vec::new();
                let mut at = 0;
                for (on, off) in tone.cadence.iter().filter(|(on, _)| *on > 0) {
                    wanted.extend([at as usize, (at + on) as usize]);
                    at += on + off;
                }
                let found = edges(tone, at.max(1_000) as usize);
                let found: Vec<_> = [0].into_iter().chain(found).take(wanted.len()).collect();
                let near = found.iter().zip(&wanted).all(|(found, wanted)| found.abs_diff(*wanted) <= 60);
                assert!(near && found.len() == wanted.len(), "{country:?} {signal:?}: {found:?}, not {wanted:?}");
            }
        }
    }

    #[test]
    fn frequencies_are_in_the_sound() {
        for country in Country::ALL {
            for signal in SIGNALS {
                let tone = Tone { modulation: 0.0, cadence: CONTINUOUS, ..Tone::of(country, signal) };
                let mut out = vec![0.0; 48_000];
                Generator::new(tone).mix(&mut out);
                let power: f32 = out.iter().map(|sample| sample * sample).sum();
                let tones = tone.frequencies.iter().filter(|hertz| **hertz > 0.0).count() as f32;
                for hertz in tone.frequencies.into_iter().filter(|hertz| *hertz > 0.0) {
                    let wave = (0..out.len()).map(|n| (std::f32::consts::TAU * hertz * n as f32 / 48_000.0).sin());
                    let like: f32 = wave.zip(&out).map(|(wave, sample)| wave * sample).sum();
                    let share = 2.0 * like * like / (out.len() as f32 * power);
                    assert!((share * tones - 1.0).abs() < 0.02, "{country:?} {signal:?}: {share} at {hertz} Hz");
                }
            }
        }
    }

    #[test]
    fn codes_are_read() {
        assert!(Country::ALL.into_iter().all(|country| country.code().to_uppercase().parse() == Ok(country)));
        assert_eq!("atlantis".parse::<Country>(), Err(UnknownCountry));
    }
}
