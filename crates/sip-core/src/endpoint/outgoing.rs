//! A request of ours from the wish to the final response, over as many transactions as it takes: fail-over to the next
//! address (RFC 3263 §4.3), TCP for large requests and UDP again if that fails (RFC 3261 §18.1.1), and digest (§22).

use super::{
    AccountId, Due, Endpoint, Event, Failure, Flow, Headers, NotifierId, RequestId, ResolveId, SessionId,
    SubscriptionId, Transmit, Transport, User,
};
use crate::header::Name;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::resolve::{Question, Resolved};
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::uri::Uri;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OutgoingId(u64);

/// Challenges that one request may answer: a proxy's, the peer's, and a stale nonce of each.
const MAX_CHALLENGES: u32 = 4;

/// Who asked.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Register(AccountId),
    Invite(SessionId),
    Reinvite(SessionId),
    Update(SessionId),
    Bye(SessionId),
    Request(RequestId, Option<SessionId>),
    Subscribe(SubscriptionId),
    Notify(NotifierId),
    /// The ACK to a 2xx: never a transaction, kept by the INVITE for each copy of the 2xx (§13.2.2.4).
    Ack {
        invite: OutgoingId,
        tag: String,
    },
    /// Nobody waits: PRACK, the BYE to a fork that lost.
    Orphan,
}

impl Purpose {
    /// The session whose dialog the request was sent in.
    fn dialog(&self) -> Option<SessionId> {
        match self {
            Self::Reinvite(session)
            | Self::Update(session)
            | Self::Bye(session)
            | Self::Request(_, Some(session))
            | Self::Invite(session) => Some(*session),
            Self::Register(_)
            | Self::Request(_, None)
            | Self::Subscribe(_)
            | Self::Notify(_)
            | Self::Ack { .. }
            | Self::Orphan => None,
        }
    }
}

/// All of a request but what a transaction adds: Via, CSeq, credentials.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) routes: Vec<String>,
    pub(super) next_hop: Uri,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) headers: Headers,
    pub(super) contact: Contact,
    pub(super) body: Option<(String, Bytes)>,
}

/// What stands in Contact, which depends on the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    None,
    Ours,
    /// As `Ours`, for a REGISTER of that many seconds.
    Binding(u64),
}

#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) purpose: Purpose,
    pub(super) draft: Draft,
    pub(super) account: Option<AccountId>,
    /// Still to be tried.
    tries: VecDeque<Flow>,
    /// Have been tried.
    tried: Vec<Flow>,
    /// What came of the last one.
    last: Failure,
    /// To be asked once the tries known without asking have failed.
    question: Option<Question>,
    /// Was asked.
    asked: Option<Question>,
    resolve: Option<ResolveId>,
    pub(super) at: Option<(TransactionId, Flow)>,
    /// What was sent last. Over a reliable transport its transaction is gone before a challenge is read (Timers D, K: 0).
    sent: Option<Request>,
    /// A transport that the account forces is not changed for size.
    forced: bool,
    streamed: bool,
    pub(super) provisional: bool,
    challenges: u32,
    /// 422s that raised the session interval.
    pub(super) raises: u32,
    /// Contact as it went out last.
    pub(super) contact_sent: Option<String>,
    /// For INVITE: the ACK of each 2xx by its To tag; none while it waits for `answer_late`.
    pub(super) acks: BTreeMap<String, Option<Transmit>>,
}

impl Outgoing {
    /// What was sent last.
    pub(super) fn sent(&self) -> Option<&Request> {
        self.sent.as_ref()
    }
}

impl Endpoint {
    /// Sends a request: by `flow` if given, else by `known` if that leads to the next hop, else where the name is found.
    pub(super) fn send(&mut self, now: Instant, purpose: Purpose, account: Option<AccountId>, draft: Draft, way: Way) {
        let id = self.fresh_outgoing();
        self.send_as(now, id, purpose, account, draft, way);
    }

    /// For a sender that must know the id first, since a request may fail at once.
    pub(super) fn fresh_outgoing(&mut self) -> OutgoingId {
        OutgoingId(self.fresh_id())
    }

    /// As [`send`](Self::send).
    pub(super) fn send_as(
        &mut self,
        now: Instant,
        id: OutgoingId,
        purpose: Purpose,
        account: Option<AccountId>,
        draft: Draft,
        way: Way,
    ) {
        let mut tries = VecDeque::new();
        let mut question = None;
        let mut forced = false;
        match way {
            Way::Flow(flow) => tries.push_back(flow),
            Way::Lookup { known, transport } => {
                question = Question::for_uri(&draft.next_hop, transport);
                forced = transport.is_some();
                tries.extend(known);
            }
        }
        let outgoing = Outgoing {
            purpose,
            draft,
            account,
            tries,
            tried: Vec::new(),
            last: Failure::TransportError,
            question,
            asked: None,
            resolve: None,
            at: None,
            sent: None,
            forced,
            streamed: false,
            provisional: false,
            challenges: 0,
            raises: 0,
            contact_sent: None,
            acks: BTreeMap::new(),
        };
        self.outgoing.insert(id, outgoing);
        self.attempt(now, id);
    }

