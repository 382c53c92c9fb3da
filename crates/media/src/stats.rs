//! What a stream counts.

use std::time::Duration;

use crate::Codec;

/// A stream's figures so far; counts are since the stream was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// What we send.
    pub codec_sent: Option<Codec>,
    /// What came last.
    pub codec_received: Option<Codec>,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// Payload bytes sent.
    pub octets_sent: u64,
    /// RTP packets of the far end's source received, late ones and duplicates included.
    pub packets_received: u64,
    /// Payload bytes received.
    pub octets_received: u64,
    /// Packets that never came, RFC 3550 §6.4.1; duplicates can make it negative.
    pub lost: i64,
    /// The share of packets lost in the last report's interval, 0 to 1.
    pub loss: f32,
    /// Interarrival jitter, RFC 3550 A.8.
    pub jitter: Duration,
    /// The far end's latest word on what it lost of ours, 0 to 1.
    pub remote_loss: Option<f32>,
    /// The far end's interarrival jitter.
    pub remote_jitter: Option<Duration>,
    /// Round trip by RTCP (LSR and DLSR); `None` until a report came back.
    pub round_trip: Option<Duration>,
    /// How long a packet of least network delay waits in the jitter buffer now.
    pub buffer: Duration,
    /// What the buffer aims at.
    pub buffer_target: Duration,
    /// Packets that came too late to be played.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Sound made up for what did not come.
    pub concealed: Duration,
    /// Packets repaired from the next packet's forward error correction.
    pub recovered: u64,
    /// Packets from sources that are not the peer, dropped unread.
    pub strangers: u64,
    /// Packets that were no RTP or RTCP, or of an unknown payload type.
    pub malformed: u64,
    /// Estimated mean opinion score, 1 to 4.5, by the E-model (G.107) from codec, loss and delay; `None` until
    /// something has been received.
    pub mos: Option<f32>,
}
