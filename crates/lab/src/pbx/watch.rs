//! Phones that watch an extension or a slot: the `dialog` event package (RFC 4235).

use std::time::Instant;

use bytes::Bytes;
use sip_core::dialog::Dialog;
use sip_core::endpoint::{Body, NotifierId};
use sip_core::message::Request;
use sip_core::status::StatusCode;

use super::blf::{DIALOG_INFO, Lamp};
use super::calls::{Kind, dialled};
use super::leg::{At, Phase};
use super::{Pbx, told};

impl Pbx {
    /// Somebody subscribes to a number.
    pub(super) fn subscribed(&mut self, now: Instant, id: NotifierId, request: &Request) {
        if let Err(challenge) = self.guard.check(now, request) {
            return told(self.endpoint.refuse_subscription(now, id, challenge.status, challenge.headers));
        }
        let number = dialled(request).unwrap_or_default();
        let known = self.config.users.contains_key(&number) || self.parking.numbers().any(|slot| slot == number);
        if !known {
            return told(self.endpoint.refuse_subscription(now, id, StatusCode::NOT_FOUND, Vec::new()));
        }
        let (lamp, entity) = (self.lamp(&number), self.identity(&number).uri().to_string());
        let first = self.watchers.add(id, &number, &entity, lamp);
        told(self.endpoint.accept_subscription(now, id, document(first)));
    }

    pub(super) fn unsubscribed(&mut self, id: NotifierId) {
        self.watchers.remove(id);
    }

    /// Tells those who watch what has changed.
    pub(super) fn light_lamps(&mut self, now: Instant) {
        if self.watchers.is_empty() {
            return;
        }
        let mut watchers = std::mem::take(&mut self.watchers);
        for (id, body) in watchers.changed(|number| self.lamp(number)) {
            told(self.endpoint.notify(now, id, document(body)));
        }
        self.watchers = watchers;
    }

    /// What a number is doing. It rings if it also talks: who could take the call wants to know.
    fn lamp(&self, number: &str) -> Lamp {
        if self.parking.all().any(|parked| parked.slot == number) {
            return Lamp::Confirmed;
        }
        let callee = || self.identity(number).to_string();
        let rings = self.legs.iter().find_map(|(session, leg)| match leg.at {
            At::Branch(ring) if leg.user == number && leg.phase == Phase::Calling => {
                Some((self.endpoint.dialog(*session), self.rings.get(&ring)?))
            }
            _ => None,
        });
        if let Some((dialog, ring)) = rings {
            let name = |dialog: &Dialog| {
                (dialog.call_id().to_owned(), dialog.remote_tag().to_owned(), dialog.local_tag().to_owned())
            };
            return Lamp::Early { caller: ring.identity.clone(), callee: callee(), dialog: dialog.map(name) };
        }
        let mut calls = self.calls.values().filter(|call| call.from == number || call.to == number);
        let direct = |call: &&super::calls::Call| matches!(call.kind, Kind::Bridge(_)) && call.to == number;
        if let Some(call) = self.calls.values().filter(direct).find(|call| !call.is_talking(&self.legs)) {
            return Lamp::Early { caller: self.identity(&call.from).to_string(), callee: callee(), dialog: None };
        }
        let talks = self.legs.values().any(|leg| leg.user == number && leg.phase == Phase::Talking);
        if talks || calls.any(|call| !matches!(call.kind, Kind::Legs) && call.is_talking(&self.legs)) {
            return Lamp::Confirmed;
        }
        Lamp::Terminated
    }
}

fn document(body: String) -> Option<Body> {
    Some((DIALOG_INFO.to_owned(), Bytes::from(body)))
}
