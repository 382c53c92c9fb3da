//! Dialogs, RFC 3261 §12: what two user agents share so that requests reach each other in order.

use crate::flow::Flow;
use crate::header::{Header, NameAddr, RecordRoute, Route};
use crate::message::{Fields, Request, Response};
use crate::resolve::Question;
use crate::status::StatusCode;
use crate::uri::Uri;
use std::ops::Deref;

#[cfg(test)]
mod tests;

/// The largest route set that is taken over from a message.
pub const MAX_ROUTES: usize = 32;

/// One dialog, early or confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    call_id: String,
    local: Party,
    remote: Party,
    local_seq: u32,
    remote_seq: Option<u32>,
    remote_target: Uri,
    /// Each a name-addr as it stands in Route.
    route_set: Vec<String>,
    /// The way that the dialog's first message took.
    flow: Flow,
    /// The peer's message came by it first.
    accepted: bool,
    /// What the next hop's address was found to be.
    found: Option<(Question, Flow)>,
}

/// One end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Party {
    uri: String,
    /// None for a peer of RFC 2543.
    tag: Option<String>,
}

impl Party {
    fn of(address: &NameAddr<'_>) -> Self {
        Self { uri: address.uri_str().to_owned(), tag: address.tag().map(str::to_owned) }
    }
}

/// The message cannot form a dialog, and why: the text is fit for a reason phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoDialog(pub &'static str);

/// Where a request within a dialog goes, §12.2.1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The Request-URI.
    pub uri: Uri,
    /// The Route values, in order.
    pub routes: Vec<String>,
    /// Whose host is looked up: the first route, or the Request-URI.
    pub next_hop: Uri,
}

impl Dialog {
    /// The caller's side, from a 101 to 299 response to its request (§12.1.2).
    ///
    /// # Errors
    /// If the response lacks what a dialog needs.
    pub fn of_caller(request: &Request, response: &Response, flow: Flow) -> Result<Self, NoDialog> {
        let from = request.from().map_err(|_| NoDialog("Bad From"))?;
        let to = response.to().map_err(|_| NoDialog("Bad To"))?;
        let cseq = request.cseq().map_err(|_| NoDialog("Bad CSeq"))?;
        let call_id = request.call_id().map_err(|_| NoDialog("Bad Call-ID"))?;
        let mut route_set = routes::<RecordRoute<'_>>(response)?;
        route_set.reverse();
        // A 1xx without Contact is common; its dialog goes where the request went.
        let remote_target = match contact(response) {
            Some(contact) => contact,
            None => request.uri().map_err(|_| NoDialog("Bad Request-URI"))?,
        };
        Ok(Self {
            call_id: call_id.to_owned(),
            local: Party::of(&from),
            remote: Party::of(&to),
            local_seq: cseq.number,
            remote_seq: None,
            remote_target,
            route_set,
            flow,
            accepted: false,
            found: None,
        })
    }

    /// The callee's side, from a request that it answers with that To tag (§12.1.1).
    ///
    /// # Errors
    /// If the request lacks what a dialog needs: 400 with the reason.
    pub fn of_callee(request: &Request, local_tag: &str, flow: Flow) -> Result<Self, NoDialog> {
        let from = request.from().map_err(|_| NoDialog("Bad From"))?;
        let to = request.to().map_err(|_| NoDialog("Bad To"))?;
        let cseq = request.cseq().map_err(|_| NoDialog("Bad CSeq"))?;
        let call_id = request.call_id().map_err(|_| NoDialog("Bad Call-ID"))?;
        let remote_target = contact(request).ok_or(NoDialog("Missing Contact"))?;
        Ok(Self {
            call_id: call_id.to_owned(),
            local: Party { uri: to.uri_str().to_owned(), tag: Some(local_tag.to_owned()) },
            remote: Party::of(&from),
            // §12.1.1 leaves it empty; the first request of ours begins at 1.
            local_seq: 0,
            remote_seq: Some(cseq.number),
            remote_target,
            route_set: routes::<RecordRoute<'_>>(request)?,
            flow,
            accepted: true,
            found: None,
        })
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        self.local.tag.as_deref().unwrap_or("")
    }

    /// The peer's tag; empty for one of RFC 2543.
    pub fn remote_tag(&self) -> &str {
        self.remote.tag.as_deref().unwrap_or("")
    }

    /// Our URI, as in From of our requests.
    pub fn local_uri(&self) -> &str {
        &self.local.uri
    }

    /// The peer's URI, as in To of our requests.
    pub fn remote_uri(&self) -> &str {
        &self.remote.uri
    }

    /// The peer's Contact: where it can be reached.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// The proxies between, as they stand in Route.
    pub fn route_set(&self) -> &[String] {
        &self.route_set
    }

