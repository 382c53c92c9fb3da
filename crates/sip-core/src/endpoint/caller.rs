//! Calls that we make: RFC 3261 §13.2, PRACK of RFC 3262 §4.

use super::outgoing::{Contact, Draft, OutgoingId, Purpose, Way};
use super::reliable::RELIABLE;
use super::session::{Calling, Early, HangUp, Ours, Session, Stage};
use super::session_timer::{TIMER, asked_interval};
use super::{AccountId, Endpoint, Failure, Flow, Headers, Invite, Misuse, SessionEvent, SessionId};
use crate::dialog::Dialog;
use crate::header::{Name, NameAddrBuf, RSeq};
use crate::message::{Fields, Response};
use crate::method::Method;
use crate::resolve::Question;
use crate::status::StatusCode;
use crate::uri::Uri;
use bytes::Bytes;
use std::time::Instant;

/// The media type of session descriptions.
pub(super) const SDP: &str = "application/sdp";

/// The From of nobody in particular, RFC 3323 §4.1.1.3.
const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

impl Endpoint {
    /// Makes a call. Its events end in `Ended`; at a limit that comes at once, after `Refused` 503.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> SessionId {
        let id = SessionId(self.fresh_id());
        if self.sessions.len() >= self.config.limits.sessions {
            self.emit_session(id, refused(StatusCode::SERVICE_UNAVAILABLE, None));
            self.emit_session(id, SessionEvent::Ended);
            return id;
        }
        let (call_id, local_tag) = (self.mint.call_id(), self.mint.tag());
        let from = self.sender(invite.account, invite.from, invite.display_name.as_deref(), &local_tag);
        let to = format!("<{}>", invite.to.as_ref().unwrap_or(&invite.target));
        let (routes, next_hop, way) = self.way_out(invite.account, &invite.target, invite.flow);
        let offered = invite.offer.is_some();
        let mut headers = self.capability_headers();
        // With a late offer a reliable 18x could carry it, and its PRACK would owe the answer.
        headers.push(self.supported(offered));
        headers.extend(self.interval_headers(None));
        headers.extend(invite.headers);
        let draft = Draft {
            method: Method::Invite,
            uri: invite.target,
            routes,
            next_hop,
            from,
            to,
            call_id: call_id.clone(),
            cseq: self.mint.cseq(),
            headers,
            contact: Contact::Ours,
            body: invite.offer.map(|sdp| (SDP.to_owned(), sdp)),
        };
        // The session first: the request may fail at once.
        let outgoing = self.fresh_outgoing();
        let calling = Calling { invite: outgoing, early: Vec::new(), hang_up: None, offered };
        self.add_session(id, Session::new(invite.account, call_id, local_tag, Stage::Calling(calling)));
        self.send_as(now, outgoing, Purpose::Invite(id), invite.account, draft, way);
        self.pump(now);
        id
    }

    /// From, with our tag.
    pub(super) fn sender(
        &self,
        account: Option<AccountId>,
        from: Option<Uri>,
        name: Option<&str>,
        tag: &str,
    ) -> String {
        let account = account.and_then(|account| self.accounts.get(&account));
        let uri = from.map(|uri| uri.to_string()).or_else(|| account.map(|a| a.config.aor.to_string()));
        let uri: Uri =
            uri.and_then(|uri| uri.parse().ok()).unwrap_or_else(|| ANONYMOUS.parse().expect("the text is a URI"));
        let address = NameAddrBuf::new(uri);
        let address = match name.or_else(|| account.and_then(|a| a.config.display_name.as_deref())) {
            Some(name) => address.display(name),
            None => address,
        };
        address.param("tag", tag).to_string()
    }

    /// Route values, next hop and way of a request out of a dialog: the owner's flow, the account's proxy or
    /// Service-Route (RFC 3608 §6.1), or the target itself.
    pub(super) fn way_out(
        &self,
        account: Option<AccountId>,
        target: &Uri,
        flow: Option<Flow>,
    ) -> (Vec<String>, Uri, Way) {
        if let Some(flow) = flow {
            return (Vec::new(), target.clone(), Way::Flow(flow));
        }
        let Some(account) = account.and_then(|account| self.accounts.get(&account)) else {
            return (Vec::new(), target.clone(), Way::Lookup { known: None, transport: None });
        };
        let (routes, next_hop) = account.route_for(target);
        let transport = account.config.transport;
        let known = Question::for_uri(&next_hop, transport).and_then(|question| account.known_flow(&question));
        (routes, next_hop, Way::Lookup { known, transport })
    }

    /// Allow, and Accept where it helps.
    pub(super) fn capability_headers(&self) -> Headers {
        let allow: Vec<&str> = self.config.allow.iter().map(Method::as_str).collect();
        vec![(Name::Allow, allow.join(", "))]
    }

    /// Supported of a request or response; `reliable`: what the owner says of it counts for this one.
    pub(super) fn supported(&self, reliable: bool) -> (Name, String) {
        (Name::Supported, self.option_tags(reliable).join(", "))
    }

    /// The extensions that we know, ours first.
    pub(super) fn option_tags(&self, reliable: bool) -> Vec<String> {
        let timer = self.config.session_timer.map(|_| TIMER);
        let own = [reliable.then_some(RELIABLE), timer, Some("replaces")].into_iter().flatten();
        let mut tags: Vec<String> = own.map(str::to_owned).collect();
        for tag in &self.config.supported {
            if !tags.iter().any(|known| known.eq_ignore_ascii_case(tag)) {
                tags.push(tag.clone());
            }
        }
        tags
    }

    pub(super) fn caller_provisional(&mut self, now: Instant, id: SessionId, invite: OutgoingId, response: Response) {
        self.cancel_if_held(now, id);
        let status = response.status();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let hanging_up = session.is_hanging_up();
        let Stage::Calling(calling) = &mut session.stage else { return };
        if status == StatusCode::TRYING || hanging_up {
            return;
        }
        session.peer.learn(&response);
        let sdp = sdp_of(&response);
        let tag = response.to().ok().and_then(|to| to.tag().map(str::to_owned));
        if let Some(tag) = tag {
            let known = calling.early.iter().position(|early| early.dialog.remote_tag() == tag);
            let place = match known {
                Some(place) => place,
                None => {
                    let early = self.outgoing.get(&invite).and_then(|outgoing| {
                        let (transaction, flow) = outgoing.at?;
                        Dialog::of_caller(self.transactions.sent(transaction)?, &response, flow).ok()
                    });
                    let Some(dialog) = early.filter(|_| calling.early.len() < self.config.limits.early_dialogs) else {
                        return;
                    };
                    calling.early.push(Early { dialog, rseq: None, answered: false, settled: false });
                    calling.early.len() - 1
                }
            };
            let early = &mut calling.early[place];
            early.answered |= sdp.is_some();
            // RFC 3262 §4: a reliable response is taken once and in order; copies get no second PRACK from here, since
            // the PRACK is repeated by its own transaction.
            if response.has_token(Name::Require, "100rel") {
                let Ok(RSeq(rseq)) = response.get::<RSeq>() else { return };
                if early.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) {
                    return;
                }
                early.rseq = Some(rseq);
                if sdp.is_some() && calling.offered && !early.settled {
                    early.settled = true;
                    let body = self.outgoing.get(&invite).and_then(|outgoing| outgoing.draft.body.as_ref());
                    session.described = body.map(|(_, sdp)| sdp.clone());
                }
                early.dialog.refresh_target(&response);
                self.prack(now, id, place, rseq, &response);
            }
        }
        self.emit_session(id, SessionEvent::Progress { status, response, sdp });
    }

    fn prack(&mut self, now: Instant, id: SessionId, place: usize, rseq: u32, response: &Response) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (Stage::Calling(calling), Ok(cseq)) = (&mut session.stage, response.cseq()) else { return };
        let Some(early) = calling.early.get_mut(place) else { return };
        let number = early.dialog.next_seq();
        let mut draft = in_dialog_draft(&early.dialog, Method::Prack, number);
        draft.headers.push((Name::RAck, format!("{rseq} {} {}", cseq.number, cseq.method)));
        let way = dialog_way(&early.dialog, &draft);
        let account = session.account;
        self.send(now, Purpose::Orphan, account, draft, way);
    }

    /// A 2xx to an INVITE of ours, the first or a later one; also copies and other forks' (§13.2.2.4).
    pub(super) fn invite_success(&mut self, now: Instant, invite: OutgoingId, response: Response) {
        let Some(outgoing) = self.outgoing.get_mut(&invite) else { return };
        let tag = response.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        if let Some(ack) = outgoing.acks.get(&tag) {
            if let Some(ack) = ack.clone() {
                self.transactions.transmit(ack);
            }
            return;
        }
        if outgoing.acks.len() >= self.config.limits.early_dialogs {
            self.counters.overload += 1;
            return;
        }
        outgoing.acks.insert(tag.clone(), None);
        match outgoing.purpose {
            Purpose::Reinvite(session) => self.offer_success(now, session, invite, tag, response),
            Purpose::Invite(session) => self.caller_success(now, session, invite, tag, response),
            _ => {}
        }
    }

    fn caller_success(&mut self, now: Instant, id: SessionId, invite: OutgoingId, tag: String, response: Response) {
        let Some((transaction, flow)) = self.outgoing.get(&invite).and_then(|outgoing| outgoing.at) else { return };
        let fresh = self.transactions.sent(transaction).and_then(|sent| Dialog::of_caller(sent, &response, flow).ok());
        let account = self.outgoing.get(&invite).and_then(|outgoing| outgoing.account);
        let Some(session) = self.sessions.get_mut(&id) else {
            return self.end_fork(now, invite, tag, account, fresh);
        };
        let Stage::Calling(calling) = &mut session.stage else {
            return self.end_fork(now, invite, tag, account, fresh);
        };
        let early = calling.early.iter().position(|early| early.dialog.remote_tag() == tag);
        let settled = early.is_some_and(|place| calling.early[place].settled);
        let dialog = match early {
            Some(place) => {
                let mut dialog = calling.early.swap_remove(place).dialog;
                dialog.confirm(&response);
                Some(dialog)
            }
            None => fresh,
        };
        let Some(dialog) = dialog else {
            // Without a dialog there is no ACK; the callee will give up by itself.
            self.counters.malformed += 1;
            return self.caller_failed(now, id, Err(Failure::TransportError));
        };
        let (offered, hang_up) = (calling.offered, calling.hang_up.take());
        session.stage = Stage::Talking { dialog, bye_after_ack: None };
        session.peer.learn(&response);
        // RFC 4028 §7.4: what was said before there was a dialog does not count in it.
        session.min_se = 0;
        // An offer by UPDATE to another fork is void.
        let stray = matches!(&session.ours, Ours::Sent { tag: other, .. } if *other != tag);
        if stray {
            session.ours = Ours::None;
        }
        if early.is_none() {
            session.telling.out = None;
        }
        let draft = self.outgoing.get(&invite).map(|outgoing| &outgoing.draft);
        if !settled {
            session.described = draft.and_then(|draft| draft.body.as_ref()).map(|(_, sdp)| sdp.clone());
        }
        let asked = draft.and_then(asked_interval);
        if let Some(hang_up) = hang_up {
            // The 2xx crossed the CANCEL: §9.1 says that it has no effect, so BYE.
            self.acknowledge(now, id, invite, tag, None);
            let headers = match hang_up {
                HangUp::Held(headers) => headers,
                HangUp::Cancelled { .. } => Headers::new(),
            };
            self.send_bye(now, id, headers);
            return self.arm_session(id);
        }
        self.interval_agreed(now, id, asked, &response);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let sdp = sdp_of(&response);
        if offered || sdp.is_none() {
            self.acknowledge(now, id, invite, tag, None);
        } else {
            session.ours = Ours::Late { invite, tag };
        }
        self.arm_session(id);
        self.emit_session(id, SessionEvent::Answered { response, sdp });
        if stray {
            let status = StatusCode::REQUEST_TERMINATED;
            self.emit_session(id, SessionEvent::OfferRefused { status, retry_after: None, response: None });
        }
    }

    /// The ACK to a 2xx: its own way and branch, the INVITE's number (§13.2.2.4).
    pub(super) fn acknowledge(
        &mut self,
        now: Instant,
        id: SessionId,
        invite: OutgoingId,
        tag: String,
        sdp: Option<Bytes>,
    ) {
        let Some(dialog) = self.sessions.get(&id).and_then(Session::dialog) else { return };
        let Some(cseq) = self.outgoing.get(&invite).map(|outgoing| outgoing.draft.cseq) else { return };
        let mut draft = in_dialog_draft(dialog, Method::Ack, cseq);
        draft.body = sdp.map(|sdp| (SDP.to_owned(), sdp));
        let way = dialog_way(dialog, &draft);
        self.send(now, Purpose::Ack { invite, tag }, None, draft, way);
    }

    /// §13.2.2.4: a fork that answered after another one gets ACK and BYE.
    fn end_fork(
        &mut self,
        now: Instant,
        invite: OutgoingId,
        tag: String,
        account: Option<AccountId>,
        fork: Option<Dialog>,
    ) {
        let Some(mut fork) = fork else { return };
        let Some(cseq) = self.outgoing.get(&invite).map(|outgoing| outgoing.draft.cseq) else { return };
        let ack = in_dialog_draft(&fork, Method::Ack, cseq);
        let way = dialog_way(&fork, &ack);
        self.send(now, Purpose::Ack { invite, tag }, None, ack, way);
        let number = fork.next_seq();
        let bye = in_dialog_draft(&fork, Method::Bye, number);
        self.send(now, Purpose::Orphan, account, bye, way);
    }

    /// The INVITE failed, or nothing came in time.
    pub(super) fn caller_failed(&mut self, now: Instant, id: SessionId, outcome: Result<Response, Failure>) {
        let Some(Session { stage: Stage::Calling(calling), .. }) = self.sessions.get(&id) else { return };
        let event = match outcome {
            // A challenge or a time-out after the owner hung up is no news.
            Ok(response) if calling.hang_up.is_some() => refused(StatusCode::REQUEST_TERMINATED, Some(response)),
            Err(_) if calling.hang_up.is_some() => refused(StatusCode::REQUEST_TERMINATED, None),
            Ok(response) => refused(response.status(), Some(response)),
            Err(failure) => refused(failure.status(), None),
        };
        self.drop_offers(now, id);
        self.emit_session(id, event);
        self.session_over(id);
    }

    /// Hangs up a call of ours that is not answered.
    pub(super) fn cancel_call(&mut self, now: Instant, id: SessionId, headers: Headers) -> Result<(), Misuse> {
        let Some(Session { stage: Stage::Calling(calling), .. }) = self.sessions.get_mut(&id) else {
            return Err(Misuse::Gone);
        };
        if calling.hang_up.is_some() {
            return Ok(());
        }
        let invite = calling.invite;
        calling.hang_up = Some(HangUp::Held(headers));
        match self.outgoing.get(&invite) {
            Some(outgoing) if outgoing.at.is_some() => {
                if outgoing.provisional {
                    self.cancel_if_held(now, id);
                }
            }
            // Nothing has been sent yet.
            _ => {
                self.forget(invite);
                self.emit_session(id, refused(StatusCode::REQUEST_TERMINATED, None));
                self.session_over(id);
            }
        }
        Ok(())
    }

    fn cancel_if_held(&mut self, now: Instant, id: SessionId) {
        let Some(Session { stage: Stage::Calling(calling), .. }) = self.sessions.get_mut(&id) else { return };
        let Some(HangUp::Held(headers)) = &mut calling.hang_up else { return };
        let headers = std::mem::take(headers);
        let give_up = now + self.config.timers.give_up();
        calling.hang_up = Some(HangUp::Cancelled { give_up });
        let transaction = self.outgoing.get(&calling.invite).and_then(|outgoing| outgoing.at);
        if let Some((transaction, _)) = transaction {
            self.transactions.cancel(now, transaction, &headers);
        }
        self.arm_session(id);
    }

    /// §9.1: no final response in 64*T1 after CANCEL.
    pub(super) fn cancel_unanswered(&mut self, now: Instant, id: SessionId) {
        let Some(Session { stage: Stage::Calling(calling), .. }) = self.sessions.get(&id) else { return };
        self.abandon(calling.invite);
        self.drop_offers(now, id);
        self.emit_session(id, refused(StatusCode::REQUEST_TERMINATED, None));
        self.session_over(id);
    }
}

