//! One binding at a registrar: RFC 3261 §10.2, with the back-off of RFC 5626 §4.5.
//!
//! ```text
//!              register                     2xx
//!  [Idle] ───────────────► [Registering] ───────────► [Registered] ──┐ refresh
//!     ▲                      │   ▲    ▲                              │ well before
//!     │           transient  ▼   │    └──────────────────────────────┘ expiry
//!     │                 [Waiting]┘ back-off
//!     │ permanent            │
//!  [Stopped] ◄───────────────┘           unregister, from any state but Idle and Stopped
//!                                        ───────────► [Unregistering] ── any end ──► [Idle]
//! ```

use crate::status::StatusCode;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// RFC 5626 §4.5: the first back-off is drawn from half of this up to all of it.
pub const BACKOFF_BASE: Duration = Duration::from_secs(30);

/// RFC 5626 §4.5: no back-off is longer.
pub const BACKOFF_MAX: Duration = Duration::from_secs(1800);

/// The shortest lifetime that is believed; a registrar that grants less is asked no more often than this allows.
pub const SHORTEST: Duration = Duration::from_secs(10);

/// The longest lifetime that is asked for or believed, one day.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// The shortest pause before a lost connection is made anew; twice that at most.
const FLOW_LOST: Duration = Duration::from_secs(2);

/// How often 423 may raise the interval in a row before it counts as a failure.
const MAX_RAISES: u32 = 2;

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Nothing is wanted and nothing is bound.
    Idle,
    /// A REGISTER is under way.
    Registering {
        /// Until when the registrar still holds an older binding of ours.
        bound_until: Option<Instant>,
        /// Failures in a row.
        failures: u32,
        /// 423s in a row.
        raises: u32,
    },
    /// The registrar holds our binding.
    Registered {
        /// Until when.
        bound_until: Instant,
        /// When it is refreshed.
        refresh_at: Instant,
    },
    /// A REGISTER failed and is tried again.
    Waiting {
        /// As in `Registering`.
        bound_until: Option<Instant>,
        /// As in `Registering`.
        failures: u32,
        /// When.
        retry_at: Instant,
    },
    /// A REGISTER with lifetime zero is under way.
    Unregistering,
    /// A REGISTER failed for good. Only a new command changes that.
    Stopped,
}

/// What can happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The owner wants to be registered; now, also if a back-off runs.
    Register,
    /// The owner wants to be registered no more.
    Unregister,
    /// 2xx, with the lifetime that the registrar chose for our contact; zero if it does not list it.
    Accepted(Duration),
    /// 423 with Min-Expires.
    TooBrief(Duration),
    /// Another final response, or 408 for none, 503 for a transport error.
    Refused {
        /// The status.
        status: StatusCode,
        /// Its Retry-After.
        retry_after: Option<Duration>,
        /// The registrar does not take our credentials.
        credentials: bool,
    },
    /// Our address is not what we thought: say so at once.
    Moved,
    /// The connection that the registrar reaches us by is gone: soon again by a new one.
    FlowLost,
    /// The deadline has passed.
    Timer,
}

/// What a step asks for, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send REGISTER for that lifetime.
    Register(Duration),
    /// Send REGISTER with lifetime zero for our contact alone.
    Remove,
    /// Tell: the first REGISTER is under way.
    Registering,
    /// Tell: bound for that long.
    Registered(Duration),
    /// Tell: not bound.
    Unregistered,
    /// Tell: it failed, and when it is tried again.
    Failed {
        /// When; `None` with `permanent`.
        retry_in: Option<Duration>,
        /// Whether it is given up.
        permanent: bool,
    },
}

/// The machine and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Where it is.
    pub state: Registration,
    /// The lifetime to ask for; 423 raises it.
    pub expires: Duration,
}

impl Machine {
    /// Idle.
    pub fn new(expires: Duration) -> Self {
        Self { state: Registration::Idle, expires: expires.clamp(SHORTEST, LONGEST) }
    }

