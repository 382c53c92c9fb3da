//! Header names: long, compact and unknown (RFC 3261 §7.3.1, §7.3.3).

use crate::scan;
use bytes::Bytes;
use std::{cmp::Ordering, fmt, hash, str::FromStr};

/// The longest header name read, in bytes.
pub const MAX_HEADER_NAME: usize = 255;

macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?;)*) => {
        /// A header name. Compared without case; a compact form is the same name.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`" $(, ", compact `", $compact, "`")?)] $variant,)*
            /// Any other token.
            Other(OtherName),
        }

        const KNOWN: &[Name] = &[$(Name::$variant,)*];
        const TEXT: &[&str] = &[$($text,)*];
        const COMPACT: &[(u8, Name)] = &[$($(($compact.as_bytes()[0], Name::$variant),)?)*];

        impl Name {
            /// The long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Name::$variant => $text,)*
                    Name::Other(name) => name.as_str(),
                }
            }

            /// A number for each known name, [`Code::OTHER`] for the rest: what the index keeps.
            pub(crate) const fn code(&self) -> Code {
                match self {
                    $(Name::$variant => Code(Known::$variant as u8),)*
                    Name::Other(_) => Code::OTHER,
                }
            }
        }

        #[repr(u8)]
        enum Known { $($variant),* }
    };
}

names! {
    Via "Via" "v";
    From "From" "f";
    To "To" "t";
    CallId "Call-ID" "i";
    CSeq "CSeq";
    Contact "Contact" "m";
    MaxForwards "Max-Forwards";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    ContentEncoding "Content-Encoding" "e";
    ContentDisposition "Content-Disposition";
    ContentLanguage "Content-Language";
    Route "Route";
    RecordRoute "Record-Route";
    Path "Path";
    ServiceRoute "Service-Route";
    Authorization "Authorization";
    ProxyAuthorization "Proxy-Authorization";
    WwwAuthenticate "WWW-Authenticate";
    ProxyAuthenticate "Proxy-Authenticate";
    AuthenticationInfo "Authentication-Info";
    ProxyAuthenticationInfo "Proxy-Authentication-Info";
    Expires "Expires";
    MinExpires "Min-Expires";
    Allow "Allow";
    Supported "Supported" "k";
    Require "Require";
    ProxyRequire "Proxy-Require";
    Unsupported "Unsupported";
    Accept "Accept";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AcceptContact "Accept-Contact" "a";
    RejectContact "Reject-Contact" "j";
    RequestDisposition "Request-Disposition" "d";
    UserAgent "User-Agent";
    Server "Server";
    Subject "Subject" "s";
    Organization "Organization";
    Priority "Priority";
    Date "Date";
    Timestamp "Timestamp";
    Event "Event" "o";
    AllowEvents "Allow-Events" "u";
    SubscriptionState "Subscription-State";
    ReferTo "Refer-To" "r";
    ReferredBy "Referred-By" "b";
    ReferSub "Refer-Sub";
    Replaces "Replaces";
    Join "Join";
    TargetDialog "Target-Dialog";
    SessionExpires "Session-Expires" "x";
    MinSe "Min-SE";
    SessionId "Session-ID";
    RSeq "RSeq";
    RAck "RAck";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    PAssociatedUri "P-Associated-URI";
    PCalledPartyId "P-Called-Party-ID";
    PEarlyMedia "P-Early-Media";
    RemotePartyId "Remote-Party-ID";
    Privacy "Privacy";
    Identity "Identity" "y";
    Diversion "Diversion";
    HistoryInfo "History-Info";
    Reason "Reason";
    RetryAfter "Retry-After";
    Warning "Warning";
    ErrorInfo "Error-Info";
    AlertInfo "Alert-Info";
    CallInfo "Call-Info";
    ReplyTo "Reply-To";
    InReplyTo "In-Reply-To";
    UserToUser "User-to-User";
    AnswerMode "Answer-Mode";
    PrivAnswerMode "Priv-Answer-Mode";
    InfoPackage "Info-Package";
    RecvInfo "Recv-Info";
    SipETag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    SuppressIfMatch "Suppress-If-Match";
    FlowTimer "Flow-Timer";
    MaxBreadth "Max-Breadth";
    MimeVersion "MIME-Version";
    FeatureCaps "Feature-Caps";
    Geolocation "Geolocation";
    ResourcePriority "Resource-Priority";
    SecurityClient "Security-Client";
    SecurityServer "Security-Server";
    SecurityVerify "Security-Verify";
}

/// A name that this crate has no word for: always a token, so it can be put on the wire as it is.
#[derive(Clone)]
pub struct OtherName(Bytes);

impl OtherName {
    /// As it was sent, case kept.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only tokens are put in, and tokens are ASCII")
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().map(u8::to_ascii_lowercase)
    }
}

impl PartialEq for OtherName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for OtherName {}

impl PartialOrd for OtherName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OtherName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl hash::Hash for OtherName {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.folded().for_each(|c| state.write_u8(c));
        state.write_u8(0);
    }
}

