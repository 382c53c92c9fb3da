//! The answered call.
//!
//! Hold is level-triggered: `wish` is what the user wants, `wire` what the peer has agreed to, and `Active::reconcile` is
//! the one place that sends an offer because they differ. So a hold toggled during a re-INVITE, or one that crosses the
//! peer's on the wire, is no special case. `attended` says whether the microphone and the ear belong to this leg at all:
//! a leg that the user left is silent even where its peer refuses to be held. A transfer or a park is the leg's `errand`
//! (`leg/errand.rs`), which waits until the hold is settled.
#![warn(clippy::wildcard_enum_match_arm)]

use super::errand::{Errand, KEYED_PATIENCE, Task, Verdict};
use super::{GIVE_UP_AFTER, Input, Leg, MAX_RETRY_AFTER, MAX_TRIES, Output, Party, Place, Say, Why, close, dtmf, end};
use crate::vocab::{Action, Command, EndReason, Event, Misuse, Park, Referral, Signal};
use sdp::{Agreed, Direction, SessionDescription};
use std::time::{Duration, Instant};

/// The state between the 2xx to the INVITE and the BYE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    pub(super) party: Party,
    /// Whether we sent the INVITE, and so own the Call-ID (RFC 3261 §14.1).
    caller: bool,
    pub(super) place: Place,
    pub(super) wish: Wish,
    pub(super) wire: Wish,
    /// `None` only while the answer to the offer in our 2xx is awaited.
    agreed: Option<Agreed>,
    pub(super) exchange: Exchange,
    pub(super) errand: Errand,
}

/// Our side of hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Talk,
    Hold,
}

impl Wish {
    /// RFC 6337 §5.3: a description states our wish, whatever the peer does.
    fn direction(self) -> Direction {
        match self {
            Self::Talk => Direction::SendRecv,
            Self::Hold => Direction::SendOnly,
        }
    }

    fn agreed(self) -> Event {
        match self {
            Self::Talk => Event::Resumed,
            Self::Hold => Event::Held,
        }
    }

    fn refused(self, status: u16) -> Event {
        match self {
            Self::Talk => Event::ResumeRefused { status },
            Self::Hold => Event::HoldRefused { status },
        }
    }
}

/// RFC 3264 §4: at most one offer is outstanding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    Idle,
    /// Our 2xx awaits its ACK, which brings the answer if the 2xx had the offer.
    Acknowledge {
        offer: Option<Proposal>,
        give_up_at: Instant,
    },
    /// Our re-INVITE is out, for the `tries`th time.
    Ours {
        offer: Proposal,
        tries: u8,
    },
    /// The peer was busy with an offer of its own.
    Backoff {
        retry_at: Instant,
        tries: u8,
    },
}

/// An offer of ours and what it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) ours: SessionDescription,
    pub(super) asks: Wish,
}

impl Active {
    pub(super) fn new(party: Party, caller: bool, place: Place, agreed: Option<Agreed>, exchange: Exchange) -> Self {
        let wish = if place == Place::Elsewhere { Wish::Hold } else { Wish::Talk };
        Self { party, caller, place, wish, wire: Wish::Talk, agreed, exchange, errand: Errand::None }
    }

    /// The first moment of the state, after `before` flowed as early media.
    pub(super) fn begin(mut self, now: Instant, before: Option<&Agreed>, out: &mut Vec<Output>) -> Leg {
        if let Some(sound) = self.sound().filter(|sound| before != Some(sound)) {
            out.act(Action::Media(Box::new(sound)));
        }
        out.tell(Event::Answered);
        if self.remote_hold() {
            out.tell(Event::RemoteHeld);
        }
        self.reconcile(now, 1, out);
        Leg::Active(self)
    }

    pub(super) fn deadline(&self) -> Option<(Instant, Why)> {
        let exchange = match self.exchange {
            Exchange::Acknowledge { give_up_at, .. } => Some((give_up_at, Why::Acknowledge)),
            Exchange::Backoff { retry_at, .. } => Some((retry_at, Why::Backoff)),
            Exchange::Idle | Exchange::Ours { .. } => None,
        };
        exchange.into_iter().chain(self.errand.deadline().map(|at| (at, Why::Errand))).min()
    }

    pub(super) fn is_live(&self) -> bool {
        self.place == Place::User && self.wish == Wish::Talk
    }

    pub(super) fn task(&self) -> Option<Task> {
        self.errand.task()
    }

