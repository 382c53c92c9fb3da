//! `name-addr` and `addr-spec` with parameters: From, To, Contact, Route and their kin (RFC 3261 §20.10, §20.20, §20.39).

use super::{Header, Malformed, Name, Params};
use crate::{
    scan::{self, Cursor},
    uri::{Uri, UriError},
};
use std::{borrow::Cow, fmt, ops::Deref};

/// `"Bob" <sip:bob@example.com>;tag=a6c85cf`, or without the brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    display: Option<&'a str>,
    uri: &'a str,
    params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one address.
    ///
    /// # Errors
    /// On an open quote or bracket, white space in the address, a bare address with `?` or `,` (§20), broken parameters.
    pub fn parse(value: &'a str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(value);
        cursor.skip_space();
        let display;
        if cursor.peek() == Some(b'"') {
            display = Some(cursor.quoted().ok_or(Malformed("an open quote"))?);
            cursor.skip_space();
        } else {
            let words = cursor.take_while(scan::is_display_char);
            if cursor.peek() != Some(b'<') {
                return Self::bare(words, cursor);
            }
            display = Some(scan::trim(words)).filter(|words| !words.is_empty());
        }
        if !cursor.eat(b'<') {
            return Err(Malformed("no `<` behind the display name"));
        }
        let uri = cursor.take_while(scan::is_uri_char);
        if !cursor.eat(b'>') {
            return Err(Malformed(if cursor.rest().contains('>') {
                "a character that cannot be in an address"
            } else {
                "an open `<`"
            }));
        }
        Self::checked(display, uri, cursor.rest())
    }

    /// An `addr-spec`: all parameters are the header's (§20.10).
    fn bare(uri: &'a str, behind: Cursor<'a>) -> Result<Self, Malformed> {
        let uri = scan::trim(uri);
        if !matches!(behind.peek(), None | Some(b';')) || !scan::is_bare_address(uri) {
            return Err(Malformed("an address that needs `<` and `>`"));
        }
        Self::checked(None, uri, behind.rest())
    }

    fn checked(display: Option<&'a str>, uri: &'a str, params: &'a str) -> Result<Self, Malformed> {
        let named = uri.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
        if !named || !uri.bytes().any(|c| c == b':') {
            return Err(Malformed("an address without scheme"));
        }
        let params = Params::parse(params).ok_or(Malformed("a broken parameter"))?;
        Ok(NameAddr { display, uri, params })
    }

    /// The display name, escapes resolved. `None` when there is none or an empty one.
    pub fn display(&self) -> Option<Cow<'a, str>> {
        self.display.filter(|text| !text.is_empty()).map(scan::unescape)
    }

    /// The URI as it stands.
    pub fn uri_str(&self) -> &'a str {
        self.uri
    }

    /// The URI.
    ///
    /// # Errors
    /// When it is none.
    pub fn uri(&self) -> Result<Uri, UriError> {
        self.uri.parse()
    }

    /// The parameters of the header, which are not those of the URI.
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The value of a parameter without its quotes; `""` for a flag.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }

    /// The dialog's mark of From and To (§19.3).
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    /// Of a Contact: seconds (§20.10). What is no number counts as absent; more than 2³²-1 is that (§20.19).
    pub fn expires(&self) -> Option<u32> {
        let text = self.param("expires")?;
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    }

    /// Of a Contact, in thousandths, 0 to 1000 (§20.10). 1000 when absent or malformed.
    pub fn q(&self) -> u16 {
        self.param("q").and_then(thousandths).unwrap_or(1000)
    }
}

/// `qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )`
pub(super) fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0" | "", n) => Some(n),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// As it goes on the wire.
impl fmt::Display for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = self.display() {
            scan::quote(&display, f)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params.as_str())
    }
}

/// An address to send: prints as a From, To, Contact, Refer-To, … value.
///
/// ```
/// use sip_core::header::NameAddrBuf;
/// let bob = NameAddrBuf::new("sip:bob@example.com".parse()?).display("Bob \"B\"").param("tag", "x1");
/// assert_eq!(bob.to_string(), r#""Bob \"B\"" <sip:bob@example.com>;tag=x1"#);
/// # Ok::<(), sip_core::uri::UriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddrBuf {
    display: Option<String>,
    uri: Uri,
    params: Vec<(String, Option<String>)>,
}

