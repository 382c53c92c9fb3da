//! A network of hosts in virtual time: steps from one deadline or packet to the next, and nothing ever sleeps.
//!
//! A host is anything with the three inputs of a layer behind [`Host`]. The world gives it packets and time, carries
//! what it sends over [`Link`]s, and records everything in a [`Ladder`]. All chance comes out of one seed; a test that
//! fails prints it, with the ladder up to there.
//!
//! Read [`World::step`] first.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::clock::Clock;
use crate::ladder::Ladder;
use crate::link::{Fate, Link, LinkConfig, LinkStats};
use crate::packet::{Packet, Protocol};

#[cfg(test)]
mod tests;

/// Anything that lives at an address and speaks in packets.
pub trait Host: Any {
    /// A packet for one of this host's addresses has arrived.
    fn handle_packet(&mut self, now: Instant, packet: Packet);
    /// The time of [`Host::poll_timeout`] has come.
    fn handle_timeout(&mut self, now: Instant);
    /// The next packet to send, until there is none. Asked after every input.
    fn poll_transmit(&mut self) -> Option<Packet>;
    /// When this host wants [`Host::handle_timeout`].
    fn poll_timeout(&self) -> Option<Instant>;
    /// What that deadline is for; printed when a host gets stuck on it.
    fn why(&self) -> String {
        String::new()
    }
}

/// Names a host of type `H` in the world that gave it out.
pub struct HostId<H> {
    index: usize,
    kind: PhantomData<fn() -> H>,
}

impl<H> Clone for HostId<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for HostId<H> {}

impl<H> fmt::Debug for HostId<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}", self.index)
    }
}

struct Place {
    name: String,
    host: Box<dyn Host>,
}

/// Hosts, the paths between them, and a clock.
pub struct World {
    seed: u64,
    clock: Clock,
    places: Vec<Place>,
    routes: BTreeMap<IpAddr, usize>,
    default_link: LinkConfig,
    links: BTreeMap<(usize, usize), Link<Packet>>,
    ladder: Ladder,
    unroutable: u64,
}

/// Inputs that a host may take without the clock moving, before it counts as stuck.
const MAX_TURNS: usize = 10_000;

