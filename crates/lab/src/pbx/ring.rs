//! Phones ring: a fork to every phone of everybody who was dialled, until one answers, all refuse, or nobody wants it
//! any more.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use sip_core::endpoint::{Headers, SessionId};
use sip_core::header::{Name, NameAddrBuf};
use sip_core::message::Response;
use sip_core::status::StatusCode;
use sip_core::uri::Uri;

use super::keypad::{Input, Keypad};
use super::leg::{At, Leg, Phase, Ring, RingId, RingKind, Then, Waiting};
use super::port::Port;
use super::tone::{BUSY, ERROR};
use super::transfer::{REPORT_AFTER_RINGING, Report};
use super::{Pbx, description, told};

/// How often one call is forwarded.
const MAX_FORWARDS: u8 = 5;
/// How long busy tone is heard, before the PBX hangs up.
const BUSY_FOR: std::time::Duration = std::time::Duration::from_secs(5);

/// Who shall ring, for whom, and why.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) party: SessionId,
    pub(super) kind: RingKind,
    pub(super) number: String,
    /// Who calls, as the phones are told: a name-addr.
    pub(super) identity: String,
    /// Header fields that go along.
    pub(super) headers: Headers,
    pub(super) report: Option<Report>,
}

impl Pbx {
    /// The users whom a number stands for.
    pub(super) fn users_of(&self, number: &str) -> Vec<String> {
        match self.config.groups.get(number) {
            Some(users) => users.clone(),
            None => self.config.users.contains_key(number).then(|| number.to_owned()).into_iter().collect(),
        }
    }

    /// Lets phones ring.
    ///
    /// # Errors
    /// 404 when there is no such number, 480 when nobody has a phone.
    pub(super) fn start_ring(&mut self, now: Instant, errand: Errand) -> Result<RingId, StatusCode> {
        let id = RingId(self.next_ring);
        self.next_ring += 1;
        let branches = self.branches(now, id, &errand)?;
        let deadline = match errand.kind {
            RingKind::Call => None,
            RingKind::Transfer => Some(self.config.transfer_ringing),
            RingKind::Consult => Some(self.config.consult_ringing),
            RingKind::ComeBack(_) => Some(self.config.come_back_ringing),
        };
        let Errand { party, kind, number, identity, headers, report } = errand;
        let retell = kind == RingKind::Consult;
        if let Some(leg) = self.legs.get_mut(&party) {
            leg.at = At::Party(id);
        }
        let ring = Ring {
            party,
            branches,
            kind,
            number,
            identity,
            headers,
            best: None,
            rung: false,
            forwards: 0,
            deadline: deadline.map(|time| now + time),
            retell,
            report,
            report_at: None,
        };
        self.rings.insert(id, ring);
        Ok(id)
    }

    /// One INVITE for each phone.
    fn branches(&mut self, now: Instant, id: RingId, errand: &Errand) -> Result<BTreeSet<SessionId>, StatusCode> {
        let users = self.users_of(&errand.number);
        if users.is_empty() {
            return Err(StatusCode::NOT_FOUND);
        }
        let formats = match self.legs.get(&errand.party).map(|leg| (&leg.phase, leg.port.formats())) {
            Some((Phase::Asking(Some(offer)), _)) => description::offered(offer).ok(),
            Some((_, formats)) => formats.map(<[_]>::to_vec),
            None => None,
        };
        let formats = formats.unwrap_or_else(|| description::ours(|_| true));
        let call = self.legs.get(&errand.party).map(|leg| leg.call);
        let mut branches = BTreeSet::new();
        for user in users {
            for binding in self.registrar.bindings(&user).to_vec() {
                let Some(call) = call else { continue };
                let Some(mut port) = self.new_port() else { continue };
                let from = self.name_addr(&errand.identity);
                let offer = port.offer(&formats);
                let mut invite = self.invite_to(&user, &binding, from, Some(offer));
                invite.headers = vec![(Name::PAssertedIdentity, errand.identity.clone())];
                invite.headers.extend(errand.headers.iter().cloned());
                self.strip(&mut invite.headers);
                let session = self.endpoint.invite(now, invite);
                let mut leg = self.new_leg(&user, call, port);
                leg.shown = Some(errand.identity.clone());
                (leg.phase, leg.at) = (Phase::Calling, At::Branch(id));
                self.add_leg(session, leg);
                branches.insert(session);
            }
        }
        if branches.is_empty() { Err(StatusCode::TEMPORARILY_UNAVAILABLE) } else { Ok(branches) }
    }

