//! Two endpoints whose wire is a loop: nothing but the stack's own work, in virtual time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use denwa_benches::alloc::counted;
use sip_core::endpoint::{
    AccountConfig, AccountId, Config, Endpoint, Event, Flow, Invite, RegistrationState, SessionEvent, SessionId,
    Transport,
};
use sip_core::header::Name;
use sip_core::resolve::Resolved;
use sip_core::{Method, StatusCode};

const OFFER: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
/// Longer than any transaction lives: 64*T1, and the 32 s of Timer D.
const SETTLED: Duration = Duration::from_secs(40);

struct Wire {
    now: Instant,
    caller: Endpoint,
    callee: Endpoint,
    /// What the caller's sessions are told, and the callee's.
    answered: usize,
    acknowledged: usize,
    ended: usize,
    registered: usize,
    ringing: Vec<SessionId>,
}

impl Wire {
    fn new() -> Self {
        let config = |seed| {
            let mut config = Config::new([seed; 32]);
            config.allow.push(Method::Register); // the callee is the registrar too
            config.limits.sessions = 100_000;
            config.limits.transactions = 1_000_000;
            config
        };
        Self {
            now: Instant::now(),
            caller: Endpoint::new(config(1)),
            callee: Endpoint::new(config(2)),
            answered: 0,
            acknowledged: 0,
            ended: 0,
            registered: 0,
            ringing: Vec::new(),
        }
    }

    /// Carries messages until both sides are quiet.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(transmit) = self.caller.poll_transmit() {
                self.callee.handle_datagram(self.now, turned(transmit.flow), transmit.bytes);
                quiet = false;
            }
            while let Some(transmit) = self.callee.poll_transmit() {
                self.caller.handle_datagram(self.now, turned(transmit.flow), transmit.bytes);
                quiet = false;
            }
            while let Some(event) = self.caller.poll_event() {
                self.caller_event(event);
                quiet = false;
            }
            while let Some(event) = self.callee.poll_event() {
                self.callee_event(event);
                quiet = false;
            }
            if quiet {
                return;
            }
        }
    }

    fn caller_event(&mut self, event: Event) {
        match event {
            Event::Resolve { id, .. } => self.caller.handle_resolved(self.now, id, Resolved::Flows(vec![flow()])),
            Event::Session { event: SessionEvent::Answered { .. }, .. } => self.answered += 1,
            Event::Session { event: SessionEvent::Ended, .. } => self.ended += 1,
            Event::Registration { state: RegistrationState::Registered { .. }, .. } => self.registered += 1,
            _ => {}
        }
    }

    fn callee_event(&mut self, event: Event) {
        match event {
            Event::Incoming { session, .. } => self.ringing.push(session),
            Event::Session { event: SessionEvent::Acknowledged { .. }, .. } => self.acknowledged += 1,
            Event::Request { id, request, .. } => {
                let contact = request.value(&Name::Contact).expect("a REGISTER has one").to_string();
                let headers = vec![(Name::Contact, format!("{contact};expires=3600"))];
                self.callee.respond(self.now, id, StatusCode::OK, headers, None).expect("it waits");
            }
            _ => {}
        }
    }

    /// Lets time pass until all transactions are over.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due =
                [self.caller.poll_timeout(), self.callee.poll_timeout()].into_iter().flatten().map(|(at, _)| at).min();
            match due.filter(|due| *due <= end) {
                Some(due) => self.now = self.now.max(due),
                None => break,
            }
            self.caller.handle_timeout(self.now);
            self.callee.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// A call up to its ACK.
    fn call(&mut self) -> SessionId {
        let mut invite = Invite::new("sip:bob@127.0.0.2".parse().expect("a URI"));
        invite.flow = Some(flow());
        invite.offer = Some(Bytes::from_static(OFFER));
        let session = self.caller.invite(self.now, invite);
        self.settle();
        for session in std::mem::take(&mut self.ringing) {
            self.callee.ring(self.now, session, StatusCode::RINGING, None).expect("it rings");
            self.callee
                .accept(self.now, session, Some(Bytes::from_static(OFFER)), Vec::new())
                .expect("it can be answered");
        }
        self.settle();
        session
    }

    fn register(&mut self, number: usize) -> AccountId {
        let mut config = AccountConfig::new(format!("sip:user{number}@127.0.0.2").parse().expect("a URI"));
        config.password = Some("secret".to_string());
        let account = self.caller.add_account(config);
        self.caller.register(self.now, account).expect("it exists");
        self.settle();
        account
    }
}

fn flow() -> Flow {
    let address = |last| SocketAddr::from(([127, 0, 0, last], 5060));
    Flow { transport: Transport::Udp, local: address(1), remote: address(2) }
}

fn turned(flow: Flow) -> Flow {
    Flow { transport: flow.transport, local: flow.remote, remote: flow.local }
}

/// Whole calls one after the other, both sides' work on one thread; the transactions' ends are part of it.
pub(crate) fn calls_per_second(calls: usize) -> f64 {
    let mut wire = Wire::new();
    let began = Instant::now();
    for done in 1..=calls {
        let session = wire.call();
        wire.caller.hang_up(wire.now, session, Vec::new()).expect("it is up");
        wire.settle();
        if done % 100 == 0 {
            wire.pass(SETTLED);
        }
    }
    wire.pass(SETTLED);
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!((wire.answered, wire.acknowledged, wire.ended), (calls, calls, calls), "every call was whole");
    calls as f64 / seconds
}

/// Accounts registered and idle: their number, live heap each, and heap asked for each.
pub(crate) fn memory_of_registrations(count: usize) -> (usize, f64, f64) {
    let mut wire = Wire::new();
    wire.register(0);
    wire.pass(SETTLED);
    let ((), counts) = counted(|| {
        for number in 1..=count {
            wire.register(number);
        }
        wire.pass(SETTLED);
    });
    assert_eq!(wire.registered, count + 1, "every registration succeeded");
    (count, counts.live as f64 / count as f64, counts.bytes as f64 / count as f64)
}

/// Calls that are up: their number, live heap for one side of each, and heap asked for.
pub(crate) fn memory_of_calls(count: usize) -> (usize, f64, f64) {
    let mut wire = Wire::new();
    wire.call();
    wire.pass(SETTLED);
    let ((), counts) = counted(|| {
        for _ in 0..count {
            wire.call();
        }
        wire.pass(SETTLED);
    });
    assert_eq!(wire.acknowledged, count + 1, "every call was answered");
    let sides = 2.0 * count as f64;
    (count, counts.live as f64 / sides, counts.bytes as f64 / sides)
}
