//! Asterisk's manager as a source of slots: a task of its own that finds our call in what the manager tells.
use super::{Driver, WeakDoor};
use crate::ami::{AmiEvent, AmiEvents, OurCall, ParkedCall, ParkingEvent};
use crate::command::Command;
use crate::event::{AccountId, CallId, CallState, Task};
use crate::handle::Letter;
use crate::park::SlotSource;
use tokio::sync::oneshot;

impl Driver {
    /// Signs in at the manager of an account that wants that.
    pub(super) fn listen_to_manager(&self, id: AccountId) {
        let Some(profile) = self.profiles.get(&id) else { return };
        let SlotSource::Ami(ami) = &profile.slots else { return };
        let endpoint =
            profile.aor.as_sip().and_then(|aor| aor.user()).map(|user| user.into_owned()).unwrap_or_default();
        match ami.clone().start() {
            Ok(events) => drop(tokio::spawn(listen(events, id, endpoint, self.door.clone()))),
            Err(error) => tracing::warn!(%error, "the manager cannot be asked for slots"),
        }
    }
}

async fn listen(mut events: AmiEvents, account: AccountId, endpoint: String, door: WeakDoor) {
    while let Some(event) = events.next().await {
        let command = match event {
            AmiEvent::Parking(ParkingEvent::Parked(call) | ParkingEvent::Swapped(call)) if !call.listed => {
                ours(&call, account, &endpoint, &door).map(|id| Command::ParkedIn(id, call.slot))
            }
            AmiEvent::Parking(ParkingEvent::Unparked { call, .. }) => {
                Some(Command::ParkOver { slot: call.slot, given_up: false })
            }
            AmiEvent::Parking(ParkingEvent::GaveUp(call)) => {
                Some(Command::ParkOver { slot: call.slot, given_up: true })
            }
            AmiEvent::Lost { why, .. } => {
                tracing::warn!(%why, "the manager is not there");
                None
            }
            _ => None,
        };
        let Some(letters) = door.letters.upgrade() else { return };
        let (reply, _answer) = oneshot::channel();
        if let Some(command) = command
            && letters.send(Letter { command, reply }).await.is_err()
        {
            return;
        }
    }
}

/// Which of the calls that are being parked the manager speaks of.
fn ours(call: &ParkedCall, account: AccountId, endpoint: &str, door: &WeakDoor) -> Option<CallId> {
    let parking =
        |state: &CallState| state.account == Some(account) && matches!(state.task, Some(Task::Park | Task::Parked));
    let ours: Vec<CallState> = door.board.snapshot().calls.into_iter().filter(parking).collect();
    let numbers: Vec<Option<String>> = ours.iter().map(|state| state.identity().number).collect();
    let asked: Vec<OurCall<'_>> =
        numbers.iter().map(|number| OurCall { endpoint, number: number.as_deref() }).collect();
    call.which(&asked).map(|(at, _)| ours[at].id)
}
