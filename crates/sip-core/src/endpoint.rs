//! The sans-IO face: everything above the wire and below the call.
//!
//! ```text
//!  datagrams, stream chunks        commands                 answers to Resolve
//!        │ handle_*                  │ register, invite, …        │
//!        ▼                           ▼                            ▼
//!  receive: framing, checks ──► transaction::layer ◄── outgoing: where to, digest, fail-over
//!        │                           │                            ▲
//!        ▼                           ▼                            │
//!  serve: new requests ────► sessions (caller, callee, dialog) ───┤
//!                            accounts (registration) ─────────────┘
//!        │
//!        ▼ poll_transmit, poll_event, poll_timeout
//! ```
//!
//! The contract: call one `handle_*` or command, then drain [`Endpoint::poll_transmit`] and [`Endpoint::poll_event`] until
//! both are empty, then arm one timer for [`Endpoint::poll_timeout`] and call [`Endpoint::handle_timeout`] when it is due.
//! `now` never goes back.
//!
//! ```
//! use sip_core::endpoint::{AccountConfig, Config, Endpoint, Event, Flow, Invite, Transport};
//! use sip_core::resolve::Resolved;
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = std::time::Instant::now();
//! let mut endpoint = Endpoint::new(Config::new([7; 32])); // a real seed is unpredictable
//! let mut account = AccountConfig::new("sip:1001@192.0.2.1".parse()?);
//! account.password = Some("secret".into());
//! let me = endpoint.add_account(account);
//! let mut invite = Invite::new("sip:600@192.0.2.1".parse()?);
//! invite.account = Some(me);
//! invite.offer = Some("v=0\r\n...".into());
//! let call = endpoint.invite(now, invite);
//!
//! // The shell's loop: events, then transmits, then one timer.
//! while let Some(event) = endpoint.poll_event() {
//!     match event {
//!         Event::Resolve { id, .. } => {
//!             let (local, remote) = ("192.0.2.7:5060".parse()?, "192.0.2.1:5060".parse()?);
//!             let flow = Flow { transport: Transport::Udp, local, remote };
//!             endpoint.handle_resolved(now, id, Resolved::Flows(vec![flow]));
//!         }
//!         Event::Session { session, event } if session == call => println!("{event:?}"),
//!         _ => {}
//!     }
//! }
//! let transmit = endpoint.poll_transmit().expect("the INVITE");
//! assert!(transmit.bytes.starts_with(b"INVITE sip:600@192.0.2.1 SIP/2.0\r\n"));
//! let (at, _why) = endpoint.poll_timeout().expect("its retransmission");
//! assert_eq!(at - now, std::time::Duration::from_millis(500));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Within a session the endpoint keeps the rules of who may speak: an offer ([`offer`](Endpoint::offer),
//! [`update`](Endpoint::update)) that may not be sent yet is held back, a CANCEL and a BYE too, sessions are refreshed and
//! expire (RFC 4028), provisional responses are acknowledged (RFC 3262), and a call that names another in Replaces
//! (RFC 3891) comes with that one's id.
//!
//! A command that does not fit the state is refused with [`Misuse`] and changes nothing. Nothing that the network sends
//! panics or grows without bound ([`Limits`]).

use crate::deadlines::Deadlines;
use crate::dialog::Dialog;
use crate::frame::StreamFramer;
use crate::header::Name;
use crate::ids::Mint;
use crate::transaction::Timer;
use crate::transaction::layer::{Layer, Output, TransactionId};
use crate::usage;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

mod account;
mod callee;
mod caller;
mod closing;
mod config;
mod counters;
mod event;
mod id;
mod in_dialog;
mod notify;
mod offer;
mod out_of_dialog;
mod outgoing;
mod peer;
mod receive;
mod refer;
mod reliable;
mod replaces;
mod request;
mod serve;
mod session;
mod session_timer;
mod subscribe;
mod update;

pub use crate::flow::{Failure, Flow, Transmit, Transport};
pub use config::{AccountConfig, Config, Invite, Limits, OutOfDialog, SessionTimer};
pub use counters::Counters;
pub use event::{Event, RegistrationState, SessionEvent};
pub use id::{
    AccountId, NotifierId, OfferId, ReferId, ReferredId, RequestId, ResolveId, ServerId, SessionId, SubscriptionId,
};
pub use refer::{Refer, ReferEvent, ReferOutcome};
pub use subscribe::{Subscribe, SubscriptionEvent};

