//! The event stream: a queue that a slow reader cannot make grow.
//!
//! | event | when the reader is slow |
//! |---|---|
//! | `Incoming`, `Answered`, `Ended` | kept, in order |
//! | levels: `Account`, `AudioDevice`, and of a call `Quality`, `Codec`, held, held by the other side, muted, ringing, identity, transfer progress, keys, conference | only the newest unread one of each account, device, call |
//! | `Dtmf` | kept up to [`LOSSY_MAX`] unread ones, then the newest are dropped and counted |
//!
//! What is kept is bounded too: above [`KEPT_MAX`] unread events new calls are refused, incoming ones with 503 and dialled
//! ones with [`Error::Misuse`](crate::Error::Misuse), until the program reads on. When [`Events`] is dropped nothing is queued at all.
use crate::event::{CallChange, Event};
use crate::handle::Door;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Above this many unread events no new call is taken or made. A call adds a handful at most.
pub const KEPT_MAX: usize = 8192;
/// Above this many unread events digits are dropped.
pub const LOSSY_MAX: usize = 1024;

/// The phone's events, in order. Keep it and read it; dropping it says that nobody listens: incoming calls are then
/// refused with 480, and everything else goes on.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    /// As long as somebody listens the phone lives.
    _door: Door,
}

impl Events {
    pub(crate) fn new(queue: Arc<Queue>, door: Door) -> Self {
        Self { queue, _door: door }
    }

    /// The next event; `None` once the phone has stopped and all is read. Safe to drop while it waits.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let arrived = self.queue.arrived.notified();
            {
                let mut inner = self.queue.lock();
                if let Some(event) = inner.events.pop_front() {
                    return Some(event);
                }
                if inner.finished {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// The next event if there is one unread.
    pub fn try_next(&mut self) -> Option<Event> {
        self.queue.lock().events.pop_front()
    }

    /// How many events were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let unread = {
            let mut inner = self.queue.lock();
            inner.finished = true;
            std::mem::take(&mut inner.events)
        };
        drop(unread); // outside the lock: an unread `Incoming` holds a door
    }
}

/// The writing end, owned by the driver.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Event>,
    finished: bool,
    dropped: u64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in a critical section can panic half way, so a poisoned queue is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, event: Event) {
        let surplus = {
            let mut inner = self.lock();
            if inner.finished { Some(event) } else { inner.push(event) }
        };
        drop(surplus);
        self.arrived.notify_one();
    }

    /// Nothing more will come.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.arrived.notify_one();
    }

    /// Somebody reads, or at least could.
    pub(crate) fn has_reader(&self) -> bool {
        !self.lock().finished
    }

    /// There is room for the events of one more call.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().events.len() < KEPT_MAX
    }
}

impl Inner {
    /// Returns what does not fit, to be dropped outside the lock.
    fn push(&mut self, event: Event) -> Option<Event> {
        if let Some(stale) = self.events.iter().rposition(|unread| supersedes(&event, unread)) {
            return Some(std::mem::replace(&mut self.events[stale], event));
        }
        if self.events.len() >= LOSSY_MAX && matches!(event, Event::Call { change: CallChange::Dtmf(_), .. }) {
            self.dropped += 1;
            return Some(event);
        }
        self.events.push_back(event);
        None
    }
}

/// `new` makes the unread `old` worthless: both tell the same level of the same thing. So what a peer can toggle at will,
/// a hold by re-INVITEs, takes one place in the queue and no more.
fn supersedes(new: &Event, old: &Event) -> bool {
    match (new, old) {
        (Event::Account { id: new, .. }, Event::Account { id: old, .. }) => new == old,
        (Event::AudioDevice { .. }, Event::AudioDevice { .. }) | (Event::AudioDevices(_), Event::AudioDevices(_)) => {
            true
        }
        (Event::Call { id: new, change }, Event::Call { id: old, change: unread }) if new == old => {
            level(change).is_some_and(|kind| level(unread) == Some(kind))
        }
        _ => false,
    }
}

#[derive(PartialEq)]
enum Level {
    Alerting,
    EarlyMedia,
    Codec,
    Hold,
    RemoteHold,
    Mute,
    Quality,
    Identity,
    Transfer,
    Keys,
    Conference,
}

/// `None` for what is no level and is never replaced.
fn level(change: &CallChange) -> Option<Level> {
    match change {
        CallChange::Ringing => Some(Level::Alerting),
        CallChange::EarlyMedia => Some(Level::EarlyMedia),
        CallChange::Codec(_) => Some(Level::Codec),
        CallChange::Held | CallChange::Resumed | CallChange::HoldRefused { .. } | CallChange::ResumeRefused { .. } => {
            Some(Level::Hold)
        }
        CallChange::RemoteHeld | CallChange::RemoteResumed => Some(Level::RemoteHold),
        CallChange::Muted(_) => Some(Level::Mute),
        CallChange::Quality(_) => Some(Level::Quality),
        CallChange::Identity(_) => Some(Level::Identity),
        CallChange::TransferProgress { .. } => Some(Level::Transfer),
        CallChange::TransferWait(_) | CallChange::TransferWaitOver => Some(Level::Keys),
        CallChange::Conference(_) => Some(Level::Conference),
        CallChange::Answered
        | CallChange::Dtmf(_)
        | CallChange::Transferred
        | CallChange::TransferFailed { .. }
        | CallChange::TransferRequested { .. }
        | CallChange::Parked(_)
        | CallChange::ParkFailed { .. }
        | CallChange::HangUpHeldBack
        | CallChange::ReplacedBy(_)
        | CallChange::Bridged(_)
        | CallChange::Recording { .. }
        | CallChange::Ended(_) => None,
    }
}

#[cfg(test)]
mod tests;
