//! A few bytes that ride with a call, from one program to the other: User-to-User (RFC 7433).
use super::MAX_VALUES;
use sip_core::Request;
use sip_core::header::UserToUser;
use std::fmt::{self, Write};

/// The most bytes that [`Context::new`] takes: 192 hexadecimal digits, which servers let pass.
pub const MAX_CONTEXT: usize = 96;

/// The most bytes read: what ISDN has room for, 128 and a protocol discriminator (RFC 7434 §3.1). Longer ones are ignored.
pub const MAX_CONTEXT_READ: usize = 129;

/// The package that our own contexts name: a reference to a record, which both programs know how to look up. It is not a
/// registered one.
pub const PURPOSE: &str = "ctxref";

/// Bytes from user to user, opaque to SIP: a reference to what the call is about. Never an address (RFC 7433 §4), nor
/// anything private: every server on the way can read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    bytes: Vec<u8>,
    purpose: Option<String>,
    content: Option<String>,
}

/// Why bytes are no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// There are none.
    #[error("a context needs at least one byte")]
    Empty,
    /// There are too many.
    #[error("a context has at most {MAX_CONTEXT} bytes, not {length}; send a reference in place of the data")]
    TooLong {
        /// How many there are.
        length: usize,
    },
}

impl Context {
    /// These bytes, to be sent with [`PURPOSE`].
    ///
    /// # Errors
    /// When there are none, or more than [`MAX_CONTEXT`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ContextError> {
        let bytes = bytes.into();
        match bytes.len() {
            0 => Err(ContextError::Empty),
            1..=MAX_CONTEXT => Ok(Self { bytes, purpose: Some(PURPOSE.into()), content: None }),
            length => Err(ContextError::TooLong { length }),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The package that says what the bytes are; `None` is that of ISDN, whose first byte is a protocol discriminator
    /// (RFC 7434 §3.1).
    #[must_use]
    pub fn purpose(&self) -> Option<&str> {
        self.purpose.as_deref()
    }

    /// What the bytes are within the package; `None`: its default.
    #[must_use]
    pub fn content(&self) -> Option<&str> {
        self.content.as_deref()
    }

    /// The value of a User-to-User header, unescaped: `6374;encoding=hex;purpose=ctxref`. In a Refer-To it stands, escaped,
    /// among the headers of the URI (RFC 7433 §4.1).
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = String::with_capacity(2 * self.bytes.len() + 32);
        for byte in &self.bytes {
            // Upper case is the canonical form (§4.2). Writing to a String does not fail.
            let _ = write!(value, "{byte:02X}");
        }
        value.push_str(";encoding=hex");
        for (name, param) in [("purpose", &self.purpose), ("content", &self.content)] {
            if let Some(param) = param {
                let _ = write!(value, ";{name}={param}");
            }
        }
        value
    }
}

/// A reference may be a key to something: only its length is shown.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({} bytes)", self.bytes.len())
    }
}

/// What a request brings along: the first that is ours by [`PURPOSE`], else the first that can be read. What is empty,
/// broken, longer than [`MAX_CONTEXT_READ`] or in an encoding other than `hex` is passed over (RFC 7433 §4.1: "SHALL
/// ignore").
#[must_use]
pub fn context(request: &Request) -> Option<Context> {
    let mut first = None;
    for value in request.all::<UserToUser<'_>>().take(MAX_VALUES).filter_map(Result::ok) {
        let Some(bytes) = value.bytes().filter(|bytes| (1..=MAX_CONTEXT_READ).contains(&bytes.len())) else { continue };
        let param = |name| value.params.get(name).filter(|param| is_token(param)).map(str::to_owned);
        let context = Context { bytes, purpose: param("purpose"), content: param("content") };
        if context.purpose().is_some_and(|purpose| purpose.eq_ignore_ascii_case(PURPOSE)) {
            return Some(context);
        }
        first.get_or_insert(context);
    }
    first
}

/// RFC 3261 §25.1. What is none could not be sent on.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&c))
}
