//! The dial plan, and the table of calls.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sip_core::endpoint::{Endpoint, Headers, Invite, SessionId};
use sip_core::header::{Name, NameAddrBuf};
use sip_core::message::Request;
use sip_core::status::StatusCode;
use sip_core::uri::{Host as UriHost, SipUri, Uri};

use super::bridge::Bridge;
use super::leg::{Leg, Phase, RingKind};
use super::ring::Errand;
use super::service::Attendant;
use super::{Binding, CallId, Pbx, Service, description, told};

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) kind: Kind,
    /// Sessions that have not ended.
    pub(super) alive: BTreeSet<SessionId>,
    /// When it must have been answered, or be over.
    pub(super) deadline: Instant,
    pub(super) was_talking: bool,
    /// Keys that were pressed for a machine before it was moved.
    pub(super) noted: String,
}

/// Who talks to whom.
#[derive(Debug)]
pub(super) enum Kind {
    /// Phones whose sound comes to us: see the legs.
    Legs,
    Bridge(Bridge),
    /// A machine that a phone has called, or that has called a phone.
    Called(Attendant),
    Calling(Attendant),
}

impl Call {
    pub(super) fn is_talking(&self, legs: &BTreeMap<SessionId, Leg>) -> bool {
        match &self.kind {
            Kind::Legs => self.alive.iter().any(|session| legs.get(session).is_some_and(Leg::is_connected)),
            Kind::Bridge(bridge) => bridge.is_talking(),
            Kind::Called(attendant) | Kind::Calling(attendant) => attendant.is_talking(),
        }
    }

    pub(super) fn keys(&self) -> &str {
        match &self.kind {
            Kind::Legs => &self.noted,
            Kind::Bridge(_) => "",
            Kind::Called(attendant) | Kind::Calling(attendant) => attendant.keys(),
        }
    }

    pub(super) fn give_up(&mut self, now: Instant, endpoint: &mut Endpoint) {
        match &mut self.kind {
            Kind::Legs => {}
            Kind::Bridge(bridge) => bridge.give_up(now, endpoint),
            Kind::Called(attendant) => attendant.give_up(now, endpoint, true),
            Kind::Calling(attendant) => attendant.give_up(now, endpoint, false),
        }
    }
}

