//! What is kept of an INVITE session.
//!
//! ```text
//!  invite ─► [Calling] ─── 2xx: ACK ──┐                       ┌── BYE received ──► Ended
//!               │  300+, CANCEL: Ended ├─► [Talking] ──────────┤
//!  INVITE ─► [Ringing] ── accept: 2xx ─┘     offers both ways  └── hang_up: BYE ─► [Closing] ─► Ended
//!                  refuse, CANCEL: Ended
//! ```

use super::outgoing::OutgoingId;
use super::timer::Peer;
use super::{AccountId, Due, Endpoint, Headers, OfferId, RequestId, SessionId};
use crate::dialog::Dialog;
use crate::message::Request;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::usage::answering::Answering;
use crate::usage::session_timer::SessionTimer;
use bytes::Bytes;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) account: Option<AccountId>,
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) stage: Stage,
    /// The peer's offer that waits for the owner.
    pub(super) theirs: Option<Theirs>,
    /// Our offer that waits for the peer, or the peer's in a 2xx that waits for the owner.
    pub(super) ours: Ours,
    /// Our 2xx that waits for its ACK.
    pub(super) unacked: Option<Unacked>,
    /// An offer of ours that waits for that ACK.
    pub(super) held_offer: Option<Option<Bytes>>,
    pub(super) timer: SessionTimer,
    /// The UPDATE that refreshes it.
    pub(super) refresh: Option<RequestId>,
    /// Our last session description.
    pub(super) described: Option<Bytes>,
    pub(super) peer: Peer,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// Our INVITE is out.
    Calling(Calling),
    /// The peer's INVITE waits for our final response.
    Ringing(Box<Ringing>),
    /// Confirmed.
    Talking {
        dialog: Dialog,
        /// §15: the callee's BYE waits for the ACK to its 2xx.
        bye_after_ack: Option<Headers>,
    },
    /// Our BYE is out.
    Closing { dialog: Dialog },
}

#[derive(Debug)]
pub(super) struct Calling {
    pub(super) invite: OutgoingId,
    /// One for each fork that has answered, the latest last.
    pub(super) early: Vec<Early>,
    pub(super) hang_up: Option<HangUp>,
    /// Whether the INVITE carries an offer.
    pub(super) offered: bool,
}

#[derive(Debug)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    /// The last reliable provisional response that was acknowledged (RFC 3262 §4).
    pub(super) rseq: Option<u32>,
    /// Whether a session description came in it.
    pub(super) answered: bool,
}

/// The owner does not want the call any more.
#[derive(Debug)]
pub(super) enum HangUp {
    /// §9.1: a CANCEL may not be sent before the first provisional response.
    Held(Headers),
    /// §9.1: without a final response until then the INVITE is forgotten.
    Cancelled { give_up: Instant },
}

#[derive(Debug)]
pub(super) struct Ringing {
    pub(super) transaction: TransactionId,
    pub(super) request: Request,
    pub(super) dialog: Dialog,
    /// The last provisional response, repeated each minute so that proxies do not give up (§13.3.1.1).
    pub(super) last: Option<(StatusCode, Option<Bytes>, Instant)>,
    /// The INVITE's Expires (§13.3.1).
    pub(super) expires: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) id: OfferId,
    pub(super) transaction: TransactionId,
    pub(super) request: Request,
}

#[derive(Debug)]
pub(super) enum Ours {
    None,
    /// A re-INVITE is out; whether with an offer.
    Sent {
        invite: OutgoingId,
        offered: bool,
    },
    /// A re-INVITE is out that only refreshes the session.
    Refresh {
        invite: OutgoingId,
    },
    /// A 2xx brought the offer: `answer_late` sends the ACK.
    Late {
        invite: OutgoingId,
        tag: String,
    },
}

#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) transaction: TransactionId,
    pub(super) cseq: u32,
    pub(super) answering: Answering,
    /// The 2xx carried our offer, so the ACK carries the answer.
    pub(super) offered: bool,
}

