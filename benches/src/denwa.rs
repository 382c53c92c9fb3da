//! Our own library.

use bytes::Bytes;
use sip_core::header::Name;
use sip_core::{Message, Request};

use crate::Library;

/// `denwa-sip-core`.
#[derive(Debug)]
pub struct Denwa;

impl Library for Denwa {
    const NAME: &'static str = "denwa";
    type Message = Message;

    fn parse(bytes: &Bytes) -> Message {
        Message::parse(bytes.clone()).expect("well-formed")
    }

    fn facts(message: &Message) -> u64 {
        let fields = message.fields();
        let via = fields.top_via().expect("Via");
        let from = fields.from().expect("From");
        let to = fields.to().expect("To");
        let contact = fields.contact().expect("Contact").expect("Contact");
        let (_, contact) = contact.uri_str().split_once(':').expect("a scheme");
        let user = contact.split_once('@').map_or("", |(user, _)| user);
        let cseq = fields.cseq().expect("CSeq");
        let lengths = via.branch().map_or(0, str::len)
            + from.tag().map_or(0, str::len)
            + to.tag().map_or(0, str::len)
            + fields.call_id().expect("Call-ID").len()
            + user.len();
        lengths as u64 + u64::from(cseq.number) + fields.body().len() as u64
    }

    fn print(message: &Message) -> usize {
        message.as_bytes().len()
    }

    /// Every field given as text, as a user agent would.
    fn build(message: &Message) -> Option<usize> {
        let request = message.as_request()?;
        let mut builder = Request::builder(request.method(), &request.uri().expect("a URI"));
        for (name, value) in request.iter() {
            if name != Name::ContentLength && name != Name::ContentType {
                builder = builder.header(name, std::str::from_utf8(value).expect("UTF-8"));
            }
        }
        if let Some(content_type) = request.value(&Name::ContentType) {
            builder = builder.body(content_type, request.body());
        }
        Some(builder.build().as_bytes().len())
    }
}
