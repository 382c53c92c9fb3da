//! Random commands on two endpoints over a wire that loses, doubles and reorders.
//!
//! Invariants: every session ends exactly once and says nothing after that; a refused command changes nothing; when all
//! timers have run out nothing is left; a call that was answered and acknowledged is known on both sides; no offer has
//! more than one outcome.

use super::world::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sip_core::endpoint::*;
use sip_core::header::Name;
use sip_core::usage::notifier::End;
use sip_core::{Method, StatusCode};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// By chance.
fn one_in(n: u32, random: &mut ChaCha8Rng) -> bool {
    random.next_u32().is_multiple_of(n)
}

/// What a test that sees only events knows.
#[derive(Default)]
struct Model {
    live: [BTreeSet<SessionId>; 2],
    ended: [BTreeSet<SessionId>; 2],
    offers: [BTreeMap<OfferId, SessionId>; 2],
    requests: [Vec<ServerId>; 2],
    late: [BTreeSet<SessionId>; 2],
    refers: [BTreeSet<ReferId>; 2],
    referred: [Vec<ReferredId>; 2],
    subscriptions: [BTreeSet<SubscriptionId>; 2],
    subscribers: [Vec<NotifierId>; 2],
    gone: [BTreeSet<NotifierId>; 2],
    /// Offers made and not told of yet; one that took another's place counts as well.
    made: [BTreeMap<SessionId, usize>; 2],
}

impl Model {
    fn take(&mut self, world: &mut World, node: usize, random: &mut ChaCha8Rng) {
        while let Some(event) = world.next_event(node) {
            match event {
                Event::Incoming { session, .. } => {
                    assert!(self.live[node].insert(session), "a session begins once");
                }
                Event::Session { session, event } => {
                    assert!(
                        !self.ended[node].contains(&session),
                        "{} after Ended\n{}",
                        describe(&event),
                        world.ladder()
                    );
                    assert!(self.live[node].contains(&session));
                    if matches!(event, SessionEvent::OfferAnswered { .. } | SessionEvent::OfferRefused { .. }) {
                        let made = self.made[node].entry(session).or_default();
                        assert!(*made > 0, "an outcome of no offer\n{}", world.ladder());
                        *made -= 1;
                    }
                    match event {
                        SessionEvent::Ended => {
                            self.live[node].remove(&session);
                            self.ended[node].insert(session);
                        }
                        SessionEvent::Offer { id, .. } => {
                            self.offers[node].insert(id, session);
                        }
                        SessionEvent::Answered { sdp: Some(_), .. }
                        | SessionEvent::OfferAnswered { sdp: Some(_), .. } => {
                            self.late[node].insert(session);
                        }
                        _ => {}
                    }
                }
                Event::Refer { id, event: ReferEvent::Ended { .. }, .. } => {
                    assert!(self.refers[node].remove(&id), "a REFER ends once");
                }
                Event::Refer { id, .. } => {
                    assert!(self.refers[node].contains(&id), "a REFER says nothing after its end")
                }
                Event::Referred { id, .. } if !one_in(4, random) => self.referred[node].push(id),
                Event::Subscription { id, event: SubscriptionEvent::Ended { .. } } => {
                    assert!(self.subscriptions[node].remove(&id), "a subscription ends once");
                }
                Event::Subscribed { id, .. } if !one_in(4, random) => self.subscribers[node].push(id),
                Event::SubscriberGone { id, .. } => assert!(self.gone[node].insert(id), "a subscriber goes once"),
                // One in four is forgotten.
                Event::Request { id, .. } if !one_in(4, random) => self.requests[node].push(id),
                _ => {}
            }
        }
    }

