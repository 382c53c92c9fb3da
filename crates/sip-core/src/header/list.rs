//! Lists of words: Supported, Allow, Accept and their kin.

use super::{Header, Malformed, Name, Params};
use crate::scan::{self, Cursor, Elements};

/// The words of one line, parted by commas. Empty ones are passed over: `Supported:` alone says "nothing" (RFC 3261 §20.37).
#[derive(Clone, Debug)]
pub struct List<'a>(Elements<'a>);

impl<'a> List<'a> {
    /// Of a line's value.
    pub fn new(value: &'a str) -> Self {
        List(Elements::new(value))
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.by_ref().find(|word| !word.is_empty())
    }
}

macro_rules! token_lists {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// One element; use [`Fields::all`](crate::message::Fields::all) or
        /// [`Fields::has_token`](crate::message::Fields::has_token). An empty line has one empty element.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub &'a str);

        impl<'a> Header<'a> for $name<'a> {
            const LIST: bool = true;

            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                if value.is_empty() || scan::is_token(value) { Ok($name(value)) } else { Err(Malformed("not a token")) }
            }
        }
    )*};
}

token_lists! {
    /// Extensions understood (RFC 3261 §20.37).
    Supported;
    /// Extensions that the other side must understand (RFC 3261 §20.32).
    Require;
    /// Extensions that proxies must understand (RFC 3261 §20.29).
    ProxyRequire;
    /// Extensions not understood (RFC 3261 §20.40).
    Unsupported;
    /// Methods understood (RFC 3261 §20.5).
    Allow;
    /// Event packages understood (RFC 6665 §8.2.2).
    AllowEvents;
    /// How the body is packed (RFC 3261 §20.12).
    ContentEncoding;
}

/// What to hide: `id`, `header`, `session`, `user`, `none`, `critical`, parted by `;` (RFC 3323 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy<'a>(pub &'a str);

impl<'a> Privacy<'a> {
    /// One by one.
    pub fn values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.split([';', ',']).map(scan::trim).filter(|value| !value.is_empty())
    }

    /// Whether it asks for this, without case.
    pub fn asks(&self, value: &str) -> bool {
        self.values().any(|v| v.eq_ignore_ascii_case(value))
    }
}

impl<'a> Header<'a> for Privacy<'a> {
    fn name() -> Name {
        Name::Privacy
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let privacy = Privacy(value);
        if privacy.values().all(scan::is_token) { Ok(privacy) } else { Err(Malformed("not tokens")) }
    }
}

/// A word with a weight: a media range, an encoding, a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighted<'a> {
    /// As it stands, `""` when the line is empty.
    pub value: &'a str,
    /// `q` and others.
    pub params: Params<'a>,
}

impl Weighted<'_> {
    /// In thousandths, 0 to 1000; 1000 when absent or malformed.
    pub fn q(&self) -> u16 {
        self.params.get("q").and_then(super::address::thousandths).unwrap_or(1000)
    }
}

macro_rules! weighted_lists {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub Weighted<'a>);

        impl<'a> Header<'a> for $name<'a> {
            const LIST: bool = true;

            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                let mut cursor = Cursor::new(value);
                let word = cursor.take_while(|c| scan::is_token_char(c) || c == b'/');
                let params = Params::parse(cursor.rest()).ok_or(Malformed("a broken parameter"))?;
                Ok($name(Weighted { value: word, params }))
            }
        }
    )*};
}

weighted_lists! {
    /// Bodies understood (RFC 3261 §20.1).
    Accept;
    /// Packings understood (RFC 3261 §20.2).
    AcceptEncoding;
    /// Languages preferred (RFC 3261 §20.3).
    AcceptLanguage;
}

impl Accept<'_> {
    /// Whether this range takes bodies of `type/subtype`: `*/*` and `type/*` are wide, and a weight of 0 refuses.
    pub fn takes(&self, mime: &str) -> bool {
        let (Some((kind, subtype)), Some((k, s))) = (mime.split_once('/'), self.0.value.split_once('/')) else {
            return false;
        };
        let same = |range: &str, word: &str| range == "*" || range.eq_ignore_ascii_case(word);
        self.0.q() > 0 && same(k, kind) && same(s, subtype)
    }
}
