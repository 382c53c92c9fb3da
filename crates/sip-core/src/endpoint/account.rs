//! Accounts: their registration (RFC 3261 §10.2), credentials and ways out.

use super::caller::reason_of;
use super::outgoing::{Contact, Draft, Outgoing, Purpose, Way, contact_value};
use super::{AccountConfig, AccountId, Due, Endpoint, Event, Failure, Flow, Headers, Misuse, RegistrationState};
use crate::digest::{Authenticator, Credentials, Refusal};
use crate::header::{self, Expires, MinExpires, Name, NameAddrBuf, ServiceRoute};
use crate::ids::Mint;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::resolve::Question;
use crate::status::StatusCode;
use crate::uri::{SipUri, Uri};
use crate::usage::registration::{Action, Input, Machine, Registration};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Account {
    pub(super) config: AccountConfig,
    machine: Machine,
    authenticator: Option<Authenticator>,
    /// One Call-ID for all REGISTERs to a registrar (§10.2).
    call_id: String,
    from_tag: String,
    cseq: u32,
    /// The way of the last successful REGISTER, and the question that it answered.
    flow: Option<Flow>,
    question: Option<Question>,
    /// Where the registrar sees us, and by which transport (RFC 3581 §4).
    public: Option<(super::Transport, SocketAddr)>,
    /// The contact that the registrar holds.
    bound: Option<String>,
    service_route: Vec<String>,
    /// The owner has removed it; it goes with its binding.
    removed: bool,
}

impl Account {
    pub(super) fn next_seq(&mut self) -> u32 {
        self.cseq = (self.cseq + 1) & 0x7fff_ffff;
        self.cseq
    }

    /// Where requests to us should go, for a message on that flow.
    pub(super) fn contact(&self, flow: Flow) -> String {
        contact_value(self.user(), flow, self.public_on(flow))
    }

    fn public_on(&self, flow: Flow) -> Option<SocketAddr> {
        let (transport, addr) = self.public?;
        // What one server sees through a NAT, another on the same host or in our own net need not.
        let same_way = self.flow.is_none_or(|known| known.remote.ip() == flow.remote.ip());
        (transport == flow.transport && same_way).then_some(addr)
    }

    /// Contact of a REGISTER: our binding, and the removal of the one before if our address has changed.
    pub(super) fn binding_contacts(&self, flow: Flow, expires: u64) -> String {
        let contact = self.contact(flow);
        match &self.bound {
            Some(old) if *old != contact && expires > 0 => format!("{contact};expires={expires}, {old};expires=0"),
            Some(old) if expires == 0 => format!("{old};expires=0"),
            _ => format!("{contact};expires={expires}"),
        }
    }

    fn user(&self) -> Option<&str> {
        self.config.aor.as_sip()?.user_raw()
    }

    /// Takes a challenge; whether the request can be sent again.
    pub(super) fn challenged(&mut self, response: &Response, sent: &Request) -> bool {
        let verdict = self.authenticator.as_mut().map(|authenticator| authenticator.challenged(response, sent));
        matches!(verdict, Some(Ok::<(), Refusal>(())))
    }

    /// The credentials for a request on its way by `flow`. Nobody but our own server gets them unasked.
    pub(super) fn credentials(&mut self, draft: &Draft, flow: Flow, asked: bool, mint: &mut Mint) -> Headers {
        let ours = self.flow.is_some_and(|known| known.remote == flow.remote);
        match &mut self.authenticator {
            Some(authenticator) if asked || ours || matches!(draft.contact, Contact::Binding(_)) => {
                let body = draft.body.as_ref().map_or(&[][..], |(_, body)| &body[..]);
                authenticator.answers(&draft.method, &draft.uri.to_string(), body, mint)
            }
            _ => Headers::new(),
        }
    }

    pub(super) fn known_flow(&self, question: &Question) -> Option<Flow> {
        self.flow.filter(|_| self.question.as_ref() == Some(question))
    }

