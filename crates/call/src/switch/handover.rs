//! Handing a call over, and being handed over: transfer between two legs, consultation, a REFER that we follow, an INVITE
//! that replaces a call.
use super::Switch;
use crate::leg::{Input, Leg, Phase, Place, Task};
use crate::vocab::{Command, EndReason, Event, LegId, Misuse, Referral};
use sdp::Local;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long a transferor may take to hang up after we followed its REFER (RFC 5589 §6 leaves that to it).
pub(super) const TRANSFEROR_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Handover {
    /// A consultation, and the leg that it is for.
    consults: BTreeMap<LegId, LegId>,
    /// A leg that is being transferred, and the leg that its peer is to take over.
    partners: BTreeMap<LegId, LegId>,
    /// A leg that has to be gone, and the leg whose REFER waits for that.
    blocks: BTreeMap<LegId, LegId>,
    /// A leg that follows a REFER, the leg that the REFER came on, and whether that was live.
    follows: BTreeMap<LegId, (LegId, bool)>,
    /// Legs whose peer should hang up.
    leaving: BTreeMap<LegId, Instant>,
}

impl Handover {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.leaving.values().min().copied()
    }
}

impl Switch {
    /// Calls the target of a transfer: the customer's leg waits on hold. It belongs to that leg from now on: see
    /// [`come_back`](Self::come_back).
    pub fn consult(&mut self, now: Instant, customer: LegId, local: Local) -> LegId {
        let leg = self.dial(now, local);
        if self.legs.contains_key(&leg) {
            self.handover.consults.insert(leg, customer);
        }
        leg
    }

    /// The consultation that [`Action::Consult`](crate::Action::Consult) asked for could not be begun.
    pub fn consult_failed(&mut self, now: Instant, customer: LegId) {
        self.keys_target_gone(now, customer);
    }

    /// The leg that a consultation is for.
    pub fn customer_of(&self, consultation: LegId) -> Option<LegId> {
        self.handover.consults.get(&consultation).copied()
    }

    /// Hands the peer of `id` over to the peer of `other`: attended if that has answered. While it rings, the ringing call
    /// itself is handed over where its peer can do that; else it is cancelled, and the transfer is a blind one.
    ///
    /// # Errors
    /// [`Misuse`]; nothing has changed then.
    pub fn transfer_to(&mut self, now: Instant, id: LegId, other: LegId) -> Result<(), Misuse> {
        let misuse = |state| Misuse { doing: "transfer", state };
        if id == other {
            return Err(misuse("a call cannot be transferred to itself"));
        }
        let view = self.leg(other).ok_or(misuse("there is no such call to transfer to"))?;
        if view.task.is_some() {
            return Err(misuse("the other call is being transferred or parked"));
        }
        let known = self.traits.get(&other).cloned().unwrap_or_default();
        let (referral, wait) = match view.phase {
            Phase::Active => (Referral::Replacing { leg: other, early: false }, false),
            Phase::Ringing | Phase::EarlyMedia if known.replaceable_early => {
                (Referral::Replacing { leg: other, early: true }, false)
            }
            Phase::Dialing | Phase::Ringing | Phase::EarlyMedia => match known.target {
                Some(target) => (Referral::To(target), true),
                None => return Err(misuse("the other call is not answered, and nobody knows its number")),
            },
            Phase::Incoming => return Err(misuse("the other call is not answered yet")),
            Phase::Closing | Phase::Ended(_) => return Err(misuse("the other call is being hung up")),
        };
        let (leg, out) = self.try_step(now, id, "transfer", Input::Refer { referral, wait })?;
        self.keys_returned(id);
        if wait {
            self.handover.blocks.insert(other, id);
        } else {
            self.handover.partners.insert(id, other);
        }
        self.settle(now, id, leg, out);
        if wait {
            self.drop_leg(now, other, EndReason::Transferred);
        }
        self.step_out(now, id);
        self.step_out(now, other);
        Ok(())
    }

    /// Back to the peer that waits: what was dialled for it is hung up, a number that is being entered is forgotten, a
    /// transfer that has not been asked for yet is given up, the hold ends. `id` may also be the consultation.
    ///
    /// # Errors
    /// [`Misuse`] once the peer has been asked to go; nothing has changed then.
    pub fn come_back(&mut self, now: Instant, id: LegId) -> Result<(), Misuse> {
        let customer = self.customer_of(id).unwrap_or(id);
        let leg = self.legs.get(&customer).ok_or(Misuse { doing: "come back", state: "there is no such call" })?;
        let talks = leg.is_live();
        if !talks {
            self.try_step(now, customer, "come back", Input::Command(Command::Resume))?;
        }
        self.keys_returned(customer);
        for consultation in self.consultations(customer) {
            self.drop_leg(now, consultation, EndReason::LocalHangup);
        }
        if talks { Ok(()) } else { self.handle_command(now, customer, Command::Resume) }
    }

