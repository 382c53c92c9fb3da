//! REGISTER in, status and header fields out (RFC 3261 §10.3).

use std::time::Instant;

use sip_core::endpoint::{Flow, Headers};
use sip_core::header::{Contact, Expires, HeaderError, Name, NameAddrBuf};
use sip_core::message::Request;
use sip_core::status::StatusCode;
use sip_core::uri::Uri;

use super::Pbx;
use super::registrar::{Ask, Binding, Contacts, Refusal};

/// What is wrong with the text of a REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed header fields")]
struct Malformed;

impl From<HeaderError> for Malformed {
    fn from(_: HeaderError) -> Self {
        Self
    }
}

impl Pbx {
    pub(super) fn register(&mut self, now: Instant, request: &Request, flow: Flow) -> (StatusCode, Headers) {
        let user = match self.guard.check(now, request) {
            Ok(user) => user,
            Err(challenge) => return (challenge.status, challenge.headers),
        };
        let Ok(aor) = user_of_to(request) else { return (StatusCode::BAD_REQUEST, Vec::new()) };
        // Nobody registers for somebody else.
        if aor != user {
            return (StatusCode::FORBIDDEN, Vec::new());
        }
        let asked = ask(request, flow).map(|ask| self.registrar.register(now, &user, ask));
        match asked {
            Ok(Ok(bindings)) => (StatusCode::OK, bindings.iter().map(|binding| contact(now, binding)).collect()),
            Ok(Err(refusal)) => answer(refusal),
            Err(Malformed) => (StatusCode::BAD_REQUEST, Vec::new()),
        }
    }
}

fn answer(refusal: Refusal) -> (StatusCode, Headers) {
    match refusal {
        Refusal::Star => (StatusCode::BAD_REQUEST, Vec::new()),
        Refusal::TooBrief(least) => {
            (StatusCode::INTERVAL_TOO_BRIEF, vec![(Name::MinExpires, least.as_secs().to_string())])
        }
        Refusal::OutOfOrder => (StatusCode::SERVER_INTERNAL_ERROR, Vec::new()),
        Refusal::TooMany => (StatusCode::FORBIDDEN, Vec::new()),
    }
}

fn user_of_to(request: &Request) -> Result<String, Malformed> {
    let to = request.to()?;
    let uri = to.uri().map_err(|_| Malformed)?;
    let user = uri.as_sip().and_then(|uri| uri.user()).ok_or(Malformed)?;
    Ok(user.into_owned())
}

fn ask(request: &Request, flow: Flow) -> Result<Ask<'_>, Malformed> {
    let mut addresses = Vec::new();
    let mut all = false;
    for contact in request.all::<Contact<'_>>() {
        match contact? {
            Contact::Any => all = true,
            Contact::Address(address) => {
                let uri: Uri = address.uri().map_err(|_| Malformed)?;
                addresses.push((uri, address.expires()));
            }
        }
    }
    if all && !addresses.is_empty() {
        return Err(Malformed);
    }
    Ok(Ask {
        contacts: if all { Contacts::All } else { Contacts::These(addresses) },
        expires: request.maybe::<Expires>()?.map(|expires| expires.0),
        call_id: request.call_id()?,
        cseq: request.cseq()?.number,
        flow,
    })
}

fn contact(now: Instant, binding: &Binding) -> (Name, String) {
    let seconds = binding.expires_at.saturating_duration_since(now).as_secs();
    (Name::Contact, NameAddrBuf::new(binding.contact.clone()).param("expires", &seconds.to_string()).to_string())
}
