//! How sessions end: RFC 3261 §15.

use super::caller::{dialog_way, in_dialog_draft};
use super::outgoing::Purpose;
use super::session::{Ours, Stage, Telling};
use super::{Due, Endpoint, Headers, Misuse, SessionEvent, SessionId};
use crate::message::Request;
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::usage::session_timer::Expiration;
use std::time::Instant;

impl Endpoint {
    /// Ends a session from our side: CANCEL while our INVITE is unanswered (held back until the first provisional response,
    /// §9.1), 603 while the peer's rings, else BYE (for the callee held back until the ACK, §15). `Ended` follows in any
    /// case. `headers` are those of the CANCEL or BYE, such as Reason.
    ///
    /// # Errors
    /// The session is over. Hanging up twice is no error.
    pub fn hang_up(&mut self, now: Instant, id: SessionId, headers: Headers) -> Result<(), Misuse> {
        match &self.sessions.get(&id).ok_or(Misuse::Gone)?.stage {
            Stage::Calling(_) => self.cancel_call(now, id, headers)?,
            Stage::Ringing(_) => {
                self.refuse_ringing(now, id, StatusCode::DECLINE, headers);
                self.session_over(id);
            }
            Stage::Talking { .. } => self.end_talk(now, id, headers),
            Stage::Closing { .. } => {}
        }
        self.pump(now);
        Ok(())
    }

    /// Ends a session that is answered: BYE, now or after the ACK.
    pub(super) fn end_talk(&mut self, now: Instant, id: SessionId, headers: Headers) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let unacked = session.unacked.is_some();
        match &mut session.stage {
            Stage::Talking { bye_after_ack: held @ None, .. } if unacked => *held = Some(headers),
            Stage::Talking { bye_after_ack: None, .. } => self.send_bye(now, id, headers),
            Stage::Talking { bye_after_ack: Some(_), .. }
            | Stage::Closing { .. }
            | Stage::Calling(_)
            | Stage::Ringing(_) => {}
        }
    }

    /// Sends BYE in a confirmed dialog and settles what is still open in it.
    pub(super) fn send_bye(&mut self, now: Instant, id: SessionId, headers: Headers) {
        self.drop_offers(now, id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Stage::Talking { dialog, .. } = &mut session.stage else { return };
        let number = dialog.next_seq();
        let mut draft = in_dialog_draft(dialog, Method::Bye, number);
        draft.headers.extend(headers);
        let way = dialog_way(dialog, &draft);
        let (account, dialog) = (session.account, dialog.clone());
        session.stage = Stage::Closing { dialog };
        session.unacked = None;
        session.held = None;
        session.telling = Telling::default();
        session.refresh = false;
        session.expiration = Expiration::Off;
        self.arm_session(id);
        self.send(now, Purpose::Bye(id), account, draft, way);
    }

    /// The peer hung up.
    pub(super) fn session_bye(&mut self, now: Instant, id: SessionId, transaction: TransactionId, request: Request) {
        let Some(session) = self.sessions.get(&id) else { return };
        let ok = self.reply(&request, StatusCode::OK, Some(&session.local_tag));
        match &session.stage {
            Stage::Talking { .. } => {
                self.transactions.respond(now, transaction, ok);
                self.drop_offers(now, id);
                self.emit_session(id, SessionEvent::Bye { request });
                self.session_over(id);
            }
            // §15.1.2: a caller may BYE its early dialog; the INVITE gets 487.
            Stage::Ringing(_) => {
                self.transactions.respond(now, transaction, ok);
                self.refuse_ringing(now, id, StatusCode::REQUEST_TERMINATED, Headers::new());
                self.emit_session(id, SessionEvent::Cancelled { request: Some(request) });
                self.session_over(id);
            }
            // Both hung up at once: ours ends the session.
            Stage::Closing { .. } => {
                self.transactions.respond(now, transaction, ok);
            }
            // §15: the callee must not BYE an early dialog. Its final response to INVITE decides.
            Stage::Calling(_) => {
                let builder = self.reply(&request, StatusCode::CALL_DOES_NOT_EXIST, Some(&session.local_tag));
                self.transactions.respond(now, transaction, builder);
            }
        }
    }

    /// The dialog ends: an offer of the peer's gets 487 (§15.1.2), a 2xx that waits for
    /// `answer_late` its ACK, and a re-INVITE of ours a limit.
    pub(super) fn drop_offers(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let ours = std::mem::replace(&mut session.ours, Ours::None);
        if let Some(theirs) = session.theirs.take() {
            let tag = session.local_tag.clone();
            let builder = self.reply(&theirs.request, StatusCode::REQUEST_TERMINATED, Some(&tag));
            self.transactions.respond(now, theirs.transaction, builder);
        }
        match ours {
            Ours::Late { invite, tag } => self.acknowledge(now, id, invite, tag, None),
            // Its final response may be lost for good, since the peer has forgotten the session: no longer than a CANCEL
            // would wait (§9.1).
            Ours::Sent { request, .. } => {
                self.deadlines.set(Due::Outgoing(request), Some(now + self.config.timers.give_up()));
            }
            Ours::None => {}
        }
    }

    /// Takes a session away; its last event.
    pub(super) fn session_over(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.remember_terminated(&session);
        self.by_dialog.remove(&(session.call_id, session.local_tag));
        self.waiting.remove(&id);
        self.deadlines.set(Due::Session(id), None);
        self.emit_session(id, SessionEvent::Ended);
    }
}
