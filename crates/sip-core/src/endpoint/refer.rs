//! REFER both ways within a dialog, and the NOTIFYs about it (RFC 3515, RFC 4488).

use super::caller::reason_of;
use super::offer::retry_after;
use super::{
    AccountId, Due, Endpoint, Event, Failure, Flow, Headers, Misuse, OutOfDialog, ReferId, ReferredId, RequestId,
    SessionId, User,
};
use crate::header::{self, Name};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::sipfrag;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::uri::Uri;
use std::time::{Duration, Instant};

/// How long the subscription of a peer's REFER lasts, in seconds.
const EXPIRES: u32 = 600;
/// The longest lifetime of a subscription that is believed, in seconds.
const LONGEST: u32 = 3600;

/// A REFER of ours.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refer {
    /// The Refer-To value.
    pub refer_to: String,
    /// The Referred-By value (RFC 3892).
    pub referred_by: Option<String>,
    /// Further header fields.
    pub headers: Headers,
    /// Whether we want to hear how it goes; without it the peer may still tell (RFC 4488).
    pub subscribe: bool,
}

impl Refer {
    /// To that target, with a subscription.
    pub fn new(refer_to: String) -> Self {
        Self { refer_to, referred_by: None, headers: Headers::new(), subscribe: true }
    }

    fn into_headers(self) -> Headers {
        let mut headers = vec![(Name::ReferTo, self.refer_to)];
        if !self.subscribe {
            // RFC 4488 §4
            headers.push((Name::ReferSub, "false".to_owned()));
            headers.push((Name::Supported, "norefersub".to_owned()));
        }
        headers.extend(self.referred_by.map(|by| (Name::ReferredBy, by)));
        headers.extend(self.headers);
        headers
    }
}

/// What becomes of a REFER of ours.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReferEvent {
    /// 2xx.
    Accepted {
        /// Whether NOTIFYs follow.
        subscribed: bool,
        /// The response.
        response: Response,
    },
    /// A NOTIFY with a provisional status.
    Progress {
        /// 100 to 199.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
        /// The NOTIFY.
        request: Request,
    },
    /// Its end, exactly once.
    Ended {
        /// How.
        outcome: ReferOutcome,
    },
}

/// How a REFER of ours ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReferOutcome {
    /// A NOTIFY had a final status.
    Final {
        /// 200 to 699.
        status: StatusCode,
        /// Its reason phrase.
        reason: String,
    },
    /// Accepted, and nobody tells how it goes on.
    Unknown,
    /// Refused.
    Refused {
        /// The final status; 408 for none in time, 503 for a transport error.
        status: StatusCode,
        /// Its reason phrase, or a sentence of ours.
        reason: String,
        /// Its Retry-After.
        retry_after: Option<Duration>,
    },
    /// Its subscription ended, or no NOTIFY came in time.
    Lost,
}

/// A REFER of ours, and the subscription that it made (RFC 3515 §2.4.4).
#[derive(Debug)]
pub(super) struct Referring {
    request: RequestId,
    /// None of a REFER out of any call.
    session: Option<SessionId>,
    /// Call-ID and our tag: NOTIFYs still come after the session's BYE (RFC 5057).
    dialog: (String, String),
}

/// A REFER of the peer's.
#[derive(Debug)]
pub(super) struct Referred {
    transaction: TransactionId,
    request: Request,
    session: Option<SessionId>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It waits for the owner.
    Asked,
    /// The peer wants to hear how it goes.
    Reporting,
    /// The peer does not want to hear anything (RFC 4488).
    Silent,
}

impl Referred {
    pub(super) fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// RFC 3515 §2.4.6: with several in a dialog each has the CSeq of its REFER for an id.
    fn event(&self) -> String {
        let number = self.request.cseq().map_or(0, |cseq| cseq.number);
        format!("refer;id={number}")
    }
}

impl Endpoint {
    /// Sends a REFER within a session. Its events go on after the session's end: a peer may hang up, or be hung up on, before
    /// it tells how the REFER went.
    ///
    /// # Errors
    /// There is no confirmed dialog, or too many REFERs are under way.
    pub fn refer(&mut self, now: Instant, id: SessionId, refer: Refer) -> Result<ReferId, Misuse> {
        if self.refers.len() >= self.config.limits.refers {
            return Err(Misuse::Argument("too many REFERs are under way"));
        }
        let session = self.sessions.get(&id).ok_or(Misuse::Gone)?;
        let dialog = (session.call_id.clone(), session.local_tag.clone());
        let request = self.request(now, id, Method::Refer, refer.into_headers(), None)?;
        let refer = ReferId(self.fresh_id());
        self.refers.insert(refer, Referring { request, session: Some(id), dialog });
        Ok(refer)
    }

