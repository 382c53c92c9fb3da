//! Via (RFC 3261 §20.42, RFC 3581).

use super::{Header, Malformed, Name, Params};
use crate::{
    scan::{self, Cursor},
    uri::Host,
};
use std::{fmt, net::IpAddr};

/// The magic cookie in front of every branch since RFC 3261 (§8.1.1.7).
pub(crate) const COOKIE: &str = "z9hG4bK";

/// `SIP/2.0/UDP host:port;branch=…`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    transport: &'a str,
    host: &'a str,
    port: Option<u16>,
    params: Params<'a>,
}

impl<'a> Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or any other token, as it stands.
    pub fn transport(&self) -> &'a str {
        self.transport
    }

    /// The host of `sent-by` as it stands; an IPv6 address in brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The address, if `sent-by` is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        self.host.parse::<Host>().ok()?.ip()
    }

    /// The port of `sent-by`.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// All of them.
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The transaction's name (§8.1.1.7).
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// A branch of RFC 3261 with something behind the cookie: only then it names a transaction (§17.2.3, RFC 4475 §3.2.1).
    pub fn rfc3261_branch(&self) -> Option<&'a str> {
        let cookie =
            |branch: &&str| branch.get(..7).is_some_and(|c| c.eq_ignore_ascii_case(COOKIE)) && branch.len() > 7;
        self.branch().filter(cookie)
    }

    /// The address that the next hop saw (§18.2.1), with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        ip(self.params.get("received")?)
    }

    /// `None`: not there. `Some(None)`: asked for. `Some(Some(port))`: filled in (RFC 3581 §3, §4).
    pub fn rport(&self) -> Option<Option<u16>> {
        match self.params.get("rport")? {
            "" => Some(None),
            port => scan::number(port).map(Some),
        }
    }

    /// Where else the answer goes (§18.2.2): a host as it stands.
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.get("maddr").filter(|host| !host.is_empty())
    }

    /// Of a multicast, 0 to 255.
    pub fn ttl(&self) -> Option<u8> {
        self.params.get("ttl").and_then(scan::number)
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}

impl<'a> Header<'a> for Via<'a> {
    const LIST: bool = true;

    fn name() -> Name {
        Name::Via
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let protocol = cursor.token().ok_or(Malformed("no protocol"))?;
        let version = cursor.eat_spaced(b'/').then(|| cursor.token()).flatten();
        if !protocol.eq_ignore_ascii_case("SIP") || version != Some("2.0") || !cursor.eat_spaced(b'/') {
            return Err(Malformed("the protocol is not SIP/2.0"));
        }
        let transport = cursor.token().ok_or(Malformed("no transport"))?;
        if !cursor.skip_space() {
            return Err(Malformed("no space behind the transport"));
        }
        let host = sent_by_host(&mut cursor)?;
        let mut port = None;
        if cursor.eat_spaced(b':') {
            let digits = cursor.take_while(|c| c.is_ascii_digit());
            port = Some(scan::number(digits).ok_or(Malformed("the port is no port"))?);
        }
        let params = Params::parse(cursor.rest()).ok_or(Malformed("a broken parameter"))?;
        Ok(Via { transport, host, port, params })
    }
}

fn sent_by_host<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Malformed> {
    let whole = cursor.rest();
    let len = if cursor.eat(b'[') {
        let inner = cursor.take_while(|c| c.is_ascii_hexdigit() || matches!(c, b':' | b'.'));
        if !cursor.eat(b']') || inner.is_empty() {
            return Err(Malformed("a broken IPv6 reference"));
        }
        inner.len() + 2
    } else {
        cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_')).len()
    };
    if len == 0 { Err(Malformed("no host")) } else { Ok(&whole[..len]) }
}

/// As it goes on the wire.
impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.params.as_str())
    }
}
