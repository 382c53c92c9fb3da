//! How good a call is thought to be: the E-model of ITU-T G.107, with the defaults of its table 2 where nothing is
//! measured.

use std::time::Duration;

use crate::config::Codec;

/// The R-value without codec, loss or delay: G.107's defaults for noise, loudness and quantisation.
const BASE: f64 = 93.35;
/// Talker echo loudness rating in dB, and room noise relative to it, as G.107 defaults have them.
const TELR: f64 = 65.0;
const NOISE: f64 = 94.8;

/// What is known of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Call {
    pub(crate) codec: Codec,
    /// Lost packets come back by forward error correction.
    pub(crate) fec: bool,
    /// Share of packets that are missing when their turn comes, 0 to 1.
    pub(crate) missing: f32,
    /// How much longer runs of missing packets are than by chance (G.107's BurstR), from 1.
    pub(crate) bursts: f32,
    /// From mouth to ear.
    pub(crate) one_way: Duration,
}

impl Call {
    /// The transmission rating with delay, 0 to 100.
    pub(crate) fn rating(&self) -> f32 {
        (BASE - self.equipment() - delay(self.one_way)).clamp(0.0, 100.0) as f32
    }

    /// The same of listening alone: as if there were no delay.
    pub(crate) fn listening(&self) -> f32 {
        (BASE - self.equipment() - delay(Duration::ZERO)).clamp(0.0, 100.0) as f32
    }

    /// Ie-eff (G.107 §7.4).
    fn equipment(&self) -> f64 {
        // Equipment impairment and robustness to loss. G.711 with Appendix I: G.113 table I.4. Opus is not in G.113; 20
        // and 40 follow its measured PLC and FEC, which lie above G.711's.
        let (impairment, robustness) = match (self.codec, self.fec) {
            (Codec::Opus, false) => (0.0, 20.0),
            (Codec::Opus, true) => (0.0, 40.0),
            // G.722 loses like G.711 with the same concealment; what it gains by its bandwidth is not on this scale.
            (Codec::G722 | Codec::Pcmu | Codec::Pcma | Codec::ComfortNoise, _) => (0.0, 25.1),
        };
        let percent = f64::from(self.missing.clamp(0.0, 1.0)) * 100.0;
        impairment + (95.0 - impairment) * percent / (percent / f64::from(self.bursts.max(1.0)) + robustness)
    }
}

/// Id (G.107 §7.3): what delay does to a talker who hears himself (Idte), and to the conversation (Idd). There is no
/// echo at the listener (Idle): its loss is taken as infinite but for the constant part, 0.15.
fn delay(one_way: Duration) -> f64 {
    let ms = one_way.as_secs_f64() * 1_000.0;
    let masked = TELR - 40.0 * ((1.0 + ms / 10.0) / (1.0 + ms / 150.0)).log10() + 6.0 * (-0.3 * ms * ms).exp();
    let half = (NOISE - (80.0 + 2.5 * (masked - 14.0))) / 2.0;
    let echo = (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-ms).exp());
    let conversation = if ms <= 100.0 {
        0.0
    } else {
        let x = (ms / 100.0).log2();
        25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0) + 2.0)
    };
    0.15 + echo.max(0.0) + conversation
}

/// Mean opinion score, 1 to 4.5, of a rating (G.107 annex B).
pub(crate) fn mos(rating: f32) -> f32 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(missing: f32, bursts: f32, ms: u64) -> Call {
        Call { codec: Codec::Pcmu, fec: false, missing, bursts, one_way: Duration::from_millis(ms) }
    }

    #[test]
    fn known_points() {
        // G.107 table 2: the defaults give 93.2 and, by annex B, 4.41.
        assert!((call(0.0, 1.0, 0).rating() - 93.2).abs() < 0.05);
        assert!((mos(call(0.0, 1.0, 0).rating()) - 4.41).abs() < 0.01);
        // G.114's figure of the rating over delay, by eye: 90 at 150 ms, 80 at 250 ms, 60 to 65 at 400 ms.
        for (ms, rating) in [(150, 90.0), (250, 80.0), (400, 63.0)] {
            let found = call(0.0, 1.0, ms).rating();
            assert!((found - rating).abs() < 2.0, "{ms} ms: {found}");
        }
        // G.113 appendix I: G.711 with concealment at 5 % lies near 15.8 below.
        let lossy = call(0.05, 1.0, 0);
        assert!((lossy.rating() - (93.2 - 15.78)).abs() < 0.1, "{}", lossy.rating());
    }

    #[test]
    fn worse_is_never_better() {
        let ratings = |calls: Vec<Call>| calls.iter().map(Call::rating).collect::<Vec<_>>();
        let falls = |ratings: Vec<f32>| assert!(ratings.windows(2).all(|pair| pair[1] <= pair[0]), "{ratings:?}");
        falls(ratings((0..1_000).map(|ms| call(0.0, 1.0, ms)).collect()));
        falls(ratings((0..=100).map(|percent| call(percent as f32 / 100.0, 1.0, 50)).collect()));
        falls(ratings((1..20).map(|ratio| call(0.03, ratio as f32, 50)).collect()));
        let opus = Call { codec: Codec::Opus, ..call(0.1, 1.0, 0) };
        assert!(Call { fec: true, ..opus }.rating() > opus.rating());
        assert!(call(0.0, 1.0, 300).listening() > call(0.0, 1.0, 300).rating());
        assert!((mos(0.0), mos(100.0)) == (1.0, 4.5) && call(1.0, 50.0, 10_000).rating() >= 0.0);
    }
}
