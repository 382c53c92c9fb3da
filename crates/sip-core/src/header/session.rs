//! Reliable provisional responses, session timers, and headers that name another dialog
//! (RFC 3262, RFC 4028, RFC 3891, RFC 3911, RFC 4538).

use super::{Header, Malformed, Name, Params, value::token_and_params};
use crate::{
    method::Method,
    scan::{self, Cursor},
};
use std::fmt;

/// The number of a reliable provisional response (RFC 3262 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RSeq(pub u32);

impl Header<'_> for RSeq {
    fn name() -> Name {
        Name::RSeq
    }

    fn parse(value: &str) -> Result<Self, Malformed> {
        scan::number(value).map(RSeq).ok_or(Malformed("no number below 2^32"))
    }
}

impl fmt::Display for RSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a PRACK acknowledges (RFC 3262 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The number in its CSeq.
    pub cseq: u32,
    /// The method in its CSeq.
    pub method: Method,
}

impl Header<'_> for RAck {
    fn name() -> Name {
        Name::RAck
    }

    fn parse(value: &str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let mut number = || {
            let n = scan::number(cursor.take_while(|c| c.is_ascii_digit())).ok_or(Malformed("no number below 2^32"))?;
            if cursor.skip_space() { Ok(n) } else { Err(Malformed("no space behind a number")) }
        };
        let (rseq, cseq) = (number()?, number()?);
        let method = Method::from_token(cursor.rest()).ok_or(Malformed("no method"))?;
        Ok(RAck { rseq, cseq, method })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq, self.method)
    }
}

/// Who keeps a session alive (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The one that sent this request.
    Uac,
    /// The one that answers it.
    Uas,
}

/// How long a session lives without refresh (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub delta_seconds: u32,
    /// `None` when it is left open; a word that is neither counts as open.
    pub refresher: Option<Refresher>,
}

impl Header<'_> for SessionExpires {
    fn name() -> Name {
        Name::SessionExpires
    }

    fn parse(value: &str) -> Result<Self, Malformed> {
        let (seconds, params) = token_and_params(value)?;
        let delta_seconds = scan::number(seconds).ok_or(Malformed("no seconds"))?;
        let refresher = params.get("refresher").and_then(|who| {
            if who.eq_ignore_ascii_case("uac") {
                Some(Refresher::Uac)
            } else {
                who.eq_ignore_ascii_case("uas").then_some(Refresher::Uas)
            }
        });
        Ok(SessionExpires { delta_seconds, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.delta_seconds.fmt(f)?;
        f.write_str(match self.refresher {
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
            None => "",
        })
    }
}

/// The shortest session interval, in seconds (RFC 4028 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinSe(pub u32);

impl Header<'_> for MinSe {
    fn name() -> Name {
        Name::MinSe
    }

    fn parse(value: &str) -> Result<Self, Malformed> {
        let (seconds, _) = token_and_params(value)?;
        scan::number(seconds).map(MinSe).ok_or(Malformed("no seconds"))
    }
}

impl fmt::Display for MinSe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! dialogs {
    ($($(#[$doc:meta])* $name:ident $first:literal $second:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a> {
            /// The dialog's Call-ID.
            pub call_id: &'a str,
            #[doc = concat!("`", $first, "`: the tag at the one that receives this header.")]
            pub local_tag: &'a str,
            #[doc = concat!("`", $second, "`: the tag at the other side.")]
            pub remote_tag: &'a str,
            /// All parameters.
            pub params: Params<'a>,
        }

        impl<'a> Header<'a> for $name<'a> {
            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                let (call_id, local_tag, remote_tag, params) = dialog(value, $first, $second)?;
                Ok($name { call_id, local_tag, remote_tag, params })
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", self.call_id, self.params.as_str())
            }
        }
    )*};
}

dialogs! {
    /// The dialog that a new one takes the place of (RFC 3891 §6.1). A tag of `0` stands for none (RFC 2543 peers).
    Replaces "to-tag" "from-tag";
    /// The dialog that a new one joins (RFC 3911 §7.1).
    Join "to-tag" "from-tag";
    /// A dialog between the same two, as proof of acquaintance (RFC 4538 §7).
    TargetDialog "local-tag" "remote-tag";
}

impl Replaces<'_> {
    /// Replace only while it rings (RFC 3891 §3).
    pub fn early_only(&self) -> bool {
        self.params.has("early-only")
    }
}

fn dialog<'a>(value: &'a str, first: &str, second: &str) -> Result<(&'a str, &'a str, &'a str, Params<'a>), Malformed> {
    let mut cursor = Cursor::new(value);
    let call_id = cursor.take_while(scan::is_word_char);
    if call_id.is_empty() {
        return Err(Malformed("no Call-ID"));
    }
    let params = Params::parse(cursor.rest()).ok_or(Malformed("a broken parameter"))?;
    let tag = |name| params.get(name).filter(|tag| !tag.is_empty()).ok_or(Malformed("a tag is missing"));
    Ok((call_id, tag(first)?, tag(second)?, params))
}
