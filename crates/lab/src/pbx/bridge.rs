//! A call from one phone to another: two dialogs back to back (a B2BUA), session descriptions passed through unchanged,
//! so that sound flows directly between the phones.
//!
//! ```text
//!  Ringing: the caller's INVITE, one branch for each binding of the callee
//!     │ a branch answers: the others are cancelled        │ all refuse, or the caller gives up
//!     ▼                                                    ▼
//!  Talking: what one side asks, the other is asked ───────► Over: what still lives is hung up
//! ```

use std::collections::BTreeSet;
use std::time::Instant;

use sip_core::endpoint::{Endpoint, Headers, Invite, OfferId, SessionEvent, SessionId};
use sip_core::header::Name;
use sip_core::message::Fields;
use sip_core::status::StatusCode;

use super::told;

/// One call between two users.
#[derive(Debug)]
pub(super) struct Bridge {
    caller: SessionId,
    /// What the caller is told about the callee.
    identity: Headers,
    state: State,
}

#[derive(Debug)]
enum State {
    Ringing {
        branches: BTreeSet<SessionId>,
        best: Option<StatusCode>,
        told: Option<StatusCode>,
        forked: bool,
        late: bool,
    },
    Talking {
        callee: SessionId,
        exchange: Exchange,
    },
    Over,
}

/// An offer on its way from one side to the other. One at a time, as on one dialog (RFC 3264 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    Idle,
    /// `asked` has the offer of the other side, or its wish for one (`late`), and has not answered.
    Offered {
        id: OfferId,
        asked: SessionId,
        late: bool,
    },
    /// The side that asked without an offer was given the one of `owed`; its ACK must bring the answer.
    Late {
        owed: SessionId,
    },
}

impl Bridge {
    /// Calls every binding of the callee. The sessions are the new branches.
    pub(super) fn start(
        now: Instant,
        endpoint: &mut Endpoint,
        caller: SessionId,
        identity: Headers,
        invites: Vec<Invite>,
    ) -> (Self, Vec<SessionId>) {
        let forked = invites.len() > 1;
        let late = invites.iter().any(|invite| invite.offer.is_none());
        let branches: Vec<SessionId> = invites.into_iter().map(|invite| endpoint.invite(now, invite)).collect();
        let ringing = branches.iter().copied().collect();
        (
            Self {
                caller,
                identity,
                state: State::Ringing { branches: ringing, best: None, told: None, forked, late },
            },
            branches,
        )
    }

