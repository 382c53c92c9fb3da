//! One subscription of somebody else's to us: RFC 6665 §4.2.
//!
//! ```text
//!             news, refresh                  time over, unsubscribed, ended by the owner
//!  [Quiet] ──────────────────► [Telling] ───────────────────────────┐
//!     ▲    NOTIFY active          │  ▲ more news: once, when        │
//!     │                           │  └ the NOTIFY is answered       ▼
//!     └───────────────────────────┘ 2xx                    [Parting] NOTIFY terminated
//!     any ── the subscriber is gone (481, no answer …) ──► [Over] ◄──┘ answered
//! ```
//!
//! One NOTIFY is out at a time: of two on their way the second might come first, and would be refused.

use crate::status::StatusCode;
use std::time::{Duration, Instant};

/// The shortest lifetime that is granted; who asks for less gets 423.
pub const SHORTEST: Duration = Duration::from_secs(30);
/// The longest lifetime that is granted.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// The state and what is true in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notifier {
    /// The subscriber knows all.
    Quiet {
        /// Until when it wants to.
        until: Instant,
    },
    /// A NOTIFY is out.
    Telling {
        /// Until when the subscriber wants to know.
        until: Instant,
        /// There is something newer.
        more: bool,
    },
    /// The last NOTIFY is out, or waits until the one before is answered.
    Parting {
        /// Why.
        why: End,
        /// The one before is out.
        waits: bool,
    },
    /// Over.
    Over,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A SUBSCRIBE was accepted for that time; zero ends it.
    Subscribed(Duration),
    /// There is news.
    News,
    /// The owner ends it.
    Terminate(End),
    /// A NOTIFY has a 2xx.
    Delivered,
    /// A NOTIFY has another final response; 408 for none, 503 for a transport error.
    Refused(StatusCode),
    /// The deadline has passed.
    Timer,
}

/// What a step asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// NOTIFY, active for that long.
    Tell(Duration),
    /// NOTIFY, terminated.
    TellEnd(End),
    /// Tell the owner that it is over.
    Ended(End),
}

/// Why it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The subscriber wanted no more, or only wanted to know once, or did not refresh in time.
    Timeout,
    /// The owner: there is nothing to subscribe to any more.
    NoResource,
    /// The owner: subscribe again at once.
    Deactivated,
    /// The subscriber is gone or forgot it: what it said to a NOTIFY.
    Gone {
        /// The status; 408 for no answer.
        status: StatusCode,
    },
}

impl End {
    /// The reason of Subscription-State (§4.1.3).
    pub fn reason(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NoResource => "noresource",
            Self::Deactivated | Self::Gone { .. } => "deactivated",
        }
    }
}

impl Notifier {
    /// The first SUBSCRIBE was accepted for that time; zero: it only wants to know how it is now.
    pub fn start(now: Instant, expires: Duration) -> (Self, Option<Action>) {
        Self::Quiet { until: now }.step(now, Input::Subscribed(expires))
    }

    /// The next timer.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Self::Quiet { until } | Self::Telling { until, .. } => Some(until),
            Self::Parting { .. } | Self::Over => None,
        }
    }

    /// One transition.
    pub fn step(self, now: Instant, input: Input) -> (Self, Option<Action>) {
        use Notifier::{Over, Parting, Quiet, Telling};
        let tell =
            |until: Instant| (Telling { until, more: false }, Some(Action::Tell(until.saturating_duration_since(now))));
        let part = |why, waits| match waits {
            true => (Parting { why, waits }, None),
            false => (Parting { why, waits }, Some(Action::TellEnd(why))),
        };
        match (self, input) {
            (Over, _) => (Over, None),
            (_, Input::Refused(status)) => (Over, Some(Action::Ended(End::Gone { status }))),
            (Quiet { .. } | Telling { .. }, Input::Subscribed(Duration::ZERO)) => {
                part(End::Timeout, matches!(self, Telling { .. }))
            }
            (Quiet { .. }, Input::Subscribed(expires)) => tell(now + expires.min(LONGEST)),
            // §4.2.1.4: each SUBSCRIBE is answered by a NOTIFY.
            (Telling { .. }, Input::Subscribed(expires)) => {
                (Telling { until: now + expires.min(LONGEST), more: true }, None)
            }
            (Quiet { until } | Telling { until, .. }, Input::Timer) if now >= until => {
                part(End::Timeout, matches!(self, Telling { .. }))
            }
            (Quiet { .. } | Telling { .. }, Input::Terminate(why)) => part(why, matches!(self, Telling { .. })),
            (Quiet { until }, Input::News) => tell(until),
            (Telling { until, .. }, Input::News) => (Telling { until, more: true }, None),
            (Telling { until, more: true }, Input::Delivered) => tell(until),
            (Telling { until, more: false }, Input::Delivered) => (Quiet { until }, None),
            (Parting { why, waits: true }, Input::Delivered) => part(why, false),
            (Parting { why, waits: false }, Input::Delivered) => (Over, Some(Action::Ended(why))),
            (Parting { .. }, Input::Subscribed(_) | Input::News | Input::Terminate(_) | Input::Timer)
            | (Quiet { .. }, Input::Delivered)
            | (Quiet { .. } | Telling { .. }, Input::Timer) => (self, None),
        }
    }
}

#[cfg(test)]
mod tests;
