//! Challenges and credentials as they stand in headers (RFC 3261 §20.7, §20.27, §20.44; RFC 7616, RFC 8760).

use super::{Header, Malformed, Name};
use crate::scan::{self, Cursor};
use std::{borrow::Cow, ops::Deref};

/// `Digest realm="…", nonce="…"`: a scheme and its parameters. One line holds one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// `Digest` or other, as it stands.
    pub scheme: &'a str,
    /// All parameters; of a scheme that has none (a bare token such as `Bearer abc`) what stands there is in `rest`.
    pub params: AuthParams<'a>,
}

impl<'a> Challenge<'a> {
    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let scheme = cursor.token().ok_or(Malformed("no scheme"))?;
        if !cursor.skip_space() && !cursor.at_end() {
            return Err(Malformed("no space behind the scheme"));
        }
        let params = AuthParams(cursor.rest());
        // Other schemes are the business of who knows them (RFC 4475 §3.3.7).
        if scheme.eq_ignore_ascii_case("Digest") {
            params.check()?;
        }
        Ok(Challenge { scheme, params })
    }

    /// Whether it is the Digest scheme.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// The value of a parameter, escapes resolved.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params.get(name)
    }
}

/// The scheme alone: the rest has secrets.
impl std::fmt::Debug for Challenge<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} …", self.scheme)
    }
}

/// `name=value` parted by commas, checked for shape.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthParams<'a>(&'a str);

impl<'a> AuthParams<'a> {
    fn check(&self) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(self.0);
        while next_param(&mut cursor)?.is_some() {}
        Ok(())
    }

    /// Names as they stand; values without quotes, escapes resolved.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        let mut cursor = Cursor::new(self.0);
        std::iter::from_fn(move || next_param(&mut cursor).ok().flatten())
    }

    /// The first of this name, without case.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The text as it stands.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl std::fmt::Debug for AuthParams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Empty elements are allowed in such a list (RFC 7616 by way of RFC 7235 §2.1).
fn next_param<'a>(cursor: &mut Cursor<'a>) -> Result<Option<(&'a str, Cow<'a, str>)>, Malformed> {
    while cursor.eat_spaced(b',') {}
    cursor.skip_space();
    if cursor.at_end() {
        return Ok(None);
    }
    let name = cursor.token().ok_or(Malformed("a parameter without name"))?;
    if !cursor.eat_spaced(b'=') {
        return Err(Malformed("a parameter without value"));
    }
    let value = if cursor.peek() == Some(b'"') {
        scan::unescape(cursor.quoted().ok_or(Malformed("an open quote"))?)
    } else {
        Cow::Borrowed(cursor.take_while(|c| c != b',' && c != b'"' && !scan::is_space(c)))
    };
    cursor.skip_space();
    if cursor.at_end() || cursor.peek() == Some(b',') {
        Ok(Some((name, value)))
    } else {
        Err(Malformed("no comma between parameters"))
    }
}

macro_rules! challenges {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub Challenge<'a>);

        impl<'a> Header<'a> for $name<'a> {
            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                Challenge::parse(value).map($name)
            }
        }

        impl<'a> Deref for $name<'a> {
            type Target = Challenge<'a>;

            fn deref(&self) -> &Challenge<'a> {
                &self.0
            }
        }
    )*};
}

challenges! {
    /// What a server wants to know, in a 401 (RFC 3261 §20.44).
    WwwAuthenticate;
    /// What a proxy wants to know, in a 407 (RFC 3261 §20.27).
    ProxyAuthenticate;
    /// The answer to a server (RFC 3261 §20.7).
    Authorization;
    /// The answer to a proxy (RFC 3261 §20.28).
    ProxyAuthorization;
}

macro_rules! infos {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub AuthParams<'a>);

        impl<'a> Header<'a> for $name<'a> {
            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                let params = AuthParams(value);
                params.check().map(|()| $name(params))
            }
        }
    )*};
}

infos! {
    /// The server's proof that it knows the secret too, and the next nonce (RFC 3261 §20.6).
    AuthenticationInfo;
    /// The same of a proxy (RFC 7615).
    ProxyAuthenticationInfo;
}