    /// Follows a REFER that came on `old`: calls its target, which has the place of `old` then: live, on hold or bridged.
    /// When it answers, `old` is hung up, if its peer does not do it; if it fails, `old` is talked on again.
    pub fn follow(&mut self, now: Instant, old: LegId, local: Local) -> LegId {
        let live = self.leg(old).is_none_or(|view| view.live);
        let (leg, out) = Leg::dial(now, self.start(local), false);
        if live {
            self.yield_others(now, &BTreeSet::new());
        }
        let id = self.admit(now, leg, out);
        if !live {
            self.step(now, id, Input::Place(Place::Elsewhere));
        }
        self.handover.follows.insert(id, (old, live));
        id
    }

    /// Takes an INVITE in that has the place of `old` (RFC 3891): it is answered at once, on hold if `old` was, and `old` is
    /// hung up.
    pub fn replacing(&mut self, now: Instant, old: LegId, offer: Option<&[u8]>, local: Local) -> LegId {
        // Whoever was put on hold stays there, whoever they have become.
        let live = self.legs.get(&old).is_some_and(Leg::is_live);
        let place = if live { Place::User } else { Place::Elsewhere };
        let (leg, out) = Leg::replacing(now, self.start(local), place, offer);
        let taken = !matches!(leg, Leg::Ended(_));
        if taken && live {
            // One voice at a time: first the silence.
            self.step(now, old, Input::Place(Place::Elsewhere));
        }
        let id = self.admit(now, leg, out);
        if taken {
            let known = self.traits.get(&old).cloned().unwrap_or_default();
            self.set_traits(id, known);
            if self.conference.contains(&old) {
                self.conference.insert(id);
                self.tell(id, Event::Conference(true));
            }
            self.tell(old, Event::ReplacedBy(id));
            self.take_over_bridge(now, old, id);
            self.drop_leg(now, old, EndReason::Replaced);
        }
        id
    }

    pub(super) fn consultations(&self, customer: LegId) -> Vec<LegId> {
        self.handover.consults.iter().filter(|(_, of)| **of == customer).map(|(id, _)| *id).collect()
    }

    /// Whether a leg has gone because the leg that it was the partner of is transferred.
    pub(super) fn handed_over(&self, id: LegId) -> Option<EndReason> {
        let of = self.handover.partners.iter().find(|(_, partner)| **partner == id).map(|(of, _)| of)?;
        let asked = self.legs.get(of).is_some_and(|leg| leg.view().task == Some(Task::Transfer));
        asked.then_some(EndReason::Transferred)
    }

    /// The partner's leg is over too; but where the peer hung up without a word of success, it may have done no more than
    /// that, and the partner is still there: its side ends that leg if they did meet (RFC 3891 §3).
    pub(super) fn transferred(&mut self, now: Instant, id: LegId) {
        if let Some(partner) = self.handover.partners.remove(&id)
            && self.legs.contains_key(&id)
        {
            self.drop_leg(now, partner, EndReason::Transferred);
        }
    }

    pub(super) fn transfer_failed(&mut self, now: Instant, id: LegId, status: Option<u16>) {
        let Some(partner) = self.handover.partners.remove(&id) else { return };
        let may = |id: &LegId| self.traits.get(id).is_some_and(|known| known.bridge);
        // The peer does not take a REFER at all: 403, 405, 420, 501, 603.
        let refuses = matches!(status, Some(400 | 403 | 405 | 420 | 489 | 501 | 603));
        if refuses && may(&id) && may(&partner) && self.is_talking_or_held(partner) {
            self.join(now, id, partner);
        }
    }

    pub(super) fn follower_answered(&mut self, now: Instant, id: LegId) {
        if let Some((old, _)) = self.handover.follows.remove(&id)
            && self.legs.contains_key(&old)
        {
            self.take_over_bridge(now, old, id);
            self.epitaphs.insert(old, EndReason::Transferred);
            self.handover.leaving.insert(old, now + TRANSFEROR_PATIENCE);
        }
    }

    pub(super) fn leave_due(&mut self, now: Instant) {
        let due: Vec<LegId> = self.handover.leaving.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for id in due {
            self.handover.leaving.remove(&id);
            self.drop_leg(now, id, EndReason::Transferred);
        }
    }

    pub(super) fn handover_ended(&mut self, now: Instant, id: LegId) {
        self.handover.consults.retain(|consultation, customer| *consultation != id && *customer != id);
        self.handover.partners.remove(&id);
        self.handover.leaving.remove(&id);
        self.handover.blocks.retain(|_, waiting| *waiting != id);
        self.epitaphs.remove(&id);
        if let Some(waiting) = self.handover.blocks.remove(&id) {
            self.step(now, waiting, Input::Proceed);
        }
        self.handover.follows.retain(|_, (old, _)| *old != id);
        if let Some((old, true)) = self.handover.follows.remove(&id)
            && !self.legs().any(|(_, view)| view.live)
        {
            // The target could not be had: the transferor is still there. A misuse would only say that it is over too.
            let _ = self.handle_command(now, old, Command::Resume);
        }
    }
}
