//! One dialog with a phone whose sound comes to us, and where it stands among the others.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use sip_core::endpoint::{Headers, SessionId};
use sip_core::status::StatusCode;

use super::CallId;
use super::config::Service;
use super::keypad::Keypad;
use super::park::Parked;
use super::port::Port;
use super::tone::Tune;
use super::transfer::Report;

/// Names a [`Ring`]; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RingId(pub(super) u64);

/// A phone on the line.
#[derive(Debug)]
pub(super) struct Leg {
    /// Whose phone it is.
    pub(super) user: String,
    /// Who that is to others: a name-addr.
    pub(super) identity: String,
    pub(super) call: CallId,
    /// The phone has called us; otherwise we have called it.
    pub(super) calls_us: bool,
    pub(super) phase: Phase,
    pub(super) at: At,
    pub(super) port: Port,
    /// Who waits while this phone asks another (`*`).
    pub(super) consult: Option<SessionId>,
    pub(super) keypad: Keypad,
    /// The name-addr that the phone was last told to talk to.
    pub(super) shown: Option<String>,
    /// Telling it met with glare and is tried again then.
    pub(super) tell_again: Option<Instant>,
    /// The REFER that wants to know whether it answers, while it rings for a machine.
    pub(super) report: Option<Report>,
    /// A re-INVITE for an encoding in common was in vain.
    pub(super) stubborn: bool,
}

/// How far the dialog is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The phone's INVITE is not answered; its offer, if it made one.
    Asking(Option<Bytes>),
    /// Our INVITE is not answered.
    Calling,
    Talking,
    /// It has hung up, or we have.
    Over,
}

/// Where a phone stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum At {
    /// It rings.
    Branch(RingId),
    /// It waits for somebody to answer.
    Party(RingId),
    Talking(SessionId),
    /// It waits with music while that one collects digits or asks another.
    Held(SessionId),
    /// It presses a number after `*` or `#`.
    Dialling,
    /// It waits in a slot; who called the lot themselves hear the number first, until then.
    Parked {
        told_until: Option<Instant>,
    },
    /// It hears a tune, and then something happens.
    Told {
        tune: Tune,
        until: Instant,
        then: Then,
    },
    /// It talks to a machine; or rings for one, before it is answered.
    Machine(Machine),
    /// It has handed its call over and should hang up; we do it then.
    Leaving {
        until: Instant,
    },
    Over,
}

/// A number that is a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) service: Service,
    pub(super) number: String,
}

/// One side of a call, as the other knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Party {
    Leg(SessionId),
    Machine(Machine),
}

/// Who waits in a slot. The number of a machine is the name that it waits under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Leg(SessionId),
    Machine(Service),
}

/// What comes after a tune.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Then {
    /// The REFER has succeeded; the phone should hang up.
    Leave(Report),
    HangUp(Headers),
    /// It is joined with the one whose call it has taken.
    Meet(Party),
    /// Back to the one who waits.
    Back,
}

/// Phones that ring for somebody.
#[derive(Debug)]
pub(super) struct Ring {
    /// For whom: a phone that calls, or one that is connected already.
    pub(super) party: SessionId,
    pub(super) branches: BTreeSet<SessionId>,
    pub(super) kind: RingKind,
    /// What was dialled.
    pub(super) number: String,
    /// Who calls, as the phones are told: a name-addr.
    pub(super) identity: String,
    /// Further header fields of each INVITE.
    pub(super) headers: Headers,
    /// The best refusal yet.
    pub(super) best: Option<StatusCode>,
    pub(super) rung: bool,
    /// How often it was forwarded.
    pub(super) forwards: u8,
    /// When it has rung long enough.
    pub(super) deadline: Option<Instant>,
    /// Who answers is told once more for whom.
    pub(super) retell: bool,
    /// The REFER that wants to know.
    pub(super) report: Option<Report>,
    /// When success is reported though nobody has answered: as soon as it rings, nearly.
    pub(super) report_at: Option<Instant>,
}

/// Why phones ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RingKind {
    /// The party calls.
    Call,
    /// The party is handed over.
    Transfer,
    /// The party asks before it hands over who waits for it.
    Consult,
    /// The party has waited in a slot long enough.
    ComeBack(Parked),
}

impl Leg {
    /// Somebody else's phone is there, as far as observers care.
    pub(super) fn is_connected(&self) -> bool {
        self.phase == Phase::Talking && !matches!(self.at, At::Party(_) | At::Branch(_) | At::Over)
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let at = match &self.at {
            At::Told { until, .. } | At::Leaving { until } => Some(*until),
            At::Parked { told_until } => *told_until,
            At::Branch(_) | At::Party(_) | At::Talking(_) | At::Held(_) | At::Dialling | At::Machine(_) | At::Over => {
                None
            }
        };
        [at, self.keypad.poll_timeout(), self.tell_again, self.port.poll_timeout()].into_iter().flatten().min()
    }
}

impl Ring {
    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline, self.report_at].into_iter().flatten().min()
    }
}
