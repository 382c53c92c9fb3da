//! One call leg as a value. [`Leg::step`] is total, does no I/O and reads no clock.
//!
//! ```text
//!              Leg::dial                2xx                   hang up: CANCEL, BYE
//!   (start) ─────────────► Dialing ──────────► Active ───────────────────────────► Closing ─┐
//!              INVITE sent    │  ↺ 1xx           │  ↺ hold, resume, mute,  ▲              │ gone, or 32 s
//!                             │ refused, lost    │    keys, offers of both │              ▼
//!              Leg::incoming  ├──────────────────┼─────────────────────────┼──────────► Ended
//!   (start) ─────────────► Incoming ─────────────┘ answer                  │              ▲
//!              180 sent       └── declined, cancelled, BYE, no codec ──────┴──────────────┘
//! ```
//! Read `leg/active.rs` for hold and resume: the wish, the wire, and the one place that decides to send an offer; and
//! `leg/errand.rs` for transfer and park.
#![warn(clippy::wildcard_enum_match_arm)]

mod active;
mod dialing;
mod errand;
mod incoming;

use crate::dice::Dice;
use crate::vocab::{Action, Command, EndReason, Event, Misuse, Referral, Signal};
use active::Active;
use dialing::Dialing;
pub use errand::{BYE_PATIENCE, KEYED_PATIENCE, REFER_PATIENCE, SLOT_GRACE, Task};
use incoming::Incoming;
use sdp::{Agreed, Direction, History, Local, SessionDescription, Unacceptable};
use std::time::{Duration, Instant};

/// How long a hang-up waits for its answer before the leg is over all the same, and a 2xx for its ACK: 64*T1,
/// RFC 3261 §17.1.1.2 and §13.3.1.4.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(32);

/// How often an offer is sent before a 491 or a `Retry-After` counts as a refusal.
pub const MAX_TRIES: u8 = 6;
/// The longest `Retry-After` that is waited for; a longer one is a refusal.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);

/// One call leg. A state holds only what is true in it; a timer is a field of the state it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a phone has few legs, and most of them are the large ones")]
pub enum Leg {
    /// Our INVITE is out.
    Dialing(Dialing),
    /// An INVITE came and rings.
    Incoming(Incoming),
    /// Answered.
    Active(Active),
    /// We hung up; the dialog is being taken down.
    Closing(Closing),
    /// Over, for ever.
    Ended(EndReason),
}

/// What [`Leg::step`] takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The user wants something.
    Command(Command),
    /// The dialog tells something.
    Signal(Signal),
    /// Where the leg's sound belongs from now on.
    Place(Place),
    /// Hand the peer over: first the hold, then this REFER; where it has to `wait`, not before [`Input::Proceed`].
    Refer {
        /// What the REFER asks.
        referral: Referral,
        /// Whether something else has to happen first.
        wait: bool,
    },
    /// What a REFER had to wait for has happened.
    Proceed,
    /// [`Leg::deadline`] is due.
    Deadline,
}

/// Where the sound of a leg belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// With the user's microphone and ear.
    User,
    /// Nowhere: the user turned to another leg, and this one is silent and on hold.
    Elsewhere,
    /// With another leg, without the user.
    Bridge,
}

/// How an incoming call rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// How long.
    pub give_up_after: Duration,
    /// The status that it is then refused with: 480, or 302 where it is forwarded.
    pub unanswered: u16,
}

/// What [`Leg::step`] gives, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Something to do.
    Do(Action),
    /// Something to tell the user.
    Tell(Event),
    /// The command was refused; nothing has changed.
    Misuse(Misuse),
}

impl Output {
    /// The refusal, if it is one.
    pub fn misuse(&self) -> Option<Misuse> {
        match self {
            Self::Misuse(misuse) => Some(*misuse),
            Self::Do(_) | Self::Tell(_) => None,
        }
    }
}

