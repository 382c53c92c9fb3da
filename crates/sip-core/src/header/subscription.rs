//! Events and the state of a subscription (RFC 6665 §8.2).

use super::{Header, Malformed, Name, Params, value::token_and_params};
use crate::scan;
use std::fmt;

/// What a subscription is about (RFC 6665 §8.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// `refer`, `message-summary`, `dialog`, `presence`, … with templates, as it stands; compared with case.
    pub package: &'a str,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Which of several subscriptions in one dialog.
    pub fn id(&self) -> Option<&'a str> {
        self.params.get("id").filter(|id| !id.is_empty())
    }
}

impl<'a> Header<'a> for Event<'a> {
    fn name() -> Name {
        Name::Event
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let (package, params) = token_and_params(value)?;
        Ok(Event { package, params })
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.package, self.params.as_str())
    }
}

/// How a subscription stands, in every NOTIFY (RFC 6665 §8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated` or other, as it stands.
    pub state: &'a str,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    /// Over: no more NOTIFYs. Unknown states are not.
    pub fn is_terminated(&self) -> bool {
        self.state.eq_ignore_ascii_case("terminated")
    }

    /// Why it ended: `noresource`, `timeout`, `deactivated`, … (RFC 6665 §4.1.3).
    pub fn reason(&self) -> Option<&'a str> {
        self.params.get("reason")
    }

    /// Seconds that are left.
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").and_then(scan::number)
    }

    /// Seconds to wait before another try.
    pub fn retry_after(&self) -> Option<u32> {
        self.params.get("retry-after").and_then(scan::number)
    }
}

impl<'a> Header<'a> for SubscriptionState<'a> {
    fn name() -> Name {
        Name::SubscriptionState
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        let (state, params) = token_and_params(value)?;
        Ok(SubscriptionState { state, params })
    }
}

impl fmt::Display for SubscriptionState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.state, self.params.as_str())
    }
}
