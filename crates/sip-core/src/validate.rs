//! What a message must have beyond its syntax (RFC 3261 §8.1.1, §8.1.3, §8.2): the answer a request gets, or why a
//! response is dropped.
//!
//! Three questions, asked in this order: can the bytes be read ([`crate::frame`]), does the message make sense
//! ([`request`], [`response`]), can this user agent do what is asked ([`Capabilities::check`]).

use crate::{
    header::{
        self, Accept, CSeq, Contact, ContentDisposition, ContentEncoding, ContentType, From, HeaderError, MaxForwards,
        Name, RAck, RecordRoute, ReferTo, Replaces, Require, Route, SessionExpires, To, Via,
    },
    message::{Builder, Fields, Request, Response},
    method::Method,
    status::StatusCode,
    uri::{Uri, UriError},
};

/// How a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// 400 to 699.
    pub status: StatusCode,
    /// The reason phrase; names the fault (§21.4.1: "the reason phrase SHOULD identify the syntax problem").
    pub reason: String,
    /// What the answer has to tell: Allow, Accept, Unsupported, …
    pub fields: Vec<(Name, String)>,
}

impl Rejection {
    /// With the status's own reason phrase.
    pub fn new(status: StatusCode) -> Rejection {
        Rejection { status, reason: status.default_reason().into(), fields: Vec::new() }
    }

    fn bad_request(reason: impl ToString) -> Rejection {
        Rejection { status: StatusCode::BAD_REQUEST, reason: reason.to_string(), fields: Vec::new() }
    }

    fn with(mut self, name: Name, value: impl Into<String>) -> Rejection {
        self.fields.push((name, value.into()));
        self
    }

    /// The answer. An ACK has none (§17.1.1.3): never send one there.
    pub fn reply(&self, request: &Request, to_tag: Option<&str>) -> Builder<Response> {
        let reply = Response::reply_to(request, self.status, to_tag).reason(&self.reason);
        self.fields.iter().fold(reply, |reply, (name, value)| reply.header(name.clone(), value))
    }
}

/// Why a response is dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// A header that it needs is missing or malformed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A header that stands once stands twice.
    #[error("more than one {0}")]
    Repeated(Name),
    /// It has passed its goal: more than one Via is left (§8.1.3.3).
    #[error("more than one Via value")]
    Misrouted,
}

/// Those that have one value in one line (§20). Content-Length is the parser's own matter.
const SINGLE: [Name; 22] = [
    Name::CallId,
    Name::CSeq,
    Name::From,
    Name::To,
    Name::MaxForwards,
    Name::ContentType,
    Name::ContentDisposition,
    Name::Date,
    Name::Event,
    Name::Expires,
    Name::MinExpires,
    Name::MinSe,
    Name::RAck,
    Name::RSeq,
    Name::ReferTo,
    Name::ReferredBy,
    Name::Replaces,
    Name::ReplyTo,
    Name::RetryAfter,
    Name::SessionExpires,
    Name::SubscriptionState,
    Name::Timestamp,
];

/// Whether a request makes sense to any user agent.
///
/// # Errors
/// 400 for what is missing, repeated, malformed or at odds; 414 and 416 for the Request-URI (§8.2.2.1); 501 for a CSeq at
/// odds with an unknown method (RFC 4475 §3.1.2.18). A missing Max-Forwards and a malformed Date or Expires are let pass.
pub fn request(request: &Request) -> Result<(), Rejection> {
    single(request).map_err(|name| Rejection::bad_request(format_args!("More than one {name}")))?;
    let cseq = addressing(request).map_err(bad_header)?;
    let method = request.method();
    if cseq.method != method {
        return Err(match method {
            Method::Extension(_) => Rejection::new(StatusCode::NOT_IMPLEMENTED),
            _ => Rejection::bad_request("CSeq method is not the request's"),
        });
    }
    request_uri(request)?;
    details(request, &method).map_err(bad_header)?;
    if method != Method::Invite && request.has(&Name::Replaces) {
        // RFC 3891 §3
        return Err(Rejection::bad_request("Replaces outside of INVITE"));
    }
    Ok(())
}

/// Whether a response makes sense to the user agent it has come to.
///
/// # Errors
/// Why it is to be dropped.
pub fn response(response: &Response) -> Result<(), Discard> {
    single(response).map_err(Discard::Repeated)?;
    addressing(response)?;
    routing(response)?;
    if response.all::<Via<'_>>().nth(1).is_some() {
        return Err(Discard::Misrouted);
    }
    Ok(())
}

fn bad_header(e: HeaderError) -> Rejection {
    match e {
        HeaderError::Missing(name) => Rejection::bad_request(format_args!("Missing {name}")),
        HeaderError::Malformed { name, .. } => Rejection::bad_request(format_args!("Malformed {name}")),
    }
}

fn single(fields: &Fields) -> Result<(), Name> {
    match SINGLE.iter().find(|name| fields.raw_all(name).nth(1).is_some()) {
        Some(name) => Err(name.clone()),
        None => Ok(()),
    }
}

