//! What went by unseen.

/// Counts since the endpoint began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams and stream chunks taken in.
    pub received: u64,
    /// Messages that could be neither read nor answered.
    pub malformed: u64,
    /// Malformed requests that were answered with a 4xx or 5xx.
    pub rejected: u64,
    /// Messages that nothing waited for: strangers' responses and ACKs, copies that came too late.
    pub strays: u64,
    /// Connections whose framing was lost.
    pub broken_streams: u64,
    /// Requests that were answered 503, or dropped, at a limit.
    pub overload: u64,
    /// Messages that a timer or a copy made us repeat.
    pub retransmits: u64,
    /// Keep-alives answered or dropped.
    pub keep_alives: u64,
}