/// A request within a dialog, without headers of its own.
pub(super) fn in_dialog_draft(dialog: &Dialog, method: Method, cseq: u32) -> Draft {
    let routing = dialog.routing();
    // §12.2.1.1: Contact in target refresh requests; harmless and useful in the rest, but not in ACK, BYE and PRACK.
    let contact = match method {
        Method::Ack | Method::Bye | Method::Prack | Method::Info | Method::Message => Contact::None,
        _ => Contact::Ours,
    };
    Draft {
        method,
        uri: routing.uri,
        routes: routing.routes,
        next_hop: routing.next_hop,
        from: dialog.local_address(),
        to: dialog.remote_address(),
        call_id: dialog.call_id().to_owned(),
        cseq,
        headers: Headers::new(),
        contact,
        body: None,
    }
}

/// The way of a request within a dialog.
pub(super) fn dialog_way(dialog: &Dialog, draft: &Draft) -> Way {
    let known = Question::for_uri(&draft.next_hop, None).and_then(|question| dialog.known_flow(&question));
    Way::Lookup { known, transport: None }
}

pub(super) fn refused(status: StatusCode, response: Option<Response>) -> SessionEvent {
    let reason = response.as_ref().map_or_else(|| status.default_reason().to_owned(), reason_of);
    SessionEvent::Refused { status, reason, response }
}

/// The reason phrase, or the usual one of the status.
pub(super) fn reason_of(response: &Response) -> String {
    let reason = response.reason();
    if reason.is_empty() { response.status().default_reason() } else { reason }.to_owned()
}

/// The session description in a message, if it is one.
pub(super) fn sdp_of(message: &Fields) -> Option<Bytes> {
    let body = message.body();
    let is_sdp = message.content_type().is_some_and(|kind| kind.is(SDP));
    (is_sdp && !body.is_empty()).then_some(body)
}
