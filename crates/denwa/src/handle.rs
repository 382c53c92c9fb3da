//! Handles: sugar over [`Command`].
//!
//! Handles are cheap to clone and to drop. Dropping one never hangs up, rejects or unregisters anything; only when the
//! last handle *and* the [`Events`](crate::Events) are gone can nobody reach the phone any more, and then it ends as with
//! [`Phone::shutdown`], in the background.
//!
//! A future of a handle resolves when what was asked is *agreed*. Dropping the future does not take the request back.
use crate::account::Account;
use crate::audio::Devices;
use crate::board::{Board, Life};
use crate::command::{Command, Done};
use crate::driver::registration_error;
use crate::error::Error;
use crate::event::{AccountId, CallId, Registration, Snapshot};
use crate::log::CallLog;
use crate::park::{Forwarding, Slot};
use crate::transfer::DialOptions;
use media::Volume;
use sip_core::uri::Uri;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

mod call;

pub use call::{Call, Incoming};

/// A running phone: its sockets, its registrations, its calls. Clones are the same phone.
#[derive(Clone, Debug)]
pub struct Phone {
    pub(crate) door: Door,
}

impl Phone {
    /// Makes an account known and registers it. Resolves when the registrar has said 200; on an error the account is
    /// forgotten again. For an account that goes on trying use [`add`](Self::add).
    ///
    /// # Errors
    /// [`Error::Refused`] (a wrong password is 401 or 403), [`Error::Timeout`], [`Error::Network`], [`Error::Closed`].
    pub async fn register(&self, account: Account) -> Result<AccountHandle, Error> {
        let handle = self.add(account).await?;
        match handle.register().await {
            Ok(()) => Ok(handle),
            Err(error) => {
                // The first error is the one to tell.
                let _ = self.door.ask(Command::RemoveAccount(handle.id)).await;
                Err(error)
            }
        }
    }

