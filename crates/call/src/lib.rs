//! Call control as pure machines: legs, and the switch over them. No SIP text, no socket, no clock, no sound.
//!
//! ```text
//!              Command                          Event, View
//!   user ───────────────┐                 ┌───────────────────► user
//!                       ▼                 │
//!                  ┌──────────────────────────┐
//!                  │          Switch          │  who is live, who has to wait    switch
//!                  │   Leg    Leg    Leg      │  one call each                   leg
//!                  └──────────────────────────┘
//!              Signal   ▲                 │    Action
//!   dialog ─────────────┘                 └───────────────────► dialog: INVITE, 200, re-INVITE, BYE ...
//!                                                               sound: Media, Mute, Dtmf, StopMedia
//! ```
//!
//! A [`Leg`] is a value: [`Leg::step`] takes it with one input and gives the next leg and what to do. The [`Switch`] owns
//! the legs by [`LegId`] and routes. Signals mirror what the SIP endpoint tells of a session and actions what it can be
//! told, one to one; descriptions are negotiated here, by [`sdp`].
//!
//! The contract of the switch: one [`Switch::dial`], [`Switch::incoming`] or `handle_*`; then drain
//! [`Switch::poll_action`] and [`Switch::poll_event`]; then arm one timer for [`Switch::poll_timeout`].
//!
//! ```
//! use call::{Action, Command, Event, Local, Signal, Switch};
//! # use std::time::Instant;
//! # #[allow(clippy::disallowed_methods)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Instant::now();
//! let mut alice = Switch::new([1; 32]);
//! let mut bob = Switch::new([2; 32]);
//!
//! // Alice dials. Her INVITE reaches Bob, whose phone rings.
//! let to_bob = alice.dial(now, Local::new("192.0.2.1:4000".parse()?));
//! let Some((_, Action::Invite { sdp: Some(offer) })) = alice.poll_action() else { panic!("an INVITE") };
//! let offer = offer.to_string();
//! let from_alice = bob.incoming(now, Some(offer.as_bytes()), Local::new("192.0.2.2:5000".parse()?));
//! assert_eq!(bob.poll_event(), Some((from_alice, Event::Incoming)));
//!
//! // Bob answers. His 200 reaches Alice.
//! bob.handle_command(now, from_alice, Command::Answer)?;
//! let accept = std::iter::from_fn(|| bob.poll_action()).find_map(|(_, action)| match action {
//!     Action::Accept { sdp } => Some(sdp.to_string().into_bytes()),
//!     _ => None,
//! });
//! alice.handle_signal(now, to_bob, Signal::Answered { sdp: accept });
//! assert_eq!(alice.poll_event(), Some((to_bob, Event::Answered)));
//! let Some((_, Action::Media(agreed))) = alice.poll_action() else { panic!("sound") };
//! assert_eq!(agreed.remote_rtp, "192.0.2.2:5000".parse()?);
//!
//! // A command that makes no sense now says why, and changes nothing.
//! let misuse = alice.handle_command(now, to_bob, Command::Answer).unwrap_err();
//! assert_eq!(misuse.to_string(), "cannot answer: the call is answered");
//! # Ok(())
//! # }
//! ```
//!
//! What holds, whatever users and peers do (`fuzz` checks it all):
//! - At most one offer of ours is outstanding; every offer of the peer gets one answer or one refusal.
//! - A leg ends once, with an [`EndReason`], and says nothing more. Its sound has stopped by then.
//! - A refused command has changed nothing. A refusal by the peer leaves the call usable, and is not followed at once by
//!   the same question.
//! - Once the peer agrees to all, the wire is what the user wants.
//! - Sound flows on one leg at most, unless [`Policy::hold_others`] is off.
//! - Nobody gets lost: whoever called is cut off only if the user said so, and while a transfer or a park may still fail
//!   only if they said it twice.
//!
//! A transfer or a park is an errand of its leg (`leg/errand.rs`), codes out of keys are a machine beside it ([`keypad`]), and
//! what concerns several legs (consultation, conference, bridge, following a REFER) is the switch's. [`lot`] remembers what
//! was parked.
//!
//! Deliberately absent: answers in reliable provisional responses (RFC 3262), and so offers of ours within an early dialog.
#![forbid(unsafe_code)]

mod dice;
#[doc(hidden)]
pub mod fuzz;
pub mod keypad;
pub mod leg;
pub mod lot;
pub mod switch;
pub mod vocab;

pub use keypad::{Codes, Keys};
pub use leg::{Leg, Phase, Ring, Task, View, Why};
pub use sdp::{Agreed, Direction, Local};
pub use switch::{Policy, Switch, Traits};
pub use vocab::{
    Action, Command, Digits, EndReason, Event, InvalidDigits, LegId, Loss, Misuse, Park, ReferEnd, Referral, Signal,
    Slot, Target,
};
