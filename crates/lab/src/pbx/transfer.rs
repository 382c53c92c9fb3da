//! REFER (RFC 3515): blind transfer, attended transfer with Replaces (RFC 3891), and into a parking lot.
//!
//! A REFER within a call moves the *other* side of it. The one who asked is told by NOTIFY how it went and should hang up
//! then; it is hung up on a minute after the REFER.

use std::time::{Duration, Instant};

use sip_core::endpoint::{Headers, ReferredId, SessionId};
use sip_core::header::Name;
use sip_core::message::Request;
use sip_core::status::StatusCode;
use sip_core::uri::Uri;

use super::leg::{At, Party, Phase, RingKind, Then};
use super::park::ParkEvent;
use super::tone::SLOT;
use super::waiting::waiting_party;
use super::{Pbx, told};

/// As soon after a target rings, success is reported: a real PBX does not wait for the answer.
pub(super) const REPORT_AFTER_RINGING: Duration = Duration::from_millis(20);
/// Header fields that a Refer-To may bring along.
const MAX_HEADERS: usize = 16;

/// A REFER that is told how it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report(ReferredId);

/// What a Refer-To asks for.
#[derive(Debug)]
struct Target {
    number: String,
    replaces: Option<String>,
    /// For the INVITE.
    headers: Headers,
}

impl Pbx {
    /// A REFER has come.
    pub(super) fn referred(&mut self, now: Instant, id: ReferredId, session: Option<SessionId>, request: &Request) {
        let Some(session) = session else {
            return told(self.endpoint.refuse_refer(now, id, StatusCode::NOT_IMPLEMENTED));
        };
        let Some(target) = target_of(request) else {
            return told(self.endpoint.refuse_refer(now, id, StatusCode::BAD_REQUEST));
        };
        self.adopt(now, session);
        let other = match self.legs.get(&session).map(|leg| leg.at.clone()) {
            Some(At::Talking(other)) => Party::Leg(other),
            Some(At::Machine(machine)) => Party::Machine(machine),
            _ => return told(self.endpoint.refuse_refer(now, id, StatusCode::FORBIDDEN)),
        };
        told(self.endpoint.accept_refer(now, id));
        let report = Report(id);
        self.transfer(now, session, other, target, report);
    }

    fn transfer(&mut self, now: Instant, session: SessionId, other: Party, target: Target, report: Report) {
        let Target { number, replaces, headers } = target;
        if let Some(replaces) = replaces {
            let status = self.replace(now, session, other, &replaces);
            return self.report(now, &report, status);
        }
        let parker = self.legs.get(&session).map(|leg| leg.user.clone()).unwrap_or_default();
        if self.parking.is_pilot(&number) {
            return match self.park_party(now, &number, &other, &parker) {
                Ok(_) => {
                    let then = Then::Leave(report);
                    self.place(session, At::Told { tune: SLOT, until: now + SLOT.length(), then });
                }
                Err(_) => self.report(now, &report, StatusCode::BUSY_HERE),
            };
        }
        if self.parking.is_slot(&number) {
            let Some((waiting, parked)) = self.parking.take(&number) else {
                return self.report(now, &report, StatusCode::NOT_FOUND);
            };
            let by = match &other {
                Party::Leg(other) => self.legs.get(other).map(|leg| leg.user.clone()).unwrap_or_default(),
                Party::Machine(machine) => machine.number.clone(),
            };
            let waiting = waiting_party(waiting, &parked);
            self.park_event(ParkEvent::Retrieved { parked, by });
            self.leaves(now, session);
            self.meet(now, other, waiting);
            return self.report(now, &report, StatusCode::OK);
        }
        if self.users_of(&number).is_empty() && !self.config.numbers.contains_key(&number) {
            return self.report(now, &report, StatusCode::NOT_FOUND);
        }
        self.leaves(now, session);
        match other {
            Party::Leg(other) => self.send_to(now, other, &number, headers, Some(report)),
            Party::Machine(machine) => self.call_from_machine(now, machine, &number, headers, Some(report)),
        }
    }

    /// The other side of a call takes the place of a dialog; what is reported.
    fn replace(&mut self, now: Instant, session: SessionId, other: Party, replaces: &str) -> StatusCode {
        let Some(replaced) = self.dialog_named(replaces).filter(|replaced| *replaced != session) else {
            return StatusCode::CALL_DOES_NOT_EXIST;
        };
        self.adopt(now, replaced);
        let Some((at, phase)) = self.legs.get(&replaced).map(|leg| (leg.at.clone(), leg.phase.clone())) else {
            return StatusCode::CALL_DOES_NOT_EXIST;
        };
        match at {
            At::Talking(target) if other == Party::Leg(target) => return StatusCode::CALL_DOES_NOT_EXIST,
            At::Talking(target) => self.meet(now, other, Party::Leg(target)),
            At::Machine(machine) => self.meet(now, other, Party::Machine(machine)),
            At::Party(id) => match other {
                Party::Leg(other) => self.complete_ringing(now, id, other),
                Party::Machine(machine) => self.ring_for_machine(now, id, &machine),
            },
            At::Parked { .. } => self.take_place(replaced, &other),
            _ => return StatusCode::CALL_DOES_NOT_EXIST,
        }
        self.leaves(now, session);
        self.place(replaced, At::Over);
        if matches!(phase, Phase::Asking(_)) {
            let reason = vec![(Name::Reason, "Q.850;cause=16".to_owned())];
            self.turn_away(now, replaced, StatusCode::DECLINE, reason);
        } else {
            self.dismiss(now, replaced, Vec::new());
        }
        StatusCode::OK
    }