use account::Account;
use outgoing::{Outgoing, OutgoingId};
use session::Session;

/// Further header fields of a message.
pub type Headers = Vec<(Name, String)>;

/// A content type and a body.
pub type Body = (String, Bytes);

/// A command that does not fit: the caller's mistake or a race with the peer. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The id is of nothing that still lives.
    #[error("it is over")]
    Gone,
    /// It cannot be done in this state.
    #[error("cannot {doing} now: {state}")]
    State {
        /// The command.
        doing: &'static str,
        /// The state.
        state: &'static str,
    },
    /// An argument is outside its range.
    #[error("{0}")]
    Argument(&'static str),
}

/// Why a deadline is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// A timer of a transaction.
    Transaction(Timer),
    /// A registration is refreshed or tried again.
    Registration(AccountId),
    /// A session: its 2xx or reliable response is repeated, its ringing is kept alive, its CANCEL is given up, it is
    /// refreshed or has expired.
    Session(SessionId),
    /// A request whose session has ended is given up.
    Request,
    /// A subscription is refreshed or tried again, or its end is waited for no longer.
    Subscription(SubscriptionId),
    /// No news of a REFER came in time.
    Refer(ReferId),
    /// A subscription of somebody else's to us runs out.
    Notifier(NotifierId),
}

/// What has a deadline of its own beside the transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Account(AccountId),
    Session(SessionId),
    /// A re-INVITE or UPDATE whose session has ended.
    Outgoing(OutgoingId),
    Subscription(SubscriptionId),
    Refer(ReferId),
    Notifier(NotifierId),
}

/// Who hears of a transaction.
#[derive(Clone, Copy, Debug)]
enum User {
    Outgoing(OutgoingId),
    /// An INVITE from the peer, the first or a later one; or an UPDATE or PRACK that carries an offer.
    Session(SessionId),
    Served(ServerId),
    /// A REFER of the peer's.
    Referred(ReferredId),
    /// The first SUBSCRIBE of somebody.
    Subscriber(NotifierId),
}

