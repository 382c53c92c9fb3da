//! An account: who we are, and where that is known.
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
