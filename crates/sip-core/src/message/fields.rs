//! The header fields and the body of a message.

use super::index::Index;
use crate::{
    header::{self, CSeq, Contact, Header, HeaderError, List, Name, NameAddr, Via, name::Code},
    scan::Elements,
};
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// What a request and a response have in common: header fields in wire order, and a body.
#[derive(Clone)]
pub struct Fields {
    pub(super) bytes: Bytes,
    pub(super) index: Arc<Index>,
}

impl Fields {
    /// The whole message.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Every header line in wire order: name and value, white space around it taken off, folds left in.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &[u8])> {
        self.index.slots().map(|slot| {
            let (from, to) = slot.name();
            let name = slot.code.name().unwrap_or_else(|| Name::from_token(self.bytes.slice(from..to)));
            let (from, to) = slot.value();
            (name, &self.bytes[from..to])
        })
    }

    /// The value of the first line of this name, as [`iter`](Self::iter) gives it.
    pub fn raw(&self, name: &Name) -> Option<&[u8]> {
        self.first(name).map(|(from, to)| &self.bytes[from..to])
    }

    /// The values of all lines of this name, one a line, commas not looked at.
    pub fn raw_all(&self, name: &Name) -> impl Iterator<Item = &[u8]> + use<'_> {
        self.ranges(name.clone()).map(|(from, to)| &self.bytes[from..to])
    }

    /// The value of the first line of this name as text: folds are spaces, and bytes that are no UTF-8 are U+001A.
    pub fn value(&self, name: &Name) -> Option<&str> {
        self.first(name).map(|(from, to)| self.text(from, to))
    }

    /// As [`value`](Self::value), one a line.
    pub fn values(&self, name: &Name) -> impl Iterator<Item = &str> + use<'_> {
        self.ranges(name.clone()).map(|(from, to)| self.text(from, to))
    }

    /// Whether there is a line of this name.
    pub fn has(&self, name: &Name) -> bool {
        self.first(name).is_some()
    }

    /// The first value of a header: the first line's, and of a list the first element.
    ///
    /// ```
    /// # let bytes = bytes::Bytes::from_static(b"SIP/2.0 200 OK\r\nSession-Expires: 90;refresher=uas\r\n\r\n");
    /// # let message = sip_core::Message::parse(bytes).unwrap();
    /// use sip_core::header::SessionExpires;
    /// assert_eq!(message.fields().get::<SessionExpires>()?.delta_seconds, 90);
    /// # Ok::<(), sip_core::header::HeaderError>(())
    /// ```
    ///
    /// # Errors
    /// [`HeaderError::Missing`] without one, [`HeaderError::Malformed`] when it cannot be read.
    pub fn get<'a, H: Header<'a>>(&'a self) -> Result<H, HeaderError> {
        self.maybe()?.ok_or_else(|| HeaderError::Missing(H::name()))
    }

    /// As [`get`](Self::get) for a header that may be missing.
    ///
    /// # Errors
    /// [`HeaderError::Malformed`] when it is there and cannot be read.
    pub fn maybe<'a, H: Header<'a>>(&'a self) -> Result<Option<H>, HeaderError> {
        match self.first(&H::name()) {
            Some((from, to)) => {
                let value = self.text(from, to);
                let first = if H::LIST { Elements::new(value).next().unwrap_or("") } else { value };
                read(first).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Every value of a header in order, over all its lines; a list is cut at its commas (§7.3.1).
    pub fn all<'a, H: Header<'a>>(&'a self) -> impl Iterator<Item = Result<H, HeaderError>> {
        self.ranges(H::name()).flat_map(move |(from, to)| {
            let value = self.text(from, to);
            let whole = (!H::LIST).then_some(value);
            let cut = H::LIST.then(|| Elements::new(value)).into_iter().flatten();
            whole.into_iter().chain(cut).map(read)
        })
    }

    /// Call-ID, which is compared with case, byte by byte (§8.1.1.4).
    ///
    /// # Errors
    /// When it is missing or not `word [ "@" word ]`.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        self.get::<header::CallId<'_>>().map(|call_id| call_id.0)
    }

    /// CSeq.
    ///
    /// # Errors
    /// When it is missing or malformed; so are all below.
    pub fn cseq(&self) -> Result<CSeq, HeaderError> {
        self.get()
    }

    /// From.
    #[allow(missing_docs)]
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.get::<header::From<'_>>().map(|from| from.0)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.get::<header::To<'_>>().map(|to| to.0)
    }

    /// The first Via.
    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        self.get()
    }

    /// The first Contact that is an address: `None` also for `Contact: *`.
    pub fn contact(&self) -> Result<Option<NameAddr<'_>>, HeaderError> {
        Ok(match self.maybe::<Contact<'_>>()? {
            Some(Contact::Address(address)) => Some(address),
            Some(Contact::Any) | None => None,
        })
    }

    /// The type of the body, if it is named and well-formed.
    pub fn content_type(&self) -> Option<header::ContentType<'_>> {
        self.get().ok()
    }

    /// Whether a list of tokens (Supported, Require, Allow, Unsupported, Allow-Events, …) names `token`, without case.
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        self.values(&name).flat_map(List::new).any(|t| t.eq_ignore_ascii_case(token))
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> Bytes {
        self.bytes.slice(self.index.head_len().min(self.bytes.len())..)
    }

    #[inline]
    pub(super) fn text(&self, from: usize, to: usize) -> &str {
        // Slots begin and end at ASCII, so these are boundaries.
        self.index.text().get(from..to).unwrap_or("")
    }

    #[inline]
    fn first(&self, name: &Name) -> Option<(usize, usize)> {
        match name.code() {
            Code::OTHER => self.ranges(name.clone()).next(),
            code => self.index.find(code).map(|slot| slot.value()),
        }
    }

    #[inline]
    fn ranges(&self, name: Name) -> impl Iterator<Item = (usize, usize)> {
        let code = name.code();
        let same = move |(from, to): (usize, usize)| {
            code != Code::OTHER || self.bytes[from..to].eq_ignore_ascii_case(name.as_str().as_bytes())
        };
        self.index.slots().filter(move |slot| slot.code == code && same(slot.name())).map(|slot| slot.value())
    }
}

#[inline]
fn read<'a, H: Header<'a>>(value: &'a str) -> Result<H, HeaderError> {
    H::parse(value).map_err(|reason| HeaderError::Malformed { name: H::name(), reason })
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Fields {}

/// The start line alone: a message holds names, numbers and passwords that do not belong into a log.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.bytes.split(|c| *c == b' ').next().unwrap_or_default();
        write!(f, "{} … ({} bytes)", String::from_utf8_lossy(word), self.bytes.len())
    }
}
