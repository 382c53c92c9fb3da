//! Who is connected to whom: joining, parting, and what each phone hears and is told of it.
//!
//! Everything here is about legs whose sound comes to us. What a phone hears follows from where it stands
//! ([`Pbx::hears`]) and is set right after every input, so that no way into a state can forget it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sip_core::endpoint::{Headers, SessionEvent, SessionId};
use sip_core::header::Name;
use sip_core::message::{Fields, Request};
use sip_core::method::Method;
use sip_core::status::StatusCode;

use super::config::{ConnectedLine, Service};
use super::keypad::{Input, Match};
use super::leg::{At, Leg, Party, Phase, RingKind, Then, Waiting};
use super::park::ParkEvent;
use super::port::{Heard, Hears};
use super::tone::{ANNOUNCEMENT, MUSIC, RINGING, SLOT};
use super::{Pbx, told};
use crate::packet::Packet;

/// A re-INVITE that met with glare is tried again after this (RFC 3261 §14.1: 0 to 2 s for who did not make the call).
const AFTER_GLARE: Duration = Duration::from_millis(700);

impl Pbx {
    /// Two phones talk to each other from now on.
    pub(super) fn join(&mut self, now: Instant, a: SessionId, b: SessionId) {
        let Some(from) = self.legs.get(&b).map(|leg| leg.call) else { return };
        let Some(leg) = self.legs.get_mut(&a) else { return };
        let to = leg.call;
        leg.at = At::Talking(b);
        if let Some(leg) = self.legs.get_mut(&b) {
            leg.at = At::Talking(a);
            leg.call = to;
        }
        if from != to {
            self.by_session.insert(b, to);
            if let Some(call) = self.calls.get_mut(&from) {
                call.alive.remove(&b);
            }
            if let Some(call) = self.calls.get_mut(&to) {
                call.alive.insert(b);
            }
            self.forget_if_over(from);
        }
        let (first, second) = (self.user_at(a), self.user_at(b));
        if let Some(call) = self.calls.get_mut(&to)
            && (call.from.clone(), call.to.clone()) != (second.clone(), first.clone())
            && self.legs.get(&b).is_some_and(|leg| !leg.calls_us || from != to)
        {
            (call.from, call.to) = (first, second);
        }
        self.agree_on_encoding(now, a, b);
    }

    fn user_at(&self, session: SessionId) -> String {
        self.legs.get(&session).map(|leg| leg.user.clone()).unwrap_or_default()
    }

    /// There is no transcoding: when two have no encoding in common, one is offered what the other has.
    fn agree_on_encoding(&mut self, now: Instant, a: SessionId, b: SessionId) {
        let formats = |session| self.legs.get(&session).and_then(|leg| leg.port.formats()).map(<[_]>::to_vec);
        let (Some(ours), Some(theirs)) = (formats(a), formats(b)) else { return };
        let voice = |format: &&sdp::codec::Format| !format.is_telephone_event();
        let common = ours.iter().filter(voice).any(|ours| theirs.iter().any(|theirs| ours.same_encoding(theirs)));
        let Some(leg) = self.legs.get_mut(&a).filter(|leg| !common && !leg.stubborn) else { return };
        leg.stubborn = true;
        let offer = leg.port.offer(&theirs);
        told(self.endpoint.offer(now, a, Some(offer)));
    }

    /// Tells each of two who the other is.
    pub(super) fn introduce(&mut self, now: Instant, a: SessionId, b: SessionId) {
        self.tell(now, a, b);
        self.tell(now, b, a);
    }

    /// Tells a phone whom it talks to now (P-Asserted-Identity), unless it was the last to be told.
    pub(super) fn tell(&mut self, now: Instant, session: SessionId, of: SessionId) {
        if let Some(identity) = self.legs.get(&of).map(|leg| leg.identity.clone()) {
            self.tell_identity(now, session, identity);
        }
    }