    fn command(&mut self, world: &mut World, random: &mut ChaCha8Rng) {
        let node = (random.next_u32() % 2) as usize;
        let pick = |set: &BTreeSet<SessionId>, random: &mut ChaCha8Rng| {
            let n = set.len().max(1) as u32;
            set.iter().nth((random.next_u32() % n) as usize).copied()
        };
        let session = pick(&self.live[node], random);
        let sdp = if !one_in(4, random) { offer() } else { None };
        match (random.next_u32() % 23, session) {
            (0 | 1, _) => {
                let target = if node == 0 { "sip:bob@10.0.0.2" } else { "sip:alice@10.0.0.1" };
                let tcp = if one_in(8, random) { ";transport=tcp" } else { "" };
                let id = world.on(node, |e, now| {
                    let mut invite = Invite::new(format!("{target}{tcp}").parse().unwrap());
                    invite.offer = sdp;
                    e.invite(now, invite)
                });
                self.live[node].insert(id);
            }
            (2, Some(id)) => {
                order(world, node, |e, now| e.ring(now, id, StatusCode::RINGING, None));
            }
            (16, Some(id)) => {
                order(world, node, |e, now| e.ring(now, id, StatusCode::SESSION_PROGRESS, answer()));
            }
            (3..=5 | 8, Some(id)) => {
                order(world, node, |e, now| e.accept(now, id, answer(), vec![]));
            }
            (6, Some(id)) => {
                order(world, node, |e, now| e.refuse(now, id, StatusCode::BUSY_HERE, vec![]));
            }
            (7, Some(id)) => {
                let reason = vec![(Name::Reason, "Q.850;cause=16".into())];
                order(world, node, |e, now| e.hang_up(now, id, reason));
            }
            (9 | 10, Some(id)) => {
                let made = order(world, node, |e, now| e.offer(now, id, sdp));
                *self.made[node].entry(id).or_default() += usize::from(made);
            }
            (11 | 12, _) => {
                if let Some((id, session)) = self.offers[node].pop_first() {
                    let refuse = one_in(4, random);
                    order(world, node, |e, now| match refuse {
                        true => e.refuse_offer(now, session, id, StatusCode::NOT_ACCEPTABLE_HERE),
                        false => e.answer_offer(now, session, id, answer().unwrap()),
                    });
                }
            }
            (13, _) => {
                if let Some(id) = self.late[node].pop_first() {
                    order(world, node, |e, now| e.answer_late(now, id, answer().unwrap()));
                }
            }
            (14, Some(id)) => {
                if one_in(2, random) {
                    let offered = sdp.is_some();
                    let made = order(world, node, |e, now| e.update(now, id, sdp, vec![]));
                    *self.made[node].entry(id).or_default() += usize::from(made && offered);
                } else {
                    order(world, node, |e, now| e.request(now, id, Method::Info, vec![], None).map(drop));
                }
            }
            (20, Some(id)) => {
                let mut refer = Refer::new("<sip:carol@10.0.0.3>".to_owned());
                refer.subscribe = !one_in(4, random);
                let mut made = None;
                order(world, node, |e, now| e.refer(now, id, refer).map(|refer| made = Some(refer)));
                self.refers[node].extend(made);
            }
            (17 | 18, _) => {
                let fate = random.next_u32() % 4;
                if let Some(id) = self.referred[node].first().copied() {
                    order(world, node, |e, now| match fate {
                        0 => e.refuse_refer(now, id, StatusCode::DECLINE),
                        1 => e.accept_refer(now, id),
                        2 => e.report_refer(now, id, StatusCode::RINGING, "Ringing"),
                        _ => e.report_refer(now, id, StatusCode::OK, "OK"),
                    });
                    if one_in(3, random) {
                        self.referred[node].remove(0);
                    }
                }
            }
            (19, _) => {
                let target = if node == 0 { "sip:bob@10.0.0.2" } else { "sip:alice@10.0.0.1" };
                let id = world.on(node, |e, now| e.subscribe(now, Subscribe::new(target.parse().unwrap(), "dialog")));
                self.subscriptions[node].insert(id);
            }
            (21 | 22, _) => {
                let fate = random.next_u32() % 8;
                if let Some(id) = self.subscribers[node].first().copied() {
                    let body = Some(("text/plain".to_owned(), "news".into()));
                    order(world, node, |e, now| match fate {
                        0 => e.refuse_subscription(now, id, StatusCode::FORBIDDEN, vec![]),
                        1 => e.end_subscription(now, id, End::NoResource),
                        2..=4 => e.accept_subscription(now, id, body),
                        _ => e.notify(now, id, body),
                    });
                    if one_in(6, random) {
                        self.subscribers[node].remove(0);
                    }
                }
            }
            (15, _) => {
                if let Some(id) = self.requests[node].pop() {
                    order(world, node, |e, now| e.respond(now, id, StatusCode::OK, vec![], None));
                }
            }
            _ => {}
        }
    }
}

/// A command; one that is refused changes nothing. Whether it was not.
fn order(world: &mut World, node: usize, command: impl FnOnce(&mut Endpoint, Instant) -> Result<(), Misuse>) -> bool {
    let before = format!("{:?}", world.nodes[node].endpoint);
    match world.on(node, command) {
        Ok(()) => true,
        Err(misuse) => {
            assert_eq!(before, format!("{:?}", world.nodes[node].endpoint), "{misuse}");
            false
        }
    }
}

/// Alice and bob, who ring reliably and refresh soon, depending on the seed.
fn pair(seed: u64) -> World {
    let mut world = World::new(seed);
    for (node, (name, at)) in [("alice", "10.0.0.1:5060"), ("bob", "10.0.0.2:5060")].into_iter().enumerate() {
        let mut config = Config::new([u8::try_from(seed % 200).unwrap() + u8::try_from(node).unwrap(); 32]);
        config.reliable_ringing = !(seed + node as u64).is_multiple_of(3);
        config.session_timer = Some(SessionTimer::default()).filter(|_| !seed.is_multiple_of(5));
        if let Some(timer) = &mut config.session_timer {
            timer.interval = Duration::from_secs([90, 100, 1800][(seed % 3) as usize]);
            timer.min = Duration::from_secs([90, 95][node]);
        }
        if seed.is_multiple_of(7) {
            // Without UPDATE, refreshes are re-INVITEs.
            config.allow.retain(|method| *method != Method::Update);
        }
        config.allow.push(Method::Subscribe);
        config.packages = vec!["dialog".to_owned()];
        world.node_with(name, at, config);
    }
    world
}