    /// Sends a REFER out of any call, to a server that does the work: the park server of RFC 5359 §2.15.
    ///
    /// # Errors
    /// Too many REFERs are under way.
    pub fn refer_out_of_dialog(
        &mut self,
        now: Instant,
        account: Option<AccountId>,
        server: Uri,
        refer: Refer,
    ) -> Result<ReferId, Misuse> {
        if self.refers.len() >= self.config.limits.refers {
            return Err(Misuse::Argument("too many REFERs are under way"));
        }
        let mut outer = OutOfDialog::new(Method::Refer, server);
        outer.account = account;
        outer.headers = refer.into_headers();
        // Known before it is sent, for it may fail at once.
        let refer = ReferId(self.fresh_id());
        let (request, dialog) = self.prepare_out_of_dialog();
        self.refers.insert(refer, Referring { request, session: None, dialog: dialog.clone() });
        self.send_out_of_dialog(now, request, outer, dialog);
        Ok(refer)
    }

    /// A request of ours ended; true if it was a REFER.
    pub(super) fn refer_answered(&mut self, now: Instant, id: RequestId, outcome: &Result<Response, Failure>) -> bool {
        let Some((refer, session)) =
            self.refers.iter().find(|(_, refer)| refer.request == id).map(|(id, refer)| (*id, refer.session))
        else {
            return false;
        };
        match outcome {
            Ok(response) if response.status().is_success() => {
                // RFC 4488 §4: the peer agrees to tell nothing.
                let silent = response.value(&Name::ReferSub).is_some_and(|value| value.trim().starts_with("false"));
                let event = ReferEvent::Accepted { subscribed: !silent, response: response.clone() };
                self.emit(Event::Refer { id: refer, session, event });
                if silent {
                    self.refer_ended(refer, ReferOutcome::Unknown);
                } else {
                    // RFC 6665 §4.1.2.4, Timer N: the first NOTIFY comes within 64*T1.
                    self.deadlines.set(Due::Refer(refer), Some(now + self.config.timers.give_up()));
                }
            }
            Ok(response) => {
                let (status, reason) = (response.status(), reason_of(response));
                let retry_after = retry_after(response);
                self.refer_ended(refer, ReferOutcome::Refused { status, reason, retry_after });
            }
            Err(failure) => {
                let (status, reason) = (failure.status(), failure.to_string());
                self.refer_ended(refer, ReferOutcome::Refused { status, reason, retry_after: None });
            }
        }
        true
    }

    pub(super) fn refer_ended(&mut self, id: ReferId, outcome: ReferOutcome) {
        self.deadlines.set(Due::Refer(id), None);
        if let Some(referring) = self.refers.remove(&id) {
            self.emit(Event::Refer { id, session: referring.session, event: ReferEvent::Ended { outcome } });
        }
    }

    /// The session of a REFER ends. Its peer may still tell how that went, but not for
    /// long: exchanges do it within seconds.
    pub(super) fn hasten_refers(&mut self, now: Instant, session: SessionId) {
        let waiting = self.refers.iter().filter(|(_, refer)| refer.session == Some(session)).map(|(id, _)| *id);
        for id in waiting.collect::<Vec<_>>() {
            self.deadlines.set(Due::Refer(id), Some(now + self.config.timers.give_up()));
        }
    }

    /// A NOTIFY; true if it was about a REFER of ours, and is answered.
    pub(super) fn serve_refer_notify(&mut self, now: Instant, transaction: TransactionId, request: &Request) -> bool {
        let is_refer =
            request.maybe::<header::Event<'_>>().ok().flatten().is_some_and(|event| event.package == "refer");
        if request.method() != Method::Notify || !is_refer {
            return false;
        }
        let key =
            request.call_id().ok().map(str::to_owned).zip(request.to().ok().and_then(|to| to.tag().map(str::to_owned)));
        let Some(id) = self.refers.iter().rfind(|(_, refer)| Some(&refer.dialog) == key.as_ref()).map(|(id, _)| *id)
        else {
            return false;
        };
        let session = self.refers[&id].session;
        let alive = session.is_none_or(|session| self.sessions.contains_key(&session));
        let tag = key.map(|(_, tag)| tag);
        let ok = self.reply(request, StatusCode::OK, tag.as_deref());
        self.transactions.respond(now, transaction, ok);
        let status = sipfrag::parse(&request.body());
        let state = request.maybe::<header::SubscriptionState<'_>>().ok().flatten();
        let over = state.is_some_and(|state| state.is_terminated());
        let left = state.and_then(|state| state.expires()).unwrap_or(EXPIRES).min(LONGEST);
        let left = if alive { left } else { 0 };
        let until = now + Duration::from_secs(u64::from(left)) + self.config.timers.give_up();
        self.deadlines.set(Due::Refer(id), Some(until));
        match status {
            Some((status, reason)) if !status.is_provisional() => {
                self.refer_ended(id, ReferOutcome::Final { status, reason });
            }
            Some((status, reason)) => {
                let event = ReferEvent::Progress { status, reason, request: request.clone() };
                self.emit(Event::Refer { id, session, event });
                if over {
                    self.refer_ended(id, ReferOutcome::Lost);
                }
            }
            None if over => self.refer_ended(id, ReferOutcome::Lost),
            None => {}
        }
        true
    }

