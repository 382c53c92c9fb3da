//! Offers within a session, both ways: re-INVITE (RFC 3261 §14) and UPDATE (RFC 3311).

use super::caller::{SDP, dialog_way, in_dialog_draft, sdp_of};
use super::outgoing::{OutgoingId, Purpose};
use super::session::{Held, Ours, Stage, Theirs, Turn};
use super::session_timer::asked_interval;
use super::{Endpoint, Failure, Headers, Misuse, OfferId, SessionEvent, SessionId, User};
use crate::header::{Name, RetryAfter};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use bytes::Bytes;
use std::time::{Duration, Instant};

impl Endpoint {
    /// Sends a re-INVITE with our offer, or without one to ask for the peer's. Ends in `OfferAnswered` or `OfferRefused`.
    ///
    /// While an offer or an INVITE is under way in either direction, or our 2xx waits for its ACK, it is held back (§14.1);
    /// one that is held back is replaced by a newer one, and the peer's offers are refused meanwhile. Hanging up drops it.
    ///
    /// # Errors
    /// Not answered yet, or being hung up.
    pub fn offer(&mut self, now: Instant, id: SessionId, sdp: Option<Bytes>) -> Result<(), Misuse> {
        self.offer_with(now, id, sdp, Headers::new())
    }

    /// [`offer`](Self::offer) with further header fields: who we are now (P-Asserted-Identity).
    ///
    /// # Errors
    /// Not answered yet, or being hung up.
    pub fn offer_with(
        &mut self,
        now: Instant,
        id: SessionId,
        sdp: Option<Bytes>,
        headers: Headers,
    ) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        let Stage::Talking { bye_after_ack: None, .. } = session.stage else {
            return Err(Misuse::State { doing: "offer", state: session.state_name() });
        };
        session.held = Some(Held { method: Method::Invite, sdp, headers });
        self.waiting.insert(id);
        self.pump(now);
        Ok(())
    }

    /// What of ours waits in a session and may go out now.
    pub(super) fn next_turn(&self) -> Option<(SessionId, Turn)> {
        self.waiting.iter().find_map(|id| Some((*id, self.sessions.get(id)?.turn()?)))
    }

    pub(super) fn take_turn(&mut self, now: Instant, id: SessionId, turn: Turn) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match turn {
            Turn::Offer => {
                if let Some(Held { method, sdp, headers }) = session.held.take() {
                    self.send_offer(now, id, method, sdp, headers, false);
                }
            }
            Turn::Tell => {
                let headers = session.telling.next.take().unwrap_or_default();
                // Each of them is a session refresh request (RFC 4028 §7.2).
                session.refresh = false;
                self.send_telling(now, id, headers);
            }
            Turn::Reinvite => {
                session.refresh = false;
                let sdp = session.described.clone();
                self.send_offer(now, id, Method::Invite, sdp, Headers::new(), true);
            }
        }
        if self.sessions.get(&id).is_none_or(|session| !session.is_waiting()) {
            self.waiting.remove(&id);
        }
    }

    /// Sends a re-INVITE or an UPDATE that begins an exchange.
    fn send_offer(
        &mut self,
        now: Instant,
        id: SessionId,
        method: Method,
        sdp: Option<Bytes>,
        headers: Headers,
        silent: bool,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let account = session.account;
        let Some(dialog) = session.dialog_mut() else { return };
        let number = dialog.next_seq();
        let mut draft = in_dialog_draft(dialog, method.clone(), number);
        let (way, tag) = (dialog_way(dialog, &draft), dialog.remote_tag().to_owned());
        draft.headers = self.refresh_headers(id);
        draft.headers.extend(headers);
        draft.body = sdp.clone().map(|sdp| (SDP.to_owned(), sdp));
        let request = self.fresh_outgoing();
        let purpose = match method {
            Method::Invite => Purpose::Reinvite(id),
            _ => Purpose::Update(id),
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ours = Ours::Sent { request, by: method, tag, sdp, silent };
        }
        self.send_as(now, request, purpose, account, draft, way);
    }

    /// The headers of each request of ours that may refresh the session.
    pub(super) fn refresh_headers(&self, id: SessionId) -> Headers {
        let mut headers = self.capability_headers();
        headers.push(self.supported(self.knows_reliable()));
        headers.extend(self.interval_headers(Some(id)));
        headers
    }

    /// Answers the offer of a 2xx to our INVITE that had none: the ACK carries it.
    ///
    /// # Errors
    /// There is none.
    pub fn answer_late(&mut self, now: Instant, id: SessionId, sdp: Bytes) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        match std::mem::replace(&mut session.ours, Ours::None) {
            Ours::Late { invite, tag } => {
                session.described = Some(sdp.clone());
                self.acknowledge(now, id, invite, tag, Some(sdp));
            }
            other => {
                session.ours = other;
                return Err(Misuse::State { doing: "answer an offer", state: "there is none in a 2xx" });
            }
        }
        self.pump(now);
        Ok(())
    }

    /// Accepts the peer's offer with our answer; or, to a re-INVITE without offer, makes ours.
    ///
    /// # Errors
    /// The offer is gone: answered, or its session is over.
    pub fn answer_offer(&mut self, now: Instant, id: SessionId, offer: OfferId, sdp: Bytes) -> Result<(), Misuse> {
        let theirs = self.take_offer(id, offer)?;
        let Some(flow) = self.transactions.flow(theirs.transaction) else { return Err(Misuse::Gone) };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.described = Some(sdp.clone());
        }
        if theirs.request.method() == Method::Invite {
            let unacked =
                self.answer_invite(now, id, theirs.transaction, &theirs.request, flow, Some(sdp), Headers::new());
            if let Some(session) = self.sessions.get_mut(&id) {
                session.unacked = unacked;
            }
            self.arm_session(id);
        } else {
            let headers = self.success_headers(now, id, &theirs.request);
            let body = Some((SDP.to_owned(), sdp));
            if let Some(builder) = self.session_reply(id, &theirs.request, StatusCode::OK, flow, headers, body) {
                self.transactions.respond(now, theirs.transaction, builder);
            }
        }
        self.pump(now);
        Ok(())
    }

    /// Refuses the peer's offer; the session goes on as before (488, 491, …).
    ///
    /// # Errors
    /// The offer is gone, or the status is not 300 to 699.
    pub fn refuse_offer(
        &mut self,
        now: Instant,
        id: SessionId,
        offer: OfferId,
        status: StatusCode,
    ) -> Result<(), Misuse> {
        if status.code() < 300 {
            return Err(Misuse::Argument("a refusal is 300 to 699"));
        }
        let theirs = self.take_offer(id, offer)?;
        let tag = self.sessions.get(&id).map(|session| session.local_tag.clone());
        let builder = self.reply(&theirs.request, status, tag.as_deref());
        self.transactions.respond(now, theirs.transaction, builder);
        self.pump(now);
        Ok(())
    }

    fn take_offer(&mut self, id: SessionId, offer: OfferId) -> Result<Theirs, Misuse> {
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        session.theirs.take_if(|theirs| theirs.id == offer).ok_or(Misuse::Gone)
    }

    /// A re-INVITE, or an UPDATE with a session description, whose CSeq is in order.
    pub(super) fn session_offer(&mut self, now: Instant, id: SessionId, transaction: TransactionId, request: Request) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let invite = request.method() == Method::Invite;
        let early_offer_open = match &session.stage {
            Stage::Talking { bye_after_ack: None, .. } => false,
            // RFC 3311 §5.1: an UPDATE may come once our offer is answered, or the peer's.
            Stage::Ringing(_) if !invite && session.reliable.has_settled() => false,
            Stage::Calling(calling) if !invite => {
                !(calling.offered && calling.early.iter().any(|early| early.answered))
            }
            Stage::Calling(_) => true,
            // §14.2: the first INVITE has no final response yet.
            Stage::Ringing(_) => return self.try_later(now, id, transaction, &request),
            Stage::Talking { .. } | Stage::Closing { .. } => {
                return self.answer_plain(now, id, transaction, &request, StatusCode::CALL_DOES_NOT_EXIST);
            }
        };
        if session.theirs.is_some() || session.unacked.is_some() {
            // §14.2, RFC 3311 §5.2: one after the other.
            return self.try_later(now, id, transaction, &request);
        }
        if early_offer_open || !matches!(session.ours, Ours::None) || session.held.is_some() {
            // §14.2: glare.
            return self.answer_plain(now, id, transaction, &request, StatusCode::REQUEST_PENDING);
        }
        let from_tag = request.from().ok().and_then(|from| from.tag().map(str::to_owned)).unwrap_or_default();
        if let Some(dialog) = session.dialog_with(&from_tag) {
            dialog.refresh_target(&request);
        }
        let offer = OfferId(self.fresh_id());
        self.users.insert(transaction, User::Session(id));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.theirs = Some(Theirs { id: offer, transaction, request: request.clone() });
        }
        let sdp = sdp_of(&request);
        self.emit_session(id, SessionEvent::Offer { id: offer, sdp, request });
    }

    /// 500 with a Retry-After of 0 to 10 seconds, §14.2.
    fn try_later(&mut self, now: Instant, id: SessionId, transaction: TransactionId, request: &Request) {
        let seconds = self.mint.within(0..=10);
        let tag = self.sessions.get(&id).map(|session| session.local_tag.clone());
        let builder =
            self.reply(request, StatusCode::SERVER_INTERNAL_ERROR, tag.as_deref()).header(Name::RetryAfter, seconds);
        self.transactions.respond(now, transaction, builder);
    }

    /// A response without more than the mandatory fields.
    pub(super) fn answer_plain(
        &mut self,
        now: Instant,
        id: SessionId,
        transaction: TransactionId,
        request: &Request,
        status: StatusCode,
    ) {
        let tag = self.sessions.get(&id).map(|session| session.local_tag.clone());
        let builder = self.reply(request, status, tag.as_deref());
        self.transactions.respond(now, transaction, builder);
    }

    /// Our re-INVITE was answered with 2xx.
    pub(super) fn offer_success(
        &mut self,
        now: Instant,
        id: SessionId,
        invite: OutgoingId,
        tag: String,
        response: Response,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return self.acknowledge_orphan(now, invite, tag);
        };
        if let Some(dialog) = session.dialog_mut() {
            dialog.refresh_target(&response);
        }
        let (ours, silent) = match std::mem::replace(&mut session.ours, Ours::None) {
            Ours::Sent { request, sdp, silent, .. } if request == invite => (sdp, silent),
            // Hung up in between: only the ACK is owed.
            other => {
                session.ours = other;
                return self.acknowledge(now, id, invite, tag, None);
            }
        };
        session.peer.learn(&response);
        let offered = ours.is_some();
        if let Some(ours) = ours {
            session.described = Some(ours);
        }
        let asked = self.outgoing.get(&invite).and_then(|outgoing| asked_interval(&outgoing.draft));
        self.interval_agreed(now, id, asked, &response);
        if silent {
            return self.acknowledge(now, id, invite, tag, None);
        }
        let sdp = sdp_of(&response);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if offered || sdp.is_none() {
            self.acknowledge(now, id, invite, tag, None);
        } else {
            session.ours = Ours::Late { invite, tag };
        }
        self.emit_session(id, SessionEvent::OfferAnswered { sdp, response });
    }

    /// The ACK to a 2xx whose session has ended meanwhile, made from the re-INVITE itself.
    fn acknowledge_orphan(&mut self, now: Instant, invite: OutgoingId, tag: String) {
        let Some(outgoing) = self.outgoing.get(&invite) else { return };
        let Some((_, flow)) = outgoing.at else { return };
        let mut draft = outgoing.draft.clone();
        draft.method = Method::Ack;
        draft.headers.clear();
        draft.contact = super::outgoing::Contact::None;
        draft.body = None;
        self.send(now, Purpose::Ack { invite, tag }, None, draft, super::outgoing::Way::Flow(flow));
    }

    /// Our re-INVITE, or UPDATE with an offer, failed.
    pub(super) fn offer_failed(
        &mut self,
        now: Instant,
        id: SessionId,
        request: OutgoingId,
        outcome: Result<Response, Failure>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let silent = match &session.ours {
            Ours::Sent { request: sent, silent, .. } if *sent == request => *silent,
            _ => return,
        };
        session.ours = Ours::None;
        let (status, response) = match outcome {
            Ok(response) => (response.status(), Some(response)),
            Err(failure) => (failure.status(), None),
        };
        let retry_after = response.as_ref().and_then(retry_after);
        if !silent {
            self.emit_session(id, SessionEvent::OfferRefused { status, retry_after, response });
        }
        self.not_refreshed(now, id, status, retry_after, silent);
    }

    /// A transaction of the session's is over; an offer that was never answered is over with it.
    pub(super) fn session_transaction_ended(&mut self, id: SessionId, transaction: TransactionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.theirs.take_if(|theirs| theirs.transaction == transaction);
        }
    }
}

/// Retry-After in seconds, no more than a day.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let after = response.maybe::<RetryAfter<'_>>().ok()??;
    Some(Duration::from_secs(u64::from(after.delta_seconds.min(86_400))))
}
