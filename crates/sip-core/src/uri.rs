//! SIP, SIPS and tel URIs, owned and comparable; others are kept as they are.
//!
//! `==` compares the spelling of the parts; [`Uri::equivalent`] compares by RFC 3261 §19.1.4 and RFC 3966 §4.

pub mod escape;
mod host;
mod sip;
mod tel;
#[cfg(test)]
mod tests;

pub use host::Host;
pub use sip::SipUri;
pub use tel::TelUri;

use std::{fmt, str::FromStr};

/// The longest URI read: a Request-URI above it is answered 414 (RFC 3261 §8.2.2 leaves the number open).
pub const MAX_URI: usize = 8_192;

/// Any URI that a SIP message can hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Uri {
    /// `sip:` or `sips:` (RFC 3261 §19.1)
    Sip(SipUri),
    /// `tel:` (RFC 3966)
    Tel(TelUri),
    /// Any other scheme.
    Other(OtherUri),
}

/// A URI of a scheme that this crate does not look into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherUri(Box<str>);

/// Why a text is no URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// No `scheme:` in front.
    #[error("a URI begins with its scheme")]
    Scheme,
    /// A character that cannot stand in a URI, such as a space or `<`.
    #[error("a character that cannot stand in a URI")]
    Character,
    /// `%` without two hexadecimal digits.
    #[error("`%` without two hexadecimal digits")]
    Escape,
    /// The user part is empty.
    #[error("an empty user part")]
    User,
    /// Not a host name, IPv4 address or `[IPv6 address]`.
    #[error("a malformed host")]
    Host,
    /// Not a number from 0 to 65535.
    #[error("a malformed port")]
    Port,
    /// A parameter without name, or with an empty value.
    #[error("a malformed parameter")]
    Param,
    /// A `?header` without name.
    #[error("a malformed header")]
    Header,
    /// Not a telephone number.
    #[error("a malformed telephone number")]
    Number,
    /// Above [`MAX_URI`] bytes.
    #[error("a URI of more than {MAX_URI} bytes")]
    TooLong,
}

impl Uri {
    /// `sip:host`
    pub fn sip(host: Host) -> Uri {
        Uri::Sip(SipUri::new(host))
    }

    /// In lower case.
    pub fn scheme(&self) -> &str {
        match self {
            Uri::Sip(uri) if uri.is_secure() => "sips",
            Uri::Sip(_) => "sip",
            Uri::Tel(_) => "tel",
            Uri::Other(uri) => uri.scheme(),
        }
    }

    /// The SIP or SIPS URI in it.
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            Uri::Tel(_) | Uri::Other(_) => None,
        }
    }

    /// Takes the SIP or SIPS URI out of it.
    pub fn into_sip(self) -> Option<SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            Uri::Tel(_) | Uri::Other(_) => None,
        }
    }

    /// Whether both name the same resource: RFC 3261 §19.1.4 for SIP, RFC 3966 §4 for tel, equal text for others.
    pub fn equivalent(&self, other: &Uri) -> bool {
        match (self, other) {
            (Uri::Sip(a), Uri::Sip(b)) => a.equivalent(b),
            (Uri::Tel(a), Uri::Tel(b)) => a.equivalent(b),
            (Uri::Other(a), Uri::Other(b)) => {
                a.scheme().eq_ignore_ascii_case(b.scheme())
                    && a.0.split_once(':').map(|x| x.1) == b.0.split_once(':').map(|x| x.1)
            }
            _ => false,
        }
    }
}

impl OtherUri {
    /// As written.
    pub fn scheme(&self) -> &str {
        self.0.split(':').next().unwrap_or("")
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Uri, UriError> {
        let (scheme, rest) = split_scheme(text)?;
        if scheme.eq_ignore_ascii_case("sip") {
            return SipUri::parse(false, rest).map(Uri::Sip);
        }
        if scheme.eq_ignore_ascii_case("sips") {
            return SipUri::parse(true, rest).map(Uri::Sip);
        }
        if scheme.eq_ignore_ascii_case("tel") {
            return TelUri::parse(rest).map(Uri::Tel);
        }
        Ok(Uri::Other(OtherUri(text.into())))
    }
}

/// Cuts `scheme:` off (RFC 2396 §3.1), after the checks that hold for every URI.
fn split_scheme(text: &str) -> Result<(&str, &str), UriError> {
    if text.len() > MAX_URI {
        return Err(UriError::TooLong);
    }
    let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
    let mut chars = scheme.bytes();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
    if !first || !chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.')) {
        return Err(UriError::Scheme);
    }
    if !rest.bytes().all(|c| c > b' ' && c < 0x7f && !matches!(c, b'<' | b'>' | b'"')) {
        return Err(UriError::Character);
    }
    if rest.is_empty() {
        return Err(UriError::Host);
    }
    Ok((scheme, rest))
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uri::Sip(uri) => uri.fmt(f),
            Uri::Tel(uri) => uri.fmt(f),
            Uri::Other(uri) => f.write_str(&uri.0),
        }
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Uri {
        Uri::Sip(uri)
    }
}

impl From<TelUri> for Uri {
    fn from(uri: TelUri) -> Uri {
        Uri::Tel(uri)
    }
}
