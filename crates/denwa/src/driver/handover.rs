//! Transfer on the wire: our REFERs and what becomes of them, the peer's REFERs, INVITEs that replace a call.
use super::Driver;
use super::park::slot_told;
use crate::error::Error;
use crate::event::{AccountId, CallChange, CallId, CallState, Direction, Event};
use crate::identity::{self, Context, caller_id_headers};
use crate::park::ParkMethod;
use crate::transfer::{ReferPolicy, ReferRequest};
use call::{LegId, ReferEnd, Referral, Signal, Target, Traits};
use sip_core::endpoint::{Flow, Headers, Refer, ReferEvent, ReferId, ReferOutcome, ReferredId, SessionId};
use sip_core::header::Name;
use sip_core::refer::{refer_target, refer_to_value};
use sip_core::{Request, StatusCode, Uri};
use std::time::Instant;

impl Driver {
    /// The switch wants a REFER sent.
    pub(super) fn refer(&mut self, now: Instant, leg: LegId, referral: &Referral) {
        match self.try_refer(now, leg, referral) {
            Ok(id) => {
                self.refers.insert(id, leg);
            }
            Err(status) => self.switch.handle_signal(now, leg, Signal::ReferEnded(ReferEnd::Refused(status))),
        }
    }

    /// On failure the status that tells best what is wrong.
    fn try_refer(&mut self, now: Instant, leg: LegId, referral: &Referral) -> Result<ReferId, u16> {
        let session = self.lines.session(leg).ok_or(481_u16)?;
        let state = self.board.call(CallId(leg)).ok_or(481_u16)?;
        let mut escaped = Headers::new();
        let target = match referral {
            Referral::To(Target(to)) | Referral::Park { orbit: Target(to), .. } => {
                self.number_at(state.account, to).map_err(|_| 404_u16)?
            }
            Referral::Replacing { leg: other, early } => {
                let other_session = self.lines.session(*other).ok_or(481_u16)?;
                let replaces = self.endpoint.replaces_value(other_session, *early).ok_or(481_u16)?;
                escaped.push((Name::Require, "replaces".to_owned()));
                escaped.push((Name::Replaces, replaces));
                self.way_to(*other, other_session).ok_or(481_u16)?
            }
            _ => return Err(501),
        };
        let server = self.park_server(state.account).filter(|_| matches!(referral, Referral::Park { .. }));
        if let Some(server) = server {
            return self.refer_to_park_server(now, leg, session, server);
        }
        let line = self.lines.line(leg).ok_or(481_u16)?;
        line.transferred = Some((target.to_string(), true));
        let context = line.context.clone();
        let mut headers = Headers::new();
        if let Some(context) = context {
            escaped.push((Name::UserToUser, context.header_value()));
            headers.push((Name::UserToUser, context.header_value()));
        }
        let referred_by = state.account.and_then(|id| self.profiles.get(&id)).map(|me| format!("<{}>", me.aor));
        let mut refer = Refer::new(refer_to_value(&target, &escaped));
        refer.referred_by = referred_by;
        refer.headers = headers;
        self.endpoint.refer(now, session, refer).map_err(|_| 481)
    }

    fn park_server(&self, account: Option<AccountId>) -> Option<Uri> {
        match &self.profiles.get(&account?)?.park {
            ParkMethod::Rfc5359(server) => Some(server.clone()),
            _ => None,
        }
    }

    /// Asks a park server to take the other side over (RFC 5359 §2.15): it calls them in our place, and they hang up on us.
    fn refer_to_park_server(
        &mut self,
        now: Instant,
        leg: LegId,
        session: SessionId,
        server: Uri,
    ) -> Result<ReferId, u16> {
        let account = self.board.call(CallId(leg)).and_then(|call| call.account);
        let replaces = self.endpoint.replaces_value(session, false).ok_or(481_u16)?;
        let party = self.way_to(leg, session).ok_or(481_u16)?;
        let mut refer = Refer::new(refer_to_value(&party, &[(Name::Replaces, replaces)]));
        refer.referred_by = account.and_then(|id| self.profiles.get(&id)).map(|me| format!("<{}>", me.aor));
        self.endpoint.refer_out_of_dialog(now, account.map(|id| id.0), server, refer).map_err(|_| 481)
    }

    /// How somebody else reaches the other side of a call: its Contact, for only that is sure to be the same phone; else
    /// what was dialled.
    fn way_to(&self, leg: LegId, session: SessionId) -> Option<Uri> {
        let contact = self.endpoint.dialog(session).map(|dialog| dialog.remote_target().clone());
        contact.or_else(|| self.board.call(CallId(leg)).map(|call| call.remote))
    }