/// The user agent core. See the module for its contract.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    mint: Mint,
    next_id: u64,
    transactions: Layer,
    users: BTreeMap<TransactionId, User>,
    outgoing: BTreeMap<OutgoingId, Outgoing>,
    resolving: BTreeMap<ResolveId, OutgoingId>,
    accounts: BTreeMap<AccountId, Account>,
    sessions: BTreeMap<SessionId, Session>,
    /// By Call-ID and our tag; a session keeps both for its whole life.
    by_dialog: BTreeMap<(String, String), SessionId>,
    /// Dialogs that ended not long ago.
    terminated: VecDeque<replaces::Terminated>,
    /// Sessions in which something of ours waits for its turn.
    waiting: BTreeSet<SessionId>,
    served: BTreeMap<ServerId, request::Served>,
    refers: BTreeMap<ReferId, refer::Referring>,
    referred: BTreeMap<ReferredId, refer::Referred>,
    subscriptions: BTreeMap<SubscriptionId, subscribe::Subscribing>,
    /// By Call-ID and our tag.
    by_subscription: BTreeMap<(String, String), SubscriptionId>,
    notifiers: BTreeMap<NotifierId, notify::Notifying>,
    /// By Call-ID and our tag.
    by_notifier: BTreeMap<(String, String), NotifierId>,
    streams: BTreeMap<(Transport, SocketAddr), StreamFramer>,
    deadlines: Deadlines<Due>,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Endpoint {
    /// With nothing in it.
    pub fn new(mut config: Config) -> Self {
        // A timer of no time would fire for ever.
        config.timers.t1 = config.timers.t1.max(Duration::from_millis(1));
        config.timers.t2 = config.timers.t2.max(config.timers.t1);
        if let Some(timer) = &mut config.session_timer {
            // RFC 4028 §4: no less than 90 seconds, and an interval not below the minimum.
            timer.min = timer.min.max(crate::usage::session_timer::SHORTEST);
            timer.interval = timer.interval.max(timer.min);
        }
        Self {
            mint: Mint::new(config.seed),
            next_id: 0,
            transactions: Layer::new(config.timers, config.limits.transactions),
            users: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            resolving: BTreeMap::new(),
            accounts: BTreeMap::new(),
            sessions: BTreeMap::new(),
            by_dialog: BTreeMap::new(),
            terminated: VecDeque::new(),
            waiting: BTreeSet::new(),
            served: BTreeMap::new(),
            refers: BTreeMap::new(),
            referred: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            by_subscription: BTreeMap::new(),
            notifiers: BTreeMap::new(),
            by_notifier: BTreeMap::new(),
            streams: BTreeMap::new(),
            deadlines: Deadlines::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
            config,
        }
    }

    /// Steps everything whose deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transactions.handle_timeout(now);
        self.pump(now);
        while let Some(due) = self.deadlines.pop_due(now) {
            match due {
                Due::Account(id) => self.account_due(now, id),
                Due::Session(id) => self.session_due(now, id),
                Due::Outgoing(id) => self.abandon(id),
                Due::Subscription(id) => self.subscription_step(now, id, usage::subscription::Input::Timer),
                Due::Refer(id) => self.refer_ended(id, ReferOutcome::Lost),
                Due::Notifier(id) => self.notifier_step(now, id, usage::notifier::Input::Timer),
            }
            self.pump(now);
        }
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transactions.poll_transmit()
    }

    /// The next fact.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call `handle_timeout`, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let transaction = self.transactions.poll_timeout().map(|(at, timer)| (at, Why::Transaction(timer)));
        let own = self.deadlines.earliest().map(|(at, due)| match due {
            Due::Account(id) => (at, Why::Registration(id)),
            Due::Session(id) => (at, Why::Session(id)),
            Due::Outgoing(_) => (at, Why::Request),
            Due::Subscription(id) => (at, Why::Subscription(id)),
            Due::Refer(id) => (at, Why::Refer(id)),
            Due::Notifier(id) => (at, Why::Notifier(id)),
        });
        match (transaction, own) {
            (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    /// What was counted since the start.
    pub fn counters(&self) -> Counters {
        Counters { retransmits: self.transactions.retransmits(), ..self.counters }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The dialog of a session, for Replaces, Refer-To and displays. Early ones: the latest.
    pub fn dialog(&self, id: SessionId) -> Option<&Dialog> {
        self.sessions.get(&id)?.dialog()
    }

    /// Whether nothing lives: no transaction, session, request or answer. Accounts do not count.
    pub fn is_idle(&self) -> bool {
        self.transactions.is_empty()
            && self.users.is_empty()
            && self.outgoing.is_empty()
            && self.resolving.is_empty()
            && self.sessions.is_empty()
            && self.waiting.is_empty()
            && self.by_dialog.is_empty()
            && self.served.is_empty()
            && self.refers.is_empty()
            && self.referred.is_empty()
            && self.subscriptions.is_empty()
            && self.notifiers.is_empty()
            && self.by_notifier.is_empty()
    }

    /// Carries the transactions' reports to their users until there are none, and sends what has waited for them.
    fn pump(&mut self, now: Instant) {
        self.report(now);
        while let Some((id, turn)) = self.next_turn() {
            self.take_turn(now, id, turn);
            self.report(now);
        }
    }

    fn report(&mut self, now: Instant) {
        while let Some(output) = self.transactions.poll() {
            match output {
                Output::Response(transaction, response) => {
                    if let Some(User::Outgoing(id)) = self.users.get(&transaction).copied() {
                        self.outgoing_response(now, id, transaction, response);
                    }
                }
                Output::Failed(transaction, failure) => {
                    if let Some(User::Outgoing(id)) = self.users.get(&transaction).copied() {
                        self.outgoing_failed(now, id, transaction, failure);
                    }
                }
                Output::Undelivered(transaction, _) => match self.users.get(&transaction).copied() {
                    Some(User::Session(id)) => self.session_undelivered(now, id, transaction),
                    Some(User::Served(id)) => {
                        self.served.remove(&id);
                    }
                    Some(User::Referred(id)) => self.referred_transaction_ended(id),
                    Some(User::Subscriber(id)) => self.subscribe_transaction_ended(id),
                    Some(User::Outgoing(_)) | None => {}
                },
                Output::Ended(transaction) => match self.users.remove(&transaction) {
                    Some(User::Outgoing(id)) => self.outgoing_transaction_ended(id, transaction),
                    Some(User::Served(id)) => {
                        self.served.remove(&id);
                    }
                    Some(User::Session(id)) => self.session_transaction_ended(id, transaction),
                    Some(User::Referred(id)) => self.referred_transaction_ended(id),
                    Some(User::Subscriber(id)) => self.subscribe_transaction_ended(id),
                    None => {}
                },
            }
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn emit_session(&mut self, session: SessionId, event: SessionEvent) {
        self.emit(Event::Session { session, event });
    }
}
