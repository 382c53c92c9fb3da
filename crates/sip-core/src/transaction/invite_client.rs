//! The INVITE client transaction, RFC 3261 §17.1.1 with RFC 6026 §8.4.
//!
//! ```text
//!                |INVITE from TU
//!   A: resend    V            B, transport error: report
//!        +--[ Calling ]-----------------------------------+
//!        |      |  |  300-699: ACK, report                |
//!        |  1xx |  +------------------+                   |
//!    2xx |      V                     V    3xx+: ACK      |
//! report | [Proceeding]-- 3xx+ -->[Completed]-- D ------> [Terminated]
//!        |      | 1xx: report                             ^
//!        |  2xx V                                         |
//!        +->[Accepted]  2xx: report ---- M ---------------+
//! ```

use super::{Actions, Backoff, Report, Timer, Timers, earliest};
use bytes::Bytes;
use std::time::Instant;

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InviteClient {
    /// The request is on its way; nothing has come back.
    Calling {
        /// The request, to be repeated.
        request: Bytes,
        /// Timer A; none over a reliable transport.
        a: Option<Backoff>,
        /// Timer B.
        b: Instant,
    },
    /// A provisional response came. No timer: a phone may ring as long as its user bears it.
    Proceeding,
    /// A failure came and was acknowledged.
    Completed {
        /// The ACK, to be repeated for each copy of the response.
        ack: Bytes,
        /// Timer D.
        d: Instant,
    },
    /// A 2xx came. Copies and 2xx from other forks go up until the state ends.
    Accepted {
        /// Timer M.
        m: Instant,
    },
    /// Nothing is left to do.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx, with the ACK that §17.1.1.3 builds from it.
    Failure(Bytes),
    /// The deadline has passed.
    Timer,
    /// The transport could not deliver the last message.
    TransportError,
}

impl InviteClient {
    /// Sends the request.
    pub fn start(now: Instant, timers: &Timers, reliable: bool, request: Bytes) -> (Self, Actions) {
        let a = (!reliable).then(|| Backoff::first(now, timers.t1));
        (Self::Calling { request: request.clone(), a, b: now + timers.give_up() }, Actions::send(request))
    }

    /// The next timer, if the state has one.
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match self {
            Self::Calling { a, b, .. } => Some(earliest(a.map(|a| (a.at, Timer::A)), (*b, Timer::B))),
            Self::Completed { d, .. } => Some((*d, Timer::D)),
            Self::Accepted { m } => Some((*m, Timer::M)),
            Self::Proceeding | Self::Terminated => None,
        }
    }

    /// One transition.
    pub fn step(self, now: Instant, timers: &Timers, reliable: bool, input: Input) -> (Self, Actions) {
        match (self, input) {
            (Self::Calling { request, a, b }, Input::Timer) => {
                if b <= now {
                    return (Self::Terminated, Actions::report(Report::Timeout));
                }
                match a {
                    // Timer A doubles without bound, §17.1.1.2.
                    Some(due) if due.at <= now => {
                        let a = Some(due.doubled(now, None));
                        (Self::Calling { request: request.clone(), a, b }, Actions::send(request))
                    }
                    _ => (Self::Calling { request, a, b }, Actions::none()),
                }
            }
            (Self::Calling { .. }, Input::TransportError) => {
                (Self::Terminated, Actions::report(Report::TransportError))
            }
            (Self::Calling { .. } | Self::Proceeding, Input::Provisional) => {
                (Self::Proceeding, Actions::report(Report::Response))
            }
            (Self::Calling { .. } | Self::Proceeding, Input::Success) => {
                (Self::Accepted { m: now + timers.give_up() }, Actions::report(Report::Response))
            }
            (Self::Calling { .. } | Self::Proceeding, Input::Failure(ack)) => {
                let actions = Actions::send_and_report(ack.clone(), Report::Response);
                // Timer D is zero over a reliable transport: no copies can come.
                let next = if reliable { Self::Terminated } else { Self::Completed { ack, d: now + timers.d() } };
                (next, actions)
            }
            (Self::Completed { ack, d }, Input::Failure(_)) => {
                (Self::Completed { ack: ack.clone(), d }, Actions::send(ack))
            }
            (Self::Completed { .. }, Input::TransportError) => {
                (Self::Terminated, Actions::report(Report::TransportError))
            }
            (Self::Completed { d, .. }, Input::Timer) if d <= now => (Self::Terminated, Actions::none()),
            (Self::Accepted { m }, Input::Success) => (Self::Accepted { m }, Actions::report(Report::Response)),
            (Self::Accepted { m }, Input::Timer) if m <= now => (Self::Terminated, Actions::none()),
            // The figure has no arrow for these: a late 1xx, a failure after a 2xx, an early timer.
            (state @ (Self::Proceeding | Self::Completed { .. } | Self::Accepted { .. } | Self::Terminated), _) => {
                (state, Actions::none())
            }
        }
    }
}
