//! Transfer codes out of the keys that a user presses in a call.
//!
//! ```text
//!             `*`, `#`              number, then silence          hang up: the transfer is completed,
//!   Talking ───────────► Collecting ─────────────────► Consulting ── answered or not
//!     ▲  keys go to        │   │ `#`: transferred blind,   │
//!     │  the peer          │   │  the leg ends by itself   │
//!     └────────────────────┴───┴───────────────────────────┘ `*` again, target gone: back to the peer
//! ```
//! A key that cannot become a code goes out at once; one that still may waits for at most [`Codes::code_time`], so that the
//! menus of the other side keep working. The codes are carried out here or, where an exchange does it, only watched.
#![warn(clippy::wildcard_enum_match_arm)]

use crate::vocab::Digits;
use std::time::{Duration, Instant};

/// The most digits of a target's number.
pub const MAX_NUMBER: usize = 40;

/// Who interprets codes among the keys of a call.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Keys {
    /// Nobody: every key goes to the peer.
    #[default]
    Off,
    /// This phone: the codes do not reach the peer.
    Local(Codes),
    /// The exchange: every key goes to it, and the state shown to the user follows what it does.
    Pbx(Codes),
}

/// The codes and their times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Begins a transfer with consultation: `*`.
    pub attended: Digits,
    /// Begins a blind transfer: `#`.
    pub blind: Digits,
    /// Goes back to the peer, at any point: `*`.
    pub back: Digits,
    /// How long the next key of a code is awaited: 1 s.
    pub code_time: Duration,
    /// How long the first digit of the number is awaited: 10 s.
    pub first_digit: Duration,
    /// How long a further digit is awaited before the number is dialled: 3 s.
    pub inter_digit: Duration,
}

impl Default for Codes {
    fn default() -> Self {
        let code = |keys: &str| Digits::new(keys.to_owned());
        Self {
            attended: code("*"),
            blind: code("#"),
            back: code("*"),
            code_time: Duration::from_secs(1),
            first_digit: Duration::from_secs(10),
            inter_digit: Duration::from_secs(3),
        }
    }
}

/// Attended or blind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user talks to the target first, or hears it ring.
    Attended,
    /// The target is called by the other side at once.
    Blind,
}

/// The keys of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keypad {
    /// Nothing is under way. `begun` may become a code, until `flush_at`.
    Talking {
        /// Keys that did not go out yet.
        begun: String,
        /// Until when.
        flush_at: Option<Instant>,
    },
    /// The number of the target is awaited.
    Collecting {
        /// What is to be done with it.
        kind: Kind,
        /// The digits so far.
        number: String,
        /// Keys that may become the code to go back.
        begun: String,
        /// When the number is complete.
        due: Instant,
    },
    /// The target was dialled.
    Consulting {
        /// Keys that may become the code to go back.
        begun: String,
        /// Until when.
        flush_at: Option<Instant>,
    },
}

/// What a keypad takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// The user pressed a key.
    Key(char),
    /// The user hung up.
    HangUp,
    /// The target is gone, could not be dialled, or the user came back in another way.
    Back,
    /// The exchange has connected us with the target.
    Connected,
    /// [`Keypad::deadline`] is due.
    Deadline,
}

/// What a keypad wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Send these keys to whom the user talks with.
    Send(Digits),
    /// The peer is put on hold, and a number awaited.
    Hold,
    /// The number so far.
    Number(String),
    /// Dial the target.
    Consult(String),
    /// Transfer the peer to the target, blind.
    Transfer(String),
    /// Transfer the peer to the target that was dialled, answered or not.
    Complete,
    /// Back to the peer; what was dialled is hung up.
    Return,
}

impl Default for Keypad {
    fn default() -> Self {
        Self::Talking { begun: String::new(), flush_at: None }
    }
}

impl Keypad {
    /// Whether a transfer by keys is under way.
    pub fn is_waiting(&self) -> bool {
        !matches!(self, Self::Talking { .. })
    }

    /// When [`Press::Deadline`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Talking { flush_at, .. } | Self::Consulting { flush_at, .. } => *flush_at,
            Self::Collecting { due, .. } => Some(*due),
        }
    }

    /// Moves the keypad.
    pub fn step(self, now: Instant, codes: &Codes, press: Press) -> (Self, Vec<Do>) {
        let mut out = Vec::new();
        if matches!(press, Press::Key(key) if !Digits::is_key(key)) {
            return (self, out);
        }
        let next = match self {
            Self::Talking { begun, flush_at } => talking(now, codes, begun, flush_at, press, &mut out),
            Self::Collecting { kind, number, begun, due } => {
                collecting(now, codes, Collected { kind, number, begun, due }, press, &mut out)
            }
            Self::Consulting { begun, flush_at } => consulting(now, codes, begun, flush_at, press, &mut out),
        };
        (next, out)
    }
}

