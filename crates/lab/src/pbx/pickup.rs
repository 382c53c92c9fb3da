//! Taking a call that rings elsewhere: `*8` any, `*8` and a number that one's.

use std::time::Instant;

use sip_core::endpoint::SessionId;
use sip_core::header::Name;
use sip_core::status::StatusCode;

use super::Pbx;
use super::leg::{Phase, RingId, RingKind};

impl Pbx {
    /// A phone has dialled the pickup code, and perhaps a number after it.
    pub(super) fn pick_up(&mut self, now: Instant, session: SessionId, number: &str) {
        let user = self.legs.get(&session).map(|leg| leg.user.clone()).unwrap_or_default();
        // The one that has rung longest.
        let ringing = self.rings.iter().find(|(_, ring)| {
            let users = ring.branches.iter().filter_map(|branch| self.legs.get(branch)).map(|leg| leg.user.as_str());
            let mut users = users.filter(|rung| *rung != user);
            let wanted = if number.is_empty() { users.next().is_some() } else { users.any(|rung| rung == number) };
            wanted && ring.rung
        });
        match ringing.map(|(id, _)| *id) {
            Some(id) => self.take_ringing(now, session, id),
            None => self.turn_away(now, session, StatusCode::NOT_FOUND, Vec::new()),
        }
    }

    /// A phone that calls takes over what others ring for.
    pub(super) fn take_ringing(&mut self, now: Instant, session: SessionId, id: RingId) {
        let Some(leg) = self.legs.get(&session) else { return };
        let Phase::Asking(offer) = leg.phase.clone() else { return };
        let Some(party) = self.rings.get(&id).map(|ring| ring.party) else {
            return self.turn_away(now, session, StatusCode::NOT_FOUND, Vec::new());
        };
        if !self.accept(now, session, offer.as_ref(), Some(party)) {
            return;
        }
        let Some(mut ring) = self.rings.remove(&id) else { return };
        for branch in std::mem::take(&mut ring.branches) {
            self.dismiss(now, branch, vec![(Name::Reason, "Q.850;cause=16".to_owned())]);
        }
        if let Some(report) = ring.report.take() {
            self.report(now, &report, StatusCode::OK);
        }
        let asking = self.legs.get(&party).is_some_and(|leg| matches!(leg.phase, Phase::Asking(_)));
        if asking {
            // As a real PBX: first who it is, in the early dialog, then the answer.
            self.tell(now, party, session);
        }
        self.connect(now, party, session);
        if ring.kind == RingKind::Consult {
            self.tell(now, session, party);
        }
    }
}