impl NameAddrBuf {
    /// `<uri>`
    pub fn new(uri: Uri) -> Self {
        NameAddrBuf { display: None, uri, params: Vec::new() }
    }

    /// Puts a name before it; an empty one is none. Control characters are left out.
    #[must_use]
    pub fn display(mut self, name: &str) -> Self {
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        self.display = (!name.is_empty()).then_some(name);
        self
    }

    /// Adds a parameter; a value that is no token is quoted.
    #[must_use]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.into(), Some(value.into())));
        self
    }

    /// Adds a parameter without value.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.params.push((name.into(), None));
        self
    }

    /// The URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for NameAddrBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display {
            scan::quote(name, f)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>", self.uri)?;
        for (name, value) in &self.params {
            write!(f, ";{name}")?;
            match value {
                Some(value) if scan::is_token(value) => write!(f, "={value}")?,
                Some(value) => {
                    f.write_str("=")?;
                    scan::quote(value, f)?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

macro_rules! addresses {
    ($($(#[$doc:meta])* $name:ident $list:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<'a>(pub NameAddr<'a>);

        impl<'a> Header<'a> for $name<'a> {
            const LIST: bool = $list;

            fn name() -> Name {
                Name::$name
            }

            fn parse(value: &'a str) -> Result<Self, Malformed> {
                NameAddr::parse(value).map($name)
            }
        }

        impl<'a> Deref for $name<'a> {
            type Target = NameAddr<'a>;

            fn deref(&self) -> &NameAddr<'a> {
                &self.0
            }
        }
    )*};
}

addresses! {
    /// Who asks (RFC 3261 §20.20).
    From false;
    /// Who is asked (RFC 3261 §20.39).
    To false;
    /// The way to go (RFC 3261 §20.34).
    Route true;
    /// The way to come back (RFC 3261 §20.30).
    RecordRoute true;
    /// The way to a registered phone (RFC 3327).
    Path true;
    /// The way out, learnt at registration (RFC 3608).
    ServiceRoute true;
    /// Where to go (RFC 3515 §2.1). Replaces and others stand as `?headers` in its URI.
    ReferTo false;
    /// Who sends there (RFC 3892).
    ReferredBy false;
    /// Where to answer to (RFC 3261 §20.31).
    ReplyTo false;
    /// Who it is, by a server that knows (RFC 3325 §9.1).
    PAssertedIdentity true;
    /// Who one would like to be (RFC 3325 §9.2).
    PPreferredIdentity true;
    /// What else one may be called (RFC 7315 §4.1).
    PAssociatedUri true;
    /// The address that was dialled (RFC 7315 §4.2).
    PCalledPartyId false;
    /// Caller or callee in the manner of an expired draft, which many servers still send.
    RemotePartyId true;
    /// Who sent the call on, the last one first (RFC 5806, RFC 7544).
    Diversion true;
    /// Where the call has been, in order of its `index` (RFC 7044).
    HistoryInfo true;
}

impl<'a> Diversion<'a> {
    /// `unconditional`, `user-busy`, `no-answer`, …
    pub fn reason(&self) -> Option<&'a str> {
        self.param("reason")
    }

    /// How often it was sent on; 1 when absent.
    pub fn counter(&self) -> u32 {
        self.param("counter").and_then(scan::number).unwrap_or(1)
    }
}

impl<'a> HistoryInfo<'a> {
    /// `1.2.1`: the place in the tree of targets.
    pub fn index(&self) -> Option<&'a str> {
        self.param("index")
    }

    /// The status or reason that the URI's `?Reason` gives (RFC 7044 §10.2), as it stands.
    pub fn reason(&self) -> Option<String> {
        self.uri().ok()?.as_sip()?.header("Reason").map(Cow::into_owned)
    }
}

/// Where one can be reached (RFC 3261 §20.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*`: all bindings, in a REGISTER that removes them (§10.2.2).
    Any,
    /// An address.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// The address, if it is one.
    pub fn address(&self) -> Option<NameAddr<'a>> {
        match self {
            Contact::Any => None,
            Contact::Address(address) => Some(*address),
        }
    }
}

impl<'a> Header<'a> for Contact<'a> {
    const LIST: bool = true;

    fn name() -> Name {
        Name::Contact
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        if value == "*" { Ok(Contact::Any) } else { NameAddr::parse(value).map(Contact::Address) }
    }
}
