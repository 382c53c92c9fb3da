//! Words of parking: how, where, and what became of it.
use crate::command::Digits;
use crate::event::CallId;
use sip_core::uri::Uri;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

/// How an account parks calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParkMethod {
    /// REFER to an orbit, such as `700`, whose exchange chooses the slot.
    ReferTo(String),
    /// REFER to the first slot of a range that no other call is known to be in.
    Directed(RangeInclusive<u32>),
    /// Keys that the exchange knows, such as `#700`.
    FeatureCode(Digits),
    /// REFER to a park server, asking it to take the other side over with Replaces (RFC 5359 §2.15).
    Rfc5359(Uri),
    /// REFER to an orbit; the slot is in the body of the 2xx.
    Bodied(String),
}

/// How a call is taken that rings at another phone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pickup {
    /// A code that the exchange knows; the extension follows it. `*8`.
    Code(String),
    /// The exchange is asked which call rings there (RFC 4235), and an INVITE takes its place (RFC 3891).
    Replaces,
}

impl Default for Pickup {
    fn default() -> Self {
        Self::Code("*8".to_owned())
    }
}

/// Where the number of the slot comes from.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum SlotSource {
    /// What the exchange sends with its responses and NOTIFYs, if it says it there; else the user hears it.
    #[default]
    Told,
    /// The state of the slots themselves: a subscription (RFC 4235) to each of these extensions.
    DialogInfo(RangeInclusive<u32>),
    /// An Asterisk manager connection.
    #[cfg(feature = "ami")]
    Ami(crate::ami::Ami),
    /// Somebody else knows: this is called within the phone's task when the park is under way, must not block, and answers
    /// by [`Phone::parked_in`](crate::Phone::parked_in).
    Callback(Arc<dyn Fn(CallId) + Send + Sync>),
}

impl fmt::Debug for SlotSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => f.write_str("Told"),
            Self::DialogInfo(range) => f.debug_tuple("DialogInfo").field(range).finish(),
            #[cfg(feature = "ami")]
            Self::Ami(_) => f.write_str("Ami"),
            Self::Callback(_) => f.write_str("Callback"),
        }
    }
}

/// Where a call is parked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// In the slot of that number: `701`.
    At(String),
    /// Nobody but the spoken announcement says where. The call is kept until its user hangs up.
    Unknown,
}

impl Slot {
    /// The number, if it is known.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        match self {
            Self::At(number) => Some(number),
            Self::Unknown => None,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number().unwrap_or("?"))
    }
}

/// A call that we parked and that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedCall {
    /// Where.
    pub slot: Slot,
    /// Who waits there: the number, or the address if it is no number.
    pub party: String,
    /// Their name, if they gave one.
    pub name: Option<String>,
    /// Since when.
    pub since: Instant,
    /// When the exchange rings back: 300 s after that, unless the account says otherwise.
    pub until: Instant,
}

/// What happened to a call that we parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParkChange {
    /// It waits there now.
    Parked,
    /// Somebody took it.
    Retrieved,
    /// Its time was over, and it rings here again: an [`Event::Incoming`](crate::Event::Incoming) whose state names the
    /// slot.
    RingingBack,
    /// Its time was over, and it did not ring here.
    TimedOut,
    /// The party hung up.
    GivenUp,
    /// It is not there any more: taken or hung up. The [`DialogInfo`](SlotSource::DialogInfo) of a slot does not tell which.
    Left,
}

/// What to do with calls that come in for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarding {
    /// All of them, without ringing.
    pub always: Option<Uri>,
    /// Those that come while there is another call.
    pub when_busy: Option<Uri>,
    /// Those that nobody answers, after that time.
    pub when_unanswered: Option<(Uri, std::time::Duration)>,
}
