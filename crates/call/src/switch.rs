//! All legs of a phone: which one is live, who has to wait, and which belong together.
//!
//! A layer. Mutate it by one `handle_*` or command; then drain [`Switch::poll_action`] and [`Switch::poll_event`] until they
//! are empty; then arm one timer for [`Switch::poll_timeout`].
//!
//! What concerns one leg is in `leg`. What concerns several is here: `handover` (transfer between legs, consultation, being
//! transferred), `group` (conference and bridge), `keys` (codes out of keys).
#![warn(clippy::wildcard_enum_match_arm)]

mod group;
mod handover;
mod keys;

use crate::dice::Dice;
use crate::keypad::Keys;
use crate::leg::{Input, Leg, Output, Place, Ring, Start, View, Why};
use crate::vocab::{Action, Command, EndReason, Event, LegId, Misuse, Signal, Target};
use handover::Handover;
use keys::Keypads;
use sdp::Local;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// What a phone does with several calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether answering, dialling or resuming a call puts the live one on hold. Without it calls can be live together.
    pub hold_others: bool,
    /// Whether a call may come in while there is another; else it is refused with 486.
    pub call_waiting: bool,
    /// How long a call may ring, ours at the callee and a caller's here: a proxy gives up after 3 minutes too (Timer C,
    /// RFC 3261 §16.6).
    pub ring_for: Duration,
    /// How many calls there may be at once; incoming ones above it are refused with 486.
    pub max_legs: usize,
}

impl Default for Policy {
    /// One live call at a time, call waiting, 3 minutes, 32 legs.
    fn default() -> Self {
        Self { hold_others: true, call_waiting: true, ring_for: Duration::from_secs(180), max_legs: 32 }
    }
}

/// What the owner knows of a leg and the switch has to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Traits {
    /// How to reach its peer by a call of somebody else's.
    pub target: Option<Target>,
    /// Whether its peer lets an INVITE with Replaces take a call that still rings (RFC 3891 §3 forbids it to a phone; an
    /// exchange in between may).
    pub replaceable_early: bool,
    /// Whether it may be joined with another one here when its peer refuses to be transferred.
    pub bridge: bool,
    /// Who interprets codes among its keys.
    pub keys: Keys,
}

/// All legs of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    policy: Policy,
    dice: Dice,
    next: u64,
    legs: BTreeMap<LegId, Leg>,
    traits: BTreeMap<LegId, Traits>,
    handover: Handover,
    keypads: Keypads,
    conference: BTreeSet<LegId>,
    bridges: Vec<[LegId; 2]>,
    /// Why a leg is over, where that is not what its own dialog tells.
    epitaphs: BTreeMap<LegId, EndReason>,
    actions: VecDeque<(LegId, Action)>,
    events: VecDeque<(LegId, Event)>,
}

