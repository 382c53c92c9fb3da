use super::*;
use crate::message::Message;

const REQUEST: &str = "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\n\
    To: <sip:b@c>\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\nContact: <sip:a@d>\r\nContent-Type: application/sdp\r\nContent-Length: 1\r\n\r\nx";

fn with(from: &str, to: &str) -> Request {
    assert!(REQUEST.contains(from));
    let Message::Request(request) = Message::parse(REQUEST.replacen(from, to, 1).into()).unwrap() else { panic!() };
    request
}

fn verdict(from: &str, to: &str) -> (u16, String) {
    request(&with(from, to)).map_or_else(|r| (r.status.code(), r.reason), |()| (200, String::new()))
}

#[test]
fn what_makes_no_sense() {
    for (from, to, status, reason) in [
        ("", "", 200, ""),
        ("Max-Forwards: 70\r\n", "", 200, ""),
        ("From: <sip:a@b>;tag=1\r\n", "", 400, "Missing From"),
        ("Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n", "", 400, "Missing Via"),
        ("CSeq: 7 INVITE\r\n", "", 400, "Missing CSeq"),
        ("CSeq: 7 INVITE", "CSeq: 7 ACK", 400, "CSeq method is not the request's"),
        ("CSeq: 7 INVITE", "CSeq: 2147483648 INVITE", 400, "Malformed CSeq"),
        ("Call-ID: x@y", "Call-ID: x y", 400, "Malformed Call-ID"),
        ("Max-Forwards: 70", "Max-Forwards: 256", 400, "Malformed Max-Forwards"),
        ("Max-Forwards: 70", "Max-Forwards: 0", 200, ""),
        ("Contact: <sip:a@d>", "Contact: <sip:a@d", 400, "Malformed Contact"),
        ("Contact: <sip:a@d>", "Route: <sip:a@d>, x", 400, "Malformed Route"),
        ("Contact: <sip:a@d>", "Contact: <sip:a@d>\r\ni: z", 400, "More than one Call-ID"),
        ("Contact: <sip:a@d>", "x: 90\r\nSession-Expires: 90", 400, "More than one Session-Expires"),
        ("Contact: <sip:a@d>", "x: soon", 400, "Malformed Session-Expires"),
        ("Contact: <sip:a@d>", "Replaces: a;to-tag=1", 400, "Malformed Replaces"),
        ("Contact: <sip:a@d>", "Date: yesterday", 200, ""),
        ("Contact: <sip:a@d>", "Expires: never", 200, ""),
        ("sip:b@c SIP", "sip:b@c?X=y SIP", 400, "Headers in the Request-URI"),
        ("sip:b@c SIP", "<sip:b@c> SIP", 400, "Malformed Request-URI"),
        ("sip:b@c SIP", "tel:+1 SIP", 200, ""),
        ("sip:b@c SIP", "mailto:b@c SIP", 416, "Unsupported URI Scheme"),
    ] {
        assert_eq!(verdict(from, to), (status, reason.to_owned()), "{to}");
    }
    let long = format!("sip:{} SIP", "b".repeat(crate::uri::MAX_URI));
    assert_eq!(verdict("sip:b@c SIP", &long).0, 414);
}

#[test]
fn what_a_method_needs() {
    for (method, extra, status) in [
        ("REFER", "", 400),
        ("REFER", "Refer-To: <sip:d@e>\r\n", 200),
        ("REFER", "Refer-To: <sip:d@e>\r\nr: <sip:d@e>\r\n", 400),
        ("PRACK", "", 400),
        ("PRACK", "RAck: 1 7 INVITE\r\n", 200),
        ("SUBSCRIBE", "", 400),
        ("NOTIFY", "Event: dialog\r\n", 200),
        ("BYE", "Replaces: a;to-tag=1;from-tag=2\r\n", 400),
        ("INVITE", "Replaces: a;to-tag=1;from-tag=2\r\n", 200),
        ("STRANGE", "", 200),
    ] {
        let text = REQUEST.replace("INVITE", method).replace("RAck: 1 7 PRACK", "RAck: 1 7 INVITE");
        let text = text.replacen("Contact:", &format!("{extra}Contact:"), 1);
        let Message::Request(read) = Message::parse(text.into()).unwrap() else { panic!() };
        assert_eq!(request(&read).map_or_else(|r| r.status.code(), |()| 200), status, "{method} {extra}");
    }
}

#[test]
fn responses() {
    let text = |status: &str| REQUEST.replace("INVITE sip:b@c SIP/2.0", status);
    let read = |text: String| match Message::parse(text.into()).unwrap() {
        Message::Response(r) => response(&r),
        Message::Request(_) => panic!("a request"),
    };
    assert_eq!(read(text("SIP/2.0 200 OK")), Ok(()));
    let two = text("SIP/2.0 200 OK").replace("Max-Forwards: 70", "Via: SIP/2.0/UDP b");
    assert_eq!(read(two), Err(Discard::Misrouted));
    let twice = text("SIP/2.0 200 OK").replace("Max-Forwards: 70", "CSeq: 7 INVITE");
    assert_eq!(read(twice), Err(Discard::Repeated(Name::CSeq)));
    let without = text("SIP/2.0 200 OK").replace("To: <sip:b@c>\r\n", "");
    assert_eq!(read(without), Err(Discard::Header(HeaderError::Missing(Name::To))));
}

#[test]
fn what_a_user_agent_cannot_do() {
    let can = Capabilities {
        methods: vec![Method::Invite, Method::Cancel],
        extensions: vec!["timer".into()],
        content_types: vec!["application/sdp".into()],
    };
    let check = |from: &str, to: &str| {
        let refused = can.check(&with(from, to));
        refused.map_or_else(|r| format!("{} {:?}", r.status, r.fields), |()| "200".into())
    };
    assert_eq!(check("", ""), "200");
    assert_eq!(check("INVITE sip", "BYE sip"), r#"405 [(Allow, "INVITE, CANCEL")]"#);
    assert_eq!(check("Contact", "Require: timer, Foo,bar\r\nm"), r#"420 [(Unsupported, "Foo, bar")]"#);
    assert_eq!(check("Contact", "Require: Timer\r\nm"), "200");
    assert_eq!(check("application/sdp", "text/plain"), r#"415 [(Accept, "application/sdp")]"#);
    assert_eq!(check("Content-Type: application/sdp\r\n", ""), r#"415 [(Accept, "application/sdp")]"#);
    assert_eq!(check("application/sdp", "text/plain\r\nContent-Disposition: render;handling=optional"), "200");
    assert_eq!(check("application/sdp", "application/sdp\r\ne: gzip"), r#"415 [(Accept-Encoding, "identity")]"#);
    assert_eq!(check("application/sdp", "application/sdp\r\ne: identity"), "200");
    assert_eq!(check("Contact", "Accept: text/plain\r\nm"), "406 []");
    assert_eq!(check("Contact", "Accept: text/plain, application/*\r\nm"), "200");
}

#[test]
fn rejections_say_why() {
    let request = with("Contact", "Require: foo\r\nm");
    let can = Capabilities { methods: vec![Method::Invite], ..Capabilities::default() };
    let answer = can.check(&request).unwrap_err().reply(&request, Some("t")).build();
    assert_eq!((answer.status(), answer.reason()), (StatusCode::BAD_EXTENSION, "Bad Extension"));
    assert_eq!(answer.value(&Name::Unsupported), Some("foo"));
    assert_eq!(answer.to().unwrap().tag(), Some("t"));
}
