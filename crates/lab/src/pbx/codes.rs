//! What feature codes do: `*` asks and then hands over, `#` hands over at once.
//!
//! ```text
//!  1 talks to 2      2 presses *3      3 rings, then talks to 2      2 hangs up
//!  1 ── 2            1 ♪   2…          1 ♪   2 ── 3                  1 ── 3
//! ```

use std::time::Instant;

use sip_core::endpoint::SessionId;
use sip_core::status::StatusCode;

use super::Pbx;
use super::config::Service;
use super::keypad::{Action, Input, Match, Transfer};
use super::leg::{At, Machine, Party, Phase, RingId, RingKind, Then, Waiting};
use super::park::ParkEvent;
use super::ring::Errand;
use super::tone::{ERROR, SLOT};

impl Pbx {
    /// A phone has pressed a key; whether that was for the PBX.
    pub(super) fn key(&mut self, now: Instant, session: SessionId, key: char) -> bool {
        let Some(leg) = self.legs.get(&session) else { return false };
        let may = leg.consult.is_some() || matches!(leg.at, At::Talking(_) | At::Dialling);
        may && self.keypad_input(now, session, Input::Key(key))
    }

    pub(super) fn keypad_input(&mut self, now: Instant, session: SessionId, input: Input) -> bool {
        let Some(leg) = self.legs.get(&session) else { return false };
        let (next, outcome) = leg.keypad.clone().step(now, input, |digits| self.plan(digits));
        if let Some(leg) = self.legs.get_mut(&session) {
            leg.keypad = next;
        }
        match outcome.action {
            Some(Action::Hold) => self.hold_other(session),
            Some(Action::Back { failed: true }) => self.fail(now, session),
            Some(Action::Back { failed: false } | Action::Abort) => self.go_back(now, session),
            Some(Action::Dial { transfer: Transfer::Attended, number }) => self.consult(now, session, &number),
            Some(Action::Dial { transfer: Transfer::Blind, number }) => self.hand_over(now, session, &number),
            Some(Action::Complete) => {
                // As if it had hung up, and then it is.
                let Some(leg) = self.legs.get(&session) else { return true };
                let phase = leg.phase.clone();
                self.depart(now, session, Vec::new());
                if let Some(leg) = self.legs.get_mut(&session) {
                    leg.phase = phase;
                }
                self.dismiss(now, session, Vec::new());
            }
            None => {}
        }
        outcome.consumed
    }

    /// How far digits are a number of ours.
    fn plan(&self, digits: &str) -> Match {
        let lots = self.parking.numbers();
        let users = self.config.users.keys().chain(self.config.groups.keys()).chain(self.config.numbers.keys());
        let (mut number, mut part) = (false, false);
        for known in users.cloned().chain(lots) {
            number |= known == digits;
            part |= known != digits && known.starts_with(digits);
        }
        match (number, part) {
            (true, true) => Match::Number,
            (true, false) => Match::Complete,
            (false, true) => Match::Part,
            (false, false) => Match::Nothing,
        }
    }

