//! A world of endpoints and scripted peers on a wire that can be bad, where only the test moves the clock.

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::resolve::{Answer, Lookup, Resolved};
use sip_core::{Message, Method, Request, Response, StatusCode};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) const OFFER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
pub(crate) const ANSWER: &[u8] = b"v=0\r\no=- 2 2 IN IP4 10.0.0.2\r\ns=-\r\nt=0 0\r\nm=audio 4002 RTP/AVP 0\r\n";

pub(crate) fn offer() -> Option<Bytes> {
    Some(Bytes::from_static(OFFER))
}

pub(crate) fn answer() -> Option<Bytes> {
    Some(Bytes::from_static(ANSWER))
}

/// What the wire does, in permille.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
}

impl Default for Wire {
    fn default() -> Self {
        Self { delay: Duration::from_millis(10), jitter: Duration::ZERO, loss: 0, duplicate: 0 }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) transport: Transport,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
}

impl Packet {
    pub(crate) fn message(&self) -> Message {
        Message::parse(self.bytes.clone()).unwrap()
    }
}

pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) addr: SocketAddr,
    pub(crate) endpoint: Endpoint,
    pub(crate) events: VecDeque<Event>,
}

pub(crate) struct World {
    start: Instant,
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    /// Addresses without an endpoint, with a name for the ladder.
    pub(crate) peers: BTreeMap<SocketAddr, &'static str>,
    /// What came to them.
    pub(crate) caught: VecDeque<Packet>,
    in_flight: BTreeMap<(Instant, u64), Packet>,
    sequence: u64,
    pub(crate) wire: Wire,
    random: ChaCha8Rng,
    /// TCP to these is refused.
    pub(crate) no_tcp: BTreeSet<SocketAddr>,
    /// DNS: name to targets.
    pub(crate) names: BTreeMap<String, Vec<SocketAddr>>,
    ladder: Vec<String>,
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        Self {
            start,
            now: start,
            nodes: Vec::new(),
            peers: BTreeMap::new(),
            caught: VecDeque::new(),
            in_flight: BTreeMap::new(),
            sequence: 0,
            wire: Wire::default(),
            random: ChaCha8Rng::from_seed(bytes),
            no_tcp: BTreeSet::new(),
            names: BTreeMap::new(),
            ladder: Vec::new(),
        }
    }

    /// alice at 10.0.0.1 and bob at 10.0.0.2.
    pub(crate) fn pair(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.node("alice", "10.0.0.1:5060");
        world.node("bob", "10.0.0.2:5060");
        world
    }

    pub(crate) fn node(&mut self, name: &'static str, at: &str) -> usize {
        let seed = [u8::try_from(self.random.next_u32() & 0xff).unwrap(); 32];
        let mut config = Config::new(seed);
        config.allow.push(Method::Register);
        self.node_with(name, at, config)
    }

    pub(crate) fn node_with(&mut self, name: &'static str, at: &str, config: Config) -> usize {
        let node = Node { name, addr: addr(at), endpoint: Endpoint::new(config), events: VecDeque::new() };
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(crate) fn peer(&mut self, name: &'static str, at: &str) -> SocketAddr {
        self.peers.insert(addr(at), name);
        addr(at)
    }

    /// Runs a command on an endpoint and puts what it sends on the wire.
    pub(crate) fn on<R>(&mut self, node: usize, command: impl FnOnce(&mut Endpoint, Instant) -> R) -> R {
        let now = self.now;
        let result = command(&mut self.nodes[node].endpoint, now);
        self.drain(node);
        result
    }

    fn drain(&mut self, node: usize) {
        loop {
            let mut again = false;
            while let Some(transmit) = self.nodes[node].endpoint.poll_transmit() {
                again = true;
                self.send(node, transmit);
            }
            while let Some(event) = self.nodes[node].endpoint.poll_event() {
                again = true;
                if let Event::Resolve { id, question } = &event {
                    let resolved = self.resolve(self.nodes[node].addr, question.clone());
                    let now = self.now;
                    self.nodes[node].endpoint.handle_resolved(now, *id, resolved);
                } else {
                    self.note_event(node, &event);
                    self.nodes[node].events.push_back(event);
                }
            }
            if !again {
                return;
            }
        }
    }

    fn resolve(&self, local: SocketAddr, question: sip_core::resolve::Question) -> Resolved {
        let mut lookup = Lookup::new(question.clone(), [0; 32]);
        while lookup.query().is_some() {
            lookup.answer(Answer::Nothing);
        }
        let flow = |transport, remote| Flow { transport, local, remote };
        let mut flows: Vec<Flow> = lookup.into_targets().iter().map(|t| flow(t.transport, t.addr)).collect();
        if let Some(addrs) = question.host.name().and_then(|name| self.names.get(name)) {
            let transport = question.transport.unwrap_or(Transport::Udp);
            flows.extend(addrs.iter().map(|addr| flow(transport, *addr)));
        }
        if flows.is_empty() { Resolved::Failed } else { Resolved::Flows(flows) }
    }

    fn send(&mut self, node: usize, transmit: Transmit) {
        let Transmit { flow, bytes } = transmit;
        if flow.transport == Transport::Tcp && self.no_tcp.contains(&flow.remote) {
            self.note(format!("{} ✗ no connection", self.arrow(flow.local, flow.remote)));
            let now = self.now;
            self.nodes[node].endpoint.handle_closed(now, flow);
            return;
        }
        self.put(Packet { transport: flow.transport, from: flow.local, to: flow.remote, bytes });
    }

    /// A scripted peer sends.
    pub(crate) fn inject(&mut self, from: SocketAddr, to: SocketAddr, text: impl Into<Bytes>) {
        self.inject_by(Transport::Udp, from, to, text);
    }

    pub(crate) fn inject_by(&mut self, transport: Transport, from: SocketAddr, to: SocketAddr, text: impl Into<Bytes>) {
        self.put(Packet { transport, from, to, bytes: text.into() });
    }

    fn put(&mut self, packet: Packet) {
        let Wire { delay, jitter, loss, duplicate } = self.wire;
        let unreliable = packet.transport == Transport::Udp;
        if unreliable && self.random.next_u32() % 1000 < loss {
            self.note(format!("{} ✗ lost", self.describe(&packet)));
            return;
        }
        let copies = if unreliable && self.random.next_u32() % 1000 < duplicate { 2 } else { 1 };
        for _ in 0..copies {
            let extra = if unreliable {
                jitter.mul_f64(f64::from(self.random.next_u32() % 1000) / 1000.0)
            } else {
                Duration::ZERO
            };
            self.sequence += 1;
            self.in_flight.insert((self.now + delay + extra, self.sequence), packet.clone());
        }
    }

    /// The next packet or deadline.
    fn next(&self) -> Option<Instant> {
        let packet = self.in_flight.keys().next().map(|(at, _)| *at);
        let timers = self.nodes.iter().filter_map(|node| node.endpoint.poll_timeout()).map(|(at, _)| at);
        timers.chain(packet).min()
    }

    /// One packet or one round of timers. `false` if there is nothing until `until`.
    pub(crate) fn step(&mut self, until: Instant) -> bool {
        let Some(at) = self.next().filter(|at| *at <= until) else { return false };
        self.now = self.now.max(at);
        if let Some(&key) = self.in_flight.keys().next().filter(|(at, _)| *at <= self.now) {
            let packet = self.in_flight.remove(&key).unwrap();
            self.deliver(packet);
            return true;
        }
        for node in 0..self.nodes.len() {
            let due = self.nodes[node].endpoint.poll_timeout().filter(|(at, _)| *at <= self.now);
            if let Some(due) = due {
                let now = self.now;
                self.nodes[node].endpoint.handle_timeout(now);
                self.drain(node);
                let after = self.nodes[node].endpoint.poll_timeout();
                assert!(after.is_none_or(|(at, _)| at > now), "a due deadline changes something: {due:?}");
            }
        }
        true
    }

    fn deliver(&mut self, packet: Packet) {
        self.note(self.describe(&packet));
        let now = self.now;
        if let Some(node) = self.nodes.iter().position(|node| node.addr == packet.to) {
            let flow = Flow { transport: packet.transport, local: packet.to, remote: packet.from };
            match packet.transport {
                Transport::Udp => self.nodes[node].endpoint.handle_datagram(now, flow, packet.bytes),
                _ => self.nodes[node].endpoint.handle_stream(now, flow, packet.bytes),
            }
            self.drain(node);
        } else {
            self.caught.push_back(packet);
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        let mut steps = 0;
        while self.step(until) {
            steps += 1;
            assert!(steps < 100_000, "the world does not come to rest:\n{}", self.ladder());
        }
        self.now = until;
    }

    pub(crate) fn secs(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    pub(crate) fn millis(&mut self, millis: u64) {
        self.run(Duration::from_millis(millis));
    }

    /// Until nothing is in the air or armed but registrations.
    pub(crate) fn settle(&mut self) {
        self.secs(400);
    }

    /// The next packet for a scripted peer, letting time pass until it comes.
    pub(crate) fn catch(&mut self) -> Packet {
        let until = self.now + Duration::from_secs(60);
        while self.caught.is_empty() {
            assert!(self.step(until), "nothing comes:\n{}", self.ladder());
        }
        self.caught.pop_front().unwrap()
    }

    pub(crate) fn catch_request(&mut self, method: Method) -> (Packet, Request) {
        loop {
            let packet = self.catch();
            if let Message::Request(request) = packet.message()
                && request.method() == method
            {
                return (packet, request);
            }
        }
    }

    pub(crate) fn catch_response(&mut self) -> Response {
        loop {
            if let Message::Response(response) = self.catch().message() {
                return response;
            }
        }
    }

    /// A scripted peer answers what it caught.
    pub(crate) fn answer(
        &mut self,
        packet: &Packet,
        status: u16,
        tag: &str,
        headers: &[(Name, &str)],
        sdp: Option<&[u8]>,
    ) {
        let request = packet.message().as_request().unwrap().clone();
        let mut builder =
            Response::reply_to(&request, StatusCode::new(status).unwrap(), Some(tag).filter(|tag| !tag.is_empty()));
        for (name, value) in headers {
            builder = builder.header(name.clone(), value);
        }
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", sdp.to_vec());
        }
        let bytes = builder.build().as_bytes().clone();
        self.inject_by(packet.transport, packet.to, packet.from, bytes);
    }

    pub(crate) fn next_event(&mut self, node: usize) -> Option<Event> {
        self.nodes[node].events.pop_front()
    }

    pub(crate) fn events(&mut self, node: usize) -> Vec<String> {
        let events: Vec<_> = self.nodes[node].events.drain(..).collect();
        events.iter().map(describe_event).collect()
    }

    /// The session and account of the next `Incoming`.
    pub(crate) fn incoming(&mut self, node: usize) -> SessionId {
        let until = self.now + Duration::from_secs(60);
        loop {
            while let Some(event) = self.next_event(node) {
                if let Event::Incoming { session, .. } = event {
                    return session;
                }
            }
            assert!(self.step(until), "no call comes:\n{}", self.ladder());
        }
    }

    /// Lets time pass until an event of that description (its first words) comes.
    pub(crate) fn wait(&mut self, node: usize, what: &str) -> Event {
        let until = self.now + Duration::from_secs(120);
        loop {
            while let Some(event) = self.next_event(node) {
                if describe_event(&event).starts_with(what) {
                    return event;
                }
            }
            assert!(self.step(until), "{what} does not come:\n{}", self.ladder());
        }
    }

    pub(crate) fn mark(&mut self, text: &str) {
        self.note(format!("-- {text}"));
    }

    fn note(&mut self, text: String) {
        let at = self.now - self.start;
        self.ladder.push(format!("{:>9.3} {text}", at.as_secs_f64()));
    }

    fn note_event(&mut self, node: usize, event: &Event) {
        let text = format!("{:>21} ** {}", self.nodes[node].name, describe_event(event));
        self.note(text);
    }

    fn name_of(&self, addr: SocketAddr) -> String {
        let node = self.nodes.iter().find(|node| node.addr == addr).map(|node| node.name);
        node.or_else(|| self.peers.get(&addr).copied()).map_or_else(|| addr.to_string(), str::to_owned)
    }

    fn arrow(&self, from: SocketAddr, to: SocketAddr) -> String {
        format!("{:>8} -> {:<8}", self.name_of(from), self.name_of(to))
    }

    fn describe(&self, packet: &Packet) -> String {
        let tcp = if packet.transport == Transport::Tcp { "tcp " } else { "" };
        format!("{} {tcp}{}", self.arrow(packet.from, packet.to), describe_message(&packet.bytes))
    }

    pub(crate) fn ladder(&self) -> String {
        self.ladder.join("\n")
    }

    /// Everything that was kept for calls is gone.
    pub(crate) fn assert_idle(&self) {
        for node in &self.nodes {
            assert!(node.endpoint.is_idle(), "{} keeps something: {:#?}\n{}", node.name, node.endpoint, self.ladder());
        }
    }
}

pub(crate) fn describe_message(bytes: &Bytes) -> String {
    let Ok(message) = Message::parse(bytes.clone()) else {
        return format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
    };
    let cseq = message.fields().cseq();
    let mut text = match &message {
        Message::Request(request) => format!("{} {}", request.method(), request.uri_str()),
        Message::Response(response) => {
            let method = cseq.as_ref().map(|cseq| cseq.method.to_string()).unwrap_or_default();
            format!("{} {} ({method})", response.status(), response.reason())
        }
    };
    for name in [
        Name::Authorization,
        Name::ProxyAuthorization,
        Name::Route,
        Name::RAck,
        Name::RSeq,
        Name::RetryAfter,
        Name::SessionExpires,
        Name::MinSe,
        Name::Replaces,
    ] {
        if let Some(value) = message.fields().value(&name) {
            let secret = matches!(name, Name::Authorization | Name::ProxyAuthorization);
            text += &if secret { format!(" [{name}]") } else { format!(" [{name}: {value}]") };
        }
    }
    if !message.fields().body().is_empty() {
        text += " +body";
    }
    text
}

pub(crate) fn describe_event(event: &Event) -> String {
    match event {
        Event::Registration { state, .. } => format!("{state:?}"),
        Event::Incoming { account, offer, .. } => {
            format!("Incoming{}{}", if account.is_some() { " for account" } else { "" }, sdp(offer))
        }
        Event::Session { event, .. } => match event {
            SessionEvent::Progress { status, sdp: s, .. } => format!("Progress {status}{}", sdp(s)),
            SessionEvent::Answered { sdp: s, .. } => format!("Answered{}", sdp(s)),
            SessionEvent::Refused { status, reason, .. } => format!("Refused {status} {reason}"),
            SessionEvent::Cancelled { request } => {
                format!("Cancelled{}", if request.is_some() { "" } else { " (no CANCEL)" })
            }
            SessionEvent::Acknowledged { sdp: s } => format!("Acknowledged{}", sdp(s)),
            SessionEvent::Offer { sdp: s, request, .. } => format!("Offer by {}{}", request.method(), sdp(s)),
            SessionEvent::OfferAnswered { sdp: s, .. } => format!("OfferAnswered{}", sdp(s)),
            SessionEvent::OfferRefused { status, retry_after, .. } => format!("OfferRefused {status} {retry_after:?}"),
            SessionEvent::Bye { .. } => "Bye".into(),
            SessionEvent::Updated { .. } => "Updated".into(),
            SessionEvent::Ended => "Ended".into(),
            other => format!("{other:?}"),
        },
        Event::Request { request, session, .. } => {
            format!("Request {}{}", request.method(), if session.is_some() { " in session" } else { "" })
        }
        Event::Response { outcome, .. } => match outcome {
            Ok(response) => format!("Response {}", response.status()),
            Err(failure) => format!("Response {failure:?}"),
        },
        other => format!("{other:?}"),
    }
}

fn sdp(sdp: &Option<Bytes>) -> &'static str {
    if sdp.is_some() { " +sdp" } else { "" }
}

