//! The calls that we parked: until when they may stay, and whether one that comes in is one of them, ringing back.
//!
//! A recall carries no mark of its own: it is an INVITE like any other. It is known by its party, by our having parked
//! that, and by the time.
#![warn(clippy::wildcard_enum_match_arm)]

use crate::vocab::Slot;
use std::time::{Duration, Instant};

/// How long an exchange leaves a call parked before it rings back, unless told otherwise.
pub const PARK_TIMEOUT: Duration = Duration::from_secs(300);
/// How far the clocks and the habits of an exchange may differ from that.
pub const RECALL_WINDOW: Duration = Duration::from_secs(60);
/// How much too early it may ring back: the exchange's clock began before ours.
const EARLY: Duration = Duration::from_secs(5);
/// The most calls that are remembered; the oldest is forgotten.
pub const MAX_PARKED: usize = 64;

/// A call that we parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Where, if anybody said so.
    pub slot: Option<Slot>,
    /// Who waits there: a number or an address, as the caller of an INVITE would be written.
    pub party: String,
    /// Since when.
    pub since: Instant,
    /// When the exchange rings back.
    pub until: Instant,
}

/// What happened to a parked call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Somebody took it.
    Retrieved(Parked),
    /// Its time was over, and it rings here again.
    Recalled(Parked),
    /// The party hung up.
    GivenUp(Parked),
    /// It is not there any more, and nobody knows whether somebody took it or the party hung up.
    Left(Parked),
    /// Its time was over long ago, and it did not ring here.
    Forgotten(Parked),
}

/// The calls that we parked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Lot(Vec<Parked>);

impl Lot {
    /// One call more. A slot holds one call: whoever was in it before has left it.
    pub fn park(&mut self, parked: Parked) {
        if parked.slot.is_some() {
            self.0.retain(|other| other.slot != parked.slot);
        }
        if self.0.len() >= MAX_PARKED {
            self.0.remove(0);
        }
        self.0.push(parked);
    }

    /// The calls that wait, oldest first.
    pub fn parked(&self) -> &[Parked] {
        &self.0
    }

    /// A slot has become free, and whoever says so does not know why. Not if its time is over: then it is about to ring here.
    pub fn left(&mut self, now: Instant, slot: &Slot) -> Option<Fate> {
        self.take(|parked| parked.slot.as_ref() == Some(slot) && now + EARLY < parked.until).map(Fate::Left)
    }

    /// Somebody has taken the call out of a slot.
    pub fn retrieved(&mut self, slot: &Slot) -> Option<Fate> {
        self.take(|parked| parked.slot.as_ref() == Some(slot)).map(Fate::Retrieved)
    }

    /// The party in a slot has hung up.
    pub fn given_up(&mut self, slot: &Slot) -> Option<Fate> {
        self.take(|parked| parked.slot.as_ref() == Some(slot)).map(Fate::GivenUp)
    }

    /// A call comes in. It rings back if its caller is parked by us and its time has come.
    pub fn recall(&mut self, now: Instant, party: &str) -> Option<Fate> {
        self.take(|parked| parked.party == party && now + EARLY >= parked.until).map(Fate::Recalled)
    }

    /// When [`expire`](Self::expire) has something to say.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|parked| parked.until + RECALL_WINDOW).min()
    }

    /// The next call that is over for us.
    pub fn expire(&mut self, now: Instant) -> Option<Fate> {
        self.take(|parked| parked.until + RECALL_WINDOW <= now).map(Fate::Forgotten)
    }

    fn take(&mut self, which: impl Fn(&Parked) -> bool) -> Option<Parked> {
        let at = self.0.iter().position(which)?;
        Some(self.0.remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test's time begins somewhere")]
    fn parked(slot: &str) -> (Instant, Parked) {
        let since = Instant::now();
        let slot = Some(Slot(slot.into()));
        (since, Parked { slot, party: "0312345678".into(), since, until: since + PARK_TIMEOUT })
    }

    #[test]
    fn a_recall_is_the_parked_party_in_time() {
        let (now, call) = parked("701");
        let mut lot = Lot::default();
        lot.park(call.clone());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(lot.recall(after(294), "0312345678"), None, "that is a new call of theirs");
        assert_eq!(lot.recall(after(300), "0398765432"), None, "that is somebody else");
        assert_eq!(lot.clone().recall(after(295), "0312345678"), Some(Fate::Recalled(call.clone())));
        assert_eq!(lot.recall(after(330), "0312345678"), Some(Fate::Recalled(call)));
        assert_eq!(lot.recall(after(330), "0312345678"), None, "once");
    }

    #[test]
    fn a_slot_holds_one_call_and_nothing_is_kept_for_ever() {
        let (now, call) = parked("701");
        let mut lot = Lot::default();
        lot.park(call.clone());
        lot.park(call.clone());
        assert_eq!(lot.parked().len(), 1);
        assert_eq!(lot.deadline(), Some(now + Duration::from_secs(360)));
        assert_eq!(lot.expire(now + Duration::from_millis(359_999)), None);
        assert_eq!(lot.clone().expire(now + Duration::from_secs(360)), Some(Fate::Forgotten(call.clone())));
        assert_eq!(lot.clone().given_up(&Slot("702".into())), None);
        assert_eq!(lot.clone().given_up(&Slot("701".into())), Some(Fate::GivenUp(call.clone())));
        let slot = Slot("701".into());
        assert_eq!(lot.left(now + Duration::from_secs(295), &slot), None, "it is about to ring here");
        assert_eq!(lot.clone().left(now + Duration::from_secs(294), &slot), Some(Fate::Left(call.clone())));
        assert_eq!(lot.retrieved(&slot), Some(Fate::Retrieved(call)));
        for number in 0..=MAX_PARKED {
            lot.park(parked(&number.to_string()).1);
        }
        assert_eq!(lot.parked().len(), MAX_PARKED);
    }
}
