//! What the switch says: actions go to the endpoint and the sound, one to one; events go to the board, the queue and
//! the futures that wait.
use super::Driver;
use super::waiting::Want;
use crate::error::Error;
use crate::event::{CallChange, CallId, EndReason, Event, Phase, Task};
use crate::handle::Incoming;
use crate::park::Slot;
use bytes::Bytes;
use call::{Action, LegId};
use sdp::SessionDescription;
use sip_core::StatusCode;
use sip_core::endpoint::{Misuse, SessionId};
use sip_core::header::Name;
use std::time::Instant;

impl Driver {
    pub(super) fn act(&mut self, now: Instant, leg: LegId, action: Action) {
        match action {
            Action::Invite { sdp } => return self.invite(now, leg, sdp),
            Action::Media(agreed) => return self.configure(leg, *agreed),
            Action::Mute(muted) => {
                if let Some(stream) = self.lines.stream(leg) {
                    self.engine.set_muted(stream, muted);
                }
                return;
            }
            Action::Dtmf(digits) => return self.send_keys(now, leg, digits.as_str()),
            Action::StopMedia => return self.close_stream(leg),
            Action::Refer(referral) => return self.refer(now, leg, &referral),
            Action::Consult(target) => return self.consult_by_keys(now, leg, &target.0),
            _ => {}
        }
        // The rest is for the dialog. Without one it is over, and the switch hears of that or has heard already.
        let Some(session) = self.lines.session(leg) else { return };
        if let Err(misuse) = self.converse(now, leg, session, action) {
            tracing::debug!(%misuse, "the dialog was faster than the call");
        }
    }

    fn converse(&mut self, now: Instant, leg: LegId, session: SessionId, action: Action) -> Result<(), Misuse> {
        let endpoint = &mut self.endpoint;
        match action {
            Action::Ring { status } => endpoint.ring(now, session, code(status), None),
            Action::Accept { sdp } => endpoint.accept(now, session, Some(text(&sdp)), Vec::new()),
            Action::Refuse { status } => {
                let forward_to =
                    self.lines.line(leg).and_then(|line| line.forward_to.clone()).filter(|_| status == 302);
                let contact = forward_to.map(|to| (Name::Contact, format!("<{to}>")));
                endpoint.refuse(now, session, code(status), contact.into_iter().collect())
            }
            Action::HangUp => endpoint.hang_up(now, session, Vec::new()),
            Action::Offer { sdp } => endpoint.offer(now, session, Some(text(&sdp))),
            Action::AnswerLate { sdp } => endpoint.answer_late(now, session, text(&sdp)),
            Action::AnswerOffer { sdp } => match self.lines.take_offer(leg) {
                Some(offer) => endpoint.answer_offer(now, session, offer, text(&sdp)),
                None => Err(Misuse::Gone),
            },
            Action::RefuseOffer { status } => match self.lines.take_offer(leg) {
                Some(offer) => endpoint.refuse_offer(now, session, offer, code(status)),
                None => Err(Misuse::Gone),
            },
            _ => Err(Misuse::Argument("an action that this version does not know")),
        }
    }