    pub(super) fn tell_identity(&mut self, now: Instant, session: SessionId, identity: String) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        if leg.shown.as_ref() == Some(&identity) || self.config.strips.contains(&Name::PAssertedIdentity) {
            return;
        }
        leg.shown = Some(identity.clone());
        let headers = vec![(Name::PAssertedIdentity, identity)];
        let line = self.config.users.get(&leg.user).map(|user| user.connected_line).unwrap_or_default();
        let update = match (line, &leg.phase) {
            (ConnectedLine::Off, _) | (_, Phase::Over) => return,
            // No re-INVITE before the first is answered.
            (_, Phase::Asking(_) | Phase::Calling) | (ConnectedLine::Update, Phase::Talking) => true,
            (ConnectedLine::Auto, Phase::Talking) => leg.calls_us,
            (ConnectedLine::ReInvite, Phase::Talking) => false,
        };
        if update && self.endpoint.remote_allows(session, &Method::Update) {
            return told(self.endpoint.update(now, session, None, headers));
        }
        let Some(leg) = self.legs.get_mut(&session).filter(|leg| leg.phase == Phase::Talking) else { return };
        let Some(formats) = leg.port.formats().map(<[_]>::to_vec) else { return };
        let offer = leg.port.offer(&formats);
        told(self.endpoint.offer_with(now, session, Some(offer), headers));
    }

    /// Rings back to a phone that calls.
    pub(super) fn ring_back(&mut self, now: Instant, session: SessionId, mut headers: Headers) {
        self.strip(&mut headers);
        if let Some(leg) = self.legs.get_mut(&session) {
            leg.shown = headers.first().map(|(_, identity)| identity.clone());
        }
        told(self.endpoint.ring_with(now, session, StatusCode::RINGING, None, headers));
    }

    /// Ends a leg from our side.
    pub(super) fn dismiss(&mut self, now: Instant, session: SessionId, mut headers: Headers) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        let phase = std::mem::replace(&mut leg.phase, Phase::Over);
        let (at, held) = (std::mem::replace(&mut leg.at, At::Over), leg.consult.take());
        if headers.is_empty() {
            headers.push((Name::Reason, "Q.850;cause=16".to_owned()));
        }
        match phase {
            Phase::Asking(_) => told(self.endpoint.refuse(now, session, StatusCode::TEMPORARILY_UNAVAILABLE, headers)),
            Phase::Calling | Phase::Talking => told(self.endpoint.hang_up(now, session, headers)),
            Phase::Over => {}
        }
        match at {
            At::Party(id) => self.stop_ringing(now, id, Vec::new()),
            At::Parked { .. } => {
                if let Some(parked) = self.parking.leave(&Waiting::Leg(session)) {
                    self.park_event(ParkEvent::GivenUp(parked));
                }
            }
            _ => {}
        }
        if let Some(held) = held {
            self.dismiss(now, held, Vec::new());
        }
    }

    /// Refuses the INVITE of a phone.
    pub(super) fn turn_away(&mut self, now: Instant, session: SessionId, status: StatusCode, headers: Headers) {
        if let Some(leg) = self.legs.get_mut(&session) {
            (leg.phase, leg.at) = (Phase::Over, At::Over);
        }
        told(self.endpoint.refuse(now, session, status, headers));
    }

    /// What happens to a dialog with a phone.
    pub(super) fn leg_event(&mut self, now: Instant, session: SessionId, event: SessionEvent) {
        match event {
            SessionEvent::Progress { .. } => self.rings(now, session),
            SessionEvent::Answered { sdp, .. } => self.answered(now, session, sdp.as_ref()),
            SessionEvent::Refused { status, response, .. } => match self.legs.get(&session).map(|leg| leg.at.clone()) {
                Some(At::Branch(id)) => self.refused(now, id, session, status, response.as_ref()),
                Some(At::Machine(_)) => self.refuses_machine(now, session, status),
                Some(_) | None => {}
            },
            SessionEvent::Cancelled { request } => {
                let reason = request.as_ref().map(|request| reason_of(request)).unwrap_or_default();
                self.depart(now, session, reason);
            }
            SessionEvent::Bye { request } => self.depart(now, session, reason_of(&request)),
            SessionEvent::Ended => {
                self.depart(now, session, Vec::new());
                self.remove_leg(now, session);
            }
            SessionEvent::Acknowledged { sdp: Some(answer) } => self.agreed(now, session, &answer),
            SessionEvent::Offer { id, sdp, .. } => {
                let answer = self.reoffered(now, session, sdp.as_ref());
                match answer {
                    Some(answer) => told(self.endpoint.answer_offer(now, session, id, answer)),
                    None => told(self.endpoint.refuse_offer(now, session, id, StatusCode::NOT_ACCEPTABLE_HERE)),
                }
            }
            SessionEvent::OfferAnswered { sdp: Some(answer), .. } => self.agreed(now, session, &answer),
            SessionEvent::OfferRefused { status, .. } if status == StatusCode::REQUEST_PENDING => {
                if let Some(leg) = self.legs.get_mut(&session) {
                    leg.tell_again = Some(now + AFTER_GLARE);
                }
            }
            _ => {}
        }
    }

    /// The phone has answered an offer of ours.
    fn agreed(&mut self, now: Instant, session: SessionId, answer: &[u8]) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        if leg.port.accept(now, answer).is_err() {
            self.depart(now, session, Vec::new());
            return told(self.endpoint.hang_up(now, session, Vec::new()));
        }
        if let At::Talking(other) = leg.at {
            self.agree_on_encoding(now, session, other);
        }
    }

    /// The phone makes an offer within the call: answered here, out of what the other side has.
    fn reoffered(&mut self, now: Instant, session: SessionId, offer: Option<&Bytes>) -> Option<Bytes> {
        let other = match self.legs.get(&session)?.at {
            At::Talking(other) => self.legs.get(&other),
            _ => None,
        };
        let formats = other.and_then(|leg| leg.port.formats()).map(<[_]>::to_vec);
        let leg = self.legs.get_mut(&session)?;
        match offer {
            Some(offer) => leg.port.answer(now, offer, formats.as_deref()).ok(),
            None => Some(leg.port.offer(&formats.unwrap_or_else(|| super::description::ours(|_| true)))),
        }
    }

    /// A phone has hung up, given up, or is gone.
    pub(super) fn depart(&mut self, now: Instant, session: SessionId, reason: Headers) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        leg.phase = Phase::Over;
        let (at, consult) = (std::mem::replace(&mut leg.at, At::Over), leg.consult.take());
        match (at, consult) {
            (At::Party(id), Some(held)) => self.complete_ringing(now, id, held),
            (At::Party(id), None) => self.stop_ringing(now, id, reason),
            (At::Talking(other), Some(held)) => {
                self.join(now, held, other);
                self.introduce(now, held, other);
            }
            (At::Talking(other), None) => self.left_alone(now, other, reason),
            (At::Held(by), _) => {
                let Some(by_leg) = self.legs.get_mut(&by) else { return };
                by_leg.consult = None;
                // Who talks to the target goes on talking.
                if !matches!(by_leg.at, At::Party(_) | At::Talking(_)) {
                    self.dismiss(now, by, reason);
                }
            }
            (At::Parked { .. }, Some(held)) => self.take_place(session, &Party::Leg(held)),
            (At::Parked { .. }, None) => {
                if let Some(parked) = self.parking.leave(&Waiting::Leg(session)) {
                    self.park_event(ParkEvent::GivenUp(parked));
                }
            }
            (At::Told { then: Then::Leave(report), .. }, _) => self.report(now, &report, StatusCode::OK),
            (At::Told { then: Then::Meet(Party::Leg(other)), .. }, _) => self.dismiss(now, other, reason),
            (At::Machine(machine), Some(held)) => self.meet(now, Party::Leg(held), Party::Machine(machine)),
            (At::Dialling | At::Told { .. }, Some(held)) => self.dismiss(now, held, reason),
            (At::Branch(id), _) => {
                if let Some(ring) = self.rings.get_mut(&id) {
                    ring.branches.remove(&session);
                }
            }
            (At::Dialling | At::Told { .. } | At::Machine(_) | At::Leaving { .. } | At::Over, _) => {}
        }
    }

    /// The other side of a phone is gone: back to who waits for it, or over.
    fn left_alone(&mut self, now: Instant, session: SessionId, reason: Headers) {
        match self.legs.get(&session).and_then(|leg| leg.consult) {
            Some(_) => self.go_back(now, session),
            None => self.dismiss(now, session, reason),
        }
    }

    /// Everything of a leg that has ended.
    fn remove_leg(&mut self, now: Instant, session: SessionId) {
        let Some(leg) = self.legs.remove(&session) else { return };
        let rtp = leg.port.rtp();
        self.leg_by_port.remove(&rtp.port());
        self.out.extend(leg.port.end(now));
        // At the end of the queue: late packets of this call then find nobody for as long as possible.
        self.free_ports.push_back(rtp);
    }

    /// What a phone hears, from where it stands.
    fn hears(&self, leg: &Leg, now: Instant) -> Hears {
        if leg.phase == Phase::Over {
            return Hears::Nothing;
        }
        match &leg.at {
            At::Talking(other) => match self.legs.get(other) {
                // Who is put on hold hears music.
                Some(other) if other.port.is_held() => Hears::Tune(MUSIC),
                Some(_) => Hears::Other,
                None => Hears::Nothing,
            },
            At::Held(_) => Hears::Tune(MUSIC),
            At::Parked { told_until } if told_until.is_some_and(|until| until > now) => Hears::Tune(SLOT),
            At::Parked { .. } => Hears::Tune(MUSIC),
            At::Party(id) => match self.rings.get(id).map(|ring| &ring.kind) {
                Some(RingKind::ComeBack(_)) => Hears::Tune(MUSIC),
                Some(RingKind::Transfer | RingKind::Consult | RingKind::Call) => Hears::Tune(RINGING),
                None => Hears::Nothing,
            },
            At::Told { tune, .. } => Hears::Tune(*tune),
            At::Machine(machine) => match machine.service {
                Service::Echo => Hears::Echo,
                Service::Announcement => Hears::Tune(ANNOUNCEMENT),
                Service::EarlyMedia | Service::NoAnswer => Hears::Tune(RINGING),
                _ => Hears::Tune(MUSIC),
            },
            At::Branch(_) | At::Dialling | At::Leaving { .. } | At::Over => Hears::Nothing,
        }
    }

    /// Sets right what everybody hears, and sends what is ready.
    pub(super) fn tune_in(&mut self, now: Instant) {
        let all: Vec<(SessionId, Hears)> =
            self.legs.iter().map(|(session, leg)| (*session, self.hears(leg, now))).collect();
        for (session, hears) in all {
            let Some(leg) = self.legs.get_mut(&session) else { continue };
            leg.port.hear(now, hears);
            self.out.extend(std::iter::from_fn(|| leg.port.poll_transmit()));
        }
    }

    /// RTP or RTCP from a phone.
    pub(super) fn leg_sound(&mut self, now: Instant, session: SessionId, packet: &Packet) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        let at = leg.at.clone();
        let heard = leg.port.handle_packet(now, packet);
        let theirs = leg.port.formats().map(<[_]>::to_vec).unwrap_or_default();
        let bytes = match heard {
            Heard::Nothing => return,
            Heard::Rtp(bytes) => bytes,
            Heard::Rtcp(bytes) => {
                if let At::Talking(other) = at
                    && let Some(other) = self.legs.get_mut(&other)
                {
                    other.port.relay_report(bytes);
                    self.out.extend(std::iter::from_fn(|| other.port.poll_transmit()));
                }
                return;
            }
            Heard::Key(key, bytes) => {
                if self.key(now, session, key) {
                    if let Some(leg) = self.legs.get_mut(&session) {
                        leg.port.swallow();
                    }
                    return self.settle(now);
                }
                bytes
            }
        };
        if let At::Talking(other) = at
            && let Some(other) = self.legs.get_mut(&other)
        {
            other.port.relay(&theirs, &bytes);
            self.out.extend(std::iter::from_fn(|| other.port.poll_transmit()));
        }
    }

    /// A request within a call: a key, or for the other side. What to answer at once, if not the other's answer.
    pub(super) fn leg_request(&mut self, now: Instant, session: SessionId, request: &Request) -> Answer {
        if let Some(key) = super::service::signal(request)
            && self.key(now, session, key)
        {
            return Answer::Now(StatusCode::OK);
        }
        match self.legs.get(&session).map(|leg| leg.at.clone()) {
            Some(At::Talking(other)) => Answer::Ask(other),
            Some(_) if matches!(request.method(), Method::Info | Method::Update | Method::Message) => {
                Answer::Now(StatusCode::OK)
            }
            Some(_) | None => Answer::Now(StatusCode::NOT_IMPLEMENTED),
        }
    }

    /// Whatever is due of a leg.
    pub(super) fn leg_due(&mut self, now: Instant, session: SessionId) {
        let Some(leg) = self.legs.get_mut(&session) else { return };
        leg.port.handle_timeout(now);
        if leg.tell_again.is_some_and(|due| due <= now) {
            leg.tell_again = None;
            if let Some(identity) = leg.shown.take() {
                self.tell_identity(now, session, identity);
            }
        }
        let Some(leg) = self.legs.get_mut(&session) else { return };
        if leg.keypad.poll_timeout().is_some_and(|due| due <= now) {
            self.keypad_input(now, session, Input::Time);
        }
        let Some(leg) = self.legs.get_mut(&session) else { return };
        match leg.at.clone() {
            At::Told { until, then, .. } if until <= now => self.told_enough(now, session, then),
            At::Leaving { until } if until <= now => self.dismiss(now, session, Vec::new()),
            At::Parked { told_until: Some(until) } if until <= now => leg.at = At::Parked { told_until: None },
            At::Machine(_) if leg.port.is_over() => self.left_alone(now, session, Vec::new()),
            _ => {}
        }
    }

    fn told_enough(&mut self, now: Instant, session: SessionId, then: Then) {
        match then {
            Then::Leave(report) => {
                self.leaves(now, session);
                self.report(now, &report, StatusCode::OK);
            }
            Then::HangUp(headers) => self.dismiss(now, session, headers),
            Then::Meet(other) => self.meet(now, Party::Leg(session), other),
            Then::Back => self.go_back(now, session),
        }
    }

    /// Resets the keys of a phone that is in no transfer any more.
    pub(super) fn reset_keypad(&mut self, now: Instant, session: SessionId) {
        if let Some(leg) = self.legs.get_mut(&session) {
            let (next, _) = leg.keypad.clone().step(now, Input::Reset, |_| Match::Nothing);
            leg.keypad = next;
        }
    }
}

/// What to do with a request within a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Now(StatusCode),
    /// That one is asked.
    Ask(SessionId),
}

/// RFC 3326: why it ended goes along with the end.
pub(super) fn reason_of(fields: &Fields) -> Headers {
    fields.values(&Name::Reason).map(|value| (Name::Reason, value.to_owned())).collect()
}
