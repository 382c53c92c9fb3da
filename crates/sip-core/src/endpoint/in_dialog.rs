//! Requests of the peer's within a dialog: RFC 3261 §12.2.2.

use super::caller::sdp_of;
use super::session::{Session, Stage};
use super::{Endpoint, Flow, SessionEvent, SessionId};
use crate::header::Name;
use crate::message::Request;
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use std::time::Instant;

impl Endpoint {
    /// The session that a request with a To tag belongs to.
    pub(super) fn session_of(&mut self, request: &Request) -> Option<SessionId> {
        let call_id = request.call_id().ok()?.to_owned();
        let local_tag = request.to().ok()?.tag()?.to_owned();
        let from = request.from().ok()?;
        let remote_tag = from.tag().unwrap_or("");
        let id = *self.by_dialog.get(&(call_id, local_tag))?;
        // The tag of another fork is another dialog's.
        self.sessions.get_mut(&id)?.dialog_with(remote_tag)?;
        Some(id)
    }

    pub(super) fn serve_in_dialog(
        &mut self,
        now: Instant,
        id: SessionId,
        transaction: TransactionId,
        flow: Flow,
        request: Request,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let from_tag = request.from().ok().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        let in_order = session.dialog_with(&from_tag).map_or(Ok(()), |dialog| dialog.receive_seq(number));
        if let Err(status) = in_order {
            return self.answer_plain(now, id, transaction, &request, status);
        }
        self.learn_peer(id, &request);
        let Some(session) = self.sessions.get(&id) else { return };
        let closing = matches!(session.stage, Stage::Closing { .. });
        match request.method() {
            Method::Bye => self.session_bye(now, id, transaction, request),
            _ if closing => {
                self.answer_plain(now, id, transaction, &request, StatusCode::CALL_DOES_NOT_EXIST);
            }
            Method::Invite | Method::Update if self.refuse_interval(now, transaction, &request) => {}
            Method::Invite => self.session_offer(now, id, transaction, request),
            Method::Update if sdp_of(&request).is_some() => self.session_offer(now, id, transaction, request),
            Method::Update => {
                // RFC 3311 §5.2: without an offer it refreshes the target, and tells who the peer is now.
                if let Some(dialog) = self.sessions.get_mut(&id).and_then(|session| session.dialog_with(&from_tag)) {
                    dialog.refresh_target(&request);
                }
                let headers = self.success_headers(now, id, &request);
                if let Some(builder) = self.session_reply(id, &request, StatusCode::OK, flow, headers, None) {
                    self.transactions.respond(now, transaction, builder);
                }
                self.emit_session(id, SessionEvent::Updated { request });
            }
            Method::Options => self.answer_options(now, transaction, &request, flow, Some(id)),
            Method::Prack => self.session_prack(now, id, transaction, flow, request),
            _ => self.hand_up(transaction, Some(id), flow, request),
        }
    }

    /// An ACK that no transaction waited for: to a 2xx of ours, or a stranger's.
    pub(super) fn serve_ack(&mut self, now: Instant, request: &Request) {
        match self.session_of(request) {
            Some(id) => self.session_acknowledged(now, id, request),
            None => self.counters.strays += 1,
        }
    }

    /// §9.2: a CANCEL gets 200 if there is what it cancels, which then gets 487.
    pub(super) fn serve_cancel(&mut self, now: Instant, transaction: TransactionId, request: Request) {
        let Some(cancelled) = self.transactions.cancelled_by(&request) else {
            let builder = self.reply(&request, StatusCode::CALL_DOES_NOT_EXIST, None);
            self.transactions.respond(now, transaction, builder);
            return;
        };
        let id = match self.users.get(&cancelled) {
            Some(super::User::Session(id)) => Some(*id),
            _ => None,
        };
        let tag = id.and_then(|id| self.sessions.get(&id)).map(|session| session.local_tag.clone());
        // §9.2: the To tag of the CANCEL's response is that of the INVITE's.
        let builder = self.reply(&request, StatusCode::OK, tag.as_deref());
        self.transactions.respond(now, transaction, builder);
        let Some((id, session)) = id.and_then(|id| Some((id, self.sessions.get_mut(&id)?))) else { return };
        match &session.stage {
            Stage::Ringing(ringing) if ringing.transaction == cancelled => {
                self.refuse_ringing(now, id, StatusCode::REQUEST_TERMINATED, Vec::new());
                self.emit_session(id, SessionEvent::Cancelled { request: Some(request) });
                self.session_over(id);
            }
            _ => {
                // A re-INVITE: the session goes on without it (§14.2 with §9.2).
                if let Some(theirs) = session.theirs.take_if(|theirs| theirs.transaction == cancelled) {
                    self.answer_plain(now, id, cancelled, &theirs.request, StatusCode::REQUEST_TERMINATED);
                }
            }
        }
    }

    /// §11.2: what we can do.
    pub(super) fn answer_options(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        session: Option<SessionId>,
    ) {
        let mut headers = self.capability_headers();
        headers.push(self.supported(self.knows_reliable()));
        headers.push((Name::Accept, super::caller::SDP.to_owned()));
        let builder = match session {
            Some(id) => self.session_reply(id, request, StatusCode::OK, flow, headers, None),
            None => {
                let builder = self.reply(request, StatusCode::OK, None);
                Some(headers.iter().fold(builder, |builder, (name, value)| builder.header(name.clone(), value)))
            }
        };
        if let Some(builder) = builder {
            self.transactions.respond(now, transaction, builder);
        }
    }

    /// The tag under which a session answers.
    pub(super) fn session_tag(&self, id: Option<SessionId>) -> Option<&str> {
        id.and_then(|id| self.sessions.get(&id)).map(|session: &Session| session.local_tag.as_str())
    }
}