    /// Makes an account known, for [`AccountHandle::register`] or for calls without registration.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn add(&self, account: Account) -> Result<AccountHandle, Error> {
        match self.door.ask(Command::AddAccount(account)).await? {
            Reached::Account(id, registration) => Ok(AccountHandle { id, registration, door: self.door.clone() }),
            Reached::Agreed | Reached::Call(..) | Reached::Parked(_) => Err(Error::Closed),
        }
    }

    /// Calls an address directly, through no account: a phone on the same network, or a server that asks nothing.
    ///
    /// # Errors
    /// As [`AccountHandle::dial`].
    pub async fn dial(&self, to: Uri) -> Result<Call, Error> {
        self.door.begin(Command::Dial { account: None, to, options: DialOptions::default() }).await
    }

    /// Talks with all of these at once, and with whom is in the conference already; held ones are resumed.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are fewer than two, or one is not answered or is being transferred or parked.
    pub async fn merge(&self, calls: &[&Call]) -> Result<(), Error> {
        self.door.agree(Command::Merge(calls.iter().map(|call| call.id()).collect())).await
    }

    /// Uses other sound devices from now on; calls go on. [`Event::AudioDevice`](crate::Event::AudioDevice) tells when they
    /// work, or do not.
    ///
    /// # Errors
    /// [`Error::Misuse`] unless the phone was started with [`Audio::System`](crate::Audio) or `Devices`.
    pub async fn use_devices(&self, devices: Devices) -> Result<(), Error> {
        self.door.agree(Command::UseDevices(devices)).await
    }

    /// How loud the speaker and the microphone are.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn set_volume(&self, volume: Volume) -> Result<(), Error> {
        self.door.agree(Command::SetVolume(volume)).await
    }

    /// Turns from the live call to the one on hold.
    ///
    /// # Errors
    /// [`Error::Misuse`] unless exactly one other call is answered and on hold.
    pub async fn swap(&self) -> Result<(), Error> {
        self.door.agree(Command::Swap).await
    }

    /// Tells in which slot a call is that is being parked; the answer to a [`SlotSource::Callback`](crate::SlotSource).
    ///
    /// # Errors
    /// [`Error::Misuse`] if there is no such call.
    pub async fn parked_in(&self, call: CallId, slot: impl Into<String>) -> Result<(), Error> {
        self.door.agree(Command::ParkedIn(call, slot.into())).await
    }

    /// Tells that a call that we parked is not in its slot any more: somebody took it, or (`given_up`) the party hung up.
    /// For whoever answers a [`SlotSource::Callback`](crate::SlotSource); of another slot nothing is told.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn park_over(&self, slot: impl Into<String>, given_up: bool) -> Result<(), Error> {
        self.door.agree(Command::ParkOver { slot: slot.into(), given_up }).await
    }

    /// The one door: every method of a handle ends here, so a record of commands replays a session.
    ///
    /// # Errors
    /// What the command says, or [`Error::Closed`].
    pub async fn send(&self, command: Command) -> Result<Done, Error> {
        self.door.ask(command).await.map(Done::from)
    }

    /// The calls that are over.
    #[must_use]
    pub fn call_log(&self) -> CallLog {
        self.door.board.log().clone()
    }

    /// A handle on an account, by id.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<AccountHandle> {
        let registration = self.door.board.registration(id)?;
        Some(AccountHandle { id, registration, door: self.door.clone() })
    }

    /// A handle on a call that has not ended, by id.
    #[must_use]
    pub fn call(&self, id: CallId) -> Option<Call> {
        Some(Call { id, life: self.door.board.life(id)?, door: self.door.clone() })
    }

    /// All that there is to draw, as of now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.door.board.snapshot()
    }

    /// The addresses that the phone listens at, UDP and TCP on the same ports.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        self.door.board.listening()
    }

    /// Hangs up all calls, unregisters all accounts, waits at most 4 s for the other sides to agree, then stops. Other
    /// handles get [`Error::Closed`] from then on, and [`Events`](crate::Events) ends.
    pub async fn shutdown(self) {
        // The one error is that somebody else shut it down already, which is as good.
        let _ = self.door.ask(Command::Shutdown).await;
    }
}

/// An account of a [`Phone`].
#[derive(Clone, Debug)]
pub struct AccountHandle {
    id: AccountId,
    registration: watch::Receiver<Registration>,
    door: Door,
}

impl AccountHandle {
    /// Which.
    #[must_use]
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// The registration as of now.
    #[must_use]
    pub fn registration(&self) -> Registration {
        self.registration.borrow().clone()
    }

    /// Registers, or registers anew. Resolves on the registrar's 200.
    ///
    /// # Errors
    /// As [`Phone::register`]; but the account stays, and a refusal that may pass is retried by itself.
    pub async fn register(&self) -> Result<(), Error> {
        self.door.agree(Command::Register(self.id)).await
    }

    /// Gives up the binding. Resolves when the registrar has agreed.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Timeout`], [`Error::Network`]; the binding then runs out by itself. [`Error::Closed`].
    pub async fn unregister(&self) -> Result<(), Error> {
        self.door.agree(Command::Unregister(self.id)).await
    }

    /// Waits until the account is registered, through any number of retries.
    ///
    /// # Errors
    /// The registrar's refusal when the phone will not try again by itself, [`Error::Closed`].
    pub async fn registered(&self) -> Result<(), Error> {
        let mut registration = self.registration.clone();
        let settled = |now: &Registration| {
            matches!(now, Registration::Registered { .. } | Registration::Failed { retry_in: None, .. })
        };
        match registration.wait_for(settled).await.as_deref() {
            Ok(Registration::Failed { status, reason, .. }) => Err(registration_error(*status, reason)),
            Ok(_) => Ok(()),
            Err(_) if self.door.letters.is_closed() => Err(Error::Closed),
            Err(_) => Err(Error::Misuse { doing: "register", state: "the account was removed" }),
        }
    }

