//! What others make of the same traces, measured once with the same speech, codec and scores.

use crate::Score;

/// Mean and 95th percentile of the added delay in ms, and PESQ-WB.
type Figures = (u32, u32, f64);

pub(crate) struct Anchor {
    pub(crate) trace: &'static str,
    /// libwebrtc's NetEQ (C++, 2022).
    pub(crate) neteq: Figures,
    /// The Rust crate `neteq` 0.9.1.
    pub(crate) krate: Figures,
}

impl Anchor {
    /// NetEQ's quality at nine tenths of its delay; on `wifi` its longest delays as well.
    pub(crate) fn is_met(&self, score: &Score) -> bool {
        score.mean <= 0.9 * f64::from(self.neteq.0)
            && score.pesq >= self.neteq.2 - 0.005
            && (self.trace != "wifi" || score.p95 < f64::from(self.neteq.1))
    }
}

const fn anchor(trace: &'static str, neteq: Figures, krate: Figures) -> Anchor {
    Anchor { trace, neteq, krate }
}

pub(crate) const ANCHORS: [Anchor; 13] = [
    anchor("clean", (23, 23, 4.38), (18, 23, 4.09)),
    anchor("j10", (71, 80, 4.16), (60, 87, 2.81)),
    anchor("j10_l1", (70, 78, 3.54), (59, 81, 2.14)),
    anchor("j10_l5", (68, 85, 2.73), (57, 72, 1.59)),
    anchor("j10_l10", (69, 87, 2.17), (54, 69, 1.29)),
    anchor("j30", (181, 206, 3.50), (173, 232, 2.74)),
    anchor("j30_l5", (182, 211, 2.45), (157, 200, 1.66)),
    anchor("j30reord", (166, 179, 3.70), (99, 137, 1.42)),
    anchor("j60", (389, 454, 3.20), (356, 481, 2.59)),
    anchor("j60_l10", (380, 437, 1.93), (296, 420, 1.30)),
    anchor("j10_p500", (55, 63, 4.03), (47, 99, 2.51)),
    anchor("j10_m500", (84, 99, 4.05), (76, 112, 2.68)),
    anchor("wifi", (84, 313, 2.43), (46, 106, 1.99)),
];
