//! Somebody else sends with our SSRC: by chance, or because our own packets come back (RFC 3550 §8.2).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::Rng;

use super::Stream;
use crate::config::Event;
use crate::rtcp;

/// §8.2: an address may be forgotten after about ten report intervals without a conflict.
const REMEMBERED: Duration = Duration::from_secs(50);
/// Addresses remembered; the list is usually empty. Only believed addresses get here.
const MAX_CONFLICTS: usize = 8;

/// Addresses from which our own SSRC came, of RTP and RTCP alike, and when it last did.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    addresses: Vec<(SocketAddr, Instant)>,
    looped: bool,
}

impl Conflicts {
    /// Our SSRC came from there. True when we have to choose another: once for each address.
    fn note(&mut self, now: Instant, from: SocketAddr) -> bool {
        self.addresses.retain(|(_, last)| now.saturating_duration_since(*last) < REMEMBERED);
        if let Some((_, last)) = self.addresses.iter_mut().find(|(address, _)| *address == from) {
            *last = now;
            return false;
        }
        if self.addresses.len() == MAX_CONFLICTS {
            self.addresses.remove(0);
        }
        self.addresses.push((from, now));
        true
    }
}

impl Stream {
    /// A believed address sends with our SSRC: the packet is not to be looked at. The first time we say goodbye for the
    /// old SSRC and take another; if that comes back too, it is a loop, and another would not help.
    pub(super) fn collide(&mut self, now: Instant, from: SocketAddr) {
        let old = self.sender.ssrc;
        if !self.conflicts.note(now, from) {
            if !std::mem::replace(&mut self.conflicts.looped, true) {
                self.event(Event::Looped { stream: self.id });
            }
            return;
        }
        tracing::debug!("an SSRC of ours is somebody else's too");
        self.say_bye(now, old);
        self.sender.ssrc = self.random.next_u32();
        // The counts of a sender report are those of its SSRC (§6.4.1).
        self.reporter.renamed(self.sender.packets, self.sender.octets);
    }

    fn say_bye(&mut self, now: Instant, ssrc: u32) {
        let mut bytes = Vec::with_capacity(64);
        rtcp::write(&mut bytes, ssrc, None, &[], &self.cname);
        rtcp::write_bye(&mut bytes, ssrc);
        self.transmit_rtcp(now, bytes);
    }
}
