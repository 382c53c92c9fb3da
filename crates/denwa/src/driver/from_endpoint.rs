//! What the endpoint says, handed to the switch: events become signals, one to one.
use super::Driver;
use crate::event::{AccountId, CallId, CallState, Direction, Phase, Quality};
use bytes::Bytes;
use call::{Action, Loss, Signal};
use sip_core::endpoint::{Event, Flow, OfferId, SessionEvent, SessionId};
use sip_core::resolve::Question;
use sip_core::{Request, StatusCode, Uri};
use std::time::Instant;

impl Driver {
    pub(super) fn endpoint_says(&mut self, now: Instant, event: Event) {
        match event {
            Event::Registration { account, state } => self.registration(AccountId(account), state),
            Event::Incoming { session, account, request, flow, offer, replaces: _ } => {
                self.incoming(now, session, account.map(AccountId), &request, flow, offer.as_deref());
            }
            Event::Session { session, event } => self.session(now, session, event),
            Event::Resolve { id, question } => self.resolve(now, id, question),
            // Nothing of ours waits for it: the facade sends no such request and allows no such method.
            Event::Request { id, .. } => {
                if let Err(misuse) = self.endpoint.respond(now, id, StatusCode::METHOD_NOT_ALLOWED, Vec::new(), None) {
                    tracing::debug!(%misuse, "a request went before its response");
                }
            }
            Event::Response { .. } => {}
            _ => tracing::debug!("an event of the endpoint that this version does not know"),
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
        let Ok((remote, remote_name)) = caller(request) else {
            return self.turn_away(now, session, StatusCode::BAD_REQUEST);
        };
        let Ok((stream, local)) = self.open_stream(now, Some(flow.local.ip())) else {
            return self.turn_away(now, session, StatusCode::SERVICE_UNAVAILABLE);
        };
        let leg = self.switch.incoming(now, offer, local);
        self.lines.add(leg, stream);
        self.lines.bind(leg, session);
        self.board.add_call(CallState {
            id: CallId(leg),
            account,
            direction: Direction::Incoming,
            remote,
            remote_name,
            phase: Phase::Ringing,
            since: now,
            answered: None,
            codec: None,
            held: false,
            remote_held: false,
            muted: false,
            quality: Quality::default(),
        });
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

    fn turn_away(&mut self, now: Instant, session: SessionId, status: StatusCode) {
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
        if let SessionEvent::Ended = event {
            self.lines.unbind(session);
            self.keep_connections();
        }
        if let Some(signal) = signal(event) {
            self.switch.handle_signal(now, leg, signal);
        }
        // The dialog has moved on: perhaps it was the ACK that an offer of ours waits for.
        if let Some(sdp) = self.lines.take_held_back(leg) {
            self.act(now, leg, Action::Offer { sdp });
        }
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

/// Who calls, by From (RFC 3261 §8.1.1.3), which nobody has verified.
fn caller(request: &Request) -> Result<(Uri, Option<String>), ()> {
    let from = request.from().map_err(|_| ())?;
    Ok((from.uri().map_err(|_| ())?, from.display().map(|name| name.into_owned())))
}
