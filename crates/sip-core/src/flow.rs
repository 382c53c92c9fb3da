//! The ways that messages take.

use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;

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

/// Why a request got no final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing came within 64*T1 (RFC 3261 §8.1.3.1: treat as 408).
    #[error("no answer in time")]
    Timeout,
    /// It could not be sent, or its host has no address (treat as 503).
    #[error("could not be delivered")]
    TransportError,
}
