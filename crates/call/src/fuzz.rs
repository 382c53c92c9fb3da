//! What must hold whatever users and peers do, as models driven by bytes: the fuzzer and `cargo test` run the same ones.
//!
//! - `anarchy`: one switch, and signals in any order, sensible or not.
//! - `wired`: two switches wired back to back, with signals that take their time and cross.
mod anarchy;
mod wired;

use crate::leg::View;
use crate::vocab::{Command, EndReason, Event, LegId};
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
    if model % 2 == 0 { anarchy::run(steps) } else { wired::run(steps) }
}

#[expect(clippy::disallowed_methods, reason = "a model's time begins somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

fn command(byte: u8) -> Command {
    match byte % 8 {
        0 => Command::Answer,
        1 => Command::Reject(if byte & 8 == 0 { 486 } else { 200 }),
        2 | 3 => Command::Hold,
        4 | 5 => Command::Resume,
        6 => Command::Mute(byte & 8 == 0),
        _ if byte & 0x18 == 0 => Command::HangUp,
        _ => Command::Dtmf("1#".parse().expect("these are keys")),
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
        let live = self.switch.legs().filter(|(_, view)| view.live).count();
        assert!(live <= 1, "{live} legs are live at once");
    }

    fn active(&self) -> impl Iterator<Item = (LegId, View)> {
        self.switch.legs().filter(|(_, view)| view.phase == Phase::Active)
    }
}
