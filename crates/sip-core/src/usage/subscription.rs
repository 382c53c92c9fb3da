//! One subscription of ours: RFC 6665 §4.1.
//!
//! ```text
//!             2xx                 refresh well before expiry
//!  [Asking] ───────► [Active] ◄──────────────────────────► [Refreshing]
//!    ▲  │ passing       │ NOTIFY terminated, for a while        │ 481, 408: anew
//!    │  ▼ failure       ▼                                       ▼
//!  [Waiting] ◄──────────┴───────────────────────────────────────┘
//!     any ── unsubscribe ──► [Leaving] ──► [Over] ◄── refused, terminated for good
//! ```

use crate::status::StatusCode;
use std::time::{Duration, Instant};

/// The first pause before another try; it doubles.
pub const BACKOFF: Duration = Duration::from_secs(30);
/// No pause is longer.
pub const BACKOFF_MAX: Duration = Duration::from_secs(1800);
/// The shortest lifetime that is believed.
pub const SHORTEST: Duration = Duration::from_secs(10);
/// The longest lifetime that is asked for or believed, one day.
pub const LONGEST: Duration = Duration::from_secs(86_400);
/// How long the end of a subscription is waited for: 64*T1.
const FAREWELL: Duration = Duration::from_secs(32);
/// How soon a subscription that was deactivated is made anew: RFC 6665 §4.1.3 says at once, but not in a loop.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// The first SUBSCRIBE is out, for this time in a row.
    Asking {
        /// Failures in a row.
        failures: u32,
    },
    /// The notifier holds it.
    Active {
        /// Until when.
        until: Instant,
        /// When it is refreshed.
        refresh_at: Instant,
    },
    /// The refreshing SUBSCRIBE is out.
    Refreshing {
        /// Until when the notifier holds it.
        until: Instant,
    },
    /// It failed, or ended for a while.
    Waiting {
        /// When it is tried again.
        retry_at: Instant,
        /// Failures in a row.
        failures: u32,
    },
    /// The owner wants it no more.
    Leaving {
        /// Whether a SUBSCRIBE that says so is out.
        asked: bool,
        /// When the end is no longer waited for.
        give_up_at: Instant,
    },
    /// Over.
    Over,
}

/// What can happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// 2xx with the lifetime.
    Accepted(Duration),
    /// 423 with Min-Expires.
    TooBrief(Duration),
    /// Another final response; 408 for none, 503 for a transport error.
    Refused {
        /// The status.
        status: StatusCode,
        /// Its Retry-After.
        retry_after: Option<Duration>,
    },
    /// A NOTIFY that goes on, with the seconds that are left if it says so.
    Notified(Option<Duration>),
    /// A NOTIFY that ends it.
    Terminated {
        /// Its reason.
        reason: Option<String>,
        /// Its retry-after.
        retry_after: Option<Duration>,
    },
    /// The owner wants it no more.
    Unsubscribe,
    /// The deadline has passed.
    Timer,
}

/// What a step asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// SUBSCRIBE out of any dialog, for that time.
    Subscribe(Duration),
    /// SUBSCRIBE in the dialog, for that time; zero ends it.
    Refresh(Duration),
    /// Tell: the notifier holds it for that long.
    Active(Duration),
    /// Tell: it is over.
    Ended(End),
}

/// Why it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The owner wanted that.
    Unsubscribed,
    /// The first SUBSCRIBE was refused for good.
    Refused {
        /// The final status.
        status: StatusCode,
    },
    /// The notifier ended it for good.
    Terminated {
        /// Its reason.
        reason: Option<String>,
    },
}

/// The machine and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Where it is.
    pub state: Subscription,
    /// The lifetime to ask for; 423 raises it.
    pub expires: Duration,
}

impl Machine {
    /// Asks for that lifetime.
    pub fn start(expires: Duration) -> (Self, Vec<Action>) {
        let expires = expires.clamp(SHORTEST, LONGEST);
        (Self { state: Subscription::Asking { failures: 0 }, expires }, vec![Action::Subscribe(expires)])
    }