impl Pbx {
    /// The dial plan.
    pub(super) fn incoming(
        &mut self,
        now: Instant,
        session: SessionId,
        request: &Request,
        offer: Option<Bytes>,
        replaces: Option<SessionId>,
    ) {
        let caller = match self.guard.check(now, request) {
            Ok(caller) => caller,
            Err(challenge) => return told(self.endpoint.refuse(now, session, challenge.status, challenge.headers)),
        };
        if self.calls.len() >= self.config.max_calls {
            let later = vec![(Name::RetryAfter, "10".to_owned())];
            return told(self.endpoint.refuse(now, session, StatusCode::SERVICE_UNAVAILABLE, later));
        }
        let number = dialled(request).unwrap_or_default();
        let picked = number.strip_prefix(PICKUP).map(str::to_owned);
        let users = !self.users_of(&number).is_empty();
        let waits = self.parking.is_pilot(&number) || self.parking.is_slot(&number);
        if self.config.direct_media && self.config.users.contains_key(&number) {
            self.bridge(now, session, &caller, &number, offer);
        } else if users || waits || picked.is_some() || replaces.is_some() {
            let Some(port) = self.new_port() else {
                return told(self.endpoint.refuse(now, session, StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
            };
            let call = self.add_call(now, &caller, &number, Kind::Legs, []);
            let mut leg = self.new_leg(&caller, call, port);
            leg.calls_us = true;
            leg.phase = Phase::Asking(offer.clone());
            let mut preferred = vec![(Name::PPreferredIdentity, String::new())];
            self.strip(&mut preferred);
            if let Some(identity) = request.value(&Name::PPreferredIdentity).filter(|_| !preferred.is_empty()) {
                // RFC 3325 §6: what a trusted phone prefers is asserted.
                identity.clone_into(&mut leg.identity);
            }
            let identity = leg.identity.clone();
            self.add_leg(session, leg);
            if let Some(replaces) = replaces {
                self.invited_to_replace(now, session, replaces);
            } else if let Some(number) = picked {
                self.pick_up(now, session, &number);
            } else if self.parking.is_pilot(&number) {
                self.call_to_lot(now, session, &number, offer.as_ref());
            } else if waits {
                self.call_to_slot(now, session, &number, offer.as_ref());
            } else {
                let headers = relayed(request);
                let errand = Errand { party: session, kind: RingKind::Call, number, identity, headers, report: None };
                if let Err(status) = self.start_ring(now, errand) {
                    self.turn_away(now, session, status, Vec::new());
                }
            }
        } else if let Some(service) = self.config.numbers.get(&number).copied() {
            self.attend(now, session, &caller, &number, service, offer);
        } else {
            told(self.endpoint.refuse(now, session, StatusCode::NOT_FOUND, Vec::new()));
        }
    }

    fn bridge(&mut self, now: Instant, session: SessionId, caller: &str, callee: &str, offer: Option<Bytes>) {
        let bindings = self.registrar.bindings(callee).to_vec();
        if bindings.is_empty() {
            return told(self.endpoint.refuse(now, session, StatusCode::TEMPORARILY_UNAVAILABLE, Vec::new()));
        }
        let identity = self.identity(caller);
        let invite = |binding| self.invite_to(callee, binding, identity.clone(), offer.clone());
        let invites: Vec<Invite> = bindings.iter().map(invite).collect();
        let asserted = asserted(&self.identity(callee));
        let (bridge, branches) = Bridge::start(now, &mut self.endpoint, session, asserted, invites);
        let sessions = branches.into_iter().chain([session]);
        self.add_call(now, caller, callee, Kind::Bridge(bridge), sessions);
    }

    fn attend(
        &mut self,
        now: Instant,
        session: SessionId,
        caller: &str,
        number: &str,
        service: Service,
        offer: Option<Bytes>,
    ) {
        if let Service::Redirect(number) = service {
            let contact = vec![(Name::Contact, self.identity(&number.to_string()).to_string())];
            return told(self.endpoint.refuse(now, session, StatusCode::MOVED_TEMPORARILY, contact));
        }
        let Some(rtp) = self.take_port() else {
            return told(self.endpoint.refuse(now, session, StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
        };
        let mut rng = self.child_rng();
        let local = description::Local::new(rtp, &mut rng);
        let mut attendant = Attendant::new(session, service, self.config.encodings.clone(), local, rng);
        attendant.set_here(self.here);
        attendant.begin(now, &mut self.endpoint, offer);
        let id = self.add_call(now, caller, number, Kind::Called(attendant), [session]);
        self.by_port.insert(rtp.port(), id);
    }

    pub(super) fn add_call(
        &mut self,
        now: Instant,
        from: &str,
        to: &str,
        kind: Kind,
        sessions: impl IntoIterator<Item = SessionId>,
    ) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        let alive: BTreeSet<SessionId> = sessions.into_iter().collect();
        self.by_session.extend(alive.iter().map(|session| (*session, id)));
        let deadline = now + self.config.max_ringing;
        let (from, to, noted) = (from.to_owned(), to.to_owned(), String::new());
        let call = Call { from, to, kind, alive, deadline, was_talking: false, noted };
        self.calls.insert(id, call);
        id
    }

    /// Forgets a call that nobody takes part in.
    pub(super) fn forget_if_over(&mut self, id: CallId) {
        if self.calls.get(&id).is_some_and(|call| call.alive.is_empty()) {
            self.remove_call(id);
        }
    }

    /// Ends a call on all sides.
    pub(super) fn give_up(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.give_up(now, &mut self.endpoint);
        if matches!(call.kind, Kind::Legs) {
            for session in call.alive.clone() {
                self.dismiss(now, session, Vec::new());
            }
        }
    }

    pub(super) fn remove_call(&mut self, id: CallId) {
        if let Some(Call { kind: Kind::Called(mut attendant) | Kind::Calling(mut attendant), .. }) =
            self.calls.remove(&id)
        {
            self.out.extend(std::iter::from_fn(|| attendant.poll_transmit()));
            let rtp = attendant.rtp();
            self.by_port.remove(&rtp.port());
            // At the end of the queue: late packets of this call then find nobody for as long as possible.
            self.free_ports.push_back(rtp);
        }
    }

    pub(super) fn take_port(&mut self) -> Option<SocketAddr> {
        if self.calls.len() >= self.config.max_calls { None } else { self.free_ports.pop_front() }
    }

    pub(super) fn child_rng(&mut self) -> ChaCha8Rng {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        ChaCha8Rng::from_seed(seed)
    }

    /// Who a user or number is to others.
    pub(super) fn identity(&self, user: &str) -> NameAddrBuf {
        let uri = SipUri::new(UriHost::from(self.here.ip())).with_user(user).with_port(Some(self.here.port()));
        let name = self.config.users.get(user).and_then(|user| user.display_name.as_deref());
        let address = NameAddrBuf::new(Uri::Sip(uri));
        match name {
            Some(name) => address.display(name),
            None => address,
        }
    }

    pub(super) fn invite_to(&self, callee: &str, binding: &Binding, from: NameAddrBuf, offer: Option<Bytes>) -> Invite {
        let mut invite = Invite::new(binding.contact.clone());
        invite.from = Some(from.uri().clone());
        invite.to = Some(self.identity(callee).uri().clone());
        invite.flow = Some(binding.flow);
        invite.headers = asserted(&from);
        invite.offer = offer;
        invite
    }
}

/// Takes a call that rings elsewhere.
const PICKUP: &str = "*8";

/// What goes along from the phone that calls to the phone that is called.
fn relayed(request: &Request) -> Headers {
    let names = [Name::UserToUser, Name::Diversion, Name::HistoryInfo, Name::AlertInfo, Name::CallInfo];
    names
        .into_iter()
        .flat_map(|name| request.values(&name).map(|value| (name.clone(), value.to_owned())).collect::<Vec<_>>())
        .collect()
}

/// The user of the Request-URI.
pub(super) fn dialled(request: &Request) -> Option<String> {
    match request.uri().ok()? {
        Uri::Sip(uri) => uri.user().map(|user| user.into_owned()),
        _ => None,
    }
}

fn asserted(identity: &NameAddrBuf) -> Headers {
    vec![(Name::PAssertedIdentity, identity.to_string())]
}
