//! Keys of calls: to the peer, or codes (`keypad`).
use super::Switch;
use crate::keypad::{Do, Keypad, Keys, Press};
use crate::leg::{Input, Phase, Place};
use crate::vocab::{Action, Command, Digits, Event, LegId, Misuse, Target};
use std::collections::BTreeMap;
use std::time::Instant;

/// The keypads of the legs whose keys are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Keypads(BTreeMap<LegId, (Keys, Keypad)>);

impl Keypads {
    pub(super) fn set(&mut self, id: LegId, keys: Keys) {
        match (self.0.get_mut(&id), keys) {
            (Some((old, _)), keys @ (Keys::Local(_) | Keys::Pbx(_))) => *old = keys,
            (None, keys @ (Keys::Local(_) | Keys::Pbx(_))) => drop(self.0.insert(id, (keys, Keypad::default()))),
            (_, Keys::Off) => drop(self.0.remove(&id)),
        }
    }

    /// Whether a transfer by keys is under way on any leg.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.values().any(|(_, keypad)| keypad.is_waiting())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().filter_map(|(_, keypad)| keypad.deadline()).min()
    }

    fn is_waiting_on(&self, id: LegId) -> bool {
        self.0.get(&id).is_some_and(|(_, keypad)| keypad.is_waiting())
    }
}

impl Switch {
    /// The user presses a key in a call: it goes to the peer, or is part of a code. In a consultation that a code began,
    /// it belongs to the call that waits.
    ///
    /// # Errors
    /// [`Misuse`] if the call can neither take it nor send it; nothing has changed then.
    pub fn press(&mut self, now: Instant, id: LegId, key: char) -> Result<(), Misuse> {
        let digits: Digits =
            key.to_string().parse().map_err(|_| Misuse { doing: "send keys", state: "that is no key" })?;
        let key = digits.as_str().chars().next().unwrap_or(key);
        let owner = self.customer_of(id).filter(|customer| self.keypads.is_waiting_on(*customer)).unwrap_or(id);
        let answered = self.leg(owner).is_some_and(|view| view.phase == Phase::Active && view.task.is_none());
        let keys = self.keypads.0.get(&owner).map(|(keys, _)| keys.clone()).filter(|_| answered);
        match keys {
            None | Some(Keys::Off) => self.handle_command(now, id, Command::Dtmf(digits)),
            Some(Keys::Pbx(_)) => {
                self.handle_command(now, id, Command::Dtmf(digits))?;
                self.press_keypad(now, owner, Press::Key(key));
                Ok(())
            }
            Some(Keys::Local(_)) => {
                self.press_keypad(now, owner, Press::Key(key));
                Ok(())
            }
        }
    }

    /// The number of the transfer that the keys of this leg are used for, while it is awaited or its target is dialled.
    pub fn transfer_wait(&self, id: LegId) -> Option<&str> {
        match &self.keypads.0.get(&id)?.1 {
            Keypad::Talking { .. } => None,
            Keypad::Collecting { number, .. } => Some(number),
            Keypad::Consulting { .. } => Some(""),
        }
    }

    pub(super) fn keypads_are_idle(&self) -> Option<()> {
        (!self.keypads.is_waiting()).then_some(())
    }

    /// To hang up during a transfer by keys completes it: whether or not the target answered, the peer is not cut off.
    pub(super) fn completes_by_hanging_up(&mut self, now: Instant, id: LegId) -> bool {
        let owner = self.customer_of(id).unwrap_or(id);
        let local = matches!(self.keypads.0.get(&owner), Some((Keys::Local(_), keypad)) if keypad.is_waiting());
        if local {
            self.press_keypad(now, owner, Press::HangUp);
        }
        local
    }

    pub(super) fn keys_due(&mut self, now: Instant) {
        let due = |(_, keypad): &(Keys, Keypad)| keypad.deadline().is_some_and(|at| at <= now);
        let ids: Vec<LegId> = self.keypads.0.iter().filter(|(_, entry)| due(entry)).map(|(id, _)| *id).collect();
        for id in ids {
            self.press_keypad(now, id, Press::Deadline);
        }
    }

    /// The exchange tells whom we talk with: what it made of the keys.
    pub(super) fn keys_connected(&mut self, now: Instant, id: LegId, original: bool) {
        if let Some((Keys::Pbx(_), _)) = self.keypads.0.get(&id) {
            self.press_keypad(now, id, if original { Press::Back } else { Press::Connected });
        }
    }

    /// The user came back or completed the transfer in another way.
    pub(super) fn keys_returned(&mut self, id: LegId) {
        if let Some((_, keypad)) = self.keypads.0.get_mut(&id)
            && keypad.is_waiting()
        {
            *keypad = Keypad::default();
            self.tell(id, Event::TransferWaitOver);
        }
    }

    /// The target is gone before the transfer: back to the peer.
    pub(super) fn keys_target_gone(&mut self, now: Instant, customer: LegId) {
        if self.keypads.is_waiting_on(customer) {
            self.keys_returned(customer);
            // The one misuse is that it talks already.
            let _ = self.handle_command(now, customer, Command::Resume);
        }
    }

    pub(super) fn keys_ended(&mut self, now: Instant, id: LegId) {
        self.keypads.0.remove(&id);
        if let Some(customer) = self.customer_of(id) {
            self.keys_target_gone(now, customer);
        }
    }

    fn press_keypad(&mut self, now: Instant, id: LegId, press: Press) {
        let Some((keys, keypad)) = self.keypads.0.get_mut(&id) else { return };
        let (codes, local) = match keys {
            Keys::Local(codes) => (codes, true),
            Keys::Pbx(codes) => (codes, false),
            Keys::Off => return,
        };
        let was = keypad.is_waiting();
        let (next, wanted) = std::mem::take(keypad).step(now, codes, press);
        let over = was && !next.is_waiting();
        *keypad = next;
        for what in wanted {
            match what {
                Do::Number(number) => self.tell(id, Event::TransferWait { number }),
                Do::Send(_) | Do::Hold | Do::Consult(_) | Do::Transfer(_) | Do::Complete | Do::Return => {
                    // Else the exchange does it.
                    if local {
                        self.carry_out(now, id, what);
                    }
                }
            }
        }
        if over && self.legs.contains_key(&id) {
            self.tell(id, Event::TransferWaitOver);
        }
    }

    fn carry_out(&mut self, now: Instant, id: LegId, what: Do) {
        match what {
            Do::Send(keys) => {
                // Whom the user talks with: the target, if there is one. Keys that nobody can take are lost.
                let to = self.consultations(id).first().copied().unwrap_or(id);
                let _ = self.handle_command(now, to, Command::Dtmf(keys));
            }
            Do::Hold => self.step(now, id, Input::Place(Place::Elsewhere)),
            Do::Consult(number) => self.actions.push_back((id, Action::Consult(Target(number)))),
            Do::Transfer(number) => {
                self.step(now, id, Input::Command(Command::Transfer(Target(number))));
            }
            Do::Complete => {
                let target = self.consultations(id).first().copied();
                if target.is_none_or(|target| self.transfer_to(now, id, target).is_err()) {
                    // It is gone already: the peer must not be lost with it.
                    let _ = self.come_back(now, id);
                }
            }
            Do::Return => {
                let _ = self.come_back(now, id);
            }
            Do::Number(_) => {}
        }
    }
}