/// Why a leg has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It rings too long.
    NoAnswer,
    /// The ACK to our 2xx is missing.
    Acknowledge,
    /// The peer was busy with an offer of its own; ours is due again (RFC 3261 §14.1).
    Backoff,
    /// Our hang-up was not answered.
    Farewell,
    /// A transfer or a park takes too long.
    Errand,
    /// No further digit of a number or a code came.
    Keys,
}

/// With what a leg begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// Our sockets and codecs.
    pub local: Local,
    /// The seed of everything random on this leg.
    pub seed: [u8; 32],
    /// How long it may ring.
    pub ring_for: Duration,
}

/// What a front end draws of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// How far it is.
    pub phase: Phase,
    /// Whether the user wants it on hold.
    pub held: bool,
    /// Whether the user's microphone and ear belong to it.
    pub live: bool,
    /// Whether the peer does not listen.
    pub remote_held: bool,
    /// Whether the microphone is off.
    pub muted: bool,
    /// A transfer or a park that is under way.
    pub task: Option<Task>,
    /// Whether nothing is under way: no offer out, no ACK or retry awaited, and the wire is as the user wants it.
    pub settled: bool,
    /// Codecs and addresses, once settled.
    pub agreed: Option<Agreed>,
}

/// How far a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The INVITE is out.
    Dialing,
    /// The callee's phone rings.
    Ringing,
    /// The callee's side sends sound before the answer.
    EarlyMedia,
    /// It rings here.
    Incoming,
    /// Answered.
    Active,
    /// We hung up.
    Closing,
    /// Over.
    Ended(EndReason),
}

impl Leg {
    /// Calls someone, with an offer or, `late`, asking the callee for one.
    pub fn dial(now: Instant, start: Start, late: bool) -> (Self, Vec<Output>) {
        let mut out = Vec::new();
        (Dialing::start(now, start, late, &mut out), out)
    }

    /// Takes an INVITE in, with the offer's body if it has one.
    pub fn incoming(now: Instant, start: Start, ring: Ring, offer: Option<&[u8]>) -> (Self, Vec<Output>) {
        let mut out = Vec::new();
        (Incoming::start(now, start, ring, offer, &mut out), out)
    }

    /// Takes an INVITE in that has the place of another call, and answers it at once.
    pub fn replacing(now: Instant, start: Start, place: Place, offer: Option<&[u8]>) -> (Self, Vec<Output>) {
        let mut out = Vec::new();
        (Incoming::replace(now, start, place, offer, &mut out), out)
    }

    /// Turns an INVITE away with 486 because the phone has no room for it.
    pub fn busy() -> (Self, Vec<Output>) {
        let mut out = Vec::new();
        out.act(Action::Refuse { status: 486 });
        (end(EndReason::Declined { status: 486 }, &mut out), out)
    }

    /// When [`Input::Deadline`] is due, and why.
    pub fn deadline(&self) -> Option<(Instant, Why)> {
        match self {
            Self::Dialing(state) => Some((state.give_up_at, Why::NoAnswer)),
            Self::Incoming(state) => Some((state.give_up_at, Why::NoAnswer)),
            Self::Active(state) => state.deadline(),
            Self::Closing(state) => Some((state.give_up_at, Why::Farewell)),
            Self::Ended(_) => None,
        }
    }

    /// Moves the leg. Every state takes every input; what makes no sense in it is ignored, a command is refused.
    pub fn step(self, now: Instant, input: Input) -> (Self, Vec<Output>) {
        let mut out = Vec::new();
        let next = match self {
            Self::Dialing(state) => state.step(now, input, &mut out),
            Self::Incoming(state) => state.step(now, input, &mut out),
            Self::Active(state) => state.step(now, input, &mut out),
            Self::Closing(state) => state.step(now, input, &mut out),
            Self::Ended(reason) => {
                match input {
                    Input::Command(command) => out.misuse(&command, "the call is over"),
                    Input::Refer { .. } => {
                        out.push(Output::Misuse(Misuse { doing: "transfer", state: "the call is over" }));
                    }
                    Input::Signal(_) | Input::Place(_) | Input::Proceed | Input::Deadline => {}
                }
                Self::Ended(reason)
            }
        };
        (next, out)
    }

