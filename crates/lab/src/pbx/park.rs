//! The parking lot: who waits in which slot, who takes them, and who is rung back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_core::endpoint::{Headers, ReferredId, SessionId};
use sip_core::header::Name;
use sip_core::status::StatusCode;

use super::bridge::Bridge;
use super::calls::{Call, Kind};
use super::config::Service;
use super::{CallId, Pbx, told};

/// How long a call rings back before it is given up.
const RING_BACK: Duration = Duration::from_secs(30);

/// The calls that are parked.
#[derive(Debug, Default)]
pub(super) struct Lot {
    slots: BTreeMap<u32, Parked>,
    /// Parkers that are still to be told that it is done.
    reports: Vec<(Instant, ReferredId)>,
    /// Branches that ring for somebody who waits, in place of who called them.
    pub(super) ringing: BTreeMap<SessionId, SessionId>,
}

#[derive(Debug)]
struct Parked {
    call: CallId,
    /// Who parked it.
    parker: String,
    /// When it rings back; or, when it does, when that is given up.
    due: Instant,
    /// The call that rings back.
    ringing: Option<SessionId>,
}

impl Lot {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let slots = self.slots.values().map(|parked| parked.due);
        slots.chain(self.reports.iter().map(|(at, _)| *at)).min()
    }

    pub(super) fn slot_of(&self, call: CallId) -> Option<String> {
        self.slots.iter().find(|(_, parked)| parked.call == call).map(|(slot, _)| slot.to_string())
    }

    /// Nobody is in it any more. Whether somebody was.
    pub(super) fn forget(&mut self, call: CallId) -> bool {
        let before = self.slots.len();
        self.slots.retain(|_, parked| parked.call != call);
        before != self.slots.len()
    }
}

impl Pbx {
    pub(super) fn is_slot(&self, number: &str) -> bool {
        number.parse().is_ok_and(|slot| self.config.park_slots.contains(&slot))
    }

    /// Parks the party of a call for its other side.
    pub(super) fn park(
        &mut self,
        now: Instant,
        id: ReferredId,
        parker: SessionId,
        party: SessionId,
    ) -> Result<(), StatusCode> {
        let free = self.config.park_slots.clone().find(|slot| !self.lot.slots.contains_key(slot));
        let slot = free.ok_or(StatusCode::BUSY_HERE)?;
        let (name, parked_by) = (self.name_of(party), self.name_of(parker));
        let attendant = self.take_over(now, party, Service::Music).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        self.leave_alone(now, parker);
        let rtp = attendant.rtp();
        let call = self.regroup(now, (&name, &slot.to_string()), Kind::Called(attendant), [party]);
        self.by_port.insert(rtp.port(), call);
        let due = now + self.config.park_timeout;
        self.lot.slots.insert(slot, Parked { call, parker: parked_by, due, ringing: None });
        self.lot.reports.push((now + self.config.park_announcement, id));
        Ok(())
    }

    /// Somebody dials a slot.
    pub(super) fn retrieve(
        &mut self,
        now: Instant,
        session: SessionId,
        caller: &str,
        number: &str,
        offer: Option<Bytes>,
    ) {
        let slot = number.parse().unwrap_or_default();
        let parked = self.lot.slots.get(&slot).map(|parked| (parked.call, parked.ringing));
        let (Some((call, ringing)), Some(offer)) = (parked, offer) else {
            return told(self.endpoint.refuse(now, session, StatusCode::NOT_FOUND, Vec::new()));
        };
        if let Some(ringing) = ringing {
            told(self.endpoint.hang_up(now, ringing, Vec::new()));
        }
        let Some((party, name)) = self.waiting(now, call) else {
            return told(self.endpoint.refuse(now, session, StatusCode::NOT_FOUND, Vec::new()));
        };
        let identity = vec![(Name::PAssertedIdentity, self.identity(&name).to_string())];
        let bridge = Bridge::with_waiting(now, &mut self.endpoint, session, offer, identity, party);
        self.regroup(now, (caller, &name), Kind::Bridge(bridge), [session, party]);
    }

    /// Takes whoever is parked in a call away from its music.
    fn waiting(&mut self, now: Instant, call: CallId) -> Option<(SessionId, String)> {
        let Some(Call { kind: Kind::Called(attendant), from, .. }) = self.calls.get_mut(&call) else { return None };
        attendant.let_go(now);
        Some((attendant.session(), from.clone()))
    }

