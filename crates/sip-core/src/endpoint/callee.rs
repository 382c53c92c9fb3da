//! Calls that we get: RFC 3261 §13.3.

use super::caller::{SDP, sdp_of};
use super::outgoing::contact_value;
use super::reliable::RELIABLE;
use super::session::{Accepted, Ringing, Session, Stage, Unacked};
use super::{AccountId, Body, Endpoint, Event, Flow, Headers, Misuse, SessionEvent, SessionId, User};
use crate::dialog::Dialog;
use crate::header::{Expires, Name};
use crate::message::Request;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::usage::answering::{self, Answering};
use crate::usage::reliable;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// §13.3.1.1: a provisional response each minute keeps proxies from giving up.
const STILL_RINGING: Duration = Duration::from_secs(60);

/// RFC 3262 §3: reliable ones may be fewer.
const STILL_RINGING_RELIABLY: Duration = Duration::from_secs(150);

impl Ringing {
    /// The time between provisional responses.
    fn interval(&self) -> Duration {
        if self.reliably { STILL_RINGING_RELIABLY } else { STILL_RINGING }
    }
}

impl Endpoint {
    /// A new INVITE that passed all checks.
    pub(super) fn serve_invite(&mut self, now: Instant, transaction: TransactionId, flow: Flow, request: Request) {
        if self.refuse_interval(now, transaction, &request) {
            return;
        }
        let local_tag = self.mint.tag();
        if self.sessions.len() >= self.config.limits.sessions {
            self.counters.overload += 1;
            return self.overloaded(now, transaction, &request);
        }
        let offer = sdp_of(&request);
        let insists = request.has_token(Name::Require, RELIABLE);
        if insists && offer.is_none() {
            // RFC 3262 §5 wants our offer in the first response, and §3 lets us decline.
            let builder = self.reply(&request, StatusCode::BAD_EXTENSION, Some(&local_tag));
            self.transactions.respond(now, transaction, builder.header(Name::Unsupported, RELIABLE));
            return;
        }
        let dialog = match Dialog::of_callee(&request, &local_tag, flow) {
            Ok(dialog) => dialog,
            Err(why) => {
                let builder = self.reply(&request, StatusCode::BAD_REQUEST, Some(&local_tag)).reason(why.0);
                self.transactions.respond(now, transaction, builder);
                return;
            }
        };
        let replaces = match self.replaced(&request) {
            Ok(replaces) => replaces,
            Err(status) => {
                let builder = self.reply(&request, status, Some(&local_tag));
                self.transactions.respond(now, transaction, builder);
                return;
            }
        };
        let can = self.config.reliable_ringing && self.knows_reliable() && request.has_token(Name::Supported, RELIABLE);
        let id = SessionId(self.fresh_id());
        let account = self.account_called(&request);
        let expires = request.maybe::<Expires>().ok().flatten();
        let expires = expires.map(|Expires(seconds)| now + Duration::from_secs(u64::from(seconds.clamp(1, 86_400))));
        let call_id = dialog.call_id().to_owned();
        let ringing = Ringing {
            transaction,
            request: request.clone(),
            dialog,
            last: None,
            telling: Headers::new(),
            unsent: false,
            reliably: insists || can && offer.is_some(),
            accepted: None,
            expires,
        };
        self.users.insert(transaction, User::Session(id));
        let mut session = Session::new(account, call_id, local_tag, Stage::Ringing(Box::new(ringing)));
        session.invited = request.cseq().ok().map(|cseq| cseq.number);
        session.peer.learn(&request);
        self.add_session(id, session);
        self.emit(Event::Incoming { session: id, account, request, flow, offer, replaces });
    }

    /// Sends a provisional response: 180 rings, 183 with `sdp` is early media. Where the caller acknowledges them
    /// (RFC 3262), the next one waits for that, and of several the newest; `sdp` then is the answer to the offer and is
    /// sent once.
    ///
    /// # Errors
    /// Not ringing, or the status is not 101 to 199.
    pub fn ring(&mut self, now: Instant, id: SessionId, status: StatusCode, sdp: Option<Bytes>) -> Result<(), Misuse> {
        self.ring_with(now, id, status, sdp, Headers::new())
    }

    /// [`ring`](Self::ring) with further header fields: who rings (P-Asserted-Identity).
    ///
    /// # Errors
    /// Not ringing, or the status is not 101 to 199.
    pub fn ring_with(
        &mut self,
        now: Instant,
        id: SessionId,
        status: StatusCode,
        sdp: Option<Bytes>,
        headers: Headers,
    ) -> Result<(), Misuse> {
        if !(101..=199).contains(&status.code()) {
            return Err(Misuse::Argument("a provisional status is 101 to 199"));
        }
        let ringing = self.ringing(id, "ring")?;
        // What was never sent is not lost.
        let unsent = ringing.last.take().filter(|_| ringing.unsent).and_then(|(_, sdp, _)| sdp);
        ringing.last = Some((status, sdp.or(unsent), now + ringing.interval()));
        ringing.telling = headers;
        self.send_ringing(now, id);
        self.arm_session(id);
        self.pump(now);
        Ok(())
    }

