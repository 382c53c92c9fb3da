//! rsip 0.4 as an oracle: where it reads a message, we read the same in it.

#![allow(clippy::unwrap_used)] // a test's helpers are tests

use bytes::Bytes;
use proptest::prelude::*;
use rsip::{
    headers::{ToTypedHeader, UntypedHeader},
    message::{HasHeaders, HeadersExt},
};
use sip_core::{
    Message, Method, Request, Uri, frame,
    header::{CSeq, Name, NameAddrBuf},
    uri::SipUri,
    validate,
};
use std::{fs, path::Path};

/// What both can say. A header that rsip cannot read (compact names, for one) is `None` and not compared.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    start: String,
    call_id: Option<String>,
    cseq: Option<(u32, String)>,
    from_tag: Option<Option<String>>,
    to_tag: Option<Option<String>>,
    via: Option<(String, Option<String>)>,
    contact: Option<String>,
    max_forwards: Option<u32>,
    headers: usize,
    body: Vec<u8>,
}

fn theirs(message: &rsip::SipMessage) -> Facts {
    let (start, body) = match message {
        rsip::SipMessage::Request(r) => (r.method.to_string(), r.body.clone()),
        rsip::SipMessage::Response(r) => (r.status_code.code().to_string(), r.body.clone()),
    };
    let tag = |tag: Option<rsip::common::uri::param::Tag>| tag.map(|tag| tag.value().to_owned());
    let from = message.from_header().ok().and_then(|h| h.typed().ok());
    let to = message.to_header().ok().and_then(|h| h.typed().ok());
    let via = message.via_header().ok().and_then(|h| h.typed().ok());
    Facts {
        start,
        call_id: message.call_id_header().ok().map(|h| h.value().to_owned()),
        cseq: message.cseq_header().ok().and_then(|h| h.typed().ok()).map(|c| (c.seq, c.method.to_string())),
        from_tag: from.map(|from| tag(from.tag().cloned())),
        to_tag: to.map(|to| tag(to.tag().cloned())),
        via: via.map(|via| (via.uri.host().to_string(), via.branch().map(|b| b.value().to_owned()))),
        contact: message.contact_header().ok().and_then(|h| h.typed().ok()).map(|c| c.uri.to_string()),
        max_forwards: message.max_forwards_header().ok().and_then(|h| h.num().ok()),
        headers: message.headers().iter().count(),
        body,
    }
}

/// Ours, of what they could read; `None` from them is not compared.
fn ours(message: &Message, theirs: &Facts) -> Facts {
    let fields = message.fields();
    let start = match message {
        Message::Request(request) => request.method().to_string(),
        Message::Response(response) => response.status().to_string(),
    };
    let tag = |tag: Option<&str>| tag.map(Into::into);
    Facts {
        start,
        call_id: theirs.call_id.as_ref().map(|_| fields.call_id().unwrap().to_owned()),
        cseq: theirs.cseq.as_ref().map(|_| fields.cseq().map(|c| (c.number, c.method.to_string())).unwrap()),
        from_tag: theirs.from_tag.as_ref().map(|_| tag(fields.from().unwrap().tag())),
        to_tag: theirs.to_tag.as_ref().map(|_| tag(fields.to().unwrap().tag())),
        via: theirs
            .via
            .as_ref()
            .map(|_| fields.top_via().map(|via| (via.host().into(), via.branch().map(Into::into))).unwrap()),
        contact: theirs.contact.as_ref().map(|_| fields.contact().unwrap().unwrap().uri_str().to_owned()),
        max_forwards: theirs.max_forwards.map(|_| fields.value(&Name::MaxForwards).unwrap().parse().unwrap()),
        headers: fields.iter().count(),
        body: fields.body().to_vec(),
    }
}

#[test]
fn where_rsip_reads_a_message_we_read_the_same() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let (mut both, mut differing) = (0, Vec::new());
    for folder in ["torture", "ipv6", "wild"] {
        for entry in fs::read_dir(corpus.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = Bytes::from(fs::read(&path).unwrap());
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let Ok(Some(message)) = frame::datagram(bytes) else { continue };
            // rsip lets much through that is refused here; that is no fact to agree on.
            let sound = match &message {
                Message::Request(request) => validate::request(request).is_ok(),
                Message::Response(response) => validate::response(response).is_ok(),
            };
            if !sound {
                continue;
            }
            // What stands behind the message in the datagram is not a part of it; rsip takes all.
            let Ok(oracle) = rsip::SipMessage::try_from(&message.as_bytes()[..]) else { continue };
            both += 1;
            let theirs = theirs(&oracle);
            let ours = ours(&message, &theirs);
            if ours != theirs {
                differing.push(format!("{name}:\n ours   {ours:?}\n theirs {theirs:?}"));
            }
        }
    }
    assert!(differing.is_empty(), "\n{}", differing.join("\n"));
    assert!(both > 35, "rsip reads only {both}");
}

proptest! {
    #[test]
    fn what_we_build_rsip_reads_as_we_do(
        user in "[a-z0-9.]{1,8}", tag in "[A-Za-z0-9.]{1,12}", call_id in "[a-z0-9]{1,12}(@[a-z.]{1,6})?",
        number in 1u32..0x7fff_ffff, port in 1u16.., subject in "[ -~]{0,20}", body in "[a-z\r\n]{0,20}",
    ) {
        let host = "example.com".parse().unwrap();
        let uri = Uri::from(SipUri::new(host).with_user(&user).with_port(Some(port)));
        let built = Request::builder(Method::Invite, &uri)
            .header(Name::Via, format_args!("SIP/2.0/UDP 192.0.2.1:{port};branch=z9hG4bK{tag}"))
            .header(Name::From, NameAddrBuf::new(uri.clone()).display("A B").param("tag", &tag))
            .header(Name::To, NameAddrBuf::new(uri.clone()))
            .header(Name::CallId, &call_id)
            .header(Name::CSeq, CSeq::new(number, Method::Invite))
            .header(Name::Contact, NameAddrBuf::new(uri.clone()))
            .header(Name::MaxForwards, 70)
            .header(Name::Subject, subject.trim())
            .body("text/plain", body);
        let message = Message::from(built.build());
        let oracle = rsip::SipMessage::try_from(&message.as_bytes()[..]).unwrap();
        let theirs = theirs(&oracle);
        prop_assert!(theirs.cseq.is_some() && theirs.from_tag.is_some() && theirs.via.is_some() && theirs.contact.is_some());
        prop_assert_eq!(ours(&message, &theirs), theirs);
    }
}
