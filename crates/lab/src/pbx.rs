//! A small PBX: registrar, calls between its users, and numbers that are machines.
//!
//! [`Pbx`] is the layer: packets and time in, packets out, no socket and no clock. It lives in a
//! [`World`](crate::world::World), or behind real sockets in a [`Server`].
//!
//! ```text
//!  packets ──► Endpoint ──► REGISTER ──► Guard ──► Registrar
//!     │            └──────► INVITE ────► Guard ──► dial plan ──► Leg ── Leg: phones, joined, parted, parked, transferred
//!     │                                                ├───────► Bridge: the same with sound that flows directly
//!     │                                                └───────► Attendant: a call to a machine
//!     └──────────────────── RTP ───────────────────────────────► Port of a leg: relay, keys, music; Sound of a machine
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sip_core::endpoint::{self, Endpoint, Flow, Misuse, NotifierId, RequestId, ServerId, SessionId, Transport};
use sip_core::method::Method;

mod auth;
mod blf;
mod bridge;
mod calls;
mod codes;
mod config;
mod description;
mod events;
mod keypad;
mod leg;
mod machines;
mod park;
mod pickup;
mod port;
mod register;
mod registrar;
mod ring;
mod server;
mod service;
pub(crate) mod sound;
mod switch;
mod tone;
mod transfer;
mod waiting;
mod watch;

pub use config::{Config, ConnectedLine, Service, User};
pub use keypad::Codes;
pub use park::{Lot, ParkEvent, Parked};
pub use registrar::Binding;
pub use server::{Server, View};

use crate::packet::{Packet, Protocol};
use crate::world::Host;
use calls::{Call, Kind};
use leg::{Leg, Ring, RingId};
use service::Attendant;

/// Names a call; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u64);

/// A call as an observer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallInfo {
    /// Its name.
    pub id: CallId,
    /// The user who called, or the number of the machine that did.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// Answered, and not over.
    pub talking: bool,
    /// The keys that the phone has pressed, if it talks to a machine: RFC 4733 events and INFO.
    pub keys: String,
}

/// Why the PBX does not call somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotCall {
    /// No such user, or no phone of theirs is registered.
    #[error("nobody is registered under that name")]
    NotRegistered,
    /// As many calls as [`Config::max_calls`] allows.
    #[error("too many calls")]
    TooManyCalls,
    /// [`Service::NoAnswer`] and [`Service::Refuse`] cannot call.
    #[error("that service cannot call")]
    NotCallable,
}

/// What a [`Pbx`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A timer of SIP.
    Sip(endpoint::Why),
    /// A binding runs out.
    Binding,
    /// The next frame of a tune.
    Sound,
    /// A call has rung, or lasted, as long as it may.
    Call,
    /// A phone has heard a tone to its end, pressed no further key, or should have hung up.
    Leg,
    /// A phone has rung long enough for somebody who is connected already.
    Ring,
    /// Somebody has waited in a slot long enough.
    Parked,
}

/// The PBX as a layer. After every call of a method with `now`, drain [`Pbx::poll_transmit`] and arm one timer for
/// [`Pbx::poll_timeout`].
#[derive(Debug)]
pub struct Pbx {
    config: Config,
    here: SocketAddr,
    endpoint: Endpoint,
    guard: auth::Guard,
    registrar: registrar::Registrar,
    calls: BTreeMap<CallId, Call>,
    by_session: BTreeMap<SessionId, CallId>,
    /// RTP ports of calls, RTCP being one above.
    by_port: BTreeMap<u16, CallId>,
    free_ports: VecDeque<SocketAddr>,
    ports: usize,
    /// Requests of one side of a call that the other side was asked.
    relayed: BTreeMap<RequestId, ServerId>,
    /// Phones whose sound comes to us.
    legs: BTreeMap<SessionId, Leg>,
    leg_by_port: BTreeMap<u16, SessionId>,
    rings: BTreeMap<RingId, Ring>,
    parking: park::Parking<leg::Waiting>,
    park_events: VecDeque<ParkEvent>,
    watchers: blf::Watchers<NotifierId>,
    next_call: u64,
    next_ring: u64,
    changes: u64,
    rng: ChaCha8Rng,
    out: VecDeque<Packet>,
}

