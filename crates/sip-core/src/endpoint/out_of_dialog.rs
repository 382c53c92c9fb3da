//! Requests of ours out of any dialog: OPTIONS, MESSAGE and the like (RFC 3261 §8.1).

use super::outgoing::{Contact, Draft, Purpose};
use super::{Endpoint, Event, Failure, OutOfDialog, RequestId};
use crate::method::Method;
use std::time::Instant;

impl Endpoint {
    /// Sends a request. Ends in [`Event::Response`]; for a method that cannot stand alone at once, with a transport error.
    pub fn request_out_of_dialog(&mut self, now: Instant, request: OutOfDialog) -> RequestId {
        let (id, dialog) = self.prepare_out_of_dialog();
        if matches!(request.method, Method::Invite | Method::Ack | Method::Bye | Method::Cancel | Method::Prack) {
            self.emit(Event::Response { id, session: None, outcome: Err(Failure::TransportError) });
            return id;
        }
        self.send_out_of_dialog(now, id, request, dialog);
        id
    }

    /// The id of a request, its Call-ID and its tag.
    pub(super) fn prepare_out_of_dialog(&mut self) -> (RequestId, (String, String)) {
        (RequestId(self.fresh_id()), (self.mint.call_id(), self.mint.tag()))
    }

    pub(super) fn send_out_of_dialog(
        &mut self,
        now: Instant,
        id: RequestId,
        request: OutOfDialog,
        (call_id, tag): (String, String),
    ) {
        let from = self.sender(request.account, request.from, None, &tag);
        let to = format!("<{}>", request.to.as_ref().unwrap_or(&request.target));
        let (routes, next_hop, way) = self.way_out(request.account, &request.target, request.flow);
        // RFC 3428 §4: no Contact in MESSAGE.
        let contact = if request.method == Method::Message { Contact::None } else { Contact::Ours };
        let draft = Draft {
            method: request.method,
            uri: request.target,
            routes,
            next_hop,
            from,
            to,
            call_id,
            cseq: self.mint.cseq(),
            headers: request.headers,
            contact,
            body: request.body,
        };
        self.send(now, Purpose::Request(id, None), request.account, draft, way);
        self.pump(now);
    }
}