    /// Answers with 200. `sdp` is the answer, or the offer if the INVITE had none. If a reliable provisional response
    /// carried one, the caller knows it and it is left out; the 200 then waits until that response is acknowledged
    /// (RFC 3262 §5).
    ///
    /// # Errors
    /// Not ringing, or no session description.
    pub fn accept(&mut self, now: Instant, id: SessionId, sdp: Option<Bytes>, headers: Headers) -> Result<(), Misuse> {
        self.ringing(id, "accept")?;
        let reliable = &self.sessions.get(&id).ok_or(Misuse::Gone)?.reliable;
        let sdp = if reliable.has_described() {
            None
        } else {
            Some(sdp.ok_or(Misuse::Argument("a 2xx to INVITE carries a session description"))?)
        };
        if reliable.holds_success() {
            self.ringing(id, "accept")?.accepted = Some(Accepted { sdp, headers });
        } else {
            self.accept_now(now, id, sdp, headers);
        }
        self.pump(now);
        Ok(())
    }

    pub(super) fn accept_now(&mut self, now: Instant, id: SessionId, sdp: Option<Bytes>, headers: Headers) {
        let Ok(ringing) = self.ringing(id, "accept") else { return };
        let (transaction, request, dialog) = (ringing.transaction, ringing.request.clone(), ringing.dialog.clone());
        if let (Some(session), Some(sdp)) = (self.sessions.get_mut(&id), &sdp) {
            session.described = Some(sdp.clone());
        }
        let sent = self.answer_invite(now, id, transaction, &request, dialog.flow(), sdp, headers);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.unacked = sent;
            session.stage = Stage::Talking { dialog, bye_after_ack: None };
        }
        self.step_reliable(now, id, reliable::Input::Final);
        self.arm_session(id);
    }

    /// Refuses with 300 to 699; `Ended` follows.
    ///
    /// # Errors
    /// Not ringing, or the status is out of range.
    pub fn refuse(&mut self, now: Instant, id: SessionId, status: StatusCode, headers: Headers) -> Result<(), Misuse> {
        if status.code() < 300 {
            return Err(Misuse::Argument("a refusal is 300 to 699"));
        }
        self.ringing(id, "refuse")?;
        self.refuse_ringing(now, id, status, headers);
        self.session_over(id);
        self.pump(now);
        Ok(())
    }

    pub(super) fn refuse_ringing(&mut self, now: Instant, id: SessionId, status: StatusCode, headers: Headers) {
        self.drop_offers(now, id);
        let Some(Session { stage: Stage::Ringing(ringing), local_tag, .. }) = self.sessions.get(&id) else { return };
        let builder = self.reply(&ringing.request, status, Some(local_tag));
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name.clone(), value));
        self.transactions.respond(now, ringing.transaction, builder);
    }

    /// Sends a 2xx to an INVITE, the first or a later one, and begins to wait for its ACK.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn answer_invite(
        &mut self,
        now: Instant,
        id: SessionId,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        sdp: Option<Bytes>,
        headers: Headers,
    ) -> Option<Unacked> {
        let offered = sdp_of(request).is_none();
        let mut all = self.success_headers(now, id, request);
        all.extend(headers);
        let body = sdp.map(|sdp| (SDP.to_owned(), sdp));
        let builder = self.session_reply(id, request, StatusCode::OK, flow, all, body)?;
        let response = self.transactions.respond(now, transaction, builder)?;
        let answering = Answering::start(now, &self.config.timers, response.as_bytes().clone());
        Some(Unacked { transaction, cseq: request.cseq().ok()?.number, answering, offered })
    }

    /// A response with our tag and Contact.
    pub(super) fn session_reply(
        &self,
        id: SessionId,
        request: &Request,
        status: StatusCode,
        flow: Flow,
        headers: Headers,
        body: Option<Body>,
    ) -> Option<crate::message::Builder<crate::message::Response>> {
        let session = self.sessions.get(&id)?;
        let contact = self.contact_of(session.account, request, flow);
        let builder = self.reply(request, status, Some(&session.local_tag)).header(Name::Contact, contact);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name.clone(), value));
        Some(match body {
            Some((content_type, body)) => builder.body(&content_type, body),
            None => builder,
        })
    }

    /// Where we are reached, in a response.
    pub(super) fn contact_of(&self, account: Option<AccountId>, request: &Request, flow: Flow) -> String {
        match account.and_then(|account| self.accounts.get(&account)) {
            Some(account) => account.contact(flow),
            None => {
                let user = request.uri().ok().and_then(|uri| uri.as_sip()?.user_raw().map(str::to_owned));
                contact_value(user.as_deref(), flow, None)
            }
        }
    }

    fn ringing(&mut self, id: SessionId, doing: &'static str) -> Result<&mut Ringing, Misuse> {
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        let state = session.state_name();
        match &mut session.stage {
            Stage::Ringing(ringing) if ringing.accepted.is_none() => Ok(ringing),
            _ => Err(Misuse::State { doing, state }),
        }
    }

    pub(super) fn send_ringing(&mut self, now: Instant, id: SessionId) {
        let first = self.mint.within(1..=0x7fff_ffff);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Stage::Ringing(ringing) = &mut session.stage else { return };
        let Some((status, sdp, _)) = ringing.last.clone() else { return };
        let sdp = sdp.filter(|_| !session.reliable.has_described());
        let rseq = if ringing.reliably { session.reliable.next(first) } else { None };
        ringing.unsent = ringing.reliably && rseq.is_none();
        if ringing.unsent {
            return;
        }
        let (transaction, request, flow) = (ringing.transaction, ringing.request.clone(), ringing.dialog.flow());
        let telling = ringing.telling.clone();
        let carries = sdp.is_some();
        if rseq.is_some() && carries {
            session.described.clone_from(&sdp);
        }
        let mut headers = self.capability_headers();
        headers.extend(telling);
        if let Some(rseq) = rseq {
            headers.push((Name::Require, RELIABLE.to_owned()));
            headers.push((Name::RSeq, rseq.to_string()));
        }
        let body = sdp.map(|sdp| (SDP.to_owned(), sdp));
        let Some(builder) = self.session_reply(id, &request, status, flow, headers, body) else { return };
        let sent = self.transactions.respond(now, transaction, builder);
        if let (Some(rseq), Some(response)) = (rseq, sent) {
            let response = response.as_bytes().clone();
            self.step_reliable(now, id, reliable::Input::Sent { rseq, response, carries });
        }
    }

    /// A ringing session's deadline has passed.
    pub(super) fn ringing_due(&mut self, now: Instant, id: SessionId) {
        let Some(Session { stage: Stage::Ringing(ringing), .. }) = self.sessions.get_mut(&id) else { return };
        if ringing.expires.is_some_and(|at| at <= now) {
            // §13.3.1: the INVITE has expired.
            self.refuse_ringing(now, id, StatusCode::REQUEST_TERMINATED, Headers::new());
            self.emit_session(id, SessionEvent::Cancelled { request: None });
            return self.session_over(id);
        }
        self.reliable_due(now, id);
        let Some(Session { stage: Stage::Ringing(ringing), .. }) = self.sessions.get_mut(&id) else { return };
        let next = now + ringing.interval();
        if let Some((_, _, again)) = &mut ringing.last
            && *again <= now
            && !ringing.unsent
        {
            *again = next;
            self.send_ringing(now, id);
        }
    }

    /// The 2xx to an INVITE is due again, or was never acknowledged (§13.3.1.4).
    pub(super) fn unacked_due(&mut self, now: Instant, id: SessionId) {
        match self.step_unacked(now, id, answering::Input::Timer) {
            Some((answering::Action::Send(bytes), unacked)) => {
                self.transactions.repeat_success(now, unacked, bytes);
            }
            Some((answering::Action::GiveUp, _)) => {
                let headers = self.take_held_bye(id).unwrap_or_default();
                self.send_bye(now, id, headers);
            }
            Some((answering::Action::None | answering::Action::Acknowledged, _)) | None => {}
        }
    }

    /// An ACK within a session.
    pub(super) fn session_acknowledged(&mut self, now: Instant, id: SessionId, request: &Request) {
        let Some(unacked) = self.sessions.get(&id).and_then(|session| session.unacked.as_ref()) else { return };
        let offered = unacked.offered;
        if request.cseq().ok().map(|cseq| cseq.number) != Some(unacked.cseq) {
            return;
        }
        if let Some((answering::Action::Acknowledged, _)) = self.step_unacked(now, id, answering::Input::Ack) {
            match self.take_held_bye(id) {
                Some(headers) => self.send_bye(now, id, headers),
                None => {
                    let sdp = sdp_of(request).filter(|_| offered);
                    self.emit_session(id, SessionEvent::Acknowledged { sdp });
                }
            }
        }
        self.arm_session(id);
    }

    fn step_unacked(
        &mut self,
        now: Instant,
        id: SessionId,
        input: answering::Input,
    ) -> Option<(answering::Action, TransactionId)> {
        let session = self.sessions.get_mut(&id)?;
        let Unacked { transaction, cseq, answering, offered } = session.unacked.take()?;
        let (answering, action) = answering.step(now, &self.config.timers, input);
        if answering.is_waiting() {
            session.unacked = Some(Unacked { transaction, cseq, answering, offered });
        }
        Some((action, transaction))
    }

    fn take_held_bye(&mut self, id: SessionId) -> Option<Headers> {
        match &mut self.sessions.get_mut(&id)?.stage {
            Stage::Talking { bye_after_ack, .. } => bye_after_ack.take(),
            Stage::Calling(_) | Stage::Ringing(_) | Stage::Closing { .. } => None,
        }
    }

    /// A response could not be delivered. A 2xx is repeated anyway until its time is over.
    pub(super) fn session_undelivered(&mut self, _now: Instant, id: SessionId, transaction: TransactionId) {
        let ringing = matches!(
            self.sessions.get(&id).map(|session| &session.stage),
            Some(Stage::Ringing(ringing)) if ringing.transaction == transaction
        );
        if ringing {
            self.emit_session(id, SessionEvent::Cancelled { request: None });
            self.session_over(id);
        }
    }
}