    /// Route values and next hop of a request out of a dialog.
    pub(super) fn route_for(&self, target: &Uri) -> (Vec<String>, Uri) {
        let mut routes = Vec::new();
        let mut next_hop = None;
        if let Some(proxy) = &self.config.proxy {
            next_hop = Some(proxy.clone());
            if proxy.as_sip().is_some_and(|uri| uri.has_param("lr")) {
                routes.push(format!("<{proxy}>"));
            }
        }
        for route in &self.service_route {
            // A registrar behind the proxy often names the proxy again.
            if !routes.contains(route) {
                routes.push(route.clone());
            }
        }
        if next_hop.is_none() {
            next_hop = routes.first().and_then(|route| header::NameAddr::parse(route).ok()?.uri().ok());
        }
        // tel: and the like have no host of their own; our server knows what to do with them.
        let target = if target.as_sip().is_some() { target.clone() } else { self.registrar() };
        (routes, next_hop.unwrap_or(target))
    }

    /// Request-URI of REGISTER: no user part (§10.2).
    fn registrar(&self) -> Uri {
        if let Some(registrar) = &self.config.registrar {
            return registrar.clone();
        }
        match &self.config.aor {
            Uri::Sip(aor) => {
                let uri = SipUri::new(aor.host().clone()).with_port(aor.port()).with_secure(aor.is_secure());
                Uri::Sip(match aor.param("transport") {
                    Some(transport) => uri.with_param("transport", Some(&transport)),
                    None => uri,
                })
            }
            other => other.clone(),
        }
    }

    /// The lifetime that a 2xx gives our binding; zero if it does not list it.
    fn granted(&self, response: &Response, asked: Duration) -> Duration {
        let default = response.maybe::<Expires>().ok().flatten().map(|Expires(seconds)| seconds);
        let ours: Option<SipUri> =
            self.bound.as_deref().and_then(|bound| header::NameAddr::parse(bound).ok()?.uri().ok()?.into_sip());
        for contact in response.all::<header::Contact<'_>>().flatten().filter_map(|contact| contact.address()) {
            let same = contact.uri().ok().and_then(Uri::into_sip).is_some_and(|uri| {
                ours.as_ref().is_some_and(|ours| {
                    uri.host() == ours.host() && uri.port() == ours.port() && uri.user() == ours.user()
                })
            });
            if same {
                let seconds = contact.expires().or(default);
                return seconds.map_or(asked, |seconds| Duration::from_secs(u64::from(seconds)));
            }
        }
        // A registrar that lists nothing, or what a proxy made of our address, still said 2xx.
        default.map_or(asked, |seconds| Duration::from_secs(u64::from(seconds)))
    }
}

impl Endpoint {
    /// Adds an account. Nothing is sent before `register`.
    pub fn add_account(&mut self, config: AccountConfig) -> AccountId {
        let id = AccountId(self.fresh_id());
        let user = config.username.clone().or_else(|| Some(config.aor.as_sip()?.user()?.into_owned()));
        let authenticator = user.zip(config.password.clone()).map(|(u, p)| Authenticator::new(Credentials::new(u, p)));
        let account = Account {
            machine: Machine::new(config.expires),
            authenticator,
            call_id: self.mint.call_id(),
            from_tag: self.mint.tag(),
            cseq: self.mint.cseq(),
            flow: None,
            question: None,
            public: None,
            bound: None,
            service_route: Vec::new(),
            removed: false,
            config,
        };
        self.accounts.insert(id, account);
        id
    }

    /// Binds our contact to the account's AOR, and keeps it bound. Again: now, also if a back-off runs.
    ///
    /// # Errors
    /// There is no such account.
    pub fn register(&mut self, now: Instant, id: AccountId) -> Result<(), Misuse> {
        if self.accounts.get(&id).is_none_or(|account| account.removed) {
            return Err(Misuse::Gone);
        }
        self.step_account(now, id, Input::Register, None);
        self.pump(now);
        Ok(())
    }

    /// Removes our binding, and ours only (§10.2.2). Ends in `Unregistered`.
    ///
    /// # Errors
    /// There is no such account.
    pub fn unregister(&mut self, now: Instant, id: AccountId) -> Result<(), Misuse> {
        if !self.accounts.contains_key(&id) {
            return Err(Misuse::Gone);
        }
        self.step_account(now, id, Input::Unregister, None);
        self.pump(now);
        Ok(())
    }

    /// Unregisters and then forgets the account. Its calls go on.
    ///
    /// # Errors
    /// There is no such account.
    pub fn remove_account(&mut self, now: Instant, id: AccountId) -> Result<(), Misuse> {
        self.accounts.get_mut(&id).ok_or(Misuse::Gone)?.removed = true;
        self.unregister(now, id)
    }

