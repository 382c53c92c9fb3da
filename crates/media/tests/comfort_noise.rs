//! G.711 in silence (RFC 3389): little is sent, and it sounds like the room it comes from.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use media::stream::Channel;
use media::{Codec, Stream, StreamConfig, StreamId, rtp};

const A: ([u8; 4], u16) = ([192, 0, 2, 1], 4_000);
const B: ([u8; 4], u16) = ([192, 0, 2, 2], 4_000);

struct World {
    now: Instant,
    a: Stream,
    b: Stream,
    random: u32,
    tone: common::Tone,
    /// What B hears, and payload type and marker of what A sends.
    heard: Vec<f32>,
    sent: Vec<(u8, bool)>,
    /// A network that swallows every so many-th packet.
    swallow: usize,
}

fn world(a_sends: Option<u8>) -> World {
    let now = Instant::now();
    let stream = |to: ([u8; 4], u16), comfort_noise| {
        let mut stream = Stream::new(now, [to.0[3]; 32], StreamId(1));
        stream.configure(now, StreamConfig { comfort_noise, ..StreamConfig::new(to.into(), Codec::Pcmu, 0) }).unwrap();
        stream
    };
    World {
        now,
        a: stream(B, a_sends),
        b: stream(A, None),
        random: 1,
        tone: common::Tone::new(440.0, 8_000),
        heard: Vec::new(),
        sent: Vec::new(),
        swallow: usize::MAX,
    }
}

impl World {
    /// Seconds of noise at a level in dBov, and of a tone where `speaks`.
    fn run(&mut self, seconds: f32, level: f32, speaks: bool) {
        self.heard.clear();
        self.sent.clear();
        let peak = 10.0f32.powf(level / 20.0) * 1.732;
        for _ in 0..(seconds * 100.0) as usize {
            self.now += Duration::from_millis(10);
            let mut voice = [0.0; 80];
            if speaks {
                self.tone.fill(&mut voice);
            }
            for sample in &mut voice {
                self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sample += (self.random as i32 as f32 / 2_147_483_648.0) * peak;
            }
            self.a.capture(self.now, &voice);
            while let Some(transmit) = self.a.poll_transmit() {
                if transmit.channel == Channel::Rtp {
                    let packet = rtp::Packet::parse(&transmit.bytes).unwrap();
                    self.sent.push((packet.payload_type, packet.marker));
                    if !self.sent.len().is_multiple_of(self.swallow) {
                        self.b.handle_rtp(self.now, SocketAddr::from(A), &transmit.bytes);
                    }
                }
            }
            let mut heard = [0.0; 80];
            self.b.playout(self.now, &mut heard);
            self.heard.extend(heard);
        }
    }

    fn level(&self) -> f32 {
        20.0 * common::rms(&self.heard).log10()
    }
}

#[test]
fn silence_is_a_packet_a_second_and_sounds_as_it_was() {
    let mut world = world(Some(13));
    world.run(20.0, -55.0, false);
    world.run(10.0, -55.0, false);
    assert!((9..=12).contains(&world.sent.len()), "{:?}", world.sent);
    assert!(world.sent.iter().all(|packet| *packet == (13, false)));
    assert!((world.level() + 55.0).abs() < 4.0, "{} dBov", world.level());
    let before = world.b.stats();

    world.run(2.0, -55.0, true);
    assert!(world.sent.len() >= 99 && world.sent[0] == (0, true), "{:?}", world.sent);
    assert!(world.sent[1..].iter().all(|packet| *packet == (0, false)));
    assert!(common::tonality(&world.heard[4_000..], 440.0, 8_000) > 0.95);

    world.run(10.0, -55.0, false);
    assert_eq!(world.sent.iter().filter(|(payload_type, _)| *payload_type == 0).count(), 11, "the hangover");
    world.heard.drain(..8_000);
    assert!((world.level() + 55.0).abs() < 4.0, "{} dBov", world.level());
    let after = world.b.stats();
    assert_eq!((after.lost, after.late, after.codec), (0, 0, Codec::Pcmu));
    assert!(after.concealed - before.concealed < Duration::from_millis(100), "{:?}", after.concealed);
}

#[test]
fn lost_noise_is_no_silence() {
    let mut world = world(Some(13));
    world.run(20.0, -50.0, false);
    world.swallow = 2;
    world.run(20.0, -50.0, false);
    assert!((world.level() + 50.0).abs() < 5.0, "{} dBov", world.level());
    let quietest = world.heard.chunks(4_800).map(common::rms).fold(1.0, f32::min);
    assert!(20.0 * quietest.log10() > -60.0, "{quietest}");
}

#[test]
fn nobody_is_silent_who_did_not_agree() {
    let mut world = world(None);
    world.run(5.0, -60.0, false);
    assert_eq!(world.sent.len(), 250);
    assert!(world.sent.iter().all(|(payload_type, _)| *payload_type == 0));
}
