//! REFER, as exchanges do it: the target is called, and as soon as it rings the transferor is told that all is done, and its
//! partner waits for the target. A target that cannot be had leaves the two as they were.

use std::time::{Duration, Instant};

use sip_core::endpoint::{Headers, ReferredId, SessionEvent, SessionId};
use sip_core::header::{Name, Replaces};
use sip_core::message::Request;
use sip_core::method::Method;
use sip_core::refer::{ReferTarget, refer_target};
use sip_core::status::StatusCode;
use sip_core::uri::Uri;

use super::bridge::Bridge;
use super::calls::{Call, Kind};
use super::service::Attendant;
use super::{CallId, Pbx, description, told};

/// How long a transferor may take to hang up before it is hung up on.
const TRANSFEROR_PATIENCE: Duration = Duration::from_secs(60);

/// A REFER whose target is being called.
#[derive(Debug)]
pub(super) struct Transfer {
    refer: ReferredId,
    transferor: SessionId,
    /// The party that is to talk with the target.
    party: SessionId,
    target: SessionId,
    names: (String, String),
}

/// What a session's event means for a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Rings,
    Answers,
    Refuses(StatusCode),
    Other,
}

impl News {
    pub(super) fn of(event: &SessionEvent) -> Self {
        match event {
            SessionEvent::Progress { status, .. } if status.code() >= 180 => Self::Rings,
            SessionEvent::Answered { .. } => Self::Answers,
            SessionEvent::Refused { status, .. } => Self::Refuses(*status),
            _ => Self::Other,
        }
    }
}

impl Pbx {
    /// A REFER: out of any call it is not for us; within one it is the wish of one side about the other.
    pub(super) fn referred(&mut self, now: Instant, id: ReferredId, session: Option<SessionId>, request: &Request) {
        if let Err(status) = self.transfer(now, id, session, request) {
            told(self.endpoint.refuse_refer(now, id, status));
        }
    }

    fn transfer(
        &mut self,
        now: Instant,
        id: ReferredId,
        session: Option<SessionId>,
        request: &Request,
    ) -> Result<(), StatusCode> {
        let transferor = session.ok_or(StatusCode::NOT_IMPLEMENTED)?;
        let target = refer_target(request).map_err(|_| StatusCode::BAD_REQUEST)?;
        let party = self.partner(transferor).ok_or(StatusCode::NOT_ACCEPTABLE_HERE)?;
        let number = match &target.uri {
            Uri::Sip(uri) => uri.user().map(|user| user.into_owned()).unwrap_or_default(),
            _ => return Err(StatusCode::UNSUPPORTED_URI_SCHEME),
        };
        told(self.endpoint.accept_refer(now, id));
        let replaced = target.headers.iter().find(|(name, _)| *name == Name::Replaces);
        let outcome = match replaced.map(|(_, value)| self.replaced_session(value)) {
            Some(None) => Err(StatusCode::CALL_DOES_NOT_EXIST),
            Some(Some(other)) => self.hand_over(now, id, transferor, party, other),
            None if number == self.config.park_pilot => self.park(now, id, transferor, party),
            None => self.call_target(now, id, transferor, party, &number, &target, request),
        };
        if let Err(status) = outcome {
            told(self.endpoint.report_refer(now, id, status, status.default_reason()));
        }
        Ok(())
    }

    /// Whom a session talks with, through us or with a machine of ours.
    fn partner(&self, session: SessionId) -> Option<SessionId> {
        match &self.calls.get(self.by_session.get(&session)?)?.kind {
            Kind::Bridge(bridge) => bridge.other(session),
            Kind::Called(_) | Kind::Calling(_) | Kind::Alone(_) => None,
        }
    }

    fn replaced_session(&self, value: &str) -> Option<SessionId> {
        use sip_core::header::Header;
        let replaces = Replaces::parse(value).ok()?;
        self.by_session.keys().copied().find(|session| {
            self.endpoint
                .dialog(*session)
                .is_some_and(|dialog| dialog.matches(replaces.call_id, replaces.local_tag, Some(replaces.remote_tag)))
        })
    }

