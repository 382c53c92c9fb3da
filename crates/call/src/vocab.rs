//! The words of call control: what goes into a leg and what comes out of it.
use sdp::{Agreed, SessionDescription};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// One call leg. Never reused within a [`Switch`](crate::Switch).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg {}", self.0)
    }
}

/// What the user wants of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Take an incoming call.
    Answer,
    /// Turn an incoming call down with this status, 300 to 699.
    Reject(u16),
    /// End the call, whatever its state.
    HangUp,
    /// Fall silent at once and ask the peer to wait. [`Event::Held`] when it has agreed.
    Hold,
    /// Talk again. [`Event::Resumed`] when the peer has agreed.
    Resume,
    /// Send silence (true), or the microphone again (false). The peer is not told.
    Mute(bool),
    /// Send keys to the peer: by RFC 4733, or whatever the owner makes of [`Action::Dtmf`].
    Dtmf(Digits),
    /// Blind transfer: hold, then ask the peer to call the target instead (RFC 3515). [`Event::Transferred`] when it has,
    /// and the leg ends; [`Event::TransferFailed`] gives it back, on hold.
    Transfer(Target),
    /// Park. [`Event::Parked`] or [`Event::ParkFailed`].
    Park(Park),
}

impl Command {
    /// What it asks, as [`Misuse::doing`] says it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Reject(_) => "reject",
            Self::HangUp => "hang up",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Mute(_) => "mute",
            Self::Dtmf(_) => "send keys",
            Self::Transfer(_) => "transfer",
            Self::Park(_) => "park",
        }
    }
}

/// Whom to transfer to or where to park: a number or an address, opaque to this crate. The owner knows what it means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target(pub String);

/// A place where a call is parked, as the exchange names it: `701`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub String);

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How to park.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Park {
    /// Refer the peer to an orbit.
    Refer {
        /// The orbit, or the park server.
        orbit: Target,
        /// The slot, where it is known beforehand because we chose it. It counts once the REFER has succeeded.
        slot: Option<Slot>,
    },
    /// Send the exchange's feature code; its BYE is the result.
    Keys(Digits),
}

/// What a REFER of ours asks the peer for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Referral {
    /// Call this target (blind transfer, RFC 5589 §6).
    To(Target),
    /// Take our place in that other call of ours (attended transfer, RFC 5589 §7): Refer-To with Replaces.
    Replacing {
        /// The other call.
        leg: LegId,
        /// It is not answered yet (RFC 3891 §4: the dialog is early).
        early: bool,
    },
    /// Be parked there.
    Park {
        /// The orbit or the park server.
        orbit: Target,
        /// The slot, if we chose it.
        slot: Option<Slot>,
    },
}

/// How a REFER of ours came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferEnd {
    /// The last NOTIFY had this final status, 200 to 699.
    Final(u16),
    /// It was accepted, and nobody is going to tell how it goes on (RFC 4488).
    Unknown,
    /// It was refused with this status.
    Refused(u16),
    /// Its subscription ended or timed out without a final status.
    Lost,
}

/// What the dialog told us: the SIP endpoint's session events, one to one, without message text.
///
/// A description is the body of type `application/sdp` as it came; what is wrong with it is the leg's affair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// 101 to 199 to our INVITE.
    Progress {
        /// The status code.
        status: u16,
        /// The description, where there is one: early media.
        sdp: Option<Vec<u8>>,
    },
    /// 2xx to our INVITE: the answer, or the offer if our INVITE had none.
    Answered {
        /// The description.
        sdp: Option<Vec<u8>>,
    },
    /// 300 to 699 to our INVITE.
    Refused {
        /// The final status code.
        status: u16,
    },
    /// No final response to our INVITE ever came, or it could not be sent.
    Lost(Loss),
    /// The caller gave up before we answered.
    Cancelled,
    /// The ACK to a 2xx of ours, with the answer if the 2xx had the offer.
    Acknowledged {
        /// The description.
        sdp: Option<Vec<u8>>,
    },
    /// A re-INVITE or an UPDATE with a description; without one only ever a re-INVITE: it asks for our offer.
    Offer {
        /// The description.
        sdp: Option<Vec<u8>>,
    },
    /// 2xx to our re-INVITE.
    OfferAnswered {
        /// The description.
        sdp: Option<Vec<u8>>,
    },
    /// 300 to 699 to our re-INVITE.
    OfferRefused {
        /// The final status code; 408 also for a timeout of our own, 503 for a transport that failed.
        status: u16,
        /// From `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// 2xx to our REFER.
    ReferAccepted,
    /// A NOTIFY with the status that the peer's call to the target has now, 100 to 199.
    ReferProgress(u16),
    /// Our REFER came to its end; exactly once for each [`Action::Refer`].
    ReferEnded(ReferEnd),
    /// The exchange has parked the peer: here, if it says so.
    Parked(Option<Slot>),
    /// The exchange tells that we now talk to somebody else, or to the first party again (connected line).
    Connected {
        /// Whether it is the party that the call began with.
        original: bool,
    },
    /// The peer hung up.
    Bye,
    /// Nothing is left of the session: our BYE or CANCEL is through, or the endpoint gave the session up.
    Ended,
}