    /// Whether the user is at this leg: talking, waiting for the answer, or having put it on hold without turning to
    /// another. A leg that is held but attended talks again by itself if the peer refuses the hold.
    pub fn is_attended(&self) -> bool {
        match self {
            Self::Dialing(state) => state.attended,
            Self::Active(state) => state.place == Place::User,
            Self::Incoming(_) | Self::Closing(_) | Self::Ended(_) => false,
        }
    }

    /// Whether the user's microphone and ear are on this leg, or will be as soon as it is answered.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Dialing(state) => state.attended,
            Self::Active(state) => state.is_live(),
            Self::Incoming(_) | Self::Closing(_) | Self::Ended(_) => false,
        }
    }

    /// See [`View::settled`].
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Active(state) => state.is_settled(),
            Self::Ended(_) => true,
            Self::Dialing(_) | Self::Incoming(_) | Self::Closing(_) => false,
        }
    }

    /// What a front end draws.
    pub fn view(&self) -> View {
        let view = View {
            phase: Phase::Closing,
            held: false,
            live: self.is_live(),
            remote_held: false,
            muted: false,
            task: None,
            settled: self.is_settled(),
            agreed: None,
        };
        let with = |phase, held, muted, agreed: Option<&Agreed>| View {
            phase,
            held,
            live: view.live,
            remote_held: agreed.is_some_and(|agreed| agreed.remote_hold),
            muted,
            task: None,
            settled: view.settled,
            agreed: agreed.cloned(),
        };
        match self {
            Self::Dialing(state) => with(state.phase(), !state.attended, state.party.muted, state.early()),
            Self::Incoming(state) => with(Phase::Incoming, false, state.party.muted, None),
            Self::Active(state) => {
                View { task: state.task(), ..with(Phase::Active, state.is_held(), state.party.muted, state.agreed()) }
            }
            Self::Closing(_) => view,
            Self::Ended(reason) => View { phase: Phase::Ended(*reason), ..view },
        }
    }
}

/// We hung up: what is left is to wait for the dialog to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    reason: EndReason,
    give_up_at: Instant,
}

impl Closing {
    fn step(self, now: Instant, input: Input, out: &mut Vec<Output>) -> Leg {
        match input {
            Input::Signal(signal) => match signal {
                // The 2xx crossed our CANCEL (RFC 3261 §9.1): hang the answered call up.
                Signal::Answered { .. } => out.act(Action::HangUp),
                Signal::Offer { .. } => out.act(Action::RefuseOffer { status: 481 }),
                Signal::Refused { .. } | Signal::Lost(_) | Signal::Cancelled | Signal::Bye | Signal::Ended => {
                    out.tell(Event::Ended(self.reason));
                    return Leg::Ended(self.reason);
                }
                Signal::Progress { .. }
                | Signal::Acknowledged { .. }
                | Signal::OfferAnswered { .. }
                | Signal::OfferRefused { .. }
                | Signal::ReferAccepted
                | Signal::ReferProgress(_)
                | Signal::ReferEnded(_)
                | Signal::Parked(_)
                | Signal::Connected { .. } => {}
            },
            Input::Deadline if now >= self.give_up_at => {
                out.tell(Event::Ended(self.reason));
                return Leg::Ended(self.reason);
            }
            Input::Command(command) => out.misuse(&command, "the call is being hung up"),
            Input::Refer { .. } => {
                out.push(Output::Misuse(Misuse { doing: "transfer", state: "the call is being hung up" }));
            }
            Input::Deadline | Input::Place(_) | Input::Proceed => {}
        }
        Leg::Closing(self)
    }
}

