//! RTP that keeps the way through a NAT open while a stream has nothing to say (RFC 6263).
//!
//! Of the ways that RFC 6263 §4 lists, this is the RTP packet with a payload type that was not agreed and nothing in
//! it (§4.6). It is the only one that needs no agreement and still looks like RTP of this stream to a server that
//! latches to our address: an empty datagram (§4.1) does not, comfort noise (§4.2), RTCP on the RTP port (§4.3) and
//! STUN (§4.4) must be agreed on, and a wrong version (§4.5) is what a firewall drops. A receiver must ignore payload
//! types that it does not know (RFC 3550 §5.1), and its sequence number leaves no gap that looks like loss. Where RTCP
//! was agreed to share the port, that alone keeps it open, as §5 recommends, and nothing is sent beside it. The RTCP
//! port keeps itself open by its reports.

use std::time::{Duration, Instant};

use super::{Channel, Stream};
use crate::config::StreamConfig;
use crate::rtp;

/// So long a silence is kept up without a packet: RFC 6263 §6 wants no less.
pub(super) const EVERY: Duration = Duration::from_secs(15);

impl Stream {
    /// A stream that does not speak opens the way at once.
    pub(super) fn configure_keep_alive(&mut self, now: Instant, config: &StreamConfig) {
        let moved = self.config.as_ref().map(|before| before.remote_rtp) != Some(config.remote_rtp);
        if !config.direction.sends() && moved {
            self.keep_alive = Some(now);
        } else {
            self.keep_alive.get_or_insert(now + EVERY);
        }
    }

    pub(super) fn send_keep_alive(&mut self, now: Instant) {
        self.keep_alive = Some(now + EVERY);
        let Some(config) = &self.config else { return };
        let packet = rtp::Packet {
            marker: false,
            payload_type: unknown(config),
            sequence: self.sender.sequence,
            timestamp: self.sender.timestamp,
            ssrc: self.sender.ssrc,
            payload: &[],
        };
        let bytes = packet.to_bytes();
        self.sender.sequence = self.sender.sequence.wrapping_add(1);
        self.sender.packets += 1;
        if let Some(to) = self.receiver.remote_rtp() {
            self.transmit(Channel::Rtp, to, bytes);
        }
    }
}

/// The highest dynamic payload type that nobody has agreed on.
fn unknown(config: &StreamConfig) -> u8 {
    let agreed = |payload_type: u8| {
        payload_type == config.send.payload_type
            || config.receive.iter().any(|(known, _)| *known == payload_type)
            || config.dtmf.is_some_and(|dtmf| [dtmf.send_pt, dtmf.receive_pt].contains(&payload_type))
    };
    (96..=127).rev().find(|payload_type| !agreed(*payload_type)).unwrap_or(127)
}