fn describe(event: &SessionEvent) -> String {
    format!("{event:?}").chars().take(60).collect()
}

fn run(seed: u64, wire: Wire) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(bytes);
    let mut world = pair(seed);
    world.wire = wire;
    let mut model = Model::default();
    for _ in 0..80 {
        model.command(&mut world, &mut random);
        let pause = [0, 5, 30, 200, 1500][(random.next_u32() % 5) as usize];
        let pause = if one_in(30, &mut random) { 50_000 } else { pause };
        world.run(Duration::from_millis(pause));
        for node in 0..2 {
            model.take(&mut world, node, &mut random);
        }
    }
    if wire.loss == 0 {
        world.secs(5);
        for node in 0..2 {
            model.take(&mut world, node, &mut random);
        }
        agree(&world, &model);
    }
    // Twice: an INVITE may have been on its way whose caller has given it up.
    for _ in 0..2 {
        for node in 0..2 {
            for id in model.live[node].clone() {
                order(&mut world, node, |e, now| e.hang_up(now, id, vec![]));
            }
            for id in model.subscriptions[node].clone() {
                order(&mut world, node, |e, now| e.unsubscribe(now, id));
            }
        }
        world.settle();
        for node in 0..2 {
            model.take(&mut world, node, &mut random);
        }
    }
    // A subscriber whose farewell was lost is kept until its time is up.
    world.secs(4_000);
    for node in 0..2 {
        assert!(model.live[node].is_empty(), "seed {seed}: a session never ends\n{}", world.ladder());
        assert!(model.refers[node].is_empty(), "seed {seed}: a REFER never ends\n{}", world.ladder());
        assert!(model.subscriptions[node].is_empty(), "seed {seed}: a subscription never ends");
    }
    for node in &world.nodes {
        assert!(node.endpoint.is_idle(), "seed {seed}: {:#?}\n{}", node.endpoint, world.ladder());
        assert!(node.endpoint.poll_timeout().is_none(), "seed {seed}: a timer without owner");
    }
}

/// Each dialog of one side is one of the other's, with the tags swapped.
fn agree(world: &World, model: &Model) {
    let dialogs = |node: usize| {
        let endpoint = &world.nodes[node].endpoint;
        let live = model.live[node].iter().filter_map(move |id| endpoint.dialog(*id));
        live.map(|d| (d.call_id().to_owned(), d.local_tag().to_owned(), d.remote_tag().to_owned())).collect::<Vec<_>>()
    };
    let (a, b) = (dialogs(0), dialogs(1));
    // A call that rings is a dialog for the callee as soon as it comes, for the caller with the first 18x.
    for (mine, theirs) in [(&a, &b), (&b, &a)] {
        for (call_id, local, remote) in mine {
            let known = theirs.iter().any(|(c, l, r)| c == call_id && l == remote && r == local);
            let called = model.live.iter().map(BTreeSet::len).sum::<usize>();
            assert!(
                known || called > mine.len() + theirs.len(),
                "{call_id} is known to one side only\n{}",
                world.ladder()
            );
        }
    }
}

#[test]
fn nothing_is_left_behind_on_a_good_wire() {
    for seed in 0..80 {
        run(seed, Wire::default());
    }
}

#[test]
fn nothing_is_left_behind_on_a_bad_wire() {
    let wire = Wire { delay: Duration::from_millis(20), jitter: Duration::from_millis(700), loss: 200, duplicate: 150 };
    for seed in 1000..1150 {
        run(seed, wire);
    }
}

#[test]
fn nothing_is_left_behind_when_nothing_arrives() {
    for seed in 2000..2020 {
        run(seed, Wire { loss: 1000, ..Wire::default() });
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let wire = Wire { jitter: Duration::from_millis(300), loss: 100, duplicate: 100, ..Wire::default() };
    let ladder = || {
        let mut world = World::pair(7);
        world.wire = wire;
        let a = world.on(0, |e, now| {
            let mut invite = Invite::new("sip:bob@10.0.0.2".parse().unwrap());
            invite.offer = offer();
            e.invite(now, invite)
        });
        let b = world.incoming(1);
        world.on(1, |e, now| e.accept(now, b, answer(), vec![])).unwrap();
        world.secs(3);
        world.on(0, |e, now| e.hang_up(now, a, vec![])).unwrap();
        world.settle();
        world.ladder()
    };
    assert_eq!(ladder(), ladder());
}
