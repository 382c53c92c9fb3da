//! What an answered leg is being taken through: a transfer or a park, from the command to its result.
//!
//! ```text
//!              hold agreed: REFER          2xx              final NOTIFY 2xx
//!   Transfer ─► Due ─────────────► Asked ───────► Asked ──────────────────► Transferred: hang up
//!                                    │ refused      │ other final status, silence
//!                                    └──────────────┴──► failed: ours again, on hold
//!   Park, REFER ─► Due ─► Asked ─► ... 2xx ─► Settling ─ slot known ─► Parked: hang up
//!   Park, keys ──► Keyed ── slot, BYE ──────────┘   └── nobody says where ─► Parked, and the user listens
//! ```
//! A hang-up before the result is held back: it could cut the peer off, for an accepted REFER can still fail, and then the
//! peer is ours again.
#![warn(clippy::wildcard_enum_match_arm)]

use super::{Output, Say};
use crate::vocab::{Action, EndReason, Event, ReferEnd, Referral, Slot};
use std::time::{Duration, Instant};

/// How long an accepted REFER may take: longer than a target may ring (Timer C, RFC 3261 §16.6).
pub const REFER_PATIENCE: Duration = Duration::from_secs(200);
/// How long the peer's BYE is waited for when nobody tells how a REFER went on. Exchanges clear the leg 60 s after it.
pub const BYE_PATIENCE: Duration = Duration::from_secs(64);
/// How long a feature code may take to park.
pub const KEYED_PATIENCE: Duration = Duration::from_secs(30);
/// How long the slot may come after the park itself.
pub const SLOT_GRACE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    None,
    /// The REFER goes out when no offer is under way and the hold is settled, one way or the other; and not before
    /// [`Input::Proceed`](super::Input::Proceed) where it has to `wait` for another leg to be gone.
    Due {
        referral: Referral,
        wait: bool,
        leave: bool,
    },
    /// The REFER is out.
    Asked {
        referral: Referral,
        accepted: bool,
        leave: bool,
        give_up_at: Instant,
    },
    /// A feature code is out.
    Keyed {
        leave: bool,
        give_up_at: Instant,
    },
    /// Parked; the slot may still be told.
    Settling {
        give_up_at: Instant,
    },
    /// Parked, and nobody said where: the user listens for the spoken number.
    Parked,
}

/// What becomes of the leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    GoesOn,
    /// Hang up, for this reason.
    Close(EndReason),
}

/// What a user is told that a leg is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Task {
    /// A transfer is under way.
    Transfer,
    /// A park is under way.
    Park,
    /// The peer is parked; the leg is only there to be listened to.
    Parked,
}

impl Errand {
    pub(super) fn task(&self) -> Option<Task> {
        match self {
            Self::None => None,
            Self::Due { referral: Referral::Park { .. }, .. } | Self::Asked { referral: Referral::Park { .. }, .. } => {
                Some(Task::Park)
            }
            Self::Due { .. } | Self::Asked { .. } => Some(Task::Transfer),
            Self::Keyed { .. } | Self::Settling { .. } => Some(Task::Park),
            Self::Parked => Some(Task::Parked),
        }
    }