    /// An INVITE takes the place of a dialog (RFC 3891): the new phone goes on where the old one was.
    pub(super) fn invited_to_replace(&mut self, now: Instant, session: SessionId, replaced: SessionId) {
        let Some((at, phase)) = self.legs.get(&replaced).map(|leg| (leg.at.clone(), leg.phase.clone())) else {
            return self.turn_away(now, session, StatusCode::CALL_DOES_NOT_EXIST, Vec::new());
        };
        match at {
            At::Talking(other) => {
                self.place(replaced, At::Over);
                self.connect(now, session, other);
                self.dismiss(now, replaced, Vec::new());
            }
            // A phone that rings: the call is picked up.
            At::Branch(id) if phase == Phase::Calling => self.take_ringing(now, session, id),
            _ => self.turn_away(now, session, StatusCode::CALL_DOES_NOT_EXIST, Vec::new()),
        }
    }

    /// The dialog of ours that a Replaces value names.
    pub(super) fn dialog_named(&self, value: &str) -> Option<SessionId> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next()?;
        let (mut to, mut from) = (None, None);
        for part in parts {
            match part.split_once('=') {
                Some((name, tag)) if name.eq_ignore_ascii_case("to-tag") => to = Some(tag),
                Some((name, tag)) if name.eq_ignore_ascii_case("from-tag") => from = Some(tag),
                _ => {}
            }
        }
        let (to, from) = (to?, from?);
        // RFC 3891 §3: to-tag is ours.
        self.by_session.keys().copied().find(|session| {
            self.endpoint.dialog(*session).is_some_and(|dialog| {
                dialog.call_id() == call_id && dialog.local_tag() == to && dialog.remote_tag() == from
            })
        })
    }

    /// A phone has handed its call over.
    pub(super) fn leaves(&mut self, now: Instant, session: SessionId) {
        self.place(session, At::Leaving { until: now + self.config.leaving });
    }

    /// Tells how a REFER goes.
    pub(super) fn report(&mut self, now: Instant, report: &Report, status: StatusCode) {
        told(self.endpoint.report_refer(now, report.0, status, status.default_reason()));
    }

    /// What has rung long enough, or is to be reported.
    pub(super) fn ring_due(&mut self, now: Instant, id: super::leg::RingId) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        if ring.report_at.is_some_and(|due| due <= now) {
            ring.report_at = None;
            if let Some(report) = ring.report.take() {
                self.report(now, &report, StatusCode::OK);
            }
        }
        let Some(ring) = self.rings.get(&id) else { return };
        if ring.deadline.is_some_and(|due| due <= now) {
            let status = match ring.kind {
                RingKind::Call | RingKind::Transfer | RingKind::Consult | RingKind::ComeBack(_) => {
                    StatusCode::TEMPORARILY_UNAVAILABLE
                }
            };
            self.nobody_answers(now, id, status);
        }
    }
}

/// What a REFER asks for; `None` if it cannot be read.
fn target_of(request: &Request) -> Option<Target> {
    let value = request.value(&Name::ReferTo)?;
    let address = sip_core::header::NameAddr::parse(value).ok()?;
    let Uri::Sip(uri) = address.uri().ok()? else { return None };
    let number = uri.user()?.into_owned();
    let (mut replaces, mut headers) = (None, Headers::new());
    for (name, value) in uri.headers().take(MAX_HEADERS) {
        if name.eq_ignore_ascii_case("Replaces") {
            replaces = Some(value.into_owned());
        } else if let Ok(name) = name.parse::<Name>()
            && may_be_set(&name)
        {
            headers.push((name, value.into_owned()));
        }
    }
    if let Some(by) = request.value(&Name::ReferredBy) {
        headers.push((Name::ReferredBy, by.to_owned()));
    }
    Some(Target { number, replaces, headers })
}

/// RFC 3261 §19.1.5: a URI may not set what makes a request what it is.
fn may_be_set(name: &Name) -> bool {
    use Name::{
        Allow, Authorization, CSeq, CallId, Contact, ContentLength, ContentType, From, MaxForwards, PAssertedIdentity,
        ProxyAuthorization, RecordRoute, Require, Route, Supported, To, Via,
    };
    !matches!(
        name,
        Allow
            | Authorization
            | CSeq
            | CallId
            | Contact
            | ContentLength
            | ContentType
            | From
            | MaxForwards
            | PAssertedIdentity
            | ProxyAuthorization
            | RecordRoute
            | Require
            | Route
            | Supported
            | To
            | Via
    )
}
