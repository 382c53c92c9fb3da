//! Bodies of the fuzz targets, also run by proptest and over the corpora. Each asserts what must hold for any bytes.

use crate::{
    frame::{self, Frame, FrameError, StreamFramer},
    header::{self, Header, Name},
    message::{Fields, Message, Request, Response},
    status::StatusCode,
    uri::Uri,
    validate,
};
use bytes::Bytes;

/// One datagram: reading is lossless, every view can be read without a panic, and what is built from it can be read.
pub fn message(data: &[u8]) {
    let message = match frame::datagram(Bytes::copy_from_slice(data)) {
        Ok(Some(message)) => message,
        Ok(None) => return,
        Err(e) => {
            if let Some(request) = e.answerable() {
                let answer = Response::reply_to(request, e.status(), Some("t")).build();
                reads_back(&answer.into());
            }
            return;
        }
    };
    let bytes = message.as_bytes();
    assert!(memchr::memmem::find(data, bytes).is_some(), "a message is a part of its datagram");
    let again = Message::parse(bytes.clone()).expect("what was read once can be read again");
    assert_eq!(again.as_bytes(), bytes);
    assert!(again.fields().iter().eq(message.fields().iter()));
    views(message.fields());
    match &message {
        Message::Request(request) => {
            if let Err(rejection) = validate::request(request) {
                assert!(rejection.status.is_failure());
                reads_back(&rejection.reply(request, Some("t")).build().into());
            }
            let rebuilt = request.rebuild().build();
            assert_eq!((rebuilt.method_str(), rebuilt.uri_str()), (request.method_str(), request.uri_str()));
            same_fields(request, &rebuilt);
            reads_back(&rebuilt.into());
            reads_back(&Response::reply_to(request, StatusCode::OK, Some("t")).build().into());
        }
        Message::Response(response) => {
            validate::response(response).ok();
            let rebuilt = response.rebuild().build();
            assert_eq!((rebuilt.status(), rebuilt.reason()), (response.status(), response.reason()));
            same_fields(response, &rebuilt);
            reads_back(&rebuilt.into());
        }
    }
}

/// A stream, whose first byte says how it is cut: the messages are the same as if it had come in one piece.
pub fn stream(data: &[u8]) {
    let Some((&cut, data)) = data.split_first() else { return };
    let whole = messages(data.chunks(data.len().max(1)));
    let pieces = messages(data.chunks(usize::from(cut) + 1));
    assert_eq!(whole, pieces);
    for bytes in whole.iter().flatten() {
        message(bytes);
    }
}

/// A URI: printing gives what reads back as the same, which is equivalent to itself.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(uri) = text.parse::<Uri>() else { return };
    let printed = uri.to_string();
    assert!(!printed.bytes().any(|c| c <= b' ' || c == b'<' || c == b'>'));
    let again: Uri = printed.parse().expect("a printed URI can be read");
    assert_eq!(again, uri);
    assert_eq!(again.to_string(), printed);
    assert!(uri.equivalent(&again));
    let request = Request::builder(crate::Method::Options, &uri).build();
    assert_eq!(request.uri_str(), printed);
}

/// Messages as bytes, `None` for each error.
fn messages<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Bytes>> {
    let mut framer = StreamFramer::new();
    let mut out = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => out.push(Some(message.as_bytes().clone())),
                Ok(Some(Frame::KeepAlivePing | Frame::KeepAlivePong)) => {}
                Ok(None) => break,
                Err(FrameError::Malformed(_)) => out.push(None),
                // How much has been read by then depends on the pieces; what came before does not.
                Err(FrameError::Lost(_)) => return out,
            }
        }
    }
    out
}

fn reads_back(message: &Message) {
    let again = Message::parse(message.as_bytes().clone());
    assert_eq!(again.as_ref(), Ok(message));
    let text = message.as_bytes();
    let head = memchr::memmem::find(text, b"\r\n\r\n").expect("a head has an end");
    assert_eq!(memchr::memchr_iter(b'\n', &text[..head]).count(), message.fields().iter().count(), "one line a header");
}