    /// The next timer.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            Subscription::Active { refresh_at, .. } => Some(refresh_at),
            Subscription::Refreshing { until } => Some(until),
            Subscription::Waiting { retry_at, .. } => Some(retry_at),
            Subscription::Leaving { give_up_at, .. } => Some(give_up_at),
            Subscription::Asking { .. } | Subscription::Over => None,
        }
    }

    /// One transition.
    pub fn step(self, now: Instant, input: Input) -> (Self, Vec<Action>) {
        use Subscription::{Active, Asking, Leaving, Over, Refreshing, Waiting};
        let Self { state, mut expires } = self;
        let mut out = Vec::new();
        let state = match (state, input) {
            (Over, _) => Over,
            (Leaving { asked: false, give_up_at }, Input::Accepted(_)) => {
                out.push(Action::Refresh(Duration::ZERO));
                Leaving { asked: true, give_up_at }
            }
            (Leaving { asked, give_up_at }, Input::Accepted(_) | Input::Notified(_) | Input::Unsubscribe) => {
                Leaving { asked, give_up_at }
            }
            (Leaving { asked, give_up_at }, Input::Timer) if now < give_up_at => Leaving { asked, give_up_at },
            (Leaving { .. }, _) => over(End::Unsubscribed, &mut out),
            (Active { .. } | Refreshing { .. }, Input::Unsubscribe) => {
                out.push(Action::Refresh(Duration::ZERO));
                Leaving { asked: true, give_up_at: now + FAREWELL }
            }
            (Asking { .. }, Input::Unsubscribe) => Leaving { asked: false, give_up_at: now + FAREWELL },
            (Waiting { .. }, Input::Unsubscribe) => over(End::Unsubscribed, &mut out),
            (Asking { .. } | Active { .. } | Refreshing { .. }, Input::Accepted(granted)) => {
                let granted = granted.clamp(SHORTEST, LONGEST);
                out.push(Action::Active(granted));
                Active { until: now + granted, refresh_at: now + refresh_after(granted) }
            }
            (Asking { failures }, Input::TooBrief(min)) if min > expires && min <= LONGEST => {
                expires = min;
                out.push(Action::Subscribe(expires));
                Asking { failures }
            }
            (Asking { failures }, Input::Refused { status, retry_after }) if may_pass(status) => {
                wait(now, failures + 1, retry_after)
            }
            (Asking { .. }, Input::Refused { status, .. }) => over(End::Refused { status }, &mut out),
            (Asking { .. }, Input::TooBrief(_)) => {
                over(End::Refused { status: StatusCode::INTERVAL_TOO_BRIEF }, &mut out)
            }
            // §4.1.2.2: the notifier has forgotten it, or is not what it was: make it anew.
            (Refreshing { .. }, Input::Refused { retry_after, .. }) => wait(now, 0, retry_after.or(Some(AT_ONCE))),
            (Refreshing { .. }, Input::TooBrief(min)) => {
                expires = min.clamp(expires, LONGEST);
                wait(now, 0, Some(AT_ONCE))
            }
            (state @ Active { .. }, Input::Refused { .. } | Input::TooBrief(_)) => state,
            (Active { until, refresh_at }, Input::Notified(left)) => {
                // §4.1.2.3: the notifier may shorten it.
                let until = left.map_or(until, |left| until.min(now + left.clamp(SHORTEST, LONGEST)));
                let shorter = now + refresh_after(until.saturating_duration_since(now));
                Active { until, refresh_at: refresh_at.min(shorter) }
            }
            (state @ (Asking { .. } | Refreshing { .. } | Waiting { .. }), Input::Notified(_)) => state,
            (Asking { .. } | Active { .. } | Refreshing { .. }, Input::Terminated { reason, retry_after }) => {
                // §4.1.3
                match reason.as_deref() {
                    None | Some("deactivated" | "timeout") => wait(now, 0, Some(retry_after.unwrap_or(AT_ONCE))),
                    Some("probation" | "giveup") => wait(now, 1, retry_after),
                    Some(_) => over(End::Terminated { reason }, &mut out),
                }
            }
            (Active { until, refresh_at }, Input::Timer) if now >= refresh_at => {
                out.push(Action::Refresh(expires));
                Refreshing { until: until.max(now + FAREWELL) }
            }
            (Refreshing { until }, Input::Timer) if now >= until => wait(now, 0, Some(AT_ONCE)),
            (Waiting { retry_at, failures }, Input::Timer) if now >= retry_at => {
                out.push(Action::Subscribe(expires));
                Asking { failures }
            }
            (state, Input::Timer) => state,
            (
                state @ Waiting { .. },
                Input::Accepted(_) | Input::TooBrief(_) | Input::Refused { .. } | Input::Terminated { .. },
            ) => state,
        };
        (Self { state, expires }, out)
    }
}

fn over(end: End, out: &mut Vec<Action>) -> Subscription {
    out.push(Action::Ended(end));
    Subscription::Over
}

fn wait(now: Instant, failures: u32, retry_after: Option<Duration>) -> Subscription {
    let doubled = BACKOFF * 2_u32.pow(failures.saturating_sub(1).min(8));
    let pause = retry_after.unwrap_or(doubled).clamp(AT_ONCE, BACKOFF_MAX);
    Subscription::Waiting { retry_at: now + pause, failures }
}

/// Well before it runs out, with time for a lost SUBSCRIBE.
fn refresh_after(granted: Duration) -> Duration {
    if granted > FAREWELL * 3 { granted - FAREWELL } else { granted / 2 }
}

/// A failure that says nothing about the subscription itself.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.code(), 408 | 480 | 500 | 502..=504 | 506..=599)
}

#[cfg(test)]
mod tests;
