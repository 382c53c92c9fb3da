//! UPDATE as the one that sends it: RFC 3311 §5.1, §5.3.

use super::caller::{dialog_way, in_dialog_draft, sdp_of};
use super::offer::retry_after;
use super::outgoing::{Draft, OutgoingId, Purpose};
use super::session::{Held, Ours, Stage};
use super::session_timer::asked_interval;
use super::{Endpoint, Failure, Headers, Misuse, SessionEvent, SessionId};
use crate::message::Response;
use crate::method::Method;
use bytes::Bytes;
use std::time::Instant;

impl Endpoint {
    /// Sends UPDATE. With `sdp` it is an offer like that of [`offer`](Self::offer), also before the call is answered, once
    /// the INVITE's offer has its answer in a reliable response; it ends in `OfferAnswered` or `OfferRefused`. Without, it
    /// tells who we are (P-Asserted-Identity) and where; of its outcome only 481 and 408 count, which end the session.
    /// Of several that wait for an answer only the newest is sent.
    ///
    /// # Errors
    /// There is no dialog yet, it is being hung up, or the first offer has no answer yet.
    pub fn update(&mut self, now: Instant, id: SessionId, sdp: Option<Bytes>, headers: Headers) -> Result<(), Misuse> {
        let session = self.sessions.get_mut(&id).ok_or(Misuse::Gone)?;
        let talking = matches!(session.stage, Stage::Talking { bye_after_ack: None, .. });
        let may = match sdp {
            Some(_) => talking || session.is_settled_early(),
            None => {
                let early = matches!(session.stage, Stage::Calling(_) | Stage::Ringing(_)) && !session.is_hanging_up();
                talking || early && session.dialog().is_some()
            }
        };
        if !may {
            return Err(Misuse::State { doing: "update", state: session.state_name() });
        }
        match sdp {
            Some(_) => session.held = Some(Held { method: Method::Update, sdp, headers }),
            None => session.telling.next = Some(headers),
        }
        self.waiting.insert(id);
        self.pump(now);
        Ok(())
    }

    /// Sends an UPDATE without offer.
    pub(super) fn send_telling(&mut self, now: Instant, id: SessionId, headers: Headers) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let account = session.account;
        let Some(dialog) = session.dialog_mut() else { return };
        let number = dialog.next_seq();
        let mut draft = in_dialog_draft(dialog, Method::Update, number);
        let way = dialog_way(dialog, &draft);
        draft.headers = self.refresh_headers(id);
        draft.headers.extend(headers);
        let request = self.fresh_outgoing();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.telling.out = Some(request);
        }
        self.send_as(now, request, Purpose::Update(id), account, draft, way);
    }

    /// An UPDATE of ours came to its end.
    pub(super) fn update_finished(
        &mut self,
        now: Instant,
        id: SessionId,
        request: OutgoingId,
        draft: &Draft,
        outcome: Result<Response, Failure>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let telling = session.telling.out == Some(request);
        let offering = matches!(&session.ours, Ours::Sent { request: sent, .. } if *sent == request);
        if !telling && !offering {
            return;
        }
        if telling {
            session.telling.out = None;
        }
        let response = match outcome {
            Ok(response) if response.status().is_success() => response,
            other if offering => return self.offer_failed(now, id, request, other),
            Ok(response) => {
                return self.not_refreshed(now, id, response.status(), retry_after(&response), true);
            }
            Err(failure) => return self.not_refreshed(now, id, failure.status(), None, true),
        };
        session.peer.learn(&response);
        let tag = response.to().ok().and_then(|to| to.tag().map(str::to_owned)).unwrap_or_default();
        if let Some(dialog) = session.dialog_with(&tag) {
            dialog.refresh_target(&response);
        }
        if offering && let Ours::Sent { sdp, .. } = std::mem::replace(&mut session.ours, Ours::None) {
            session.described = sdp;
        }
        if matches!(session.stage, Stage::Talking { .. }) {
            self.interval_agreed(now, id, asked_interval(draft), &response);
        }
        if offering {
            let sdp = sdp_of(&response);
            self.emit_session(id, SessionEvent::OfferAnswered { sdp, response });
        }
    }
}
