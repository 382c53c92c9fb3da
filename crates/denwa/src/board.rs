//! What the driver writes and every handle reads: the state of accounts and calls. Written call by call as they change,
//! so a turn of the driver costs the same with one call or a thousand.
use crate::event::{AccountId, AccountState, CallId, CallState, EndReason, Registration, Snapshot};
use crate::log::CallLog;
use crate::park::ParkedCall;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How far a call is, for the futures that wait on it; it outlives the call's place on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Early,
    Up,
    Over { answered: bool, reason: EndReason },
}

#[derive(Debug)]
pub(crate) struct Board {
    listening: Vec<SocketAddr>,
    log: CallLog,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    accounts: BTreeMap<AccountId, (AccountState, watch::Sender<Registration>)>,
    calls: BTreeMap<CallId, (CallState, watch::Sender<Life>)>,
    parked: Vec<ParkedCall>,
}

impl Board {
    pub(crate) fn new(listening: Vec<SocketAddr>, log: CallLog) -> Self {
        Self { listening, log, entries: Mutex::default() }
    }

    pub(crate) fn log(&self) -> &CallLog {
        &self.log
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // No critical section can panic half way, so a poisoned board is still whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let entries = self.entries();
        Snapshot {
            accounts: entries.accounts.values().map(|(state, _)| state.clone()).collect(),
            calls: entries.calls.values().map(|(state, _)| state.clone()).collect(),
            parked: entries.parked.clone(),
        }
    }

    pub(crate) fn add_account(&self, state: AccountState) -> watch::Receiver<Registration> {
        let (sender, receiver) = watch::channel(state.registration.clone());
        self.entries().accounts.insert(state.id, (state, sender));
        receiver
    }

    /// False when there is no such account any more.
    pub(crate) fn set_registration(&self, id: AccountId, registration: Registration) -> bool {
        match self.entries().accounts.get_mut(&id) {
            None => false,
            Some((state, watchers)) => {
                state.registration = registration.clone();
                watchers.send_replace(registration);
                true
            }
        }
    }

    pub(crate) fn remove_account(&self, id: AccountId) {
        self.entries().accounts.remove(&id);
    }

    pub(crate) fn registration(&self, id: AccountId) -> Option<watch::Receiver<Registration>> {
        self.entries().accounts.get(&id).map(|(_, watchers)| watchers.subscribe())
    }

    pub(crate) fn registrations(&self) -> Vec<Registration> {
        self.entries().accounts.values().map(|(state, _)| state.registration.clone()).collect()
    }

    pub(crate) fn add_call(&self, state: CallState) -> watch::Receiver<Life> {
        let (sender, receiver) = watch::channel(Life::Early);
        self.entries().calls.insert(state.id, (state, sender));
        receiver
    }

    pub(crate) fn set_parked(&self, parked: Vec<ParkedCall>) {
        self.entries().parked = parked;
    }

    /// Changes a call in place; `None` when it has ended.
    pub(crate) fn with_call<T>(&self, id: CallId, change: impl FnOnce(&mut CallState) -> T) -> Option<T> {
        self.entries().calls.get_mut(&id).map(|(state, _)| change(state))
    }

    /// Wakes who waits for the answer.
    pub(crate) fn up(&self, id: CallId) {
        if let Some((_, watchers)) = self.entries().calls.get(&id) {
            watchers.send_replace(Life::Up);
        }
    }

    /// Takes a call off the board and wakes who waits for its end.
    pub(crate) fn end_call(&self, id: CallId, reason: EndReason) {
        let removed = self.entries().calls.remove(&id);
        if let Some((state, watchers)) = removed {
            watchers.send_replace(Life::Over { answered: state.answered.is_some(), reason });
        }
    }

    pub(crate) fn call(&self, id: CallId) -> Option<CallState> {
        self.entries().calls.get(&id).map(|(state, _)| state.clone())
    }

    pub(crate) fn life(&self, id: CallId) -> Option<watch::Receiver<Life>> {
        self.entries().calls.get(&id).map(|(_, watchers)| watchers.subscribe())
    }

    pub(crate) fn calls(&self) -> usize {
        self.entries().calls.len()
    }

    /// The phone has stopped: nothing is there any more, and every waiting future ends.
    pub(crate) fn clear(&self) {
        let gone = std::mem::take(&mut *self.entries());
        for (state, watchers) in gone.calls.into_values() {
            watchers.send_replace(Life::Over { answered: state.answered.is_some(), reason: EndReason::Shutdown });
        }
    }
}