impl World {
    /// An empty world. The same seed, hosts and calls give the same run.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            clock: Clock::new(),
            places: Vec::new(),
            routes: BTreeMap::new(),
            default_link: LinkConfig::delay(Duration::from_millis(10)),
            links: BTreeMap::new(),
            ladder: Ladder::new(),
            unroutable: 0,
        }
    }

    /// A seed for the part called `label`, drawn from the world's own.
    pub fn seed_for(&self, label: &str) -> [u8; 32] {
        // FNV-1a: a fixed function of the label, unlike the standard library's hasher.
        let hash = label
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&hash.to_le_bytes());
        let mut seed = [0; 32];
        ChaCha8Rng::from_seed(key).fill_bytes(&mut seed);
        seed
    }

    /// Puts a host at an address. Its name heads its column in the ladder.
    ///
    /// # Panics
    /// When another host has the address already.
    pub fn add<H: Host>(&mut self, name: &str, ip: IpAddr, host: H) -> HostId<H> {
        let index = self.places.len();
        let taken = self.routes.insert(ip, index);
        assert!(taken.is_none(), "{ip} is taken");
        self.ladder.column(name);
        self.places.push(Place { name: name.to_owned(), host: Box::new(host) });
        HostId { index, kind: PhantomData }
    }

    /// Sets the conditions of every path that has none of its own yet. The default is 10 ms of delay each way.
    pub fn set_default_link(&mut self, config: LinkConfig) {
        self.default_link = config;
    }

    /// Sets the conditions of the path between two hosts, both ways, from now on.
    pub fn set_link<A, B>(&mut self, a: HostId<A>, b: HostId<B>, config: LinkConfig) {
        self.set_link_one_way(a, b, config.clone());
        self.set_link_one_way(b, a, config);
    }

    /// Sets the conditions of the path from one host to another, from now on.
    pub fn set_link_one_way<A, B>(&mut self, from: HostId<A>, to: HostId<B>, config: LinkConfig) {
        self.link(from.index, to.index).set_config(config);
    }

    /// What the path from one host to another has carried.
    pub fn link_stats<A, B>(&self, from: HostId<A>, to: HostId<B>) -> LinkStats {
        self.links.get(&(from.index, to.index)).map(Link::stats).unwrap_or_default()
    }

    /// The present.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Looks at a host.
    pub fn host<H: Host>(&self, id: HostId<H>) -> &H {
        let host: &dyn Any = self.places[id.index].host.as_ref();
        host.downcast_ref().expect("a HostId keeps the type that it was given out for")
    }

    /// Tells a host to do something, and sends what comes of it.
    pub fn with<H: Host, R>(&mut self, id: HostId<H>, act: impl FnOnce(&mut H, Instant) -> R) -> R {
        let now = self.now();
        let host: &mut dyn Any = self.places[id.index].host.as_mut();
        let result = act(host.downcast_mut().expect("a HostId keeps the type that it was given out for"), now);
        self.drain(id.index);
        result
    }

    /// Goes to the next deadline or arrival and lets it happen. False when there is none: all is quiet for ever.
    pub fn step(&mut self) -> bool {
        let Some(next) = self.next() else { return false };
        self.clock.advance_to(next);
        self.deliver();
        self.expire();
        true
    }

    /// Lets `time` pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.next().is_some_and(|next| next <= end) {
            self.step();
        }
        self.clock.advance_to(end);
    }

    /// Steps until `done`, for at most `limit`.
    ///
    /// # Panics
    /// When `limit` passes, or everything falls quiet, and it is still not done.
    #[track_caller]
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now() + limit;
        while !done(self) {
            let waiting = self.next().is_some_and(|next| next <= end);
            assert!(waiting && self.step(), "not done after {limit:?}, at {:?}", self.elapsed());
        }
    }

    /// The run so far.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// Writes a line into the ladder.
    pub fn note(&mut self, text: impl Into<String>) {
        self.ladder.note(self.clock.elapsed(), text);
    }

    /// Packets sent to addresses where nobody lives.
    pub fn unroutable(&self) -> u64 {
        self.unroutable
    }

    fn next(&self) -> Option<Instant> {
        let deadlines = self.places.iter().filter_map(|place| place.host.poll_timeout());
        let arrivals = self.links.values().filter_map(Link::poll_timeout);
        deadlines.chain(arrivals).min().map(|next| next.max(self.now()))
    }

    fn deliver(&mut self) {
        let now = self.now();
        let paths: Vec<(usize, usize)> = self.links.keys().copied().collect();
        for path in paths {
            while let Some(packet) = self.links.get_mut(&path).and_then(|link| link.poll(now)) {
                self.places[path.1].host.handle_packet(now, packet);
                self.drain(path.1);
            }
        }
    }

    fn expire(&mut self) {
        let now = self.now();
        for index in 0..self.places.len() {
            let mut turns = 0;
            while self.places[index].host.poll_timeout().is_some_and(|due| due <= now) {
                self.places[index].host.handle_timeout(now);
                self.drain(index);
                turns += 1;
                let place = &self.places[index];
                assert!(turns < MAX_TURNS, "{} is stuck on a due deadline: {}", place.name, place.host.why());
            }
        }
    }

    fn drain(&mut self, from: usize) {
        let mut turns = 0;
        while let Some(packet) = self.places[from].host.poll_transmit() {
            self.carry(from, packet);
            turns += 1;
            assert!(turns < MAX_TURNS, "{} never stops sending", self.places[from].name);
        }
    }

    fn carry(&mut self, from: usize, packet: Packet) {
        let (now, elapsed) = (self.now(), self.elapsed());
        let Some(&to) = self.routes.get(&packet.to.ip()) else {
            self.unroutable += 1;
            self.ladder.note(elapsed, format!("{} sends to nobody at {}", self.places[from].name, packet.to.ip()));
            return;
        };
        let size = packet.wire_len();
        let link = self.link(from, to);
        let fate = match packet.protocol {
            Protocol::Udp => link.send(now, size, packet.clone()),
            Protocol::Tcp => Fate::Arrives(link.send_reliable(now, size, packet.clone())),
        };
        self.ladder.packet(elapsed, from, to, &packet, fate == Fate::Lost);
    }

    fn link(&mut self, from: usize, to: usize) -> &mut Link<Packet> {
        if !self.links.contains_key(&(from, to)) {
            let link = Link::new(self.default_link.clone(), self.seed_for(&format!("link {from} {to}")));
            self.links.insert((from, to), link);
        }
        self.links.get_mut(&(from, to)).expect("it was put in above")
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.seed).field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

/// A failing test tells how to see the same run again.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("\nworld seed {} after {:?}\n{}", self.seed, self.elapsed(), self.ladder);
        }
    }
}
