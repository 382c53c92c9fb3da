//! How good a call is thought to be: the E-model of ITU-T G.107, with the defaults of its table 2.

use std::time::Duration;

use crate::config::Codec;

/// The R-value of a call without codec, loss or delay: G.107 defaults.
const BASE: f32 = 93.2;

/// Mean opinion score, 1 to 4.5, of a voice that takes `one_way` from mouth to ear and of whose packets the share
/// `loss` (0 to 1) is missing when its turn comes.
pub(crate) fn mos(codec: Codec, fec: bool, loss: f32, one_way: Duration) -> f32 {
    // Equipment impairment and robustness to loss. G.711 with Appendix I: G.113 table I.4. Opus is not in G.113; 20 and
    // 40 follow its measured PLC and FEC, which lie above G.711's.
    let (impairment, robustness) = match (codec, fec) {
        (Codec::Opus, false) => (0.0, 20.0),
        (Codec::Opus, true) => (0.0, 40.0),
        // G.722 loses like G.711 with the same concealment; what it gains by its bandwidth is not on this scale.
        (Codec::G722 | Codec::Pcmu | Codec::Pcma, _) => (0.0, 25.1),
    };
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let equipment = impairment + (95.0 - impairment) * percent / (percent + robustness);
    let delay = one_way.as_secs_f32() * 1_000.0;
    // G.107's delay impairment in the approximation of Cole and Rosenbluth.
    let delay = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
    let r = (BASE - equipment - delay).clamp(0.0, 100.0);
    // G.107 annex B.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points() {
        let at = |loss, delay| mos(Codec::Pcmu, false, loss, Duration::from_millis(delay));
        assert!((at(0.0, 0) - 4.41).abs() < 0.01, "{}", at(0.0, 0));
        assert!((at(0.0, 150) - 4.33).abs() < 0.05, "{}", at(0.0, 150));
        assert!(at(0.05, 50) < 4.0 && at(0.05, 50) > 3.5, "{}", at(0.05, 50));
        assert!(at(1.0, 1_000) < 1.2);
        assert!(at(0.0, 400) < at(0.0, 200));
        assert!(mos(Codec::Opus, true, 0.1, Duration::ZERO) > mos(Codec::Opus, false, 0.1, Duration::ZERO));
    }
}
