//! The non-INVITE server transaction, RFC 3261 §17.2.2 with RFC 4320 §4.
//!
//! ```text
//!                   |request: to TU
//!   copy: absorbed  V      Late: nobody reads an answer any more
//!             [  Trying  ]------------------------------------+
//!   100 when E    |      | 200-699 from TU: send              |
//!   reached T2    V      +---------------+                    |
//!             [Proceeding]-- final ----> |                    |
//!   copy: resend, Late: as above         V   copy: resend     V
//!                                   [Completed]-- J --> [Terminated]
//! ```

use super::{Actions, Report, Timer, Timers};
use bytes::Bytes;
use std::time::Instant;

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// The TU has said nothing yet.
    Trying {
        /// The 100 (Trying) that RFC 4320 §4.1 wants once the client's Timer E has reached T2.
        trying: Bytes,
        /// When it is sent.
        at: Instant,
        /// When the client has given up, RFC 4320 §4.2.
        late: Instant,
    },
    /// The 100 was sent.
    Proceeding {
        /// Repeated for each copy of the request.
        last: Bytes,
        /// When the client has given up.
        late: Instant,
    },
    /// The final response was sent.
    Completed {
        /// Repeated for each copy of the request.
        response: Bytes,
        /// Timer J.
        j: Instant,
    },
    /// Nothing is left to do.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A copy of the request came.
    Retransmission,
    /// The TU sends 2xx to 6xx.
    Final(Bytes),
    /// The deadline has passed.
    Timer,
    /// The transport could not deliver the last message.
    TransportError,
}

impl Server {
    /// The request has just come; `trying` is the 100 for it.
    pub fn start(now: Instant, timers: &Timers, trying: Bytes) -> Self {
        Self::Trying { trying, at: now + timers.e_reaches_t2(), late: now + timers.give_up() }
    }

    /// The next timer, if the state has one.
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match self {
            Self::Trying { at, late, .. } if at < late => Some((*at, Timer::Trying)),
            Self::Trying { late, .. } | Self::Proceeding { late, .. } => Some((*late, Timer::Late)),
            Self::Completed { j, .. } => Some((*j, Timer::J)),
            Self::Terminated => None,
        }
    }

    /// One transition.
    pub fn step(self, now: Instant, timers: &Timers, reliable: bool, input: Input) -> (Self, Actions) {
        match (self, input) {
            // RFC 4320 §4.2: no 408 and no late response; the request just ends.
            (Self::Trying { late, .. } | Self::Proceeding { late, .. }, Input::Timer) if late <= now => {
                (Self::Terminated, Actions::report(Report::Timeout))
            }
            (Self::Trying { trying, at, late }, Input::Timer) if at <= now => {
                (Self::Proceeding { last: trying.clone(), late }, Actions::send(trying))
            }
            (Self::Proceeding { last, late }, Input::Retransmission) => {
                (Self::Proceeding { last: last.clone(), late }, Actions::send(last))
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Input::Final(response)) => {
                // Timer J is zero over a reliable transport.
                let next = if reliable {
                    Self::Terminated
                } else {
                    Self::Completed { response: response.clone(), j: now + timers.give_up() }
                };
                (next, Actions::send(response))
            }
            (Self::Completed { response, j }, Input::Retransmission) => {
                (Self::Completed { response: response.clone(), j }, Actions::send(response))
            }
            (Self::Trying { .. } | Self::Proceeding { .. } | Self::Completed { .. }, Input::TransportError) => {
                (Self::Terminated, Actions::report(Report::TransportError))
            }
            (Self::Completed { j, .. }, Input::Timer) if j <= now => (Self::Terminated, Actions::none()),
            // A copy in Trying, an early timer, a second final response.
            (state, _) => (state, Actions::none()),
        }
    }
}