    /// The next timer.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            Registration::Registered { refresh_at, .. } => Some(refresh_at),
            Registration::Waiting { retry_at, .. } => Some(retry_at),
            Registration::Idle
            | Registration::Registering { .. }
            | Registration::Unregistering
            | Registration::Stopped => None,
        }
    }

    /// One transition. `draw` is a random number, for jitter.
    pub fn step(self, now: Instant, draw: u64, input: Input) -> (Self, Vec<Action>) {
        use Registration::{Idle, Registered, Registering, Stopped, Unregistering, Waiting};
        let Self { state, mut expires } = self;
        let mut actions = Vec::new();
        let state = match (state, input) {
            (Idle | Stopped | Unregistering, Input::Register) => {
                actions.extend([Action::Registering, Action::Register(expires)]);
                Registering { bound_until: None, failures: 0, raises: 0 }
            }
            (Waiting { bound_until, .. }, Input::Register) => {
                actions.extend([Action::Registering, Action::Register(expires)]);
                Registering { bound_until, failures: 0, raises: 0 }
            }
            (Registered { bound_until, .. }, Input::Register | Input::Moved) => {
                actions.push(Action::Register(expires));
                Registering { bound_until: Some(bound_until), failures: 0, raises: 0 }
            }
            (Registering { .. } | Registered { .. }, Input::Unregister) => {
                actions.push(Action::Remove);
                Unregistering
            }
            (Waiting { bound_until, .. }, Input::Unregister) => {
                if bound_until.is_some_and(|until| until > now) {
                    actions.push(Action::Remove);
                    Unregistering
                } else {
                    actions.push(Action::Unregistered);
                    Idle
                }
            }
            (Idle | Stopped, Input::Unregister) => {
                actions.push(Action::Unregistered);
                Idle
            }
            (Registering { bound_until, failures, .. }, Input::Accepted(granted)) if granted.is_zero() => {
                // A 2xx that does not list us is no binding.
                failed(now, draw, bound_until, failures, None, &mut actions)
            }
            (Registering { .. }, Input::Accepted(granted)) => {
                let granted = granted.clamp(SHORTEST, LONGEST);
                actions.push(Action::Registered(granted));
                Registered { bound_until: now + granted, refresh_at: now + refresh_after(granted, draw) }
            }
            (Registering { bound_until, failures, raises }, Input::TooBrief(min)) => {
                if min > expires && min <= LONGEST && raises < MAX_RAISES {
                    // §10.2.8: ask again for at least Min-Expires.
                    expires = min;
                    actions.push(Action::Register(expires));
                    Registering { bound_until, failures, raises: raises + 1 }
                } else {
                    failed(now, draw, bound_until, failures, None, &mut actions)
                }
            }
            (Registering { bound_until, failures, .. }, Input::Refused { status, retry_after, credentials }) => {
                if credentials || is_permanent(status) {
                    actions.push(Action::Failed { retry_in: None, permanent: true });
                    Stopped
                } else {
                    failed(now, draw, bound_until, failures, retry_after, &mut actions)
                }
            }
            (Unregistering, Input::Accepted(_) | Input::TooBrief(_) | Input::Refused { .. }) => {
                // Refused or not, we refresh no more, and the binding runs out.
                actions.push(Action::Unregistered);
                Idle
            }
            (Registered { bound_until, refresh_at }, Input::FlowLost) => {
                // Not at once: a server that closes each connection would be asked without pause.
                let soon = now + FLOW_LOST + fraction(FLOW_LOST, draw);
                Registered { bound_until, refresh_at: refresh_at.min(soon) }
            }
            (Registered { bound_until, refresh_at }, Input::Timer) if refresh_at <= now => {
                actions.push(Action::Register(expires));
                Registering { bound_until: Some(bound_until), failures: 0, raises: 0 }
            }
            (Waiting { bound_until, failures, retry_at }, Input::Timer) if retry_at <= now => {
                actions.push(Action::Register(expires));
                Registering { bound_until, failures, raises: 0 }
            }
            // Repeated commands, answers that come too late, early timers.
            (state, _) => state,
        };
        (Self { state, expires }, actions)
    }
}

fn failed(
    now: Instant,
    draw: u64,
    bound_until: Option<Instant>,
    failures: u32,
    retry_after: Option<Duration>,
    actions: &mut Vec<Action>,
) -> Registration {
    let wait = back_off(failures, draw);
    // Retry-After is a floor; the jitter on top keeps a thousand phones from coming back together.
    let wait = retry_after.map_or(wait, |after| after.min(LONGEST) + wait.min(after / 10));
    actions.push(Action::Failed { retry_in: Some(wait), permanent: false });
    Registration::Waiting {
        bound_until: bound_until.filter(|until| *until > now),
        failures: failures.saturating_add(1),
        retry_at: now + wait,
    }
}

/// RFC 5626 §4.5: `min(max, base * 2^failures)`, of which 50 to 100 % by chance.
fn back_off(failures: u32, draw: u64) -> Duration {
    let upper = BACKOFF_BASE.saturating_mul(1 << failures.min(10)).min(BACKOFF_MAX);
    upper / 2 + fraction(upper / 2, draw)
}

/// Leaves time for a REGISTER that runs into its 64*T1 and another one, if the lifetime is long enough for that;
/// at most a fifth earlier than that by chance.
fn refresh_after(granted: Duration, draw: u64) -> Duration {
    let margin = (granted / 10).max(Duration::from_secs(70)).min(granted / 2);
    let latest = granted - margin;
    latest - fraction(latest / 5, draw)
}

/// `of`, scaled by the draw to 0 to 100 %.
fn fraction(of: Duration, draw: u64) -> Duration {
    let milli = u32::try_from(draw % 1001).unwrap_or(0);
    of * milli / 1000
}

/// Asking again for the same would get the same. What is missing here may pass: overload, time-outs, routing.
fn is_permanent(status: StatusCode) -> bool {
    matches!(
        status.code(),
        400..=407 | 410 | 413..=422 | 424..=428 | 436..=439 | 484 | 485 | 488 | 493 | 494 | 501 | 505 | 513 | 600..=699
    )
}
