//! Why bytes are no message, and what can be answered all the same.

use super::{Fields, MAX_HEADERS, MAX_MESSAGE, Request, index::Index};
use crate::status::StatusCode;
use bytes::Bytes;
use std::sync::Arc;

/// What is wrong with the bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Not `METHOD SP Request-URI SP SIP/2.0` and not `SIP/2.0 SP 3DIGIT SP reason` (§7.1, §7.2).
    #[error("a malformed start line")]
    StartLine,
    /// A SIP version other than 2.0.
    #[error("an unknown SIP version")]
    Version,
    /// Not within 100 to 699.
    #[error("a status code out of range")]
    Status,
    /// A header line that does not begin with a token and a colon (§7.3.1).
    #[error("a malformed header line")]
    HeaderLine,
    /// A line that ends in LF alone, or never.
    #[error("a line without CRLF at its end")]
    LineEnding,
    /// Above [`MAX_HEADERS`] header lines.
    #[error("more than {MAX_HEADERS} header lines")]
    TooManyHeaders,
    /// Above [`MAX_MESSAGE`] bytes.
    #[error("more than {MAX_MESSAGE} bytes")]
    TooLarge,
    /// Content-Length is not a number.
    #[error("a malformed Content-Length")]
    ContentLength,
    /// More than one Content-Length (RFC 4475 §3.3.9).
    #[error("more than one Content-Length")]
    DuplicateContentLength,
    /// No Content-Length on a stream, where it is the only frame (§18.3).
    #[error("no Content-Length on a stream")]
    NoContentLength,
    /// The head has no end, or the body is shorter than Content-Length says (§18.3).
    #[error("a message cut short")]
    Truncated,
}

/// The bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ParseError {
    fault: Fault,
    request: Option<Box<Request>>,
}

impl ParseError {
    /// Reads the bytes once more, leniently, for what an answer needs.
    #[cold]
    pub(crate) fn new(fault: Fault, bytes: Bytes) -> ParseError {
        let request = Index::salvage(&bytes).map(|index| Box::new(Request(Fields { bytes, index: Arc::new(index) })));
        ParseError { fault, request }
    }

    /// What is wrong first.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The request as far as it could be read, when there is enough to send it an answer: a method other than ACK, Via,
    /// From, To, Call-ID and CSeq. Its start line and its other fields may be nonsense, and its body is empty; it is good
    /// for [`Response::reply_to`](super::Response::reply_to) with [`status`](Self::status) and for nothing else.
    pub fn answerable(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// The answer that such a request gets: 505 for a strange version (§21.5.6), 513 for one too large (§21.5.7), else 400.
    pub fn status(&self) -> StatusCode {
        match self.fault {
            Fault::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Fault::TooLarge | Fault::TooManyHeaders => StatusCode::MESSAGE_TOO_LARGE,
            Fault::StartLine
            | Fault::Status
            | Fault::HeaderLine
            | Fault::LineEnding
            | Fault::ContentLength
            | Fault::DuplicateContentLength
            | Fault::NoContentLength
            | Fault::Truncated => StatusCode::BAD_REQUEST,
        }
    }
}
