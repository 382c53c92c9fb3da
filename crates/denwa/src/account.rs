//! An account: who we are, and where that is known.
use crate::identity::CallerIdProfile;
use crate::park::{ForwardingCodes, ParkMethod, Pickup, SlotSource};
use crate::transfer::{DtmfMode, Keys, ReferPolicy};
use sip_core::uri::Uri;
use std::fmt;
use std::time::Duration;

/// What carries SIP to the next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// UDP; requests above 1300 bytes go by TCP where the next hop takes it (RFC 3261 §18.1.1).
    Udp,
    /// TCP; one connection to a remote address is used for all.
    Tcp,
}

/// An account at a SIP server.
///
/// ```
/// # use denwa::{Account, Transport};
/// # fn main() -> Result<(), denwa::Error> {
/// let account = Account::new("sip:alice@example.com".parse()?).password("secret").display_name("Alice").transport(Transport::Tcp);
/// # drop(account); Ok(()) }
/// ```
#[derive(Clone)]
pub struct Account(pub(crate) Box<Profile>);

#[derive(Clone)]
pub(crate) struct Profile {
    pub(crate) aor: Uri,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) registrar: Option<Uri>,
    pub(crate) proxy: Option<Uri>,
    pub(crate) transport: Option<Transport>,
    pub(crate) expires: Duration,
    pub(crate) trusted: bool,
    pub(crate) keys: Keys,
    pub(crate) dtmf: DtmfMode,
    pub(crate) park: ParkMethod,
    pub(crate) slots: SlotSource,
    pub(crate) park_timeout: Duration,
    pub(crate) pickup: Pickup,
    pub(crate) forwarding_codes: Option<ForwardingCodes>,
    pub(crate) caller_id: CallerIdProfile,
    pub(crate) refer: ReferPolicy,
    pub(crate) bridge: bool,
    pub(crate) auto_answer: bool,
}

impl Account {
    /// An account with this address of record, `sip:user@domain`. Its domain is also the registrar, unless
    /// [`registrar`](Self::registrar) says otherwise.
    #[must_use]
    pub fn new(address_of_record: Uri) -> Self {
        Self(Box::new(Profile {
            aor: address_of_record,
            username: None,
            password: None,
            display_name: None,
            registrar: None,
            proxy: None,
            transport: None,
            expires: DEFAULT_EXPIRES,
            trusted: true,
            keys: Keys::Off,
            dtmf: DtmfMode::Rtp,
            park: ParkMethod::ReferTo("700".to_owned()),
            slots: SlotSource::Told,
            park_timeout: call::lot::PARK_TIMEOUT,
            pickup: Pickup::default(),
            forwarding_codes: None,
            caller_id: CallerIdProfile::None,
            refer: ReferPolicy::Follow,
            bridge: false,
            auto_answer: false,
        }))
    }

    /// The password that digest challenges are answered with.
    #[must_use]
    pub fn password(mut self, secret: impl Into<String>) -> Self {
        self.0.password = Some(secret.into());
        self
    }

    /// The digest user name; by default the user of the address of record.
    #[must_use]
    pub fn username(mut self, name: impl Into<String>) -> Self {
        self.0.username = Some(name.into());
        self
    }

    /// The name that the other side is shown.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.0.display_name = Some(name.into());
        self
    }

    /// Where REGISTER goes, when that is not the domain of the address of record.
    #[must_use]
    pub fn registrar(mut self, registrar: Uri) -> Self {
        self.0.registrar = Some(registrar);
        self
    }

    /// The outbound proxy that every request goes through first, RFC 3261 §8.1.2.
    #[must_use]
    pub fn proxy(mut self, proxy: Uri) -> Self {
        self.0.proxy = Some(proxy);
        self
    }

    /// The transport to use when the URI does not name one; without, RFC 3263 decides.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.0.transport = Some(transport);
        self
    }

    /// Whether the server is believed about who the other side is (P-Asserted-Identity, RFC 3325): true by default, for the
    /// server of an account is what it is registered with.
    #[must_use]
    pub fn trusts_identity(mut self, trusted: bool) -> Self {
        self.0.trusted = trusted;
        self
    }

    /// Who interprets codes among the keys of its calls; nobody by default.
    #[must_use]
    pub fn keys(mut self, keys: Keys) -> Self {
        self.0.keys = keys;
        self
    }

    /// How keys reach the other side.
    #[must_use]
    pub fn dtmf(mut self, mode: DtmfMode) -> Self {
        self.0.dtmf = mode;
        self
    }

    /// How its calls are parked: by REFER to `700` by default.
    #[must_use]
    pub fn park(mut self, method: ParkMethod) -> Self {
        self.0.park = method;
        self
    }

    /// Where the number of a slot comes from.
    #[must_use]
    pub fn slots(mut self, source: SlotSource) -> Self {
        self.0.slots = source;
        self
    }

    /// How long the exchange leaves a call parked before it rings back: 300 s.
    #[must_use]
    pub fn park_timeout(mut self, timeout: Duration) -> Self {
        self.0.park_timeout = timeout;
        self
    }

    /// The exchange forwards by itself when these codes are dialled; without them this phone does, by 302.
    #[must_use]
    pub fn forwards_by_codes(mut self, codes: ForwardingCodes) -> Self {
        self.0.forwarding_codes = Some(codes);
        self
    }

    /// How a call is taken that rings elsewhere; by the code `*8` unless told otherwise.
    #[must_use]
    pub fn pickup(mut self, how: Pickup) -> Self {
        self.0.pickup = how;
        self
    }

    /// How the number of a caller goes along with a consultation call; it does not by default.
    #[must_use]
    pub fn passes_caller_id(mut self, profile: CallerIdProfile) -> Self {
        self.0.caller_id = profile;
        self
    }

    /// What to do when the other side wants a call to go on with somebody else.
    #[must_use]
    pub fn refer(mut self, policy: ReferPolicy) -> Self {
        self.0.refer = policy;
        self
    }

    /// Whether two calls may be joined here, sound and all, when the server refuses to transfer one to the other. Our phone
    /// then has to stay until both have hung up. False by default.
    #[must_use]
    pub fn bridges_transfers(mut self, may: bool) -> Self {
        self.0.bridge = may;
        self
    }

    /// Whether a call is answered by itself, after a tone, when the server asks for it (Call-Info, Alert-Info, Answer-Mode).
    /// False by default: whoever may ask can listen.
    #[must_use]
    pub fn auto_answers(mut self, may: bool) -> Self {
        self.0.auto_answer = may;
        self
    }

    /// How long a binding to ask for; the registrar may grant another. One hour by default, at least a minute.
    #[must_use]
    pub fn expires(mut self, expires: Duration) -> Self {
        self.0.expires = expires.max(MIN_EXPIRES);
        self
    }
}

/// Asked for in a REGISTER, unless told otherwise.
pub const DEFAULT_EXPIRES: Duration = Duration::from_secs(3600);
const MIN_EXPIRES: Duration = Duration::from_secs(60);

/// Neither the password nor the number prints.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("transport", &self.0.transport)
            .field("expires", &self.0.expires)
            .finish_non_exhaustive()
    }
}