    pub(super) fn is_held(&self) -> bool {
        self.wish == Wish::Hold
    }

    pub(super) fn is_settled(&self) -> bool {
        self.exchange == Exchange::Idle && self.wish == self.wire
    }

    pub(super) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    pub(super) fn remote_hold(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| agreed.remote_hold)
    }

    /// What flows: what was agreed, and nothing at all while the user does not talk on this leg (RFC 3264 §8.4).
    fn sound(&self) -> Option<Agreed> {
        let agreed = self.agreed.as_ref()?;
        let flows = self.place != Place::Elsewhere && self.wish == Wish::Talk;
        Some(agreed.clone().directed(if flows { agreed.direction } else { Direction::Inactive }))
    }

    pub(super) fn step(mut self, now: Instant, input: Input, out: &mut Vec<Output>) -> Leg {
        let (sound, wire, remote_hold) = (self.sound(), self.wire, self.remote_hold());
        let (mut tries, mut verdict) = (1, Verdict::GoesOn);
        match input {
            Input::Command(command) => match command {
                Command::HangUp => verdict = self.errand.hang_up(out),
                Command::Mute(on) => self.party.mute(on, out),
                Command::Dtmf(_) => dtmf(sound.as_ref(), command, out),
                Command::Hold if self.is_held() => out.misuse(&command, "the call is on hold"),
                Command::Resume if self.is_live() => out.misuse(&command, "the call is not on hold"),
                Command::Answer | Command::Reject(_) => out.misuse(&command, "the call is answered"),
                Command::Resume if self.give_up_errand(out) => {
                    self.place = Place::User;
                    self.want(Wish::Talk, out);
                }
                Command::Hold | Command::Resume | Command::Transfer(_) | Command::Park(_) => {
                    self.unless_busy(now, command, sound.as_ref(), out);
                }
            },
            Input::Refer { referral, wait } => match self.errand.state() {
                Some(state) => out.push(Output::Misuse(Misuse { doing: "transfer", state })),
                None => self.refer(referral, wait),
            },
            Input::Proceed => self.errand.proceed(),
            Input::Signal(signal) => match signal {
                Signal::Offer { sdp } => self.offered(now, sdp.as_deref(), out),
                Signal::Acknowledged { sdp } => {
                    if let Err(reason) = self.acknowledged(sdp.as_deref(), out) {
                        return close(now, reason, out);
                    }
                }
                Signal::OfferAnswered { sdp } => self.answered(sdp.as_deref(), out),
                Signal::OfferRefused { status, retry_after } => {
                    if let Err(reason) = self.offer_refused(now, status, retry_after, out) {
                        return close(now, reason, out);
                    }
                }
                Signal::ReferAccepted => self.errand.accepted(now),
                Signal::ReferProgress(status) => self.errand.progress(status, out),
                Signal::ReferEnded(outcome) => verdict = self.errand.ended(now, outcome, out),
                Signal::Parked(slot) => verdict = self.errand.parked(slot, out),
                Signal::Bye => return end(self.errand.bye(out), out),
                Signal::Ended => return end(EndReason::Lost, out),
                Signal::Progress { .. }
                | Signal::Answered { .. }
                | Signal::Refused { .. }
                | Signal::Lost(_)
                | Signal::Cancelled
                | Signal::Connected { .. } => {}
            },
            Input::Place(place) => self.move_to(place, out),
            Input::Deadline => {
                if self.errand.deadline().is_some_and(|at| at <= now) {
                    self.errand.due(out);
                }
                match self.exchange {
                    Exchange::Backoff { retry_at, tries: before } if now >= retry_at => {
                        self.exchange = Exchange::Idle;
                        tries = before.saturating_add(1);
                    }
                    // RFC 3261 §13.3.1.4: no ACK in 64*T1 ends the session with a BYE.
                    Exchange::Acknowledge { give_up_at, .. } if now >= give_up_at => {
                        return close(now, EndReason::Timeout, out);
                    }
                    Exchange::Idle
                    | Exchange::Acknowledge { .. }
                    | Exchange::Ours { .. }
                    | Exchange::Backoff { .. } => {}
                }
            }
        }
        if let Verdict::Close(reason) = verdict {
            return close(now, reason, out);
        }
        self.report(sound.as_ref(), wire, remote_hold, out);
        self.reconcile(now, tries, out);
        Leg::Active(self)
    }

    /// What a transfer or a park that is under way excludes.
    fn unless_busy(&mut self, now: Instant, command: Command, sound: Option<&Agreed>, out: &mut Vec<Output>) {
        match (self.errand.state(), command) {
            (Some(state), command) => out.misuse(&command, state),
            (None, Command::Transfer(target)) => self.refer(Referral::To(target), false),
            (None, Command::Park(park)) => self.park(now, park, sound, out),
            (None, _) => self.want(Wish::Hold, out),
        }
    }

    /// First the hold, then the REFER. The user's microphone and ear leave the leg at once.
    fn refer(&mut self, referral: Referral, wait: bool) {
        self.place = Place::Elsewhere;
        self.wish = Wish::Hold;
        self.errand = Errand::Due { referral, wait, leave: false };
    }

    /// The exchange takes the peer as it is; the user goes on listening, for the slot may be spoken.
    fn park(&mut self, now: Instant, park: Park, sound: Option<&Agreed>, out: &mut Vec<Output>) {
        match park {
            Park::Refer { orbit, slot } => {
                self.errand = Errand::Due { referral: Referral::Park { orbit, slot }, wait: false, leave: false };
            }
            Park::Keys(digits) => {
                let before = out.len();
                dtmf(sound, Command::Dtmf(digits), out);
                if out[before..].iter().all(|output| output.misuse().is_none()) {
                    self.errand = Errand::Keyed { leave: false, give_up_at: now + KEYED_PATIENCE };
                }
            }
        }
    }

    /// Back to the peer, if the exchange has not been asked yet.
    fn give_up_errand(&mut self, out: &mut Vec<Output>) -> bool {
        let task = self.task();
        let given_up = self.errand.abandon();
        match task.filter(|_| given_up) {
            Some(Task::Transfer) => out.tell(Event::TransferFailed { status: None }),
            Some(Task::Park) => out.tell(Event::ParkFailed { status: None }),
            Some(Task::Parked) | None => {}
        }
        given_up
    }

    /// Where the user's microphone and ear are, or another leg's. A leg with an errand stays where it is.
    fn move_to(&mut self, place: Place, out: &mut Vec<Output>) {
        if self.place == place || place != Place::Elsewhere && !self.give_up_errand(out) {
            return;
        }
        self.place = place;
        if place == Place::Elsewhere { self.wish = Wish::Hold } else { self.want(Wish::Talk, out) }
    }

    /// Tells what has changed.
    fn report(&self, sound: Option<&Agreed>, wire: Wish, remote_hold: bool, out: &mut Vec<Output>) {
        if let Some(now) = self.sound().filter(|now| sound != Some(now)) {
            out.act(Action::Media(Box::new(now)));
        }
        if self.wire != wire {
            out.tell(self.wire.agreed());
        }
        if self.remote_hold() != remote_hold {
            out.tell(if remote_hold { Event::RemoteResumed } else { Event::RemoteHeld });
        }
    }

    /// The one place that decides to send a re-INVITE, and then a REFER.
    fn reconcile(&mut self, now: Instant, tries: u8, out: &mut Vec<Output>) {
        if self.exchange != Exchange::Idle {
            return;
        }
        if self.wish == self.wire {
            return self.errand.ask(now, out);
        }
        let offer = self.propose();
        out.act(Action::Offer { sdp: offer.ours.clone() });
        self.exchange = Exchange::Ours { offer, tries };
    }

    fn propose(&mut self) -> Proposal {
        Proposal { ours: self.party.offer(self.wish.direction()), asks: self.wish }
    }

    /// A new wish of the user. If the wire never left it, that is told at once: no answer is going to come.
    fn want(&mut self, wish: Wish, out: &mut Vec<Output>) {
        self.wish = wish;
        if self.wire == wish && !self.is_asking() {
            out.tell(wish.agreed());
        }
    }

    /// Whether an offer of ours is out that asks for something else than the wire has.
    fn is_asking(&self) -> bool {
        match &self.exchange {
            Exchange::Ours { offer, .. } | Exchange::Acknowledge { offer: Some(offer), .. } => offer.asks != self.wire,
            Exchange::Idle | Exchange::Acknowledge { offer: None, .. } | Exchange::Backoff { .. } => false,
        }
    }

    fn offered(&mut self, now: Instant, sdp: Option<&[u8]>, out: &mut Vec<Output>) {
        if let Exchange::Ours { .. } | Exchange::Acknowledge { offer: Some(_), .. } = self.exchange {
            return out.act(Action::RefuseOffer { status: 491 }); // RFC 3261 §14.2, RFC 3311 §5.2
        }
        let Some(offer) = sdp else {
            let offer = self.propose();
            out.act(Action::AnswerOffer { sdp: offer.ours.clone() });
            self.exchange = Exchange::Acknowledge { offer: Some(offer), give_up_at: now + GIVE_UP_AFTER };
            return;
        };
        match self.party.answer(self.wish.direction(), offer) {
            Ok((sdp, agreed)) => {
                out.act(Action::AnswerOffer { sdp });
                self.agreed = Some(agreed);
                // The answer states our wish, so a hold that was still to be asked for is now agreed.
                self.wire = self.wish;
            }
            Err(_) => out.act(Action::RefuseOffer { status: 488 }),
        }
    }

    /// The ACK came, with the answer if our 2xx had the offer. Without any agreement left the call cannot go on.
    fn acknowledged(&mut self, sdp: Option<&[u8]>, out: &mut Vec<Output>) -> Result<(), EndReason> {
        let Exchange::Acknowledge { offer, .. } = &mut self.exchange else { return Ok(()) };
        let offer = offer.take();
        self.exchange = Exchange::Idle;
        let Some(offer) = offer else { return Ok(()) };
        match self.party.accept(&offer.ours, sdp) {
            Err(reason) if self.agreed.is_none() => return Err(reason),
            agreed => self.concluded(offer.asks, agreed, out),
        }
        Ok(())
    }

    /// Our re-INVITE has its 2xx.
    fn answered(&mut self, sdp: Option<&[u8]>, out: &mut Vec<Output>) {
        let Exchange::Ours { offer, .. } = &self.exchange else { return };
        let (asked, agreed) = (offer.asks, self.party.accept(&offer.ours, sdp));
        self.exchange = Exchange::Idle;
        self.concluded(asked, agreed, out);
    }

    fn offer_refused(
        &mut self,
        now: Instant,
        status: u16,
        retry_after: Option<Duration>,
        out: &mut Vec<Output>,
    ) -> Result<(), EndReason> {
        let Exchange::Ours { offer, tries } = &self.exchange else { return Ok(()) };
        let (asked, tries) = (offer.asks, *tries);
        // RFC 3261 §12.2.1.2: the peer does not know the dialog any more, or never answers.
        if matches!(status, 408 | 481) {
            return Err(EndReason::Lost);
        }
        self.exchange = Exchange::Idle;
        // If the user changed their mind in the meantime there is nothing left to ask.
        let again = self.wish == asked && tries < MAX_TRIES;
        match self.backoff(status, retry_after).filter(|_| again) {
            Some(wait) => self.exchange = Exchange::Backoff { retry_at: now + wait, tries },
            None => self.refused(asked, status, out),
        }
        Ok(())
    }

    /// Our offer has its answer. One that cannot be used leaves everything as it was.
    fn concluded(&mut self, asked: Wish, agreed: Result<Agreed, EndReason>, out: &mut Vec<Output>) {
        match agreed {
            Ok(agreed) => {
                self.agreed = Some(agreed);
                self.wire = asked;
            }
            Err(_) => self.refused(asked, 488, out),
        }
    }

    /// Our offer came to nothing: the session stays as it was (RFC 3261 §14.1), and the wish gives in, lest the same be
    /// asked again at once.
    fn refused(&mut self, asked: Wish, status: u16, out: &mut Vec<Output>) {
        if asked == self.wire {
            return;
        }
        if self.wish == asked {
            self.wish = self.wire;
            out.tell(asked.refused(status));
        } else {
            // The user had changed their mind in the meantime, and has got their will.
            out.tell(self.wish.agreed());
        }
    }

    /// How long to wait before the same offer may be sent again; `None` if the refusal is final.
    fn backoff(&mut self, status: u16, retry_after: Option<Duration>) -> Option<Duration> {
        match (status, retry_after) {
            // RFC 3261 §14.1: the owner of the Call-ID waits 2.1 to 4 s, the other side 0 to 2 s, in units of 10 ms.
            (491, _) => {
                let (low, high) = if self.caller { (210, 400) } else { (0, 200) };
                Some(Duration::from_millis(self.party.dice.between(low, high) * 10))
            }
            // RFC 3261 §14.2: the peer has not finished with an INVITE.
            (500 | 503, Some(wait)) if wait <= MAX_RETRY_AFTER => Some(wait.max(Duration::from_secs(1))),
            _ => None,
        }
    }
}
