//! Ids and addresses.

use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        ///
        /// Never reused within an endpoint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

ids! {
    /// An account.
    AccountId
    /// An INVITE session, from the INVITE until [`SessionEvent::Ended`](super::SessionEvent::Ended).
    SessionId
    /// A request of ours that ends in [`Event::Response`](super::Event::Response).
    RequestId
    /// A request of the peer's that waits for our response.
    ServerId
    /// An offer of the peer's that waits for our answer.
    OfferId
    /// A question of ours that waits for [`Resolved`](crate::resolve::Resolved).
    ResolveId
}

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// Datagrams; lost, doubled and reordered.
    Udp,
    /// A stream.
    Tcp,
}

impl Transport {
    /// Whether the transport itself repeats what is lost (RFC 3261 §17).
    pub fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
        }
    }

    /// As in Via: upper case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// As in the `transport` parameter of a URI; case does not matter.
    pub fn from_param(text: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp].into_iter().find(|t| t.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The way between us and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// Our address as the peer could reach it, never unspecified. For a stream the listener's, not the ephemeral port of
    /// one connection: it goes into Via and Contact.
    pub local: SocketAddr,
    /// The peer's address. With `transport` it names a connection.
    pub remote: SocketAddr,
}

impl Flow {
    /// Whether both are the same connection, or the same UDP peer.
    pub fn is_same_path(&self, other: &Self) -> bool {
        self.transport == other.transport && self.remote == other.remote
    }
}

/// Bytes to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where; a stream that is not open yet is to be opened.
    pub flow: Flow,
    /// One whole message or keep-alive.
    pub bytes: Bytes,
}