    /// The answer to [`Event::Resolve`]. Every question must get one; a late one is ignored.
    pub fn handle_resolved(&mut self, now: Instant, id: ResolveId, resolved: Resolved) {
        let Some(outgoing_id) = self.resolving.remove(&id) else { return };
        if let Some(outgoing) = self.outgoing.get_mut(&outgoing_id) {
            outgoing.resolve = None;
            if let Resolved::Flows(flows) = resolved {
                outgoing.tries.extend(flows.into_iter().take(crate::resolve::MAX_TARGETS));
            }
            self.attempt(now, outgoing_id);
        }
        self.pump(now);
    }

    /// Tries the next flow, or asks for more, or gives up.
    fn attempt(&mut self, now: Instant, id: OutgoingId) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return };
        outgoing.at = None;
        let last = outgoing.last;
        let next = loop {
            match outgoing.tries.pop_front() {
                // A way that was known may be found once more.
                Some(flow) if outgoing.tried.contains(&flow) => {}
                next => break next,
            }
        };
        let Some(flow) = next else {
            match outgoing.question.take() {
                Some(question) => {
                    self.next_id += 1;
                    let resolve = ResolveId(self.next_id);
                    outgoing.asked = Some(question.clone());
                    outgoing.resolve = Some(resolve);
                    self.resolving.insert(resolve, id);
                    self.emit(Event::Resolve { id: resolve, question });
                }
                None => self.finish(now, id, Err(last)),
            }
            return;
        };
        let request = self.build(id, flow);
        let Some((outgoing, request)) = self.outgoing.get_mut(&id).zip(request) else { return };
        // Nothing would tell that an ACK did not arrive, so it keeps to its way.
        let fixed = outgoing.forced || outgoing.streamed || matches!(outgoing.purpose, Purpose::Ack { .. });
        let large = request.as_bytes().len() > self.config.max_datagram;
        if flow.transport == Transport::Udp && large && !fixed {
            // §18.1.1: TCP for what might be fragmented; UDP all the same if no connection can be made.
            outgoing.streamed = true;
            outgoing.tries.push_front(flow);
            outgoing.tries.push_front(Flow { transport: Transport::Tcp, ..flow });
            return self.attempt(now, id);
        }
        if outgoing.tried.len() < 2 * crate::resolve::MAX_TARGETS {
            outgoing.tried.push(flow);
        }
        self.launch(now, id, flow, request);
    }

    fn launch(&mut self, now: Instant, id: OutgoingId, flow: Flow, request: Request) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return };
        outgoing.provisional = false;
        if let Some(question) = outgoing.asked.clone() {
            self.remember(id, question, flow);
        }
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return };
        if let Purpose::Ack { invite, tag } = &outgoing.purpose {
            let transmit = Transmit { flow, bytes: request.as_bytes().clone() };
            let (invite, tag) = (*invite, tag.clone());
            self.transactions.transmit(transmit.clone());
            self.outgoing.remove(&id);
            if let Some(kept) = self.outgoing.get_mut(&invite).and_then(|invite| invite.acks.get_mut(&tag)) {
                *kept = Some(transmit);
            }
            return;
        }
        match self.transactions.request(now, flow, request.clone()) {
            Some(transaction) => {
                self.users.insert(transaction, User::Outgoing(id));
                if let Some(outgoing) = self.outgoing.get_mut(&id) {
                    outgoing.at = Some((transaction, flow));
                    outgoing.sent = Some(request);
                }
            }
            None => {
                self.counters.overload += 1;
                self.finish(now, id, Err(Failure::TransportError));
            }
        }
    }

    /// Spares the dialog's next request the question.
    fn remember(&mut self, id: OutgoingId, question: Question, flow: Flow) {
        let purpose = self.outgoing.get(&id).map(|outgoing| &outgoing.purpose);
        let purpose = match purpose {
            Some(Purpose::Ack { invite, .. }) => self.outgoing.get(invite).map(|outgoing| &outgoing.purpose),
            other => other,
        };
        if let Some(session) = purpose.and_then(Purpose::dialog)
            && let Some(dialog) = self.sessions.get_mut(&session).and_then(|session| session.dialog_mut())
        {
            dialog.found(question, flow);
        }
    }

    pub(super) fn outgoing_response(
        &mut self,
        now: Instant,
        id: OutgoingId,
        transaction: TransactionId,
        response: Response,
    ) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return };
        let Some((current, flow)) = outgoing.at else { return };
        if current != transaction {
            return;
        }
        // It has answered: another way to the same host would get the same.
        outgoing.tries.retain(|other| other.remote != flow.remote);
        let status = response.status();
        if status.is_provisional() {
            outgoing.provisional = true;
            if let Purpose::Invite(session) = outgoing.purpose {
                self.caller_provisional(now, session, id, response);
            }
            return;
        }
        if status.is_success() && outgoing.draft.method == Method::Invite {
            return self.invite_success(now, id, response);
        }
        if matches!(status.code(), 401 | 407) && self.wants_more(id) && self.answer_challenge(id, &response) {
            if let Some(account) = self.outgoing.get(&id).and_then(|outgoing| outgoing.account) {
                self.learn_address(account, &response, flow);
            }
            // §22.2: the CSeq goes up, Call-ID, From and To stay.
            self.renumber(id);
            if let Some(request) = self.build(id, flow) {
                self.launch(now, id, flow, request);
            }
            return;
        }
        // RFC 4028 §7.3.
        if status == StatusCode::SESSION_INTERVAL_TOO_SMALL && self.wants_more(id) && self.raise_interval(id, &response)
        {
            self.renumber(id);
            if let Some(request) = self.build(id, flow) {
                self.launch(now, id, flow, request);
            }
            return;
        }
        // RFC 3263 §4.3: 503 means the next server, as long as there is one.
        let more = self.outgoing.get(&id).is_some_and(|o| !o.tries.is_empty());
        if status.code() == 503 && more && self.wants_more(id) {
            return self.attempt(now, id);
        }
        self.finish(now, id, Ok(response));
    }

    pub(super) fn outgoing_failed(
        &mut self,
        now: Instant,
        id: OutgoingId,
        transaction: TransactionId,
        failure: Failure,
    ) {
        let Some(outgoing) = self.outgoing.get(&id) else { return };
        let Some((current, flow)) = outgoing.at else { return };
        if current != transaction {
            return;
        }
        if let Some(session) = outgoing.purpose.dialog()
            && let Some(dialog) = self.sessions.get_mut(&session).and_then(|s| s.dialog_mut())
        {
            dialog.lost(&flow);
        }
        if self.wants_more(id) {
            if let Some(outgoing) = self.outgoing.get_mut(&id) {
                outgoing.last = failure;
            }
            self.attempt(now, id);
        } else {
            self.finish(now, id, Err(failure));
        }
    }

    pub(super) fn outgoing_transaction_ended(&mut self, id: OutgoingId, transaction: TransactionId) {
        // An INVITE that was accepted stays for copies of its 2xx until Timer M.
        if self.outgoing.get(&id).is_some_and(|o| o.at.is_some_and(|(current, _)| current == transaction)) {
            self.forget(id);
        }
    }

    /// Ends a request of ours without telling anybody.
    pub(super) fn forget(&mut self, id: OutgoingId) -> Option<Outgoing> {
        let outgoing = self.outgoing.remove(&id)?;
        self.deadlines.set(Due::Outgoing(id), None);
        if let Some(resolve) = outgoing.resolve {
            self.resolving.remove(&resolve);
        }
        Some(outgoing)
    }

    /// As [`forget`](Self::forget), with its transaction.
    pub(super) fn abandon(&mut self, id: OutgoingId) {
        if let Some((transaction, _)) = self.forget(id).and_then(|outgoing| outgoing.at) {
            self.transactions.abandon(transaction);
        }
    }

    /// Whether another attempt still serves anybody: not for an INVITE that was hung up.
    fn wants_more(&self, id: OutgoingId) -> bool {
        match self.outgoing.get(&id).map(|o| &o.purpose) {
            Some(Purpose::Invite(session)) => self.sessions.get(session).is_some_and(|s| !s.is_hanging_up()),
            Some(_) => true,
            None => false,
        }
    }

    fn finish(&mut self, now: Instant, id: OutgoingId, outcome: Result<Response, Failure>) {
        let Some(outgoing) = self.forget(id) else { return };
        match outgoing.purpose {
            Purpose::Register(account) => {
                self.register_finished(now, account, &outgoing, outcome);
            }
            Purpose::Invite(session) => self.caller_failed(now, session, outcome),
            Purpose::Reinvite(session) => self.offer_failed(now, session, id, outcome),
            Purpose::Update(session) => self.update_finished(now, session, id, &outgoing.draft, outcome),
            Purpose::Bye(session) => self.session_over(session),
            Purpose::Request(request, session) => {
                self.request_finished(now, request, session, &outgoing.draft, outcome)
            }
            Purpose::Subscribe(id) => self.subscribe_finished(now, id, &outgoing, outcome),
            Purpose::Notify(id) => self.notify_finished(now, id, outcome),
            Purpose::Ack { .. } | Purpose::Orphan => {}
        }
    }

    /// Takes the challenge to the account's credentials; whether the request can be sent again.
    fn answer_challenge(&mut self, id: OutgoingId, response: &Response) -> bool {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return false };
        let Some(sent) = &outgoing.sent else { return false };
        let Some(account) = outgoing.account.and_then(|account| self.accounts.get_mut(&account)) else { return false };
        outgoing.challenges += 1;
        if outgoing.challenges > MAX_CHALLENGES {
            return false;
        }
        account.challenged(response, sent)
    }

    /// Gives a request that is sent again its next number.
    fn renumber(&mut self, id: OutgoingId) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return };
        let next = match outgoing.purpose {
            Purpose::Reinvite(session)
            | Purpose::Update(session)
            | Purpose::Bye(session)
            | Purpose::Request(_, Some(session)) => {
                self.sessions.get_mut(&session).and_then(|s| s.dialog_mut()).map(|dialog| dialog.next_seq())
            }
            Purpose::Register(account) => self.accounts.get_mut(&account).map(|account| account.next_seq()),
            Purpose::Subscribe(id) => self.subscriptions.get_mut(&id).map(|subscribing| subscribing.next_seq()),
            Purpose::Notify(id) => self.notifiers.get_mut(&id).map(|notifying| notifying.next_seq()),
            Purpose::Invite(_) | Purpose::Request(_, None) | Purpose::Ack { .. } | Purpose::Orphan => None,
        };
        outgoing.draft.cseq = next.unwrap_or(outgoing.draft.cseq + 1);
    }

    /// The request for that flow, with a branch of its own.
    fn build(&mut self, id: OutgoingId, flow: Flow) -> Option<Request> {
        let branch = self.mint.branch();
        let outgoing = self.outgoing.get_mut(&id)?;
        let account = outgoing.account.and_then(|account| self.accounts.get_mut(&account));
        let contact_user = draft_user(&outgoing.draft);
        let contact = match (outgoing.draft.contact, &account) {
            (Contact::None, _) => None,
            (Contact::Ours, Some(account)) => Some(account.contact(flow)),
            (Contact::Ours, None) => Some(contact_value(contact_user.as_deref(), flow, None)),
            (Contact::Binding(expires), Some(account)) => Some(account.binding_contacts(flow, expires)),
            (Contact::Binding(_), None) => None,
        };
        let asked = outgoing.challenges > 0;
        let credentials = account
            .map(|account| account.credentials(&outgoing.draft, flow, asked, &mut self.mint))
            .unwrap_or_default();
        outgoing.contact_sent.clone_from(&contact);
        let draft = &outgoing.draft;
        let mut builder = Request::builder(draft.method.clone(), &draft.uri)
            .header(Name::Via, format_args!("SIP/2.0/{} {};rport;branch={branch}", flow.transport, flow.local));
        for route in &draft.routes {
            builder = builder.header(Name::Route, route);
        }
        builder = builder
            .header(Name::MaxForwards, 70)
            .header(Name::From, &draft.from)
            .header(Name::To, &draft.to)
            .header(Name::CallId, &draft.call_id)
            .header(Name::CSeq, format_args!("{} {}", draft.cseq, draft.method))
            .maybe(Name::Contact, contact);
        for (name, value) in credentials.iter().chain(&draft.headers) {
            builder = builder.header(name.clone(), value);
        }
        builder = builder.header(Name::UserAgent, &self.config.user_agent);
        if let Some((content_type, body)) = &draft.body {
            builder = builder.body(content_type, body.clone());
        }
        Some(builder.build())
    }
}

/// How a request finds its way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// The owner says so.
    Flow(Flow),
    /// `known` first, then DNS.
    Lookup { known: Option<Flow>, transport: Option<Transport> },
}

/// `<sip:user@host:port;transport=tcp>` where we are reached by that flow; `public` is what the peer sees (RFC 3581).
pub(super) fn contact_value(user: Option<&str>, flow: Flow, public: Option<std::net::SocketAddr>) -> String {
    let addr = public.unwrap_or(flow.local);
    let at = user.map(|user| format!("{user}@")).unwrap_or_default();
    match flow.transport {
        Transport::Udp => format!("<sip:{at}{addr}>"),
        Transport::Tcp => format!("<sip:{at}{addr};transport=tcp>"),
    }
}

/// The user part of From, for a Contact without account.
fn draft_user(draft: &Draft) -> Option<String> {
    let from = crate::header::NameAddr::parse(&draft.from).ok()?.uri().ok()?;
    from.as_sip()?.user_raw().map(str::to_owned)
}
