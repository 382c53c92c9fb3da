//! Parking by the phones: into a slot, out of it, and back to the one who parked.

use std::time::Instant;

use bytes::Bytes;
use sip_core::endpoint::SessionId;
use sip_core::header::Name;
use sip_core::status::StatusCode;

use super::leg::{At, RingKind, Then};
use super::park::{Full, ParkEvent, Parked};
use super::ring::Errand;
use super::tone::{COURTESY, SLOT};
use super::Pbx;

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

    /// A connected phone waits in the first free slot.
    pub(super) fn park_leg(
        &mut self,
        now: Instant,
        pilot: &str,
        session: SessionId,
        parker: &str,
    ) -> Result<Parked, Full> {
        let user = self.legs.get(&session).map(|leg| leg.user.clone()).unwrap_or_default();
        let parked = self.parking.park(now, pilot, session, &user, parker)?;
        self.place(session, At::Parked { told_until: None });
        self.park_event(ParkEvent::Parked(parked.clone()));
        Ok(parked)
    }

    /// A phone has called the lot: it waits in a slot itself, until it hands somebody over to its place or hangs up.
    pub(super) fn call_to_lot(&mut self, now: Instant, session: SessionId, pilot: &str, offer: Option<&Bytes>) {
        let Some(user) = self.legs.get(&session).map(|leg| leg.user.clone()) else { return };
        let Ok(parked) = self.parking.park(now, pilot, session, &user, &user) else {
            return self.turn_away(now, session, StatusCode::BUSY_HERE, Vec::new());
        };
        if !self.accept(now, session, offer, None) {
            self.parking.leave(session);
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
            if self.parking.park_again(now, waiting, &parked).is_err() {
                self.dismiss(now, waiting, Vec::new());
            }
            return;
        }
        let by = self.legs.get(&session).map(|leg| leg.user.clone()).unwrap_or_default();
        let until = now + COURTESY.length();
        self.place(session, At::Told { tune: COURTESY, until, then: Then::Join(waiting) });
        self.place(waiting, At::Held(session));
        self.park_event(ParkEvent::Retrieved { parked, by });
    }

    /// One who waits in a slot, for another to take that place, gives it to them.
    pub(super) fn take_place(&mut self, from: SessionId, to: SessionId) {
        let user = self.legs.get(&to).map(|leg| leg.user.clone()).unwrap_or_default();
        if let Some(parked) = self.parking.swap(from, to, &user) {
            self.place(to, At::Parked { told_until: None });
            self.park_event(ParkEvent::Swapped(parked));
        }
    }

    /// Calls back who parked somebody too long ago.
    pub(super) fn come_back(&mut self, now: Instant) {
        while let Some((waiting, parked)) = self.parking.poll_timed_out(now) {
            self.park_event(ParkEvent::TimedOut(parked.clone()));
            let Some(identity) = self.legs.get(&waiting).map(|leg| leg.identity.clone()) else { continue };
            let number = parked.parker.clone();
            let by = self.identity(&number).to_string();
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
