//! Subscriptions of others to us: RFC 6665 §4.2.

use super::caller::{dialog_way, in_dialog_draft};
use super::outgoing::Purpose;
use super::{AccountId, Body, Due, Endpoint, Event, Failure, Flow, Headers, Misuse, NotifierId, User};
use crate::dialog::Dialog;
use crate::header::{self, Expires, Name};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::usage::notifier::{Action, End, Input, LONGEST, Notifier, SHORTEST};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Notifying {
    account: Option<AccountId>,
    /// The Event value, with its id if there is one.
    event: String,
    dialog: Dialog,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It waits for the owner.
    Asked { transaction: TransactionId, request: Request },
    /// The subscriber is told what this says.
    Held { notifier: Notifier, body: Option<Body> },
}

impl Notifying {
    pub(super) fn next_seq(&mut self) -> u32 {
        self.dialog.next_seq()
    }
}

impl Endpoint {
    /// A SUBSCRIBE out of any dialog.
    pub(super) fn serve_subscribe(&mut self, now: Instant, transaction: TransactionId, flow: Flow, request: Request) {
        let local_tag = self.mint.tag();
        let expires = match self.subscribe_terms(&request) {
            Ok(expires) => expires,
            Err((status, headers)) => {
                return self.refuse_subscribe(now, transaction, &request, &local_tag, status, headers);
            }
        };
        if self.notifiers.len() >= self.config.limits.subscribers {
            self.counters.overload += 1;
            return self.overloaded(now, transaction, &request);
        }
        let mut dialog = match Dialog::of_callee(&request, &local_tag, flow) {
            Ok(dialog) => dialog,
            Err(_) => {
                let status = StatusCode::BAD_REQUEST;
                return self.refuse_subscribe(now, transaction, &request, &local_tag, status, Headers::new());
            }
        };
        dialog.refresh_target(&request);
        let id = NotifierId(self.fresh_id());
        let account = self.account_called(&request);
        let event = request.value(&Name::Event).unwrap_or_default().trim().to_owned();
        self.by_notifier.insert((dialog.call_id().to_owned(), local_tag), id);
        self.users.insert(transaction, User::Subscriber(id));
        let stage = Stage::Asked { transaction, request: request.clone() };
        self.notifiers.insert(id, Notifying { account, event, dialog, stage });
        self.emit(Event::Subscribed { id, account, request, flow, expires });
    }

    /// For how long a SUBSCRIBE may have; zero to know how it is now. Or why it may not.
    fn subscribe_terms(&self, request: &Request) -> Result<Duration, (StatusCode, Headers)> {
        let package = request.maybe::<header::Event<'_>>().ok().flatten().map(|event| event.package.to_owned());
        let known = package.is_some_and(|package| self.config.packages.contains(&package));
        if !known {
            return Err((StatusCode::BAD_EVENT, vec![(Name::AllowEvents, self.config.packages.join(", "))]));
        }
        let asked = request.maybe::<Expires>().ok().flatten().map_or(LONGEST.as_secs(), |Expires(n)| u64::from(n));
        let asked = Duration::from_secs(asked);
        if !asked.is_zero() && asked < SHORTEST {
            let min = SHORTEST.as_secs().to_string();
            return Err((StatusCode::INTERVAL_TOO_BRIEF, vec![(Name::MinExpires, min)]));
        }
        Ok(asked.min(LONGEST))
    }

    fn refuse_subscribe(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
        tag: &str,
        status: StatusCode,
        headers: Headers,
    ) {
        let builder = self.reply(request, status, Some(tag));
        let builder = headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        self.transactions.respond(now, transaction, builder);
    }

