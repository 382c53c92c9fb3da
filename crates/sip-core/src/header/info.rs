//! What a message says about a call besides: why, when again, with which ring.

use super::{Header, Malformed, Name, Params, value::token_and_params};
use crate::scan::{self, Cursor};
use std::{borrow::Cow, ops::Deref};

/// Why (RFC 3326 §2): `SIP;cause=200;text="Call completed elsewhere"`, `Q.850;cause=16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` or other, as it stands.
    pub protocol: &'a str,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    /// A status code or an ISDN cause, after the protocol.
    pub fn cause(&self) -> Option<u16> {
        self.params.get("cause").and_then(scan::number)
    }

    /// For people.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.params.text("text")
    }
}

impl<'a> Header<'a> for Reason<'a> {
    const LIST: bool = true;

    fn name() -> Name {
        Name::Reason
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let (protocol, params) = token_and_params(value)?;
        Ok(Reason { protocol, params })
    }
}

/// When to try again (RFC 3261 §20.33): `120 (I'm in a meeting);duration=3600`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// Seconds.
    pub delta_seconds: u32,
    /// What stands in the parentheses.
    pub comment: Option<&'a str>,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Header<'a> for RetryAfter<'a> {
    fn name() -> Name {
        Name::RetryAfter
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let delta_seconds = scan::number(cursor.take_while(|c| c.is_ascii_digit())).ok_or(Malformed("no seconds"))?;
        cursor.skip_space();
        let comment = if cursor.peek() == Some(b'(') { Some(comment(&mut cursor)?) } else { None };
        let params = Params::parse(cursor.rest()).ok_or(Malformed("a broken parameter"))?;
        Ok(RetryAfter { delta_seconds, comment, params })
    }
}

/// The deepest nesting of comments read (§25.1 sets none).
pub(crate) const MAX_COMMENT_DEPTH: usize = 16;

/// At a `(`: what stands up to its `)`, comments in comments included.
fn comment<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Malformed> {
    let whole = cursor.rest();
    let (mut depth, mut escaped) = (0, false);
    for (at, c) in whole.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' if depth == MAX_COMMENT_DEPTH => return Err(Malformed("a comment nested too deep")),
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            *cursor = Cursor::new(&whole[at + 1..]);
            return Ok(&whole[1..at]);
        }
    }
    Err(Malformed("an open comment"))
}

/// `<uri>;params`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoUri<'a> {
    /// What stands between the brackets.
    pub uri: &'a str,
    /// What follows them.
    pub params: Params<'a>,
}

impl<'a> InfoUri<'a> {
    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let inner = value.strip_prefix('<').ok_or(Malformed("no `<`"))?;
        let (uri, params) = inner.split_once('>').ok_or(Malformed("an open `<`"))?;
        Ok(InfoUri { uri, params: Params::parse(params).ok_or(Malformed("a broken parameter"))? })
    }
}

macro_rules! info_uris {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub InfoUri<'a>);

        impl<'a> Header<'a> for $name<'a> {
            const LIST: bool = true;

            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                InfoUri::parse(value).map($name)
            }
        }

        impl<'a> Deref for $name<'a> {
            type Target = InfoUri<'a>;

            fn deref(&self) -> &InfoUri<'a> {
                &self.0
            }
        }
    )*};
}

info_uris! {
    /// How to ring (RFC 3261 §20.4, RFC 7462).
    AlertInfo;
    /// More on who calls, by `purpose` (RFC 3261 §20.9); `answer-after` asks to be answered.
    CallInfo;
    /// More on what went wrong (RFC 3261 §20.18).
    ErrorInfo;
}

impl CallInfo<'_> {
    /// Seconds after which the phone is asked to answer by itself.
    pub fn answer_after(&self) -> Option<u32> {
        self.params.get("answer-after").and_then(scan::number)
    }
}

/// Words from user to user, ISDN's UUI (RFC 7433 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserToUser<'a> {
    /// As it stands: `hex` digits unless `encoding` says otherwise; without the quotes of a quoted string.
    pub data: &'a str,
    /// `purpose`, `content`, `encoding`.
    pub params: Params<'a>,
}

impl UserToUser<'_> {
    /// The bytes, where the encoding is `hex`, which it is by default.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let hex = self.params.get("encoding").is_none_or(|e| e.eq_ignore_ascii_case("hex"));
        if !hex || !self.data.len().is_multiple_of(2) {
            return None;
        }
        let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
        self.data.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
    }
}

impl<'a> Header<'a> for UserToUser<'a> {
    const LIST: bool = true;

    fn name() -> Name {
        Name::UserToUser
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let data = match cursor.peek() {
            Some(b'"') => cursor.quoted().ok_or(Malformed("an open quote"))?,
            _ => cursor.token().ok_or(Malformed("no data"))?,
        };
        let params = Params::parse(cursor.rest()).ok_or(Malformed("a broken parameter"))?;
        Ok(UserToUser { data, params })
    }
}

/// What else there is to say about an answer (RFC 3261 §20.43): `370 example.com "Insufficient bandwidth"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// 300 to 399
    pub code: u16,
    /// Who says so.
    pub agent: &'a str,
    text: &'a str,
}

impl<'a> Warning<'a> {
    /// For people.
    pub fn text(&self) -> Cow<'a, str> {
        scan::unescape(self.text)
    }
}

impl<'a> Header<'a> for Warning<'a> {
    const LIST: bool = true;

    fn name() -> Name {
        Name::Warning
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        let code = cursor.take_while(|c| c.is_ascii_digit());
        let code =
            if code.len() == 3 { scan::number(code) } else { None }.ok_or(Malformed("no code of three digits"))?;
        cursor.skip_space();
        let agent = cursor.take_while(|c| !scan::is_space(c) && c != b'"');
        cursor.skip_space();
        if agent.is_empty() || cursor.peek() != Some(b'"') {
            return Err(Malformed("no agent and text"));
        }
        let text = cursor.quoted().ok_or(Malformed("an open quote"))?;
        if cursor.at_end() { Ok(Warning { code, agent, text }) } else { Err(Malformed("something behind the text")) }
    }
}
