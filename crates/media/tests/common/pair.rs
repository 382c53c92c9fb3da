//! Two streams and the network between them, in virtual time: nothing sleeps, and a seed says all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::stream::Channel;
use media::{Event, Stream, StreamConfig, StreamId};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::Tone;

/// What the network does to each datagram.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    pub delay: Duration,
    /// Added at random, evenly.
    pub jitter: Duration,
    /// Shares, 0 to 1.
    pub loss: f64,
    pub duplicate: f64,
}

pub const PERFECT: Network =
    Network { delay: Duration::from_millis(20), jitter: Duration::ZERO, loss: 0.0, duplicate: 0.0 };

pub struct Side {
    pub stream: Stream,
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
    pub said: Option<Tone>,
    pub heard: Vec<f32>,
    pub events: Vec<Event>,
}

pub struct Pair {
    pub now: Instant,
    pub sides: [Side; 2],
    pub network: Network,
    /// Datagrams that were sent from an RTCP port.
    pub from_rtcp: usize,
    random: ChaCha8Rng,
    /// By arrival and number.
    wire: BTreeMap<(Instant, u64), Flying>,
    number: u64,
}

/// To which side, to which socket, from where, what.
type Flying = (usize, Channel, SocketAddr, Vec<u8>);

pub fn address(side: usize, channel: Channel) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side as u8 + 1], if channel == Channel::Rtp { 4_000 } else { 4_001 }))
}

impl Pair {
    /// Side 0 says 440 Hz, side 1 says 1000 Hz, both configured as `config` says of the other's address.
    pub fn new(seed: u64, network: Network, config: impl Fn(SocketAddr) -> StreamConfig) -> Pair {
        let now = Instant::now();
        let side = |side: usize, hertz| {
            let mut bytes = [side as u8 + 1; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            let mut stream = Stream::new(now, bytes, StreamId(side as u64));
            stream.configure(now, config(address(1 - side, Channel::Rtp))).unwrap();
            let rate = stream.rate();
            Side {
                stream,
                rtp: address(side, Channel::Rtp),
                rtcp: address(side, Channel::Rtcp),
                said: Some(Tone::new(hertz, rate)),
                heard: Vec::new(),
                events: Vec::new(),
            }
        };
        let sides = [side(0, 440.0), side(1, 1_000.0)];
        Pair {
            now,
            sides,
            network,
            from_rtcp: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
            wire: BTreeMap::new(),
            number: 0,
        }
    }

    /// Let `time` pass, in ticks of 10 ms.
    pub fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / 10 {
            let next = self.now + Duration::from_millis(10);
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= next) {
                let ((at, _), (to, channel, from, bytes)) = entry.remove_entry();
                match channel {
                    Channel::Rtp => self.sides[to].stream.handle_rtp(at, from, &bytes),
                    Channel::Rtcp => self.sides[to].stream.handle_rtcp(at, from, &bytes),
                }
            }
            self.now = next;
            for side in 0..2 {
                self.tick(side);
            }
        }
    }

    fn tick(&mut self, number: usize) {
        let now = self.now;
        let side = &mut self.sides[number];
        let rate = side.stream.rate();
        let mut voice = vec![0.0; rate as usize / 100];
        side.stream.playout(now, &mut voice);
        side.heard.extend_from_slice(&voice);
        voice.fill(0.0);
        if let Some(tone) = &mut side.said {
            tone.set_rate(rate);
            tone.fill(&mut voice);
        }
        side.stream.capture(now, &voice);
        if side.stream.poll_timeout().is_some_and(|(due, _)| due <= now) {
            side.stream.handle_timeout(now);
            assert!(side.stream.poll_timeout().is_none_or(|(due, _)| due > now), "a due deadline changes something");
        }
        while let Some(event) = side.stream.poll_event() {
            side.events.push(event);
        }
        while let Some(transmit) = self.sides[number].stream.poll_transmit() {
            let from = match transmit.channel {
                Channel::Rtp => self.sides[number].rtp,
                Channel::Rtcp => {
                    self.from_rtcp += 1;
                    self.sides[number].rtcp
                }
            };
            let to = self.sides.iter().position(|side| side.rtp == transmit.to || side.rtcp == transmit.to);
            let Some(to) = to else { continue };
            if self.chance(self.network.loss) {
                continue;
            }
            for _ in 0..1 + usize::from(self.chance(self.network.duplicate)) {
                let jitter = self.network.jitter.mul_f64(f64::from(self.random.next_u32()) / f64::from(u32::MAX));
                self.number += 1;
                let key = (now + self.network.delay + jitter, self.number);
                self.wire.insert(key, (to, transmit.channel, from, transmit.bytes.clone()));
            }
        }
    }

    fn chance(&mut self, share: f64) -> bool {
        f64::from(self.random.next_u32()) / f64::from(u32::MAX) < share
    }
}