    /// Accepts a subscription; `body` is how things are now, and goes out at once. Give the whole state each time: of news that
    /// waits for the subscriber only the newest is told.
    ///
    /// # Errors
    /// It was answered, or nobody waits for the answer any more.
    pub fn accept_subscription(&mut self, now: Instant, id: NotifierId, body: Option<Body>) -> Result<(), Misuse> {
        let notifying = self.notifiers.get_mut(&id).ok_or(Misuse::Gone)?;
        let Stage::Asked { transaction, request } = &notifying.stage else { return Err(Misuse::Gone) };
        let (transaction, request) = (*transaction, request.clone());
        let expires = self.subscribe_terms(&request).unwrap_or_default();
        let notifying = self.notifiers.get_mut(&id).ok_or(Misuse::Gone)?;
        let (notifier, action) = Notifier::start(now, expires);
        notifying.stage = Stage::Held { notifier, body };
        self.grant(now, id, transaction, &request, expires);
        self.notifier_does(now, id, notifier, action);
        self.pump(now);
        Ok(())
    }

    /// Refuses a subscription.
    ///
    /// # Errors
    /// It was answered, or the status is not 300 to 699.
    pub fn refuse_subscription(
        &mut self,
        now: Instant,
        id: NotifierId,
        status: StatusCode,
        headers: Headers,
    ) -> Result<(), Misuse> {
        if status.code() < 300 {
            return Err(Misuse::Argument("a refusal is 300 to 699"));
        }
        let asked = self.notifiers.get(&id).is_some_and(|it| matches!(it.stage, Stage::Asked { .. }));
        let notifying = asked.then(|| self.forget_notifier(id)).flatten().ok_or(Misuse::Gone)?;
        if let Stage::Asked { transaction, request } = notifying.stage {
            let tag = notifying.dialog.local_tag().to_owned();
            self.refuse_subscribe(now, transaction, &request, &tag, status, headers);
        }
        self.pump(now);
        Ok(())
    }

    /// Tells a subscriber how things are now.
    ///
    /// # Errors
    /// It is over, or not accepted.
    pub fn notify(&mut self, now: Instant, id: NotifierId, news: Option<Body>) -> Result<(), Misuse> {
        match self.notifiers.get_mut(&id).map(|notifying| &mut notifying.stage) {
            Some(Stage::Held { body, .. }) => *body = news,
            _ => return Err(Misuse::Gone),
        }
        self.notifier_step(now, id, Input::News);
        self.pump(now);
        Ok(())
    }

    /// Ends a subscription of somebody else's; its `Ended` follows.
    ///
    /// # Errors
    /// It is over, or not accepted.
    pub fn end_subscription(&mut self, now: Instant, id: NotifierId, why: End) -> Result<(), Misuse> {
        let held = self.notifiers.get(&id).is_some_and(|it| matches!(it.stage, Stage::Held { .. }));
        held.then_some(()).ok_or(Misuse::Gone)?;
        self.notifier_step(now, id, Input::Terminate(why));
        self.pump(now);
        Ok(())
    }

    /// A SUBSCRIBE in the dialog of an earlier one; true if it is, and is answered.
    pub(super) fn serve_refresh(&mut self, now: Instant, transaction: TransactionId, request: &Request) -> bool {
        let tag = request.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let key = request.call_id().ok().map(str::to_owned).zip(tag);
        let Some(id) = key.and_then(|key| self.by_notifier.get(&key)).copied() else { return false };
        let terms = self.subscribe_terms(request);
        let Some(notifying) = self.notifiers.get_mut(&id) else { return false };
        let from_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or_default();
        let same = request.value(&Name::Event).map(str::trim) == Some(notifying.event.as_str());
        let held = matches!(&notifying.stage, Stage::Held { notifier, .. } if notifier.deadline().is_some());
        let answer = match terms {
            _ if notifying.dialog.remote_tag() != from_tag || !held || request.method() != Method::Subscribe => {
                Err((StatusCode::CALL_DOES_NOT_EXIST, Headers::new()))
            }
            _ if !same => Err((StatusCode::BAD_EVENT, Headers::new())),
            Err(refused) => Err(refused),
            Ok(expires) => {
                let in_order = notifying.dialog.receive_seq(request.cseq().map_or(0, |cseq| cseq.number));
                in_order.map(|()| expires).map_err(|status| (status, Headers::new()))
            }
        };
        match answer {
            Ok(expires) => {
                notifying.dialog.refresh_target(request);
                self.grant(now, id, transaction, request, expires);
                self.notifier_step(now, id, Input::Subscribed(expires));
            }
            Err((status, headers)) => {
                let tag = notifying.dialog.local_tag().to_owned();
                self.refuse_subscribe(now, transaction, request, &tag, status, headers);
            }
        }
        true
    }

