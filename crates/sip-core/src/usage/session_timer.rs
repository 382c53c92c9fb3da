//! The expiration of a session: RFC 4028, for either role. What is asked for and agreed on is the endpoint's; here is when
//! something must be done about it.
//!
//! ```text
//!           2xx: we refresh            half the interval
//!  [Off] ───────────────────► [Ours] ───────────────────► [Refreshing] ── 2xx ──► [Ours] or [Theirs]
//!    ▲ │                        ▲                              │ │
//!    │ │                        └── failed: after half of what ┘ │ interval − min(32 s, interval/3)
//!    │ │ 2xx: the peer refreshes      is left                    ▼
//!    │ └───────────────────────► [Theirs] ── the same time ──► expired: BYE
//!    └── 2xx without Session-Expires
//! ```

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// The shortest interval that anybody may ask for (RFC 4028 §4).
pub const SHORTEST: Duration = Duration::from_secs(90);

/// The shortest interval that is lived by. A 2xx with less breaks RFC 4028 §4 and would keep us busy.
const BELIEVED: Duration = Duration::from_secs(10);

/// The longest time before the expiration that the BYE is sent (§10).
const BEFORE: Duration = Duration::from_secs(32);

/// A refresh that failed is not tried again sooner than this, nor with less than this left.
const RETRY: Duration = Duration::from_secs(4);

/// The state and what is true in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiration {
    /// The session does not expire.
    Off,
    /// We refresh.
    Ours {
        /// What was agreed on.
        interval: Duration,
        /// When we refresh it.
        refresh_at: Instant,
        /// When it is given up.
        end: Instant,
    },
    /// A refresh of ours is wanted or under way.
    Refreshing {
        /// What was agreed on.
        interval: Duration,
        /// When it is given up.
        end: Instant,
    },
    /// The peer refreshes.
    Theirs {
        /// What was agreed on.
        interval: Duration,
        /// When it is given up.
        end: Instant,
    },
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A 2xx to a session refresh request set the interval.
    Agreed {
        /// Of Session-Expires.
        interval: Duration,
        /// We are the refresher.
        ours: bool,
    },
    /// A 2xx to a session refresh request had no Session-Expires.
    Unset,
    /// A session refresh request of ours failed, and the session goes on.
    Failed {
        /// Of the response.
        retry_after: Option<Duration>,
    },
    /// The deadline has passed.
    Timer,
}

/// What a step asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Send a session refresh request.
    Refresh,
    /// The session was not refreshed: end it with BYE.
    Expire,
}

impl Expiration {
    /// The next timer.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Off => None,
            Self::Ours { refresh_at, end, .. } => Some(*refresh_at.min(end)),
            Self::Refreshing { end, .. } | Self::Theirs { end, .. } => Some(*end),
        }
    }

    /// What was agreed on.
    pub fn interval(&self) -> Option<Duration> {
        match self {
            Self::Off => None,
            Self::Ours { interval, .. } | Self::Refreshing { interval, .. } | Self::Theirs { interval, .. } => {
                Some(*interval)
            }
        }
    }

    /// Whether we are the refresher.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Ours { .. } | Self::Refreshing { .. })
    }

    /// One transition.
    #[must_use]
    pub fn step(self, now: Instant, input: Input) -> (Self, Action) {
        match (self, input) {
            (_, Input::Agreed { interval, ours }) => {
                let interval = interval.max(BELIEVED);
                // §10: "the minimum of 32 seconds and one third of the session interval" before it expires.
                let end = now + interval - BEFORE.min(interval / 3);
                // §7.2: a refresh is sent once half the interval has elapsed.
                let refresh_at = now + interval / 2;
                let next = if ours { Self::Ours { interval, refresh_at, end } } else { Self::Theirs { interval, end } };
                (next, Action::None)
            }
            (_, Input::Unset) => (Self::Off, Action::None),
            // §10: again if possible, but not continuously.
            (Self::Refreshing { interval, end }, Input::Failed { retry_after }) => {
                let left = end.saturating_duration_since(now);
                let wait = (left / 2).max(retry_after.unwrap_or_default()).max(RETRY);
                if wait < left {
                    (Self::Ours { interval, refresh_at: now + wait, end }, Action::None)
                } else {
                    (Self::Refreshing { interval, end }, Action::None)
                }
            }
            (state @ (Self::Off | Self::Ours { .. } | Self::Theirs { .. }), Input::Failed { .. }) => {
                (state, Action::None)
            }
            (Self::Ours { end, .. } | Self::Refreshing { end, .. } | Self::Theirs { end, .. }, Input::Timer)
                if end <= now =>
            {
                (Self::Off, Action::Expire)
            }
            (Self::Ours { interval, refresh_at, end }, Input::Timer) if refresh_at <= now => {
                (Self::Refreshing { interval, end }, Action::Refresh)
            }
            (state @ (Self::Off | Self::Ours { .. } | Self::Refreshing { .. } | Self::Theirs { .. }), Input::Timer) => {
                (state, Action::None)
            }
        }
    }
}
