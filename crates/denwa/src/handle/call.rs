//! Handles on calls.
use super::{Door, Reached};
use crate::board::Life;
use crate::command::{Command, Digits, Reject};
use crate::error::Error;
use crate::event::{AccountId, CallId, CallState, EndReason};
use crate::identity::{Context, Identity};
use crate::park::Slot;
use crate::transfer::{DialOptions, TransferOptions};
use media::Recording;
use sip_core::uri::Uri;
use tokio::sync::watch;

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

    /// Who transferred the call to us, by Referred-By, which nobody has verified.
    #[must_use]
    pub fn transferred_by(&self) -> Option<&Identity> {
        self.state.transferred_by.as_ref()
    }

    /// What came along for our screen (RFC 7433).
    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        self.state.context.as_ref()
    }

    /// The slot that we had parked this call in, if its time there was over and it rings back.
    #[must_use]
    pub fn recall(&self) -> Option<&Slot> {
        self.state.recall.as_ref()
    }

    /// All that there is to draw of it, as it came in.
    #[must_use]
    pub fn state(&self) -> &CallState {
        &self.state
    }

    /// Sends the caller elsewhere (302).
    ///
    /// # Errors
    /// As [`reject`](Self::reject).
    pub async fn redirect(self, to: Uri) -> Result<(), Error> {
        self.call.door.agree(Command::Redirect(self.call.id, to)).await
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
    pub(super) id: CallId,
    pub(super) life: watch::Receiver<Life>,
    pub(super) door: Door,
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

    /// Presses a key: it goes out as a digit, or is part of a code of the account's [`Keys`](crate::Keys).
    ///
    /// # Errors
    /// As [`dtmf`](Self::dtmf).
    pub async fn press(&self, key: char) -> Result<(), Error> {
        self.door.agree(Command::Press(self.id, key)).await
    }

    /// Calls somebody on behalf of this call, which waits on hold: for [`transfer_to`](Self::transfer_to), or to
    /// [`come_back`](Self::come_back). The number of its other side goes along as the account's profile says.
    ///
    /// # Errors
    /// As [`AccountHandle::dial`](crate::AccountHandle::dial); [`Error::Ended`] when this call is over.
    pub async fn consult(&self, to: Uri) -> Result<Call, Error> {
        self.consult_with(to, DialOptions::default()).await
    }

    /// As [`consult`](Self::consult), with a caller ID or a context.
    ///
    /// # Errors
    /// As [`consult`](Self::consult).
    pub async fn consult_with(&self, to: Uri, options: DialOptions) -> Result<Call, Error> {
        let Some(state) = self.state() else { return Err(Error::Ended(self.ended().await)) };
        let options = DialOptions { consultation_for: Some(self.id), ..options };
        self.door.begin(Command::Dial { account: state.account, to, options }).await
    }

    /// Blind transfer: holds, asks the other side to call `to` instead, and hangs up when it has. Resolves when the target
    /// has taken the call, as far as the exchange tells: some say so while it still rings.
    ///
    /// # Errors
    /// [`Error::Refused`] with the status of the refusal or of the target, [`Error::Timeout`] when nobody told how it went:
    /// the call is then ours again, on hold. [`Error::Misuse`], [`Error::Ended`], [`Error::Closed`].
    pub async fn transfer(&self, to: Uri) -> Result<(), Error> {
        self.transfer_with(to, TransferOptions::default()).await
    }

    /// As [`transfer`](Self::transfer), with a context for the target's screen.
    ///
    /// # Errors
    /// As [`transfer`](Self::transfer).
    pub async fn transfer_with(&self, to: Uri, options: TransferOptions) -> Result<(), Error> {
        self.door.agree(Command::Transfer { call: self.id, to, options }).await
    }

    /// Transfer to the other side of another call: attended if that is answered; while it rings, the ringing call is handed
    /// over where the exchange can do that, else it is cancelled and dialled anew by the exchange. Both calls end.
    ///
    /// # Errors
    /// As [`transfer`](Self::transfer); both calls are then still ours.
    pub async fn transfer_to(&self, other: &Call) -> Result<(), Error> {
        self.transfer_to_with(other, TransferOptions::default()).await
    }

    /// As [`transfer_to`](Self::transfer_to), with a context for the target's screen.
    ///
    /// # Errors
    /// As [`transfer_to`](Self::transfer_to).
    pub async fn transfer_to_with(&self, other: &Call, options: TransferOptions) -> Result<(), Error> {
        self.door.agree(Command::TransferTo { call: self.id, other: other.id, options }).await
    }

    /// Back to this call, from any step of a consultation: what was dialled is hung up, the hold ends. Resolves when the
    /// other side has agreed.
    ///
    /// # Errors
    /// [`Error::Misuse`] once the other side has been asked to go.
    pub async fn come_back(&self) -> Result<(), Error> {
        self.door.agree(Command::ComeBack(self.id)).await
    }

    /// Parks. Resolves when the exchange has the call; it then ends, unless the slot is unknown.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Timeout`]: the call goes on as before. [`Error::Misuse`], [`Error::Ended`],
    /// [`Error::Closed`].
    pub async fn park(&self) -> Result<Slot, Error> {
        match self.door.ask(Command::Park(self.id)).await? {
            Reached::Parked(slot) => Ok(slot),
            Reached::Agreed | Reached::Account(..) | Reached::Call(..) => Err(Error::Closed),
        }
    }

    /// Ends the conference: talks with this call alone, the others are held.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is in no conference.
    pub async fn split(&self) -> Result<(), Error> {
        self.door.agree(Command::Split(self.id)).await
    }

    /// Joins this call with another one, without us; when either ends, the other is hung up.
    ///
    /// # Errors
    /// [`Error::Misuse`] if one is not answered, or is being transferred or parked.
    pub async fn bridge(&self, other: &Call) -> Result<(), Error> {
        self.door.agree(Command::Bridge(self.id, other.id)).await
    }

    /// Records both sides into a file from now on, or (`None`) no more. [`CallChange::Recording`](crate::CallChange::Recording)
    /// tells when it begins and ends: whoever is recorded should be told.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the call is over. A file that cannot be written is told by the event.
    pub async fn record(&self, recording: Option<Recording>) -> Result<(), Error> {
        self.door.agree(Command::Record(self.id, recording)).await
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
