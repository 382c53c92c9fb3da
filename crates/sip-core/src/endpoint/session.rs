//! What is kept of an INVITE session.
//!
//! ```text
//!  invite ─► [Calling] ─── 2xx: ACK ──┐                       ┌── BYE received ──► Ended
//!               │  300+, CANCEL: Ended ├─► [Talking] ──────────┤
//!  INVITE ─► [Ringing] ── accept: 2xx ─┘     offers both ways  └── hang_up: BYE ─► [Closing] ─► Ended
//!                  refuse, CANCEL: Ended
//! ```

use super::outgoing::OutgoingId;
use super::peer::Peer;
use super::{AccountId, Due, Endpoint, Headers, OfferId, SessionId};
use crate::dialog::Dialog;
use crate::message::Request;
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::usage::answering::Answering;
use crate::usage::reliable::Reliable;
use crate::usage::session_timer::Expiration;
use bytes::Bytes;
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Session {
    pub(super) account: Option<AccountId>,
    pub(super) call_id: String,
    pub(super) local_tag: String,
    /// The CSeq number of the peer's first INVITE.
    pub(super) invited: Option<u32>,
    pub(super) stage: Stage,
    /// The peer's offer that waits for the owner.
    pub(super) theirs: Option<Theirs>,
    /// Our offer that waits for the peer, or the peer's in a 2xx that waits for the owner.
    pub(super) ours: Ours,
    /// Our offer that may not be sent yet.
    pub(super) held: Option<Held>,
    /// Our UPDATE without offer.
    pub(super) telling: Telling,
    /// Our 2xx that waits for its ACK.
    pub(super) unacked: Option<Unacked>,
    /// The peer's INVITE got provisional responses that it acknowledges.
    pub(super) reliable: Reliable,
    /// How long it lives without a refresh.
    pub(super) expiration: Expiration,
    /// A refresh is due and waits for its turn.
    pub(super) refresh: bool,
    /// The largest Min-SE that came in this dialog, in seconds (RFC 4028 §7.4).
    pub(super) min_se: u32,
    /// Our session description that the peer has agreed to, or that answers the peer's.
    pub(super) described: Option<Bytes>,
    /// What the peer says that it can do.
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
    /// Whether one came reliably: offer and answer are exchanged (RFC 3262 §5).
    pub(super) settled: bool,
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
    /// The owner's header fields of it.
    pub(super) telling: Headers,
    /// The last one waits until the one before is acknowledged (RFC 3262 §3).
    pub(super) unsent: bool,
    /// Whether provisional responses are sent reliably.
    pub(super) reliably: bool,
    /// The 2xx waits for the PRACK of a session description (RFC 3262 §5).
    pub(super) accepted: Option<Accepted>,
    /// The INVITE's Expires (§13.3.1).
    pub(super) expires: Option<Instant>,
}

/// What `accept` was called with.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) sdp: Option<Bytes>,
    pub(super) headers: Headers,
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
    /// A re-INVITE or an UPDATE is out.
    Sent {
        request: OutgoingId,
        /// INVITE or UPDATE.
        by: Method,
        /// The peer's: it may be one of several forks.
        tag: String,
        /// The offer in it; none in a re-INVITE that asks for the peer's.
        sdp: Option<Bytes>,
        /// Nobody waits for its outcome: it keeps the session alive (RFC 4028 §10).
        silent: bool,
    },
    /// A 2xx brought the offer: `answer_late` sends the ACK.
    Late {
        invite: OutgoingId,
        tag: String,
    },
}

/// An UPDATE without offer: one is out at a time (RFC 3311 §5.2), and of those that wait only the newest counts.
#[derive(Debug, Default)]
pub(super) struct Telling {
    pub(super) out: Option<OutgoingId>,
    pub(super) next: Option<Headers>,
}

/// What may go out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// What is held back.
    Offer,
    /// An UPDATE without offer.
    Tell,
    /// A re-INVITE that changes nothing.
    Reinvite,
}

