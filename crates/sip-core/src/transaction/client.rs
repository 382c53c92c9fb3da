//! The non-INVITE client transaction, RFC 3261 §17.1.2.
//!
//! ```text
//!                 |request from TU
//!    E: resend    V          F, transport error: report
//!          [  Trying  ]------------------------------------+
//!            |      | 200-699: report                      |
//!        1xx |      +-----------------+                    |
//!            V                        V                    V
//!          [Proceeding]-- final -->[Completed]-- K -->[Terminated]
//!            E: resend at T2, F, transport error: as above
//! ```

use super::{Actions, Backoff, Report, Timer, Timers, earliest};
use bytes::Bytes;
use std::time::Instant;

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// Nothing has come back.
    Trying {
        /// The request, to be repeated.
        request: Bytes,
        /// Timer E; none over a reliable transport.
        e: Option<Backoff>,
        /// Timer F.
        f: Instant,
    },
    /// A provisional response came; retransmissions go on every T2.
    Proceeding {
        /// The request, to be repeated.
        request: Bytes,
        /// Timer E; none over a reliable transport.
        e: Option<Backoff>,
        /// Timer F.
        f: Instant,
    },
    /// A final response came; its copies are absorbed.
    Completed {
        /// Timer K.
        k: Instant,
    },
    /// Nothing is left to do.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// 1xx.
    Provisional,
    /// 2xx to 6xx.
    Final,
    /// The deadline has passed.
    Timer,
    /// The transport could not deliver the last message.
    TransportError,
}

impl Client {
    /// Sends the request.
    pub fn start(now: Instant, timers: &Timers, reliable: bool, request: Bytes) -> (Self, Actions) {
        let e = (!reliable).then(|| Backoff::first(now, timers.t1));
        (Self::Trying { request: request.clone(), e, f: now + timers.give_up() }, Actions::send(request))
    }

    /// The next timer, if the state has one.
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match self {
            Self::Trying { e, f, .. } | Self::Proceeding { e, f, .. } => {
                Some(earliest(e.map(|e| (e.at, Timer::E)), (*f, Timer::F)))
            }
            Self::Completed { k } => Some((*k, Timer::K)),
            Self::Terminated => None,
        }
    }

    /// One transition.
    pub fn step(self, now: Instant, timers: &Timers, reliable: bool, input: Input) -> (Self, Actions) {
        match (self, input) {
            (Self::Trying { f, .. } | Self::Proceeding { f, .. }, Input::Timer) if f <= now => {
                (Self::Terminated, Actions::report(Report::Timeout))
            }
            (Self::Trying { request, e: Some(e), f }, Input::Timer) if e.at <= now => {
                let e = Some(e.doubled(now, Some(timers.t2)));
                (Self::Trying { request: request.clone(), e, f }, Actions::send(request))
            }
            (Self::Proceeding { request, e: Some(e), f }, Input::Timer) if e.at <= now => {
                // §17.1.2.2: in Proceeding the interval is T2.
                let e = Some(Backoff::first(now, timers.t2));
                (Self::Proceeding { request: request.clone(), e, f }, Actions::send(request))
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Input::TransportError) => {
                (Self::Terminated, Actions::report(Report::TransportError))
            }
            (Self::Trying { request, e, f } | Self::Proceeding { request, e, f }, Input::Provisional) => {
                (Self::Proceeding { request, e, f }, Actions::report(Report::Response))
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Input::Final) => {
                // Timer K is zero over a reliable transport.
                let next = if reliable { Self::Terminated } else { Self::Completed { k: now + timers.t4 } };
                (next, Actions::report(Report::Response))
            }
            (Self::Completed { k }, Input::Timer) if k <= now => (Self::Terminated, Actions::none()),
            // An early timer; copies of the response; the transport after the answer.
            (state, _) => (state, Actions::none()),
        }
    }
}
