//! The shell: one task that owns the layers and decides nothing.
//!
//! ```text
//!   letters ─┐                                    ┌─► Endpoint ─► transmits ─► sockets
//!  arrivals ─┼─► one input ─► handle_* / command ─┼─► Switch ───► actions ───► Endpoint, Engine
//!    sounds ─┤                                    └─► Engine
//!     timer ─┘          then settle: drain all layers until they rest; then arm one timer
//! ```
//!
//! Each turn does the same in the same order: take one input (commands first, then the network, then sound, then the
//! timer), hand it to its layer, drain every layer until none has anything to say, arm one timer. What the layers say goes
//! to the board, to the event queue and to the futures that wait, in `from_endpoint` and `from_switch`.
pub(crate) use accounts::registration_error;

mod accounts;
mod commands;
mod figures;
mod from_endpoint;
mod from_switch;
mod handover;
mod keys;
mod lines;
#[cfg(feature = "ami")]
mod manager;
mod park;
mod pickup;
mod reception;
mod records;
mod sound;
mod stopping;
mod waiting;

use crate::account::Profile;
use crate::audio::{Audio, Devices};
use crate::board::Board;
use crate::builder::PhoneBuilder;
use crate::error::Error;
use crate::event::{AccountId, CallId, Event};
use crate::events::Queue;
use crate::handle::{Door, Letter};
use crate::net::dns::Dns;
use crate::net::local::Faced;
use crate::net::{Arrival, Sockets};
use bytes::Bytes;
use call::lot::Lot;
use call::{LegId, Policy, Switch};
use lines::Lines;
use media::Engine;
use park::Slots;
use pickup::PickingUp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reception::Reception;
use sdp::Codec;
use sip_core::endpoint::{Endpoint, Flow, ReferId, RequestId, SubscriptionId, Transmit};
use sip_core::resolve::{Resolved, Target};
use sip_core::uri::Host;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stopping::Stopping;
use tokio::sync::mpsc;
use waiting::Waiting;

/// Sound events on their way to the driver; digits beyond are lost, which a peer can only do to itself.
const MAX_SOUNDS: usize = 256;
/// The longest sleep: a layer without a deadline is looked at again.
const FOREVER: Duration = Duration::from_secs(3600);

pub(crate) struct Driver {
    endpoint: Endpoint,
    switch: Switch,
    engine: Engine,
    sockets: Sockets,
    dns: Dns,
    board: Arc<Board>,
    queue: Arc<Queue>,
    /// To make the handle of an incoming call; weak, so that the phone ends with its last handle.
    door: WeakDoor,
    lines: Lines,
    waiting: Waiting,
    stopping: Option<Stopping>,
    codecs: Vec<Codec>,
    packet_time: Duration,
    max_calls: usize,
    /// Incoming calls that the program was told of: an end is told only of what was seen.
    announced: BTreeSet<CallId>,
    /// What a dialled call needs of its account.
    profiles: BTreeMap<AccountId, Profile>,
    faced: Faced,
    /// The name of our end in RTCP, random as RFC 7022 wants it.
    cname: String,
    random: ChaCha8Rng,
    figures_due: Option<Instant>,
    /// Our REFERs, and the legs that they are about.
    refers: BTreeMap<ReferId, LegId>,
    /// INFOs that are out, and the legs whose next key waits for their answer.
    infos: BTreeMap<RequestId, LegId>,
    receptions: BTreeMap<AccountId, Reception>,
    /// When calls that come in answer themselves.
    answer_at: BTreeMap<LegId, Instant>,
    /// Calls that are to be taken as soon as it is known which.
    pickups: BTreeMap<SubscriptionId, PickingUp>,
    lot: Lot,
    slots: Slots,
    /// What is sent to those on hold.
    hold_sound: Option<media::Source>,
    sound: sound::Sound,
    sounds: mpsc::Receiver<media::Event>,
}

/// What one turn is about.
#[allow(clippy::large_enum_variant, reason = "one lives at a time")]
enum Input {
    Letter(Letter),
    /// The last handle is gone.
    NobodyLeft,
    Arrival(Arrival),
    Sound(media::Event),
    Timer,
}

