//! Offers within a session, both ways: re-INVITE (RFC 3261 §14) and UPDATE (RFC 3311).

use super::caller::{SDP, dialog_way, in_dialog_draft, sdp_of};
use super::outgoing::{OutgoingId, Purpose};
use super::session::{Ours, Stage, Theirs};
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
    /// While our 2xx waits for its ACK the offer is held back (§14.1), as a CANCEL is until the first response.
    ///
    /// # Errors
    /// Not answered yet, or an offer is under way in either direction.
    pub fn offer(&mut self, now: Instant, id: SessionId, sdp: Option<Bytes>) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        let state = match (session.state_name(), &session.ours, &session.theirs, &session.held_offer) {
            (_, Ours::Sent { .. } | Ours::Late { .. }, _, _) | (_, _, _, Some(_)) => "an offer is out",
            (_, Ours::Refresh { .. }, _, _) => "a refresh is out",
            (_, _, Some(_), _) => "the peer's offer waits",
            (state, _, _, _) => state,
        };
        let busy = !matches!(session.ours, Ours::None) || session.theirs.is_some() || session.held_offer.is_some();
        let dialog = match &mut session.stage {
            Stage::Talking { bye_after_ack: None, .. } if !busy && session.unacked.is_some() => {
                session.held_offer = Some(sdp);
                return Ok(());
            }
            Stage::Talking { dialog, bye_after_ack: None } if !busy => dialog,
            _ => return Err(Misuse::State { doing: "offer", state }),
        };
        let number = dialog.next_seq();
        let mut draft = in_dialog_draft(dialog, Method::Invite, number);
        let way = dialog_way(dialog, &draft);
        let (account, offered) = (session.account, sdp.is_some());
        draft.headers = self.capability_headers();
        draft.headers.extend(self.supported(&[]));
        draft.headers.extend(self.timer_request(Some(id)));
        draft.body = sdp.map(|sdp| (SDP.to_owned(), sdp));
        let invite = self.fresh_outgoing();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.described = draft.body.as_ref().map(|(_, sdp)| sdp.clone()).or(session.described.take());
            session.ours = Ours::Sent { invite, offered };
        }
        self.send_as(now, invite, Purpose::Reinvite(id), account, draft, way);
        self.pump(now);
        Ok(())
    }

    /// The ACK has come: an offer that waited for it goes out.
    pub(super) fn release_offer(&mut self, now: Instant, id: SessionId) {
        let held = self.sessions.get_mut(&id).and_then(|session| session.held_offer.take());
        if let Some(sdp) = held
            && self.offer(now, id, sdp).is_err()
        {
            // Something came first: as if the peer had refused it because of that (§14.1).
            let refused =
                SessionEvent::OfferRefused { status: StatusCode::REQUEST_PENDING, retry_after: None, response: None };
            self.emit_session(id, refused);
        }
    }

    /// Answers the offer of a 2xx to our INVITE that had none: the ACK carries it.
    ///
    /// # Errors
    /// There is none.
    pub fn answer_late(&mut self, now: Instant, id: SessionId, sdp: Bytes) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        match std::mem::replace(&mut session.ours, Ours::None) {
            Ours::Late { invite, tag } => self.acknowledge(now, id, invite, tag, Some(sdp)),
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
        if theirs.request.method() == Method::Invite {
            let unacked = self.answer_invite(now, id, theirs.transaction, &theirs.request, flow, sdp, Headers::new());
            if let Some(session) = self.sessions.get_mut(&id) {
                session.unacked = unacked;
            }
            self.arm_session(id);
        } else {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.described = Some(sdp.clone());
            }
            let mut headers = self.capability_headers();
            headers.extend(self.timer_answer(now, id, &theirs.request));
            self.arm_session(id);
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
        if let Some(headers) = self.timer_refusal(&request) {
            let tag = self.sessions.get(&id).map(|session| session.local_tag.clone());
            let builder = self.reply(&request, StatusCode::SESSION_INTERVAL_TOO_SMALL, tag.as_deref());
            let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name.clone(), value));
            self.transactions.respond(now, transaction, builder);
            return;
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.learn(&request);
        let invite = request.method() == Method::Invite;
        let early_offer_open = match &session.stage {
            Stage::Talking { bye_after_ack: None, .. } => false,
            // RFC 3311 §5.1: an UPDATE may come once our offer is answered.
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
        if early_offer_open || !matches!(session.ours, Ours::None) {
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
        let offered = match session.ours {
            Ours::Refresh { invite: sent } if sent == invite => {
                session.ours = Ours::None;
                self.acknowledge(now, id, invite, tag, None);
                return self.timer_agreed(now, id, &response);
            }
            Ours::Sent { invite: sent, offered } if sent == invite => offered,
            // Hung up in between: only the ACK is owed.
            _ => return self.acknowledge(now, id, invite, tag, None),
        };
        let sdp = sdp_of(&response);
        session.ours = Ours::None;
        if offered || sdp.is_none() {
            self.acknowledge(now, id, invite, tag, None);
        } else {
            session.ours = Ours::Late { invite, tag };
        }
        self.timer_agreed(now, id, &response);
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

    /// Our re-INVITE failed.
    pub(super) fn offer_failed(
        &mut self,
        now: Instant,
        id: SessionId,
        invite: OutgoingId,
        outcome: Result<Response, Failure>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let refresh = match session.ours {
            Ours::Sent { invite: sent, .. } if sent == invite => false,
            Ours::Refresh { invite: sent } if sent == invite => true,
            _ => return,
        };
        session.ours = Ours::None;
        let (status, response) = match outcome {
            Ok(response) => (response.status(), Some(response)),
            Err(failure) => (failure.status(), None),
        };
        if refresh {
            session.timer = session.timer.again(now);
            self.arm_session(id);
            if matches!(status.code(), 408 | 481) {
                self.send_bye(now, id, Headers::new());
            }
            return;
        }
        let retry_after = response.as_ref().and_then(retry_after);
        self.emit_session(id, SessionEvent::OfferRefused { status, retry_after, response });
        // §12.2.1.2: the dialog is gone on the peer's side.
        if matches!(status.code(), 408 | 481) {
            self.send_bye(now, id, Headers::new());
        }
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
