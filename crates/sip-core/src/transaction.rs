//! Transactions: RFC 3261 §17 with the corrections of RFC 6026 (2xx to INVITE) and RFC 4320 (non-INVITE).
//!
//! The four machines are values: `step(self, now, input) -> (Self, Actions)`. They know status classes and the bytes to
//! repeat, nothing else of a message. A timer is a field of the state it belongs to. [`layer`] owns many of them,
//! matches messages to them (§17.1.3, §17.2.3) and keeps their deadlines.
//!
//! | machine | file |
//! |---|---|
//! | INVITE client, §17.1.1 and RFC 6026 §8.4 | [`invite_client`] |
//! | non-INVITE client, §17.1.2 | [`client`] |
//! | INVITE server, §17.2.1 and RFC 6026 §8.5 | [`invite_server`] |
//! | non-INVITE server, §17.2.2 and RFC 4320 §4 | [`server`] |

use bytes::Bytes;
use std::time::{Duration, Instant};

pub mod client;
pub mod invite_client;
pub mod invite_server;
pub mod layer;
pub mod server;

#[cfg(test)]
mod tests;

/// The base timers of RFC 3261 §17.1.1.1; all others derive from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimated round trip; 500 ms.
    pub t1: Duration,
    /// Largest interval between retransmissions of a non-INVITE request or a final response to INVITE; 4 s.
    pub t2: Duration,
    /// How long a message may stay in the network; 5 s.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Timers {
    /// 64*T1, 32 s: Timers B, F, H, J, L and M.
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }

    /// Timer D: at least 32 s over an unreliable transport, §17.1.1.2.
    pub fn d(&self) -> Duration {
        self.give_up().max(Duration::from_secs(32))
    }

    /// The instant, counted from the first transmission, at which a client's Timer E is first reset to T2
    /// (RFC 4320 §4.1): 3.5 s with the default timers.
    pub fn e_reaches_t2(&self) -> Duration {
        let (mut interval, mut sum) = (self.t1, Duration::ZERO);
        while interval < self.t2 && !interval.is_zero() {
            sum += interval;
            interval *= 2;
        }
        sum
    }
}

/// How long the TU may stay silent before an INVITE server transaction answers 100 by itself, §17.2.1.
pub const TRYING_AFTER: Duration = Duration::from_millis(200);

/// What a step asks for: at most one message to send, then at most one fact for the TU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Actions {
    /// Hand these bytes to the transport.
    pub send: Option<Bytes>,
    /// Tell the TU.
    pub report: Option<Report>,
}

/// What a transaction tells its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Report {
    /// The response (client) that was stepped in goes up.
    Response,
    /// The ACK that was stepped in matches this transaction's non-2xx response, §17.2.1.
    Acknowledged,
    /// Timer B or F (client) or H (server) fired.
    Timeout,
    /// The transport could not deliver.
    TransportError,
}

impl Actions {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn send(bytes: Bytes) -> Self {
        Self { send: Some(bytes), report: None }
    }

    pub(crate) fn report(report: Report) -> Self {
        Self { send: None, report: Some(report) }
    }

    pub(crate) fn send_and_report(bytes: Bytes, report: Report) -> Self {
        Self { send: Some(bytes), report: Some(report) }
    }
}

/// The timers by their letters in RFC 3261 table 4 and RFC 6026, and two of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// INVITE request retransmission.
    A,
    /// INVITE client gives up.
    B,
    /// Absorbs copies of a final response to INVITE.
    D,
    /// Non-INVITE request retransmission.
    E,
    /// Non-INVITE client gives up.
    F,
    /// Final response to INVITE retransmission.
    G,
    /// INVITE server waits for ACK.
    H,
    /// Absorbs copies of ACK.
    I,
    /// Absorbs copies of a non-INVITE request.
    J,
    /// Absorbs copies of a response to non-INVITE.
    K,
    /// INVITE server in Accepted (RFC 6026).
    L,
    /// INVITE client in Accepted (RFC 6026).
    M,
    /// The server answers 100 because its TU is silent: §17.2.1 for INVITE, RFC 4320 §4.1 for the rest.
    Trying,
    /// The client of a non-INVITE request has given up, so an answer has no reader (RFC 4320 §4.2).
    Late,
}

/// A retransmission that is due at `at` and was scheduled `interval` after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// When to send again.
    pub at: Instant,
    /// The interval that ends at `at`.
    pub interval: Duration,
}

impl Backoff {
    /// The first retransmission, one `interval` from now.
    pub fn first(now: Instant, interval: Duration) -> Self {
        Self { at: now + interval, interval }
    }

    /// The next one, twice the interval from now but no more than `cap`.
    pub fn doubled(self, now: Instant, cap: Option<Duration>) -> Self {
        let doubled = self.interval * 2;
        Self::first(now, cap.map_or(doubled, |cap| doubled.min(cap)))
    }
}

/// The earlier of a retransmission and the end of the state.
fn earliest(retransmit: Option<(Instant, Timer)>, end: (Instant, Timer)) -> (Instant, Timer) {
    match retransmit {
        Some(r) if r.0 <= end.0 => r,
        _ => end,
    }
}