impl Driver {
    /// Starts the layers. Must be called within a tokio runtime.
    pub(crate) async fn new(
        settings: PhoneBuilder,
        seed: [u8; 32],
        sockets: Sockets,
        door: &Door,
        queue: Arc<Queue>,
    ) -> Result<Self, Error> {
        let mut random = ChaCha8Rng::from_seed(seed);
        let mut endpoint = sip_core::endpoint::Config::new(child(&mut random));
        endpoint.user_agent = settings.user_agent;
        endpoint.timers.t1 = settings.t1;
        // What the facade cannot do is not allowed: the endpoint then answers 405 by itself.
        use sip_core::Method::{Ack, Bye, Cancel, Info, Invite, Notify, Options, Prack, Refer, Update};
        endpoint.allow = vec![Invite, Ack, Cancel, Bye, Options, Prack, Update, Info, Refer, Notify];
        endpoint.session_timer = settings.session_timer;
        let mut policy = Policy::default();
        policy.max_legs = settings.max_calls.max(policy.max_legs);
        policy.hold_others = settings.hold_others;
        policy.call_waiting = settings.call_waiting;
        let mut switch = Switch::new(child(&mut random));
        switch.set_policy(policy);
        let (sound, sounds) = mpsc::channel(MAX_SOUNDS);
        let hold_sound = settings.hold_sound.clone();
        let loaded = tokio::task::spawn_blocking(move || hold_sound.load()).await;
        let hold_sound = loaded.unwrap_or(Err(Error::Closed))?;
        let devices = match &settings.audio {
            Audio::System => Some(Devices::default()),
            Audio::Devices(devices) => Some(devices.clone()),
            _ => None,
        };
        // On no real device nobody sits who would miss them.
        let tones = settings.tones.unwrap_or(devices.as_ref().map(|_| media::Country::Japan));
        let watch = devices.as_ref().and_then(|_| crate::audio::watch(sound.clone()));
        let engine = crate::audio::start(settings.audio, child(&mut random), sound).await?;
        let known = match devices {
            Some(_) => tokio::task::spawn_blocking(crate::audio_devices).await.ok().and_then(Result::ok),
            None => None,
        };
        let (wishes, known) = ((tones, settings.voice), (known.unwrap_or_default(), watch));
        let sound = sound::Sound::new(wishes, devices, known, child(&mut random));
        Ok(Self {
            endpoint: Endpoint::new(endpoint),
            switch,
            engine,
            sockets,
            dns: Dns::from_system(),
            board: Arc::clone(&door.board),
            queue,
            door: WeakDoor { letters: door.letters.downgrade(), board: Arc::clone(&door.board) },
            lines: Lines::default(),
            waiting: Waiting::default(),
            stopping: None,
            codecs: settings.codecs,
            packet_time: settings.packet_time,
            max_calls: settings.max_calls,
            announced: BTreeSet::new(),
            profiles: BTreeMap::new(),
            faced: Faced::default(),
            cname: format!("{:016x}", random.next_u64()),
            random,
            figures_due: None,
            refers: BTreeMap::new(),
            infos: BTreeMap::new(),
            receptions: BTreeMap::new(),
            answer_at: BTreeMap::new(),
            pickups: BTreeMap::new(),
            lot: Lot::default(),
            slots: Slots::default(),
            hold_sound,
            sound,
            sounds,
        })
    }