    /// What became of a REFER of ours.
    pub(super) fn refer_says(&mut self, now: Instant, id: ReferId, event: ReferEvent) {
        let Some(leg) = self.refers.get(&id).copied() else { return };
        match event {
            ReferEvent::Accepted { response, .. } => {
                self.switch.handle_signal(now, leg, Signal::ReferAccepted);
                let plain = response.content_type().is_some_and(|content| content.is("text/plain"));
                if let Some(slot) = slot_told(&response.body(), plain) {
                    self.parked_in(now, leg, Some(slot));
                }
            }
            ReferEvent::Progress { status, .. } => {
                self.switch.handle_signal(now, leg, Signal::ReferProgress(status.code()));
            }
            ReferEvent::Ended { outcome } => {
                self.refers.remove(&id);
                let end = match outcome {
                    ReferOutcome::Final { status, .. } => ReferEnd::Final(status.code()),
                    ReferOutcome::Unknown => ReferEnd::Unknown,
                    ReferOutcome::Refused { status, .. } => ReferEnd::Refused(status.code()),
                    _ => ReferEnd::Lost,
                };
                self.switch.handle_signal(now, leg, Signal::ReferEnded(end));
            }
            _ => tracing::debug!("an event of a REFER that this version does not know"),
        }
    }

    /// The other side of a call wants us to go on with somebody else.
    pub(super) fn referred(&mut self, now: Instant, id: ReferredId, session: Option<SessionId>, request: &Request) {
        if let Err(status) = self.follow(now, id, session, request)
            && let Err(misuse) = self.endpoint.refuse_refer(now, id, status)
        {
            tracing::debug!(%misuse, "a REFER went before its refusal");
        }
    }

    fn follow(
        &mut self,
        now: Instant,
        id: ReferredId,
        session: Option<SessionId>,
        request: &Request,
    ) -> Result<(), StatusCode> {
        // A stranger's, or a call's that is over.
        let old = session.and_then(|session| self.lines.leg_of_session(session)).ok_or(StatusCode::FORBIDDEN)?;
        let state = self.board.call(CallId(old)).ok_or(StatusCode::CALL_DOES_NOT_EXIST)?;
        let wanted = refer_target(request).map_err(|_| StatusCode::BAD_REQUEST)?;
        let policy = state.account.and_then(|id| self.profiles.get(&id)).map(|profile| profile.refer.clone());
        let by = identity::transferred_by(request);
        let asked = ReferRequest { call: CallId(old), target: wanted.uri.clone(), referred_by: by.clone() };
        let allowed = match policy.unwrap_or_default() {
            ReferPolicy::Follow => true,
            ReferPolicy::Refuse => false,
            ReferPolicy::Ask(ask) => ask(&asked),
        };
        let room =
            self.board.calls() < self.max_calls && self.stopping.is_none() && self.switch.refuses_dial().is_none();
        if !allowed || !room || wanted.method.is_some_and(|method| method != sip_core::Method::Invite) {
            return Err(StatusCode::DECLINE);
        }
        let (stream, local) = self
            .open_stream(now, self.facing(state.account, &wanted.uri))
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        self.endpoint.accept_refer(now, id).map_err(|_| StatusCode::CALL_DOES_NOT_EXIST)?;
        if let Some(line) = self.lines.line(old) {
            line.transferred = Some((wanted.uri.to_string(), false));
        }
        let leg = self.switch.follow(now, old, local);
        self.lines.add(leg, stream);
        let new = CallState::new(CallId(leg), state.account, Direction::Outgoing, wanted.uri, now);
        let headers = followed_headers(request, wanted.headers);
        drop(self.dialled(leg, new, headers));
        if let Some(line) = self.lines.line(leg) {
            line.referred = Some(id);
        }
        self.publish(Event::Call { id: CallId(old), change: CallChange::TransferRequested { to: CallId(leg), by } });
        Ok(())
    }

    /// How the call goes that we made for somebody's REFER.
    pub(super) fn report_refer(&mut self, now: Instant, leg: LegId, status: u16) {
        let Some(line) = self.lines.line(leg) else { return };
        let Some(id) = line.referred else { return };
        if status >= 200 {
            line.referred = None;
        }
        let status = super::from_switch::code(status);
        if let Err(misuse) = self.endpoint.report_refer(now, id, status, status.default_reason()) {
            tracing::debug!(%misuse, "nobody wants to know how a transfer went");
        }
    }

