//! Finished calls, written down.
use super::Driver;
use crate::event::{CallId, CallState, Direction, EndReason};
use crate::log::{Entry, Outcome};
use sip_core::endpoint::SessionId;
use std::time::{Instant, SystemTime};

impl Driver {
    /// Once, when a call is over.
    pub(super) fn write_down(&mut self, id: CallId, reason: &EndReason) {
        let Some(call) = self.board.call(id) else { return };
        let outcome = self.outcome(&call, reason);
        self.append(self.lines.session(id.0), &call, outcome);
    }

    /// A call that came in and was turned away or sent elsewhere before it rang.
    pub(super) fn write_down_unrung(&self, session: SessionId, call: &CallState, outcome: Outcome) {
        self.append(Some(session), call, outcome);
    }

    fn append(&self, session: Option<SessionId>, call: &CallState, outcome: Outcome) {
        let dialog = session.and_then(|session| self.endpoint.dialog(session));
        let name = dialog.map_or_else(|| call.id.to_string(), |dialog| dialog.call_id().to_owned());
        let (now, wall) = (Instant::now(), SystemTime::now());
        let at = |moment: Instant| wall - now.saturating_duration_since(moment);
        let remote = if call.anonymous { String::new() } else { call.remote.to_string() };
        let mut entry = Entry::new(name, call.direction, remote, at(call.since));
        entry.account = call.account.and_then(|id| self.profiles.get(&id)).map(|profile| profile.aor.to_string());
        entry.name.clone_from(&call.remote_name);
        entry.answered = call.answered.map(at);
        entry.ended = wall;
        entry.codec.clone_from(&call.codec);
        entry.mos = call.quality.mos;
        entry.outcome = outcome;
        self.board.log().append(entry);
    }

    fn outcome(&mut self, call: &CallState, reason: &EndReason) -> Outcome {
        let incoming = call.direction == Direction::Incoming;
        let line = self.lines.line(call.id.0);
        match reason {
            EndReason::Transferred | EndReason::Replaced => {
                let (to, by_us) = match line.and_then(|line| line.transferred.take()) {
                    Some((to, by_us)) => (Some(to), by_us),
                    None => (None, *reason == EndReason::Transferred),
                };
                Outcome::Transferred { to, by_us }
            }
            EndReason::Parked => Outcome::Parked { slot: line.and_then(|line| line.slot.take()) },
            EndReason::Lost | EndReason::Timeout | EndReason::Unreachable | EndReason::NoCommonCodec => Outcome::Failed,
            EndReason::AnsweredElsewhere => Outcome::AnsweredElsewhere,
            EndReason::Forwarded => {
                let to = line.and_then(|line| line.forward_to.as_ref()).map(ToString::to_string);
                Outcome::Redirected { to: to.unwrap_or_default() }
            }
            _ if call.answered.is_some() => Outcome::Answered,
            EndReason::Cancelled => Outcome::Missed,
            EndReason::NoAnswer | EndReason::Shutdown if incoming => Outcome::Missed,
            EndReason::Rejected { status: 486 | 600 } | EndReason::Refused { status: 486 | 600, .. } => Outcome::Busy,
            EndReason::Rejected { status } | EndReason::Refused { status, .. } => Outcome::Refused { status: *status },
            _ => Outcome::Cancelled,
        }
    }
}
