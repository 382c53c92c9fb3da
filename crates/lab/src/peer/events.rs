//! What a scripted phone does about what it is told.

use std::time::Instant;

use bytes::Bytes;
use rand_core::Rng;
use sdp::{History, Local};
use sip_core::endpoint::{Event, Flow, OfferId, RegistrationState, SessionEvent, SessionId};
use sip_core::header::Name;
use sip_core::message::Fields;
use sip_core::method::Method;
use sip_core::resolve::{Lookup, Resolved};
use sip_core::status::StatusCode;

use super::{Line, Manner, Phone, Standing, address, told};

impl Phone {
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            self.event(now, event);
        }
        if let Some((line, leg)) = &mut self.waiting {
            leg.voice.agree(now, leg.agreed.as_ref().filter(|_| *line == Line::Talking), *line == Line::Talking);
        }
        if let Some(leg) = &mut self.leg {
            let talks = matches!(self.line, Line::Talking | Line::Calling | Line::Ringback);
            leg.voice.agree(now, leg.agreed.as_ref().filter(|_| talks), self.line == Line::Talking);
        }
    }

    fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Registration { state, .. } => match state {
                RegistrationState::Registered { expires, .. } => self.standing = Standing::Registered(expires),
                RegistrationState::Unregistered => self.standing = Standing::Away,
                RegistrationState::Failed { status, permanent, .. } => {
                    self.standing = Standing::Refused { status: status.code(), permanent };
                }
                _ => {}
            },
            Event::Incoming { session, request, offer, .. } => {
                let other = asserted(&request);
                self.invited = Some(request);
                self.incoming(now, session, offer, other);
            }
            Event::Session { session, event } if self.leg.as_ref().is_some_and(|leg| leg.session == session) => {
                self.session(now, event);
            }
            Event::Session { session, event }
                if self.waiting.as_ref().is_some_and(|(_, leg)| leg.session == session) =>
            {
                self.swap();
                self.session(now, event);
                self.swap();
            }
            Event::Request { id, request, .. } if request.method() == Method::Notify => {
                let body = request.body();
                let told_to = String::from_utf8_lossy(&body)
                    .lines()
                    .next()
                    .and_then(|line| line.strip_prefix("SIP/2.0 ").map(str::to_owned));
                self.reports.extend(told_to);
                told(self.endpoint.respond(now, id, StatusCode::OK, Vec::new(), None));
            }
            Event::Request { id, .. } => told(self.endpoint.respond(now, id, StatusCode::OK, Vec::new(), None)),
            Event::Resolve { id, question } => {
                let here = self.config.here;
                let targets = Lookup::new(question, [0; 32]).into_targets().into_iter();
                let flows = targets.map(|to| Flow { transport: to.transport, local: here, remote: to.addr }).collect();
                self.endpoint.handle_resolved(now, id, Resolved::Flows(flows));
            }
            _ => {}
        }
    }

    fn incoming(&mut self, now: Instant, session: SessionId, offer: Option<Bytes>, other: Option<String>) {
        let busy = matches!(self.line, Line::Calling | Line::Ringback | Line::Ringing | Line::Talking);
        if busy {
            return told(self.endpoint.refuse(now, session, StatusCode::BUSY_HERE, Vec::new()));
        }
        if let Manner::Refuse(status) = self.config.manner {
            let status = StatusCode::new(status).unwrap_or(StatusCode::DECLINE);
            return told(self.endpoint.refuse(now, session, status, Vec::new()));
        }
        if let Manner::Redirect(number) = self.config.manner {
            let contact = format!("<{}>", address(&number.to_string(), self.config.registrar));
            let headers = vec![(Name::Contact, contact)];
            return told(self.endpoint.refuse(now, session, StatusCode::MOVED_TEMPORARILY, headers));
        }
        let history = History::new(self.rng.next_u64());
        let mut leg = self.new_leg(session, history);
        leg.asked = offer;
        leg.other = other;
        if let Manner::Answer(after) = self.config.manner {
            leg.answer_at = Some(now + after);
        }
        self.leg = Some(leg);
        self.line = Line::Ringing;
        told(self.endpoint.ring(now, session, StatusCode::RINGING, None));
    }

    fn session(&mut self, now: Instant, event: SessionEvent) {
        let local = self.local();
        let Some(leg) = &mut self.leg else { return };
        match event {
            SessionEvent::Progress { sdp, response, .. } => {
                self.line = Line::Ringback;
                leg.other = asserted(&response).or(leg.other.take());
                // An answer in a provisional response is not the last word: the offer stays open.
                leg.hear(sdp.as_ref());
            }
            SessionEvent::Answered { sdp, response } => {
                self.line = Line::Talking;
                leg.other = asserted(&response).or(leg.other.take());
                self.answered(now, sdp, &local);
            }
            SessionEvent::Acknowledged { sdp } => {
                self.line = Line::Talking;
                // Without a description in it the ACK ends an exchange that is answered already.
                if sdp.is_some() {
                    leg.hear(sdp.as_ref());
                    leg.offered = None;
                }
            }
            SessionEvent::Refused { status, .. } => self.line = Line::Refused(status.code()),
            SessionEvent::Cancelled { request } => {
                self.line = Line::Missed;
                self.reasons = request.as_ref().map(|request| reasons(request)).unwrap_or_default();
            }
            SessionEvent::Bye { request } => {
                self.line = Line::Over;
                self.reasons = reasons(&request);
            }
            SessionEvent::Ended => {
                if matches!(self.line, Line::Calling | Line::Ringback | Line::Ringing | Line::Talking) {
                    self.line = Line::Over;
                }
            }
            SessionEvent::Updated { request } => leg.other = asserted(&request).or(leg.other.take()),
            SessionEvent::Offer { id, sdp, request } => {
                leg.other = asserted(&request).or(leg.other.take());
                self.offered(now, id, sdp, &local);
            }
            SessionEvent::OfferAnswered { sdp, .. } => self.answered(now, sdp, &local),
            SessionEvent::OfferRefused { .. } => leg.offered = None,
            _ => {}
        }
    }

    /// A 2xx came: with the answer to our offer, or with the offer that we asked for.
    fn answered(&mut self, now: Instant, sdp: Option<Bytes>, local: &Local) {
        let Some(leg) = &mut self.leg else { return };
        if leg.offered.is_some() {
            leg.hear(sdp.as_ref());
            leg.offered = None;
        } else if let Some(answer) = sdp.and_then(|offer| leg.answer_to(local, &offer)) {
            told(self.endpoint.answer_late(now, leg.session, answer));
        } else {
            told(self.endpoint.hang_up(now, leg.session, Vec::new()));
        }
    }

    fn offered(&mut self, now: Instant, id: OfferId, sdp: Option<Bytes>, local: &Local) {
        let Some(leg) = &mut self.leg else { return };
        let session = leg.session;
        let ours = match sdp {
            Some(offer) => leg.answer_to(local, &offer),
            None => Some(leg.offer(local)),
        };
        match ours {
            Some(sdp) => told(self.endpoint.answer_offer(now, session, id, sdp)),
            None => told(self.endpoint.refuse_offer(now, session, id, StatusCode::NOT_ACCEPTABLE_HERE)),
        }
    }
}

fn reasons(fields: &Fields) -> Vec<String> {
    fields.values(&Name::Reason).map(str::to_owned).collect()
}

fn asserted(fields: &Fields) -> Option<String> {
    fields.value(&Name::PAssertedIdentity).map(str::to_owned)
}