    /// The account that an INVITE is for: by the user of the Request-URI, among several by To.
    pub(super) fn account_called(&self, request: &Request) -> Option<AccountId> {
        let uri = request.uri().ok()?;
        let to = request.to().ok().and_then(|to| to.uri().ok());
        let user = uri.as_sip().and_then(|uri| uri.user());
        let by_user = |account: &Account| {
            let aor = account.config.aor.as_sip();
            aor.is_some_and(|aor| aor.user().is_some() && aor.user() == user)
        };
        let by_to = |account: &Account| {
            let (to, aor) = (to.as_ref().and_then(Uri::as_sip), account.config.aor.as_sip());
            to.zip(aor).is_some_and(|(to, aor)| to.user() == aor.user() && to.host().equivalent(aor.host()))
        };
        let called = |test: &dyn Fn(&Account) -> bool| {
            self.accounts.iter().find(|(_, account)| !account.removed && test(account)).map(|(id, _)| *id)
        };
        called(&|account| by_user(account) && by_to(account)).or_else(|| called(&by_user)).or_else(|| called(&by_to))
    }

    pub(super) fn account_due(&mut self, now: Instant, id: AccountId) {
        self.step_account(now, id, Input::Timer, None);
    }

    /// A connection is gone: who was registered by it cannot be reached any more (RFC 5626 §4.5).
    pub(super) fn accounts_closed(&mut self, now: Instant, flow: &Flow) {
        let on_it = |account: &Account| {
            flow.transport.is_reliable() && account.flow.is_some_and(|known| known.is_same_path(flow))
        };
        let ids: Vec<AccountId> =
            self.accounts.iter().filter(|(_, account)| on_it(account)).map(|(id, _)| *id).collect();
        for id in ids {
            self.step_account(now, id, Input::FlowLost, None);
        }
    }