    /// A name-addr as it was made here or came in a header; the PBX itself, if it is none.
    fn name_addr(&self, identity: &str) -> NameAddrBuf {
        let parsed = sip_core::header::NameAddr::parse(identity).ok();
        let address = parsed.and_then(|address| Some((address.uri().ok()?, address.display())));
        match address {
            Some((uri, Some(display))) => NameAddrBuf::new(uri).display(&display),
            Some((uri, None)) => NameAddrBuf::new(uri),
            None => self.identity(""),
        }
    }

    pub(super) fn new_port(&mut self) -> Option<Port> {
        let rtp = self.free_ports.pop_front()?;
        let rng = self.child_rng();
        Some(Port::new(rtp, rng))
    }

    /// A leg of a call that nothing is known of yet.
    pub(super) fn new_leg(&self, user: &str, call: super::CallId, port: Port) -> Leg {
        let codes = self.config.users.get(user).map(|user| user.codes).unwrap_or_default();
        Leg {
            user: user.to_owned(),
            identity: self.identity(user).to_string(),
            call,
            calls_us: false,
            phase: Phase::Calling,
            at: At::Over,
            port,
            consult: None,
            keypad: Keypad::new(codes),
            shown: None,
            tell_again: None,
            report: None,
            stubborn: false,
        }
    }

