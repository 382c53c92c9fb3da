//! What the endpoint says, handed to the switch: events become signals, one to one.
use super::Driver;
use super::reception::Welcome;
use crate::event::{AccountId, CallId};
use crate::identity::{self, Identity};
use crate::log::Outcome;
use bytes::Bytes;
use call::{LegId, Loss, Signal};
use sip_core::endpoint::{Event, Flow, OfferId, ServerId, SessionEvent, SessionId};
use sip_core::header::Name;
use sip_core::resolve::Question;
use sip_core::{Method, Request, StatusCode, Uri};
use std::time::Instant;

impl Driver {
    pub(super) fn endpoint_says(&mut self, now: Instant, event: Event) {
        match event {
            Event::Registration { account, state } => self.registration(now, AccountId(account), state),
            Event::Incoming { session, account, request, flow, offer, replaces } => {
                let (account, offer) = (account.map(AccountId), offer.as_deref());
                match replaces {
                    Some(old) => self.replaced(now, session, old, account, &request, (flow, offer)),
                    None => self.incoming(now, session, account, &request, flow, offer),
                }
            }
            Event::Session { session, event } => self.session(now, session, event),
            Event::Resolve { id, question } => self.resolve(now, id, question),
            Event::Refer { id, event, .. } => self.refer_says(now, id, event),
            Event::Referred { id, session, request, .. } => self.referred(now, id, session, &request),
            Event::Subscription { id, event } => self.subscription_says(now, id, event),
            Event::Request { id, session, request, .. } => self.request(now, id, session, &request),
            Event::Response { id, .. } => self.info_answered(now, id),
            _ => tracing::debug!("an event of the endpoint that this version does not know"),
        }
    }

