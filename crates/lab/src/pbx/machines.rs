//! Machines that are transferred and parked like anybody: how a test that let a machine call a phone goes on.

use std::time::Instant;

use sip_core::endpoint::{Headers, SessionId};
use sip_core::header::Name;
use sip_core::status::StatusCode;

use super::calls::Kind;
use super::keypad::Codes;
use super::leg::{At, Machine, Party, Phase, RingId};
use super::transfer::Report;
use super::{CallId, Pbx, description, told};

impl Pbx {
    /// A phone that talks to a machine, or directly to another, becomes one whose other side can be moved.
    pub(super) fn adopt(&mut self, now: Instant, session: SessionId) {
        let Some(id) = self.by_session.get(&session).copied() else { return };
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.is_talking(&self.legs)) else { return };
        let (user, number, calls_us) = match &call.kind {
            Kind::Called(_) => (call.from.clone(), call.to.clone(), true),
            Kind::Calling(_) => (call.to.clone(), call.from.clone(), false),
            Kind::Bridge(bridge) => {
                let Some(sides) = bridge.sides() else { return };
                return self.take_sound_back(now, id, sides);
            }
            Kind::Legs => return,
        };
        let (Kind::Called(attendant) | Kind::Calling(attendant)) = std::mem::replace(&mut call.kind, Kind::Legs) else {
            return;
        };
        attendant.keys().clone_into(&mut call.noted);
        let service = attendant.service();
        let port = attendant.into_port();
        self.by_port.remove(&port.rtp().port());
        let mut leg = self.new_leg(&user, id, port);
        leg.calls_us = calls_us;
        // A machine takes keys, it is not transferred by them.
        leg.keypad = super::keypad::Keypad::new(Codes::Off);
        (leg.phase, leg.at) = (Phase::Talking, At::Machine(Machine { service, number }));
        self.add_leg(session, leg);
    }

    /// Sound that flows directly comes to us from now on: both phones are offered a port of ours.
    fn take_sound_back(&mut self, now: Instant, id: CallId, (caller, callee): (SessionId, SessionId)) {
        if self.free_ports.len() < 2 {
            return;
        }
        let (Some(first), Some(second)) = (self.new_port(), self.new_port()) else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.kind = Kind::Legs;
        let users = (call.from.clone(), call.to.clone());
        let identities = [&users.0, &users.1].map(|user| self.identity(user).to_string());
        let formats = description::ours(|_| true);
        let sides = [(caller, callee, users.0, first), (callee, caller, users.1, second)];
        for ((session, other, user, mut port), shown) in sides.into_iter().zip(identities.into_iter().rev()) {
            let offer = port.offer(&formats);
            let mut leg = self.new_leg(&user, id, port);
            leg.calls_us = session == caller;
            leg.shown = Some(shown);
            (leg.phase, leg.at) = (Phase::Talking, At::Talking(other));
            self.add_leg(session, leg);
            told(self.endpoint.offer(now, session, Some(offer)));
        }
    }

    /// Two sides of two calls go on with each other.
    pub(super) fn meet(&mut self, now: Instant, a: Party, b: Party) {
        match (a, b) {
            (Party::Leg(a), Party::Leg(b)) => {
                self.join(now, a, b);
                self.introduce(now, a, b);
            }
            (Party::Leg(leg), Party::Machine(machine)) | (Party::Machine(machine), Party::Leg(leg)) => {
                self.tell_of_number(now, leg, &machine.number);
                self.place(leg, At::Machine(machine));
            }
            // Two machines have nothing to say to each other.
            (Party::Machine(_), Party::Machine(_)) => {}
        }
    }

    /// A machine calls a number: of the first user that it stands for, the phone that registered last.
    pub(super) fn call_from_machine(
        &mut self,
        now: Instant,
        machine: Machine,
        number: &str,
        headers: Headers,
        report: Option<Report>,
    ) {
        let user = self.users_of(number).into_iter().next().unwrap_or_default();
        let bindings = self.registrar.bindings(&user);
        let binding = bindings.iter().max_by_key(|binding| binding.expires_at).cloned();
        let may = binding.is_some() && self.calls.len() < self.config.max_calls;
        let (Some(binding), Some(mut port)) = (binding, may.then(|| self.new_port()).flatten()) else {
            if let Some(report) = report {
                self.report(now, &report, StatusCode::TEMPORARILY_UNAVAILABLE);
            }
            return;
        };
        let offer = port.offer(&description::ours(|_| true));
        let mut invite = self.invite_to(&user, &binding, self.identity(&machine.number), Some(offer));
        invite.headers.extend(headers);
        self.strip(&mut invite.headers);
        let session = self.endpoint.invite(now, invite);
        let call = self.add_call(now, &machine.number, &user, Kind::Legs, []);
        let mut leg = self.new_leg(&user, call, port);
        leg.keypad = super::keypad::Keypad::new(Codes::Off);
        leg.shown = Some(self.identity(&machine.number).to_string());
        leg.report = report;
        leg.at = At::Machine(machine);
        self.add_leg(session, leg);
    }

    /// What rings for a phone rings for a machine from now on.
    pub(super) fn ring_for_machine(&mut self, now: Instant, id: RingId, machine: &Machine) {
        let Some(ring) = self.rings.remove(&id) else { return };
        // Who answers first has it; a machine rings one phone only.
        let mut branches = ring.branches.into_iter();
        if let Some(first) = branches.next() {
            self.tell_of_number(now, first, &machine.number);
            self.place(first, At::Machine(machine.clone()));
        }
        for other in branches {
            self.dismiss(now, other, vec![(Name::Reason, "Q.850;cause=16".to_owned())]);
        }
    }

    pub(super) fn rings_for_machine(&mut self, now: Instant, session: SessionId) {
        let report = self.legs.get_mut(&session).and_then(|leg| leg.report.take());
        if let Some(report) = report {
            self.report(now, &report, StatusCode::RINGING);
            self.report(now, &report, StatusCode::OK);
        }
    }

    pub(super) fn answers_machine(&mut self, now: Instant, session: SessionId) {
        let report = self.legs.get_mut(&session).and_then(|leg| leg.report.take());
        if let Some(report) = report {
            self.report(now, &report, StatusCode::OK);
        }
    }

    pub(super) fn refuses_machine(&mut self, now: Instant, session: SessionId, status: StatusCode) {
        let report = self.legs.get_mut(&session).and_then(|leg| leg.report.take());
        if let Some(report) = report {
            self.report(now, &report, status);
        }
    }
}
