//! The 2xx to an INVITE until its ACK comes, RFC 3261 §13.3.1.4.
//!
//! ```text
//!  2xx sent ──► [Waiting] ── every T1, doubling to T2: send again ──┐
//!                │     ▲                                            │
//!                │     └────────────────────────────────────────────┘
//!            ACK │                            │ 64*T1
//!                ▼                            ▼
//!             [Done]: acknowledged          [Done]: BYE
//! ```

use crate::transaction::{Backoff, Timers};
use bytes::Bytes;
use std::time::Instant;

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answering {
    /// The 2xx is out and waits for its ACK.
    Waiting {
        /// The 2xx.
        response: Bytes,
        /// Its next copy. Over a stream too: a hop further on may be UDP.
        again: Backoff,
        /// When the caller is given up.
        give_up: Instant,
    },
    /// The ACK came, or never will.
    Done,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The ACK came.
    Ack,
    /// The deadline has passed.
    Timer,
}

/// What a step asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Send the 2xx again.
    Send(Bytes),
    /// The first ACK came.
    Acknowledged,
    /// No ACK in 64*T1: the session should end with BYE.
    GiveUp,
}

impl Answering {
    /// The 2xx has just been sent.
    pub fn start(now: Instant, timers: &Timers, response: Bytes) -> Self {
        Self::Waiting { response, again: Backoff::first(now, timers.t1), give_up: now + timers.give_up() }
    }

    /// Whether the ACK is still awaited.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting { .. })
    }

    /// The next timer.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Waiting { again, give_up, .. } => Some(again.at.min(*give_up)),
            Self::Done => None,
        }
    }

    /// One transition.
    pub fn step(self, now: Instant, timers: &Timers, input: Input) -> (Self, Action) {
        match (self, input) {
            (Self::Waiting { .. }, Input::Ack) => (Self::Done, Action::Acknowledged),
            (Self::Waiting { give_up, .. }, Input::Timer) if give_up <= now => (Self::Done, Action::GiveUp),
            (Self::Waiting { response, again, give_up }, Input::Timer) if again.at <= now => {
                let again = again.doubled(now, Some(timers.t2));
                (Self::Waiting { response: response.clone(), again, give_up }, Action::Send(response))
            }
            (state @ Self::Waiting { .. }, Input::Timer) => (state, Action::None),
            (Self::Done, Input::Ack | Input::Timer) => (Self::Done, Action::None),
        }
    }
}
