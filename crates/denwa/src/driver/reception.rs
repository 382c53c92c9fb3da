//! What happens to calls that come in, before anybody is asked: do-not-disturb, forwarding, automatic answer, and who it is.
use super::Driver;
use super::park::party;
use super::waiting::Want;
use crate::error::Error;
use crate::event::{AccountId, CallId, CallState, Direction};
use crate::handle::{Reached, Reply};
use crate::identity::{self, Identity, IdentitySource};
use crate::park::{Forwarding, Slot};
use call::lot::Fate;
use call::{Command, LegId, Ring};
use sip_core::{Request, StatusCode, Uri};
use std::time::{Duration, Instant};

/// The longest wait before an automatic answer.
const MAX_ANSWER_AFTER: Duration = Duration::from_secs(30);

/// What an account does with calls that come in.
#[derive(Debug, Default)]
pub(super) struct Reception {
    pub(super) do_not_disturb: bool,
    pub(super) forwarding: Forwarding,
    /// What the exchange was told by its codes.
    by_exchange: Forwarding,
}

/// What to do with a call before it rings.
pub(super) enum Welcome {
    /// Let it ring; where it goes if nobody answers.
    Ring(Ring, Option<Uri>),
    Refuse(StatusCode),
    Forward(Uri),
}

impl Driver {
    pub(super) fn reception(&mut self, id: AccountId) -> Result<&mut Reception, Error> {
        if !self.profiles.contains_key(&id) {
            return Err(Error::Misuse { doing: "set that", state: "the account was removed" });
        }
        Ok(self.receptions.entry(id).or_default())
    }

    /// Forwards from now on: by 302, or by dialling the exchange's code for it, whose answer is the agreement. What was agreed
    /// is known from then on.
    pub(super) fn forward(&mut self, now: Instant, id: AccountId, forwarding: Forwarding, reply: Reply) {
        let codes = self.profiles.get(&id).and_then(|profile| profile.forwarding_codes.clone());
        let outcome = match (self.reception(id), codes) {
            (Err(error), _) => Err(error),
            (Ok(reception), None) => {
                reception.forwarding = forwarding;
                Ok(Reached::Agreed)
            }
            (Ok(reception), Some(codes)) => match codes.between(&reception.by_exchange, &forwarding).as_slice() {
                [] => Ok(Reached::Agreed),
                [code] => match self.dial_number(now, id, code) {
                    Ok(Reached::Call(call, _)) => {
                        if let Ok(reception) = self.reception(id) {
                            reception.by_exchange = forwarding;
                        }
                        return self.waiting.for_call(call, Want::Answered, reply);
                    }
                    other => other,
                },
                _ => Err(Error::Misuse { doing: "forward", state: "the exchange wants one code at a time" }),
            },
        };
        drop(reply.send(outcome));
    }

    pub(super) fn welcome(&self, account: Option<AccountId>, recall: bool) -> Welcome {
        let patience = call::Policy::default().ring_for;
        let plain = Ring { give_up_after: patience, unanswered: 480 };
        let Some(reception) = account.and_then(|id| self.receptions.get(&id)) else {
            return Welcome::Ring(plain, None);
        };
        // A call that we parked must find us: its only other way is to be cut off.
        if recall {
            return Welcome::Ring(plain, None);
        }
        let Forwarding { always, when_busy, when_unanswered } = &reception.forwarding;
        let busy = self.switch.legs().next().is_some();
        match (always, when_busy, when_unanswered) {
            (Some(to), _, _) => Welcome::Forward(to.clone()),
            _ if reception.do_not_disturb => Welcome::Refuse(StatusCode::BUSY_HERE),
            (None, Some(to), _) if busy => Welcome::Forward(to.clone()),
            (None, _, Some((to, after))) => {
                Welcome::Ring(Ring { give_up_after: (*after).min(patience), unanswered: 302 }, Some(to.clone()))
            }
            _ => Welcome::Ring(plain, None),
        }
    }