    /// Why a command that would cross it is refused. A call that is said to be parked can do all: if it is, that does no
    /// harm, and if it is not, the peer is still there.
    pub(super) fn state(&self) -> Option<&'static str> {
        match self.task()? {
            Task::Transfer => Some("the call is being transferred"),
            Task::Park => Some("the call is being parked"),
            Task::Parked => None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Asked { give_up_at, .. } | Self::Keyed { give_up_at, .. } | Self::Settling { give_up_at } => {
                Some(*give_up_at)
            }
            Self::None | Self::Due { .. } | Self::Parked => None,
        }
    }

    /// Nothing is in its way any more: the REFER of an errand that is due goes out.
    pub(super) fn ask(&mut self, now: Instant, out: &mut Vec<Output>) {
        if let Self::Due { referral, wait: false, leave } = self {
            out.act(Action::Refer(referral.clone()));
            let give_up_at = now + REFER_PATIENCE;
            *self = Self::Asked { referral: referral.clone(), accepted: false, leave: *leave, give_up_at };
        }
    }

    /// The user hangs up.
    pub(super) fn hang_up(&mut self, out: &mut Vec<Output>) -> Verdict {
        match self {
            Self::None => Verdict::Close(EndReason::LocalHangup),
            Self::Parked | Self::Settling { .. } => Verdict::Close(EndReason::Parked),
            Self::Due { leave, .. } | Self::Asked { leave, .. } | Self::Keyed { leave, .. } => {
                if *leave {
                    return Verdict::Close(EndReason::LocalHangup);
                }
                *leave = true;
                out.tell(Event::HangUpHeldBack);
                Verdict::GoesOn
            }
        }
    }

    pub(super) fn proceed(&mut self) {
        if let Self::Due { wait, .. } = self {
            *wait = false;
        }
    }

    pub(super) fn accepted(&mut self, now: Instant) {
        if let Self::Asked { accepted, give_up_at, .. } = self {
            *accepted = true;
            *give_up_at = now + REFER_PATIENCE;
        }
    }

    pub(super) fn progress(&self, status: u16, out: &mut Vec<Output>) {
        if let Self::Asked { referral: Referral::To(_) | Referral::Replacing { .. }, .. } = self {
            out.tell(Event::TransferProgress { status });
        }
    }

    pub(super) fn ended(&mut self, now: Instant, end: ReferEnd, out: &mut Vec<Output>) -> Verdict {
        let Self::Asked { referral, give_up_at, accepted, .. } = self else { return Verdict::GoesOn };
        let park = match referral {
            Referral::Park { slot, .. } => Some(slot.take()),
            Referral::To(_) | Referral::Replacing { .. } => None,
        };
        match (end, park) {
            (ReferEnd::Final(200..=299), None) => {
                out.tell(Event::Transferred);
                Verdict::Close(EndReason::Transferred)
            }
            (ReferEnd::Unknown, None) => {
                *accepted = true;
                *give_up_at = now + BYE_PATIENCE;
                Verdict::GoesOn
            }
            (ReferEnd::Final(200..=299), Some(Some(slot))) => self.parked(Some(slot), out),
            // Nobody has said that it is there: the leg stays.
            (ReferEnd::Final(200..=299) | ReferEnd::Unknown, Some(_)) => {
                *self = Self::Settling { give_up_at: now + SLOT_GRACE };
                Verdict::GoesOn
            }
            (ReferEnd::Final(status) | ReferEnd::Refused(status), _) => self.failed(Some(status), out),
            (ReferEnd::Lost, _) => self.failed(None, out),
        }
    }

    /// The exchange says that it has parked the peer.
    pub(super) fn parked(&mut self, slot: Option<Slot>, out: &mut Vec<Output>) -> Verdict {
        match self.task() {
            None | Some(Task::Transfer) => return Verdict::GoesOn,
            Some(Task::Parked) if slot.is_none() => return Verdict::GoesOn,
            Some(Task::Park | Task::Parked) => {}
        }
        let known = slot.is_some();
        out.tell(Event::Parked { slot });
        if known {
            Verdict::Close(EndReason::Parked)
        } else {
            *self = Self::Parked;
            Verdict::GoesOn
        }
    }

    /// The peer's BYE: for an errand under way it is its success.
    pub(super) fn bye(&self, out: &mut Vec<Output>) -> EndReason {
        match self {
            Self::Asked { referral: Referral::To(_) | Referral::Replacing { .. }, accepted: true, .. } => {
                out.tell(Event::Transferred);
                EndReason::Transferred
            }
            Self::Asked { referral: Referral::Park { .. }, accepted: true, .. }
            | Self::Keyed { .. }
            | Self::Settling { .. } => {
                out.tell(Event::Parked { slot: None });
                EndReason::Parked
            }
            Self::Parked => EndReason::Parked,
            Self::None | Self::Due { .. } | Self::Asked { .. } => EndReason::RemoteHangup,
        }
    }

    pub(super) fn due(&mut self, out: &mut Vec<Output>) {
        match self {
            Self::Asked { .. } | Self::Keyed { .. } => drop(self.failed(None, out)),
            Self::Settling { .. } => drop(self.parked(None, out)),
            Self::None | Self::Due { .. } | Self::Parked => {}
        }
    }

    /// The user has another idea, and nothing has gone out yet. False if it is too late.
    pub(super) fn abandon(&mut self) -> bool {
        match self {
            // Of a parked call there is nothing left to give up: the user only wants to hear what is said.
            Self::None | Self::Parked => true,
            Self::Due { .. } => {
                *self = Self::None;
                true
            }
            Self::Asked { .. } | Self::Keyed { .. } | Self::Settling { .. } => false,
        }
    }

    fn failed(&mut self, status: Option<u16>, out: &mut Vec<Output>) -> Verdict {
        let park = self.task() == Some(Task::Park);
        *self = Self::None;
        out.tell(if park { Event::ParkFailed { status } } else { Event::TransferFailed { status } });
        Verdict::GoesOn
    }
}
