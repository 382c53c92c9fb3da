//! What the phone tells its program: [`Event`], and [`Snapshot`] to draw from.
use crate::handle::Incoming;
use crate::identity::{Context, Identity};
use crate::park::{ParkChange, ParkedCall, Slot};
use sip_core::uri::Uri;
use std::fmt;
use std::time::{Duration, Instant};

/// One account of a [`Phone`](crate::Phone); never reused within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub(crate) sip_core::endpoint::AccountId);

/// One call of a [`Phone`](crate::Phone); never reused within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) call::LegId);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.0)
    }
}

/// What happened. The order within one call is the order in which it happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// An account's registration changed.
    Account {
        /// Whose.
        id: AccountId,
        /// The new state.
        state: Registration,
    },
    /// Someone calls. The value answers or rejects, and is eaten by that; dropped, the call rings on until the caller
    /// gives up.
    Incoming(Incoming),
    /// A call changed.
    Call {
        /// Which.
        id: CallId,
        /// How.
        change: CallChange,
    },
    /// A call that we parked is parked, or no longer.
    Park {
        /// The call as it was parked.
        call: ParkedCall,
        /// What happened to it.
        change: ParkChange,
    },
    /// The sound device was lost or came back. Calls go on, silent in the meantime.
    AudioDevice {
        /// True when it is gone.
        lost: bool,
    },
    /// The machine has other sound devices than before.
    AudioDevices(Vec<media::DeviceInfo>),
}

/// The state of an account's binding at its registrar, RFC 3261 §10.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration {
    /// No binding, and none is asked for.
    Unregistered,
    /// A REGISTER is on its way.
    Registering,
    /// The registrar has bound us; it is refreshed by itself before it runs out.
    Registered {
        /// What the registrar granted.
        expires_in: Duration,
    },
    /// The registrar refused or could not be reached.
    Failed {
        /// Its status code; 408 when it did not answer, 503 when it could not be reached.
        status: u16,
        /// The reason phrase.
        reason: String,
        /// When the phone tries again by itself; `None`: not before it is asked, as with a wrong password.
        retry_in: Option<Duration>,
    },
}

/// What changed in a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallChange {
    /// The other side is being alerted (180).
    Ringing,
    /// Sound comes before the answer (183 with SDP): an announcement or the network's own ring tone.
    EarlyMedia,
    /// The call is up.
    Answered,
    /// The codec that we send with was agreed, or agreed anew.
    Codec(String),
    /// The other side has agreed to our hold.
    Held,
    /// The other side has agreed to our resume.
    Resumed,
    /// The other side did not agree to our hold; the call goes on as before.
    HoldRefused {
        /// Its status code.
        status: u16,
    },
    /// The other side did not agree to our resume; it stays held.
    ResumeRefused {
        /// Its status code.
        status: u16,
    },
    /// The other side holds us: it hears nothing from us.
    RemoteHeld,
    /// The other side took us back.
    RemoteResumed,
    /// Our microphone goes to the wire no more (true), or goes again (false).
    Muted(bool),
    /// A digit came from the other side: `0`-`9`, `*`, `#`, `A`-`D`.
    Dtmf(char),
    /// The other side is somebody else now, or has told who it is: after a transfer, a pick-up, a forwarding on its side.
    Identity(Identity),
    /// The other side was asked to call the target of a transfer, and that is how far it is.
    TransferProgress {
        /// 100 to 199.
        status: u16,
    },
    /// The other side has gone to the target of a transfer; the call ends.
    Transferred,
    /// A transfer came to nothing. The call is ours again, on hold; the other side may have left it all the same.
    TransferFailed {
        /// The status that it failed with; `None` if that was never told.
        status: Option<u16>,
    },
    /// The other side asks us to go on with somebody else, and we do.
    TransferRequested {
        /// The call to the target.
        to: CallId,
        /// Who asked for it, by Referred-By.
        by: Option<Identity>,
    },
    /// The call is parked. If the slot is unknown it stays, so that the announcement can be heard.
    Parked(Slot),
    /// The call could not be parked and goes on as before.
    ParkFailed {
        /// The status that it failed with; `None` if that was never told.
        status: Option<u16>,
    },
    /// To hang up now could cut the other side off: a transfer or a park is under way. The call ends by itself when that is
    /// done; to hang up once more ends it at once.
    HangUpHeldBack,
    /// A key code: the other side is on hold, and the number of the transfer target is awaited. This came so far.
    TransferWait(String),
    /// The transfer by keys is over: done, given up, or the target could not be reached.
    TransferWaitOver,
    /// Another call took the place of this one: its other side was transferred to us. This one ends.
    ReplacedBy(CallId),
    /// The call is joined with that other one, without us.
    Bridged(CallId),
    /// The call is in the conference (true), or no longer.
    Conference(bool),
    /// The call is recorded from now on (true), or no longer; both sides should be told. Each is told once.
    Recording {
        /// Whether it is.
        on: bool,
        /// What went wrong, if something did; the file has what came before.
        error: Option<String>,
    },
    /// The newest figures, about twice a second; only the newest is kept for a slow reader.
    Quality(Quality),
    /// It is over. Comes once, as the last change of this call.
    Ended(EndReason),
}