    /// The loop, until the phone has stopped.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Letter>, mut arrived: mpsc::Receiver<Arrival>) {
        self.process_voice();
        while !self.has_stopped(Instant::now()) {
            let input = self.next(&mut inbox, &mut arrived).await;
            let now = Instant::now();
            self.handle(now, input);
            self.settle(now);
            self.make_due(now);
            self.play_tones(now);
        }
        self.finish().await;
    }

    async fn next(&mut self, inbox: &mut mpsc::Receiver<Letter>, arrived: &mut mpsc::Receiver<Arrival>) -> Input {
        let stopping = self.stopping.is_some();
        let deadline = self.deadline();
        tokio::select! {
            biased;
            letter = inbox.recv(), if !inbox.is_closed() || !stopping => letter.map_or(Input::NobodyLeft, Input::Letter),
            Some(arrival) = arrived.recv() => Input::Arrival(arrival),
            Some(sound) = self.sounds.recv() => Input::Sound(sound),
            () = tokio::time::sleep_until(deadline.into()) => Input::Timer,
        }
    }

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Letter(letter) => self.carry_out(now, letter),
            Input::NobodyLeft => {
                tracing::debug!("the last handle is gone: the phone stops");
                self.stop(now, None);
            }
            Input::Arrival(arrival) => self.arrive(now, arrival),
            Input::Sound(sound) => self.hear(sound),
            Input::Timer => {}
        }
    }

    fn arrive(&mut self, now: Instant, arrival: Arrival) {
        match arrival {
            Arrival::Datagram { flow, bytes } => self.endpoint.handle_datagram(now, flow, bytes),
            Arrival::Chunk { flow, generation, bytes } => {
                if self.sockets.streams.is_current(flow.remote, generation) {
                    self.chunk(now, flow, bytes);
                }
            }
            Arrival::Accepted { stream, remote } => self.sockets.streams.accept(stream, remote),
            Arrival::Closed { flow, generation } => {
                if self.sockets.streams.forget(flow.remote, generation) {
                    self.endpoint.handle_closed(now, flow);
                }
            }
            Arrival::Unreachable { flow } => self.endpoint.handle_closed(now, flow),
            Arrival::Resolved { id, host, targets } => {
                let resolved = self.flows(now, host, targets);
                self.endpoint.handle_resolved(now, id, resolved);
            }
        }
    }

    fn chunk(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        let broken = self.endpoint.counters().broken_streams;
        self.endpoint.handle_stream(now, flow, bytes);
        if self.endpoint.counters().broken_streams != broken {
            // The framer has lost its place and there is no way to find it again. A last answer may be queued.
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.transmit(now, transmit);
            }
            self.sockets.streams.close(flow.remote);
            self.endpoint.handle_closed(now, flow);
        }
    }

    /// The ways to targets that one of our sockets can reach.
    fn flows(&mut self, now: Instant, host: Host, targets: Vec<Target>) -> Resolved {
        let flow = |Target { transport, addr }| {
            let local = self.sockets.local_towards(now, addr)?;
            Some(Flow { transport, local, remote: addr })
        };
        let flows: Vec<Flow> = targets.into_iter().filter_map(flow).collect();
        if let Some(first) = flows.first() {
            self.faced.remember(host, first.local.ip());
        }
        Resolved::Flows(flows)
    }

    /// Whatever is due. Not only when the timer fires: under steady traffic it might never.
    fn make_due(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.endpoint.handle_timeout(now);
            self.settle(now);
        }
        if self.switch.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.switch.handle_timeout(now);
            self.settle(now);
        }
        if self.lot.deadline().is_some_and(|due| due <= now) {
            self.parked_due(now);
        }
        if self.pickups.values().any(|picking| picking.until <= now) {
            self.pickups_due(now);
            self.settle(now);
        }
        if self.answer_at.values().any(|due| *due <= now) {
            self.answer_due(now);
            self.settle(now);
        }
        if self.figures_due.is_some_and(|due| due <= now) {
            self.tell_figures(now);
        }
    }

    fn deadline(&self) -> Instant {
        let layers = [self.endpoint.poll_timeout().map(|(due, _)| due), self.switch.poll_timeout().map(|(due, _)| due)];
        let answers = self.answer_at.values().min().copied();
        let own = [self.figures_due, self.stopping.as_ref().map(Stopping::deadline), self.lot.deadline(), answers];
        let pickups = self.pickups.values().map(|picking| picking.until).min();
        layers
            .into_iter()
            .chain(own)
            .chain([pickups, self.sound.deadline()])
            .flatten()
            .min()
            .unwrap_or_else(|| Instant::now() + FOREVER)
    }

    /// Drains the layers until none has anything to say. They come to rest: each word answers an earlier one.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(transmit) = self.endpoint.poll_transmit() {
                self.transmit(now, transmit);
            } else if let Some(event) = self.endpoint.poll_event() {
                self.endpoint_says(now, event);
            } else if let Some((leg, action)) = self.switch.poll_action() {
                self.act(now, leg, action);
                self.draw(leg);
            } else if let Some((leg, event)) = self.switch.poll_event() {
                self.switch_says(now, leg, event);
                self.draw(leg);
            } else {
                return;
            }
        }
    }

    fn transmit(&mut self, now: Instant, transmit: Transmit) {
        let flow = transmit.flow;
        if let Err(error) = self.sockets.send(transmit) {
            tracing::debug!(transport = %flow.transport, kind = ?error.kind(), "could not send");
            self.endpoint.handle_closed(now, flow);
        }
    }

    fn publish(&self, event: Event) {
        self.queue.push(event);
    }

    fn child_seed(&mut self) -> [u8; 32] {
        child(&mut self.random)
    }
}

/// Every layer draws from a seed of its own, so that one's appetite does not change another's numbers.
fn child(random: &mut ChaCha8Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    random.fill_bytes(&mut seed);
    seed
}

/// A [`Door`] that does not keep the phone alive.
#[derive(Clone)]
struct WeakDoor {
    letters: mpsc::WeakSender<Letter>,
    board: Arc<Board>,
}

impl WeakDoor {
    fn open(&self) -> Option<Door> {
        Some(Door { letters: self.letters.upgrade()?, board: Arc::clone(&self.board) })
    }
}
