//! Subscriptions of ours: RFC 6665 §4.1.

use super::caller::{dialog_way, in_dialog_draft};
use super::offer::retry_after;
use super::outgoing::{Contact, Draft, Outgoing, Purpose};
use super::{AccountId, Due, Endpoint, Event, Failure, Headers, Misuse, SubscriptionId};
use crate::dialog::Dialog;
use crate::header::{self, Expires, MinExpires, Name};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::uri::Uri;
use crate::usage::subscription::{Action, End, Input, Machine, Subscription};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// A subscription to make.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subscribe {
    /// Who subscribes.
    pub account: Option<AccountId>,
    /// To whom.
    pub target: Uri,
    /// To what: `dialog`, `message-summary`, `presence` …
    pub event: String,
    /// The body's type that is understood.
    pub accept: String,
    /// The lifetime to ask for; it is refreshed by itself. 1 hour.
    pub expires: Duration,
    /// Further header fields.
    pub headers: Headers,
}

impl Subscribe {
    /// To that event of that address.
    pub fn new(target: Uri, event: &str) -> Self {
        let expires = Duration::from_secs(3600);
        Self {
            account: None,
            target,
            event: event.to_owned(),
            accept: "*/*".to_owned(),
            expires,
            headers: Headers::new(),
        }
    }
}

/// What happens to a subscription.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubscriptionEvent {
    /// The notifier holds it for that long; it is refreshed by itself.
    Active {
        /// How long.
        expires: Duration,
    },
    /// News.
    Notify {
        /// The body's type.
        content_type: Option<String>,
        /// The body.
        body: Bytes,
        /// The NOTIFY.
        request: Request,
    },
    /// It is over; once, as its last event.
    Ended {
        /// Why.
        why: End,
    },
}

#[derive(Debug)]
pub(super) struct Subscribing {
    wish: Subscribe,
    machine: Machine,
    call_id: String,
    local_tag: String,
    cseq: u32,
    /// Once the 2xx has come.
    pub(super) dialog: Option<Dialog>,
}

impl Subscribing {
    pub(super) fn next_seq(&mut self) -> u32 {
        match &mut self.dialog {
            Some(dialog) => dialog.next_seq(),
            None => {
                self.cseq += 1;
                self.cseq
            }
        }
    }
}

impl Endpoint {
    /// Subscribes, and keeps that up until [`unsubscribe`](Self::unsubscribe) or [`SubscriptionEvent::Ended`].
    pub fn subscribe(&mut self, now: Instant, wish: Subscribe) -> SubscriptionId {
        let id = SubscriptionId(self.fresh_id());
        let (machine, actions) = Machine::start(wish.expires);
        if self.subscriptions.len() >= self.config.limits.subscriptions {
            self.counters.overload += 1;
            let why = End::Refused { status: StatusCode::SERVICE_UNAVAILABLE };
            self.emit(Event::Subscription { id, event: SubscriptionEvent::Ended { why } });
            return id;
        }
        let (call_id, local_tag, cseq) = (String::new(), String::new(), 0);
        self.subscriptions.insert(id, Subscribing { wish, machine, call_id, local_tag, cseq, dialog: None });
        self.subscription_does(now, id, actions);
        self.pump(now);
        id
    }

    /// Ends a subscription; `Ended` follows.
    ///
    /// # Errors
    /// It is over.
    pub fn unsubscribe(&mut self, now: Instant, id: SubscriptionId) -> Result<(), Misuse> {
        if !self.subscriptions.contains_key(&id) {
            return Err(Misuse::Gone);
        }
        self.subscription_step(now, id, Input::Unsubscribe);
        self.pump(now);
        Ok(())
    }

    pub(super) fn subscription_step(&mut self, now: Instant, id: SubscriptionId, input: Input) {
        let Some(subscribing) = self.subscriptions.get_mut(&id) else { return };
        let (machine, actions) = subscribing.machine.clone().step(now, input);
        let over = machine.state == Subscription::Over;
        self.deadlines.set(Due::Subscription(id), machine.deadline());
        subscribing.machine = machine;
        self.subscription_does(now, id, actions);
        if over && let Some(Subscribing { call_id, local_tag, .. }) = self.subscriptions.remove(&id) {
            self.by_subscription.remove(&(call_id, local_tag));
        }
    }

