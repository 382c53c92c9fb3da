//! Futures of handles that wait for an agreement.
use crate::error::Error;
use crate::event::{AccountId, CallId};
use crate::handle::{Reached, Reply};
use crate::park::Slot;
use std::collections::BTreeMap;

/// What a waiting future waits for in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Answered,
    Held,
    Resumed,
    Transferred,
    Parked,
    Ended,
}

/// What a waiting future waits for in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    Registered,
    Unregistered,
}

#[derive(Debug, Default)]
pub(crate) struct Waiting {
    calls: Table<CallId, Want>,
    accounts: Table<AccountId, Binding>,
}

impl Waiting {
    pub(crate) fn for_call(&mut self, id: CallId, want: Want, reply: Reply) {
        self.calls.push(id, want, reply);
    }

    pub(crate) fn for_account(&mut self, id: AccountId, want: Binding, reply: Reply) {
        self.accounts.push(id, want, reply);
    }

    /// Answers those for whom the verdict is clear; the others wait on.
    pub(crate) fn settle_call(&mut self, id: CallId, verdict: impl Fn(Want) -> Option<Result<(), Error>>) {
        self.calls.settle(id, |want| verdict(want).map(|verdict| verdict.map(|()| Reached::Agreed)));
    }

    /// Answers those who wait for a slot.
    pub(crate) fn settle_parked(&mut self, id: CallId, slot: &Slot) {
        self.calls.settle(id, |want| (want == Want::Parked).then(|| Ok(Reached::Parked(slot.clone()))));
    }

    /// As [`settle_call`](Self::settle_call).
    pub(crate) fn settle_account(&mut self, id: AccountId, verdict: impl Fn(Binding) -> Option<Result<(), Error>>) {
        self.accounts.settle(id, |want| verdict(want).map(|verdict| verdict.map(|()| Reached::Agreed)));
    }
}

#[derive(Debug)]
struct Table<K, W>(BTreeMap<K, Vec<(W, Reply)>>);

impl<K, W> Default for Table<K, W> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, W: Copy> Table<K, W> {
    fn push(&mut self, id: K, want: W, reply: Reply) {
        let waiting = self.0.entry(id).or_default();
        // Futures that were dropped do not pile up.
        waiting.retain(|(_, reply)| !reply.is_closed());
        waiting.push((want, reply));
    }

    fn settle(&mut self, id: K, verdict: impl Fn(W) -> Option<Result<Reached, Error>>) {
        let Some(waiting) = self.0.remove(&id) else { return };
        let mut still = Vec::new();
        for (want, reply) in waiting {
            match verdict(want) {
                // Nobody may be listening any more, which is fine.
                Some(result) => drop(reply.send(result)),
                None => still.push((want, reply)),
            }
        }
        if !still.is_empty() {
            self.0.insert(id, still);
        }
    }
}