/// What `offer` or `update` was called with.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) method: Method,
    pub(super) sdp: Option<Bytes>,
    pub(super) headers: Headers,
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
            invited: None,
            stage,
            theirs: None,
            ours: Ours::None,
            held: None,
            telling: Telling::default(),
            unacked: None,
            reliable: Reliable::Unused,
            expiration: Expiration::Off,
            refresh: false,
            min_se: 0,
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

    /// Whether an offer or an INVITE is under way in either direction, or an ACK is missing (§14.1).
    pub(super) fn is_exchanging(&self) -> bool {
        !matches!(self.ours, Ours::None) || self.theirs.is_some() || self.unacked.is_some()
    }

    /// Whether the offer of the first INVITE is answered in an early dialog that can take UPDATE offers (RFC 3311 §5.1).
    pub(super) fn is_settled_early(&self) -> bool {
        match &self.stage {
            Stage::Calling(calling) => calling.hang_up.is_none() && calling.early.last().is_some_and(|e| e.settled),
            Stage::Ringing(ringing) => ringing.accepted.is_none() && self.reliable.has_settled(),
            Stage::Talking { .. } | Stage::Closing { .. } => false,
        }
    }

    /// Whether something of ours waits for its turn.
    pub(super) fn is_waiting(&self) -> bool {
        self.held.is_some() || self.telling.next.is_some() || self.refresh
    }

    /// What of that may go out now.
    pub(super) fn turn(&self) -> Option<Turn> {
        let talking = matches!(self.stage, Stage::Talking { bye_after_ack: None, .. });
        let early = matches!(self.stage, Stage::Calling(Calling { hang_up: None, .. }) | Stage::Ringing(_));
        if !talking && !early {
            return None;
        }
        let updating = self.telling.out.is_some() || matches!(self.ours, Ours::Sent { by: Method::Update, .. });
        if let Some(held) = &self.held
            && (talking || self.is_settled_early())
            && !self.is_exchanging()
            && !(held.method == Method::Update && updating)
        {
            return Some(Turn::Offer);
        }
        let by_update = self.refresh && talking && self.peer.allows(&Method::Update);
        if (self.telling.next.is_some() || by_update) && !updating {
            return Some(Turn::Tell);
        }
        let by_invite = self.refresh && talking && !by_update && self.described.is_some();
        (by_invite && !self.is_exchanging()).then_some(Turn::Reinvite)
    }

    pub(super) fn is_hanging_up(&self) -> bool {
        matches!(&self.stage, Stage::Calling(Calling { hang_up: Some(_), .. }) | Stage::Closing { .. })
    }

    pub(super) fn state_name(&self) -> &'static str {
        match &self.stage {
            Stage::Calling(Calling { hang_up: Some(_), .. }) => "it is being cancelled",
            Stage::Calling(_) => "it is not answered yet",
            Stage::Ringing(ringing) if ringing.accepted.is_some() => "it is accepted",
            Stage::Ringing(_) => "it is ringing",
            Stage::Talking { bye_after_ack: Some(_), .. } | Stage::Closing { .. } => "it is being hung up",
            Stage::Talking { .. } => "it is answered",
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let stage = match &self.stage {
            Stage::Calling(Calling { hang_up: Some(HangUp::Cancelled { give_up }), .. }) => Some(*give_up),
            Stage::Ringing(ringing) => {
                // What waits for a PRACK keeps the INVITE alive by its copies.
                let again = ringing.last.as_ref().map(|(_, _, at)| *at).filter(|_| !ringing.unsent);
                [again, ringing.expires, self.reliable.deadline()].into_iter().flatten().min()
            }
            Stage::Talking { .. } => self.expiration.deadline(),
            Stage::Calling(_) | Stage::Closing { .. } => None,
        };
        let unacked = self.unacked.as_ref().and_then(|unacked| unacked.answering.deadline());
        [stage, unacked].into_iter().flatten().min()
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
            self.cancel_unanswered(now, id);
        } else if let Stage::Ringing(_) = session.stage {
            self.ringing_due(now, id);
        } else {
            self.unacked_due(now, id);
            self.expiration_due(now, id);
        }
        self.arm_session(id);
    }
}
