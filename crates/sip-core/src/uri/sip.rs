//! SIP and SIPS URIs (RFC 3261 §19.1).

use super::{
    Host, UriError, escape,
    host::{port, split_port},
};
use crate::scan::{is_token_char, is_unreserved};
use std::{borrow::Cow, fmt, str::FromStr};

/// `sip:user:password@host:port;params?headers`
///
/// Parts keep their spelling, escapes included, so that a Contact goes back to its owner as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SipUri {
    secure: bool,
    user: Option<Box<str>>,
    password: Option<Box<str>>,
    host: Host,
    port: Option<u16>,
    params: Vec<(Box<str>, Option<Box<str>>)>,
    headers: Vec<(Box<str>, Box<str>)>,
}

impl SipUri {
    /// `sip:host`
    pub fn new(host: Host) -> SipUri {
        SipUri { secure: false, user: None, password: None, host, port: None, params: Vec::new(), headers: Vec::new() }
    }

    /// Whether the scheme is `sips`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The user, escapes resolved.
    pub fn user(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(escape::decode)
    }

    /// The user as spelled.
    pub fn user_raw(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, escapes resolved. Its use is not recommended (§19.1.1).
    pub fn password(&self) -> Option<Cow<'_, str>> {
        self.password.as_deref().map(escape::decode)
    }

    /// Where it lives.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// `None` when absent, which is not the same as the default (RFC 3263 §4.2).
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The value of a parameter, escapes resolved; `""` for a flag such as `lr`.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.raw_param(name).map(|value| escape::decode(value.unwrap_or("")))
    }

    /// Whether a parameter is there, with or without value.
    pub fn has_param(&self, name: &str) -> bool {
        self.raw_param(name).is_some()
    }

    /// All parameters as spelled, in order.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.params.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// The value of a `?header`, escapes resolved; names are compared without case.
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All `?headers`, escapes resolved, in order.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.headers.iter().map(|(name, value)| (escape::decode(name), escape::decode(value)))
    }

    /// `sips` or `sip`.
    #[must_use]
    pub fn with_secure(mut self, secure: bool) -> SipUri {
        self.secure = secure;
        self
    }

    /// Escapes what needs it. An empty user is none.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> SipUri {
        let keep = |c| is_unreserved(c) || matches!(c, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/');
        self.user = (!user.is_empty()).then(|| escape::encode(user, keep).into());
        self
    }

    /// Without user and password.
    #[must_use]
    pub fn without_user(mut self) -> SipUri {
        self.user = None;
        self.password = None;
        self
    }

    /// Another host.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> SipUri {
        self.host = host;
        self
    }

    /// `None` leaves the port to RFC 3263.
    #[must_use]
    pub fn with_port(mut self, port: Option<u16>) -> SipUri {
        self.port = port;
        self
    }

    /// Sets a parameter, replacing one of the same name; `None` makes a flag. Escapes what needs it.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> SipUri {
        self = self.without_param(name);
        let value = value.filter(|v| !v.is_empty()).map(|v| escape::encode(v, is_param_char).into());
        self.params.push((escape::encode(name, is_param_char).into(), value));
        self
    }

    /// Without the parameters of this name.
    #[must_use]
    pub fn without_param(mut self, name: &str) -> SipUri {
        self.params.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// Adds a `?header`. Escapes what needs it.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> SipUri {
        self.headers.push((escape::encode_component(name).into(), escape::encode_component(value).into()));
        self
    }

    /// Without `?headers`: what may stand in a Request-URI (§19.1.1, table 1).
    #[must_use]
    pub fn without_headers(mut self) -> SipUri {
        self.headers.clear();
        self
    }

    /// User, host and port alone: the shape of an address of record.
    #[must_use]
    pub fn bare(mut self) -> SipUri {
        self.params.clear();
        self.without_headers()
    }

    fn raw_param(&self, name: &str) -> Option<Option<&str>> {
        self.params().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// RFC 3261 §19.1.4.
    pub fn equivalent(&self, other: &SipUri) -> bool {
        // The first four decide by being there at all; transport by the section's own example of what can differ.
        const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
        let spelling = |part: &Option<Box<str>>| part.as_deref().map(|p| escape::canonical(p).into_owned());
        self.secure == other.secure
            && spelling(&self.user) == spelling(&other.user)
            && spelling(&self.password) == spelling(&other.password)
            && self.host.equivalent(&other.host)
            && self.port == other.port
            && self.params_agree(other, &DECISIVE)
            && other.params_agree(self, &DECISIVE)
            && self.sorted_headers() == other.sorted_headers()
    }

    /// Each parameter of ours is the same there, or is not there and may be missing.
    fn params_agree(&self, other: &SipUri, decisive: &[&str]) -> bool {
        let fold = |text: &str| escape::canonical(text).to_ascii_lowercase();
        self.params().all(|(name, value)| {
            let mut theirs = other.params().filter(|(n, _)| fold(n) == fold(name)).map(|(_, theirs)| theirs).peekable();
            match theirs.peek() {
                // A name that stands twice, which it should not, agrees with either.
                Some(_) => theirs.any(|theirs| theirs.map(fold) == value.map(fold)),
                None => !decisive.contains(&fold(name).as_str()),
            }
        })
    }

    fn sorted_headers(&self) -> Vec<(String, String)> {
        let fold = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.to_ascii_lowercase(), value.into_owned());
        let mut all: Vec<_> = self.headers().map(fold).collect();
        all.sort();
        all
    }

    /// `rest` is what follows the scheme and its colon.
    pub(super) fn parse(secure: bool, rest: &str) -> Result<SipUri, UriError> {
        // `;`, `?` and `/` may stand unescaped in a user, `@` in nothing: the first one ends the user part.
        let (userinfo, rest) = match rest.split_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (mut user, mut password) = (None, None);
        if let Some(userinfo) = userinfo {
            let (name, secret) =
                userinfo.split_once(':').map_or((userinfo, None), |(name, secret)| (name, Some(secret)));
            if name.is_empty() {
                return Err(UriError::User);
            }
            escape::check(name, is_user_char)?;
            user = Some(name.into());
            if let Some(secret) = secret {
                escape::check(secret, is_user_char)?;
                password = Some(secret.into());
            }
        }
        let (rest, headers) = rest.split_once('?').map_or((rest, None), |(rest, headers)| (rest, Some(headers)));
        let (hostport, params) = rest.split_once(';').map_or((rest, None), |(host, params)| (host, Some(params)));
        let (host, port_text) = split_port(hostport)?;
        Ok(SipUri {
            secure,
            user,
            password,
            host: host.parse()?,
            port: port_text.map(port).transpose()?,
            params: params.map(parse_params).transpose()?.unwrap_or_default(),
            headers: headers.map(parse_headers).transpose()?.unwrap_or_default(),
        })
    }
}

