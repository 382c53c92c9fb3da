//! What follows from an input: the endpoint's events, each to whom it concerns.

use std::time::Instant;

use bytes::Bytes;
use sip_core::endpoint::{Event, Flow, Headers, RequestId, ServerId, SessionEvent, SessionId, Transport};
use sip_core::header::Name;
use sip_core::message::{Fields, Request, Response};
use sip_core::method::Method;
use sip_core::resolve::{Lookup, Question, Resolved, Target};
use sip_core::status::StatusCode;

use super::calls::{Call, Kind};
use super::switch::Answer;
use super::{Pbx, told};
use crate::packet::Packet;

impl Pbx {
    /// Follows up everything that an input has set off.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            self.changes += 1;
            self.event(now, event);
        }
        self.light_lamps(now);
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let (from, to) = (self.here, transmit.flow.remote);
            self.out.push_back(match transmit.flow.transport {
                Transport::Tcp => Packet::tcp(from, to, transmit.bytes),
                _ => Packet::udp(from, to, transmit.bytes),
            });
        }
        self.tune_in(now);
        for call in self.calls.values_mut() {
            if call.is_talking(&self.legs) && !call.was_talking {
                call.was_talking = true;
                call.deadline = now + self.config.max_talking;
            }
            if let Kind::Called(attendant) | Kind::Calling(attendant) = &mut call.kind {
                self.out.extend(std::iter::from_fn(|| attendant.poll_transmit()));
            }
        }
    }

    fn event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Incoming { session, request, offer, replaces, .. } => {
                self.incoming(now, session, &request, offer, replaces);
            }
            Event::Session { session, event } => self.session(now, session, event),
            Event::Request { id, session: None, request, flow } if request.method() == Method::Register => {
                let (status, headers) = self.register(now, &request, flow);
                told(self.endpoint.respond(now, id, status, headers, None));
            }
            Event::Request { id, session, request, .. } => self.request(now, id, session, &request),
            Event::Subscribed { id, request, .. } => self.subscribed(now, id, &request),
            Event::SubscriberGone { id, .. } => self.unsubscribed(id),
            Event::Referred { id, session, request, .. } => self.referred(now, id, session, &request),
            Event::Response { id, outcome, .. } => self.response(now, id, outcome.ok()),
            Event::Resolve { id, question } => {
                let resolved = self.resolve(question);
                self.endpoint.handle_resolved(now, id, resolved);
            }
            _ => {}
        }
    }

    fn session(&mut self, now: Instant, session: SessionId, event: SessionEvent) {
        let ended = matches!(event, SessionEvent::Ended);
        if self.legs.contains_key(&session) {
            self.leg_event(now, session, event);
            if ended
                && let Some(id) = self.by_session.remove(&session)
                && let Some(call) = self.calls.get_mut(&id)
            {
                call.alive.remove(&session);
                self.forget_if_over(id);
            }
            return;
        }
        let Some(id) = self.by_session.get(&session).copied() else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        match &mut call.kind {
            Kind::Legs => {}
            Kind::Bridge(bridge) => bridge.handle(now, &mut self.endpoint, session, event),
            Kind::Called(attendant) | Kind::Calling(attendant) => attendant.handle(now, &mut self.endpoint, event),
        }
        if ended {
            self.by_session.remove(&session);
            call.alive.remove(&session);
            if call.alive.is_empty() {
                self.remove_call(id);
            }
        }
    }

    /// A request within a call is asked of the other side; a machine takes what it is told.
    fn request(&mut self, now: Instant, id: ServerId, session: Option<SessionId>, request: &Request) {
        if let Some(session) = session.filter(|session| self.legs.contains_key(session)) {
            return match self.leg_request(now, session, request) {
                Answer::Now(status) => told(self.endpoint.respond(now, id, status, Vec::new(), None)),
                Answer::Ask(other) => self.ask(now, id, other, request),
            };
        }
        let call = session.and_then(|session| self.calls.get_mut(self.by_session.get(&session)?));
        let (Some(session), Some(call)) = (session, call) else {
            let status = StatusCode::NOT_IMPLEMENTED;
            return told(self.endpoint.respond(now, id, status, Vec::new(), None));
        };
        match &mut call.kind {
            Kind::Legs => {}
            Kind::Bridge(bridge) => match bridge.other(session) {
                Some(other) => self.ask(now, id, other, request),
                None => {
                    told(self.endpoint.respond(now, id, StatusCode::SERVER_INTERNAL_ERROR, Vec::new(), None));
                }
            },
            Kind::Called(attendant) | Kind::Calling(attendant) => {
                attendant.handle_request(request);
                let status = match request.method() {
                    Method::Info | Method::Update | Method::Message => StatusCode::OK,
                    _ => StatusCode::NOT_IMPLEMENTED,
                };
                told(self.endpoint.respond(now, id, status, Vec::new(), None));
            }
        }
    }

    /// Asks the other side, whose answer will be ours.
    fn ask(&mut self, now: Instant, id: ServerId, other: SessionId, request: &Request) {
        let (body, headers) = (body_of(request), relayed_headers(request));
        match self.endpoint.request(now, other, request.method(), headers, body) {
            Ok(asked) => drop(self.relayed.insert(asked, id)),
            Err(_) => {
                told(self.endpoint.respond(now, id, StatusCode::SERVER_INTERNAL_ERROR, Vec::new(), None));
            }
        }
    }

    fn response(&mut self, now: Instant, id: RequestId, response: Option<Response>) {
        let Some(asked) = self.relayed.remove(&id) else { return };
        let (status, body) = match response {
            Some(response) => (response.status(), body_of(&response)),
            None => (StatusCode::REQUEST_TIMEOUT, None),
        };
        told(self.endpoint.respond(now, asked, status, Vec::new(), body));
    }

    /// Contacts of phones are addresses; a name can only be ours.
    fn resolve(&self, question: Question) -> Resolved {
        let here = self.here;
        let targets = Lookup::new(question, [0; 32]).into_targets();
        let flow = |target: Target| Flow { transport: target.transport, local: here, remote: target.addr };
        let flows: Vec<Flow> = targets.into_iter().map(flow).collect();
        if flows.is_empty() { Resolved::Failed } else { Resolved::Flows(flows) }
    }

    /// RTP or RTCP has come for a call.
    pub(super) fn sound(&mut self, now: Instant, packet: &Packet) {
        let pair = packet.to.port() & !1;
        if let Some(session) = self.leg_by_port.get(&pair).copied() {
            return self.leg_sound(now, session, packet);
        }
        let call = self.by_port.get(&pair).and_then(|id| self.calls.get_mut(id));
        if let Some(Call { kind: Kind::Called(attendant) | Kind::Calling(attendant), .. }) = call {
            if attendant.handle_packet(now, packet) {
                self.changes += 1;
            }
            self.out.extend(std::iter::from_fn(|| attendant.poll_transmit()));
        }
    }
}

fn body_of(message: &Fields) -> Option<(String, Bytes)> {
    Some((message.value(&Name::ContentType)?.to_owned(), message.body()))
}

/// What goes along with a request from one side to the other.
fn relayed_headers(request: &Request) -> Headers {
    let names = [Name::InfoPackage, Name::ContentDisposition];
    names
        .into_iter()
        .flat_map(|name| request.values(&name).map(|value| (name.clone(), value.to_owned())).collect::<Vec<_>>())
        .collect()
}
