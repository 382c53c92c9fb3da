//! Errors, sorted by who is to blame: the caller of this library, the peer, or the world.
//!
//! A message says what happened, to what, and what to do. It never names a number, a password or an address, so an error
//! may be logged as it is.
use crate::event::EndReason;
use std::io;

/// Why a request to the phone was not carried out. A call that an error speaks of is still the caller's, unless the
/// variant is [`Error::Ended`] or the refusal of a dialled call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's: what was asked makes no sense now. Nothing was sent.
    #[error("cannot {doing}: {state}")]
    Misuse {
        /// What was asked for, as a verb phrase.
        doing: &'static str,
        /// The state that forbids it.
        state: &'static str,
    },
    /// The peer's: its final response, RFC 3261 §21.3 to §21.6.
    #[error("{doing} was refused: {}", refusal(*.status, .reason))]
    Refused {
        /// What was refused, as a noun phrase.
        doing: &'static str,
        /// The SIP status code, 300 to 699.
        status: u16,
        /// The reason phrase as the peer wrote it.
        reason: String,
    },
    /// Nobody's: no answer came in the time that the protocol allows (RFC 3261 §17.1: 32 s for most requests).
    #[error("{doing} got no answer in time; check the address and that the server is up")]
    Timeout {
        /// What got no answer, as a noun phrase.
        doing: &'static str,
    },
    /// The world's: the server cannot be reached, its name is unknown, or a local socket could not be opened.
    #[error("{doing} failed in the network: {source}; check the address and the connection")]
    Network {
        /// What failed, as a noun phrase.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The world's: a sound device or file could not be opened.
    #[error("{doing} failed in the audio: {detail}; choose another device, or Audio::None")]
    Audio {
        /// What failed, as a noun phrase.
        doing: &'static str,
        /// What the audio layer said.
        detail: String,
    },
    /// Both sides': offer and answer have no codec in common (RFC 3264 §6), or the peer said so (488, 606, 415).
    #[error("the two sides have no codec in common; allow more codecs on one of them")]
    NoCommonCodec,
    /// The call ended before what was asked came to pass.
    #[error("the call ended first: {0}")]
    Ended(EndReason),
    /// A text that should hold a URI, digits or the like does not.
    #[error("{what} is not valid: {detail}")]
    Invalid {
        /// What was read, as a noun phrase.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The phone was shut down.
    #[error("the phone was shut down; start a new one")]
    Closed,
}

impl Error {
    /// The peer's status code, when the peer refused.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Ended(EndReason::Refused { status, .. }) => Some(*status),
            Self::NoCommonCodec => Some(488),
            _ => None,
        }
    }
}

impl Error {
    /// What a peer's final response means.
    pub(crate) fn from_final(doing: &'static str, status: u16, reason: &str) -> Self {
        match status {
            415 | 488 | 606 => Self::NoCommonCodec,
            _ => Self::Refused { doing, status, reason: reason.to_owned() },
        }
    }

    /// What the end of a call means to one who waited for something else.
    pub(crate) fn from_end(doing: &'static str, reason: EndReason) -> Self {
        match reason {
            EndReason::Refused { status, reason } => Self::from_final(doing, status, &reason),
            EndReason::NoCommonCodec => Self::NoCommonCodec,
            EndReason::Timeout => Self::Timeout { doing },
            EndReason::Unreachable => Self::Network { doing, source: io::ErrorKind::HostUnreachable.into() },
            EndReason::Shutdown => Self::Closed,
            other => Self::Ended(other),
        }
    }
}

impl From<sip_core::uri::UriError> for Error {
    fn from(error: sip_core::uri::UriError) -> Self {
        Self::Invalid { what: "the address", detail: error.to_string() }
    }
}

/// A plain word for the refusals that people meet, then the peer's own.
pub(crate) fn refusal(status: u16, reason: &str) -> String {
    let plain = match status {
        401 | 407 => "user name or password is wrong",
        403 => "not allowed for this account",
        404 | 604 => "this number does not exist",
        408 => "no answer in time",
        410 => "this number is no longer in use",
        480 => "nobody is there at the moment",
        484 => "the number is incomplete",
        486 | 600 => "busy",
        487 => "the call was given up",
        415 | 488 | 606 => "no codec in common",
        500..=599 => "the server cannot do it now",
        603 => "declined",
        _ => return format!("{status} {reason}"),
    };
    format!("{plain} ({status} {reason})")
}