/// A call from alice to bob, up to the ACK.
pub(crate) fn talking(world: &mut World) -> (SessionId, SessionId) {
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let b = world.incoming(1);
    world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
    world.wait(1, "Acknowledged");
    world.wait(0, "Answered");
    (a, b)
}

/// A call from alice to a scripted bob with the tag `b`, answered and acknowledged.
pub(crate) fn call_peer(world: &mut World) -> SessionId {
    let a = world.on(0, |e, now| {
        let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
        invite.offer = offer();
        e.invite(now, invite)
    });
    let (packet, _) = world.catch_request(Method::Invite);
    world.answer(&packet, 200, "b", &[(Name::Contact, "<sip:bob@10.0.0.2>")], Some(ANSWER));
    world.catch_request(Method::Ack);
    world.events(0);
    a
}

/// A request from that scripted bob in alice's call.
pub(crate) fn in_dialog(world: &World, session: SessionId, method: &str, cseq: u32, sdp: &[u8]) -> Vec<u8> {
    let dialog = world.nodes[0].endpoint.dialog(session).unwrap();
    let content = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let mut text = format!(
        "{method} sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;rport;branch=z9hG4bK{method}{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@10.0.0.2>;tag=b\r\nTo: <sip:alice@10.0.0.1>;tag={}\r\nCall-ID: {}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:bob@10.0.0.2>\r\n{content}Content-Length: {}\r\n\r\n",
        dialog.local_tag(),
        dialog.call_id(),
        sdp.len()
    )
    .into_bytes();
    text.extend_from_slice(sdp);
    text
}