    /// Somebody takes a call that rings at another phone.
    pub(super) fn pick_up(
        &mut self,
        now: Instant,
        session: SessionId,
        caller: &str,
        extension: &str,
        offer: Option<Bytes>,
    ) {
        let rings = |call: &Call| match &call.kind {
            Kind::Bridge(bridge) => {
                !bridge.ringing().is_empty() && (extension.is_empty() || call.to == extension) && call.to != caller
            }
            Kind::Called(_) | Kind::Calling(_) | Kind::Alone(_) => false,
        };
        let found = self.calls.iter().find(|(_, call)| rings(call)).map(|(id, _)| *id);
        let (Some(id), Some(offer)) = (found, offer) else {
            return told(self.endpoint.refuse(now, session, StatusCode::NOT_FOUND, Vec::new()));
        };
        let Some(Call { kind: Kind::Bridge(bridge), from, .. }) = self.calls.get_mut(&id) else { return };
        let (waits, name, branches, offered) = (bridge.caller(), from.clone(), bridge.ringing(), bridge.offer());
        let Some(offered) = offered else {
            return told(self.endpoint.refuse(now, session, StatusCode::NOT_ACCEPTABLE_HERE, Vec::new()));
        };
        bridge.dissolve();
        for branch in branches {
            let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned();
            told(self.endpoint.hang_up(now, branch, vec![(Name::Reason, elsewhere)]));
        }
        // Both have made an offer: each is answered with a description of ours, and then they are brought together.
        for (session, offer, other) in [(waits, offered, caller), (session, offer, name.as_str())] {
            let identity = vec![(Name::PAssertedIdentity, self.identity(other).to_string())];
            match self.answer_for_nobody(&offer) {
                Some(answer) => told(self.endpoint.accept(now, session, Some(answer), identity)),
                None => told(self.endpoint.refuse(now, session, StatusCode::NOT_ACCEPTABLE_HERE, Vec::new())),
            }
        }
        let bridge = Bridge::with_talking(now, &mut self.endpoint, waits, session);
        self.regroup(now, (&name, caller), Kind::Bridge(bridge), [session, waits]);
    }

    /// An answer whose sound goes nowhere, for the moment until the other side is there.
    fn answer_for_nobody(&mut self, offer: &[u8]) -> Option<Bytes> {
        let discard = std::net::SocketAddr::new(self.here.ip(), 9);
        let local = super::description::Local::new(discard, &mut self.child_rng());
        let (answer, _) = super::description::answer(local, offer, |_| true).ok()?;
        Some(answer.to_string().into())
    }

    /// What is due in the lot.
    pub(super) fn park_due(&mut self, now: Instant) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.lot.reports).into_iter().partition(|(at, _)| *at <= now);
        self.lot.reports = later;
        for (_, id) in due {
            told(self.endpoint.report_refer(now, id, StatusCode::OK, "OK"));
        }
        let due: Vec<u32> =
            self.lot.slots.iter().filter(|(_, parked)| parked.due <= now).map(|(slot, _)| *slot).collect();
        for slot in due {
            self.ring_back(now, slot);
        }
    }

    /// The time in a slot is over: whoever parked the call is rung. If that was tried already, the call is cut.
    fn ring_back(&mut self, now: Instant, slot: u32) {
        let Some(parked) = self.lot.slots.get(&slot) else { return };
        let (call, parker, rung) = (parked.call, parked.parker.clone(), parked.ringing);
        let bindings = self.registrar.bindings(&parker);
        let binding = bindings.iter().max_by_key(|binding| binding.expires_at).cloned();
        let (None, Some(binding)) = (rung, binding) else {
            if let Some(rung) = rung {
                told(self.endpoint.hang_up(now, rung, Headers::new()));
            }
            self.lot.slots.remove(&slot);
            if let Some(call) = self.calls.get_mut(&call) {
                call.give_up(now, &mut self.endpoint);
            }
            return;
        };
        let name = self.calls.get(&call).map(|call| call.from.clone()).unwrap_or_default();
        let mut invite = self.invite_to(&parker, &binding, self.identity(&name), None);
        invite.headers.push((Name::ReferredBy, self.identity(&parker).to_string()));
        let session = self.endpoint.invite(now, invite);
        self.add_call(now, &name, &parker, Kind::Alone(session), [session]);
        if let Some(parked) = self.lot.slots.get_mut(&slot) {
            (parked.ringing, parked.due) = (Some(session), now + RING_BACK);
        }
    }

    /// Who was rung back has answered, or refuses: then the call is cut, as exchanges do.
    pub(super) fn ring_back_news(&mut self, now: Instant, session: SessionId, answered: bool) {
        let found = self.lot.slots.iter().find(|(_, parked)| parked.ringing == Some(session));
        let Some((slot, call, parker)) = found.map(|(slot, parked)| (*slot, parked.call, parked.parker.clone())) else {
            return;
        };
        if !answered {
            self.lot.slots.remove(&slot);
            if let Some(call) = self.calls.get_mut(&call) {
                call.give_up(now, &mut self.endpoint);
            }
            return;
        }
        if let Some((party, name)) = self.waiting(now, call) {
            let bridge = Bridge::with_called(party, session);
            self.regroup(now, (&name, &parker), Kind::Bridge(bridge), [party, session]);
        }
    }
}