/// How a request of ours got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// Nobody answered it in time.
    Timeout,
    /// It could not be sent: no address, no route, connection refused.
    Network,
}

/// What to do, in order. The SIP half mirrors the endpoint's calls one to one; a description goes out as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Send an INVITE, with this offer or without.
    Invite {
        /// Our offer; `None` asks the callee for one.
        sdp: Option<SessionDescription>,
    },
    /// Answer an incoming INVITE provisionally.
    Ring {
        /// 180.
        status: u16,
    },
    /// Answer an incoming INVITE with 200.
    Accept {
        /// Our answer, or our offer where the INVITE had none.
        sdp: SessionDescription,
    },
    /// Answer an incoming INVITE with this final status.
    Refuse {
        /// 300 to 699.
        status: u16,
    },
    /// End the session by CANCEL or BYE, whichever is right now.
    HangUp,
    /// Send a re-INVITE with this offer.
    Offer {
        /// Our offer.
        sdp: SessionDescription,
    },
    /// Answer the peer's re-INVITE or UPDATE with 200.
    AnswerOffer {
        /// Our answer, or our offer where the peer asked for one.
        sdp: SessionDescription,
    },
    /// Refuse the peer's re-INVITE or UPDATE.
    RefuseOffer {
        /// 488, 491, 500 or 481.
        status: u16,
    },
    /// Send the ACK to the 2xx that had the offer.
    AnswerLate {
        /// Our answer.
        sdp: SessionDescription,
    },
    /// Let the sound flow like this from now on. `direction` in it is what the microphone and the ear shall do, which is
    /// less than what was agreed while the call is on hold.
    Media(Box<Agreed>),
    /// Send silence instead of the microphone, or no longer.
    Mute(bool),
    /// Queue these keys for the wire.
    Dtmf(Digits),
    /// No more sound on this leg; its sockets are free.
    StopMedia,
    /// Send a REFER in the dialog of this leg.
    Refer(Referral),
    /// Dial the target as the consultation of this leg: [`Switch::consult`](crate::Switch::consult), or
    /// [`Switch::consult_failed`](crate::Switch::consult_failed) where that cannot be.
    Consult(Target),
}

/// What a front end wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A call came in and waits for an answer.
    Incoming,
    /// The callee's phone rings.
    Ringing,
    /// The callee's side already sends sound: an announcement, a ring-back tone.
    EarlyMedia,
    /// The call was answered, by whichever side had to.
    Answered,
    /// Our hold is agreed.
    Held,
    /// Our hold is over, and that is agreed.
    Resumed,
    /// The peer refused our hold. The call goes on as it was.
    HoldRefused {
        /// Its status code; 488 where its answer could not be used.
        status: u16,
    },
    /// The peer refused to end our hold. The call stays held.
    ResumeRefused {
        /// Its status code; 488 where its answer could not be used.
        status: u16,
    },
    /// The peer does not listen any more.
    RemoteHeld,
    /// The peer listens again.
    RemoteResumed,
    /// The microphone is off (true) or on.
    Muted(bool),
    /// The peer's call to the transfer target goes on.
    TransferProgress {
        /// 100 to 199.
        status: u16,
    },
    /// The transfer is done; [`EndReason::Transferred`] follows.
    Transferred,
    /// The transfer came to nothing. The call is ours again, on hold; the peer may have left it all the same.
    TransferFailed {
        /// The status that it failed with; `None` if that was never told.
        status: Option<u16>,
    },
    /// The call is parked. If the slot is known the leg ends; else it stays, so that the user hears the spoken number.
    Parked {
        /// Where, if that is known.
        slot: Option<Slot>,
    },
    /// The call could not be parked and goes on as before.
    ParkFailed {
        /// The status that it failed with; `None` if that was never told.
        status: Option<u16>,
    },
    /// To hang up now could cut the peer off: a transfer or a park is under way. It happens by itself when that is done; to
    /// hang up once more does it at once.
    HangUpHeldBack,
    /// A key code: the peer is on hold, and the number of the transfer target is awaited. `number` is what came so far.
    TransferWait {
        /// The digits so far.
        number: String,
    },
    /// The transfer by keys was given up, or its target cannot be reached; the peer is taken back.
    TransferWaitOver,
    /// An INVITE of the peer's transfer target took the place of this call (RFC 3891); [`EndReason::Replaced`] follows.
    ReplacedBy(LegId),
    /// The call is joined with that other one without us.
    Bridged(LegId),
    /// The leg is in the conference (true), or no longer.
    Conference(bool),
    /// The leg is over, for ever. The last event of every leg.
    Ended(EndReason),
}

