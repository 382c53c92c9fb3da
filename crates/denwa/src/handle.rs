//! Handles: sugar over [`Command`].
//!
//! Handles are cheap to clone and to drop. Dropping one never hangs up, rejects or unregisters anything; only when the
//! last handle *and* the [`Events`](crate::Events) are gone can nobody reach the phone any more, and then it ends as with
//! [`Phone::shutdown`], in the background.
//!
//! A future of a handle resolves when what was asked is *agreed*. Dropping the future does not take the request back.
use crate::account::Account;
use crate::board::{Board, Life};
use crate::command::{Command, Digits, Done, Reject};
use crate::driver::registration_error;
use crate::error::Error;
use crate::event::{AccountId, CallId, CallState, EndReason, Registration, Snapshot};
use sip_core::uri::Uri;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

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
            Reached::Agreed | Reached::Call(..) => Err(Error::Closed),
        }
    }

    /// Calls an address directly, through no account: a phone on the same network, or a server that asks nothing.
    ///
    /// # Errors
    /// As [`AccountHandle::dial`].
    pub async fn dial(&self, to: Uri) -> Result<Call, Error> {
        self.door.dial(None, to).await
    }

    /// The one door: every method of a handle ends here, so a record of commands replays a session.
    ///
    /// # Errors
    /// What the command says, or [`Error::Closed`].
    pub async fn send(&self, command: Command) -> Result<Done, Error> {
        self.door.ask(command).await.map(Done::from)
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
        self.door.dial(Some(self.id), to).await
    }
}

/// A call that rings here. It is eaten by [`answer`](Self::answer) or [`reject`](Self::reject).
#[must_use = "an unanswered call rings until the caller gives up"]
#[derive(Debug)]
pub struct Incoming {
    state: Box<CallState>,
    call: Call,
}

impl Incoming {
    pub(crate) fn new(state: CallState, life: watch::Receiver<Life>, door: Door) -> Self {
        Self { call: Call { id: state.id, life, door }, state: Box::new(state) }
    }

    /// Which call.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.state.id
    }

    /// Who calls: the From of the INVITE, which nobody has verified.
    #[must_use]
    pub fn from(&self) -> &Uri {
        &self.state.remote
    }

    /// The caller's display name, when it gave one.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        self.state.remote_name.as_deref()
    }

    /// The account that is called, if the address belongs to one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.state.account
    }

    /// Answers; a call that is active is held first. Resolves when the caller has acknowledged.
    ///
    /// # Errors
    /// [`Error::Ended`] when the caller was faster to give up, [`Error::NoCommonCodec`], [`Error::Closed`].
    pub async fn answer(self) -> Result<Call, Error> {
        self.call.door.agree(Command::Answer(self.call.id)).await?;
        Ok(self.call)
    }

    /// Rejects.
    ///
    /// # Errors
    /// [`Error::Misuse`] or [`Error::Ended`] when it is over already, [`Error::Closed`].
    pub async fn reject(self, why: Reject) -> Result<(), Error> {
        self.call.door.agree(Command::Reject(self.call.id, why)).await
    }

    /// Resolves when the call is over, answered or not: to stop ringing when the caller gives up.
    pub async fn ended(&self) -> EndReason {
        self.call.ended().await
    }
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    id: CallId,
    life: watch::Receiver<Life>,
    door: Door,
}

impl Call {
    /// Which.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.id
    }

    /// What there is to draw of it; `None` once it has ended.
    #[must_use]
    pub fn state(&self) -> Option<CallState> {
        self.door.board.call(self.id)
    }

    /// Resolves on the 2xx, at once if it was long ago.
    ///
    /// # Errors
    /// [`Error::Refused`] with the final response that came instead, [`Error::NoCommonCodec`], [`Error::Timeout`],
    /// [`Error::Network`], [`Error::Ended`] when we hung up before, [`Error::Closed`].
    pub async fn answered(&self) -> Result<(), Error> {
        let mut life = self.life.clone();
        match life.wait_for(|life| !matches!(life, Life::Early)).await.as_deref() {
            Ok(Life::Early | Life::Up | Life::Over { answered: true, .. }) => Ok(()),
            Ok(Life::Over { reason, .. }) => Err(Error::from_end("the call", reason.clone())),
            Err(_) => Err(Error::Closed),
        }
    }

    /// Resolves when the call is over, at once if it was long ago.
    pub async fn ended(&self) -> EndReason {
        let mut life = self.life.clone();
        match life.wait_for(|life| matches!(life, Life::Over { .. })).await.as_deref() {
            Ok(Life::Over { reason, .. }) => reason.clone(),
            Ok(Life::Early | Life::Up) | Err(_) => EndReason::Shutdown,
        }
    }

    /// Holds the other side. Resolves when it has agreed; on an error the call goes on as before.
    ///
    /// # Errors
    /// [`Error::Misuse`] before the answer, [`Error::Refused`], [`Error::Ended`], [`Error::Closed`].
    pub async fn hold(&self) -> Result<(), Error> {
        self.door.agree(Command::Hold(self.id)).await
    }

    /// Takes the other side back. Resolves when it has agreed. Another active call is held first.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub async fn resume(&self) -> Result<(), Error> {
        self.door.agree(Command::Resume(self.id)).await
    }

    /// Sends silence, or nothing, instead of the microphone. Resolves at once; the other side has no say in it.
    ///
    /// # Errors
    /// [`Error::Ended`], [`Error::Misuse`], [`Error::Closed`].
    pub async fn mute(&self) -> Result<(), Error> {
        self.door.agree(Command::Mute(self.id, true)).await
    }

    /// Sends the microphone again.
    ///
    /// # Errors
    /// As [`mute`](Self::mute).
    pub async fn unmute(&self) -> Result<(), Error> {
        self.door.agree(Command::Mute(self.id, false)).await
    }

    /// Sends digits as telephone-events (RFC 4733). Resolves when they are queued; each takes about 150 ms on the wire.
    ///
    /// # Errors
    /// [`Error::Misuse`] before the answer or when the other side takes no telephone-events, [`Error::Ended`],
    /// [`Error::Closed`].
    pub async fn dtmf(&self, digits: Digits) -> Result<(), Error> {
        self.door.agree(Command::Dtmf(self.id, digits)).await
    }

    /// Ends the call whatever its state. Resolves when the other side has agreed, or did not answer in 32 s; a call that
    /// is over already is fine too.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn hangup(&self) -> Result<(), Error> {
        match self.door.agree(Command::HangUp(self.id)).await {
            Err(Error::Ended(_) | Error::Misuse { .. }) => Ok(()),
            other => other,
        }
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
}

impl From<Reached> for Done {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Agreed => Self::Agreed,
            Reached::Account(id, _) => Self::Account(id),
            Reached::Call(id, _) => Self::Call(id),
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

    async fn dial(&self, account: Option<AccountId>, to: Uri) -> Result<Call, Error> {
        match self.ask(Command::Dial { account, to }).await? {
            Reached::Call(id, life) => Ok(Call { id, life, door: self.clone() }),
            Reached::Agreed | Reached::Account(..) => Err(Error::Closed),
        }
    }
}
