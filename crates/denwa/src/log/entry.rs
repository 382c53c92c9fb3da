//! One finished call, and how it stands in the file.
use crate::event::Direction;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest text of an entry that is kept, in bytes; what is longer is cut between two characters. Names and addresses
/// come from the network, and a line of the file must have an end.
pub const MAX_TEXT: usize = 512;

/// One finished call.
///
/// All times are of the wall clock and are kept in milliseconds: an entry that was read back equals the one that was
/// [appended](super::CallLog::append), texts beyond [`MAX_TEXT`] aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// Names the call among all of the log: its Call-ID, for one.
    pub id: String,
    /// Through which account: its address of record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Who called.
    #[serde(with = "direction")]
    pub direction: Direction,
    /// The other side's address, as it is to be dialled to call back; empty when it hid it.
    pub remote: String,
    /// The other side's display name, when it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was dialled or came in.
    #[serde(with = "millis")]
    pub started: SystemTime,
    /// When it was answered, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_millis")]
    pub answered: Option<SystemTime>,
    /// When it was over.
    #[serde(with = "millis")]
    pub ended: SystemTime,
    /// What became of it.
    pub outcome: Outcome,
    /// The codec that we sent with last, as `opus/48000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// How it sounded at the end: estimated mean opinion score, 1.0 to 4.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mos: Option<f32>,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered, and one side hung up.
    Answered,
    /// It rang here and nobody answered: the caller gave up, or its time was over.
    Missed,
    /// It rang here and was answered on another phone (RFC 3326: `SIP;cause=200` in the CANCEL).
    AnsweredElsewhere,
    /// It was sent on to another address before it was answered (3xx).
    Redirected {
        /// Where to.
        to: String,
    },
    /// The called side was busy (486, 600): the other of an outgoing call, we of an incoming one.
    Busy,
    /// The called side refused it: the other of an outgoing call, we of an incoming one.
    Refused {
        /// The SIP status code, 400 to 699.
        status: u16,
    },
    /// Our own call, given up before it was answered.
    Cancelled,
    /// It was answered and then handed on.
    Transferred {
        /// To whom, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// True when we did it; false when the other side sent us on to somebody else.
        by_us: bool,
    },
    /// It was answered and then left in a parking slot by us.
    Parked {
        /// The number to dial to take it back, where the server told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slot: Option<String>,
    },
    /// It came to nothing, or broke off, by a fault: no answer from the network, no codec in common.
    Failed,
    /// What a later version of this library wrote; never written by this one.
    #[serde(other)]
    Other,
}

/// An [`Outcome`] without its details, to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the outcome of the same name")]
pub enum OutcomeKind {
    Answered,
    Missed,
    AnsweredElsewhere,
    Redirected,
    Busy,
    Refused,
    Cancelled,
    Transferred,
    Parked,
    Failed,
    Other,
}

impl Entry {
    /// A call that began and ended now and came to nothing: to be filled in.
    pub fn new(id: impl Into<String>, direction: Direction, remote: impl Into<String>, started: SystemTime) -> Self {
        Self {
            id: id.into(),
            account: None,
            direction,
            remote: remote.into(),
            name: None,
            started,
            answered: None,
            ended: started,
            outcome: Outcome::Failed,
            codec: None,
            mos: None,
        }
    }

    /// How long the two sides were connected; `None` when it was not answered. Zero when the wall clock was set back.
    #[must_use]
    pub fn talked(&self) -> Option<Duration> {
        self.answered.map(|answered| self.ended.duration_since(answered).unwrap_or_default())
    }

    /// As the file will give it back: texts cut, times in whole milliseconds.
    pub(super) fn into_kept(mut self) -> Self {
        let outcome_text = match &mut self.outcome {
            Outcome::Redirected { to } => Some(to),
            Outcome::Transferred { to, .. } => to.as_mut(),
            Outcome::Parked { slot } => slot.as_mut(),
            _ => None,
        };
        let optional = [&mut self.account, &mut self.name, &mut self.codec].into_iter().flatten();
        for text in [&mut self.id, &mut self.remote].into_iter().chain(optional).chain(outcome_text) {
            // Of an index behind the end it is no boundary; 0 always is one.
            text.truncate((0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        }
        for time in [Some(&mut self.started), self.answered.as_mut(), Some(&mut self.ended)].into_iter().flatten() {
            *time = millis::to_time(millis::of(*time)).unwrap_or(*time);
        }
        self.mos = self.mos.filter(|mos| mos.is_finite()); // JSON has no word for the others
        self
    }
}

impl Outcome {
    /// Without its details.
    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Answered => OutcomeKind::Answered,
            Self::Missed => OutcomeKind::Missed,
            Self::AnsweredElsewhere => OutcomeKind::AnsweredElsewhere,
            Self::Redirected { .. } => OutcomeKind::Redirected,
            Self::Busy => OutcomeKind::Busy,
            Self::Refused { .. } => OutcomeKind::Refused,
            Self::Cancelled => OutcomeKind::Cancelled,
            Self::Transferred { .. } => OutcomeKind::Transferred,
            Self::Parked { .. } => OutcomeKind::Parked,
            Self::Failed => OutcomeKind::Failed,
            Self::Other => OutcomeKind::Other,
        }
    }
}

/// Milliseconds since 1970-01-01 00:00 UTC. What is before that counts as that.
mod millis {
    use super::{Deserialize, Deserializer, Duration, Serializer, SystemTime, UNIX_EPOCH};
    use serde::de::Error;

    pub(super) fn of(time: SystemTime) -> u64 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// `None` when the system has no word for a time so far away.
    pub(super) fn to_time(millis: u64) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(millis))
    }

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(of(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        to_time(u64::deserialize(from)?).ok_or_else(|| D::Error::custom("a time too far away"))
    }
}

/// As [`millis`], or nothing.
mod optional_millis {
    use super::{Deserializer, Serializer, SystemTime, millis};

    #[allow(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => millis::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        millis::deserialize(from).map(Some)
    }
}

/// `"incoming"` or `"outgoing"`.
mod direction {
    use super::{Deserialize, Deserializer, Direction, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Incoming,
        Outgoing,
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(direction: &Direction, to: S) -> Result<S::Ok, S::Error> {
        match direction {
            Direction::Incoming => Word::Incoming,
            Direction::Outgoing => Word::Outgoing,
        }
        .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Direction, D::Error> {
        Ok(match Word::deserialize(from)? {
            Word::Incoming => Direction::Incoming,
            Word::Outgoing => Direction::Outgoing,
        })
    }
}
