//! All legs of a phone: which one is live, and who has to wait.
//!
//! A layer. Mutate it by one `handle_*`, [`Switch::dial`] or [`Switch::incoming`]; then drain [`Switch::poll_action`] and
//! [`Switch::poll_event`] until they are empty; then arm one timer for [`Switch::poll_timeout`].
#![warn(clippy::wildcard_enum_match_arm)]

use crate::dice::Dice;
use crate::leg::{Input, Leg, Output, Start, View, Why};
use crate::vocab::{Action, Command, Event, LegId, Misuse, Signal};
use sdp::Local;
use std::collections::{BTreeMap, VecDeque};
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

/// All legs of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    policy: Policy,
    dice: Dice,
    next: u64,
    legs: BTreeMap<LegId, Leg>,
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
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// What is done with several calls from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
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
        let busy = self.legs.len() >= self.policy.max_legs || (!self.policy.call_waiting && !self.legs.is_empty());
        let (leg, out) = if busy { Leg::busy() } else { Leg::incoming(now, self.start(local), offer) };
        self.admit(leg, out)
    }

    /// What the user wants of one call.
    ///
    /// # Errors
    /// [`Misuse`] if the call cannot do that now or is unknown; nothing has changed then.
    pub fn handle_command(&mut self, now: Instant, id: LegId, command: Command) -> Result<(), Misuse> {
        let (doing, turns) = (command.name(), matches!(command, Command::Answer | Command::Resume));
        let Some(leg) = self.legs.remove(&id) else {
            return Err(Misuse { doing, state: "there is no such call" });
        };
        let (leg, out) = leg.step(now, Input::Command(command));
        if let Some(misuse) = out.iter().find_map(Output::misuse) {
            self.legs.insert(id, leg);
            return Err(misuse);
        }
        if turns {
            // First the silence, then the new voice.
            self.yield_others(now);
        }
        self.settle(id, leg, out);
        Ok(())
    }

    /// What the dialog of one call told us. A call that is already over is ignored.
    pub fn handle_signal(&mut self, now: Instant, id: LegId, signal: Signal) {
        self.step(now, id, Input::Signal(signal));
    }

    /// The time of [`Switch::poll_timeout`] has come. Harmless if it has not.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |leg: &Leg| leg.deadline().is_some_and(|(at, _)| at <= now);
        let ids: Vec<LegId> = self.legs.iter().filter(|(_, leg)| due(leg)).map(|(id, _)| *id).collect();
        for id in ids {
            self.step(now, id, Input::Deadline);
        }
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
        self.legs.values().filter_map(Leg::deadline).min()
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
        self.yield_others(now);
        let (leg, out) = Leg::dial(now, self.start(local), late);
        self.admit(leg, out)
    }

    fn start(&mut self, local: Local) -> Start {
        Start { local, seed: self.dice.seed(), ring_for: self.policy.ring_for }
    }

    fn admit(&mut self, leg: Leg, out: Vec<Output>) -> LegId {
        let id = LegId(self.next);
        self.next += 1;
        self.settle(id, leg, out);
        id
    }

    fn yield_others(&mut self, now: Instant) {
        if self.policy.hold_others {
            let ids: Vec<LegId> = self.legs.iter().filter(|(_, leg)| leg.is_attended()).map(|(id, _)| *id).collect();
            for id in ids {
                self.step(now, id, Input::Yield);
            }
        }
    }

    fn step(&mut self, now: Instant, id: LegId, input: Input) {
        if let Some(leg) = self.legs.remove(&id) {
            let (leg, out) = leg.step(now, input);
            self.settle(id, leg, out);
        }
    }

    fn settle(&mut self, id: LegId, leg: Leg, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Do(action) => self.actions.push_back((id, action)),
                Output::Tell(event) => self.events.push_back((id, event)),
                Output::Misuse(_) => {}
            }
        }
        match leg {
            Leg::Ended(_) => self.legs.remove(&id),
            Leg::Dialing(_) | Leg::Incoming(_) | Leg::Active(_) | Leg::Closing(_) => self.legs.insert(id, leg),
        };
    }
}

#[cfg(test)]
mod tests;