impl Session {
    pub(super) fn new(account: Option<AccountId>, call_id: String, local_tag: String, stage: Stage) -> Self {
        Self {
            account,
            call_id,
            local_tag,
            stage,
            theirs: None,
            ours: Ours::None,
            unacked: None,
            held_offer: None,
            timer: SessionTimer::Off,
            refresh: None,
            described: None,
            peer: Peer::default(),
        }
    }

    /// The dialog; of early ones the latest.
    pub(super) fn dialog(&self) -> Option<&Dialog> {
        match &self.stage {
            Stage::Calling(calling) => calling.early.last().map(|early| &early.dialog),
            Stage::Ringing(ringing) => Some(&ringing.dialog),
            Stage::Talking { dialog, .. } | Stage::Closing { dialog } => Some(dialog),
        }
    }

    pub(super) fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Calling(calling) => calling.early.last_mut().map(|early| &mut early.dialog),
            Stage::Ringing(ringing) => Some(&mut ringing.dialog),
            Stage::Talking { dialog, .. } | Stage::Closing { dialog } => Some(dialog),
        }
    }

    /// The dialog with that peer, among forks.
    pub(super) fn dialog_with(&mut self, remote_tag: &str) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Calling(calling) => {
                calling.early.iter_mut().map(|early| &mut early.dialog).find(|d| d.remote_tag() == remote_tag)
            }
            Stage::Ringing(ringing) => Some(&mut ringing.dialog).filter(|d| d.remote_tag() == remote_tag),
            Stage::Talking { dialog, .. } | Stage::Closing { dialog } => {
                Some(dialog).filter(|d| d.remote_tag() == remote_tag)
            }
        }
    }

    pub(super) fn is_hanging_up(&self) -> bool {
        matches!(&self.stage, Stage::Calling(Calling { hang_up: Some(_), .. }) | Stage::Closing { .. })
    }

    pub(super) fn state_name(&self) -> &'static str {
        match &self.stage {
            Stage::Calling(Calling { hang_up: Some(_), .. }) => "it is being cancelled",
            Stage::Calling(_) => "it is not answered yet",
            Stage::Ringing(_) => "it is ringing",
            Stage::Talking { bye_after_ack: Some(_), .. } | Stage::Closing { .. } => "it is being hung up",
            Stage::Talking { .. } => "it is answered",
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let stage = match &self.stage {
            Stage::Calling(Calling { hang_up: Some(HangUp::Cancelled { give_up }), .. }) => Some(*give_up),
            Stage::Ringing(ringing) => {
                let again = ringing.last.as_ref().map(|(_, _, at)| *at);
                [again, ringing.expires].into_iter().flatten().min()
            }
            Stage::Calling(_) | Stage::Talking { .. } | Stage::Closing { .. } => None,
        };
        let unacked = self.unacked.as_ref().and_then(|unacked| unacked.answering.deadline());
        let timer = self.timer.deadline().filter(|_| matches!(self.stage, Stage::Talking { bye_after_ack: None, .. }));
        [stage, unacked, timer].into_iter().flatten().min()
    }
}

impl Endpoint {
    pub(super) fn add_session(&mut self, id: SessionId, session: Session) {
        self.by_dialog.insert((session.call_id.clone(), session.local_tag.clone()), id);
        self.sessions.insert(id, session);
        self.arm_session(id);
    }

    /// Call after whatever may change a deadline.
    pub(super) fn arm_session(&mut self, id: SessionId) {
        let at = self.sessions.get(&id).and_then(Session::deadline);
        self.deadlines.set(Due::Session(id), at);
    }

    pub(super) fn session_due(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let give_up = matches!(
            &session.stage,
            Stage::Calling(Calling { hang_up: Some(HangUp::Cancelled { give_up }), .. }) if *give_up <= now
        );
        if give_up {
            self.cancel_unanswered(id);
        } else if let Stage::Ringing(_) = session.stage {
            self.ringing_due(now, id);
        } else {
            self.unacked_due(now, id);
            self.timer_due(now, id);
        }
        self.arm_session(id);
    }
}
