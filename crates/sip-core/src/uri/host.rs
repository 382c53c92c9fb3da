//! `host` of RFC 3261 §25.1.

use super::UriError;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A host name or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A domain name, as spelled.
    Name(HostName),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, printed in brackets.
    V6(Ipv6Addr),
}

/// A domain name: letters, digits, `-`, `_` and `.`. Keeps its spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Box<str>);

impl HostName {
    /// As spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Host {
    /// The address, unless it is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(ip) => Some((*ip).into()),
            Host::V6(ip) => Some((*ip).into()),
        }
    }

    /// The name, unless it is an address.
    pub fn name(&self) -> Option<&str> {
        match self {
            Host::Name(name) => Some(&name.0),
            Host::V4(_) | Host::V6(_) => None,
        }
    }

    /// Same name without case and closing dot, or same address. A name never equals an address (§19.1.4).
    pub fn equivalent(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => {
                let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
                bare(&a.0) == bare(&b.0)
            }
            _ => self == other,
        }
    }
}

/// Cuts `host [":" port]` into its two texts; the brackets of an IPv6 reference stay.
pub(crate) fn split_port(text: &str) -> Result<(&str, Option<&str>), UriError> {
    let end_of_host = if text.starts_with('[') {
        text.find(']').ok_or(UriError::Host)? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, rest) = text.split_at(end_of_host);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(UriError::Host),
    }
}

/// 1 to 5 digits and at most 65535.
pub(crate) fn port(text: &str) -> Result<u16, UriError> {
    if text.len() > 5 { Err(UriError::Port) } else { crate::scan::number(text).ok_or(UriError::Port) }
}

impl FromStr for Host {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Host, UriError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(UriError::Host)?;
            // RFC 5118 §4.10: by a slip in the ABNF of RFC 3261 some write three colons, to be read as two.
            let read = inner.parse().or_else(|_| inner.replacen(":::", "::", 1).parse());
            return read.map(Host::V6).map_err(|_| UriError::Host);
        }
        if let Ok(ip) = text.parse() {
            return Ok(Host::V4(ip));
        }
        // Names longer than the 255 octets of RFC 1035 §2.3.4 are let through: resolving them fails, reading them need not.
        let named = text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_'));
        let stands = text.bytes().any(|c| c.is_ascii_alphanumeric()) && !text.starts_with('.');
        if named && stands { Ok(Host::Name(HostName(text.into()))) } else { Err(UriError::Host) }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Host {
        match ip {
            IpAddr::V4(ip) => Host::V4(ip),
            IpAddr::V6(ip) => Host::V6(ip),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(&name.0),
            Host::V4(ip) => ip.fmt(f),
            Host::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}
