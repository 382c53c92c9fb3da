//! Words of transfer: options, codes among keys, and what we let others do with our calls.
use crate::command::Digits;
use crate::event::CallId;
use crate::identity::{Context, Identity};
use sip_core::uri::Uri;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What goes along with a transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferOptions {
    /// An opaque id of at most 96 bytes for the target's screen: in the Refer-To URI, on the REFER, and so on the call that
    /// the target gets (RFC 7433).
    pub context: Option<Context>,
}

impl TransferOptions {
    /// Sends this along.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = Some(context);
        self
    }
}

/// What goes along with a dialled call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialOptions {
    /// The number that the called side is to be shown, out of those that the account may use.
    pub caller_id: Option<String>,
    /// An opaque id of at most 96 bytes for the called side's screen (RFC 7433).
    pub context: Option<Context>,
    /// The call that this one is a consultation for: it waits on hold, its caller's number goes along as the account's
    /// profile says, and [`Call::come_back`](crate::Call::come_back) returns to it.
    pub consultation_for: Option<CallId>,
}

impl DialOptions {
    /// Shows this number.
    #[must_use]
    pub fn caller_id(mut self, number: impl Into<String>) -> Self {
        self.caller_id = Some(number.into());
        self
    }

    /// Sends this along.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = Some(context);
        self
    }
}

/// Who interprets codes such as `*` and `#` among the keys pressed in a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keys {
    /// Nobody: every key goes to the other side, so that voice menus can be used.
    #[default]
    Off,
    /// This phone carries the codes out; they do not reach the other side.
    Local(Codes),
    /// The exchange does; every key goes to it, and the state shown follows what it does.
    Pbx(Codes),
}

/// The codes and their times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Begins a transfer with consultation: `*`.
    pub attended: Digits,
    /// Begins a blind transfer: `#`.
    pub blind: Digits,
    /// Goes back to the other side, at any point: `*`.
    pub back: Digits,
    /// How long the next key of a code of several keys is awaited: 1 s. Then the keys go out as they are.
    pub code_time: Duration,
    /// How long the first digit of the number is awaited: 10 s.
    pub first_digit: Duration,
    /// How long a further digit is awaited before the number is dialled by itself: 3 s.
    pub inter_digit: Duration,
}

impl Default for Codes {
    fn default() -> Self {
        let plain = call::Codes::default();
        let code = |digits: &call::Digits| Digits::known(digits.as_str());
        Self {
            attended: code(&plain.attended),
            blind: code(&plain.blind),
            back: code(&plain.back),
            code_time: plain.code_time,
            first_digit: plain.first_digit,
            inter_digit: plain.inter_digit,
        }
    }
}

impl Keys {
    pub(crate) fn to_call(&self) -> call::Keys {
        match self {
            Self::Off => call::Keys::Off,
            Self::Local(codes) => call::Keys::Local(codes.to_call()),
            Self::Pbx(codes) => call::Keys::Pbx(codes.to_call()),
        }
    }
}

impl Codes {
    fn to_call(&self) -> call::Codes {
        let plain = call::Codes::default();
        // Both kinds of digits take the same keys.
        let code = |digits: &Digits, other: call::Digits| digits.as_str().parse().unwrap_or(other);
        call::Codes {
            attended: code(&self.attended, plain.attended),
            blind: code(&self.blind, plain.blind),
            back: code(&self.back, plain.back),
            code_time: self.code_time,
            first_digit: self.first_digit,
            inter_digit: self.inter_digit,
        }
    }
}

/// How keys reach the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DtmfMode {
    /// RFC 4733 telephone-events, or tones in the voice where the other side takes none.
    #[default]
    Rtp,
    /// SIP INFO with `application/dtmf-relay`.
    Info,
}

/// What to do with a REFER: somebody wants our call to go on with somebody else. One out of any call is always refused.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum ReferPolicy {
    /// Follow it when it comes from the other side of the call.
    #[default]
    Follow,
    /// Refuse it.
    Refuse,
    /// Follow it if this says so. It is called within the phone's task and must not block.
    Ask(Arc<dyn Fn(&ReferRequest) -> bool + Send + Sync>),
}

impl fmt::Debug for ReferPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Follow => "Follow",
            Self::Refuse => "Refuse",
            Self::Ask(_) => "Ask",
        })
    }
}

/// A REFER from the other side of a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReferRequest {
    /// The call that it came in.
    pub call: CallId,
    /// Whom we are to call.
    pub target: Uri,
    /// Who asks for it, by Referred-By.
    pub referred_by: Option<Identity>,
}
