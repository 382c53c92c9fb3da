//! What must hold whatever users and peers do, as models driven by bytes: the fuzzer and `cargo test` run the same ones.
//!
//! - `anarchy`: one switch, and signals in any order, sensible or not.
//! - `wired`: two switches wired back to back, with signals that take their time and cross.
//! - `exchange`: two switches at an exchange that transfers, parks, refuses and fails; nobody gets lost.
mod anarchy;
mod exchange;
mod wired;

use crate::leg::View;
use crate::vocab::{Command, EndReason, Event, LegId, Park, Slot, Target};
use crate::{Phase, Switch};
use std::collections::BTreeMap;
use std::time::Instant;

/// The most steps of one run.
const MAX_STEPS: usize = 300;

/// Runs a model: the first byte chooses which, each pair after it is a step.
///
/// # Panics
/// If an invariant does not hold.
pub fn call(bytes: &[u8]) {
    let Some((model, steps)) = bytes.split_first() else { return };
    let steps = steps.chunks_exact(2).take(MAX_STEPS).map(|pair| (pair[0], pair[1]));
    match model % 3 {
        0 => anarchy::run(steps),
        1 => wired::run(steps),
        _ => exchange::run(steps),
    }
}

#[expect(clippy::disallowed_methods, reason = "a model's time begins somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

fn command(byte: u8) -> Command {
    match byte % 8 {
        0 if byte & 0x18 == 0x18 => Command::Transfer(Target("1003".into())),
        1 if byte & 0x18 == 0x18 => Command::Park(park(byte)),
        0 => Command::Answer,
        1 => Command::Reject(if byte & 8 == 0 { 486 } else { 200 }),
        2 | 3 => Command::Hold,
        4 | 5 => Command::Resume,
        6 => Command::Mute(byte & 8 == 0),
        _ if byte & 0x18 == 0 => Command::HangUp,
        _ => Command::Dtmf("1#".parse().expect("these are keys")),
    }
}

fn park(byte: u8) -> Park {
    let slot = (byte & 0x40 != 0).then(|| Slot("701".into()));
    let by_keys = Park::Keys("#700".parse().expect("these are keys"));
    if byte & 0x20 == 0 { Park::Refer { orbit: Target("700".into()), slot } } else { by_keys }
}

/// What concerns several legs, out of two bytes. A refused one has changed nothing.
fn among_legs(phone: &mut Phone, now: Instant, which: u8, how: u8) {
    let (Some(one), Some(other)) = (phone.pick(which), phone.pick(how >> 4)) else { return };
    let before = phone.switch.clone();
    let done = match how % 10 {
        0 | 1 => phone.switch.transfer_to(now, one, other),
        2 => phone.switch.come_back(now, one),
        3 => phone.switch.merge(now, &[one, other]),
        4 => phone.switch.split(now, one),
        5 => phone.switch.bridge(now, one, other),
        6 => phone.switch.swap(now),
        key => phone.switch.press(now, one, ['*', '#', '1'][usize::from(key - 7)]),
    };
    if done.is_err() {
        assert_eq!(phone.switch, before, "a rejected command changes nothing");
    }
}

/// A switch, and what must hold of any.
struct Phone {
    switch: Switch,
    ended: BTreeMap<LegId, EndReason>,
}

impl Phone {
    fn new(seed: u8) -> Self {
        Self { switch: Switch::new([seed; 32]), ended: BTreeMap::new() }
    }

    /// One command to one of the legs. A refused one has changed nothing.
    fn command(&mut self, now: Instant, which: u8, command: Command) {
        let Some(leg) = self.pick(which) else { return };
        let before = self.switch.clone();
        if self.switch.handle_command(now, leg, command).is_err() {
            assert_eq!(self.switch, before, "a rejected command changes nothing");
        }
    }

    fn pick(&self, which: u8) -> Option<LegId> {
        let legs: Vec<LegId> = self.switch.legs().map(|(id, _)| id).collect();
        (!legs.is_empty()).then(|| legs[usize::from(which) % legs.len()])
    }

    /// Time has come to `now`. A deadline that was due has changed something, and is due no more.
    fn time(&mut self, now: Instant) {
        let due = self.switch.poll_timeout().is_some_and(|(at, _)| at <= now);
        let before = self.switch.clone();
        self.switch.handle_timeout(now);
        assert_eq!(self.switch != before, due, "a due deadline changes something, an early one nothing");
        assert!(self.switch.poll_timeout().is_none_or(|(at, _)| at > now), "a deadline does not stay due");
    }

    /// Takes one event in. A leg ends once, for ever, and says nothing more.
    fn told(&mut self, leg: LegId, event: Event) {
        assert!(!self.ended.contains_key(&leg), "{leg} tells {event:?} after its end");
        if let Event::Ended(reason) = event {
            assert!(self.switch.leg(leg).is_none(), "{leg} is over");
            self.ended.insert(leg, reason);
        }
    }

    fn check(&self) {
        let talks_to = |(id, view): &(LegId, View)| view.live && !self.switch.conference().contains(id);
        let live = self.switch.legs().filter(talks_to).count();
        let conference = self.switch.conference();
        let together = self.switch.legs().any(|(id, view)| view.live && conference.contains(&id));
        assert!(live + usize::from(together) <= 1, "{live} legs are live at once");
        assert_ne!(conference.len(), 1, "one party is no conference");
        for id in conference.iter().chain(self.switch.bridges().iter().flatten()) {
            assert!(self.switch.leg(*id).is_some(), "{id} is over");
        }
    }

    fn active(&self) -> impl Iterator<Item = (LegId, View)> {
        self.switch.legs().filter(|(_, view)| view.phase == Phase::Active)
    }
}
