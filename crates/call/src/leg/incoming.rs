//! An INVITE rings here.
#![warn(clippy::wildcard_enum_match_arm)]

use super::active::{Active, Exchange, Proposal, Wish};
use super::{GIVE_UP_AFTER, Input, Leg, Output, Party, Place, Ring, Say, Start, end};
use crate::vocab::{Action, Command, EndReason, Event, Misuse, Signal};
use sdp::{Agreed, Direction, SessionDescription};
use std::time::Instant;

/// The state between the caller's INVITE and our final response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub(super) party: Party,
    reply: Reply,
    pub(super) give_up_at: Instant,
    /// The status when nobody answers.
    unanswered: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reply {
    /// The INVITE had an offer; this is the answer, made on arrival so that answering cannot fail.
    Answer { ours: SessionDescription, agreed: Box<Agreed> },
    /// The INVITE had none: our 2xx brings it.
    Offer,
}

impl Incoming {
    /// RFC 3261 §13.3.1.3: an offer that cannot be accepted is refused with 488 at once; nobody hears it ring.
    pub(super) fn start(now: Instant, start: Start, ring: Ring, offer: Option<&[u8]>, out: &mut Vec<Output>) -> Leg {
        match Self::hear(now, start, ring, offer) {
            Ok(incoming) => {
                out.act(Action::Ring { status: 180 });
                out.tell(Event::Incoming);
                Leg::Incoming(incoming)
            }
            Err(reason) => refuse(488, reason, out),
        }
    }

    /// RFC 3891 §3: the INVITE takes the place of a call of ours, so nobody is asked.
    pub(super) fn replace(
        now: Instant,
        start: Start,
        place: Place,
        offer: Option<&[u8]>,
        out: &mut Vec<Output>,
    ) -> Leg {
        let ring = Ring { give_up_after: start.ring_for, unanswered: 480 };
        match Self::hear(now, start, ring, offer) {
            Ok(incoming) => incoming.answer(now, place, out),
            Err(reason) => refuse(488, reason, out),
        }
    }

    fn hear(now: Instant, start: Start, ring: Ring, offer: Option<&[u8]>) -> Result<Self, EndReason> {
        let mut party = Party::new(start);
        let reply = match offer.map(|offer| party.answer(Direction::SendRecv, offer)).transpose()? {
            None => Reply::Offer,
            Some((ours, agreed)) => Reply::Answer { ours, agreed: Box::new(agreed) },
        };
        Ok(Self { party, reply, give_up_at: now + ring.give_up_after, unanswered: ring.unanswered })
    }

    pub(super) fn step(mut self, now: Instant, input: Input, out: &mut Vec<Output>) -> Leg {
        match input {
            Input::Command(command) => match command {
                Command::Answer => return self.answer(now, Place::User, out),
                Command::Reject(status @ 300..=699) => return refuse(status, EndReason::Declined { status }, out),
                Command::Reject(_) => out.misuse(&command, "the status must be 300 to 699"),
                Command::HangUp => return refuse(603, EndReason::Declined { status: 603 }, out),
                Command::Mute(on) => self.party.mute(on, out),
                Command::Hold | Command::Resume | Command::Dtmf(_) | Command::Transfer(_) | Command::Park(_) => {
                    out.misuse(&command, "the call is not answered yet");
                }
            },
            Input::Refer { .. } => {
                out.push(Output::Misuse(Misuse { doing: "transfer", state: "the call is not answered yet" }));
            }
            Input::Signal(signal) => match signal {
                Signal::Cancelled | Signal::Bye | Signal::Ended => return end(EndReason::Missed, out),
                // RFC 3311 §5.2: the caller's first offer has no answer yet.
                Signal::Offer { .. } => out.act(Action::RefuseOffer { status: 500 }),
                Signal::Progress { .. }
                | Signal::Answered { .. }
                | Signal::Refused { .. }
                | Signal::Lost(_)
                | Signal::Acknowledged { .. }
                | Signal::OfferAnswered { .. }
                | Signal::OfferRefused { .. }
                | Signal::ReferAccepted
                | Signal::ReferProgress(_)
                | Signal::ReferEnded(_)
                | Signal::Parked(_)
                | Signal::Connected { .. } => {}
            },
            Input::Deadline if now >= self.give_up_at => return refuse(self.unanswered, EndReason::Missed, out),
            Input::Deadline | Input::Place(_) | Input::Proceed => {}
        }
        Leg::Incoming(self)
    }

    fn answer(self, now: Instant, place: Place, out: &mut Vec<Output>) -> Leg {
        let Self { mut party, reply, .. } = self;
        let (ours, agreed, offer) = match reply {
            Reply::Answer { ours, agreed } => (ours, Some(*agreed), None),
            Reply::Offer => {
                let ours = party.offer(Direction::SendRecv);
                (ours.clone(), None, Some(Proposal { ours, asks: Wish::Talk }))
            }
        };
        out.act(Action::Accept { sdp: ours });
        let exchange = Exchange::Acknowledge { offer, give_up_at: now + GIVE_UP_AFTER };
        Active::new(party, false, place, agreed, exchange).begin(now, None, out)
    }
}

fn refuse(status: u16, reason: EndReason, out: &mut Vec<Output>) -> Leg {
    out.act(Action::Refuse { status });
    end(reason, out)
}