    pub(super) fn switch_says(&mut self, now: Instant, leg: LegId, event: call::Event) {
        let id = CallId(leg);
        match event {
            call::Event::Incoming => self.announce(id),
            call::Event::Ringing => {
                self.report_refer(now, leg, 180);
                self.change(id, CallChange::Ringing, |call| call.phase = Phase::Ringing);
            }
            call::Event::EarlyMedia => self.change(id, CallChange::EarlyMedia, |call| call.phase = Phase::EarlyMedia),
            call::Event::Answered => {
                tracing::debug!(call = %id, "answered");
                self.report_refer(now, leg, 200);
                self.answer_at.remove(&leg);
                if let Some(slot) = self.lines.line(leg).and_then(|line| line.takes.take()) {
                    self.slot_over(slot, false);
                }
                self.change(id, CallChange::Answered, |call| {
                    call.phase = Phase::Active;
                    call.answered = Some(now);
                });
                self.board.up(id);
                self.waiting.settle_call(id, |want| (want == Want::Answered).then_some(Ok(())));
            }
            call::Event::Held => {
                self.change(id, CallChange::Held, |call| call.held = true);
                self.settle_hold(leg, true);
            }
            call::Event::Resumed => {
                self.change(id, CallChange::Resumed, |call| call.held = false);
                self.settle_hold(leg, false);
            }
            call::Event::HoldRefused { status } => {
                self.change(id, CallChange::HoldRefused { status }, |_| {});
                let refused = || Error::Refused { doing: "the hold", status, reason: String::new() };
                self.waiting.settle_call(id, |want| (want == Want::Held).then(|| Err(refused())));
            }
            call::Event::ResumeRefused { status } => {
                self.change(id, CallChange::ResumeRefused { status }, |_| {});
                let refused = || Error::Refused { doing: "the resume", status, reason: String::new() };
                self.waiting.settle_call(id, |want| (want == Want::Resumed).then(|| Err(refused())));
            }
            call::Event::RemoteHeld => self.change(id, CallChange::RemoteHeld, |call| call.remote_held = true),
            call::Event::RemoteResumed => self.change(id, CallChange::RemoteResumed, |call| call.remote_held = false),
            call::Event::Muted(muted) => self.change(id, CallChange::Muted(muted), |call| call.muted = muted),
            call::Event::TransferProgress { status } => {
                self.change(id, CallChange::TransferProgress { status }, |_| {})
            }
            call::Event::Transferred => {
                self.change(id, CallChange::Transferred, |_| {});
                self.waiting.settle_call(id, |want| (want == Want::Transferred).then_some(Ok(())));
            }
            call::Event::TransferFailed { status } => {
                self.change(id, CallChange::TransferFailed { status }, |_| {});
                self.waiting
                    .settle_call(id, |want| (want == Want::Transferred).then(|| Err(failed("the transfer", status))));
            }
            call::Event::Parked { slot } => {
                let slot = slot.map_or(Slot::Unknown, |slot| Slot::At(slot.0));
                self.change(id, CallChange::Parked(slot.clone()), |_| {});
                self.waiting.settle_parked(id, &slot);
                self.parked(leg, slot);
            }
            call::Event::ParkFailed { status } => {
                self.change(id, CallChange::ParkFailed { status }, |_| {});
                self.waiting.settle_call(id, |want| (want == Want::Parked).then(|| Err(failed("the park", status))));
            }
            call::Event::HangUpHeldBack => self.change(id, CallChange::HangUpHeldBack, |_| {}),
            call::Event::TransferWait { number } => self.change(id, CallChange::TransferWait(number), |_| {}),
            call::Event::TransferWaitOver => self.change(id, CallChange::TransferWaitOver, |_| {}),
            call::Event::ReplacedBy(other) => {
                self.waiting
                    .settle_call(id, |want| (want != Want::Ended).then_some(Err(Error::Ended(EndReason::Replaced))));
                self.change(id, CallChange::ReplacedBy(CallId(other)), |_| {});
            }
            call::Event::Bridged(other) => {
                self.arrange();
                self.change(id, CallChange::Bridged(CallId(other)), |_| {});
            }
            call::Event::Conference(on) => self.change(id, CallChange::Conference(on), |_| {}),
            call::Event::Ended(reason) => self.ended(now, leg, reason),
            _ => tracing::debug!("an event of the switch that this version does not know"),
        }
    }

    /// The switch took the call in: it is worth ringing. One that it refused at once never shows.
    fn announce(&mut self, id: CallId) {
        let (Some(state), Some(life), Some(door)) = (self.board.call(id), self.board.life(id), self.door.open()) else {
            return;
        };
        tracing::debug!(call = %id, "a call comes in");
        self.announced.insert(id);
        self.publish(Event::Incoming(Incoming::new(state, life, door)));
    }

    pub(super) fn change(&mut self, id: CallId, change: CallChange, write: impl FnOnce(&mut crate::CallState)) {
        if self.board.with_call(id, write).is_some() {
            self.publish(Event::Call { id, change });
        }
    }

    /// A hold or resume was agreed. Who waits for the opposite waits on only if that is still the wish.
    fn settle_hold(&mut self, leg: LegId, held: bool) {
        let wish = self.switch.leg(leg).is_some_and(|view| view.held);
        self.waiting.settle_call(CallId(leg), |want| match (want, held) {
            (Want::Held, true) | (Want::Resumed, false) => Some(Ok(())),
            (Want::Held, false) if !wish => {
                Some(Err(Error::Misuse { doing: "hold", state: "the call was resumed meanwhile" }))
            }
            (Want::Resumed, true) if wish => {
                Some(Err(Error::Misuse { doing: "resume", state: "the call was held meanwhile" }))
            }
            _ => None,
        });
    }

