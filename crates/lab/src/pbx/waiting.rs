//! Parking by the phones: into a slot, out of it, and back to the one who parked.

use std::time::Instant;

use bytes::Bytes;
use sip_core::endpoint::SessionId;
use sip_core::header::Name;
use sip_core::status::StatusCode;

use super::Pbx;
use super::leg::{At, Machine, Party, RingKind, Then, Waiting};
use super::park::{Full, ParkEvent, Parked};
use super::ring::Errand;
use super::tone::{COURTESY, SLOT};

/// Events that nobody has asked for; beyond it the oldest are dropped.
const MAX_EVENTS: usize = 1_024;

impl Pbx {
    /// What has happened in the parking lots, oldest first.
    pub fn poll_park_event(&mut self) -> Option<ParkEvent> {
        self.park_events.pop_front()
    }

    /// Who waits in the parking lots, by slot.
    pub fn parked(&self) -> impl Iterator<Item = &Parked> {
        self.parking.all()
    }

    pub(super) fn park_event(&mut self, event: ParkEvent) {
        self.changes += 1;
        self.park_events.push_back(event);
        if self.park_events.len() > MAX_EVENTS {
            self.park_events.pop_front();
        }
    }

    /// Who somebody waits as, and under which name.
    fn as_waiting(&self, party: &Party) -> (Waiting, String) {
        match party {
            Party::Leg(session) => {
                let user = self.legs.get(session).map(|leg| leg.user.clone()).unwrap_or_default();
                (Waiting::Leg(*session), user)
            }
            Party::Machine(machine) => (Waiting::Machine(machine.service), machine.number.clone()),
        }
    }

    /// Somebody who is connected waits in the first free slot.
    pub(super) fn park_party(
        &mut self,
        now: Instant,
        pilot: &str,
        party: &Party,
        parker: &str,
    ) -> Result<Parked, Full> {
        let (waiting, user) = self.as_waiting(party);
        let parked = self.parking.park(now, pilot, waiting, &user, parker)?;
        if let Party::Leg(session) = party {
            self.place(*session, At::Parked { told_until: None });
        }
        self.park_event(ParkEvent::Parked(parked.clone()));
        Ok(parked)
    }

    /// A phone has called the lot: it waits in a slot itself, until it hands somebody over to its place or hangs up.
    pub(super) fn call_to_lot(&mut self, now: Instant, session: SessionId, pilot: &str, offer: Option<&Bytes>) {
        let Some(user) = self.legs.get(&session).map(|leg| leg.user.clone()) else { return };
        let Ok(parked) = self.parking.park(now, pilot, Waiting::Leg(session), &user, &user) else {
            return self.turn_away(now, session, StatusCode::BUSY_HERE, Vec::new());
        };
        if !self.accept(now, session, offer, None) {
            self.parking.leave(&Waiting::Leg(session));
            return;
        }
        self.place(session, At::Parked { told_until: Some(now + SLOT.length()) });
        self.park_event(ParkEvent::Parked(parked));
    }

    /// A phone has called a slot.
    pub(super) fn call_to_slot(&mut self, now: Instant, session: SessionId, slot: &str, offer: Option<&Bytes>) {
        let Some((waiting, parked)) = self.parking.take(slot) else {
            return self.turn_away(now, session, StatusCode::NOT_FOUND, Vec::new());
        };
        if !self.accept(now, session, offer, None) {
            // It still waits; the time begins anew.
            let _ = self.parking.park_again(now, waiting, &parked);
            return;
        }
        let by = self.legs.get(&session).map(|leg| leg.user.clone()).unwrap_or_default();
        let until = now + COURTESY.length();
        let waiting = waiting_party(waiting, &parked);
        if let Party::Leg(waiting) = waiting {
            self.place(waiting, At::Held(session));
        }
        self.place(session, At::Told { tune: COURTESY, until, then: Then::Meet(waiting) });
        self.park_event(ParkEvent::Retrieved { parked, by });
    }

    /// One who waits in a slot, for another to take that place, gives it to them.
    pub(super) fn take_place(&mut self, from: SessionId, to: &Party) {
        let (waiting, user) = self.as_waiting(to);
        if let Some(parked) = self.parking.swap(&Waiting::Leg(from), waiting, &user) {
            if let Party::Leg(to) = to {
                self.place(*to, At::Parked { told_until: None });
            }
            self.park_event(ParkEvent::Swapped(parked));
        }
    }

    /// Calls back who parked somebody too long ago.
    pub(super) fn come_back(&mut self, now: Instant) {
        while let Some((waiting, parked)) = self.parking.poll_timed_out(now) {
            self.park_event(ParkEvent::TimedOut(parked.clone()));
            let number = parked.parker.clone();
            let by = self.identity(&number).to_string();
            let waiting = match waiting_party(waiting, &parked) {
                Party::Leg(waiting) => waiting,
                Party::Machine(machine) => {
                    self.call_from_machine(now, machine, &number, vec![(Name::ReferredBy, by)], None);
                    continue;
                }
            };
            let Some(identity) = self.legs.get(&waiting).map(|leg| leg.identity.clone()) else { continue };
            let errand = Errand {
                party: waiting,
                kind: RingKind::ComeBack(parked),
                number,
                identity,
                headers: vec![(Name::ReferredBy, by)],
                report: None,
            };
            if self.start_ring(now, errand).is_err() {
                self.dismiss(now, waiting, Vec::new());
            }
        }
    }
}

/// Who came out of a slot.
pub(super) fn waiting_party(waiting: Waiting, parked: &Parked) -> Party {
    match waiting {
        Waiting::Leg(session) => Party::Leg(session),
        Waiting::Machine(service) => Party::Machine(Machine { service, number: parked.user.clone() }),
    }
}