    /// Both sides are connected.
    pub(super) fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking { .. })
    }

    /// The two sides, when they are connected and nothing is being negotiated between them.
    pub(super) fn sides(&self) -> Option<(SessionId, SessionId)> {
        match self.state {
            State::Talking { callee, exchange: Exchange::Idle } => Some((self.caller, callee)),
            State::Talking { .. } | State::Ringing { .. } | State::Over => None,
        }
    }

    /// The other side of a connected session.
    pub(super) fn other(&self, session: SessionId) -> Option<SessionId> {
        match self.state {
            State::Talking { callee, .. } if session == self.caller => Some(callee),
            State::Talking { callee, .. } if session == callee => Some(self.caller),
            State::Talking { .. } | State::Ringing { .. } | State::Over => None,
        }
    }

    /// It has lasted too long.
    pub(super) fn give_up(&mut self, now: Instant, endpoint: &mut Endpoint) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Ringing { branches, .. } => {
                cancel(now, endpoint, branches, Vec::new());
                told(endpoint.refuse(now, self.caller, StatusCode::TEMPORARILY_UNAVAILABLE, Vec::new()));
            }
            State::Talking { callee, .. } => cancel(now, endpoint, [self.caller, callee], Vec::new()),
            State::Over => {}
        }
    }

    pub(super) fn handle(&mut self, now: Instant, endpoint: &mut Endpoint, session: SessionId, event: SessionEvent) {
        match &mut self.state {
            State::Ringing { .. } if session == self.caller => self.caller_while_ringing(now, endpoint, event),
            State::Ringing { .. } => self.branch(now, endpoint, session, event),
            State::Talking { callee, .. } if session == self.caller || session == *callee => {
                self.talking(now, endpoint, session, event);
            }
            // The branches that lost, and both sides at the end: only their ends still come.
            State::Talking { .. } | State::Over => {}
        }
    }

    fn caller_while_ringing(&mut self, now: Instant, endpoint: &mut Endpoint, event: SessionEvent) {
        let State::Ringing { branches, .. } = &mut self.state else { return };
        match event {
            SessionEvent::Cancelled { request } => {
                let headers = request.as_ref().map(|request| reason_of(request)).unwrap_or_default();
                cancel(now, endpoint, std::mem::take(branches), headers);
                self.state = State::Over;
            }
            SessionEvent::Bye { .. } | SessionEvent::Ended => {
                cancel(now, endpoint, std::mem::take(branches), Vec::new());
                self.state = State::Over;
            }
            _ => {}
        }
    }

    fn branch(&mut self, now: Instant, endpoint: &mut Endpoint, session: SessionId, event: SessionEvent) {
        let State::Ringing { branches, best, told: last, forked, late } = &mut self.state else { return };
        match event {
            SessionEvent::Progress { status, sdp, .. } => {
                // The caller has one dialog with us, and all answers in it must be the same one (RFC 3261 §13.2.1):
                // early media of several branches cannot be passed on.
                let sdp = sdp.filter(|_| !*forked);
                if sdp.is_none() && last.replace(status) == Some(status) {
                    return;
                }
                told(endpoint.ring(now, self.caller, status, sdp));
            }
            SessionEvent::Answered { sdp, .. } => {
                branches.remove(&session);
                let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned();
                let losers = std::mem::take(branches);
                cancel(now, endpoint, losers, vec![(Name::Reason, elsewhere)]);
                told(endpoint.accept(now, self.caller, sdp, self.identity.clone()));
                let exchange = if *late { Exchange::Late { owed: session } } else { Exchange::Idle };
                self.state = State::Talking { callee: session, exchange };
            }
            SessionEvent::Refused { status, .. } => {
                branches.remove(&session);
                *best = Some(better(*best, status));
                let decided = status.code() >= 600;
                if decided || branches.is_empty() {
                    let status = best.filter(|_| !decided).unwrap_or(status);
                    cancel(now, endpoint, std::mem::take(branches), Vec::new());
                    told(endpoint.refuse(now, self.caller, passed_on(status), Vec::new()));
                    self.state = State::Over;
                }
            }
            SessionEvent::Ended => {
                branches.remove(&session);
            }
            _ => {}
        }
    }

    fn talking(&mut self, now: Instant, endpoint: &mut Endpoint, session: SessionId, event: SessionEvent) {
        let Some(other) = self.other(session) else { return };
        let State::Talking { exchange, .. } = &mut self.state else { return };
        match event {
            SessionEvent::Offer { id, sdp, .. } => {
                let late = sdp.is_none();
                if *exchange == Exchange::Idle && endpoint.offer(now, other, sdp).is_ok() {
                    *exchange = Exchange::Offered { id, asked: other, late };
                } else {
                    told(endpoint.refuse_offer(now, session, id, StatusCode::REQUEST_PENDING));
                }
            }
            SessionEvent::OfferAnswered { sdp, .. } => {
                let Exchange::Offered { id, asked, late } = *exchange else { return };
                if asked != session {
                    return;
                }
                *exchange = if late { Exchange::Late { owed: session } } else { Exchange::Idle };
                match sdp {
                    Some(sdp) => told(endpoint.answer_offer(now, other, id, sdp)),
                    None => told(endpoint.refuse_offer(now, other, id, StatusCode::NOT_ACCEPTABLE_HERE)),
                }
            }
            SessionEvent::OfferRefused { status, .. } => {
                if let Exchange::Offered { id, asked, .. } = *exchange
                    && asked == session
                {
                    *exchange = Exchange::Idle;
                    told(endpoint.refuse_offer(now, other, id, passed_on(status)));
                }
            }
            SessionEvent::Acknowledged { sdp } => {
                if *exchange != (Exchange::Late { owed: other }) {
                    return;
                }
                *exchange = Exchange::Idle;
                match sdp {
                    Some(sdp) => told(endpoint.answer_late(now, other, sdp)),
                    // RFC 3261 §13.2.1: it had to answer in the ACK. Nothing can be agreed any more.
                    None => {
                        told(endpoint.hang_up(now, session, Vec::new()));
                        self.end(now, endpoint, other, Vec::new());
                    }
                }
            }
            SessionEvent::Bye { request } => self.end(now, endpoint, other, reason_of(&request)),
            SessionEvent::Ended => self.end(now, endpoint, other, Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, now: Instant, endpoint: &mut Endpoint, other: SessionId, headers: Headers) {
        self.state = State::Over;
        told(endpoint.hang_up(now, other, headers));
    }
}

fn cancel(now: Instant, endpoint: &mut Endpoint, sessions: impl IntoIterator<Item = SessionId>, headers: Headers) {
    for session in sessions {
        told(endpoint.hang_up(now, session, headers.clone()));
    }
}

/// RFC 3326: why it ended goes along with the end.
fn reason_of(fields: &Fields) -> Headers {
    fields.values(&Name::Reason).map(|value| (Name::Reason, value.to_owned())).collect()
}

/// RFC 3261 §16.7 step 6: 6xx before all, else the lowest class, there the earliest.
fn better(best: Option<StatusCode>, new: StatusCode) -> StatusCode {
    let rank = |status: StatusCode| if status.code() >= 600 { 0 } else { status.code() / 100 };
    match best {
        Some(best) if rank(best) <= rank(new) => best,
        Some(_) | None => new,
    }
}

/// What the caller is told: a redirection or a challenge of the callee's is nothing that it could follow.
fn passed_on(status: StatusCode) -> StatusCode {
    match status.code() {
        300..=399 | 401 | 407 => StatusCode::TEMPORARILY_UNAVAILABLE,
        _ => status,
    }
}
