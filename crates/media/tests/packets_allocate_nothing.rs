//! A call in full swing allocates nothing: neither a packet sent, nor one received, nor a tick mixed.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::alloc::System;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::bench::{Conference, TICK};
use media::stream::Channel;
use media::{Codec, Stream, StreamConfig, StreamId};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Call {
    now: Instant,
    sides: [Stream; 2],
    conference: Conference,
    tick: usize,
}

fn address(side: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side + 1], 4_000))
}

impl Call {
    fn new(codec: Codec) -> Call {
        let now = Instant::now();
        let side = |side: u8| {
            let mut stream = Stream::new(now, [side; 32], StreamId(u64::from(side)));
            // With noise in its pauses, and ears for keys, as far as those go with the codec.
            let config = StreamConfig::new(address(1 - side), codec, 96);
            stream.configure(now, StreamConfig { hear_tones: true, ..config }).unwrap();
            stream
        };
        // Two streams of one rate, and one of each other: a room that has something to convert.
        let sides = [side(0), side(1)];
        let rate = sides[0].rate();
        let conference = Conference::of(&[rate, rate, 8_000, 48_000], true);
        Call { now, sides, conference, tick: 0 }
    }

    /// A second, whose every twentieth packet is lost; reports are left out, which come every few seconds.
    fn second(&mut self) {
        for _ in 0..48_000 / TICK {
            self.now += Duration::from_millis(5);
            self.tick += 1;
            let mut voice = [0.0; TICK];
            let ear = self.conference.tick(&[0.1; TICK], |stream, said| match self.sides.get_mut(stream) {
                Some(side) => side.playout(self.now, said),
                None => said.fill(0.05),
            });
            assert!(ear.iter().all(|sample| sample.is_finite()));
            for (n, sample) in voice.iter_mut().enumerate() {
                *sample = 0.3 * ((self.tick * TICK + n) as f32 * 0.05).sin() * ((self.tick as f32) * 0.1).sin();
            }
            for side in 0..2 {
                let tick = self.sides[side].rate() as usize / (48_000 / TICK);
                self.sides[side].capture(self.now, &voice[..tick]);
                while let Some(transmit) = self.sides[side].poll_transmit() {
                    if transmit.channel == Channel::Rtp && !self.tick.is_multiple_of(80) {
                        self.sides[1 - side].handle_rtp(self.now, address(side as u8), &transmit.bytes);
                    }
                    self.sides[side].recycle(transmit);
                }
                while self.sides[side].poll_event().is_some() {}
            }
        }
    }
}

/// The only test of this file. The allocator counts all threads, and that of the test harness may have something to do
/// at the same time, once: so one of a few seconds must be clean, which none is if a packet allocates.
#[test]
fn a_second_of_a_call_allocates_nothing() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        let mut call = Call::new(codec);
        (0..5).for_each(|_| call.second());
        let rounds: Vec<_> = (0..5)
            .map(|_| {
                let region = Region::new(ALLOCATOR);
                call.second();
                let change = region.change();
                (change.allocations, change.reallocations, change.deallocations)
            })
            .collect();
        assert!(rounds.contains(&(0, 0, 0)), "{codec:?}: allocated, grown, freed: {rounds:?}");
        let stats = call.sides[0].stats();
        assert!(stats.packets_received > 400 && stats.lost > 10, "{stats:?}");
    }
}