    /// A request that the endpoint leaves to us.
    fn request(&mut self, now: Instant, id: ServerId, session: Option<SessionId>, request: &Request) {
        let leg = session.and_then(|session| self.lines.leg_of_session(session));
        let status = match (request.method(), leg) {
            (Method::Info, Some(leg)) => self.info(leg, request),
            // The first NOTIFY of a subscription that a server makes by itself: messages are waiting (RFC 3842).
            (Method::Notify, None) => StatusCode::OK,
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        if let Err(misuse) = self.endpoint.respond(now, id, status, Vec::new(), None) {
            tracing::debug!(%misuse, "a request went before its response");
        }
    }

    fn resolve(&mut self, now: Instant, id: sip_core::endpoint::ResolveId, question: Question) {
        let (seed, host) = (self.child_seed(), question.host.clone());
        if let Some(targets) = self.dns.resolve(id, question, seed, self.sockets.arrivals()) {
            let resolved = self.flows(now, host, targets);
            self.endpoint.handle_resolved(now, id, resolved);
        }
    }

    fn incoming(
        &mut self,
        now: Instant,
        session: SessionId,
        account: Option<AccountId>,
        request: &Request,
        flow: Flow,
        offer: Option<&[u8]>,
    ) {
        if let Some(status) = self.cannot_take_a_call() {
            return self.turn_away(now, session, status);
        }
        let Some(mut state) = self.caller_state(account, request, now) else {
            return self.turn_away(now, session, StatusCode::BAD_REQUEST);
        };
        let (ring, forward_to) = match self.welcome(account, state.recall.is_some()) {
            Welcome::Ring(ring, forward_to) => (ring, forward_to),
            Welcome::Refuse(status) => {
                self.write_down_unrung(session, &state, Outcome::Busy);
                return self.turn_away(now, session, status);
            }
            Welcome::Forward(to) => {
                self.write_down_unrung(session, &state, Outcome::Redirected { to: to.to_string() });
                return self.send_elsewhere(now, session, &to);
            }
        };
        let Ok((stream, local)) = self.open_stream(now, Some(flow.local.ip())) else {
            return self.turn_away(now, session, StatusCode::SERVICE_UNAVAILABLE);
        };
        let leg = self.switch.ring(now, offer, local, ring);
        self.lines.add(leg, stream);
        self.lines.bind(leg, session);
        if let Some(line) = self.lines.line(leg) {
            line.forward_to = forward_to;
        }
        state.id = CallId(leg);
        self.set_traits(leg, account, Some(&state.remote), false);
        drop(self.board.add_call(state));
        self.may_answer_itself(now, leg, request);
    }

    fn send_elsewhere(&mut self, now: Instant, session: SessionId, to: &Uri) {
        tracing::debug!("an incoming call was forwarded");
        let headers = vec![(Name::Contact, format!("<{to}>"))];
        if let Err(misuse) = self.endpoint.refuse(now, session, StatusCode::MOVED_TEMPORARILY, headers) {
            tracing::debug!(%misuse, "the caller was faster");
        }
    }

    /// The status to refuse with, if no call can be taken now.
    fn cannot_take_a_call(&self) -> Option<StatusCode> {
        if self.stopping.is_some() || !self.queue.has_reader() {
            Some(StatusCode::TEMPORARILY_UNAVAILABLE)
        } else if !self.queue.has_room() {
            Some(StatusCode::SERVICE_UNAVAILABLE)
        } else if self.board.calls() >= self.max_calls {
            Some(StatusCode::BUSY_HERE)
        } else {
            None
        }
    }

    pub(super) fn turn_away(&mut self, now: Instant, session: SessionId, status: StatusCode) {
        tracing::debug!(status = status.code(), "an incoming call was turned away");
        if let Err(misuse) = self.endpoint.refuse(now, session, status, Vec::new()) {
            tracing::debug!(%misuse, "the caller was faster");
        }
    }

    fn session(&mut self, now: Instant, session: SessionId, event: SessionEvent) {
        let Some(leg) = self.lines.leg_of_session(session) else {
            // A call that was turned away, or whose leg gave up waiting: there is nobody to ask.
            if let SessionEvent::Offer { id, .. } = event {
                self.refuse_stray_offer(now, session, id);
            }
            return;
        };
        if let SessionEvent::Offer { id, .. } = &event {
            self.lines.set_offer(leg, *id);
        }
        if let SessionEvent::Refused { reason, response: Some(_), .. } = &event {
            self.lines.set_reason(leg, reason.clone());
        }
        self.listen(now, leg, session, &event);
        if let SessionEvent::Ended = event {
            self.lines.unbind(session);
            self.keep_connections();
        }
        if let Some(signal) = signal(event) {
            self.switch.handle_signal(now, leg, signal);
        }
    }

    /// What a message tells beside its place in the session: who is there, and what the peer can do.
    fn listen(&mut self, now: Instant, leg: LegId, session: SessionId, event: &SessionEvent) {
        let account = self.board.call(CallId(leg)).and_then(|call| call.account);
        let trusted = self.is_trusted(account);
        let identity = match event {
            SessionEvent::Progress { response, .. }
            | SessionEvent::Answered { response, .. }
            | SessionEvent::OfferAnswered { response, .. } => Some(Identity::of_response(response, trusted)),
            SessionEvent::Offer { request, .. } | SessionEvent::Updated { request } => {
                Some(Identity::of_request(request, trusted))
            }
            SessionEvent::Cancelled { request: Some(request) } => {
                if let Some(line) = self.lines.line(leg) {
                    line.elsewhere = identity::answered_elsewhere(request);
                }
                None
            }
            _ => None,
        };
        if let SessionEvent::Progress { .. } = event {
            // An exchange in between moves calls that still ring; a phone at the other end does not (RFC 3891 §3).
            let exchange = self.is_registrar_of(account, session) && self.replaces_calls(session);
            let remote = self.board.call(CallId(leg)).map(|call| call.remote);
            self.set_traits(leg, account, remote.as_ref(), exchange);
        }
        self.identified(now, leg, identity);
    }

    /// Whether the other end of a session is the account's own server, which then stands between us and whoever we talk to.
    fn is_registrar_of(&self, account: Option<AccountId>, session: SessionId) -> bool {
        let Some(profile) = account.and_then(|id| self.profiles.get(&id)) else { return false };
        let Some(dialog) = self.endpoint.dialog(session) else { return false };
        let host = |uri: &Uri| uri.as_sip().map(|sip| sip.host().clone());
        let target = host(dialog.remote_target());
        let there = match target.as_ref().and_then(sip_core::uri::Host::ip) {
            Some(ip) => ip == dialog.flow().remote.ip(),
            None => target == host(&profile.aor),
        };
        there && dialog.route_set().is_empty()
    }

    /// Whether the server of a session says, in that or in another session, that it can replace calls: a ringing call
    /// seldom says what the server can.
    fn replaces_calls(&self, session: SessionId) -> bool {
        let server = |session| self.endpoint.dialog(session).map(|dialog| dialog.flow().remote);
        let here = server(session);
        self.lines.sessions().any(|other| server(other) == here && self.endpoint.remote_supports(other, "replaces"))
    }

    fn refuse_stray_offer(&mut self, now: Instant, session: SessionId, offer: OfferId) {
        let refused = self.endpoint.refuse_offer(now, session, offer, StatusCode::CALL_DOES_NOT_EXIST);
        if let Err(misuse) = refused {
            tracing::debug!(%misuse, "an offer went before its refusal");
        }
    }
}

fn signal(event: SessionEvent) -> Option<Signal> {
    let body = |sdp: Option<Bytes>| sdp.map(|bytes| bytes.to_vec());
    Some(match event {
        SessionEvent::Progress { status, sdp, .. } => Signal::Progress { status: status.code(), sdp: body(sdp) },
        SessionEvent::Answered { sdp, .. } => Signal::Answered { sdp: body(sdp) },
        SessionEvent::Refused { status, response: None, .. } => match status.code() {
            408 => Signal::Lost(Loss::Timeout),
            503 => Signal::Lost(Loss::Network),
            status => Signal::Refused { status },
        },
        SessionEvent::Refused { status, .. } => Signal::Refused { status: status.code() },
        SessionEvent::Cancelled { .. } => Signal::Cancelled,
        SessionEvent::Acknowledged { sdp } => Signal::Acknowledged { sdp: body(sdp) },
        SessionEvent::Offer { sdp, .. } => Signal::Offer { sdp: body(sdp) },
        SessionEvent::OfferAnswered { sdp, .. } => Signal::OfferAnswered { sdp: body(sdp) },
        SessionEvent::OfferRefused { status, retry_after, .. } => {
            Signal::OfferRefused { status: status.code(), retry_after }
        }
        SessionEvent::Bye { .. } => Signal::Bye,
        SessionEvent::Ended => Signal::Ended,
        _ => return None,
    })
}