    /// What an INVITE tells of its call. `None` if it does not even say who calls.
    pub(super) fn caller_state(
        &mut self,
        account: Option<AccountId>,
        request: &Request,
        now: Instant,
    ) -> Option<CallState> {
        let trusted = self.is_trusted(account);
        let caller = Identity::of_request(request, trusted);
        // Nobody to be shown still has an address that the call can be told apart by.
        let hidden = || "sip:anonymous@anonymous.invalid".parse().ok();
        let remote = if caller.anonymous { hidden() } else { caller.uri.clone() };
        let remote = remote.or_else(|| request.from().ok()?.uri().ok())?;
        let mut state = CallState::new(CallId(LegId(0)), account, Direction::Incoming, remote, now);
        state.remote_name = caller.name.clone();
        state.anonymous = caller.anonymous;
        state.transferred_by = identity::transferred_by(request);
        state.diverted_from = identity::diverted_from(request);
        state.context = identity::context(request);
        if let Some(Fate::Recalled(parked)) = self.lot.recall(now, &party(&state.remote)) {
            let slot = parked.slot.as_ref().map_or(Slot::Unknown, |slot| Slot::At(slot.0.clone()));
            state.recall = Some(slot);
            self.fate(Fate::Recalled(parked));
        }
        Some(state)
    }

    pub(super) fn is_trusted(&self, account: Option<AccountId>) -> bool {
        account.and_then(|id| self.profiles.get(&id)).is_some_and(|profile| profile.trusted)
    }

    /// A call that the server wants answered by itself, where the account lets it.
    pub(super) fn may_answer_itself(&mut self, now: Instant, leg: LegId, request: &Request) {
        let account = self.board.call(CallId(leg)).and_then(|call| call.account);
        let may = account.and_then(|id| self.profiles.get(&id)).is_some_and(|profile| profile.auto_answer);
        if let Some(after) = identity::auto_answer(request).filter(|_| may) {
            self.answer_at.insert(leg, now + after.min(MAX_ANSWER_AFTER));
        }
    }

    /// Calls whose time to be answered by themselves has come. Whoever sits at the phone hears it.
    pub(super) fn answer_due(&mut self, now: Instant) {
        let due: Vec<LegId> = self.answer_at.iter().filter(|(_, at)| **at <= now).map(|(leg, _)| *leg).collect();
        for leg in due {
            self.answer_at.remove(&leg);
            self.beep(now);
            if let Err(misuse) = self.switch.handle_command(now, leg, Command::Answer) {
                tracing::debug!(%misuse, "a call did not answer itself");
            }
        }
    }

    /// The other side of a call has told who it is, or that it is somebody else now.
    pub(super) fn identified(&mut self, now: Instant, leg: LegId, identity: Option<Identity>) {
        let id = CallId(leg);
        // What the other side says of itself, or what we dialled, is no news.
        let asserted = |identity: &Identity| identity.source != IdentitySource::From;
        let Some(identity) = identity.filter(asserted) else { return };
        let known = self.board.with_call(id, |call| {
            let same = call.anonymous == identity.anonymous
                && (identity.anonymous || identity.uri.as_ref() == Some(&call.remote))
                && call.remote_name == identity.name;
            let before = call.remote.clone();
            call.remote = identity.uri.clone().unwrap_or_else(|| before.clone());
            call.remote_name.clone_from(&identity.name);
            call.anonymous = identity.anonymous;
            (same, before, call.answered.is_some())
        });
        let Some((false, before, answered)) = known else { return };
        let original = self.lines.line(leg).map(|line| {
            // Who was there when the call was answered is who it belongs to.
            if !answered || line.original.is_none() {
                line.original = if answered { Some(before) } else { identity.uri.clone() };
            }
            let user = |uri: &Uri| uri.as_sip().and_then(|uri| uri.user().map(|user| user.into_owned()));
            line.original.as_ref().map(user) == identity.uri.as_ref().map(user)
        });
        self.publish(crate::Event::Call { id, change: crate::CallChange::Identity(identity) });
        if let (Some(original), true) = (original, answered) {
            self.switch.handle_signal(now, leg, call::Signal::Connected { original });
        }
    }
}