impl Switch {
    /// A phone without calls, with the default [`Policy`]. Equal seeds and inputs give equal outputs.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            policy: Policy::default(),
            dice: Dice::new(seed),
            next: 1,
            legs: BTreeMap::new(),
            traits: BTreeMap::new(),
            handover: Handover::default(),
            keypads: Keypads::default(),
            conference: BTreeSet::new(),
            bridges: Vec::new(),
            epitaphs: BTreeMap::new(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// What is done with several calls from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// What is known of a leg from now on.
    pub fn set_traits(&mut self, id: LegId, traits: Traits) {
        if self.legs.contains_key(&id) {
            self.keypads.set(id, traits.keys.clone());
            self.traits.insert(id, traits);
        }
    }

    /// What is known of a leg.
    pub fn traits(&self, id: LegId) -> Option<&Traits> {
        self.traits.get(&id)
    }

    /// Why no call may be begun now: a transfer by keys waits for its number or its target.
    pub fn refuses_dial(&self) -> Option<Misuse> {
        self.keypads.is_waiting().then_some(Misuse { doing: "dial", state: "a transfer by keys is under way" })
    }

    /// Calls someone: [`Action::Invite`] with an offer comes out. The live call is put on hold.
    pub fn dial(&mut self, now: Instant, local: Local) -> LegId {
        self.place(now, local, false)
    }

    /// Calls someone and leaves the offer to the callee's 2xx.
    pub fn dial_without_offer(&mut self, now: Instant, local: Local) -> LegId {
        self.place(now, local, true)
    }

    /// Takes an INVITE in, with the body of its offer if it has one. [`Event::Incoming`] follows if it is worth ringing;
    /// otherwise [`Action::Refuse`] and [`Event::Ended`].
    pub fn incoming(&mut self, now: Instant, offer: Option<&[u8]>, local: Local) -> LegId {
        let ring = Ring { give_up_after: self.policy.ring_for, unanswered: 480 };
        self.ring(now, offer, local, ring)
    }

    /// As [`incoming`](Self::incoming), with a time of its own and a status for when it is over.
    pub fn ring(&mut self, now: Instant, offer: Option<&[u8]>, local: Local, ring: Ring) -> LegId {
        let busy = self.legs.len() >= self.policy.max_legs || (!self.policy.call_waiting && !self.legs.is_empty());
        let (leg, out) = if busy { Leg::busy() } else { Leg::incoming(now, self.start(local), ring, offer) };
        self.admit(now, leg, out)
    }

    /// What the user wants of one call.
    ///
    /// # Errors
    /// [`Misuse`] if the call cannot do that now or is unknown; nothing has changed then.
    pub fn handle_command(&mut self, now: Instant, id: LegId, command: Command) -> Result<(), Misuse> {
        if matches!(command, Command::HangUp) && self.completes_by_hanging_up(now, id) {
            return Ok(());
        }
        if matches!(command, Command::Answer) && self.keypads.is_waiting() {
            return Err(Misuse { doing: "answer", state: "a transfer by keys is under way" });
        }
        let (turns, leaves) = match command {
            Command::Answer | Command::Resume => (true, false),
            Command::Hold | Command::Transfer(_) => (false, true),
            // Who is parked out of a conference is heard in it until the exchange takes them.
            Command::Park(_) | Command::Reject(_) | Command::HangUp | Command::Mute(_) | Command::Dtmf(_) => {
                (false, false)
            }
        };
        let (leg, out) = self.try_step(now, id, command.name(), Input::Command(command))?;
        if turns {
            // First the silence, then the new voice.
            self.turn_to(now, id);
        }
        self.settle(now, id, leg, out);
        if turns {
            self.take_conference_along(now, id);
        }
        if leaves {
            self.step_out(now, id);
        }
        Ok(())
    }

    /// What the dialog of one call told us. A call that is already over is ignored.
    pub fn handle_signal(&mut self, now: Instant, id: LegId, signal: Signal) {
        if let Signal::Connected { original } = signal {
            self.keys_connected(now, id, original);
        }
        self.step(now, id, Input::Signal(signal));
    }

    /// The time of [`Switch::poll_timeout`] has come. Harmless if it has not.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |leg: &Leg| leg.deadline().is_some_and(|(at, _)| at <= now);
        let ids: Vec<LegId> = self.legs.iter().filter(|(_, leg)| due(leg)).map(|(id, _)| *id).collect();
        for id in ids {
            self.step(now, id, Input::Deadline);
        }
        self.keys_due(now);
        self.leave_due(now);
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<(LegId, Action)> {
        self.actions.pop_front()
    }

    /// The next thing to tell the user.
    pub fn poll_event(&mut self) -> Option<(LegId, Event)> {
        self.events.pop_front()
    }

    /// When to call [`Switch::handle_timeout`], and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let legs = self.legs.values().filter_map(Leg::deadline);
        let keys = self.keypads.deadline().map(|at| (at, Why::Keys));
        let leaving = self.handover.deadline().map(|at| (at, Why::Farewell));
        legs.chain(keys).chain(leaving).min()
    }

    /// Every call that is not over, oldest first.
    pub fn legs(&self) -> impl Iterator<Item = (LegId, View)> {
        self.legs.iter().map(|(id, leg)| (*id, leg.view()))
    }

    /// One call, unless it is over.
    pub fn leg(&self, id: LegId) -> Option<View> {
        self.legs.get(&id).map(Leg::view)
    }

    fn place(&mut self, now: Instant, local: Local, late: bool) -> LegId {
        self.yield_others(now, &BTreeSet::new());
        let (leg, out) = Leg::dial(now, self.start(local), late);
        self.admit(now, leg, out)
    }

    fn start(&mut self, local: Local) -> Start {
        Start { local, seed: self.dice.seed(), ring_for: self.policy.ring_for }
    }

    fn admit(&mut self, now: Instant, leg: Leg, out: Vec<Output>) -> LegId {
        let id = LegId(self.next);
        self.next += 1;
        self.settle(now, id, leg, out);
        id
    }

