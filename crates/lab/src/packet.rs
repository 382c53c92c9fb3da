//! What travels between hosts: bytes from one address to another.

use std::net::SocketAddr;

use bytes::Bytes;

/// How a packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// One datagram: may be lost, doubled or overtaken.
    Udp,
    /// A chunk of a connection: late perhaps, but whole and in order.
    Tcp,
}

/// One datagram, or one chunk of a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Datagram or chunk of a connection.
    pub protocol: Protocol,
    /// The sender's address.
    pub from: SocketAddr,
    /// The receiver's address.
    pub to: SocketAddr,
    /// The payload; a TCP chunk need not be a whole message.
    pub bytes: Bytes,
}

impl Packet {
    /// A datagram.
    pub fn udp(from: SocketAddr, to: SocketAddr, bytes: impl Into<Bytes>) -> Self {
        Self { protocol: Protocol::Udp, from, to, bytes: bytes.into() }
    }

    /// A chunk of the connection between two addresses.
    pub fn tcp(from: SocketAddr, to: SocketAddr, bytes: impl Into<Bytes>) -> Self {
        Self { protocol: Protocol::Tcp, from, to, bytes: bytes.into() }
    }

    /// Bytes on the wire: the payload and 28 (UDP) or 40 (TCP) bytes of IPv4 headers.
    pub(crate) fn wire_len(&self) -> usize {
        let headers = match self.protocol {
            Protocol::Udp => 28,
            Protocol::Tcp => 40,
        };
        self.bytes.len() + headers
    }
}