fn same_fields(a: &Fields, b: &Fields) {
    let plain = |fields: &Fields| -> Vec<(Name, Vec<u8>)> {
        let line = |value: &[u8]| value.iter().map(|c| if matches!(c, b'\r' | b'\n') { b' ' } else { *c }).collect();
        fields
            .iter()
            .filter(|(name, _)| *name != Name::ContentLength)
            .map(|(name, value)| (name, line(value)))
            .collect()
    };
    assert_eq!(plain(a), plain(b));
    assert_eq!(a.body(), b.body());
}

fn views(fields: &Fields) {
    fn all<'a, H: Header<'a>>(fields: &'a Fields) {
        fields.all::<H>().for_each(drop);
    }
    macro_rules! read {
        ($($header:ident)*) => { $(all::<header::$header>(fields);)* };
    }
    macro_rules! read_borrowed {
        ($($header:ident)*) => { $(all::<header::$header<'_>>(fields);)* };
    }
    read!(CSeq ContentLength MaxForwards Expires MinExpires FlowTimer RSeq RAck SessionExpires MinSe Date);
    read_borrowed! {
        Via From To Contact Route RecordRoute Path ServiceRoute ReferTo ReferredBy ReplyTo PAssertedIdentity PPreferredIdentity
        PAssociatedUri PCalledPartyId RemotePartyId CallId ContentType ContentDisposition Replaces Join TargetDialog Event
        SubscriptionState Supported Require ProxyRequire Unsupported Allow AllowEvents Accept AcceptEncoding AcceptLanguage Reason
        RetryAfter AlertInfo CallInfo ErrorInfo Subject Privacy ReferSub Timestamp SessionId
    }
    for address in fields.all::<header::Contact<'_>>().flatten().filter_map(|contact| contact.address()) {
        let _ = (address.q(), address.expires(), address.tag());
        uri(address.uri_str().as_bytes());
        let printed = address.to_string();
        let again = header::NameAddr::parse(&printed).expect("a printed address can be read");
        assert_eq!((again.display(), again.uri_str()), (address.display(), address.uri_str()));
    }
    for via in fields.all::<header::Via<'_>>().flatten() {
        let _ = (via.received(), via.rport(), via.maddr(), via.ttl(), via.host_ip());
        let printed = via.to_string();
        assert_eq!(header::Via::parse(&printed).as_ref(), Ok(&via));
    }
    fields.all::<header::UserToUser<'_>>().flatten().for_each(|uui| drop(uui.bytes()));
    fields.all::<header::Warning<'_>>().flatten().for_each(|warning| drop(warning.text()));
    fields
        .all::<header::Diversion<'_>>()
        .flatten()
        .for_each(|diversion| drop((diversion.counter(), diversion.display())));
    fields.all::<header::HistoryInfo<'_>>().flatten().for_each(|entry| drop((entry.index(), entry.reason())));
    for date in fields.all::<header::Date>().flatten() {
        assert_eq!(header::Date::parse(&date.to_string()), Ok(date));
    }
    let challenges = fields.all::<header::WwwAuthenticate<'_>>().flatten().map(|c| c.0);
    let answers = fields.all::<header::Authorization<'_>>().flatten().map(|c| c.0);
    challenges.chain(answers).for_each(|challenge| drop(challenge.params.iter().last()));
}

#[cfg(test)]
mod tests;

/// Bodies that the endpoint reads itself: what was read can be written and read again, and news can be merged.
pub fn body(data: &[u8]) {
    use crate::dialog_info::{DialogInfo, MAX_DIALOGS};
    use crate::sipfrag;
    if let Some((status, reason)) = sipfrag::parse(data) {
        let again = sipfrag::parse(&sipfrag::status_line(status, &reason));
        assert_eq!(again.map(|(status, _)| status), Some(status));
    }
    if let Ok(info) = DialogInfo::parse(data) {
        assert!(info.dialogs.len() <= MAX_DIALOGS);
        let mut all = DialogInfo::default();
        all.merge(info.clone());
        assert!(all.dialogs.len() <= MAX_DIALOGS);
        if let Ok(again) = DialogInfo::parse(&info.to_body()) {
            assert_eq!(again.dialogs.len(), info.dialogs.len());
        }
    }
}