    /// What the board shows of a leg beside its events: what it is busy with, and with whom it is together.
    pub(super) fn draw(&self, leg: LegId) {
        let Some(view) = self.switch.leg(leg) else { return };
        let bridge = self.switch.bridges().iter().find(|pair| pair.contains(&leg));
        self.board.with_call(CallId(leg), |call| {
            call.task = view.task.map(|task| match task {
                call::Task::Park => Task::Park,
                call::Task::Parked => Task::Parked,
                _ => Task::Transfer,
            });
            call.transfer_wait = self.switch.transfer_wait(leg).map(str::to_owned);
            call.conference = self.switch.conference().contains(&leg);
            call.bridged = bridge.and_then(|pair| pair.iter().find(|other| **other != leg)).map(|other| CallId(*other));
        });
    }

    fn ended(&mut self, now: Instant, leg: LegId, reason: call::EndReason) {
        let id = CallId(leg);
        self.answer_at.remove(&leg);
        self.report_refer(now, leg, refused_with(reason));
        self.arrange();
        let reason = if self.stopping.is_some() && reason == call::EndReason::LocalHangup {
            EndReason::Shutdown
        } else {
            self.reason(leg, reason)
        };
        // The peer's reason phrase may name anybody; its number does not.
        tracing::debug!(call = %id, status = status(&reason), "ended");
        let dialled = self.board.call(id).is_some_and(|call| call.direction == crate::Direction::Outgoing);
        if dialled {
            self.sound_refused(now, &reason);
        }
        self.write_down(id, &reason);
        self.board.end_call(id, reason.clone());
        self.lines.close(leg);
        self.waiting.settle_call(id, |want| {
            Some(match want {
                Want::Ended => Ok(()),
                Want::Transferred if reason == EndReason::Transferred => Ok(()),
                Want::Answered | Want::Held | Want::Resumed | Want::Transferred | Want::Parked => {
                    Err(Error::from_end("the call", reason.clone()))
                }
            })
        });
        if self.announced.remove(&id) || dialled {
            self.publish(Event::Call { id, change: CallChange::Ended(reason) });
        }
    }

    fn reason(&mut self, leg: LegId, reason: call::EndReason) -> EndReason {
        match reason {
            call::EndReason::LocalHangup | call::EndReason::Cancelled => EndReason::LocalHangup,
            call::EndReason::RemoteHangup => EndReason::RemoteHangup,
            call::EndReason::Missed if self.lines.line(leg).is_some_and(|line| line.elsewhere) => {
                EndReason::AnsweredElsewhere
            }
            call::EndReason::Missed => EndReason::Cancelled,
            call::EndReason::Declined { status: 302 } => EndReason::Forwarded,
            call::EndReason::Declined { status } => EndReason::Rejected { status },
            call::EndReason::Transferred => EndReason::Transferred,
            call::EndReason::Parked => EndReason::Parked,
            call::EndReason::Replaced => EndReason::Replaced,
            call::EndReason::Refused { status: 415 | 488 | 606 } => EndReason::NoCommonCodec,
            call::EndReason::Refused { status } => {
                let phrase = || code(status).default_reason().to_owned();
                EndReason::Refused { status, reason: self.lines.take_reason(leg).unwrap_or_else(phrase) }
            }
            call::EndReason::NoAnswer => EndReason::NoAnswer,
            call::EndReason::Timeout => EndReason::Timeout,
            call::EndReason::Network => EndReason::Unreachable,
            call::EndReason::NoCommonCodec => EndReason::NoCommonCodec,
            _ => EndReason::Lost,
        }
    }
}

fn status(reason: &EndReason) -> Option<u16> {
    match reason {
        EndReason::Refused { status, .. } | EndReason::Rejected { status } => Some(*status),
        _ => None,
    }
}

/// What a transferor is told of a call that ended before its answer; one that was answered has been told already.
fn refused_with(reason: call::EndReason) -> u16 {
    match reason {
        call::EndReason::Refused { status } => status,
        call::EndReason::NoCommonCodec => 488,
        call::EndReason::Cancelled | call::EndReason::LocalHangup => 487,
        call::EndReason::Network => 503,
        _ => 408,
    }
}

/// A transfer or a park that came to nothing.
fn failed(doing: &'static str, status: Option<u16>) -> Error {
    match status {
        Some(status) => Error::Refused { doing, status, reason: code(status).default_reason().to_owned() },
        None => Error::Timeout { doing },
    }
}

/// A status of the switch's. It only makes statuses in range, so the other arm is for show.
pub(super) fn code(status: u16) -> StatusCode {
    StatusCode::new(status).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}

pub(super) fn text(sdp: &SessionDescription) -> Bytes {
    Bytes::from(sdp.to_string())
}