/// Why a call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// We hung up.
    LocalHangup,
    /// The other side hung up.
    RemoteHangup,
    /// The caller gave up before we answered.
    Cancelled,
    /// We rejected the incoming call.
    Rejected {
        /// With which status.
        status: u16,
    },
    /// The other side, or a server before it, refused our call.
    Refused {
        /// The status code, 300 to 699.
        status: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// Offer and answer had no codec in common, or the other side said so (488, 606, 415).
    NoCommonCodec,
    /// It rang for three minutes, and nobody answered.
    NoAnswer,
    /// The other side did not answer a request in time.
    Timeout,
    /// The other side cannot be reached.
    Unreachable,
    /// The other side does not know the call any more, or sent what cannot be used.
    Lost,
    /// The other side went on to the target of a transfer.
    Transferred,
    /// The other side waits in a slot.
    Parked,
    /// Another call took its place.
    Replaced,
    /// Another phone answered it.
    AnsweredElsewhere,
    /// It was sent on, because nobody answered or as the account's forwarding says.
    Forwarded,
    /// The phone was shut down.
    Shutdown,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalHangup => f.write_str("we hung up"),
            Self::RemoteHangup => f.write_str("the other side hung up"),
            Self::Cancelled => f.write_str("the caller gave up"),
            Self::Rejected { status } => write!(f, "we rejected it ({status})"),
            Self::Refused { status, reason } => f.write_str(&crate::error::refusal(*status, reason)),
            Self::NoCommonCodec => f.write_str("no codec in common"),
            Self::NoAnswer => f.write_str("nobody answered"),
            Self::Timeout => f.write_str("the other side does not respond"),
            Self::Unreachable => f.write_str("the other side cannot be reached"),
            Self::Lost => f.write_str("the call was lost"),
            Self::Transferred => f.write_str("the call was transferred"),
            Self::Parked => f.write_str("the call was parked"),
            Self::Replaced => f.write_str("another call took its place"),
            Self::AnsweredElsewhere => f.write_str("another phone answered it"),
            Self::Forwarded => f.write_str("it was forwarded"),
            Self::Shutdown => f.write_str("the phone was shut down"),
        }
    }
}

/// How a call sounds, as measured here and as the other side reports it (RFC 3550 §6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Quality {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets that the other side sent and we did not receive.
    pub packets_lost: u64,
    /// Lost over expected since the start, 0 to 1.
    pub loss: f32,
    /// Interarrival jitter, RFC 3550 §6.4.1.
    pub jitter: Duration,
    /// Round trip to the other side by RTCP; `None` until its first report about us.
    pub round_trip: Option<Duration>,
    /// How loud we are, in dBov, 0 at most; `None` in silence.
    pub level_out: Option<f32>,
    /// How loud the other side is, in dBov; `None` in silence.
    pub level_in: Option<f32>,
    /// How loud it is at our microphone, in dBov, muted or on hold all the same: whoever speaks into a muted microphone may be
    /// told so. `None` in silence.
    pub microphone: Option<f32>,
    /// Estimated mean opinion score, 1.0 (bad) to 4.5 (excellent), ITU-T G.107 shortened; `None` before any packet.
    pub mos: Option<f32>,
}