    /// The way that the first message took.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// The From value of our requests.
    pub(crate) fn local_address(&self) -> String {
        format!("<{}>;tag={}", self.local.uri, self.local_tag())
    }

    /// The To value of our requests.
    pub(crate) fn remote_address(&self) -> String {
        match &self.remote.tag {
            Some(tag) => format!("<{}>;tag={tag}", self.remote.uri),
            None => format!("<{}>", self.remote.uri),
        }
    }

    /// A number for the next request, §12.2.1.1. ACK and CANCEL do not take one.
    pub(crate) fn next_seq(&mut self) -> u32 {
        // §8.1.1.5: less than 2^31. A dialog does not see two thousand million requests.
        self.local_seq = (self.local_seq + 1) & 0x7fff_ffff;
        self.local_seq
    }

    /// Takes a request of the peer's in order, §12.2.2. ACK and CANCEL are not for this.
    ///
    /// # Errors
    /// 500 if it is older than one before it.
    pub(crate) fn receive_seq(&mut self, number: u32) -> Result<(), StatusCode> {
        match self.remote_seq {
            Some(seq) if number < seq => Err(StatusCode::SERVER_INTERNAL_ERROR),
            _ => {
                self.remote_seq = Some(number);
                Ok(())
            }
        }
    }

    /// A target refresh request or its 2xx names the peer's new address, §12.2.
    pub(crate) fn refresh_target(&mut self, message: &Fields) {
        if let Some(contact) = contact(message) {
            self.remote_target = contact;
        }
    }

    /// §13.2.2.4: a 2xx confirms the dialog and its Record-Route replaces the early one's.
    pub(crate) fn confirm(&mut self, response: &Response) {
        if let Ok(mut route_set) = routes::<RecordRoute<'_>>(response) {
            route_set.reverse();
            self.route_set = route_set;
        }
        self.refresh_target(response);
    }

    /// Request-URI and Route of the next request, §12.2.1.1.
    pub fn routing(&self) -> Routing {
        let target = self.remote_target.clone();
        let Some((first, rest)) = self.route_set.split_first() else {
            return Routing { uri: target.clone(), routes: Vec::new(), next_hop: target };
        };
        // `routes` keeps only values that can be read.
        let Some(first_uri) = route_uri(first) else {
            return Routing { uri: target.clone(), routes: self.route_set.clone(), next_hop: target };
        };
        if first_uri.as_sip().is_some_and(|uri| uri.has_param("lr")) {
            return Routing { uri: target, routes: self.route_set.clone(), next_hop: first_uri };
        }
        // A strict router: it wants itself in the Request-URI, and the target last in Route.
        let mut routes = rest.to_vec();
        routes.push(format!("<{target}>"));
        let uri = match first_uri {
            Uri::Sip(uri) => Uri::Sip(uri.without_headers().without_param("method")),
            other => other,
        };
        Routing { next_hop: uri.clone(), uri, routes }
    }

    /// The flow for that next hop, without asking: what was found before, or the dialog's own way if it leads there.
    pub(crate) fn known_flow(&self, question: &Question) -> Option<Flow> {
        match &self.found {
            Some((found, flow)) if found == question => Some(*flow),
            _ => question.is_answered_by(&self.flow, self.accepted).then_some(self.flow),
        }
    }

    pub(crate) fn found(&mut self, question: Question, flow: Flow) {
        self.found = Some((question, flow));
    }

    /// That way is gone; ask again.
    pub(crate) fn lost(&mut self, flow: &Flow) {
        if self.found.as_ref().is_some_and(|(_, found)| found.is_same_path(flow)) {
            self.found = None;
        }
    }

    /// Whether a request of the peer's belongs to it, §12.2.2.
    pub fn matches(&self, call_id: &str, local_tag: &str, remote_tag: Option<&str>) -> bool {
        self.call_id == call_id && self.local_tag() == local_tag && self.remote.tag.as_deref() == remote_tag
    }
}

/// The first Contact, if it is a SIP URI.
fn contact(message: &Fields) -> Option<Uri> {
    let uri = message.contact().ok()??.uri().ok()?;
    matches!(uri, Uri::Sip(_)).then_some(uri)
}

fn routes<'a, H>(message: &'a Fields) -> Result<Vec<String>, NoDialog>
where
    H: Header<'a> + Deref<Target = NameAddr<'a>>,
{
    let mut values = Vec::new();
    for route in message.all::<H>() {
        let route = route.map_err(|_| NoDialog("Bad Record-Route"))?;
        if values.len() == MAX_ROUTES {
            return Err(NoDialog("Too Many Routes"));
        }
        values.push(route.to_string());
    }
    Ok(values)
}

fn route_uri(value: &str) -> Option<Uri> {
    Route::parse(value).ok()?.uri().ok()
}