    /// RFC 3581 §4: a response to REGISTER says where the server sees us.
    pub(super) fn learn_address(&mut self, id: AccountId, response: &Response, flow: Flow) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let Ok(via) = response.top_via() else { return };
        let Some(port) = via.rport().flatten() else { return };
        let ip = via.received().unwrap_or(flow.local.ip());
        let public = SocketAddr::new(ip, port);
        account.public = (public != flow.local).then_some((flow.transport, public));
    }

    pub(super) fn register_finished(
        &mut self,
        now: Instant,
        id: AccountId,
        outgoing: &Outgoing,
        outcome: Result<Response, Failure>,
    ) {
        if let (Ok(response), Some((_, flow))) = (&outcome, outgoing.at) {
            self.learn_address(id, response, flow);
        }
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let response = match outcome {
            Ok(response) => response,
            Err(failure) => {
                account.flow = None;
                let input = Input::Refused { status: failure.status(), retry_after: None, credentials: false };
                return self.step_account(now, id, input, Some(failure.to_string()));
            }
        };
        let status = response.status();
        let reason = Some(reason_of(&response));
        let input = match status.code() {
            200..=299 => {
                return self.registered(now, id, outgoing, &response);
            }
            423 => {
                let min = response.maybe::<MinExpires>().ok().flatten().map_or(0, |MinExpires(seconds)| seconds);
                Input::TooBrief(Duration::from_secs(u64::from(min)))
            }
            // Our authenticator had its chance: the registrar does not take what we have.
            401 | 407 => Input::Refused { status, retry_after: None, credentials: true },
            _ => Input::Refused { status, retry_after: super::offer::retry_after(&response), credentials: false },
        };
        self.step_account(now, id, input, reason);
    }

    fn registered(&mut self, now: Instant, id: AccountId, outgoing: &Outgoing, response: &Response) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let Some((_, flow)) = outgoing.at else { return };
        let draft = &outgoing.draft;
        let asked = match draft.contact {
            Contact::Binding(seconds) => Duration::from_secs(seconds),
            Contact::None | Contact::Ours => Duration::ZERO,
        };
        if let Some(authenticator) = &mut account.authenticator {
            authenticator.succeeded(response);
        }
        if asked.is_zero() {
            account.bound = None;
            account.service_route.clear();
            return self.step_account(now, id, Input::Accepted(Duration::ZERO), None);
        }
        // The first of what `binding_contacts` wrote.
        let sent =
            outgoing.contact_sent.as_deref().and_then(|value| value.split_once(";expires=")).map(|(first, _)| first);
        let sent = sent.unwrap_or_default().to_owned();
        account.flow = Some(flow);
        account.question = Question::for_uri(&draft.next_hop, account.config.transport);
        account.service_route = response
            .all::<ServiceRoute<'_>>()
            .flatten()
            .take(crate::dialog::MAX_ROUTES)
            .map(|route| route.to_string())
            .collect();
        let moved = account.contact(flow) != sent;
        account.bound = Some(sent);
        let granted = account.granted(response, asked);
        self.step_account(now, id, Input::Accepted(granted), None);
        if moved {
            self.step_account(now, id, Input::Moved, None);
        }
    }

    fn step_account(&mut self, now: Instant, id: AccountId, input: Input, reason: Option<String>) {
        let draw = self.mint.u64();
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let status = match &input {
            Input::Refused { status, .. } => *status,
            Input::TooBrief(_) => StatusCode::INTERVAL_TOO_BRIEF,
            _ => StatusCode::OK,
        };
        let idle = Machine { state: Registration::Idle, expires: account.machine.expires };
        let (machine, actions) = std::mem::replace(&mut account.machine, idle).step(now, draw, input);
        let deadline = machine.deadline();
        account.machine = machine;
        self.deadlines.set(Due::Account(id), deadline);
        for action in actions {
            self.act_account(now, id, action, status, reason.as_deref());
        }
    }

    fn act_account(&mut self, now: Instant, id: AccountId, action: Action, status: StatusCode, reason: Option<&str>) {
        let Some(account) = self.accounts.get(&id) else { return };
        let state = match action {
            Action::Register(expires) => return self.send_register(now, id, expires),
            Action::Remove => return self.send_register(now, id, Duration::ZERO),
            Action::Registering => RegistrationState::Registering,
            Action::Registered(expires) => RegistrationState::Registered {
                expires,
                public: account.public.map(|(_, addr)| addr),
                service_route: account.service_route.clone(),
            },
            Action::Unregistered => RegistrationState::Unregistered,
            Action::Failed { retry_in, permanent } => {
                let reason = reason.unwrap_or("the registrar does not hold our contact").to_owned();
                RegistrationState::Failed { status, reason, retry_in, permanent }
            }
        };
        let over = account.removed && state == RegistrationState::Unregistered;
        self.emit(Event::Registration { account: id, state });
        if over {
            self.accounts.remove(&id);
            self.deadlines.set(Due::Account(id), None);
        }
    }

    fn send_register(&mut self, now: Instant, id: AccountId, expires: Duration) {
        // A REGISTER that is still under way is overtaken (§10.2: one at a time).
        let old: Vec<_> = self
            .outgoing
            .iter()
            .filter(|(_, outgoing)| matches!(outgoing.purpose, Purpose::Register(account) if account == id))
            .map(|(id, _)| *id)
            .collect();
        for outgoing in old {
            self.abandon(outgoing);
        }
        let mut headers = vec![(Name::Expires, expires.as_secs().to_string())];
        headers.extend(self.capability_headers());
        // RFC 3327 §5.1
        headers.push((Name::Supported, "path".into()));
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let aor = NameAddrBuf::new(account.config.aor.clone());
        let uri = account.registrar();
        // §10.2: From and To are the AOR; Service-Route is not for REGISTER.
        let (routes, next_hop) = match &account.config.proxy {
            Some(proxy) if proxy.as_sip().is_some_and(|uri| uri.has_param("lr")) => {
                (vec![format!("<{proxy}>")], proxy.clone())
            }
            Some(proxy) => (Vec::new(), proxy.clone()),
            None => (Vec::new(), uri.clone()),
        };
        let transport = account.config.transport;
        let known = Question::for_uri(&next_hop, transport).and_then(|question| account.known_flow(&question));
        let named = account.config.display_name.iter().fold(aor.clone(), |aor, name| aor.display(name));
        let draft = Draft {
            method: Method::Register,
            uri,
            routes,
            next_hop,
            from: named.param("tag", &account.from_tag).to_string(),
            to: aor.to_string(),
            call_id: account.call_id.clone(),
            cseq: account.next_seq(),
            headers,
            contact: Contact::Binding(expires.as_secs()),
            body: None,
        };
        self.send(now, Purpose::Register(id), Some(id), draft, Way::Lookup { known, transport });
    }
}
