//! Whose packets are believed: the agreed address, one other before the first valid packet, nobody else.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::{Codec, Event, Stream, StreamConfig, StreamId, rtcp, rtp};

struct Phone {
    stream: Stream,
    now: Instant,
}

const AGREED: ([u8; 4], u16) = ([10, 0, 0, 1], 4_000);
const PUBLIC: ([u8; 4], u16) = ([198, 51, 100, 1], 40_000);
const STRANGER: ([u8; 4], u16) = ([203, 0, 113, 9], 5_000);

fn phone(latch: bool) -> Phone {
    let now = Instant::now();
    let mut stream = Stream::new(now, [1; 32], StreamId(1));
    stream.configure(now, StreamConfig { latch, ..StreamConfig::new(AGREED.into(), Codec::Pcmu, 0) }).unwrap();
    Phone { stream, now }
}

impl Phone {
    fn packets(&mut self, from: impl Into<SocketAddr>, ssrc: u32, numbers: std::ops::Range<u16>) {
        let from = from.into();
        for sequence in numbers {
            let timestamp = u32::from(sequence) * 160;
            let payload = &[0x55; 160];
            let packet = rtp::Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc, payload };
            self.now += Duration::from_millis(20);
            self.stream.handle_rtp(self.now, from, &packet.to_bytes());
        }
    }

    /// Where voice goes now.
    fn sends_to(&mut self) -> SocketAddr {
        while self.stream.poll_transmit().is_some() {}
        self.stream.capture(self.now, &[0.0; 160]);
        self.stream.poll_transmit().unwrap().to
    }

    fn counts(&self) -> (u64, u64) {
        let stats = self.stream.stats();
        (stats.packets_received, stats.dropped)
    }
}

#[test]
fn the_first_valid_source_is_followed_once() {
    let mut phone = phone(true);
    phone.packets(PUBLIC, 1, 0..1);
    assert_eq!(phone.sends_to(), AGREED.into(), "one packet is not enough");
    phone.packets(PUBLIC, 1, 1..10);
    assert_eq!(phone.sends_to(), PUBLIC.into());
    assert_eq!(phone.counts(), (10, 0));
    phone.packets(STRANGER, 2, 0..10);
    phone.packets(AGREED, 3, 0..10);
    assert_eq!(phone.sends_to(), PUBLIC.into());
    assert_eq!(phone.counts(), (10, 20));
    let latched = std::iter::from_fn(|| phone.stream.poll_event()).filter(|e| matches!(e, Event::Latched { .. }));
    assert_eq!(latched.count(), 1);
}

#[test]
fn after_a_packet_from_the_agreed_address_nobody_else_is_heard() {
    let mut phone = phone(true);
    phone.packets(AGREED, 1, 0..2);
    phone.packets(STRANGER, 2, 0..10);
    assert_eq!(phone.sends_to(), AGREED.into());
    assert_eq!(phone.counts(), (2, 10));
}

#[test]
fn a_stranger_does_not_push_out_the_agreed_candidate() {
    let mut phone = phone(true);
    phone.packets(AGREED, 1, 0..1);
    phone.packets(STRANGER, 2, 0..10);
    phone.packets(AGREED, 1, 1..2);
    assert_eq!(phone.sends_to(), AGREED.into());
    assert_eq!(phone.counts(), (2, 10));
}

#[test]
fn without_latching_only_the_agreed_address_is_heard() {
    let mut phone = phone(false);
    phone.packets(PUBLIC, 1, 0..10);
    assert_eq!(phone.counts(), (0, 10));
    assert_eq!(phone.sends_to(), AGREED.into());
}

#[test]
fn a_new_agreement_latches_anew() {
    let mut phone = phone(true);
    phone.packets(PUBLIC, 1, 0..10);
    let next: SocketAddr = ([10, 0, 0, 2], 6_000).into();
    phone.stream.configure(phone.now, StreamConfig::new(next, Codec::Pcmu, 0)).unwrap();
    assert_eq!(phone.sends_to(), next);
    phone.packets(STRANGER, 9, 0..10);
    assert_eq!(phone.sends_to(), STRANGER.into());
}

#[test]
fn the_same_agreement_again_keeps_what_was_latched() {
    let mut phone = phone(true);
    phone.packets(PUBLIC, 1, 0..10);
    phone.stream.configure(phone.now, StreamConfig::new(AGREED.into(), Codec::Pcmu, 0)).unwrap();
    assert_eq!(phone.sends_to(), PUBLIC.into());
}

#[test]
fn a_new_source_from_the_same_address_is_heard_after_its_probation() {
    let mut phone = phone(true);
    phone.packets(AGREED, 1, 100..200);
    phone.packets(AGREED, 2, 5_000..5_001);
    assert_eq!(phone.counts(), (100, 0));
    phone.packets(AGREED, 2, 5_001..5_010);
    assert_eq!(phone.counts(), (110, 0));
    assert_eq!(phone.stream.stats().lost, 0);
}

#[test]
fn nonsense_is_dropped_and_counted() {
    let mut phone = phone(true);
    phone.stream.handle_rtp(phone.now, AGREED.into(), &[]);
    phone.stream.handle_rtp(phone.now, AGREED.into(), &[0x80; 11]);
    phone.stream.handle_rtp(phone.now, AGREED.into(), &[0xff; 2_000]);
    phone.stream.handle_rtcp(phone.now, (AGREED.0, AGREED.1 + 1).into(), &[0x80, 200]);
    assert_eq!(phone.counts(), (0, 4));
}

#[test]
fn a_strangers_goodbye_is_not_believed() {
    let mut phone = phone(true);
    phone.packets(AGREED, 7, 0..10);
    while phone.stream.poll_event().is_some() {}
    let bye = rtcp::build(7, None, &[], "x", true);
    phone.stream.handle_rtcp(phone.now, STRANGER.into(), &bye);
    assert!(phone.stream.poll_event().is_none());
    phone.stream.handle_rtcp(phone.now, (AGREED.0, AGREED.1 + 1).into(), &bye);
    assert!(matches!(phone.stream.poll_event(), Some(Event::Bye { .. })));
}
