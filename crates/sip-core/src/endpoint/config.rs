//! What the owner sets.

use super::{AccountId, Flow};
use crate::header::Name;
use crate::method::Method;
use crate::transaction::Timers;
use crate::uri::Uri;
use bytes::Bytes;
use std::time::Duration;

/// The endpoint's settings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The one source of every random value: the same seed and inputs give the same bytes.
    pub seed: [u8; 32],
    /// User-Agent and Server.
    pub user_agent: String,
    /// T1, T2, T4.
    pub timers: Timers,
    /// Bounds on what the network can make us keep.
    pub limits: Limits,
    /// The methods of the Allow header. Others are answered 405 (RFC 3261 §8.2.1).
    pub allow: Vec<Method>,
    /// Option tags of the Supported header beside those of the endpoint itself: `timer`, `replaces` and, if PRACK is
    /// allowed, `100rel`. A Require of another is answered 420 (§8.2.2.3).
    pub supported: Vec<String>,
    /// Whether and how sessions expire without refresh (RFC 4028); by default they do. `None`: the extension is not
    /// spoken, and a Require of `timer` is answered 420.
    pub session_timer: Option<SessionTimer>,
    /// Sends provisional responses reliably (RFC 3262) wherever the caller can take that, not only where it insists. By
    /// default no.
    pub reliable_ringing: bool,
    /// The event packages that others may subscribe to: Allow-Events (RFC 6665 §4.4.4); SUBSCRIBE must be allowed, too. By
    /// default none, and a SUBSCRIBE is the owner's as any other request.
    pub packages: Vec<String>,
    /// Largest request for UDP when the path's MTU is unknown: 1300 bytes (§18.1.1). Larger ones try TCP first.
    pub max_datagram: usize,
}

impl Config {
    /// The usual settings of a softphone.
    pub fn new(seed: [u8; 32]) -> Self {
        use Method::{Ack, Bye, Cancel, Info, Invite, Message, Notify, Options, Prack, Refer, Update};
        Self {
            seed,
            user_agent: concat!("denwa/", env!("CARGO_PKG_VERSION")).into(),
            timers: Timers::default(),
            limits: Limits::default(),
            allow: vec![Invite, Ack, Cancel, Bye, Options, Info, Update, Prack, Refer, Notify, Message],
            supported: Vec::new(),
            session_timer: Some(SessionTimer::default()),
            reliable_ringing: false,
            packages: Vec::new(),
            max_datagram: 1300,
        }
    }
}

/// The session interval to ask for (RFC 4028).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimer {
    /// What we ask for, and the most that we grant unless the peer's Min-SE is larger. 30 minutes; no less than `min`.
    pub interval: Duration,
    /// The least that we take: Min-SE. 90 seconds, and no less (§4).
    pub min: Duration,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1800), min: Duration::from_secs(90) }
    }
}

/// Bounds; at each the answer is 503 with Retry-After, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Transactions, client and server together.
    pub transactions: usize,
    /// Sessions, both directions together.
    pub sessions: usize,
    /// Stream connections whose bytes are being framed.
    pub streams: usize,
    /// Subscriptions of ours.
    pub subscriptions: usize,
    /// Subscriptions of others to us.
    pub subscribers: usize,
    /// REFERs, ours and the peers' each.
    pub refers: usize,
    /// Early dialogs of one INVITE (forks).
    pub early_dialogs: usize,
    /// Events that nobody has polled; beyond it new calls and requests are answered 503.
    pub events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transactions: 16_384,
            sessions: 4_096,
            streams: 1_024,
            subscriptions: 1_024,
            subscribers: 1_024,
            refers: 1_024,
            early_dialogs: 16,
            events: 65_536,
        }
    }
}

/// An address of record and how to register and call with it.
#[derive(Clone)]
#[non_exhaustive]
pub struct AccountConfig {
    /// `sip:user@domain`.
    pub aor: Uri,
    /// The display name of From.
    pub display_name: Option<String>,
    /// Request-URI of REGISTER; by default the AOR's domain (RFC 3261 §10.2).
    pub registrar: Option<Uri>,
    /// Outbound proxy: every request out of a dialog goes there first. Its URI is put in a Route if it has `lr`.
    pub proxy: Option<Uri>,
    /// Digest user; by default the AOR's user.
    pub username: Option<String>,
    /// Digest password. Never logged.
    pub password: Option<String>,
    /// The binding's lifetime to ask for; the registrar may choose another. 1 hour.
    pub expires: Duration,
    /// Force a transport; otherwise RFC 3263 decides.
    pub transport: Option<super::Transport>,
}

impl AccountConfig {
    /// An account of that address, with no password.
    pub fn new(aor: Uri) -> Self {
        Self {
            aor,
            display_name: None,
            registrar: None,
            proxy: None,
            username: None,
            password: None,
            expires: Duration::from_secs(3600),
            transport: None,
        }
    }
}

impl std::fmt::Debug for AccountConfig {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountConfig")
            .field("aor", &self.aor)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// A call to make.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invite {
    /// Who calls; its proxy, route and credentials are used.
    pub account: Option<AccountId>,
    /// The From URI; by default the account's AOR, else anonymous.
    pub from: Option<Uri>,
    /// The From display name; by default the account's.
    pub display_name: Option<String>,
    /// The To URI; by default the target.
    pub to: Option<Uri>,
    /// The Request-URI.
    pub target: Uri,
    /// Send there, and resolve nothing.
    pub flow: Option<Flow>,
    /// Further header fields.
    pub headers: Vec<(Name, String)>,
    /// The session description; without one the peer makes the offer.
    pub offer: Option<Bytes>,
}

impl Invite {
    /// A call to that URI, from nobody in particular.
    pub fn new(target: Uri) -> Self {
        Self {
            account: None,
            from: None,
            display_name: None,
            to: None,
            target,
            flow: None,
            headers: Vec::new(),
            offer: None,
        }
    }
}

/// A request out of any dialog: OPTIONS, MESSAGE, PUBLISH and the like.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutOfDialog {
    /// Not INVITE, ACK, CANCEL or BYE.
    pub method: Method,
    /// Who sends.
    pub account: Option<AccountId>,
    /// The From URI; by default the account's AOR, else anonymous.
    pub from: Option<Uri>,
    /// The To URI; by default the target.
    pub to: Option<Uri>,
    /// The Request-URI.
    pub target: Uri,
    /// Send there, and resolve nothing.
    pub flow: Option<Flow>,
    /// Further header fields.
    pub headers: Vec<(Name, String)>,
    /// Content type and body.
    pub body: Option<(String, Bytes)>,
}

impl OutOfDialog {
    /// That method to that URI.
    pub fn new(method: Method, target: Uri) -> Self {
        Self { method, account: None, from: None, to: None, target, flow: None, headers: Vec::new(), body: None }
    }
}