    pub(super) fn add_leg(&mut self, session: SessionId, leg: Leg) {
        self.by_session.insert(session, leg.call);
        self.leg_by_port.insert(leg.port.rtp().port(), session);
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.alive.insert(session);
        }
        self.legs.insert(session, leg);
    }

    /// A phone rings.
    pub(super) fn rings(&mut self, now: Instant, branch: SessionId) {
        let id = match self.legs.get(&branch).map(|leg| leg.at.clone()) {
            Some(At::Branch(id)) => id,
            Some(At::Machine(_)) => return self.rings_for_machine(now, branch),
            Some(_) | None => return,
        };
        let identity = self.legs.get(&branch).map(|leg| leg.identity.clone());
        let Some(ring) = self.rings.get_mut(&id) else { return };
        if std::mem::replace(&mut ring.rung, true) {
            return;
        }
        let (party, report, alone) = (ring.party, ring.report.clone(), ring.branches.len() == 1);
        if report.is_some() {
            ring.report_at = Some(now + REPORT_AFTER_RINGING);
        }
        if let Some(report) = report {
            self.report(now, &report, StatusCode::RINGING);
        }
        let asking = self.legs.get(&party).is_some_and(|leg| matches!(leg.phase, Phase::Asking(_)));
        if asking {
            // With several phones it is not known yet who will be there.
            let headers = identity.filter(|_| alone).map(|identity| (Name::PAssertedIdentity, identity));
            self.ring_back(now, party, headers.into_iter().collect());
        }
    }

    /// A phone has answered.
    pub(super) fn answered(&mut self, now: Instant, branch: SessionId, sdp: Option<&Bytes>) {
        let Some(leg) = self.legs.get_mut(&branch) else { return };
        leg.phase = Phase::Talking;
        let agreed = sdp.is_some_and(|sdp| leg.port.accept(now, sdp).is_ok());
        let id = match leg.at {
            At::Branch(id) => id,
            At::Machine(_) if agreed => return self.answers_machine(now, branch),
            _ => return self.dismiss(now, branch, Vec::new()),
        };
        if !agreed {
            self.dismiss(now, branch, Vec::new());
            return self.refused(now, id, branch, StatusCode::NOT_ACCEPTABLE_HERE, None);
        }
        let Some(mut ring) = self.rings.remove(&id) else { return };
        ring.branches.remove(&branch);
        for loser in std::mem::take(&mut ring.branches) {
            // As a real PBX: both.
            let sip = "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned();
            let reasons = vec![(Name::Reason, sip), (Name::Reason, "Q.850;cause=26".to_owned())];
            self.dismiss(now, loser, reasons);
        }
        if let Some(report) = ring.report.take() {
            self.report(now, &report, StatusCode::OK);
        }
        self.connect(now, ring.party, branch);
        if ring.retell {
            // A real PBX says again who asks.
            let party = ring.party;
            if let Some(leg) = self.legs.get_mut(&branch) {
                leg.shown = None;
            }
            self.tell(now, branch, party);
        }
    }

    /// Brings the one who waited and the one who answered together.
    pub(super) fn connect(&mut self, now: Instant, party: SessionId, other: SessionId) {
        let Some(phase) = self.legs.get(&party).map(|leg| leg.phase.clone()) else {
            return self.dismiss(now, other, Vec::new());
        };
        if let Phase::Asking(offer) = phase
            && !self.accept(now, party, offer.as_ref(), Some(other))
        {
            return self.dismiss(now, other, Vec::new());
        }
        self.join(now, party, other);
        self.introduce(now, party, other);
    }

    /// Answers the INVITE of a phone: with what the other has agreed to, if there is another.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        session: SessionId,
        offer: Option<&Bytes>,
        other: Option<SessionId>,
    ) -> bool {
        let theirs = other.and_then(|other| self.legs.get(&other));
        let formats = theirs.and_then(|leg| match (leg.port.formats(), &leg.phase) {
            (Some(formats), _) => Some(formats.to_vec()),
            (None, Phase::Asking(Some(offer))) => description::offered(offer).ok(),
            (None, _) => None,
        });
        let identity = theirs.map(|leg| leg.identity.clone());
        let Some(leg) = self.legs.get_mut(&session) else { return false };
        let answer = match offer {
            Some(offer) => leg.port.answer(now, offer, formats.as_deref()),
            None => Ok(leg.port.offer(&formats.unwrap_or_else(|| description::ours(|_| true)))),
        };
        let Ok(answer) = answer else {
            leg.at = At::Over;
            leg.phase = Phase::Over;
            told(self.endpoint.refuse(now, session, StatusCode::NOT_ACCEPTABLE_HERE, Vec::new()));
            return false;
        };
        leg.phase = Phase::Talking;
        leg.shown.clone_from(&identity);
        let mut headers: Headers = identity.map(|identity| (Name::PAssertedIdentity, identity)).into_iter().collect();
        self.strip(&mut headers);
        told(self.endpoint.accept(now, session, Some(answer), headers));
        true
    }

    /// A phone has refused.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        id: RingId,
        branch: SessionId,
        status: StatusCode,
        response: Option<&Response>,
    ) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        ring.branches.remove(&branch);
        let user = self.legs.get(&branch).map(|leg| leg.user.clone()).unwrap_or_default();
        if let Some(leg) = self.legs.get_mut(&branch) {
            leg.at = At::Over;
            leg.phase = Phase::Over;
        }
        let number = response.filter(|response| response.status().is_redirection()).and_then(contact_user);
        if let Some(number) = number
            && self.forward(now, id, &user, number)
        {
            return;
        }
        let Some(ring) = self.rings.get_mut(&id) else { return };
        ring.best = Some(better(ring.best, status));
        if ring.branches.is_empty() || status.code() >= 600 {
            let status = ring.best.unwrap_or(status);
            self.nobody_answers(now, id, status);
        }
    }

    /// A phone has said to try another number (302).
    fn forward(&mut self, now: Instant, id: RingId, by: &str, number: String) -> bool {
        let Some(ring) = self.rings.get_mut(&id) else { return false };
        if ring.forwards >= MAX_FORWARDS {
            return false;
        }
        ring.forwards += 1;
        let (mut headers, identity) = (ring.headers.clone(), ring.identity.clone());
        let diversion = format!("{};reason=unconditional", self.identity(by));
        headers.push((Name::Diversion, diversion));
        let Some(ring) = self.rings.get(&id) else { return false };
        let errand = Errand { party: ring.party, kind: ring.kind.clone(), number, identity, headers, report: None };
        let Ok(branches) = self.branches(now, id, &errand) else { return false };
        let Some(ring) = self.rings.get_mut(&id) else { return false };
        ring.branches.extend(branches);
        ring.number = errand.number;
        true
    }

    /// All have refused, or rung long enough.
    pub(super) fn nobody_answers(&mut self, now: Instant, id: RingId, status: StatusCode) {
        let Some(ring) = self.rings.remove(&id) else { return };
        for branch in ring.branches {
            self.dismiss(now, branch, Vec::new());
        }
        if let Some(report) = &ring.report {
            self.report(now, report, status);
        }
        let Some(leg) = self.legs.get_mut(&ring.party) else { return };
        let busy = matches!(status.code(), 486 | 600);
        match ring.kind {
            _ if matches!(leg.phase, Phase::Asking(_)) => {
                self.turn_away(now, ring.party, passed_on(status), Vec::new());
            }
            RingKind::Consult => {
                leg.keypad = std::mem::replace(&mut leg.keypad, Keypad::new(super::Codes::Off))
                    .step(now, Input::Reset, |_| super::keypad::Match::Nothing)
                    .0;
                leg.at = At::Told { tune: ERROR, until: now + ERROR.length(), then: Then::Back };
            }
            RingKind::ComeBack(parked) if self.config.keep_parked => {
                let party = ring.party;
                if self.parking.park_again(now, Waiting::Leg(party), &parked).is_ok() {
                    leg.at = At::Parked { told_until: None };
                    self.park_event(super::ParkEvent::Parked(parked));
                } else {
                    self.dismiss(now, party, Vec::new());
                }
            }
            RingKind::ComeBack(_) => self.dismiss(now, ring.party, Vec::new()),
            RingKind::Call | RingKind::Transfer if busy => {
                let then = Then::HangUp(vec![(Name::Reason, "Q.850;cause=17".to_owned())]);
                leg.at = At::Told { tune: BUSY, until: now + BUSY_FOR, then };
            }
            RingKind::Call | RingKind::Transfer => self.dismiss(now, ring.party, Vec::new()),
        }
    }

    /// Nobody needs the phones to ring any more.
    pub(super) fn stop_ringing(&mut self, now: Instant, id: RingId, headers: Headers) {
        let Some(ring) = self.rings.remove(&id) else { return };
        for branch in ring.branches {
            self.dismiss(now, branch, headers.clone());
        }
        if let Some(report) = &ring.report {
            self.report(now, report, StatusCode::REQUEST_TERMINATED);
        }
    }

    /// Drops what the setup says is not passed on.
    pub(super) fn strip(&self, headers: &mut Headers) {
        headers.retain(|(name, _)| !self.config.strips.contains(name));
    }
}

/// The number that a redirection names first.
fn contact_user(response: &Response) -> Option<String> {
    let contact = response.all::<sip_core::header::Contact<'_>>().next()?.ok()?;
    let sip_core::header::Contact::Address(address) = contact else { return None };
    match address.uri().ok()? {
        Uri::Sip(uri) => uri.user().map(|user| user.into_owned()),
        _ => None,
    }
}

/// RFC 3261 §16.7 step 6: 6xx before all, else the lowest class, there the earliest.
pub(super) fn better(best: Option<StatusCode>, new: StatusCode) -> StatusCode {
    let rank = |status: StatusCode| if status.code() >= 600 { 0 } else { status.code() / 100 };
    match best {
        Some(best) if rank(best) <= rank(new) => best,
        Some(_) | None => new,
    }
}

/// What the caller is told: a redirection or a challenge of the callee's is nothing that it could follow.
pub(super) fn passed_on(status: StatusCode) -> StatusCode {
    match status.code() {
        300..=399 | 401 | 407 => StatusCode::TEMPORARILY_UNAVAILABLE,
        _ => status,
    }
}