fn talking(
    now: Instant,
    codes: &Codes,
    begun: String,
    flush_at: Option<Instant>,
    press: Press,
    out: &mut Vec<Do>,
) -> Keypad {
    let all = [&codes.attended, &codes.blind];
    match press {
        Press::Key(key) => {
            let begun = sift(begun, key, &all, out);
            if let Some(kind) = fired(codes, &begun).filter(|_| !all.iter().any(|code| goes_on(code, &begun))) {
                return collect(now, codes, kind, out);
            }
            Keypad::Talking { flush_at: (!begun.is_empty()).then(|| now + codes.code_time), begun }
        }
        Press::Deadline if flush_at.is_some_and(|at| at <= now) => match fired(codes, &begun) {
            Some(kind) => collect(now, codes, kind, out),
            None => {
                send(begun, out);
                Keypad::default()
            }
        },
        Press::HangUp => Keypad::default(),
        Press::Back | Press::Connected | Press::Deadline => Keypad::Talking { begun, flush_at },
    }
}

struct Collected {
    kind: Kind,
    number: String,
    begun: String,
    due: Instant,
}

fn collecting(now: Instant, codes: &Codes, was: Collected, press: Press, out: &mut Vec<Do>) -> Keypad {
    let Collected { kind, mut number, begun, due } = was;
    match press {
        Press::Key('#') if begun.is_empty() && !number.is_empty() && !goes_on(&codes.back, "#") => {
            dial(kind, number, out)
        }
        Press::Key(key) => {
            let mut digits = Vec::new();
            let begun = sift(begun, key, &[&codes.back], &mut digits);
            if begun == codes.back.as_str() {
                out.push(Do::Return);
                return Keypad::default();
            }
            for digit in digits {
                if let Do::Send(digits) = digit {
                    number.push_str(digits.as_str());
                }
            }
            number.truncate(MAX_NUMBER); // keys are ASCII
            out.push(Do::Number(number.clone()));
            let wait = if number.is_empty() { codes.first_digit } else { codes.inter_digit };
            Keypad::Collecting { kind, number, begun, due: now + wait }
        }
        Press::Deadline if due > now => Keypad::Collecting { kind, number, begun, due },
        Press::Deadline | Press::HangUp if number.is_empty() => {
            out.push(Do::Return);
            Keypad::default()
        }
        Press::Deadline => dial(kind, number, out),
        // Whether or not the target answers: it is not even dialled yet.
        Press::HangUp => dial(Kind::Blind, number, out),
        Press::Back => Keypad::default(),
        Press::Connected => Keypad::Consulting { begun: String::new(), flush_at: None },
    }
}

fn consulting(
    now: Instant,
    codes: &Codes,
    begun: String,
    flush_at: Option<Instant>,
    press: Press,
    out: &mut Vec<Do>,
) -> Keypad {
    match press {
        Press::Key(key) => {
            let begun = sift(begun, key, &[&codes.back], out);
            if begun == codes.back.as_str() {
                out.push(Do::Return);
                return Keypad::default();
            }
            Keypad::Consulting { flush_at: (!begun.is_empty()).then(|| now + codes.code_time), begun }
        }
        Press::Deadline if flush_at.is_some_and(|at| at <= now) => {
            send(begun, out);
            Keypad::Consulting { begun: String::new(), flush_at: None }
        }
        Press::HangUp => {
            out.push(Do::Complete);
            Keypad::default()
        }
        Press::Back => Keypad::default(),
        Press::Connected | Press::Deadline => Keypad::Consulting { begun, flush_at },
    }
}

fn collect(now: Instant, codes: &Codes, kind: Kind, out: &mut Vec<Do>) -> Keypad {
    out.extend([Do::Hold, Do::Number(String::new())]);
    Keypad::Collecting { kind, number: String::new(), begun: String::new(), due: now + codes.first_digit }
}

fn dial(kind: Kind, number: String, out: &mut Vec<Do>) -> Keypad {
    match kind {
        Kind::Attended => {
            out.push(Do::Consult(number));
            Keypad::Consulting { begun: String::new(), flush_at: None }
        }
        Kind::Blind => {
            out.push(Do::Transfer(number));
            Keypad::default()
        }
    }
}

/// Adds a key to what may become a code, and sends what no longer can.
fn sift(begun: String, key: char, codes: &[&Digits], out: &mut Vec<Do>) -> String {
    let mut candidate = begun;
    candidate.push(key);
    let mut gone = 0;
    while !codes.iter().any(|code| code.as_str().starts_with(&candidate[gone..])) {
        gone += 1; // keys are ASCII; the empty rest is the start of any code
    }
    let rest = candidate.split_off(gone);
    send(candidate, out);
    rest
}

fn send(keys: String, out: &mut Vec<Do>) {
    if !keys.is_empty() {
        out.push(Do::Send(Digits::new(keys)));
    }
}

fn fired(codes: &Codes, begun: &str) -> Option<Kind> {
    if begun == codes.attended.as_str() {
        Some(Kind::Attended)
    } else if begun == codes.blind.as_str() {
        Some(Kind::Blind)
    } else {
        None
    }
}

/// Whether the code is longer than this, its beginning.
fn goes_on(code: &Digits, begun: &str) -> bool {
    code.as_str().len() > begun.len() && code.as_str().starts_with(begun)
}

#[cfg(test)]
mod tests;
