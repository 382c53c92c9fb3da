//! A call that takes the place of another: the Replaces header (RFC 3891).

use super::session::{Calling, Session, Stage};
use super::{Endpoint, SessionId};
use crate::header::{Name, Replaces};
use crate::message::Request;
use crate::status::StatusCode;

/// Dialogs that have ended and whose replacement is declined (RFC 3891 §3). Of more, the oldest are forgotten.
const MAX_TERMINATED: usize = 128;

/// Call-ID, our tag, the peer's tag.
pub(super) type Terminated = (String, String, String);

impl Endpoint {
    /// The value of a Replaces header that asks the session's *peer* to put a new call in the place of this one, as it goes
    /// to whoever shall make that call, in Refer-To (to be escaped there) or INVITE. `early_only`: not once it is answered
    /// (RFC 3891 §6.1).
    ///
    /// `to-tag` is the tag of the one that receives the header, so it is the peer's (§3).
    ///
    /// `None` without a dialog, which a call of ours has from the first response on. A peer must refuse to replace a dialog
    /// that is early and not its own: that of a call of ours that rings (§3).
    pub fn replaces_value(&self, id: SessionId, early_only: bool) -> Option<String> {
        let dialog = self.dialog(id)?;
        // §6.1: a peer without tag is "0".
        let tag = |tag: &str| if tag.is_empty() { "0".to_owned() } else { tag.to_owned() };
        let (to, from) = (tag(dialog.remote_tag()), tag(dialog.local_tag()));
        let early = if early_only { ";early-only" } else { "" };
        Some(format!("{};to-tag={to};from-tag={from}{early}", dialog.call_id()))
    }

    /// The session that a new INVITE wants to take the place of; or why it must not (§3).
    pub(super) fn replaced(&mut self, request: &Request) -> Result<Option<SessionId>, StatusCode> {
        // More than one, a malformed one, and one outside of INVITE were refused before.
        let Some(replaces) = request.maybe::<Replaces<'_>>().map_err(|_| StatusCode::BAD_REQUEST)? else {
            return Ok(None);
        };
        // RFC 3911 §4: the two contradict each other.
        if request.has(&Name::Join) {
            return Err(StatusCode::BAD_REQUEST);
        }
        // §6.1: "0" stands for no tag.
        let remote_tag = if replaces.remote_tag == "0" { "" } else { replaces.remote_tag };
        let (call_id, local_tag) = (replaces.call_id, replaces.local_tag);
        let found = self.by_dialog.get(&(call_id.to_owned(), local_tag.to_owned())).copied();
        let matched = found.and_then(|id| {
            let session = self.sessions.get_mut(&id)?;
            session.dialog_with(remote_tag).is_some().then_some(id)
        });
        let Some((id, session)) = matched.and_then(|id| Some((id, self.sessions.get(&id)?))) else {
            let terminated = self.terminated.iter().any(|(c, l, r)| c == call_id && l == local_tag && r == remote_tag);
            return Err(if terminated { StatusCode::DECLINE } else { StatusCode::CALL_DOES_NOT_EXIST });
        };
        match &session.stage {
            // Just about to be over.
            Stage::Closing { .. }
            | Stage::Talking { bye_after_ack: Some(_), .. }
            | Stage::Calling(Calling { hang_up: Some(_), .. }) => Err(StatusCode::DECLINE),
            Stage::Talking { .. } if replaces.early_only() => Err(StatusCode::BUSY_HERE),
            Stage::Talking { .. } | Stage::Calling(_) => Ok(Some(id)),
            // Only the one that began an early dialog is asked to replace it.
            Stage::Ringing(_) => Err(StatusCode::CALL_DOES_NOT_EXIST),
        }
    }

    /// A session has ended.
    pub(super) fn remember_terminated(&mut self, session: &Session) {
        let remote_tags: Vec<&str> = match &session.stage {
            Stage::Calling(calling) => calling.early.iter().map(|early| early.dialog.remote_tag()).collect(),
            Stage::Ringing(_) | Stage::Talking { .. } | Stage::Closing { .. } => {
                session.dialog().map(crate::dialog::Dialog::remote_tag).into_iter().collect()
            }
        };
        for remote_tag in remote_tags {
            if self.terminated.len() >= MAX_TERMINATED {
                self.terminated.pop_front();
            }
            self.terminated.push_back((session.call_id.clone(), session.local_tag.clone(), remote_tag.to_owned()));
        }
    }
}