/// Why a leg is over. Prints as a sentence for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum EndReason {
    /// We hung up.
    #[error("you hung up")]
    LocalHangup,
    /// The peer hung up.
    #[error("the other side hung up")]
    RemoteHangup,
    /// We gave up before an answer.
    #[error("you cancelled the call")]
    Cancelled,
    /// The caller gave up before our answer.
    #[error("missed call")]
    Missed,
    /// We turned the incoming call down.
    #[error("you declined the call ({status})")]
    Declined {
        /// The status sent.
        status: u16,
    },
    /// The callee's side turned our call down.
    #[error("{}", refusal(*.status))]
    Refused {
        /// Its status code.
        status: u16,
    },
    /// It rang too long: nobody answered.
    #[error("nobody answered")]
    NoAnswer,
    /// Nobody answers our requests.
    #[error("the other side cannot be reached: no response")]
    Timeout,
    /// Our requests cannot be sent.
    #[error("the other side cannot be reached: the network failed")]
    Network,
    /// The peer went on to the target of a transfer.
    #[error("the call was transferred")]
    Transferred,
    /// The peer waits in a slot.
    #[error("the call was parked")]
    Parked,
    /// Another call took its place.
    #[error("another call took its place")]
    Replaced,
    /// The peer no longer knows the call, or the endpoint lost it.
    #[error("the call was lost")]
    Lost,
    /// Both sides have no codec in common.
    #[error("no common codec")]
    NoCommonCodec,
    /// The peer's session description cannot be used.
    #[error("the other side sent an unusable session description")]
    BadDescription,
}

/// The common statuses of RFC 3261 §21 in a user's words.
fn refusal(status: u16) -> String {
    let words = match status {
        300..=399 => "the number has moved",
        401 | 407 => "the password was not accepted",
        403 => "the call is not allowed",
        404 | 604 => "no such number",
        408 | 480 => "not available",
        484 => "the number is incomplete",
        486 | 600 => "busy",
        488 | 606 => "no common codec",
        603 => "declined",
        500..=599 => "the server cannot place the call",
        _ => "the call was refused",
    };
    format!("{words} ({status})")
}

/// A command that the leg cannot carry out in its state. It changed nothing; the caller is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("cannot {doing}: {state}")]
pub struct Misuse {
    /// What was asked: `hold`, `answer` ...
    pub doing: &'static str,
    /// Why it cannot be: `the call is not answered yet` ...
    pub state: &'static str,
}

/// Keys to send: `0` to `9`, `*`, `#`, `A` to `D`; 1 to [`Digits::MAX`] of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Digits(String);

impl Digits {
    /// The most keys at once.
    pub const MAX: usize = 64;

    /// Keys that are known to be keys.
    pub(crate) fn new(keys: String) -> Self {
        Self(keys)
    }

    /// Whether it is on a keypad.
    pub fn is_key(key: char) -> bool {
        matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
    }

    /// The keys as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digits {
    type Err = InvalidDigits;

    fn from_str(text: &str) -> Result<Self, InvalidDigits> {
        let text = text.to_ascii_uppercase();
        if text.is_empty() || text.len() > Self::MAX {
            return Err(InvalidDigits);
        }
        if text.chars().all(Self::is_key) { Ok(Self(text)) } else { Err(InvalidDigits) }
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not 1 to [`Digits::MAX`] keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("keys are 0 to 9, *, # and A to D, at most 64 at once")]
pub struct InvalidDigits;
