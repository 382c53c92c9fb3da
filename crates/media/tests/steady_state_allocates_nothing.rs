//! A call that goes on allocates nothing, whatever the codec: each packet out and in is made, held and decoded in memory
//! that was there before.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::alloc::System;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::stream::Channel;
use media::{Codec, Stream, StreamConfig, StreamId};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The only test of this file. The allocator counts all threads, and that of the test harness may have something to do
/// at the same time, once: so one of a few rounds must be clean, which none is if a packet allocates.
#[test]
fn packets_need_no_memory() {
    for codec in [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma] {
        let mut call = Call::new(codec);
        call.seconds(30, None);
        let rounds: Vec<_> = (0..3)
            .map(|_| {
                let region = Region::new(ALLOCATOR);
                call.seconds(2, Some(17));
                let change = region.change();
                (change.allocations, change.reallocations, change.deallocations)
            })
            .collect();
        assert!(rounds.contains(&(0, 0, 0)), "{codec:?}: allocated, grown, freed: {rounds:?}");
    }
    let region = Region::new(ALLOCATOR);
    drop(vec![0u8; 100]);
    assert!(region.change().allocations >= 1, "the counter counts");
}

/// A stream that talks to itself.
struct Call {
    now: Instant,
    stream: Stream,
    peer: SocketAddr,
    ticks: usize,
    heard: Vec<f32>,
}

impl Call {
    fn new(codec: Codec) -> Call {
        let now = Instant::now();
        let peer = SocketAddr::from(([192, 0, 2, 1], 4_000));
        let mut stream = Stream::new(now, [1; 32], StreamId(1));
        stream.configure(now, StreamConfig::new(peer, codec, 96)).unwrap();
        let rate = stream.rate();
        Call { now, stream, peer, ticks: 0, heard: vec![0.0; rate as usize / 100] }
    }

    /// Every so manieth packet is lost, if any. Reports are left out: they are one packet in five seconds.
    fn seconds(&mut self, seconds: usize, lost: Option<usize>) {
        for _ in 0..seconds * 100 {
            self.ticks += 1;
            self.now += Duration::from_millis(10);
            let said: [f32; 480] = std::array::from_fn(|n| ((self.ticks * 480 + n) as f32 * 0.02).sin() * 0.3);
            self.stream.capture(self.now, &said[..self.heard.len()]);
            while let Some(transmit) = self.stream.poll_transmit() {
                if transmit.channel == Channel::Rtp && lost.is_none_or(|lost| !self.ticks.is_multiple_of(lost)) {
                    self.stream.handle_rtp(self.now, self.peer, &transmit.bytes);
                }
                self.stream.recycle(transmit);
            }
            while self.stream.poll_event().is_some() {}
            self.stream.playout(self.now, &mut self.heard);
        }
    }
}