impl fmt::Debug for OtherName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The text is not a token of at most [`MAX_HEADER_NAME`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a header name is a token of at most {MAX_HEADER_NAME} bytes")]
pub struct NotAName;

impl Name {
    /// A name known at compile time, such as `X-Call-Tag`.
    ///
    /// # Panics
    /// When `text` is not a token of at most [`MAX_HEADER_NAME`] bytes.
    pub fn from_static(text: &'static str) -> Name {
        assert!(is_name(text), "a header name is a short token: {text:?}");
        Code::of(text.as_bytes()).name().unwrap_or(Name::Other(OtherName(Bytes::from_static(text.as_bytes()))))
    }

    /// `token` must be one: the caller has scanned it.
    pub(crate) fn from_token(token: Bytes) -> Name {
        Code::of(&token).name().unwrap_or(Name::Other(OtherName(token)))
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Name, NotAName> {
        if is_name(text) { Ok(Name::from_token(Bytes::copy_from_slice(text.as_bytes()))) } else { Err(NotAName) }
    }
}

fn is_name(text: &str) -> bool {
    scan::is_token(text) && text.len() <= MAX_HEADER_NAME
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A known name in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(u8);

const BUCKETS: usize = 512;
const NONE: u8 = u8::MAX;

/// Known names by hash, then chained: one comparison finds nearly every one.
static FIRST: [u8; BUCKETS] = first_of_chain().0;
static NEXT: [u8; KNOWN.len()] = first_of_chain().1;
static BY_LETTER: [u8; 26] = by_letter();

impl Code {
    pub(crate) const OTHER: Code = Code(NONE);
    pub(crate) const CONTENT_LENGTH: Code = Code(Known::ContentLength as u8);

    /// What the token `name` is called.
    #[inline]
    pub(crate) fn of(name: &[u8]) -> Code {
        match name {
            [] => Code::OTHER,
            [letter] => match letter.to_ascii_lowercase() {
                c @ b'a'..=b'z' => Code(BY_LETTER[usize::from(c - b'a')]),
                _ => Code::OTHER,
            },
            _ => {
                let mut code = FIRST[hash(name)];
                while code != NONE {
                    let known = TEXT[usize::from(code)].as_bytes();
                    if known == name || known.eq_ignore_ascii_case(name) {
                        break;
                    }
                    code = NEXT[usize::from(code)];
                }
                Code(code)
            }
        }
    }

    pub(crate) fn name(self) -> Option<Name> {
        KNOWN.get(usize::from(self.0)).cloned()
    }
}

/// Of at least two bytes. `| 0x20` folds the case of letters and is harmless to the rest.
#[inline]
const fn hash(name: &[u8]) -> usize {
    let [first, .., last] = name else { return 0 };
    (name.len() * 37 + ((*first | 0x20) as usize) * 7 + ((*last | 0x20) as usize) * 31) % BUCKETS
}

const fn first_of_chain() -> ([u8; BUCKETS], [u8; KNOWN.len()]) {
    let mut first = [NONE; BUCKETS];
    let mut next = [NONE; KNOWN.len()];
    let mut i = 0;
    while i < KNOWN.len() {
        let bucket = hash(TEXT[i].as_bytes());
        next[i] = first[bucket];
        first[bucket] = i as u8;
        i += 1;
    }
    (first, next)
}

const fn by_letter() -> [u8; 26] {
    let mut table = [NONE; 26];
    let mut i = 0;
    while i < COMPACT.len() {
        table[(COMPACT[i].0 - b'a') as usize] = COMPACT[i].1.code().0;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for (name, text) in KNOWN.iter().zip(TEXT) {
            assert_eq!(Name::from_str(text).unwrap(), *name);
            assert_eq!(Name::from_str(&text.to_uppercase()).unwrap(), *name);
            assert_eq!(Name::from_str(&text.to_lowercase()).unwrap(), *name);
            assert_eq!(name.as_str(), *text);
        }
        for (letter, name) in COMPACT {
            assert_eq!(Code::of(&[*letter]), name.code());
            assert_eq!(Code::of(&[letter.to_ascii_uppercase()]), name.code());
        }
    }

    #[test]
    fn unknown_names_compare_without_case_and_keep_theirs() {
        let (a, b) = (Name::from_static("X-Thing"), Name::from_static("x-THING"));
        assert_eq!(a, b);
        assert_eq!(a.cmp(&b), Ordering::Equal);
        assert_eq!((a.as_str(), b.as_str()), ("X-Thing", "x-THING"));
        assert!("a b".parse::<Name>().is_err() && "".parse::<Name>().is_err());
        assert!(matches!(Name::from_static("z"), Name::Other(_)));
    }

    #[test]
    fn chains_stay_short() {
        let longest = (0..BUCKETS)
            .map(|b| {
                std::iter::successors(Some(FIRST[b]), |c| NEXT.get(usize::from(*c)).copied())
                    .take_while(|c| *c != NONE)
                    .count()
            })
            .max();
        assert!(longest <= Some(3), "{longest:?}");
    }
}
