//! Parking on the wire: the account's method, where the slot's number comes from, and what becomes of parked calls.
use super::Driver;
use super::waiting::Want;
use crate::error::Error;
use crate::event::{AccountId, CallId, Event};
use crate::handle::Reply;
use crate::park::{ParkChange, ParkMethod, ParkedCall, Slot, SlotSource};
use call::lot::{Fate, Parked};
use call::{LegId, Park, Signal, Target, Task};
use sip_core::dialog_info::{self, DialogInfo, State};
use sip_core::endpoint::{Subscribe, SubscriptionEvent, SubscriptionId};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// The most slots of one account that are watched.
const MAX_SLOTS: u32 = 200;
/// How long a subscription to a slot is asked for; it is refreshed by itself.
const WATCH_FOR: Duration = Duration::from_secs(3600);

/// The slots that are watched, and the calls that are on their way into one.
#[derive(Debug, Default)]
pub(super) struct Slots {
    watched: BTreeMap<SubscriptionId, Watched>,
    /// Names of those who are parked, by slot and party, for display.
    names: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Watched {
    account: AccountId,
    slot: String,
    info: DialogInfo,
    taken: bool,
}

impl Driver {
    pub(super) fn park(&mut self, now: Instant, id: CallId, reply: Reply) {
        let Some(state) = self.board.call(id) else {
            return drop(reply.send(Err(Error::Misuse { doing: "park", state: "there is no such call" })));
        };
        let profile = state.account.and_then(|id| self.profiles.get(&id));
        let Some(profile) = profile else {
            return drop(reply.send(Err(Error::Misuse { doing: "park", state: "the call belongs to no account" })));
        };
        let refer =
            |orbit: String, slot: Option<String>| Park::Refer { orbit: Target(orbit), slot: slot.map(call::Slot) };
        let park = match &profile.park {
            ParkMethod::ReferTo(orbit) | ParkMethod::Bodied(orbit) => refer(orbit.clone(), None),
            ParkMethod::Rfc5359(server) => refer(server.to_string(), None),
            ParkMethod::Directed(range) => match self.free_slot(range) {
                Some(slot) => refer(slot.clone(), Some(slot)),
                None => {
                    let full = Error::Misuse { doing: "park", state: "no slot of the range is free" };
                    return drop(reply.send(Err(full)));
                }
            },
            ParkMethod::FeatureCode(digits) => match digits.as_str().parse() {
                Ok(digits) => Park::Keys(digits),
                Err(_) => {
                    let state = "the account's code for it is no code";
                    return drop(reply.send(Err(Error::Misuse { doing: "park", state })));
                }
            },
        };
        let callback = if let SlotSource::Callback(callback) = &profile.slots { Some(callback.clone()) } else { None };
        self.ask(now, id, call::Command::Park(park), Some(Want::Parked), reply);
        if let Some(callback) = callback.filter(|_| self.is_parking(id.0)) {
            callback(id);
        }
    }

    /// The first slot of a range that no call is known to be in.
    fn free_slot(&self, range: &RangeInclusive<u32>) -> Option<String> {
        let ours: Vec<&str> =
            self.lot.parked().iter().filter_map(|parked| Some(parked.slot.as_ref()?.0.as_str())).collect();
        let taken = |slot: &str| {
            ours.contains(&slot) || self.slots.watched.values().any(|watched| watched.taken && watched.slot == slot)
        };
        range.clone().take(MAX_SLOTS as usize).map(|slot| slot.to_string()).find(|slot| !taken(slot))
    }

    fn is_parking(&self, leg: LegId) -> bool {
        self.switch.leg(leg).is_some_and(|view| matches!(view.task, Some(Task::Park | Task::Parked)))
    }

    /// Somebody knows where a call is parked.
    pub(super) fn parked_in(&mut self, now: Instant, leg: LegId, slot: Option<String>) {
        self.switch.handle_signal(now, leg, Signal::Parked(slot.map(call::Slot)));
    }

    /// A call of ours is parked.
    pub(super) fn parked(&mut self, leg: LegId, slot: Slot) {
        let Some(call) = self.board.call(CallId(leg)) else { return };
        if let Some(line) = self.lines.line(leg) {
            line.slot = slot.number().map(str::to_owned);
        }
        let timeout = call.account.and_then(|id| self.profiles.get(&id)).map(|profile| profile.park_timeout);
        let since = Instant::now();
        let until = since + timeout.unwrap_or(call::lot::PARK_TIMEOUT);
        let party = party(&call.remote);
        if let Some(name) = call.remote_name {
            self.slots.names.insert(party.clone(), name);
        }
        let parked = Parked { slot: slot.number().map(|at| call::Slot(at.to_owned())), party, since, until };
        self.lot.park(parked.clone());
        self.tell_park(parked, ParkChange::Parked);
    }

    pub(super) fn fate(&mut self, fate: Fate) {
        let (parked, change) = match fate {
            Fate::Retrieved(parked) => (parked, ParkChange::Retrieved),
            Fate::Recalled(parked) => (parked, ParkChange::RingingBack),
            Fate::GivenUp(parked) => (parked, ParkChange::GivenUp),
            Fate::Left(parked) => (parked, ParkChange::Left),
            Fate::Forgotten(parked) => (parked, ParkChange::TimedOut),
            _ => return,
        };
        self.tell_park(parked, change);
    }