    /// The user's microphone and ear go to this leg, and to those in conference with it.
    fn turn_to(&mut self, now: Instant, id: LegId) {
        let mut with = if self.conference.contains(&id) { self.conference.clone() } else { BTreeSet::new() };
        with.insert(id);
        self.part(now, id);
        self.yield_others(now, &with);
    }

    fn yield_others(&mut self, now: Instant, but: &BTreeSet<LegId>) {
        if self.policy.hold_others {
            let attended = |(id, leg): &(&LegId, &Leg)| leg.is_attended() && !but.contains(*id);
            let ids: Vec<LegId> = self.legs.iter().filter(attended).map(|(id, _)| *id).collect();
            for id in ids {
                self.step(now, id, Input::Place(Place::Elsewhere));
            }
        }
    }

    /// One leg's next state, if it takes the input. The switch has not changed yet.
    fn try_step(
        &self,
        now: Instant,
        id: LegId,
        doing: &'static str,
        input: Input,
    ) -> Result<(Leg, Vec<Output>), Misuse> {
        let leg = self.legs.get(&id).cloned().ok_or(Misuse { doing, state: "there is no such call" })?;
        let (leg, out) = leg.step(now, input);
        match out.iter().find_map(Output::misuse) {
            Some(misuse) => Err(misuse),
            None => Ok((leg, out)),
        }
    }

    fn step(&mut self, now: Instant, id: LegId, input: Input) {
        if let Some(leg) = self.legs.remove(&id) {
            let (leg, out) = leg.step(now, input);
            self.settle(now, id, leg, out);
        }
    }

    fn settle(&mut self, now: Instant, id: LegId, leg: Leg, out: Vec<Output>) {
        match leg {
            Leg::Ended(_) => self.legs.remove(&id),
            Leg::Dialing(_) | Leg::Incoming(_) | Leg::Active(_) | Leg::Closing(_) => self.legs.insert(id, leg),
        };
        let mut told = Vec::new();
        for output in out {
            match output {
                Output::Do(action) => self.actions.push_back((id, action)),
                Output::Tell(Event::Ended(reason)) => {
                    let event = Event::Ended(self.epitaph(id, reason));
                    told.push(event);
                }
                Output::Tell(event) => told.push(event),
                Output::Misuse(_) => {}
            }
        }
        self.events.extend(told.iter().map(|event| (id, event.clone())));
        for event in told {
            self.react(now, id, &event);
        }
    }

    /// What one leg's news means for others.
    fn react(&mut self, now: Instant, id: LegId, event: &Event) {
        match event {
            Event::Answered => self.follower_answered(now, id),
            Event::Transferred => self.transferred(now, id),
            Event::TransferFailed { status } => self.transfer_failed(now, id, *status),
            Event::Ended(reason) => {
                self.traits.remove(&id);
                self.keys_ended(now, id);
                self.leave_conference(id);
                self.bridge_ended(now, id, *reason);
                self.handover_ended(now, id);
            }
            Event::Incoming
            | Event::Ringing
            | Event::EarlyMedia
            | Event::Held
            | Event::Resumed
            | Event::HoldRefused { .. }
            | Event::ResumeRefused { .. }
            | Event::RemoteHeld
            | Event::RemoteResumed
            | Event::Muted(_)
            | Event::TransferProgress { .. }
            | Event::Parked { .. }
            | Event::ParkFailed { .. }
            | Event::HangUpHeldBack
            | Event::TransferWait { .. }
            | Event::TransferWaitOver
            | Event::ReplacedBy(_)
            | Event::Bridged(_)
            | Event::Conference(_) => {}
        }
    }

    fn epitaph(&mut self, id: LegId, reason: EndReason) -> EndReason {
        self.epitaphs.remove(&id).or_else(|| self.handed_over(id)).unwrap_or(reason)
    }

    /// Ends a leg because of another, with this reason, whatever it is doing.
    fn drop_leg(&mut self, now: Instant, id: LegId, reason: EndReason) {
        if !self.legs.contains_key(&id) {
            return;
        }
        self.epitaphs.insert(id, reason);
        for _ in 0..2 {
            // A hang-up that a transfer or a park holds back is meant all the same.
            if self.legs.get(&id).is_some_and(|leg| !matches!(leg, Leg::Closing(_))) {
                self.step(now, id, Input::Command(Command::HangUp));
            }
        }
    }

    fn tell(&mut self, id: LegId, event: Event) {
        self.events.push_back((id, event));
    }
}

#[cfg(test)]
mod tests;