type Pairs<V> = Vec<(Box<str>, V)>;

pub(super) fn parse_params(text: &str) -> Result<Pairs<Option<Box<str>>>, UriError> {
    text.split(';')
        .map(|param| {
            let (name, value) = param.split_once('=').map_or((param, None), |(name, value)| (name, Some(value)));
            if name.is_empty() || value == Some("") {
                return Err(UriError::Param);
            }
            escape::check(name, is_lenient_param_char)?;
            value.map_or(Ok(()), |v| escape::check(v, is_lenient_param_char))?;
            Ok((name.into(), value.map(Into::into)))
        })
        .collect()
}

fn parse_headers(text: &str) -> Result<Pairs<Box<str>>, UriError> {
    text.split('&')
        .map(|header| {
            let (name, value) = header.split_once('=').unwrap_or((header, ""));
            if name.is_empty() {
                return Err(UriError::Header);
            }
            // Peers put a Replaces here with `;`, `=` and `@` unescaped.
            escape::check(name, |c| is_token_char(c) || is_header_char(c))?;
            escape::check(value, |c| is_header_char(c) || matches!(c, b'=' | b';' | b'@' | b','))?;
            Ok((name.into(), value.into()))
        })
        .collect()
}

/// `unreserved / user-unreserved`, and `#`, which phones dial without escaping.
fn is_user_char(c: u8) -> bool {
    is_unreserved(c) || matches!(c, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b'#')
}

/// `paramchar`
fn is_param_char(c: u8) -> bool {
    is_unreserved(c) || matches!(c, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

/// A value may hold `=` in the wild (base64), which ends nothing.
fn is_lenient_param_char(c: u8) -> bool {
    is_param_char(c) || matches!(c, b'=' | b'@' | b',')
}

/// `hnv-unreserved / unreserved`
fn is_header_char(c: u8) -> bool {
    is_unreserved(c) || matches!(c, b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$')
}

impl FromStr for SipUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<SipUri, UriError> {
        text.parse::<super::Uri>()?.into_sip().ok_or(UriError::Scheme)
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        self.host.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        for (name, value) in self.params() {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        for (i, (name, value)) in self.headers.iter().enumerate() {
            write!(f, "{}{name}={value}", if i == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}
