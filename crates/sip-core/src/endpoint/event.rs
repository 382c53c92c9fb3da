//! What the endpoint tells its owner.

use super::{
    AccountId, Flow, NotifierId, OfferId, ReferEvent, ReferId, ReferredId, RequestId, ResolveId, ServerId, SessionId,
    SubscriptionEvent, SubscriptionId,
};
use crate::flow::Failure;
use crate::message::{Request, Response};
use crate::resolve::Question;
use crate::status::StatusCode;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// One fact; drained with [`Endpoint::poll_event`](super::Endpoint::poll_event).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An account's registration changed.
    Registration {
        /// Whose.
        account: AccountId,
        /// What it is now.
        state: RegistrationState,
    },
    /// A new call: answer with `ring`, `accept` or `refuse`.
    Incoming {
        /// The session that it began.
        session: SessionId,
        /// The account that was called, if one of ours matches.
        account: Option<AccountId>,
        /// The INVITE.
        request: Request,
        /// How it came.
        flow: Flow,
        /// Its session description; without one we make the offer in `accept`.
        offer: Option<Bytes>,
        /// The session whose place the call shall take (RFC 3891): `accept` this one, then `hang_up` that one. Nothing is
        /// replaced by itself, and whether the caller may ask for that is for the owner to judge (§3: by its Referred-By,
        /// its identity, the trust in its proxy).
        replaces: Option<SessionId>,
    },
    /// A REFER of ours goes on.
    Refer {
        /// Which.
        id: ReferId,
        /// In which session; none if out of any call.
        session: Option<SessionId>,
        /// How.
        event: ReferEvent,
    },
    /// A subscription of ours goes on.
    Subscription {
        /// Which.
        id: SubscriptionId,
        /// How.
        event: SubscriptionEvent,
    },
    /// Somebody subscribes to one of [`Config::packages`](super::Config): give it to `accept_subscription` or
    /// `refuse_subscription`.
    Subscribed {
        /// Hand this back.
        id: NotifierId,
        /// The account that is asked.
        account: Option<AccountId>,
        /// The SUBSCRIBE.
        request: Request,
        /// How it came.
        flow: Flow,
        /// The lifetime that it will have; zero wants to know once.
        expires: Duration,
    },
    /// A subscription of somebody else's that was accepted is over.
    SubscriberGone {
        /// Which.
        id: NotifierId,
        /// Why.
        why: crate::usage::notifier::End,
    },
    /// The peer sent a REFER: give it to `accept_refer` or `refuse_refer`.
    Referred {
        /// Hand this back.
        id: ReferredId,
        /// The session.
        session: Option<SessionId>,
        /// The account.
        account: Option<AccountId>,
        /// The request.
        request: Request,
        /// How it came.
        flow: Flow,
    },
    /// Something happened to a session.
    Session {
        /// Which.
        session: SessionId,
        /// What.
        event: SessionEvent,
    },
    /// A request that the endpoint does not answer itself; give it to `respond`.
    Request {
        /// Hand this back to `respond`. Unanswered for 64*T1, it is gone (RFC 4320 §4.2).
        id: ServerId,
        /// The session, for a request within one.
        session: Option<SessionId>,
        /// The request.
        request: Request,
        /// How it came.
        flow: Flow,
    },
    /// A request of ours came to its end.
    Response {
        /// Which.
        id: RequestId,
        /// The session that it was sent in, if any.
        session: Option<SessionId>,
        /// The final response, or why there is none.
        outcome: Result<Response, Failure>,
    },
    /// The endpoint must know where to send; give the answer to `handle_resolved`.
    Resolve {
        /// Hand this back.
        id: ResolveId,
        /// Which host; begins a [`Lookup`](crate::resolve::Lookup).
        question: Question,
    },
}

/// The state of an account's binding at its registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationState {
    /// The first REGISTER, or the first after a failure, is on its way. Refreshes are silent.
    Registering,
    /// The registrar holds our binding. Told again after each refresh.
    Registered {
        /// How long the registrar keeps it without a refresh.
        expires: Duration,
        /// Where the registrar sees us, if it says so (RFC 3581).
        public: Option<SocketAddr>,
        /// The path that requests of this account take, in order (RFC 3608).
        service_route: Vec<String>,
    },
    /// Our binding was removed, or is refreshed no more.
    Unregistered,
    /// The last REGISTER failed.
    Failed {
        /// The response's status; 408 for none in time, 503 for a transport error (RFC 3261 §8.1.3.1).
        status: StatusCode,
        /// The response's reason phrase, or a sentence of ours.
        reason: String,
        /// When it is tried again; `None` if it is not.
        retry_in: Option<Duration>,
        /// Trying again cannot help: the password is wrong, the account unknown. Never with `retry_in`.
        permanent: bool,
    },
}

/// What happens to a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A provisional response other than 100 to our INVITE.
    Progress {
        /// 101 to 199.
        status: StatusCode,
        /// The response.
        response: Response,
        /// Its session description: an answer to our offer (early media).
        sdp: Option<Bytes>,
    },
    /// Our INVITE was answered with 2xx. If it had no offer, `sdp` is the peer's, and `answer_late` must follow.
    Answered {
        /// The 2xx.
        response: Response,
        /// Its session description.
        sdp: Option<Bytes>,
    },
    /// Our INVITE failed; `Ended` follows.
    Refused {
        /// 300 to 699; 408 for no answer, 503 for a transport error, 487 after `hang_up`.
        status: StatusCode,
        /// The reason phrase.
        reason: String,
        /// The response, if there was one.
        response: Option<Response>,
    },
    /// The caller gave up before our answer; `Ended` follows.
    Cancelled {
        /// The CANCEL, whose Reason may say "answered elsewhere"; none if the INVITE's response could not be delivered.
        request: Option<Request>,
    },
    /// The ACK to our 2xx came.
    Acknowledged {
        /// The answer, if our 2xx carried the offer.
        sdp: Option<Bytes>,
    },
    /// A re-INVITE, or UPDATE or PRACK with a session description: give it to `answer_offer` or `refuse_offer`. The peer may
    /// withdraw it (CANCEL, BYE): those then say `Misuse::Gone`.
    Offer {
        /// Hand this back.
        id: OfferId,
        /// The peer's offer; none in a re-INVITE that asks us for one.
        sdp: Option<Bytes>,
        /// The request.
        request: Request,
    },
    /// Our offer (re-INVITE, UPDATE) was answered with 2xx. If it was a re-INVITE without offer, `sdp` is the peer's, and `answer_late` must follow.
    OfferAnswered {
        /// The session description.
        sdp: Option<Bytes>,
        /// The 2xx.
        response: Response,
    },
    /// Our offer failed; the session goes on as before, unless `Ended` follows (481, 408: RFC 3261 §12.2.1.2).
    OfferRefused {
        /// 300 to 699; 408 for no answer, 503 for a transport error; 491 means glare (§14.1).
        status: StatusCode,
        /// The Retry-After of the response.
        retry_after: Option<Duration>,
        /// The response, if there was one.
        response: Option<Response>,
    },
    /// An UPDATE without session description, answered 200 by the endpoint. It may tell who the peer is now
    /// (P-Asserted-Identity).
    Updated {
        /// The UPDATE.
        request: Request,
    },
    /// The session was not refreshed in time, or the peer knows it no more (RFC 4028 §10). We hang up; `Ended` follows.
    Expired,
    /// The peer hung up; `Ended` follows.
    Bye {
        /// The BYE.
        request: Request,
    },
    /// The session is over and nothing of it is left. Exactly once for each session, as its last event.
    Ended,
}
