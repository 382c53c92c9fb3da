//! Headers of one word, number or line.

use super::{Header, Malformed, Name, Params};
use crate::{
    method::Method,
    scan::{self, Cursor},
};
use std::fmt;

/// The order of requests within a dialog, and the method (RFC 3261 §20.16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2³¹ (§8.1.1.5).
    pub number: u32,
    /// That of the request.
    pub method: Method,
}

impl CSeq {
    /// Prints as `number method`.
    pub fn new(number: u32, method: Method) -> CSeq {
        CSeq { number, method }
    }
}

impl Header<'_> for CSeq {
    fn name() -> Name {
        Name::CSeq
    }

    fn parse(value: &str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let number = scan::number(cursor.take_while(|c| c.is_ascii_digit())).filter(|n| *n <= i32::MAX as u32);
        let number = number.ok_or(Malformed("no number below 2^31"))?;
        if !cursor.skip_space() {
            return Err(Malformed("no space behind the number"));
        }
        let method = Method::from_token(cursor.rest()).ok_or(Malformed("no method"))?;
        Ok(CSeq { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// What all messages of a dialog or registration share (RFC 3261 §20.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId<'a>(pub &'a str);

impl<'a> Header<'a> for CallId<'a> {
    fn name() -> Name {
        Name::CallId
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        // callid = word [ "@" word ]; `@` is let through as a part of the words.
        if scan::is_call_id(value) { Ok(CallId(value)) } else { Err(Malformed("not word [@word]")) }
    }
}

/// The type of the body (RFC 3261 §20.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentType<'a> {
    /// `application`
    pub kind: &'a str,
    /// `sdp`
    pub subtype: &'a str,
    /// `boundary` and others.
    pub params: Params<'a>,
}

impl ContentType<'_> {
    /// Whether it is this `type/subtype`, parameters and case aside.
    pub fn is(&self, mime: &str) -> bool {
        mime.split_once('/')
            .is_some_and(|(k, s)| k.eq_ignore_ascii_case(self.kind) && s.eq_ignore_ascii_case(self.subtype))
    }
}

impl<'a> Header<'a> for ContentType<'a> {
    fn name() -> Name {
        Name::ContentType
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let kind = cursor.token().ok_or(Malformed("no type"))?;
        if !cursor.eat_spaced(b'/') {
            return Err(Malformed("no `/`"));
        }
        let subtype = cursor.token().ok_or(Malformed("no subtype"))?;
        let params = Params::parse(cursor.rest()).ok_or(Malformed("a broken parameter"))?;
        Ok(ContentType { kind, subtype, params })
    }
}

/// How long the body is, in bytes (RFC 3261 §20.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLength(pub u32);

/// How many hops are left, 0 to 255 (RFC 3261 §20.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxForwards(pub u8);

/// Seconds until something ends (RFC 3261 §20.19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expires(pub u32);

/// The shortest time that a registrar grants, in seconds (RFC 3261 §20.23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinExpires(pub u32);

/// How often a flow wants a keep-alive, in seconds (RFC 5626 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowTimer(pub u32);

macro_rules! numbers {
    ($($name:ident $range:literal;)*) => {$(
        impl Header<'_> for $name {
            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &str) -> Result<Self, Malformed> {
                scan::number(value).map($name).ok_or(Malformed(concat!("no number from 0 to ", $range)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    ContentLength "2^32-1";
    MaxForwards "255";
    Expires "2^32-1";
    MinExpires "2^32-1";
    FlowTimer "2^32-1";
}

macro_rules! lines {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub &'a str);

        impl<'a> Header<'a> for $name<'a> {
            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                Ok($name(value))
            }
        }
    )*};
}

lines! {
    /// What the message is about (RFC 3261 §20.36).
    Subject;
    /// Who made the program that asks (RFC 3261 §20.41).
    UserAgent;
    /// Who made the program that answers (RFC 3261 §20.35).
    Server;
    /// RFC 3261 §20.25
    Organization;
    /// `emergency`, `urgent`, `normal`, `non-urgent` or other (RFC 3261 §20.26).
    Priority;
    /// The state that a PUBLISH made (RFC 3903 §11.3.1).
    SipETag;
    /// The state that a PUBLISH changes (RFC 3903 §11.3.2).
    SipIfMatch;
}

macro_rules! tokens_with_params {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a> {
            /// The word, as it stands.
            pub value: &'a str,
            /// What follows it.
            pub params: Params<'a>,
        }

        impl<'a> Header<'a> for $name<'a> {
            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                let (value, params) = token_and_params(value)?;
                Ok($name { value, params })
            }
        }
    )*};
}

pub(super) fn token_and_params(value: &str) -> Result<(&str, Params<'_>), Malformed> {
    let mut cursor = Cursor::new(value);
    let token = cursor.token().ok_or(Malformed("no token"))?;
    let params = Params::parse(cursor.rest()).ok_or(Malformed("a broken parameter"))?;
    Ok((token, params))
}

tokens_with_params! {
    /// What to do with the body: `session`, `render`, `early-session`, … (RFC 3261 §20.11).
    ContentDisposition;
    /// `true` or `false`: whether a REFER makes a subscription (RFC 4488 §4).
    ReferSub;
    /// `Auto` or `Manual` (RFC 5373 §4).
    AnswerMode;
    /// What the body of an INFO is for (RFC 6086 §7.3).
    InfoPackage;
    /// 32 hexadecimal digits, with `remote=` for the other half (RFC 7989 §5).
    SessionId;
}

/// When it was sent, by the sender's clock, and how long the answer took: seconds as they stand (RFC 3261 §20.38).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp<'a> {
    /// `*DIGIT [ "." *DIGIT ]`
    pub value: &'a str,
    /// In the same form.
    pub delay: Option<&'a str>,
}

impl<'a> Header<'a> for Timestamp<'a> {
    fn name() -> Name {
        Name::Timestamp
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut words = value.split([' ', '\t']).filter(|word| !word.is_empty());
        let number =
            |word: &&str| word.bytes().all(|c| c.is_ascii_digit() || c == b'.') && word.split('.').count() <= 2;
        let first = words.next().filter(number).ok_or(Malformed("no number"))?;
        let delay = words.next();
        if delay.is_some_and(|d| !number(&d)) || words.next().is_some() {
            return Err(Malformed("no number behind the number"));
        }
        Ok(Timestamp { value: first, delay })
    }
}
