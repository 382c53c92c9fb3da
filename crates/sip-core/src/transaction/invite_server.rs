//! The INVITE server transaction, RFC 3261 §17.2.1 with RFC 6026 §8.5.
//!
//! ```text
//!                    |INVITE: to TU
//!   INVITE: resend   V      1xx from TU: send; after 200 ms of silence: 100
//!             [ Proceeding ]------- 2xx from TU: send -----------+
//!                    | 300-699 from TU: send                     |
//!   INVITE, G: send  V                                           V   INVITE: absorbed
//!              [ Completed ]-- H: report --+                [Accepted]  2xx from TU: send
//!                    | ACK: report         |                     |      ACK: report
//!                    V                     V                     |
//!              [ Confirmed ]-- I --> [Terminated] <-- L ---------+
//! ```

use super::{Actions, Backoff, Report, TRYING_AFTER, Timer, Timers, earliest};
use bytes::Bytes;
use std::time::Instant;

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InviteServer {
    /// The TU has said nothing yet.
    Trying {
        /// The 100 (Trying) that is sent if the TU stays silent.
        trying: Bytes,
        /// When it is sent.
        at: Instant,
    },
    /// A provisional response was sent.
    Proceeding {
        /// The latest one, repeated for each copy of the request.
        last: Bytes,
    },
    /// A failure was sent and waits for its ACK.
    Completed {
        /// The response.
        response: Bytes,
        /// Timer G; none over a reliable transport.
        g: Option<Backoff>,
        /// Timer H.
        h: Instant,
    },
    /// The ACK came; its copies are absorbed.
    Confirmed {
        /// Timer I.
        i: Instant,
    },
    /// A 2xx was sent; the TU repeats it until its ACK comes (§13.3.1.4).
    Accepted {
        /// Timer L.
        l: Instant,
    },
    /// Nothing is left to do.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A copy of the INVITE came.
    Retransmission,
    /// An ACK that matches the transaction came.
    Ack,
    /// The TU sends 1xx.
    Provisional(Bytes),
    /// The TU sends a 2xx, or repeats it.
    Success(Bytes),
    /// The TU sends 3xx to 6xx.
    Failure(Bytes),
    /// The deadline has passed.
    Timer,
    /// The transport could not deliver the last message.
    TransportError,
}

impl InviteServer {
    /// The INVITE has just come; `trying` is the 100 for it.
    pub fn start(now: Instant, trying: Bytes) -> Self {
        Self::Trying { trying, at: now + TRYING_AFTER }
    }

    /// The next timer, if the state has one.
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match self {
            Self::Trying { at, .. } => Some((*at, Timer::Trying)),
            Self::Completed { g, h, .. } => Some(earliest(g.map(|g| (g.at, Timer::G)), (*h, Timer::H))),
            Self::Confirmed { i } => Some((*i, Timer::I)),
            Self::Accepted { l } => Some((*l, Timer::L)),
            Self::Proceeding { .. } | Self::Terminated => None,
        }
    }

    /// One transition.
    pub fn step(self, now: Instant, timers: &Timers, reliable: bool, input: Input) -> (Self, Actions) {
        match (self, input) {
            (Self::Trying { trying, at }, Input::Timer) if at <= now => {
                (Self::Proceeding { last: trying.clone() }, Actions::send(trying))
            }
            // A copy before the 200 ms are over says that the client's T1 is short: quench it now.
            (Self::Trying { trying, .. }, Input::Retransmission) => {
                (Self::Proceeding { last: trying.clone() }, Actions::send(trying))
            }
            (Self::Proceeding { last }, Input::Retransmission) => {
                (Self::Proceeding { last: last.clone() }, Actions::send(last))
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Input::Provisional(response)) => {
                (Self::Proceeding { last: response.clone() }, Actions::send(response))
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Input::Success(response)) => {
                (Self::Accepted { l: now + timers.give_up() }, Actions::send(response))
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Input::Failure(response)) => {
                let g = (!reliable).then(|| Backoff::first(now, timers.t1));
                let next = Self::Completed { response: response.clone(), g, h: now + timers.give_up() };
                (next, Actions::send(response))
            }
            // §17.2.4: the response cannot be delivered.
            (Self::Trying { .. } | Self::Proceeding { .. } | Self::Completed { .. }, Input::TransportError) => {
                (Self::Terminated, Actions::report(Report::TransportError))
            }
            (Self::Completed { response, g, h }, Input::Timer) => {
                if h <= now {
                    return (Self::Terminated, Actions::report(Report::Timeout));
                }
                match g {
                    Some(due) if due.at <= now => {
                        let g = Some(due.doubled(now, Some(timers.t2)));
                        (Self::Completed { response: response.clone(), g, h }, Actions::send(response))
                    }
                    _ => (Self::Completed { response, g, h }, Actions::none()),
                }
            }
            (Self::Completed { response, g, h }, Input::Retransmission) => {
                (Self::Completed { response: response.clone(), g, h }, Actions::send(response))
            }
            (Self::Completed { .. }, Input::Ack) => {
                // Timer I is zero over a reliable transport.
                let next = if reliable { Self::Terminated } else { Self::Confirmed { i: now + timers.t4 } };
                (next, Actions::report(Report::Acknowledged))
            }
            (Self::Confirmed { i }, Input::Timer) if i <= now => (Self::Terminated, Actions::none()),
            (Self::Accepted { l }, Input::Timer) if l <= now => (Self::Terminated, Actions::none()),
            (Self::Accepted { l }, Input::Success(response)) => (Self::Accepted { l }, Actions::send(response)),
            // RFC 6026 §8.5: the ACK of a client that reuses the INVITE's branch is for the TU.
            (Self::Accepted { l }, Input::Ack) => (Self::Accepted { l }, Actions::report(Report::Acknowledged)),
            // RFC 6026 §7.1: the transaction stays, so that copies of the INVITE are still absorbed.
            (Self::Accepted { l }, Input::TransportError) => {
                (Self::Accepted { l }, Actions::report(Report::TransportError))
            }
            // An early timer, copies in Accepted and Confirmed, a second final response.
            (state, _) => (state, Actions::none()),
        }
    }
}
