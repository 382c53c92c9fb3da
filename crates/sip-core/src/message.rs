//! Requests and responses as they stand on the wire (RFC 3261 §7).
//!
//! A message is its bytes and an index of its header fields, made in one pass. Nothing is copied and nothing is lost:
//! what was not changed prints byte for byte as it came. Typed headers are views, read when asked for
//! ([`Fields::get`]). To change a message, build another from it ([`Request::rebuild`]).

mod builder;
mod error;
mod fields;
pub(crate) mod index;
#[cfg(feature = "rsip")]
mod rsip;
#[cfg(test)]
mod tests;

pub use crate::header::name::MAX_HEADER_NAME;
pub use builder::{Build, Builder};
pub use error::{Fault, ParseError};
pub use fields::Fields;
#[cfg(feature = "rsip")]
pub use rsip::FromRsipError;

use crate::{
    method::Method,
    status::StatusCode,
    uri::{Uri, UriError},
};
use bytes::Bytes;
use index::{Index, StartLine};
use std::{ops::Deref, sync::Arc};

/// The longest message read, start line and body included, in bytes.
pub const MAX_MESSAGE: usize = 65_536;

/// The most header lines read in one message.
pub const MAX_HEADERS: usize = 256;

/// A request or a response. Cloning one counts references and copies no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks something.
    Request(Request),
    /// Answers something.
    Response(Response),
}

/// A request: start line `INVITE sip:bob@example.com SIP/2.0`. Derefs to its [`Fields`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request(Fields);

/// A response: start line `SIP/2.0 200 OK`. Derefs to its [`Fields`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response(Fields);

impl Message {
    /// Reads one message out of one datagram (§18.3): the body is as long as Content-Length says and what follows is
    /// cut off; without a Content-Length it is all the rest. Leading CRLFs are for [`crate::frame`] to take off.
    ///
    /// # Errors
    /// What is wrong first. When it was a request that can still be answered, [`ParseError::answerable`] has it.
    pub fn parse(bytes: Bytes) -> Result<Message, ParseError> {
        let index = match Index::scan(&bytes, MAX_HEADERS) {
            Ok(index) => index,
            Err(fault) => return Err(ParseError::new(fault, bytes)),
        };
        Self::from_index(bytes, index)
    }

    /// Lays the body out behind an indexed head.
    #[inline]
    pub(crate) fn from_index(mut bytes: Bytes, mut index: Index) -> Result<Message, ParseError> {
        let available = bytes.len() - index.head_len();
        let body_len = match index.content_length {
            Some(n) if n as usize > available => return Err(ParseError::new(Fault::Truncated, bytes)),
            Some(n) => n as usize,
            None => available,
        };
        let end = index.head_len() + body_len;
        if end > MAX_MESSAGE {
            return Err(ParseError::new(Fault::TooLarge, bytes));
        }
        bytes.truncate(end);
        index.read_text(&bytes);
        Ok(Self::of(Fields { bytes, index: Arc::new(index) }))
    }

    fn of(fields: Fields) -> Message {
        match fields.index.start {
            StartLine::Request { .. } => Message::Request(Request(fields)),
            StartLine::Response { .. } => Message::Response(Response(fields)),
        }
    }

    /// The whole message as it came, or as it was built.
    pub fn as_bytes(&self) -> &Bytes {
        self.fields().as_bytes()
    }

    /// The header fields and the body.
    pub fn fields(&self) -> &Fields {
        match self {
            Message::Request(request) => &request.0,
            Message::Response(response) => &response.0,
        }
    }

    /// The request, if it is one.
    pub fn as_request(&self) -> Option<&Request> {
        match self {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        }
    }

    /// The response, if it is one.
    pub fn as_response(&self) -> Option<&Response> {
        match self {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        }
    }
}

impl Request {
    /// Starts one. The URI stands as it prints; in a Request-URI it should have no `?headers` (§19.1.1).
    pub fn builder(method: Method, uri: &Uri) -> Builder<Request> {
        Builder::request(method.as_str(), uri)
    }

    /// Starts one from this one: same start line, header fields and body.
    pub fn rebuild(&self) -> Builder<Request> {
        Builder::request(self.method_str(), self.uri_str()).copy_all(self)
    }

    /// The method of the start line.
    pub fn method(&self) -> Method {
        match &self.0.index.start {
            StartLine::Request { method, .. } => method.clone(),
            StartLine::Response { .. } => unreachable!("a request is made of a request line alone"),
        }
    }

    /// The method's text, no allocation.
    pub fn method_str(&self) -> &str {
        self.0.text(0, self.0.index.method_end())
    }

    /// The Request-URI.
    ///
    /// # Errors
    /// When it is none; the text is in [`uri_str`](Self::uri_str).
    pub fn uri(&self) -> Result<Uri, UriError> {
        self.uri_str().parse()
    }

    /// The Request-URI as it stands.
    pub fn uri_str(&self) -> &str {
        let (from, to) = self.0.index.uri_range();
        self.0.text(from, to)
    }
}

impl Response {
    /// Starts one. Without a reason phrase the status has its default one.
    pub fn builder(status: StatusCode, reason: Option<&str>) -> Builder<Response> {
        Builder::response(status, reason)
    }

    /// Starts the answer to a request (§8.2.6.2): Via, From, To, Call-ID and CSeq are copied. `to_tag` is added to To when
    /// it has none. Timestamp goes into a 100 (§8.2.6.1), Record-Route into every 101 to 299 (§12.1.1).
    ///
    /// Works on requests with missing fields too: what is there is copied.
    pub fn reply_to(request: &Request, status: StatusCode, to_tag: Option<&str>) -> Builder<Response> {
        Builder::reply(request, status, to_tag)
    }

    /// Starts one from this one: same start line, header fields and body.
    pub fn rebuild(&self) -> Builder<Response> {
        Builder::response(self.status(), Some(self.reason())).copy_all(self)
    }

    /// The status of the start line.
    pub fn status(&self) -> StatusCode {
        match self.0.index.start {
            StartLine::Response { status, .. } => status,
            StartLine::Request { .. } => unreachable!("a response is made of a status line alone"),
        }
    }

    /// The reason phrase as it stands; may be empty.
    pub fn reason(&self) -> &str {
        let (from, to) = self.0.index.reason_range();
        self.0.text(from, to)
    }
}

impl Deref for Request {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

impl Deref for Response {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Message {
        Message::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Message {
        Message::Response(response)
    }
}
