//! Asterisk's manager as a source of slots: a task of its own that finds our call in what the manager tells.
use super::{Driver, WeakDoor};
use crate::ami::{AmiEvent, AmiEvents, OurCall, ParkingEvent};
use crate::command::Command;
use crate::event::{AccountId, CallState, Task};
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
        let call = match event {
            AmiEvent::Parking(ParkingEvent::Parked(call) | ParkingEvent::Swapped(call)) if !call.listed => call,
            AmiEvent::Lost { why, .. } => {
                tracing::warn!(%why, "the manager is not there");
                continue;
            }
            _ => continue,
        };
        let Some(letters) = door.letters.upgrade() else { return };
        let parking =
            |state: &CallState| state.account == Some(account) && matches!(state.task, Some(Task::Park | Task::Parked));
        let ours: Vec<CallState> = door.board.snapshot().calls.into_iter().filter(parking).collect();
        let identities: Vec<_> = ours.iter().map(CallState::identity).collect();
        let known = |identity: &'_ crate::identity::Identity| identity.number.clone();
        let numbers: Vec<Option<String>> = identities.iter().map(known).collect();
        let asked: Vec<OurCall<'_>> =
            numbers.iter().map(|number| OurCall { endpoint: &endpoint, number: number.as_deref() }).collect();
        if let Some((at, _)) = call.which(&asked) {
            let (reply, _answer) = oneshot::channel();
            let command = Command::ParkedIn(ours[at].id, call.slot);
            if letters.send(Letter { command, reply }).await.is_err() {
                return;
            }
        }
    }
}
