use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::link::Loss;

const PERIOD: Duration = Duration::from_secs(1);

/// Asks every second until it hears something, and answers what it is asked.
struct Asker {
    here: SocketAddr,
    asks: Option<(SocketAddr, Instant)>,
    out: Vec<Packet>,
    answered_at: Option<Instant>,
}

impl Asker {
    fn new(here: SocketAddr) -> Self {
        Self { here, asks: None, out: Vec::new(), answered_at: None }
    }
}

impl Host for Asker {
    fn handle_packet(&mut self, now: Instant, packet: Packet) {
        if packet.bytes == "ask" {
            self.out.push(Packet::udp(self.here, packet.from, "answer"));
        } else {
            self.asks = None;
            self.answered_at = Some(now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some((peer, due)) = self.asks
            && due <= now
        {
            self.out.push(Packet::udp(self.here, peer, "ask"));
            self.asks = Some((peer, now + PERIOD));
        }
    }

    fn poll_transmit(&mut self) -> Option<Packet> {
        self.out.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.asks.map(|(_, due)| due)
    }
}

fn at(n: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, n), 5060))
}

fn two(seed: u64) -> (World, HostId<Asker>, HostId<Asker>) {
    let mut world = World::new(seed);
    let a = world.add("a", at(1).ip(), Asker::new(at(1)));
    let b = world.add("b", at(2).ip(), Asker::new(at(2)));
    (world, a, b)
}

#[test]
fn a_question_and_its_answer_take_a_round_trip_and_no_real_time() {
    let (mut world, a, b) = two(1);
    world.set_link(a, b, LinkConfig::delay(Duration::from_secs(3600)));
    let start = world.now();
    world.with(a, |host, now| host.asks = Some((at(2), now + PERIOD)));
    world.run_until(Duration::from_secs(10_000), |world| world.host(a).answered_at.is_some());
    assert_eq!(world.host(a).answered_at, Some(start + PERIOD + Duration::from_secs(7200)));
}

#[test]
fn a_lost_question_is_asked_again_and_the_run_repeats_exactly() {
    let run = |seed| {
        let (mut world, a, b) = two(seed);
        world.set_link(a, b, LinkConfig::delay(Duration::from_millis(20)).loss(Loss::Random(0.7)));
        world.with(a, |host, now| host.asks = Some((at(2), now)));
        world.run_until(Duration::from_secs(100), |world| world.host(a).answered_at.is_some());
        (world.elapsed(), world.ladder().to_string())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
#[should_panic(expected = "not done after 10s")]
fn a_run_that_is_never_done_fails() {
    let (mut world, a, b) = two(1);
    world.set_link(a, b, LinkConfig::down());
    world.with(a, |host, now| host.asks = Some((at(2), now)));
    world.run_until(Duration::from_secs(10), |world| world.host(a).answered_at.is_some());
}

#[test]
#[should_panic(expected = "a is stuck")]
fn a_due_deadline_that_changes_nothing_fails() {
    struct Stuck(Instant);
    impl Host for Stuck {
        fn handle_packet(&mut self, _: Instant, _: Packet) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_transmit(&mut self) -> Option<Packet> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            Some(self.0)
        }
    }
    let mut world = World::new(1);
    world.add("a", at(1).ip(), Stuck(world.now()));
    world.step();
}

#[test]
fn time_passes_even_when_nothing_happens() {
    let (mut world, _, _) = two(1);
    assert!(!world.step());
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.elapsed(), Duration::from_secs(5));
}

#[test]
fn a_packet_to_nobody_is_counted() {
    let (mut world, a, _) = two(1);
    world.with(a, |host, _| host.out.push(Packet::udp(at(1), at(9), "ask")));
    assert_eq!(world.unroutable(), 1);
}