/// What is true of a leg until it is hung up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    local: Local,
    history: History,
    dice: Dice,
    muted: bool,
}

impl Party {
    fn new(start: Start) -> Self {
        let mut dice = Dice::new(start.seed);
        let history = History::new(dice.number());
        Self { local: start.local, history, dice, muted: false }
    }

    fn offer(&mut self, direction: Direction) -> SessionDescription {
        let ours = sdp::offer(&self.local, direction, &self.history);
        self.history.record(&ours);
        ours
    }

    fn answer(&mut self, direction: Direction, body: &[u8]) -> Result<(SessionDescription, Agreed), EndReason> {
        let offer = sdp::parse(body).map_err(|_| EndReason::BadDescription)?;
        let (ours, agreed) = sdp::answer(&self.local, direction, &self.history, &offer).map_err(end_reason)?;
        self.history.record(&ours);
        self.history.settle(&ours, &offer);
        Ok((ours, agreed))
    }

    /// Reads the answer to `ours`.
    fn accept(&mut self, ours: &SessionDescription, body: Option<&[u8]>) -> Result<Agreed, EndReason> {
        let answer = sdp::parse(body.ok_or(EndReason::BadDescription)?).map_err(|_| EndReason::BadDescription)?;
        let agreed = sdp::accept(ours, &answer).map_err(end_reason)?;
        self.history.settle(ours, &answer);
        Ok(agreed)
    }

    fn decline(&mut self, body: &[u8]) -> Option<SessionDescription> {
        let ours = sdp::decline(&self.local, &self.history, &sdp::parse(body).ok()?);
        self.history.record(&ours);
        Some(ours)
    }

    fn mute(&mut self, on: bool, out: &mut Vec<Output>) {
        self.muted = on;
        out.act(Action::Mute(on));
        out.tell(Event::Muted(on));
    }
}

fn end_reason(why: Unacceptable) -> EndReason {
    match why {
        Unacceptable::NoAddress => EndReason::BadDescription,
        Unacceptable::NoAudio | Unacceptable::NoCommonCodec => EndReason::NoCommonCodec,
    }
}

/// The session is already gone, or never was.
fn end(reason: EndReason, out: &mut Vec<Output>) -> Leg {
    out.act(Action::StopMedia);
    out.tell(Event::Ended(reason));
    Leg::Ended(reason)
}

/// Takes the session down. No sound from this moment on.
fn close(now: Instant, reason: EndReason, out: &mut Vec<Output>) -> Leg {
    out.act(Action::HangUp);
    out.act(Action::StopMedia);
    Leg::Closing(Closing { reason, give_up_at: now + GIVE_UP_AFTER })
}

/// Sends keys if the sound that flows can carry them.
fn dtmf(sound: Option<&Agreed>, command: Command, out: &mut Vec<Output>) {
    match (command, sound) {
        (Command::Dtmf(digits), Some(Agreed { direction, send_events: Some(_), .. })) if direction.sends() => {
            out.act(Action::Dtmf(digits));
        }
        (command, Some(Agreed { send_events: None, .. })) => out.misuse(&command, "the other side takes no keys"),
        (command, Some(_)) => out.misuse(&command, "the call is on hold"),
        (command, None) => out.misuse(&command, "there is no sound yet"),
    }
}

/// Short words for the machine's outputs.
trait Say {
    fn act(&mut self, action: Action);
    fn tell(&mut self, event: Event);
    fn misuse(&mut self, command: &Command, state: &'static str);
}

impl Say for Vec<Output> {
    fn act(&mut self, action: Action) {
        self.push(Output::Do(action));
    }

    fn tell(&mut self, event: Event) {
        self.push(Output::Tell(event));
    }

    fn misuse(&mut self, command: &Command, state: &'static str) {
        self.push(Output::Misuse(Misuse { doing: command.name(), state }));
    }
}

#[cfg(test)]
mod tests;
