//! Our INVITE is out: ringing, early media, the answer.
#![warn(clippy::wildcard_enum_match_arm)]

use super::active::{Active, Exchange};
use super::{Input, Leg, Output, Party, Phase, Place, Say, Start, close, dtmf, end};
use crate::vocab::{Action, Command, EndReason, Event, Loss, Misuse, Signal};
use sdp::{Agreed, Direction, SessionDescription};
use std::time::Instant;

/// The state between our INVITE and its final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialing {
    pub(super) party: Party,
    opening: Opening,
    progress: Progress,
    /// Whether the user's microphone and ear belong to this leg.
    pub(super) attended: bool,
    pub(super) give_up_at: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Opening {
    /// Our INVITE had the offer. `early` is what the last provisional response made of it: not yet binding, because no
    /// reliable response has come (RFC 3261 §13.2.1), but good enough to listen.
    Offered { ours: SessionDescription, early: Option<Box<Agreed>> },
    /// Our INVITE had none: the 2xx brings the offer.
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Sent,
    Ringing,
}

impl Dialing {
    pub(super) fn start(now: Instant, start: Start, late: bool, out: &mut Vec<Output>) -> Leg {
        let give_up_at = now + start.ring_for;
        let mut party = Party::new(start);
        let opening = if late {
            out.act(Action::Invite { sdp: None });
            Opening::Late
        } else {
            let ours = party.offer(Direction::SendRecv);
            out.act(Action::Invite { sdp: Some(ours.clone()) });
            Opening::Offered { ours, early: None }
        };
        Leg::Dialing(Self { party, opening, progress: Progress::Sent, attended: true, give_up_at })
    }

    pub(super) fn phase(&self) -> Phase {
        match (self.early(), self.progress) {
            (Some(_), _) => Phase::EarlyMedia,
            (None, Progress::Ringing) => Phase::Ringing,
            (None, Progress::Sent) => Phase::Dialing,
        }
    }

    pub(super) fn early(&self) -> Option<&Agreed> {
        match &self.opening {
            Opening::Offered { early, .. } => early.as_deref(),
            Opening::Late => None,
        }
    }

    /// What flows before the answer.
    fn sound(&self) -> Option<Agreed> {
        let early = self.early()?;
        Some(early.clone().directed(if self.attended { early.direction } else { Direction::Inactive }))
    }

    pub(super) fn step(mut self, now: Instant, input: Input, out: &mut Vec<Output>) -> Leg {
        let before = self.sound();
        match input {
            Input::Command(command) => match command {
                Command::HangUp => return close(now, EndReason::Cancelled, out),
                Command::Mute(on) => self.party.mute(on, out),
                Command::Dtmf(_) => dtmf(before.as_ref(), command, out),
                Command::Resume if !self.attended => {
                    self.attended = true;
                    out.tell(Event::Resumed);
                }
                Command::Answer | Command::Reject(_) => out.misuse(&command, "the call is an outgoing one"),
                Command::Hold | Command::Resume | Command::Transfer(_) | Command::Park(_) => {
                    out.misuse(&command, "the call is not answered yet");
                }
            },
            Input::Refer { .. } => {
                out.push(Output::Misuse(Misuse { doing: "transfer", state: "the call is not answered yet" }));
            }
            Input::Signal(signal) => match signal {
                Signal::Progress { status, sdp } => self.progress(status, sdp.as_deref(), out),
                Signal::Answered { sdp } => return self.answered(now, sdp.as_deref(), out),
                Signal::Refused { status } => return end(EndReason::Refused { status }, out),
                Signal::Lost(Loss::Timeout) => return end(EndReason::Timeout, out),
                Signal::Lost(Loss::Network) => return end(EndReason::Network, out),
                Signal::Bye => return end(EndReason::RemoteHangup, out),
                Signal::Ended => return end(EndReason::Lost, out),
                // RFC 3311 §5.2: our own offer has no binding answer yet.
                Signal::Offer { .. } => out.act(Action::RefuseOffer { status: 491 }),
                Signal::Cancelled
                | Signal::Acknowledged { .. }
                | Signal::OfferAnswered { .. }
                | Signal::OfferRefused { .. }
                | Signal::ReferAccepted
                | Signal::ReferProgress(_)
                | Signal::ReferEnded(_)
                | Signal::Parked(_)
                | Signal::Connected { .. } => {}
            },
            Input::Place(place) => self.attended = place == Place::User,
            Input::Deadline if now >= self.give_up_at => return close(now, EndReason::NoAnswer, out),
            Input::Deadline | Input::Proceed => {}
        }
        if let Some(sound) = self.sound().filter(|sound| before.as_ref() != Some(sound)) {
            out.act(Action::Media(Box::new(sound)));
        }
        Leg::Dialing(self)
    }

    fn progress(&mut self, status: u16, sdp: Option<&[u8]>, out: &mut Vec<Output>) {
        if status == 180 && self.progress == Progress::Sent {
            self.progress = Progress::Ringing;
            out.tell(Event::Ringing);
        }
        if let (Opening::Offered { ours, early }, Some(_)) = (&mut self.opening, sdp) {
            // A description that cannot be used is no reason to give up: only the one in the 2xx binds.
            if let Ok(agreed) = self.party.accept(ours, sdp) {
                if early.is_none() {
                    out.tell(Event::EarlyMedia);
                }
                *early = Some(Box::new(agreed));
            }
        }
    }

    fn answered(self, now: Instant, sdp: Option<&[u8]>, out: &mut Vec<Output>) -> Leg {
        let before = self.sound();
        let Self { mut party, opening, attended, .. } = self;
        let agreed = match (opening, sdp) {
            // RFC 3261 §13.2.1: the 2xx need not repeat the answer that a provisional response had.
            (Opening::Offered { early, .. }, None) => early.map(|agreed| *agreed).ok_or(EndReason::BadDescription),
            (Opening::Offered { ours, .. }, Some(_)) => party.accept(&ours, sdp),
            (Opening::Late, None) => Err(EndReason::BadDescription),
            (Opening::Late, Some(offer)) => match party.answer(Direction::SendRecv, offer) {
                Ok((sdp, agreed)) => {
                    out.act(Action::AnswerLate { sdp });
                    Ok(agreed)
                }
                Err(reason) => {
                    // RFC 3261 §13.2.2.4: even an unacceptable offer gets a valid answer in the ACK, then a BYE.
                    if let Some(sdp) = party.decline(offer) {
                        out.act(Action::AnswerLate { sdp });
                    }
                    Err(reason)
                }
            },
        };
        match agreed {
            Ok(agreed) => {
                let place = if attended { Place::User } else { Place::Elsewhere };
                Active::new(party, true, place, Some(agreed), Exchange::Idle).begin(now, before.as_ref(), out)
            }
            Err(reason) => close(now, reason, out),
        }
    }
}
