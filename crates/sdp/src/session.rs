//! A session description as its lines, in wire order, with views that are read on demand.
use std::fmt;
use std::net::IpAddr;

/// A whole session description, RFC 8866 §5: the session level and one [`Media`] for each `m=` line.
///
/// Prints with CRLF line ends. What was parsed prints as it came, unknown lines included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDescription {
    /// `o=`: who made this description, and which version of it this is.
    pub origin: Origin,
    /// Every other line above the first `m=`, `s=` and `t=` among them; `v=0` is implied.
    pub lines: Lines,
    /// The media descriptions. Their places (slots) never change within a dialog, RFC 3264 §8.
    pub media: Vec<Media>,
}

impl SessionDescription {
    /// The connection data that holds for this medium: its own, else the session's (RFC 8866 §5.7).
    pub fn connection(&self, media: &Media) -> Option<Connection> {
        media.lines.connection().or_else(|| self.lines.connection())
    }

    /// The direction that holds for this medium: its own, else the session's, else sendrecv (RFC 8866 §6.7).
    pub fn direction(&self, media: &Media) -> Direction {
        media.lines.direction().or_else(|| self.lines.direction()).unwrap_or(Direction::SendRecv)
    }
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\n{}", self.origin, self.lines)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

/// `o=`, RFC 8866 §5.2. The numbers stay text: a peer's are only ever compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The user's login, or `-`.
    pub username: String,
    /// Session id, a decimal number.
    pub session_id: String,
    /// Session version, a decimal number that grows by one with each change.
    pub version: String,
    /// Network type, address type and address, with single spaces between: `IN IP4 192.0.2.1`.
    pub address: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.version, self.address)
    }
}

/// `m=` and the lines that belong to it, RFC 8866 §5.14.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image` ...
    pub kind: String,
    /// The port to send RTP to; 0 rejects or removes the stream (RFC 3264 §6, §8.2).
    pub port: u16,
    /// The number of ports after the slash, where there is one.
    pub port_count: Option<u32>,
    /// `RTP/AVP`, `RTP/SAVP` ...
    pub proto: String,
    /// Payload types for RTP, most preferred first. Empty only where a peer broke the grammar.
    pub formats: Vec<String>,
    /// The other lines, up to the next `m=`.
    pub lines: Lines,
}

impl Media {
    /// Whether this is the medium named, in any case.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", self.kind, self.port)?;
        if let Some(count) = self.port_count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.proto)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))?;
        write!(f, "\r\n{}", self.lines)
    }
}

/// One line: a letter, `=` and text without CR, LF or NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What stands before the `=`.
    pub letter: char,
    /// What stands after it.
    pub value: String,
}

/// Lines of one level in wire order, and the views of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(pub Vec<Line>);

impl Lines {
    /// Adds a line at the end. CR, LF and NUL in the value become spaces: nothing can smuggle in a line of its own.
    pub fn push(&mut self, letter: char, value: impl fmt::Display) {
        let value = value.to_string().replace(['\r', '\n', '\0'], " ");
        self.0.push(Line { letter, value });
    }

    /// Adds `a=name` or `a=name:value`.
    pub fn push_attribute(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.push('a', format_args!("{name}:{value}")),
            None => self.push('a', name),
        }
    }

    /// The first line with this letter.
    pub fn first(&self, letter: char) -> Option<&str> {
        self.all(letter).next()
    }

    /// Every line with this letter.
    pub fn all(&self, letter: char) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |line| line.letter == letter).map(|line| line.value.as_str())
    }

    /// Every attribute, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.all('a').map(Attribute::read)
    }

    /// The values of every attribute of this name; an attribute without value gives the empty string.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes().filter(move |a| a.name.eq_ignore_ascii_case(name)).map(|a| a.value.unwrap_or_default())
    }

    /// The value of the first attribute of this name; an attribute without value gives the empty string.
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// `c=`, if there is a readable one.
    pub fn connection(&self) -> Option<Connection> {
        self.all('c').find_map(Connection::read)
    }

    /// The first of `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    pub fn direction(&self) -> Option<Direction> {
        self.attributes().find_map(|attribute| match attribute {
            Attribute { name, value: None } => Direction::named(name),
            Attribute { value: Some(_), .. } => None,
        })
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "{}={}\r\n", line.letter, line.value))
    }
}

/// `a=`, RFC 8866 §5.13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What stands before the first colon.
    pub name: &'a str,
    /// What stands after it; `None` for a property attribute.
    pub value: Option<&'a str>,
}

impl<'a> Attribute<'a> {
    fn read(text: &'a str) -> Self {
        match text.split_once(':') {
            Some((name, value)) => Self { name: name.trim(), value: Some(value.trim()) },
            None => Self { name: text.trim(), value: None },
        }
    }
}

/// `c=`, RFC 8866 §5.7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The address as written: an IP address, for multicast with its TTL, or a domain name.
    pub address: String,
}

impl Connection {
    /// Reads `IN IP4 192.0.2.1`. `None` unless it names the Internet, an address type and an address.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (network, kind, address) = (words.next()?, words.next()?, words.next()?);
        let known = network.eq_ignore_ascii_case("IN")
            && (kind.eq_ignore_ascii_case("IP4") || kind.eq_ignore_ascii_case("IP6"));
        known.then(|| Self { address: address.to_owned() })
    }

    /// The address if it is an IP address. The address type is not compared: the address tells by itself.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.split('/').next().and_then(|text| text.parse().ok())
    }
}

/// Writes an address as `o=`, `c=` and `a=rtcp` want it: `IN IP4 192.0.2.1`.
pub(crate) fn address(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("IN IP4 {ip}"),
        IpAddr::V6(ip) => format!("IN IP6 {ip}"),
    }
}

/// Which way media flows, seen from the side that says it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// The speaker only sends. As a change to a running call it is a hold (RFC 3264 §8.4).
    SendOnly,
    /// The speaker only receives.
    RecvOnly,
    /// Neither way; RTCP goes on.
    Inactive,
}

impl Direction {
    /// All four.
    pub const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// From what it says of sending and receiving.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the speaker sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the speaker receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow seen from the other side.
    pub fn mirrored(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow. The answer to an offer is `offered.mirrored().and(wanted)`, the table of RFC 3264 §6.1.
    pub fn and(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
