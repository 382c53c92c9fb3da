//! Provisional responses that the caller acknowledges: RFC 3262 §3, §5.

use super::caller::sdp_of;
use super::session::{Accepted, Session, Stage, Theirs};
use super::{Endpoint, Flow, Headers, OfferId, SessionEvent, SessionId, User};
use crate::header::RAck;
use crate::message::Request;
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::usage::reliable::{Action, Input, Reliable};
use std::time::Instant;

/// The option tag.
pub(super) const RELIABLE: &str = "100rel";

impl Endpoint {
    /// Whether we can send and take PRACK.
    pub(super) fn knows_reliable(&self) -> bool {
        self.config.allow.contains(&Method::Prack)
    }

    /// A PRACK whose CSeq is in order.
    pub(super) fn session_prack(
        &mut self,
        now: Instant,
        id: SessionId,
        transaction: TransactionId,
        flow: Flow,
        request: Request,
    ) {
        let Some(session) = self.sessions.get(&id) else { return };
        let rack = request
            .get::<RAck>()
            .ok()
            .filter(|rack| rack.method == Method::Invite && session.invited == Some(rack.cseq));
        let action = rack.map(|rack| self.step_reliable(now, id, Input::Prack(rack.rseq)));
        if action != Some(Action::Acknowledged) {
            return self.answer_plain(now, id, transaction, &request, StatusCode::CALL_DOES_NOT_EXIST);
        }
        let free = self.sessions.get(&id).is_some_and(|session| !session.is_exchanging() && session.held.is_none());
        match sdp_of(&request) {
            // §5: the answer stands in the 2xx to the PRACK.
            Some(sdp) if free => {
                let offer = OfferId(self.fresh_id());
                self.users.insert(transaction, User::Session(id));
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.theirs = Some(Theirs { id: offer, transaction, request: request.clone() });
                }
                self.emit_session(id, SessionEvent::Offer { id: offer, sdp: Some(sdp), request });
            }
            Some(_) => self.answer_plain(now, id, transaction, &request, StatusCode::REQUEST_PENDING),
            None => {
                if let Some(builder) = self.session_reply(id, &request, StatusCode::OK, flow, Headers::new(), None) {
                    self.transactions.respond(now, transaction, builder);
                }
            }
        }
        self.after_prack(now, id);
    }

    /// What waited for the PRACK.
    fn after_prack(&mut self, now: Instant, id: SessionId) {
        let Some(Session { stage: Stage::Ringing(ringing), .. }) = self.sessions.get_mut(&id) else { return };
        if let Some(Accepted { sdp, headers }) = ringing.accepted.take() {
            self.accept_now(now, id, sdp, headers);
        } else if std::mem::take(&mut ringing.unsent) {
            self.send_ringing(now, id);
        }
        self.arm_session(id);
    }

    /// A copy is due, or no PRACK came in time.
    pub(super) fn reliable_due(&mut self, now: Instant, id: SessionId) {
        let Some(Session { stage: Stage::Ringing(ringing), .. }) = self.sessions.get(&id) else { return };
        let transaction = ringing.transaction;
        match self.step_reliable(now, id, Input::Timer) {
            Action::Send(bytes) => self.transactions.repeat_provisional(now, transaction, bytes),
            Action::GiveUp => {
                // §3: "the UAS SHOULD reject the original request with a 5xx response".
                self.refuse_ringing(now, id, StatusCode::SERVER_INTERNAL_ERROR, Headers::new());
                self.emit_session(id, SessionEvent::Cancelled { request: None });
                self.session_over(id);
            }
            Action::None | Action::Acknowledged | Action::Unknown => {}
        }
    }

    pub(super) fn step_reliable(&mut self, now: Instant, id: SessionId, input: Input) -> Action {
        let Some(session) = self.sessions.get_mut(&id) else { return Action::Unknown };
        let reliable = std::mem::replace(&mut session.reliable, Reliable::Over);
        let (reliable, action) = reliable.step(now, &self.config.timers, input);
        session.reliable = reliable;
        action
    }
}