    /// Who a session's user is to others.
    pub(super) fn name_of(&self, session: SessionId) -> String {
        let call = self.by_session.get(&session).and_then(|id| self.calls.get(id));
        let Some(Call { kind, from, to, .. }) = call else { return String::new() };
        match kind {
            Kind::Bridge(bridge) if bridge.caller() != session => to.clone(),
            Kind::Calling(_) => to.clone(),
            Kind::Bridge(_) | Kind::Called(_) | Kind::Alone(_) => from.clone(),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn call_target(
        &mut self,
        now: Instant,
        id: ReferredId,
        transferor: SessionId,
        party: SessionId,
        number: &str,
        target: &ReferTarget,
        request: &Request,
    ) -> Result<(), StatusCode> {
        let party_name = self.name_of(party);
        if let Some(service) = self.config.numbers.get(number).copied() {
            let attendant = self.take_over(now, party, service).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
            self.leave_alone(now, transferor);
            let rtp = attendant.rtp();
            let call = self.regroup(now, (&party_name, number), Kind::Called(attendant), [party]);
            self.by_port.insert(rtp.port(), call);
            told(self.endpoint.report_refer(now, id, StatusCode::OK, "OK"));
            return Ok(());
        }
        if !self.config.users.contains_key(number) {
            return Err(StatusCode::NOT_FOUND);
        }
        let bindings = self.registrar.bindings(number);
        let binding = bindings.iter().max_by_key(|binding| binding.expires_at).cloned();
        let binding = binding.ok_or(StatusCode::TEMPORARILY_UNAVAILABLE)?;
        let mut invite = self.invite_to(number, &binding, self.identity(&party_name), None);
        invite.headers.extend(self.passed_on(request));
        // What the transferor put into the address is for the target.
        let strips = &self.config.strips;
        let wanted = target.headers.iter().filter(|(name, _)| *name == Name::UserToUser && !strips.contains(name));
        invite.headers.retain(|(name, _)| *name != Name::UserToUser || wanted.clone().next().is_none());
        invite.headers.extend(wanted.cloned());
        if !invite.headers.iter().any(|(name, _)| *name == Name::ReferredBy) && !strips.contains(&Name::ReferredBy) {
            let by = self.identity(&self.name_of(transferor));
            invite.headers.push((Name::ReferredBy, by.to_string()));
        }
        let session = self.endpoint.invite(now, invite);
        let call = self.add_call(now, &party_name, number, Kind::Alone(session), [session]);
        let names = (party_name, number.to_owned());
        self.transfers.insert(call, Transfer { refer: id, transferor, party, target: session, names });
        Ok(())
    }

    /// A session says something that others wait for: the target of a transfer, who is rung back, a phone that rings for
    /// somebody who has handed the call over.
    pub(super) fn transfer_news(&mut self, now: Instant, session: SessionId, news: News) {
        if news == News::Other {
            return;
        }
        match news {
            News::Answers => {
                self.handed_over_answered(now, session);
                self.ring_back_news(now, session, true);
            }
            News::Refuses(_) => {
                self.handed_over_refused(now, session);
                self.ring_back_news(now, session, false);
            }
            News::Rings | News::Other => {}
        }
        let Some(call) = self.by_session.get(&session).copied() else { return };
        if !self.transfers.get(&call).is_some_and(|transfer| transfer.target == session) {
            return;
        }
        let Some(transfer) = self.transfers.remove(&call) else { return };
        let Transfer { refer, transferor, party, target, names } = transfer;
        if let News::Refuses(status) = news {
            told(self.endpoint.report_refer(now, refer, status, status.default_reason()));
            return;
        }
        if news == News::Rings {
            told(self.endpoint.report_refer(now, refer, StatusCode::RINGING, "Ringing"));
        }
        told(self.endpoint.report_refer(now, refer, StatusCode::OK, "OK"));
        if self.partner(transferor) != Some(party) {
            // The party has hung up meanwhile.
            return told(self.endpoint.hang_up(now, target, Headers::new()));
        }
        self.leave_alone(now, transferor);
        let bridge = Bridge::with_called(party, target);
        self.regroup(now, (&names.0, &names.1), Kind::Bridge(bridge), [party, target]);
    }

    /// An attended transfer: the party takes the transferor's place in its other call.
    fn hand_over(
        &mut self,
        now: Instant,
        id: ReferredId,
        transferor: SessionId,
        party: SessionId,
        other: SessionId,
    ) -> Result<(), StatusCode> {
        let call = *self.by_session.get(&other).ok_or(StatusCode::CALL_DOES_NOT_EXIST)?;
        let party_name = self.name_of(party);
        let Some(Call { kind, to, from, .. }) = self.calls.get_mut(&call) else {
            return Err(StatusCode::CALL_DOES_NOT_EXIST);
        };
        let (to, from) = (to.clone(), from.clone());
        match kind {
            Kind::Bridge(bridge) => {
                let partner = bridge.other(other);
                let ringing = bridge.ringing();
                bridge.dissolve();
                match (partner, ringing.first().copied()) {
                    (Some(partner), _) => {
                        let name = if to == self.name_of(other) { from } else { to };
                        self.leave_alone(now, transferor);
                        told(self.endpoint.hang_up(now, other, hung_up()));
                        let bridge = Bridge::with_talking(now, &mut self.endpoint, party, partner);
                        self.regroup(now, (&party_name, &name), Kind::Bridge(bridge), [party, partner]);
                    }
                    (None, Some(_)) => {
                        // It rings on; its INVITE had the transferor's offer, so it is asked anew once it has answered.
                        self.leave_alone(now, transferor);
                        told(self.endpoint.refuse(now, other, StatusCode::DECLINE, hung_up()));
                        self.lot.ringing.extend(ringing.iter().map(|branch| (*branch, party)));
                    }
                    (None, None) => return Err(StatusCode::CALL_DOES_NOT_EXIST),
                }
            }
            Kind::Called(attendant) => {
                // The party takes the place with the machine.
                let service = attendant.service();
                self.leave_alone(now, transferor);
                told(self.endpoint.hang_up(now, other, hung_up()));
                let attendant = self.take_over(now, party, service).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
                let rtp = attendant.rtp();
                let call = self.regroup(now, (&party_name, &to), Kind::Called(attendant), [party]);
                self.by_port.insert(rtp.port(), call);
            }
            Kind::Calling(_) | Kind::Alone(_) => return Err(StatusCode::CALL_DOES_NOT_EXIST),
        }
        told(self.endpoint.report_refer(now, id, StatusCode::OK, "OK"));
        Ok(())
    }

    /// A branch that rang for somebody who has handed it over has answered: the party is joined with it.
    pub(super) fn handed_over_answered(&mut self, now: Instant, branch: SessionId) {
        let Some(party) = self.lot.ringing.remove(&branch) else { return };
        let losers: Vec<SessionId> =
            self.lot.ringing.iter().filter(|(_, of)| **of == party).map(|(branch, _)| *branch).collect();
        for loser in losers {
            self.lot.ringing.remove(&loser);
            told(self.endpoint.hang_up(now, loser, Headers::new()));
        }
        let names = (self.name_of(party), self.name_of(branch));
        let bridge = Bridge::with_talking(now, &mut self.endpoint, party, branch);
        self.regroup(now, (&names.0, &names.1), Kind::Bridge(bridge), [party, branch]);
    }

    /// A phone that rang for somebody who has handed it over does not want the call.
    fn handed_over_refused(&mut self, now: Instant, branch: SessionId) {
        let Some(party) = self.lot.ringing.remove(&branch) else { return };
        if !self.lot.ringing.values().any(|of| *of == party) {
            told(self.endpoint.hang_up(now, party, hung_up()));
        }
    }

    /// A machine takes somebody over.
    pub(super) fn take_over(&mut self, now: Instant, session: SessionId, service: super::Service) -> Option<Attendant> {
        let rtp = self.take_port()?;
        let mut rng = self.child_rng();
        let local = description::Local::new(rtp, &mut rng);
        let attendant = Attendant::new(session, service, self.config.encodings.clone(), local, rng);
        Some(Attendant::take_over(now, &mut self.endpoint, attendant))
    }

    /// The transferor has nobody to talk with any more: it hangs up, or is hung up on.
    pub(super) fn leave_alone(&mut self, now: Instant, session: SessionId) {
        let (name, to) = (self.name_of(session), String::new());
        if let Some(id) = self.by_session.get(&session)
            && let Some(Call { kind: Kind::Bridge(bridge), .. }) = self.calls.get_mut(id)
        {
            bridge.dissolve();
        }
        let call = self.regroup(now, (&name, &to), Kind::Alone(session), [session]);
        if let Some(call) = self.calls.get_mut(&call) {
            call.was_talking = true;
            call.deadline = now + TRANSFEROR_PATIENCE;
        }
    }

    /// Two sides have come together that did not call each other: each is told who the other is.
    pub(super) fn connected(&mut self, now: Instant, id: CallId) {
        let Some(Call { kind: Kind::Bridge(bridge), from, to, .. }) = self.calls.get(&id) else { return };
        if !bridge.is_joined() {
            return;
        }
        let caller = bridge.caller();
        let Some(callee) = bridge.other(caller) else { return };
        let stripped = self.config.strips.contains(&Name::PAssertedIdentity);
        for (session, who) in [(caller, to), (callee, from)] {
            if stripped || who.is_empty() || !self.endpoint.remote_allows(session, &Method::Update) {
                continue;
            }
            let headers = vec![(Name::PAssertedIdentity, self.identity(who).to_string())];
            // An UPDATE without a description (RFC 3311); one that comes too late tells nobody anything.
            if let Err(misuse) = self.endpoint.update(now, session, None, headers) {
                tracing::debug!(%misuse, "nobody to tell");
            }
        }
    }
}

fn hung_up() -> Headers {
    vec![(Name::Reason, "Q.850;cause=16".to_owned())]
}