    /// A REFER of the peer's.
    pub(super) fn serve_refer(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        session: Option<SessionId>,
        flow: Flow,
        request: Request,
    ) {
        if self.referred.len() >= self.config.limits.refers {
            self.counters.overload += 1;
            return self.overloaded(now, transaction, &request);
        }
        let id = ReferredId(self.fresh_id());
        let account = match session {
            Some(session) => self.sessions.get(&session).and_then(|session| session.account),
            None => self.account_called(&request),
        };
        self.users.insert(transaction, User::Referred(id));
        self.referred.insert(id, Referred { transaction, request: request.clone(), session, stage: Stage::Asked });
        self.emit(Event::Referred { id, session, account, request, flow });
    }

    /// Follows a REFER within a session: 202, and NOTIFY with 100 unless the peer wants none (RFC 4488).
    ///
    /// # Errors
    /// It was answered, its session is over, or it was in none.
    pub fn accept_refer(&mut self, now: Instant, id: ReferredId) -> Result<(), Misuse> {
        let referred = self.referred.get(&id).filter(|it| it.stage == Stage::Asked).ok_or(Misuse::Gone)?;
        let session = referred.session.ok_or(Misuse::Argument("a REFER out of any call is not followed"))?;
        let silent = referred.request.value(&Name::ReferSub).is_some_and(|value| value.trim().starts_with("false"));
        let (transaction, request) = (referred.transaction, referred.request.clone());
        let flow = self.transactions.flow(transaction).ok_or(Misuse::Gone)?;
        let headers = if silent { vec![(Name::ReferSub, "false".to_owned())] } else { Headers::new() };
        let builder =
            self.session_reply(session, &request, StatusCode::ACCEPTED, flow, headers, None).ok_or(Misuse::Gone)?;
        self.transactions.respond(now, transaction, builder);
        if let Some(referred) = self.referred.get_mut(&id) {
            referred.stage = if silent { Stage::Silent } else { Stage::Reporting };
        }
        // The call may be being hung up: then there is nobody to tell, and the REFER was accepted all the same.
        let _ = self.report_refer(now, id, StatusCode::TRYING, "Trying");
        self.pump(now);
        Ok(())
    }

    /// Tells the peer how its REFER goes; a final status is the last.
    ///
    /// # Errors
    /// Nobody waits for it: its session is over, or it was told the end.
    pub fn report_refer(
        &mut self,
        now: Instant,
        id: ReferredId,
        status: StatusCode,
        reason: &str,
    ) -> Result<(), Misuse> {
        let referred = self.referred.get(&id).filter(|it| it.stage != Stage::Asked).ok_or(Misuse::Gone)?;
        let (session, stage, event) = (referred.session.ok_or(Misuse::Gone)?, referred.stage, referred.event());
        let last = !status.is_provisional();
        if stage == Stage::Reporting {
            let state =
                if last { "terminated;reason=noresource".to_owned() } else { format!("active;expires={EXPIRES}") };
            let headers = vec![(Name::Event, event), (Name::SubscriptionState, state)];
            let body = (sipfrag::CONTENT_TYPE.to_owned(), sipfrag::status_line(status, reason));
            self.request(now, session, Method::Notify, headers, Some(body))?;
        }
        if last {
            self.referred.remove(&id);
        }
        Ok(())
    }

    /// Refuses a REFER.
    ///
    /// # Errors
    /// It was answered, or the status is not 300 to 699.
    pub fn refuse_refer(&mut self, now: Instant, id: ReferredId, status: StatusCode) -> Result<(), Misuse> {
        if status.code() < 300 {
            return Err(Misuse::Argument("a refusal is 300 to 699"));
        }
        self.referred.get(&id).filter(|it| it.stage == Stage::Asked).ok_or(Misuse::Gone)?;
        let Some(referred) = self.referred.remove(&id) else { return Err(Misuse::Gone) };
        let tag = self.session_tag(referred.session).map(str::to_owned);
        let builder = self.reply(&referred.request, status, tag.as_deref());
        self.transactions.respond(now, referred.transaction, builder);
        self.pump(now);
        Ok(())
    }

    /// The transaction of a REFER is over. If it was not answered, nobody waits for that any more.
    pub(super) fn referred_transaction_ended(&mut self, id: ReferredId) {
        if self.referred.get(&id).is_some_and(|referred| referred.stage == Stage::Asked) {
            self.referred.remove(&id);
        }
    }
}
