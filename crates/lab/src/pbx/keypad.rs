//! Feature codes: what the keys of a phone in a call mean to the PBX.
//!
//! ```text
//!          `*` or `#`                    a number, complete or waited for
//!   Idle ─────────────► Collecting ───────────────────────► Consulting (only `*`)
//!    ▲                     │ a code again, no such number        │ `*1` (Features), `*` (Guide): back
//!    └─────────────────────┴─────────────────────────────────────┘ `*2` (Features), hanging up: complete
//! ```
//!
//! `*` asks the one who is called before the call is handed over, `#` does not. A number is taken as soon as no longer one
//! begins with it, or when no key has come for [`BETWEEN_KEYS`].

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Which feature codes the phone of a user has, in calls with other users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codes {
    /// None: every key is passed on.
    Off,
    /// `#` and a number: blind transfer. `*` and a number: attended; while it is under way `*1` returns to the first call
    /// and `*2` or hanging up completes.
    #[default]
    Features,
    /// The same, but a second `*` returns to the first call, even while digits are collected; only hanging up completes.
    Guide,
}

/// After that long without a key the number is taken to be complete.
pub(super) const BETWEEN_KEYS: Duration = Duration::from_secs(3);
/// The keys of a code of two follow each other within this.
const BETWEEN_CODE: Duration = Duration::from_secs(1);
/// Digits of a number.
const MAX_DIGITS: usize = 32;

/// The keys of one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keypad {
    codes: Codes,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Collecting {
        transfer: Transfer,
        digits: String,
        due: Instant,
    },
    /// A call to the target of `*` is under way. `star`: a `*` came and the key after it decides, until then.
    Consulting {
        star: Option<Instant>,
    },
}

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    Attended,
    Blind,
}

/// What happens to a keypad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Key(char),
    /// The time of [`Keypad::poll_timeout`] has come.
    Time,
    /// The leg talks to nobody that it could transfer, or the transfer is over.
    Reset,
}

/// How far digits are a number of the PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// No number begins so.
    Nothing,
    /// Numbers begin so.
    Part,
    /// A number, and others begin so.
    Number,
    /// A number, and no other begins so.
    Complete,
}

/// What the PBX is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The other side waits with music.
    Hold,
    /// Back to the one who waits; `failed` with a tone that says so.
    Back { failed: bool },
    /// Call the number.
    Dial { transfer: Transfer, number: String },
    /// Give up the call to the target, and back to the one who waits.
    Abort,
    /// Join the one who waits and the target.
    Complete,
}

/// What came of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) action: Option<Action>,
    /// The key was for the PBX and is not passed on.
    pub(super) consumed: bool,
}

const PASSED: Outcome = Outcome { action: None, consumed: false };
const TAKEN: Outcome = Outcome { action: None, consumed: true };

fn act(action: Action) -> Outcome {
    Outcome { action: Some(action), consumed: true }
}

impl Keypad {
    pub(super) fn new(codes: Codes) -> Self {
        Self { codes, state: State::Idle }
    }

    /// When [`Input::Time`] is wanted.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Collecting { due, .. } => Some(*due),
            State::Idle | State::Consulting { .. } => None,
        }
    }

    /// `plan` says how far digits are a number.
    pub(super) fn step(self, now: Instant, input: Input, plan: impl Fn(&str) -> Match) -> (Self, Outcome) {
        let codes = self.codes;
        let (state, outcome) = match (self.state, input) {
            (state, Input::Key(_)) if codes == Codes::Off => (state, PASSED),
            (_, Input::Reset) => (State::Idle, TAKEN),
            (State::Idle, Input::Key('*')) => (collect(now, Transfer::Attended), act(Action::Hold)),
            (State::Idle, Input::Key('#')) => (collect(now, Transfer::Blind), act(Action::Hold)),
            (State::Idle, Input::Key(_)) => (State::Idle, PASSED),
            (State::Collecting { transfer, digits, .. }, Input::Key('#')) => dial(transfer, digits, &plan),
            (State::Collecting { .. }, Input::Key('*')) => (State::Idle, act(Action::Back { failed: false })),
            (State::Collecting { transfer, mut digits, .. }, Input::Key(key)) => {
                digits.push(key);
                if plan(&digits) == Match::Complete || digits.len() >= MAX_DIGITS {
                    dial(transfer, digits, &plan)
                } else {
                    (State::Collecting { transfer, digits, due: now + BETWEEN_KEYS }, TAKEN)
                }
            }
            (State::Collecting { transfer, digits, due }, Input::Time) if due <= now => dial(transfer, digits, &plan),
            (State::Consulting { .. }, Input::Key('*')) if codes == Codes::Guide => (State::Idle, act(Action::Abort)),
            (State::Consulting { .. }, Input::Key('*')) => {
                (State::Consulting { star: Some(now + BETWEEN_CODE) }, TAKEN)
            }
            (State::Consulting { star: Some(until) }, Input::Key('1')) if now <= until => {
                (State::Idle, act(Action::Abort))
            }
            (State::Consulting { star: Some(until) }, Input::Key('2')) if now <= until => {
                (State::Idle, act(Action::Complete))
            }
            (State::Consulting { .. }, Input::Key(_)) => (State::Consulting { star: None }, PASSED),
            (state, Input::Time) => (state, TAKEN),
        };
        (Self { codes, state }, outcome)
    }
}

fn collect(now: Instant, transfer: Transfer) -> State {
    State::Collecting { transfer, digits: String::new(), due: now + BETWEEN_KEYS }
}

fn dial(transfer: Transfer, number: String, plan: impl Fn(&str) -> Match) -> (State, Outcome) {
    if !matches!(plan(&number), Match::Number | Match::Complete) {
        return (State::Idle, act(Action::Back { failed: true }));
    }
    let state = match transfer {
        Transfer::Attended => State::Consulting { star: None },
        Transfer::Blind => State::Idle,
    };
    (state, act(Action::Dial { transfer, number }))
}