    fn tell_park(&mut self, parked: Parked, change: ParkChange) {
        let told = |parked: &Parked| ParkedCall {
            slot: parked.slot.as_ref().map_or(Slot::Unknown, |slot| Slot::At(slot.0.clone())),
            party: parked.party.clone(),
            name: self.slots.names.get(&parked.party).cloned(),
            since: parked.since,
            until: parked.until,
        };
        self.board.set_parked(self.lot.parked().iter().map(told).collect());
        let call = told(&parked);
        self.publish(Event::Park { call, change });
        let kept: Vec<String> = self.lot.parked().iter().map(|parked| parked.party.clone()).collect();
        self.slots.names.retain(|party, _| kept.contains(party));
    }

    pub(super) fn parked_due(&mut self, now: Instant) {
        while let Some(fate) = self.lot.expire(now) {
            self.fate(fate);
        }
    }

    /// Watches the slots of an account that has just been registered, where it wants that.
    pub(super) fn watch_slots(&mut self, now: Instant, account: AccountId) {
        let Some(SlotSource::DialogInfo(range)) = self.profiles.get(&account).map(|profile| &profile.slots) else {
            return;
        };
        if self.slots.watched.values().any(|watched| watched.account == account) {
            return;
        }
        for slot in range.clone().take(MAX_SLOTS as usize).map(|slot| slot.to_string()) {
            let Ok(target) = self.number_at(Some(account), &slot) else { continue };
            let mut subscribe = Subscribe::new(target, "dialog");
            subscribe.account = Some(account.0);
            subscribe.accept = dialog_info::CONTENT_TYPE.to_owned();
            subscribe.expires = WATCH_FOR;
            let id = self.endpoint.subscribe(now, subscribe);
            self.slots.watched.insert(id, Watched { account, slot, info: DialogInfo::default(), taken: false });
        }
    }

    /// Nobody is to watch them any more.
    pub(super) fn unwatch_slots(&mut self, now: Instant, account: AccountId) {
        let ids = self.slots.watched.iter().filter(|(_, watched)| watched.account == account).map(|(id, _)| *id);
        for id in ids.collect::<Vec<_>>() {
            // The one misuse is that it is over already.
            let _ = self.endpoint.unsubscribe(now, id);
        }
    }

    pub(super) fn subscription_says(&mut self, now: Instant, id: SubscriptionId, event: SubscriptionEvent) {
        if self.pickup_says(now, id, &event) {
            return;
        }
        match event {
            SubscriptionEvent::Notify { body, .. } => {
                let Some(watched) = self.slots.watched.get_mut(&id) else { return };
                match DialogInfo::parse(&body) {
                    Ok(news) => drop(watched.info.merge(news)),
                    Err(error) => return tracing::debug!(%error, "a slot's state cannot be read"),
                }
                let taken = watched.info.state() == State::Confirmed;
                let (was, slot) = (std::mem::replace(&mut watched.taken, taken), watched.slot.clone());
                let account = watched.account;
                if taken && !was {
                    self.slot_taken(now, account, &slot);
                } else if was && !taken {
                    let fate = self.lot.left(now, &call::Slot(slot));
                    fate.into_iter().for_each(|fate| self.fate(fate));
                }
            }
            SubscriptionEvent::Ended { why } => {
                tracing::debug!(?why, "a slot is watched no more");
                self.slots.watched.remove(&id);
            }
            _ => {}
        }
    }

    /// Somebody knows what became of a call of ours in a slot, if one is there.
    pub(super) fn slot_over(&mut self, slot: String, given_up: bool) {
        let slot = call::Slot(slot);
        let fate = if given_up { self.lot.given_up(&slot) } else { self.lot.retrieved(&slot) };
        fate.into_iter().for_each(|fate| self.fate(fate));
    }

    /// A slot has become taken: by our call, if one is on its way.
    fn slot_taken(&mut self, now: Instant, account: AccountId, slot: &str) {
        let ours = |leg: &LegId| self.board.call(CallId(*leg)).is_some_and(|call| call.account == Some(account));
        let parking: Vec<LegId> =
            self.switch.legs().map(|(leg, _)| leg).filter(|leg| self.is_parking(*leg) && ours(leg)).collect();
        // With two on their way at once nobody can tell which is in it: then the announcement has to do.
        if let [leg] = parking[..] {
            self.parked_in(now, leg, Some(slot.to_owned()));
        }
    }
}

/// Who an address is, for the eye and to know them again: the user part, if there is one.
pub(super) fn party(uri: &sip_core::Uri) -> String {
    match uri.as_sip().and_then(|sip| sip.user()) {
        Some(user) => user.into_owned(),
        None => uri.to_string(),
    }
}

/// The slot that a body tells: a short text with one number of two to six digits in it. A description or a status line is
/// no such text.
pub(super) fn slot_told(body: &[u8], plain: bool) -> Option<String> {
    if !plain || body.len() > 64 {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
    let number = numbers.next().filter(|number| (2..=6).contains(&number.len()))?;
    numbers.next().is_none().then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::slot_told;

    #[test]
    fn a_short_text_with_one_number_is_a_slot() {
        let cases: [(&str, Option<&str>); 7] = [
            ("701", Some("701")),
            ("Parked at 701\r\n", Some("701")),
            ("orbit=7012", Some("7012")),
            ("SIP/2.0 200 OK", None),
            ("7", None),
            ("12345678", None),
            ("", None),
        ];
        for (body, slot) in cases {
            assert_eq!(slot_told(body.as_bytes(), true).as_deref(), slot, "{body}");
            assert_eq!(slot_told(body.as_bytes(), false), None);
        }
    }
}