    fn subscription_does(&mut self, now: Instant, id: SubscriptionId, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Subscribe(expires) => self.subscribe_anew(now, id, expires),
                Action::Refresh(expires) => self.subscribe_again(now, id, expires),
                Action::Active(expires) => {
                    self.emit(Event::Subscription { id, event: SubscriptionEvent::Active { expires } });
                }
                Action::Ended(why) => self.emit(Event::Subscription { id, event: SubscriptionEvent::Ended { why } }),
            }
        }
    }

    /// A SUBSCRIBE out of any dialog.
    fn subscribe_anew(&mut self, now: Instant, id: SubscriptionId, expires: Duration) {
        let (call_id, tag, cseq) = (self.mint.call_id(), self.mint.tag(), self.mint.cseq());
        let Some(subscribing) = self.subscriptions.get_mut(&id) else { return };
        let before = (std::mem::replace(&mut subscribing.call_id, call_id.clone()), subscribing.local_tag.clone());
        self.by_subscription.remove(&before);
        self.by_subscription.insert((call_id.clone(), tag.clone()), id);
        subscribing.local_tag.clone_from(&tag);
        (subscribing.cseq, subscribing.dialog) = (cseq, None);
        let wish = subscribing.wish.clone();
        let from = self.sender(wish.account, None, None, &tag);
        let (routes, next_hop, way) = self.way_out(wish.account, &wish.target, None);
        let draft = Draft {
            method: Method::Subscribe,
            to: format!("<{}>", wish.target),
            uri: wish.target.clone(),
            routes,
            next_hop,
            from,
            call_id,
            cseq,
            headers: subscribe_headers(&wish, expires),
            contact: Contact::Ours,
            body: None,
        };
        self.send(now, Purpose::Subscribe(id), wish.account, draft, way);
    }

    fn subscribe_again(&mut self, now: Instant, id: SubscriptionId, expires: Duration) {
        let Some(subscribing) = self.subscriptions.get_mut(&id) else { return };
        let Some(dialog) = &mut subscribing.dialog else { return };
        let number = dialog.next_seq();
        let mut draft = in_dialog_draft(dialog, Method::Subscribe, number);
        let way = dialog_way(dialog, &draft);
        draft.headers = subscribe_headers(&subscribing.wish, expires);
        let account = subscribing.wish.account;
        self.send(now, Purpose::Subscribe(id), account, draft, way);
    }

    /// A SUBSCRIBE has its final response, or none.
    pub(super) fn subscribe_finished(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        outgoing: &Outgoing,
        outcome: Result<Response, Failure>,
    ) {
        let Some(subscribing) = self.subscriptions.get_mut(&id) else { return };
        // Of an earlier attempt.
        if outgoing.draft.call_id != subscribing.call_id {
            return;
        }
        let input = match outcome {
            Err(failure) => Input::Refused { status: failure.status(), retry_after: None },
            Ok(response) if response.status().is_success() => {
                if let (None, Some((_, flow)), Some(sent)) = (&subscribing.dialog, outgoing.at, outgoing.sent()) {
                    subscribing.dialog = Dialog::of_caller(sent, &response, flow).ok().map(|mut dialog| {
                        dialog.confirm(&response);
                        dialog
                    });
                }
                let granted = response.maybe::<Expires>().ok().flatten().map(|Expires(seconds)| u64::from(seconds));
                let asked = subscribing.machine.expires;
                Input::Accepted(granted.map_or(asked, |seconds| Duration::from_secs(seconds).min(asked)))
            }
            Ok(response) if response.status().code() == 423 => {
                let min = response.maybe::<MinExpires>().ok().flatten().map_or(0, |MinExpires(seconds)| seconds);
                Input::TooBrief(Duration::from_secs(u64::from(min)))
            }
            Ok(response) => Input::Refused { status: response.status(), retry_after: retry_after(&response) },
        };
        self.subscription_step(now, id, input);
    }

    /// A NOTIFY; true if it belongs to a subscription of ours, and is answered.
    pub(super) fn serve_subscription_notify(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
    ) -> bool {
        if request.method() != Method::Notify {
            return false;
        }
        let tag = request.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let key = request.call_id().ok().map(str::to_owned).zip(tag);
        let Some(id) = key.as_ref().and_then(|key| self.by_subscription.get(key)).copied() else { return false };
        let Some(subscribing) = self.subscriptions.get_mut(&id) else { return false };
        let package = request.maybe::<header::Event<'_>>().ok().flatten().map(|event| event.package);
        let right = package == Some(subscribing.wish.event.as_str());
        let from_tag = request.from().ok().and_then(|from| from.tag());
        // §4.5.2: another fork's, or out of order.
        let status = match &mut subscribing.dialog {
            _ if !right => Err(StatusCode::BAD_EVENT),
            Some(dialog) if Some(dialog.remote_tag()) != from_tag => Err(StatusCode::CALL_DOES_NOT_EXIST),
            Some(dialog) => dialog.receive_seq(request.cseq().map_or(0, |cseq| cseq.number)),
            None => Ok(()),
        };
        let status = status.err().unwrap_or(StatusCode::OK);
        let reply = self.reply(request, status, key.as_ref().map(|(_, tag)| tag.as_str()));
        self.transactions.respond(now, transaction, reply);
        if status.is_success() {
            self.notified(now, id, request);
        }
        true
    }

    fn notified(&mut self, now: Instant, id: SubscriptionId, request: &Request) {
        let body = request.body();
        if !body.is_empty() {
            let content_type = request.value(&Name::ContentType).map(str::to_owned);
            let event = SubscriptionEvent::Notify { content_type, body, request: request.clone() };
            self.emit(Event::Subscription { id, event });
        }
        let state = request.maybe::<header::SubscriptionState<'_>>().ok().flatten();
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        let input = match state {
            Some(state) if state.is_terminated() => Input::Terminated {
                reason: state.reason().map(str::to_ascii_lowercase),
                retry_after: state.retry_after().map(seconds),
            },
            state => Input::Notified(state.and_then(|state| state.expires()).map(seconds)),
        };
        self.subscription_step(now, id, input);
    }
}

fn subscribe_headers(wish: &Subscribe, expires: Duration) -> Headers {
    let mut headers = vec![
        (Name::Event, wish.event.clone()),
        (Name::Accept, wish.accept.clone()),
        (Name::Expires, expires.as_secs().to_string()),
    ];
    headers.extend(wish.headers.iter().cloned());
    headers
}
