//! Legs that are heard together: the conference (with the user) and bridges (without).
use super::Switch;
use crate::leg::{Input, Phase, Place};
use crate::vocab::{Command, EndReason, Event, LegId, Misuse};
use std::collections::BTreeSet;
use std::time::Instant;

/// The most parties of a conference beside the user.
pub(super) const MAX_PARTIES: usize = 15;

impl Switch {
    /// The legs of the conference; none or at least two.
    pub fn conference(&self) -> &BTreeSet<LegId> {
        &self.conference
    }

    /// The pairs of legs that are joined without the user.
    pub fn bridges(&self) -> &[[LegId; 2]] {
        &self.bridges
    }

    /// Talks with all of these at once; whoever is in the conference already stays in it. Held ones are resumed.
    ///
    /// # Errors
    /// [`Misuse`] if there are fewer than two, one is not answered, or one is being transferred or parked; nothing has
    /// changed then.
    pub fn merge(&mut self, now: Instant, ids: &[LegId]) -> Result<(), Misuse> {
        let misuse = |state| Err(Misuse { doing: "merge", state });
        let all: BTreeSet<LegId> = ids.iter().chain(&self.conference).copied().collect();
        if all.len() < 2 {
            return misuse("a conference needs two calls");
        }
        if all.len() > MAX_PARTIES {
            return misuse("the conference is full");
        }
        if !all.iter().all(|id| self.is_talking_or_held(*id)) {
            return misuse("a call is not answered, or is being transferred or parked");
        }
        self.keypads_are_idle().ok_or(Misuse { doing: "merge", state: "a transfer by keys is under way" })?;
        self.yield_others(now, &all);
        for id in &all {
            self.part(now, *id);
            if self.conference.insert(*id) {
                self.tell(*id, Event::Conference(true));
            }
            self.step(now, *id, Input::Place(Place::User));
            self.resume_if_held(now, *id);
        }
        Ok(())
    }

    /// Ends the conference: the user talks with `keep` alone, the others are put on hold.
    ///
    /// # Errors
    /// [`Misuse`] if it is not in the conference.
    pub fn split(&mut self, now: Instant, keep: LegId) -> Result<(), Misuse> {
        if !self.conference.contains(&keep) {
            return Err(Misuse { doing: "split", state: "the call is in no conference" });
        }
        for id in std::mem::take(&mut self.conference) {
            self.tell(id, Event::Conference(false));
            if id != keep {
                self.step(now, id, Input::Place(Place::Elsewhere));
            }
        }
        Ok(())
    }

    /// Turns from the live call to the one on hold.
    ///
    /// # Errors
    /// [`Misuse`] unless exactly one other call is answered and on hold.
    pub fn swap(&mut self, now: Instant) -> Result<(), Misuse> {
        let waiting = self.legs().filter(|(_, view)| view.phase == Phase::Active && !view.live && view.task.is_none());
        let waiting: Vec<LegId> = waiting.map(|(id, _)| id).collect();
        match waiting[..] {
            [id] => self.handle_command(now, id, Command::Resume),
            _ => Err(Misuse { doing: "swap", state: "there is not exactly one call on hold" }),
        }
    }

    /// Joins two calls without the user. When either hangs up, the other is hung up; when either is lost or sent away, the
    /// other waits on hold.
    ///
    /// # Errors
    /// [`Misuse`] if one is not answered, or is being transferred or parked; nothing has changed then.
    pub fn bridge(&mut self, now: Instant, one: LegId, other: LegId) -> Result<(), Misuse> {
        if one == other || !self.is_talking_or_held(one) || !self.is_talking_or_held(other) {
            return Err(Misuse { doing: "join", state: "a call is not answered, or is being transferred or parked" });
        }
        self.join(now, one, other);
        Ok(())
    }

    pub(super) fn join(&mut self, now: Instant, one: LegId, other: LegId) {
        for (id, with) in [(one, other), (other, one)] {
            self.part(now, id);
            self.leave_conference(id);
            self.step(now, id, Input::Place(Place::Bridge));
            self.tell(id, Event::Bridged(with));
        }
        self.bridges.push([one, other]);
    }

    /// Ends the bridge of a leg that the user takes back; the other one waits on hold.
    pub(super) fn part(&mut self, now: Instant, id: LegId) {
        if let Some(other) = self.unbridge(id) {
            self.step(now, other, Input::Place(Place::Elsewhere));
        }
    }

    /// Whoever was bridged with a leg that was hung up has said all there is to say and is hung up too. Where that leg was lost
    /// or sent away, and where they are being sent away themselves, they wait on hold for the user.
    pub(super) fn bridge_ended(&mut self, now: Instant, id: LegId, reason: EndReason) {
        let Some(other) = self.unbridge(id) else { return };
        let hung_up = matches!(reason, EndReason::LocalHangup | EndReason::RemoteHangup);
        if hung_up && self.is_talking_or_held(other) {
            self.drop_leg(now, other, EndReason::LocalHangup);
        } else {
            self.step(now, other, Input::Place(Place::Elsewhere));
        }
    }

    /// `new` has the place of `old` in its bridge, if that has one.
    pub(super) fn take_over_bridge(&mut self, now: Instant, old: LegId, new: LegId) {
        if let Some(other) = self.unbridge(old) {
            self.step(now, old, Input::Place(Place::Elsewhere));
            self.join(now, new, other);
        }
    }

    fn unbridge(&mut self, id: LegId) -> Option<LegId> {
        let at = self.bridges.iter().position(|pair| pair.contains(&id))?;
        let [one, other] = self.bridges.swap_remove(at);
        Some(if one == id { other } else { one })
    }

    pub(super) fn is_talking_or_held(&self, id: LegId) -> bool {
        self.leg(id).is_some_and(|view| view.phase == Phase::Active && view.task.is_none())
    }

    /// Whoever is in conference with the leg that the user turned to comes along.
    pub(super) fn take_conference_along(&mut self, now: Instant, id: LegId) {
        if self.conference.contains(&id) {
            for other in self.conference.clone() {
                self.step(now, other, Input::Place(Place::User));
            }
        }
    }

    /// The user sends one party away: out of a conference, which goes on, or of a bridge, whose other party waits on hold. It
    /// is not heard again even if it refuses to be held.
    pub(super) fn step_out(&mut self, now: Instant, id: LegId) {
        if self.conference.contains(&id) || self.bridges.iter().any(|pair| pair.contains(&id)) {
            self.leave_conference(id);
            self.part(now, id);
            self.step(now, id, Input::Place(Place::Elsewhere));
        }
    }

    /// One party is no conference.
    pub(super) fn leave_conference(&mut self, id: LegId) {
        if !self.conference.remove(&id) {
            return;
        }
        if self.legs.contains_key(&id) {
            self.tell(id, Event::Conference(false));
        }
        if let (1, Some(last)) = (self.conference.len(), self.conference.first().copied()) {
            self.conference.clear();
            self.tell(last, Event::Conference(false));
        }
    }

    fn resume_if_held(&mut self, now: Instant, id: LegId) {
        if self.leg(id).is_some_and(|view| view.held) {
            self.step(now, id, Input::Command(Command::Resume));
        }
    }
}