/// All that a front end draws, as of one moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// By id.
    pub accounts: Vec<AccountState>,
    /// Calls not yet ended, by id.
    pub calls: Vec<CallState>,
    /// Calls that we parked and that wait, oldest first.
    pub parked: Vec<ParkedCall>,
}

/// One account in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccountState {
    /// Which.
    pub id: AccountId,
    /// Its address of record.
    pub aor: Uri,
    /// Its registration.
    pub registration: Registration,
}

/// One call in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallState {
    /// Which.
    pub id: CallId,
    /// Through which account, if any.
    pub account: Option<AccountId>,
    /// Who called.
    pub direction: Direction,
    /// The other side's address: by P-Asserted-Identity where the account trusts that, else what was dialled or From.
    pub remote: Uri,
    /// The other side's display name, when it gave one.
    pub remote_name: Option<String>,
    /// The other side does not want to be known.
    pub anonymous: bool,
    /// How far it is.
    pub phase: Phase,
    /// When it was dialled or came in.
    pub since: Instant,
    /// When it was answered.
    pub answered: Option<Instant>,
    /// The codec that we send with, as `opus/48000`.
    pub codec: Option<String>,
    /// We hold the other side.
    pub held: bool,
    /// The other side holds us.
    pub remote_held: bool,
    /// Our microphone does not go to the wire.
    pub muted: bool,
    /// A transfer or a park that is under way; to hang up is held back meanwhile.
    pub task: Option<Task>,
    /// The number of a transfer by keys, while it is awaited or its target is dialled.
    pub transfer_wait: Option<String>,
    /// In the conference.
    pub conference: bool,
    /// Whether it is being recorded.
    pub recording: bool,
    /// Joined with that other call, without us.
    pub bridged: Option<CallId>,
    /// The call that this one is a consultation for.
    pub consultation_for: Option<CallId>,
    /// Who transferred it to us (Referred-By), which nobody has verified.
    pub transferred_by: Option<Identity>,
    /// Who was called first (Diversion, History-Info).
    pub diverted_from: Option<Identity>,
    /// What came along for our screen (RFC 7433).
    pub context: Option<Context>,
    /// It rings back out of this slot, where we had parked it.
    pub recall: Option<Slot>,
    /// The newest figures.
    pub quality: Quality,
}

impl CallState {
    /// Who is at the other end.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::known(&self.remote, self.remote_name.clone(), self.anonymous)
    }

    pub(crate) fn new(
        id: CallId,
        account: Option<AccountId>,
        direction: Direction,
        remote: Uri,
        since: Instant,
    ) -> Self {
        Self {
            id,
            account,
            direction,
            remote,
            remote_name: None,
            anonymous: false,
            phase: if direction == Direction::Incoming { Phase::Ringing } else { Phase::Calling },
            since,
            answered: None,
            codec: None,
            held: false,
            remote_held: false,
            muted: false,
            task: None,
            transfer_wait: None,
            conference: false,
            recording: false,
            bridged: None,
            consultation_for: None,
            transferred_by: None,
            diverted_from: None,
            context: None,
            recall: None,
            quality: Quality::default(),
        }
    }
}

/// What a call is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Task {
    /// A transfer is under way.
    Transfer,
    /// A park is under way.
    Park,
    /// The other side is parked; the call is only there to be listened to.
    Parked,
}

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The other side called us.
    Incoming,
    /// We called.
    Outgoing,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Dialled; nothing but perhaps a 100 came back.
    Calling,
    /// The called side is being alerted.
    Ringing,
    /// Sound before the answer.
    EarlyMedia,
    /// Answered.
    Active,
    /// Hung up; the last messages are on their way.
    Ending,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn call_id(number: u64) -> CallId {
        CallId(call::LegId(number))
    }
}
