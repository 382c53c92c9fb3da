//! The one door into the phone. Every method of a handle ends in a [`Command`], so a record of commands replays a
//! session.
use crate::account::Account;
use crate::audio::Devices;
use crate::error::Error;
use crate::event::{AccountId, CallId};
use crate::park::{Forwarding, Slot};
use crate::transfer::{DialOptions, TransferOptions};
use media::{Recording, Volume};
use sip_core::uri::Uri;
use std::fmt;
use std::str::FromStr;

/// What a program asks of the phone; each is answered by [`Done`] when it is *agreed*, or by an error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Make an account known, without registering it. Answered at once with [`Done::Account`].
    AddAccount(Account),
    /// Register, or register anew. Answered when the registrar has said 200, or with its refusal. A refusal that may pass
    /// is retried by itself; the [`Registration`](crate::Registration) events tell.
    Register(AccountId),
    /// Give up the binding. Answered when the registrar has agreed or no answer came.
    Unregister(AccountId),
    /// Unregister if need be and forget the account; its calls go on.
    RemoveAccount(AccountId),
    /// Call someone. Answered with [`Done::Call`] as soon as the call exists; how it goes on is told by events.
    Dial {
        /// Through which account; `None` calls the address directly, as nobody.
        account: Option<AccountId>,
        /// Whom. A URI without user or with a bare number as user goes as it is.
        to: Uri,
        /// What goes along.
        options: DialOptions,
    },
    /// Answer an incoming call. Any call that is active is held first. Answered when the caller has acknowledged.
    Answer(CallId),
    /// Reject an incoming call.
    Reject(CallId, Reject),
    /// Send the caller elsewhere: 302.
    Redirect(CallId, Uri),
    /// Hold. Answered when the other side has agreed.
    Hold(CallId),
    /// Take a held call back. Answered when the other side has agreed.
    Resume(CallId),
    /// Send no sound (true) or send again (false); the other side is not told.
    Mute(CallId, bool),
    /// Send digits, as the account's [`DtmfMode`](crate::DtmfMode) says. Answered when they are queued for the wire, where
    /// each takes about 150 ms.
    Dtmf(CallId, Digits),
    /// A key is pressed: it goes out as a digit, or is part of a code of the account's [`Keys`](crate::Keys).
    Press(CallId, char),
    /// Transfer without asking the target first. Answered when the target has taken the call over, as far as the exchange
    /// tells; on an error the call is still ours, on hold.
    Transfer {
        /// The call.
        call: CallId,
        /// The target.
        to: Uri,
        /// What goes along.
        options: TransferOptions,
    },
    /// Transfer a call to the other side of another call, which may still be ringing. As [`Command::Transfer`].
    TransferTo {
        /// The call.
        call: CallId,
        /// The other call; it ends too.
        other: CallId,
        /// What goes along.
        options: TransferOptions,
    },
    /// Back to the call that waits: its consultation is hung up, whatever its state, and the hold ends. Answered when the
    /// other side has agreed.
    ComeBack(CallId),
    /// Park as the account's [`ParkMethod`](crate::ParkMethod) says. Answered with [`Done::Parked`].
    Park(CallId),
    /// A call that is being parked is in this slot; for [`SlotSource::Callback`](crate::SlotSource::Callback).
    ParkedIn(CallId, String),
    /// A call that we parked is not in its slot any more: somebody took it, or the party hung up. For whoever answers
    /// [`SlotSource::Callback`](crate::SlotSource::Callback). Answered at once.
    ParkOver {
        /// The slot.
        slot: String,
        /// Whether the party hung up.
        given_up: bool,
    },
    /// Take a parked call: dial its slot. Answered as [`Command::Dial`].
    PickUp(AccountId, String),
    /// Take a call that rings at an extension. Answered as [`Command::Dial`].
    PickUpRinging(AccountId, String),
    /// Talk with all of these at once, and with whom is in the conference already. Answered at once.
    Merge(Vec<CallId>),
    /// End the conference: talk with this one, hold the others. Answered at once.
    Split(CallId),
    /// Turn from the live call to the one on hold. Answered at once.
    Swap,
    /// Join two calls without us. When either ends, the other is hung up. Answered at once.
    Bridge(CallId, CallId),
    /// Record a call into a file, or stop that. Answered at once; [`CallChange::Recording`](crate::CallChange::Recording)
    /// tells when it begins, fails and ends.
    Record(CallId, Option<Recording>),
    /// Use other sound devices. Answered at once; calls go on, silent until they are open.
    UseDevices(Devices),
    /// How loud the speaker and the microphone are. Answered at once.
    SetVolume(Volume),
    /// Refuse (true) or take calls that come in for an account. Answered at once.
    DoNotDisturb(AccountId, bool),
    /// Send calls that come in elsewhere. Answered at once, or by the exchange where the account forwards by its codes.
    Forward(AccountId, Forwarding),
    /// End the call whatever its state: CANCEL, BYE or a refusal. Answered when the other side has agreed or 32 s
    /// have passed.
    HangUp(CallId),
    /// Hang up all calls, unregister all accounts, wait at most a few seconds for the answers, stop.
    Shutdown,
}

/// What a [`Command`] led to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// What was asked is agreed.
    Agreed,
    /// The account exists.
    Account(AccountId),
    /// The call exists.
    Call(CallId),
    /// The call is parked there.
    Parked(Slot),
}

/// How to reject a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// 486: busy here; a server may go on to voice mail.
    Busy,
    /// 603: declined, everywhere.
    Decline,
    /// 480: not available now.
    Unavailable,
}

impl Reject {
    /// The status code on the wire.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Busy => 486,
            Self::Decline => 603,
            Self::Unavailable => 480,
        }
    }
}

/// At most this many digits in one [`Digits`].
pub const MAX_DIGITS: usize = 64;

/// Keypad digits: `0`-`9`, `*`, `#`, `A`-`D`; 1 to [`MAX_DIGITS`] of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Digits(String);

impl Digits {
    /// Digits that are known to be some.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As text, letters in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digits {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |detail: String| Error::Invalid { what: "a string of keypad digits", detail };
        if text.is_empty() {
            return Err(invalid("it is empty".into()));
        }
        if text.len() > MAX_DIGITS {
            return Err(invalid(format!("it has more than {MAX_DIGITS} digits")));
        }
        match text.chars().find(|c| !matches!(c.to_ascii_uppercase(), '0'..='9' | '*' | '#' | 'A'..='D')) {
            Some(stranger) => Err(invalid(format!("{stranger:?} is not on a keypad; use 0-9, *, #, A-D"))),
            None => Ok(Self(text.to_ascii_uppercase())),
        }
    }
}

/// Digits are often a PIN: they do not print.
impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digits({} of them)", self.0.len())
    }
}
