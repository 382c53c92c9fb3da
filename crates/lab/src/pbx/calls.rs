//! The dial plan, and the table of calls.

use std::collections::BTreeSet;
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
}

/// Who talks to whom.
#[derive(Debug)]
pub(super) enum Kind {
    Bridge(Bridge),
    /// A machine that a phone has called, or that has called a phone.
    Called(Attendant),
    Calling(Attendant),
    /// Whoever this one talked with has gone elsewhere; it is to hang up.
    Alone(SessionId),
}

impl Call {
    pub(super) fn is_talking(&self) -> bool {
        match &self.kind {
            Kind::Bridge(bridge) => bridge.is_talking(),
            Kind::Called(attendant) | Kind::Calling(attendant) => attendant.is_talking(),
            Kind::Alone(_) => true,
        }
    }

    pub(super) fn keys(&self) -> &str {
        match &self.kind {
            Kind::Bridge(_) | Kind::Alone(_) => "",
            Kind::Called(attendant) | Kind::Calling(attendant) => attendant.keys(),
        }
    }

    pub(super) fn give_up(&mut self, now: Instant, endpoint: &mut Endpoint) {
        match &mut self.kind {
            Kind::Bridge(bridge) => bridge.give_up(now, endpoint),
            Kind::Called(attendant) => attendant.give_up(now, endpoint, true),
            Kind::Calling(attendant) => attendant.give_up(now, endpoint, false),
            Kind::Alone(session) => told(endpoint.hang_up(now, *session, Vec::new())),
        }
    }
}

impl Pbx {
    /// The dial plan.
    pub(super) fn incoming(&mut self, now: Instant, session: SessionId, request: &Request, offer: Option<Bytes>) {
        let caller = match self.guard.check(now, request) {
            Ok(caller) => caller,
            Err(challenge) => return told(self.endpoint.refuse(now, session, challenge.status, challenge.headers)),
        };
        if self.calls.len() >= self.config.max_calls {
            let later = vec![(Name::RetryAfter, "10".to_owned())];
            return told(self.endpoint.refuse(now, session, StatusCode::SERVICE_UNAVAILABLE, later));
        }
        let number = dialled(request).unwrap_or_default();
        if self.config.users.contains_key(&number) {
            self.bridge(now, session, &caller, &number, offer, self.passed_on(request));
        } else if self.is_slot(&number) {
            self.retrieve(now, session, &caller, &number, offer);
        } else if let Some(extension) = number.strip_prefix(self.config.pickup.as_str()) {
            self.pick_up(now, session, &caller, extension, offer);
        } else if let Some(service) = self.config.numbers.get(&number).copied() {
            self.attend(now, session, &caller, &number, service, offer);
        } else {
            told(self.endpoint.refuse(now, session, StatusCode::NOT_FOUND, Vec::new()));
        }
    }

    fn bridge(
        &mut self,
        now: Instant,
        session: SessionId,
        caller: &str,
        callee: &str,
        offer: Option<Bytes>,
        passed_on: Headers,
    ) {
        let bindings = self.registrar.bindings(callee).to_vec();
        if bindings.is_empty() {
            return told(self.endpoint.refuse(now, session, StatusCode::TEMPORARILY_UNAVAILABLE, Vec::new()));
        }
        let identity = self.identity(caller);
        let invite = |binding| {
            let mut invite = self.invite_to(callee, binding, identity.clone(), offer.clone());
            invite.headers.extend(passed_on.iter().cloned());
            invite
        };
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
        let Some(rtp) = self.take_port() else {
            return told(self.endpoint.refuse(now, session, StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
        };
        let mut rng = self.child_rng();
        let local = description::Local::new(rtp, &mut rng);
        let mut attendant = Attendant::new(session, service, self.config.encodings.clone(), local, rng);
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
        let call = Call { from: from.to_owned(), to: to.to_owned(), kind, alive, deadline, was_talking: false };
        self.calls.insert(id, call);
        id
    }

    pub(super) fn remove_call(&mut self, id: CallId) {
        self.transfers.remove(&id);
        if self.lot.forget(id) {
            self.changes += 1;
        }
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

    /// Sessions of one call become another call. What is left of the first goes on, or is removed when nothing is.
    pub(super) fn regroup(
        &mut self,
        now: Instant,
        names: (&str, &str),
        kind: Kind,
        sessions: impl IntoIterator<Item = SessionId>,
    ) -> CallId {
        let sessions: Vec<SessionId> = sessions.into_iter().collect();
        for session in &sessions {
            let Some(old) = self.by_session.get(session).copied() else { continue };
            let empty = self.calls.get_mut(&old).is_some_and(|call| {
                call.alive.remove(session);
                call.alive.is_empty()
            });
            if empty {
                self.remove_call(old);
            }
        }
        self.changes += 1;
        self.add_call(now, names.0, names.1, kind, sessions)
    }

    /// What of an INVITE or REFER goes along to the other side.
    pub(super) fn passed_on(&self, request: &Request) -> Headers {
        let names = [Name::UserToUser, Name::Diversion, Name::HistoryInfo, Name::ReferredBy, Name::AlertInfo];
        let passes = |name: &Name| !self.config.strips.contains(name);
        let mut headers = Headers::new();
        for name in names.into_iter().filter(passes) {
            headers.extend(request.values(&name).map(|value| (name.clone(), value.to_owned())));
        }
        headers
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

/// The user of the Request-URI.
fn dialled(request: &Request) -> Option<String> {
    match request.uri().ok()? {
        Uri::Sip(uri) => uri.user().map(|user| user.into_owned()),
        _ => None,
    }
}

fn asserted(identity: &NameAddrBuf) -> Headers {
    vec![(Name::PAssertedIdentity, identity.to_string())]
}