impl Pbx {
    /// A PBX that hears SIP at `here`, by UDP and TCP, and RTP at the addresses of `rtp`, whose ports are even, RTCP one
    /// port above each.
    pub fn new(config: Config, here: SocketAddr, rtp: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut rng = ChaCha8Rng::from_seed(config.seed);
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut sip = endpoint::Config::new(seed);
        sip.user_agent = concat!("denwa-lab/", env!("CARGO_PKG_VERSION")).to_owned();
        sip.allow = {
            use Method::{
                Ack, Bye, Cancel, Info, Invite, Message, Notify, Options, Prack, Refer, Register, Subscribe, Update,
            };
            vec![Invite, Ack, Cancel, Bye, Options, Info, Update, Prack, Message, Register, Refer, Notify, Subscribe]
        };
        sip.supported = Vec::new();
        sip.packages = vec!["dialog".to_owned()];
        let terms = registrar::Terms {
            default_expires: config.default_expires,
            min_expires: config.min_expires,
            max_expires: config.max_expires,
            max_contacts: config.max_contacts,
        };
        let free_ports: VecDeque<SocketAddr> = rtp.into_iter().collect();
        let parking = park::Parking::new(config.lots.clone());
        Self {
            endpoint: Endpoint::new(sip),
            guard: auth::Guard::new(&config, &mut rng),
            registrar: registrar::Registrar::new(terms),
            config,
            here,
            calls: BTreeMap::new(),
            by_session: BTreeMap::new(),
            by_port: BTreeMap::new(),
            ports: free_ports.len(),
            free_ports,
            relayed: BTreeMap::new(),
            legs: BTreeMap::new(),
            leg_by_port: BTreeMap::new(),
            rings: BTreeMap::new(),
            parking,
            park_events: VecDeque::new(),
            watchers: blf::Watchers::default(),
            next_call: 0,
            next_ring: 0,
            changes: 0,
            rng,
            out: VecDeque::new(),
        }
    }