    /// An INVITE that has the place of a call of ours (RFC 3891).
    pub(super) fn replaced(
        &mut self,
        now: Instant,
        session: SessionId,
        old: SessionId,
        account: Option<AccountId>,
        request: &Request,
        (flow, offer): (Flow, Option<&[u8]>),
    ) {
        let Some(old) = self.lines.leg_of_session(old) else {
            return self.turn_away(now, session, StatusCode::CALL_DOES_NOT_EXIST);
        };
        let Ok((stream, local)) = self.open_stream(now, Some(flow.local.ip())) else {
            return self.turn_away(now, session, StatusCode::SERVICE_UNAVAILABLE);
        };
        let Some(mut state) = self.caller_state(account, request, now) else {
            return self.turn_away(now, session, StatusCode::BAD_REQUEST);
        };
        let leg = self.switch.replacing(now, old, offer, local);
        self.lines.add(leg, stream);
        self.lines.bind(leg, session);
        state.id = CallId(leg);
        state.recall = None;
        drop(self.board.add_call(state));
        self.announced.insert(CallId(leg));
    }

    /// What the switch has to know of a leg.
    pub(super) fn set_traits(
        &mut self,
        leg: LegId,
        account: Option<AccountId>,
        remote: Option<&Uri>,
        replaceable_early: bool,
    ) {
        let profile = account.and_then(|id| self.profiles.get(&id));
        let traits = Traits {
            target: remote.map(|uri| Target(uri.to_string())),
            replaceable_early,
            bridge: profile.is_some_and(|profile| profile.bridge),
            keys: profile.map(|profile| profile.keys.to_call()).unwrap_or_default(),
        };
        self.switch.set_traits(leg, traits);
    }

    /// A number, or a whole address, as an address at the account's server.
    pub(super) fn number_at(&self, account: Option<AccountId>, number: &str) -> Result<Uri, Error> {
        if let Ok(uri) = number.parse::<Uri>() {
            return Ok(uri);
        }
        let aor = account.and_then(|id| self.profiles.get(&id)).and_then(|profile| profile.aor.as_sip());
        let aor = aor.ok_or(Error::Misuse { doing: "dial", state: "without an account a whole address is needed" })?;
        let user: String = number.chars().filter(|c| !c.is_whitespace()).collect();
        if user.is_empty() {
            return Err(Error::Invalid { what: "the number", detail: "it is empty".to_owned() });
        }
        Ok(Uri::Sip(aor.clone().bare().with_user(&user)))
    }

    /// What goes along with an INVITE.
    pub(super) fn invite_headers(&self, account: Option<AccountId>, to: &Uri, options: &crate::DialOptions) -> Headers {
        let mut headers = Headers::new();
        let profile = account.and_then(|id| self.profiles.get(&id));
        if let Some(Ok(uri)) = options.caller_id.as_deref().map(|number| self.number_at(account, number)) {
            // RFC 3325 §9.2: which of our identities the server is to assert.
            headers.push((Name::PPreferredIdentity, format!("<{uri}>")));
        }
        if let Some(context) = &options.context {
            headers.push((Name::UserToUser, context.header_value()));
        }
        let customer = options.consultation_for.and_then(|id| self.board.call(id));
        if let (Some(profile), Some(customer)) = (profile, customer) {
            headers.extend(caller_id_headers(profile.caller_id, &customer.identity(), &profile.aor, to));
        }
        headers
    }

    /// The consultation that a code among the keys asks for.
    pub(super) fn consult_by_keys(&mut self, now: Instant, customer: LegId, number: &str) {
        let account = self.board.call(CallId(customer)).and_then(|call| call.account);
        let context: Option<Context> = self.lines.line(customer).and_then(|line| line.context.clone());
        let options = crate::DialOptions { consultation_for: Some(CallId(customer)), context, ..Default::default() };
        let dialled = self.number_at(account, number).and_then(|to| self.place(now, account, to, &options));
        if dialled.is_err() {
            self.switch.consult_failed(now, customer);
        }
    }
}

/// The headers that a REFER wants on our INVITE: those of its Refer-To that may be there (RFC 3515 §2.1 leaves the choice
/// to us), its Referred-By (RFC 3892 §2.2), and its context.
fn followed_headers(request: &Request, wanted: Headers) -> Headers {
    let may = |name: &Name| matches!(name, Name::Replaces | Name::Require | Name::UserToUser | Name::Subject);
    let mut headers: Headers = wanted.into_iter().filter(|(name, _)| may(name)).collect();
    if let Some(by) = request.value(&Name::ReferredBy) {
        headers.push((Name::ReferredBy, by.to_owned()));
    }
    if !headers.iter().any(|(name, _)| *name == Name::UserToUser)
        && let Some(context) = request.value(&Name::UserToUser)
    {
        headers.push((Name::UserToUser, context.to_owned()));
    }
    headers
}