/// §8.1.1: what every message has, and has right. Max-Forwards is due since RFC 3261 and missing before.
fn addressing(fields: &Fields) -> Result<CSeq, HeaderError> {
    fields.get::<Via<'_>>()?;
    fields.all::<Via<'_>>().try_for_each(|via| via.map(drop))?;
    fields.get::<From<'_>>()?;
    fields.get::<To<'_>>()?;
    fields.call_id()?;
    fields.maybe::<MaxForwards>()?;
    fields.cseq()
}

/// What dialogs and registrations are made of.
fn routing(fields: &Fields) -> Result<(), HeaderError> {
    fields.all::<Contact<'_>>().try_for_each(|contact| contact.map(drop))?;
    fields.all::<RecordRoute<'_>>().try_for_each(|route| route.map(drop))
}

fn request_uri(request: &Request) -> Result<(), Rejection> {
    match request.uri() {
        // §19.1.1, table 1: no headers in a Request-URI.
        Ok(Uri::Sip(uri)) if uri.headers().next().is_some() => {
            Err(Rejection::bad_request("Headers in the Request-URI"))
        }
        Ok(Uri::Sip(_) | Uri::Tel(_)) => Ok(()),
        Ok(Uri::Other(_)) => Err(Rejection::new(StatusCode::UNSUPPORTED_URI_SCHEME)),
        Err(UriError::TooLong) => Err(Rejection::new(StatusCode::REQUEST_URI_TOO_LONG)),
        Err(_) => Err(Rejection::bad_request("Malformed Request-URI")),
    }
}

fn details(request: &Request, method: &Method) -> Result<(), HeaderError> {
    routing(request)?;
    request.all::<Route<'_>>().try_for_each(|route| route.map(drop))?;
    request.maybe::<Replaces<'_>>()?;
    request.maybe::<SessionExpires>()?;
    match method {
        // RFC 3515 §2.4.2
        Method::Refer => request.get::<ReferTo<'_>>().map(drop),
        // RFC 3262 §7.2
        Method::Prack => request.get::<RAck>().map(drop),
        // RFC 6665 §8.2.1. A NOTIFY outside of a subscription (`check-sync`) often comes without Subscription-State.
        Method::Subscribe | Method::Notify => request.get::<header::Event<'_>>().map(drop),
        _ => Ok(()),
    }
}

/// What a user agent can do (§8.2.1 to §8.2.3), for [`check`](Self::check).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Methods it takes: the Allow of a 405.
    pub methods: Vec<Method>,
    /// Option tags it knows, such as `100rel`.
    pub extensions: Vec<String>,
    /// Bodies it reads, such as `application/sdp`: the Accept of a 415. `*/*` reads all.
    pub content_types: Vec<String>,
}

impl Capabilities {
    /// Whether the user agent can do what a sound request asks.
    ///
    /// # Errors
    /// 405 with Allow, 420 with Unsupported, 415 with Accept or Accept-Encoding, 406 when an INVITE takes no answer in
    /// `application/sdp`.
    pub fn check(&self, request: &Request) -> Result<(), Rejection> {
        let method = request.method();
        if !self.methods.contains(&method) {
            let allow: Vec<_> = self.methods.iter().map(Method::as_str).collect();
            return Err(Rejection::new(StatusCode::METHOD_NOT_ALLOWED).with(Name::Allow, allow.join(", ")));
        }
        // §8.2.2.3: Require is not looked at in CANCEL, nor in an ACK to a failure.
        if !matches!(method, Method::Cancel | Method::Ack) {
            let known = |tag: &str| self.extensions.iter().any(|e| e.eq_ignore_ascii_case(tag));
            let tags = request.all::<Require<'_>>().flatten().map(|tag| tag.0);
            let unknown: Vec<_> = tags.filter(|tag| !tag.is_empty() && !known(tag)).collect();
            if !unknown.is_empty() {
                return Err(Rejection::new(StatusCode::BAD_EXTENSION).with(Name::Unsupported, unknown.join(", ")));
            }
        }
        self.check_body(request)?;
        let mut accepted = request.all::<Accept<'_>>().flatten().peekable();
        let some = accepted.peek().is_some();
        if method == Method::Invite && some && !accepted.any(|range| range.takes("application/sdp")) {
            return Err(Rejection::new(StatusCode::NOT_ACCEPTABLE));
        }
        Ok(())
    }

    /// §8.2.3
    fn check_body(&self, request: &Request) -> Result<(), Rejection> {
        let optional = request.maybe::<ContentDisposition<'_>>().ok().flatten().and_then(|d| d.params.get("handling"));
        if request.body().is_empty() || optional.is_some_and(|h| h.eq_ignore_ascii_case("optional")) {
            return Ok(());
        }
        let plain = |packing: &str| packing.is_empty() || packing.eq_ignore_ascii_case("identity");
        if !request.all::<ContentEncoding<'_>>().all(|e| e.is_ok_and(|e| plain(e.0))) {
            return Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with(Name::AcceptEncoding, "identity"));
        }
        let read = |kind: &ContentType<'_>| self.content_types.iter().any(|c| c == "*/*" || kind.is(c));
        if request.get::<ContentType<'_>>().is_ok_and(|kind| read(&kind)) {
            return Ok(());
        }
        Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with(Name::Accept, self.content_types.join(", ")))
    }
}

#[cfg(test)]
mod tests;