    fn hold_other(&mut self, session: SessionId) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        let At::Talking(other) = leg.at else { return };
        leg.at = At::Dialling;
        leg.consult = Some(other);
        if let Some(other) = self.legs.get_mut(&other) {
            other.at = At::Held(session);
        }
    }

    /// Ends what a phone was doing beside the call that waits for it, and brings it back there.
    pub(super) fn go_back(&mut self, now: Instant, session: SessionId) {
        self.reset_keypad(now, session);
        let Some(leg) = self.legs.get_mut(&session) else { return };
        let (at, held) = (std::mem::replace(&mut leg.at, At::Over), leg.consult.take());
        match at {
            At::Party(id) => self.stop_ringing(now, id, Vec::new()),
            At::Talking(other) => self.dismiss(now, other, Vec::new()),
            At::Parked { .. } => {
                if let Some(parked) = self.parking.leave(&Waiting::Leg(session)) {
                    self.park_event(ParkEvent::GivenUp(parked));
                }
            }
            At::Branch(_)
            | At::Held(_)
            | At::Dialling
            | At::Told { .. }
            | At::Machine(_)
            | At::Leaving { .. }
            | At::Over => {}
        }
        let Some(held) = held.filter(|held| self.legs.contains_key(held)) else {
            return self.dismiss(now, session, Vec::new());
        };
        self.join(now, session, held);
        let shown = self.legs.get(&session).and_then(|leg| leg.shown.clone());
        let asked = shown != self.legs.get(&held).map(|leg| leg.identity.clone());
        if let Some(leg) = self.legs.get_mut(&held).filter(|_| asked) {
            // As a real PBX: who has waited is told again, though it never heard of another.
            leg.shown = None;
        }
        self.introduce(now, held, session);
    }

    /// A tone that says so, then back.
    fn fail(&mut self, now: Instant, session: SessionId) {
        self.reset_keypad(now, session);
        if let Some(leg) = self.legs.get_mut(&session) {
            leg.at = At::Told { tune: ERROR, until: now + ERROR.length(), then: Then::Back };
        }
    }

    /// `*`: the phone calls the target itself.
    fn consult(&mut self, now: Instant, session: SessionId, number: &str) {
        let Some(leg) = self.legs.get(&session) else { return };
        let (identity, user) = (leg.identity.clone(), leg.user.clone());
        if self.parking.is_pilot(number) {
            // The phone takes the slot itself, and gives it up by hanging up.
            return match self.parking.park(now, number, Waiting::Leg(session), &user, &user) {
                Ok(parked) => {
                    self.place(session, At::Parked { told_until: Some(now + SLOT.length()) });
                    self.park_event(ParkEvent::Parked(parked));
                }
                Err(_) => self.fail(now, session),
            };
        }
        if let Some(service) = self.config.numbers.get(number).copied() {
            return match service {
                Service::Refuse(_) | Service::Redirect(_) => self.fail(now, session),
                _ => {
                    let machine = Machine { service, number: number.to_owned() };
                    self.meet(now, Party::Leg(session), Party::Machine(machine));
                }
            };
        }
        let errand = Errand {
            party: session,
            kind: RingKind::Consult,
            number: number.to_owned(),
            identity,
            headers: Vec::new(),
            report: None,
        };
        match self.start_ring(now, errand) {
            Ok(_) => self.tell_of_number(now, session, number),
            Err(_) => self.fail(now, session),
        }
    }

    /// `#`: who waits goes to the target, and the phone is done.
    fn hand_over(&mut self, now: Instant, session: SessionId, number: &str) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        let Some(held) = leg.consult.take() else { return };
        let parker = leg.user.clone();
        if self.parking.is_pilot(number) {
            return match self.park_party(now, number, &Party::Leg(held), &parker) {
                Ok(_) => {
                    let then = Then::HangUp(Vec::new());
                    self.place(session, At::Told { tune: SLOT, until: now + SLOT.length(), then });
                }
                Err(_) => {
                    if let Some(leg) = self.legs.get_mut(&session) {
                        leg.consult = Some(held);
                    }
                    self.fail(now, session);
                }
            };
        }
        self.place(session, At::Over);
        self.dismiss(now, session, Vec::new());
        self.send_to(now, held, number, Vec::new(), None);
    }

    /// The phone has hung up while the target rings: who waits is rung for from now on.
    pub(super) fn complete_ringing(&mut self, now: Instant, id: RingId, held: SessionId) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        ring.party = held;
        ring.kind = RingKind::Transfer;
        ring.deadline = Some(now + self.config.transfer_ringing);
        let branches: Vec<SessionId> = ring.branches.iter().copied().collect();
        let number = ring.number.clone();
        self.place(held, At::Party(id));
        self.tell_of_number(now, held, &number);
        for branch in branches {
            self.tell(now, branch, held);
        }
    }

    /// Tells a phone that waits who is called.
    pub(super) fn tell_of_number(&mut self, now: Instant, session: SessionId, number: &str) {
        let identity = self.identity(number).to_string();
        self.tell_identity(now, session, identity);
    }

    pub(super) fn place(&mut self, session: SessionId, at: At) {
        if let Some(leg) = self.legs.get_mut(&session) {
            leg.at = at;
        }
    }

    /// A phone goes to a number, in place of whom it talked to.
    pub(super) fn send_to(
        &mut self,
        now: Instant,
        session: SessionId,
        number: &str,
        headers: sip_core::endpoint::Headers,
        report: Option<super::transfer::Report>,
    ) {
        let Some(leg) = self.legs.get(&session).filter(|leg| leg.phase != Phase::Over) else { return };
        let identity = leg.identity.clone();
        if let Some(service) = self.config.numbers.get(number).copied() {
            let refused = match service {
                Service::Refuse(status) => Some(StatusCode::new(status).unwrap_or(StatusCode::DECLINE)),
                Service::Redirect(_) => Some(StatusCode::TEMPORARILY_UNAVAILABLE),
                _ => None,
            };
            if let Some(status) = refused {
                if let Some(report) = report {
                    self.report(now, &report, status);
                }
                return self.dismiss(now, session, Vec::new());
            }
            let machine = Machine { service, number: number.to_owned() };
            self.meet(now, Party::Leg(session), Party::Machine(machine));
            if let Some(report) = report {
                self.report(now, &report, StatusCode::OK);
            }
            return;
        }
        let errand = Errand {
            party: session,
            kind: RingKind::Transfer,
            number: number.to_owned(),
            identity,
            headers,
            report: report.clone(),
        };
        match self.start_ring(now, errand) {
            Ok(_) => self.tell_of_number(now, session, number),
            Err(status) => {
                if let Some(report) = report {
                    self.report(now, &report, status);
                }
                self.dismiss(now, session, Vec::new());
            }
        }
    }
}
