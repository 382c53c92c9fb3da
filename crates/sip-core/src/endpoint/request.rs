//! Requests that the owner sends and answers: INFO, REFER, NOTIFY, MESSAGE and whatever else, in a dialog or not.

use super::caller::{dialog_way, in_dialog_draft};
use super::outgoing::{Draft, Purpose};
use super::session::Stage;
use super::{Body, Endpoint, Event, Failure, Flow, Headers, Misuse, RequestId, ServerId, SessionId, User};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use std::time::Instant;

/// A request of the peer's that waits for the owner.
#[derive(Debug)]
pub(super) struct Served {
    transaction: TransactionId,
    request: Request,
    session: Option<SessionId>,
    /// The To tag, where the request has none: one and the same for all responses.
    tag: String,
}

impl Endpoint {
    /// Sends a request within a session. Ends in [`Event::Response`].
    ///
    /// # Errors
    /// There is no dialog yet, it is being hung up, or the method has a command of its own.
    pub fn request(
        &mut self,
        now: Instant,
        id: SessionId,
        method: Method,
        headers: Headers,
        body: Option<Body>,
    ) -> Result<RequestId, Misuse> {
        if matches!(
            method,
            Method::Invite
                | Method::Ack
                | Method::Bye
                | Method::Cancel
                | Method::Register
                | Method::Prack
                | Method::Update
        ) {
            return Err(Misuse::Argument("the method has a command of its own"));
        }
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        let state = session.state_name();
        let account = session.account;
        let closing = session.is_hanging_up();
        let dialog =
            session.dialog_mut().filter(|_| !closing).ok_or(Misuse::State { doing: "send a request", state })?;
        let number = dialog.next_seq();
        let mut draft = in_dialog_draft(dialog, method, number);
        draft.headers.extend(headers);
        draft.body = body;
        let way = dialog_way(dialog, &draft);
        let request = RequestId(self.fresh_id());
        self.send(now, Purpose::Request(request, Some(id)), account, draft, way);
        self.pump(now);
        Ok(request)
    }

    /// Answers an [`Event::Request`] with 200 to 699. User-Agent, Via, From, To with tag, Call-ID and CSeq are put in.
    ///
    /// # Errors
    /// It was answered, or nobody waits for the answer any more; or the status is provisional (RFC 4320 §4.1).
    pub fn respond(
        &mut self,
        now: Instant,
        id: ServerId,
        status: StatusCode,
        headers: Headers,
        body: Option<Body>,
    ) -> Result<(), Misuse> {
        if status.is_provisional() {
            return Err(Misuse::Argument("a non-INVITE request gets a final response only"));
        }
        let served = self.served.remove(&id).ok_or(Misuse::Gone)?;
        let tag = self.session_tag(served.session).unwrap_or(&served.tag).to_owned();
        let builder = self.reply(&served.request, status, Some(&tag));
        let builder = headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        let builder = match body {
            Some((content_type, body)) => builder.body(&content_type, body),
            None => builder,
        };
        let sent = self.transactions.respond(now, served.transaction, builder);
        self.pump(now);
        sent.map(drop).ok_or(Misuse::Gone)
    }

    /// Gives a request to the owner.
    pub(super) fn hand_up(
        &mut self,
        transaction: TransactionId,
        session: Option<SessionId>,
        flow: Flow,
        request: Request,
    ) {
        let id = ServerId(self.fresh_id());
        let tag = self.mint.tag();
        self.users.insert(transaction, User::Served(id));
        self.served.insert(id, Served { transaction, request: request.clone(), session, tag });
        self.emit(Event::Request { id, session, request, flow });
    }

    pub(super) fn request_finished(
        &mut self,
        now: Instant,
        id: RequestId,
        session: Option<SessionId>,
        draft: &Draft,
        outcome: Result<Response, Failure>,
    ) {
        let status = match &outcome {
            Ok(response) => response.status(),
            Err(failure) => failure.status(),
        };
        if let (Ok(response), Some(session)) = (&outcome, session) {
            self.learn_peer(session, response);
        }
        self.emit(Event::Response { id, session, outcome });
        // §12.2.1.2 with RFC 5057 §5.1: the peer knows the dialog no more. NOTIFY and the like have usages of their own.
        let of_the_session = matches!(draft.method, Method::Info | Method::Message | Method::Options);
        if let Some(session) = session
            && of_the_session
            && status.code() == 481
            && matches!(self.sessions.get(&session).map(|session| &session.stage), Some(Stage::Talking { .. }))
        {
            self.send_bye(now, session, Headers::new());
        }
    }
}

impl Failure {
    /// RFC 3261 §8.1.3.1: a time-out counts as 408, a transport error as 503.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TransportError => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