    /// 200 with the lifetime.
    fn grant(
        &mut self,
        now: Instant,
        id: NotifierId,
        transaction: TransactionId,
        request: &Request,
        expires: Duration,
    ) {
        let Some(notifying) = self.notifiers.get(&id) else { return };
        let contact = self.contact_of(notifying.account, request, notifying.dialog.flow());
        let builder = self.reply(request, StatusCode::OK, Some(notifying.dialog.local_tag()));
        let builder = builder.header(Name::Contact, contact).header(Name::Expires, expires.as_secs());
        self.transactions.respond(now, transaction, builder);
    }

    pub(super) fn notifier_step(&mut self, now: Instant, id: NotifierId, input: Input) {
        let Some(Notifying { stage: Stage::Held { notifier, .. }, .. }) = self.notifiers.get_mut(&id) else { return };
        let (next, action) = notifier.step(now, input);
        *notifier = next;
        self.notifier_does(now, id, next, action);
    }

    fn notifier_does(&mut self, now: Instant, id: NotifierId, notifier: Notifier, action: Option<Action>) {
        self.deadlines.set(Due::Notifier(id), notifier.deadline());
        match action {
            Some(Action::Tell(left)) => self.tell(now, id, format!("active;expires={}", left.as_secs())),
            Some(Action::TellEnd(why)) => self.tell(now, id, format!("terminated;reason={}", why.reason())),
            Some(Action::Ended(why)) => {
                self.forget_notifier(id);
                self.emit(Event::SubscriberGone { id, why });
            }
            None => {}
        }
    }

    fn tell(&mut self, now: Instant, id: NotifierId, state: String) {
        let Some(notifying) = self.notifiers.get_mut(&id) else { return };
        let Stage::Held { body, .. } = &notifying.stage else { return };
        let body = body.clone();
        let number = notifying.dialog.next_seq();
        let mut draft = in_dialog_draft(&notifying.dialog, Method::Notify, number);
        let way = dialog_way(&notifying.dialog, &draft);
        draft.headers = vec![(Name::Event, notifying.event.clone()), (Name::SubscriptionState, state)];
        draft.body = body;
        let account = notifying.account;
        self.send(now, Purpose::Notify(id), account, draft, way);
    }

    /// A NOTIFY has its final response, or none.
    pub(super) fn notify_finished(&mut self, now: Instant, id: NotifierId, outcome: Result<Response, Failure>) {
        let input = match outcome {
            Ok(response) if response.status().is_success() => Input::Delivered,
            Ok(response) => Input::Refused(response.status()),
            Err(failure) => Input::Refused(failure.status()),
        };
        self.notifier_step(now, id, input);
    }

    /// The transaction of the first SUBSCRIBE is over. If it was not answered, nobody waits for that any more.
    pub(super) fn subscribe_transaction_ended(&mut self, id: NotifierId) {
        if self.notifiers.get(&id).is_some_and(|it| matches!(it.stage, Stage::Asked { .. })) {
            self.forget_notifier(id);
        }
    }

    fn forget_notifier(&mut self, id: NotifierId) -> Option<Notifying> {
        let notifying = self.notifiers.remove(&id)?;
        let key = (notifying.dialog.call_id().to_owned(), notifying.dialog.local_tag().to_owned());
        self.by_notifier.remove(&key);
        self.deadlines.set(Due::Notifier(id), None);
        Some(notifying)
    }
}
