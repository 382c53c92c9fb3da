use std::fmt::Write;

use bytes::Bytes;
use denwa_benches::Library;
use ezk_sip_types::Name;
use ezk_sip_types::header::headers::Headers;
use ezk_sip_types::header::typed::{CSeq, CallID, Contact, ContentLength, FromTo, Via};
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse;
use ezk_sip_types::print::AppendCtx;
use ezk_sip_types::uri::{SipUri, SipUriUserPart};

pub(crate) struct Ezk;

pub(crate) struct Message {
    line: MessageLine,
    headers: Headers,
    body: Bytes,
}

impl Library for Ezk {
    const NAME: &'static str = "ezk-sip-types";
    type Message = Message;

    /// As its own stack does it in its receive path.
    fn parse(bytes: &Bytes) -> Message {
        let mut parser = PullParser::new(bytes, 0);
        let first = std::str::from_utf8(parser.next().expect("a line").expect("complete")).expect("UTF-8");
        let (_, line) = MessageLine::parse(bytes)(first).expect("well-formed");
        let mut headers = Headers::new();
        for item in &mut parser {
            let text = std::str::from_utf8(item.expect("complete")).expect("UTF-8");
            let (_, line) = Line::parse(bytes, text).expect("well-formed");
            headers.insert(line.name, line.value);
        }
        let body = bytes.slice(parser.head_end()..);
        Message { line, headers, body }
    }

    fn facts(message: &Message) -> u64 {
        let headers = &message.headers;
        let via: Via = headers.get_named().expect("Via");
        let from: FromTo = headers.get(Name::FROM).expect("From");
        let to: FromTo = headers.get(Name::TO).expect("To");
        let call_id: CallID = headers.get_named().expect("Call-ID");
        let cseq: CSeq = headers.get_named().expect("CSeq");
        let contact: Contact = headers.get_named().expect("Contact");
        let length: ContentLength = headers.get_named().expect("Content-Length");
        let lengths = via.params.get_val("branch").map_or(0, |branch| branch.len())
            + from.tag.map_or(0, |tag| tag.len())
            + to.tag.map_or(0, |tag| tag.len())
            + call_id.0.len()
            + user(&contact.uri.uri);
        lengths as u64 + u64::from(cseq.cseq) + length.0 as u64
    }

    fn print(message: &Message) -> usize {
        let mut text = String::with_capacity(message.headers.printed_len() + 256);
        write!(text, "{}\r\n{}\r\n", message.line.default_print_ctx(), message.headers).expect("a string takes all");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&message.body);
        bytes.len()
    }
}

fn user(uri: &SipUri) -> usize {
    match &uri.user_part {
        SipUriUserPart::Empty => 0,
        SipUriUserPart::User(user) => user.len(),
        SipUriUserPart::UserPw(both) => both.user.len(),
    }
}
