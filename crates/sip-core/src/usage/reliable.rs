//! Reliable provisional responses as callee: RFC 3262 §3.
//!
//! ```text
//!  [Unused] ── sent ──► [Waiting] ── every T1, doubling without end: send again ──┐
//!                        │ ▲ │ ▲                                                  │
//!          PRACK: 200    │ │ │ └──────────────────────────────────────────────────┘
//!                        ▼ │ └──── 64*T1: the INVITE is refused ──► [Over]
//!              [Acknowledged]  final response ──► [Answered] or [Over]
//! ```

use crate::transaction::{Backoff, Timers};
use bytes::Bytes;
use std::time::Instant;

#[cfg(test)]
mod tests;

/// The state and what is true in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reliable {
    /// None was sent.
    Unused,
    /// One is out and waits for its PRACK; no other may be sent.
    Waiting {
        /// Its number.
        rseq: u32,
        /// The response.
        response: Bytes,
        /// It carries our session description.
        carries: bool,
        /// One before it carried that.
        settled: bool,
        /// Its next copy.
        again: Backoff,
        /// When the caller is given up.
        give_up: Instant,
    },
    /// The last one was acknowledged.
    Acknowledged {
        /// Its number.
        rseq: u32,
        /// One of them carried our session description.
        settled: bool,
    },
    /// The final response was sent before the PRACK, which may still come.
    Answered {
        /// The number of the last one.
        rseq: u32,
    },
    /// Nothing is awaited and none will be sent.
    Over,
}

/// What can happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The next one was sent, with the number of [`Reliable::next`].
    Sent {
        /// Its number.
        rseq: u32,
        /// The response.
        response: Bytes,
        /// It carries our session description.
        carries: bool,
    },
    /// A PRACK in the same dialog, for the INVITE's CSeq, with that number.
    Prack(u32),
    /// The final response was sent.
    Final,
    /// The deadline has passed.
    Timer,
}

/// What a step asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Send the response again.
    Send(Bytes),
    /// Answer the PRACK with 2xx; the next response may be sent.
    Acknowledged,
    /// Answer the PRACK with 481.
    Unknown,
    /// No PRACK in 64*T1: refuse the INVITE with 5xx.
    GiveUp,
}

impl Reliable {
    /// The number of the next one, where `first` is random, 1 to 2^31 - 1. `None` while one waits, and after the final
    /// response.
    pub fn next(&self, first: u32) -> Option<u32> {
        match self {
            Self::Unused => Some(first),
            // §3: the numbers do not wrap around; the first is below 2^31, so they will not.
            Self::Acknowledged { rseq, .. } => rseq.checked_add(1),
            Self::Waiting { .. } | Self::Answered { .. } | Self::Over => None,
        }
    }

    /// Whether one is out and waits for its PRACK.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting { .. })
    }

    /// §5: whether a session description is out that was not acknowledged, so that no 2xx may be sent.
    pub fn holds_success(&self) -> bool {
        matches!(self, Self::Waiting { carries: true, .. })
    }

    /// Whether our session description was sent reliably, acknowledged or not.
    pub fn has_described(&self) -> bool {
        matches!(self, Self::Waiting { carries: true, .. } | Self::Waiting { settled: true, .. })
            || matches!(self, Self::Acknowledged { settled: true, .. })
    }

    /// Whether the peer has acknowledged our session description: offer and answer are exchanged.
    pub fn has_settled(&self) -> bool {
        matches!(self, Self::Waiting { settled: true, .. } | Self::Acknowledged { settled: true, .. })
    }

    /// The next timer.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Waiting { again, give_up, .. } => Some(again.at.min(*give_up)),
            Self::Unused | Self::Acknowledged { .. } | Self::Answered { .. } | Self::Over => None,
        }
    }

    /// One transition.
    #[must_use]
    pub fn step(self, now: Instant, timers: &Timers, input: Input) -> (Self, Action) {
        match (self, input) {
            (state @ (Self::Unused | Self::Acknowledged { .. }), Input::Sent { rseq, response, carries }) => {
                let settled = state.has_settled();
                let again = Backoff::first(now, timers.t1);
                let give_up = now + timers.give_up();
                (Self::Waiting { rseq, response, carries, settled, again, give_up }, Action::None)
            }
            (state @ (Self::Waiting { .. } | Self::Answered { .. } | Self::Over), Input::Sent { .. }) => {
                (state, Action::None)
            }
            (Self::Waiting { rseq, carries, settled, .. }, Input::Prack(number)) if rseq == number => {
                (Self::Acknowledged { rseq, settled: settled || carries }, Action::Acknowledged)
            }
            // §3: "it MUST be prepared to process PRACK requests for those outstanding responses".
            (Self::Answered { rseq }, Input::Prack(number)) if rseq == number => (Self::Over, Action::Acknowledged),
            (
                state @ (Self::Unused
                | Self::Waiting { .. }
                | Self::Acknowledged { .. }
                | Self::Answered { .. }
                | Self::Over),
                Input::Prack(_),
            ) => (state, Action::Unknown),
            // §3: no copies after the final response.
            (Self::Waiting { rseq, .. } | Self::Answered { rseq }, Input::Final) => {
                (Self::Answered { rseq }, Action::None)
            }
            (Self::Unused | Self::Acknowledged { .. } | Self::Over, Input::Final) => (Self::Over, Action::None),
            (Self::Waiting { give_up, .. }, Input::Timer) if give_up <= now => (Self::Over, Action::GiveUp),
            (Self::Waiting { rseq, response, carries, settled, again, give_up }, Input::Timer) if again.at <= now => {
                // §3: the interval doubles without a cap, unlike that of a 2xx.
                let again = again.doubled(now, None);
                let copy = response.clone();
                (Self::Waiting { rseq, response, carries, settled, again, give_up }, Action::Send(copy))
            }
            (
                state @ (Self::Unused
                | Self::Waiting { .. }
                | Self::Acknowledged { .. }
                | Self::Answered { .. }
                | Self::Over),
                Input::Timer,
            ) => (state, Action::None),
        }
    }
}
