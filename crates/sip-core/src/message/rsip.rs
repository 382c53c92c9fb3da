//! To and from the messages of the rsip crate.
//!
//! Going there, compact names become long and folds are undone, because rsip knows neither; what it still cannot read is
//! its error. Coming back, Content-Length is made right.

use super::{Message, Request, Response};
use crate::{header::Name, method::NotAMethod, status::StatusCode, uri::UriError};
use rsip::message::HasHeaders;

/// What an rsip message has that none on the wire can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FromRsipError {
    /// The method is no token.
    #[error(transparent)]
    Method(#[from] NotAMethod),
    /// The Request-URI is none.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The status is not within 100 to 699.
    #[error("a status code out of range")]
    Status,
    /// A header without a token for a name.
    #[error("a malformed header name")]
    Header,
}

impl TryFrom<&Message> for rsip::SipMessage {
    type Error = rsip::Error;

    fn try_from(message: &Message) -> Result<Self, rsip::Error> {
        let plain = match message {
            Message::Request(request) => request.rebuild().build().as_bytes().clone(),
            Message::Response(response) => response.rebuild().build().as_bytes().clone(),
        };
        rsip::SipMessage::try_from(&plain[..])
    }
}

impl TryFrom<&rsip::SipMessage> for Message {
    type Error = FromRsipError;

    fn try_from(message: &rsip::SipMessage) -> Result<Self, FromRsipError> {
        Ok(match message {
            rsip::SipMessage::Request(request) => {
                let uri = request.uri.to_string().parse()?;
                let mut builder = Request::builder(request.method.to_string().parse()?, &uri);
                for header in request.headers().iter() {
                    let (name, value) = parts(header)?;
                    builder = builder.header(name, value);
                }
                builder.raw_body(request.body.clone()).build().into()
            }
            rsip::SipMessage::Response(response) => {
                let status = StatusCode::new(response.status_code.code()).ok_or(FromRsipError::Status)?;
                let mut builder = Response::builder(status, None);
                for header in response.headers().iter() {
                    let (name, value) = parts(header)?;
                    builder = builder.header(name, value);
                }
                builder.raw_body(response.body.clone()).build().into()
            }
        })
    }
}

fn parts(header: &rsip::Header) -> Result<(Name, String), FromRsipError> {
    let line = header.to_string();
    let (name, value) = line.split_once(':').ok_or(FromRsipError::Header)?;
    let name = name.trim().parse().map_err(|_| FromRsipError::Header)?;
    Ok((name, value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let wire = "INVITE sip:bob@example.com SIP/2.0\r\nv: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nSubject: a\r\n b\r\n\
            f: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\ni: x\r\nCSeq: 1 INVITE\r\nX-Own: y\r\nl: 4\r\n\r\n\x00\x01\r\n";
        let message = Message::parse(wire.into()).unwrap();
        let theirs = rsip::SipMessage::try_from(&message).unwrap();
        let back = Message::try_from(&theirs).unwrap();
        let Message::Request(request) = &back else { panic!() };
        assert_eq!(request.uri_str(), "sip:bob@example.com");
        assert_eq!(request.value(&Name::Subject), Some("a   b"));
        assert_eq!(request.value(&Name::from_static("x-own")), Some("y"));
        assert_eq!(&request.body()[..], b"\x00\x01\r\n");
        assert_eq!(request.iter().count(), message.fields().iter().count());
    }
}
