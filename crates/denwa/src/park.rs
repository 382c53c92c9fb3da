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

/// The codes by which an exchange forwards calls itself: what is dialled to begin, `{}` standing for the number, and to end.
/// `("*21{}", "#21")`. The defaults are of no exchange: each has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardingCodes {
    /// All calls.
    pub always: Option<(String, String)>,
    /// Those that come while there is another call.
    pub when_busy: Option<(String, String)>,
    /// Those that nobody answers; after how long is for the exchange to know.
    pub when_unanswered: Option<(String, String)>,
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

impl ForwardingCodes {
    /// The codes to dial for going from one to the other.
    pub(crate) fn between(&self, before: &Forwarding, after: &Forwarding) -> Vec<String> {
        let late = |forwarding: &Forwarding| forwarding.when_unanswered.as_ref().map(|(to, _)| to.clone());
        let kinds = [
            (&self.always, before.always.clone(), after.always.clone()),
            (&self.when_busy, before.when_busy.clone(), after.when_busy.clone()),
            (&self.when_unanswered, late(before), late(after)),
        ];
        let code = |(codes, before, after): (&Option<(String, String)>, Option<Uri>, Option<Uri>)| {
            let (on, off) = codes.as_ref().filter(|_| before != after)?;
            Some(match after {
                Some(to) => on.replace("{}", &number(&to)),
                None => off.clone(),
            })
        };
        kinds.into_iter().filter_map(code).collect()
    }
}

/// The user part of an address, which is what a code wants.
fn number(uri: &Uri) -> String {
    uri.as_sip().and_then(|sip| sip.user()).map_or_else(|| uri.to_string(), |user| user.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_dialled() {
        let pair = |on: &str, off: &str| Some((on.to_owned(), off.to_owned()));
        let codes =
            ForwardingCodes { always: pair("*21{}", "#21"), when_busy: pair("*67*{}#", "##67"), ..Default::default() };
        let to = |number: &str| Some(format!("sip:{number}@pbx").parse::<Uri>().unwrap());
        let none = Forwarding::default();
        let all = Forwarding { always: to("1003"), ..Default::default() };
        let both = Forwarding { always: to("1003"), when_busy: to("1004"), ..Default::default() };
        assert_eq!(codes.between(&none, &all), ["*211003"]);
        assert_eq!(codes.between(&all, &both), ["*67*1004#"]);
        assert_eq!(codes.between(&both, &none), ["#21", "##67"]);
        assert!(codes.between(&both, &both).is_empty());
        let late = Forwarding { when_unanswered: to("1").zip(Some(std::time::Duration::ZERO)), ..Default::default() };
        assert!(codes.between(&none, &late).is_empty(), "there is no code for it");
    }
}