    /// Takes what has arrived: SIP, or sound at one of the RTP ports.
    pub fn handle_packet(&mut self, now: Instant, packet: Packet) {
        let transport = match packet.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp => Transport::Tcp,
        };
        if packet.to.port() != self.here.port() {
            self.sound(now, &packet);
            return;
        }
        let flow = Flow { transport, local: self.here, remote: packet.from };
        match packet.protocol {
            Protocol::Udp => self.endpoint.handle_datagram(now, flow, packet.bytes),
            Protocol::Tcp => self.endpoint.handle_stream(now, flow, packet.bytes),
        }
        self.settle(now);
    }

    /// A connection has closed, or could not be opened; or a datagram could not be delivered.
    pub fn handle_closed(&mut self, now: Instant, protocol: Protocol, remote: SocketAddr) {
        let transport = match protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp => Transport::Tcp,
        };
        let flow = Flow { transport, local: self.here, remote };
        if protocol == Protocol::Tcp {
            self.registrar.close(flow);
            self.changes += 1;
        }
        self.endpoint.handle_closed(now, flow);
        self.settle(now);
    }

    /// The time of [`Pbx::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        if self.registrar.expire(now) {
            self.changes += 1;
        }
        let mut over = Vec::new();
        for (id, call) in &mut self.calls {
            if let Kind::Called(attendant) | Kind::Calling(attendant) = &mut call.kind
                && attendant.poll_timeout().is_some_and(|due| due <= now)
            {
                attendant.handle_timeout(now, &mut self.endpoint);
            }
            if call.deadline <= now {
                // What is not over by now ends in the time that SIP gives a BYE.
                call.deadline = now + self.config.max_talking;
                over.push(*id);
            }
        }
        for id in over {
            self.give_up(now, id);
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let legs: Vec<_> = self.legs.iter().filter(|(_, leg)| due(leg.poll_timeout())).map(|(id, _)| *id).collect();
        let rings: Vec<_> = self.rings.iter().filter(|(_, ring)| due(ring.poll_timeout())).map(|(id, _)| *id).collect();
        for leg in legs {
            self.leg_due(now, leg);
        }
        for ring in rings {
            self.ring_due(now, ring);
        }
        self.come_back(now);
        self.settle(now);
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Packet> {
        self.out.pop_front()
    }

    /// When [`Pbx::handle_timeout`] is wanted, and what for.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let sip = self.endpoint.poll_timeout().map(|(due, why)| (due, Why::Sip(why)));
        let binding = self.registrar.poll_timeout().map(|due| (due, Why::Binding));
        let calls = self.calls.values().flat_map(|call| {
            let sound = match &call.kind {
                Kind::Called(attendant) | Kind::Calling(attendant) => attendant.poll_timeout(),
                Kind::Bridge(_) | Kind::Legs => None,
            };
            [sound.map(|due| (due, Why::Sound)), Some((call.deadline, Why::Call))].into_iter().flatten()
        });
        let legs = self.legs.values().filter_map(|leg| Some((leg.poll_timeout()?, Why::Leg)));
        let rings = self.rings.values().filter_map(|ring| Some((ring.poll_timeout()?, Why::Ring)));
        let parked = self.parking.poll_timeout().map(|due| (due, Why::Parked));
        sip.into_iter().chain(binding).chain(calls).chain(legs).chain(rings).chain(parked).min_by_key(|(due, _)| *due)
    }

    /// Who is registered where, by user name.
    pub fn bindings(&self) -> impl Iterator<Item = (&str, &Binding)> {
        self.registrar.all()
    }

    /// The calls that there are.
    pub fn calls(&self) -> impl Iterator<Item = CallInfo> {
        self.calls.iter().map(|(id, call)| CallInfo {
            id: *id,
            from: call.from.clone(),
            to: call.to.clone(),
            talking: call.is_talking(&self.legs),
            keys: call.keys().to_owned(),
        })
    }

    /// Whether there is no call, nobody waits in a slot, and nothing is left of those who did.
    pub fn is_idle(&self) -> bool {
        let nobody = self.calls.is_empty() && self.legs.is_empty() && self.rings.is_empty();
        let ports = self.leg_by_port.is_empty() && self.by_port.is_empty() && self.free_ports.len() == self.ports;
        nobody && ports && self.by_session.is_empty() && self.parking.all().next().is_none()
    }

    /// Grows whenever bindings or calls may look different.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Lets a machine call a user, under a number of its own: the phone that registered last rings.
    ///
    /// # Errors
    /// When nobody can be called; nothing happens then.
    pub fn call(&mut self, now: Instant, service: Service, number: &str, user: &str) -> Result<CallId, CannotCall> {
        if matches!(service, Service::NoAnswer | Service::Refuse(_)) {
            return Err(CannotCall::NotCallable);
        }
        let bindings = self.registrar.bindings(user);
        let latest = bindings.iter().max_by_key(|binding| binding.expires_at);
        let binding = latest.ok_or(CannotCall::NotRegistered)?.clone();
        let rtp = self.take_port().ok_or(CannotCall::TooManyCalls)?;
        let mut rng = self.child_rng();
        let local = description::Local::new(rtp, &mut rng);
        let offer = Attendant::offer(local, service, &self.config.encodings);
        let invite = self.invite_to(user, &binding, self.identity(number), Some(offer));
        let session = self.endpoint.invite(now, invite);
        let attendant = Attendant::new(session, service, self.config.encodings.clone(), local, rng);
        let id = self.add_call(now, number, user, Kind::Calling(attendant), [session]);
        self.by_port.insert(rtp.port(), id);
        self.settle(now);
        Ok(id)
    }

    /// Ends a call, on both sides. False when there is none of that name.
    pub fn hang_up(&mut self, now: Instant, id: CallId) -> bool {
        let known = self.calls.contains_key(&id);
        self.give_up(now, id);
        self.settle(now);
        known
    }
}

impl Host for Pbx {
    fn handle_packet(&mut self, now: Instant, packet: Packet) {
        Pbx::handle_packet(self, now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        Pbx::handle_timeout(self, now);
    }

    fn poll_transmit(&mut self) -> Option<Packet> {
        Pbx::poll_transmit(self)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Pbx::poll_timeout(self).map(|(due, _)| due)
    }

    fn why(&self) -> String {
        format!("{:?}", Pbx::poll_timeout(self).map(|(_, why)| why))
    }
}

/// A command can come too late, when the other side has just ended it: then its end is on its way as an event.
fn told(result: Result<(), Misuse>) {
    if let Err(misuse) = result {
        tracing::debug!(%misuse, "a command came too late");
    }
}