    /// Calls someone. Resolves as soon as the call exists; [`Call::answered`] waits for the answer.
    ///
    /// # Errors
    /// [`Error::Misuse`] when too many calls exist or the event stream is full, [`Error::Audio`], [`Error::Network`] when
    /// no local port is to be had, [`Error::Closed`].
    pub async fn dial(&self, to: Uri) -> Result<Call, Error> {
        self.dial_with(to, DialOptions::default()).await
    }

    /// As [`dial`](Self::dial), with a caller ID or a context.
    ///
    /// # Errors
    /// As [`dial`](Self::dial).
    pub async fn dial_with(&self, to: Uri, options: DialOptions) -> Result<Call, Error> {
        self.door.begin(Command::Dial { account: Some(self.id), to, options }).await
    }

    /// Takes a parked call: `701`.
    ///
    /// # Errors
    /// As [`dial`](Self::dial); the call is then refused if nobody is in the slot.
    pub async fn pick_up(&self, slot: &str) -> Result<Call, Error> {
        self.door.begin(Command::PickUp(self.id, slot.to_owned())).await
    }

    /// Takes a call that rings at another extension, or, with an empty one, in our group.
    ///
    /// # Errors
    /// As [`dial`](Self::dial); the call is then refused if nothing rings there.
    pub async fn pick_up_ringing(&self, extension: &str) -> Result<Call, Error> {
        self.door.begin(Command::PickUpRinging(self.id, extension.to_owned())).await
    }

    /// Refuses (true) or takes calls that come in for this account.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the account was removed, [`Error::Closed`].
    pub async fn do_not_disturb(&self, on: bool) -> Result<(), Error> {
        self.door.agree(Command::DoNotDisturb(self.id, on)).await
    }

    /// Sends calls that come in elsewhere from now on: by 302, or by dialling the exchange's code where
    /// [`Account::forwards_by_codes`](crate::Account::forwards_by_codes) names one.
    ///
    /// # Errors
    /// As [`do_not_disturb`](Self::do_not_disturb); with codes also the exchange's refusal, and [`Error::Misuse`] if more
    /// than one code would have to be dialled.
    pub async fn forward(&self, forwarding: Forwarding) -> Result<(), Error> {
        self.door.agree(Command::Forward(self.id, forwarding)).await
    }
}

/// A command on its way to the driver, with the way back.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) command: Command,
    pub(crate) reply: Reply,
}

pub(crate) type Reply = oneshot::Sender<Result<Reached, Error>>;

/// [`Done`], with what a handle needs to watch what was made: it may be over before the handle looks.
#[derive(Debug)]
pub(crate) enum Reached {
    Agreed,
    Account(AccountId, watch::Receiver<Registration>),
    Call(CallId, watch::Receiver<Life>),
    Parked(Slot),
}

impl From<Reached> for Done {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Agreed => Self::Agreed,
            Reached::Account(id, _) => Self::Account(id),
            Reached::Call(id, _) => Self::Call(id),
            Reached::Parked(slot) => Self::Parked(slot),
        }
    }
}

/// What every handle holds: the way in, and the board to read from.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) letters: mpsc::Sender<Letter>,
    pub(crate) board: Arc<Board>,
}

impl Door {
    async fn ask(&self, command: Command) -> Result<Reached, Error> {
        let (reply, answer) = oneshot::channel();
        self.letters.send(Letter { command, reply }).await.map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    async fn agree(&self, command: Command) -> Result<(), Error> {
        self.ask(command).await.map(|_| ())
    }

    /// For commands that make a call.
    async fn begin(&self, command: Command) -> Result<Call, Error> {
        match self.ask(command).await? {
            Reached::Call(id, life) => Ok(Call { id, life, door: self.clone() }),
            Reached::Agreed | Reached::Account(..) | Reached::Parked(_) => Err(Error::Closed),
        }
    }
}
