use super::*;
use crate::{
    header::{CSeq, HeaderError, Name, NameAddrBuf, Subject},
    uri::Host,
};
use proptest::prelude::*;

const REQUEST: &str = "INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nv: SIP/2.0/TCP b, SIP/2.0/TCP c\r\n\
    From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\nRecord-Route: <sip:p;lr>\r\nTimestamp: 5\r\n\
    subject:  one\r\n\t two \r\nX-Thing: 1\r\nx-THING: 2\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody";

fn request(text: &str) -> Request {
    match Message::parse(text.to_owned().into()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

fn fault(text: &str) -> Fault {
    Message::parse(text.to_owned().into()).expect_err(text).fault()
}

#[test]
fn an_unchanged_message_prints_byte_for_byte() {
    let request = request(REQUEST);
    assert_eq!(request.as_bytes(), REQUEST.as_bytes());
    assert_eq!(&request.body()[..], b"body");
    let names: Vec<_> = request.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names[..3], ["Via", "Via", "From"]);
    assert_eq!(names.len(), 13);
}

#[test]
fn folds_stay_in_the_bytes_and_are_spaces_in_views() {
    let request = request(REQUEST);
    assert_eq!(request.raw(&Name::Subject), Some(&b"one\r\n\t two"[..]));
    assert_eq!(request.get::<Subject<'_>>().unwrap().0, "one  \t two");
    assert_eq!(request.rebuild().build().raw(&Name::Subject), Some(&b"one  \t two"[..]));
}

#[test]
fn lines_of_one_name_are_found_in_any_spelling() {
    let request = request(REQUEST);
    assert_eq!(request.raw_all(&Name::Via).count(), 2);
    assert_eq!(request.all::<crate::header::Via<'_>>().count(), 3);
    let thing = Name::from_static("X-thing");
    assert_eq!(request.values(&thing).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(request.raw(&Name::Expires), None);
    assert_eq!(request.get::<crate::header::Expires>(), Err(HeaderError::Missing(Name::Expires)));
}

#[test]
fn bytes_that_are_no_utf8_spoil_only_their_place() {
    let wire =
        b"OPTIONS sip:a SIP/2.0\r\nSubject: caf\xe9 \xff\r\nCall-ID: \xe9\r\nFrom: \"Jos\xe9\" <sip:a@b>;tag=1\r\n\r\n";
    let Message::Request(request) = Message::parse(Bytes::from_static(wire)).unwrap() else { panic!() };
    assert_eq!(request.as_bytes(), &wire[..]);
    assert_eq!(request.raw(&Name::Subject), Some(&b"caf\xe9 \xff"[..]));
    assert_eq!(request.value(&Name::Subject), Some("caf\u{1a} \u{1a}"));
    assert_eq!(request.from().unwrap().tag(), Some("1"));
    assert!(request.call_id().is_err(), "two broken Call-IDs must not look alike");
}

#[test]
fn start_lines() {
    for (text, expected) in [
        ("INVITE sip:a SIP/2.0\r\n\r\n", None),
        ("INVITE sip:a sip/2.0\r\n\r\n", None),
        ("SIP/2.0 200 OK\r\n\r\n", None),
        ("SIP/2.0 200 \r\n\r\n", None),
        ("SIP/2.0 200\r\n\r\n", None),
        ("sip/2.0 699 a b\r\n\r\n", None),
        ("SIP/2.0 99 OK\r\n\r\n", Some(Fault::Status)),
        ("SIP/2.0 099 OK\r\n\r\n", Some(Fault::Status)),
        ("SIP/2.0 700 OK\r\n\r\n", Some(Fault::Status)),
        ("SIP/2.0 2000 OK\r\n\r\n", Some(Fault::Status)),
        ("SIP/2.0 2x0 OK\r\n\r\n", Some(Fault::StartLine)),
        ("SIP/2.0 OK\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:a SIP/3.0\r\n\r\n", Some(Fault::Version)),
        ("INVITE sip:a HTTP/1.1\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:a\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE  sip:a SIP/2.0\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:a SIP/2.0 \r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:a\tb SIP/2.0\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:a\rb SIP/2.0\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:a\0b SIP/2.0\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:é SIP/2.0\r\n\r\n", Some(Fault::StartLine)),
        ("SIP/2.0 200 O\rK\r\n\r\n", Some(Fault::StartLine)),
        ("IN@ITE sip:a SIP/2.0\r\n\r\n", Some(Fault::StartLine)),
        (" INVITE sip:a SIP/2.0\r\n\r\n", Some(Fault::StartLine)),
        ("INVITE sip:a SIP/2.0\n\r\n", Some(Fault::LineEnding)),
        ("INVITE sip:a SIP/2.0", Some(Fault::Truncated)),
        ("INVITE sip:a SIP/2.0\r\n", Some(Fault::Truncated)),
        ("", Some(Fault::Truncated)),
    ] {
        let read = Message::parse(text.into()).err().map(|e| e.fault());
        assert_eq!(read, expected, "{text:?}");
    }
    let Message::Response(response) = Message::parse("SIP/2.0 200\r\n\r\n".into()).unwrap() else { panic!() };
    assert_eq!((response.status(), response.reason()), (StatusCode::OK, ""));
}

#[test]
fn header_lines() {
    for (lines, expected) in [
        ("A: b\r\n", None),
        ("A \t: b\r\n", None),
        ("A:\r\n", None),
        ("A:\r\n\r\n", None),
        ("A: b\r\n  c\r\n", None),
        ("A:\r\n b\r\n", None),
        ("A b: c\r\n", Some(Fault::HeaderLine)),
        (": c\r\n", Some(Fault::HeaderLine)),
        ("A\r\n", Some(Fault::HeaderLine)),
        (" A: b\r\n", Some(Fault::HeaderLine)),
        ("A: b\n", Some(Fault::LineEnding)),
        ("A: b\r\nl: -1\r\n", Some(Fault::ContentLength)),
        ("l: 1 2\r\n", Some(Fault::ContentLength)),
        ("l:\r\n", Some(Fault::ContentLength)),
        ("l: 0\r\nContent-Length: 0\r\n", Some(Fault::DuplicateContentLength)),
        ("l: 1\r\n", Some(Fault::Truncated)),
        ("l: 99999999999999999999\r\n", Some(Fault::Truncated)),
        ("l: 0000\r\n", None),
    ] {
        let text = format!("OPTIONS sip:a SIP/2.0\r\n{lines}\r\n");
        assert_eq!(Message::parse(text.into()).err().map(|e| e.fault()), expected, "{lines:?}");
    }
    assert_eq!(fault("OPTIONS sip:a SIP/2.0\r\nA: b"), Fault::Truncated);
    assert_eq!(fault("OPTIONS sip:a SIP/2.0\r\nA: b\r\n"), Fault::Truncated);
}

#[test]
fn limits_pass_and_one_more_does_not() {
    let lines = |n: usize| format!("OPTIONS sip:a SIP/2.0\r\n{}\r\n", "A: b\r\n".repeat(n));
    assert_eq!(request(&lines(MAX_HEADERS)).iter().count(), MAX_HEADERS);
    assert_eq!(fault(&lines(MAX_HEADERS + 1)), Fault::TooManyHeaders);

    let name = |n: usize| format!("OPTIONS sip:a SIP/2.0\r\n{}: b\r\n\r\n", "A".repeat(n));
    assert_eq!(request(&name(MAX_HEADER_NAME)).iter().count(), 1);
    assert_eq!(fault(&name(MAX_HEADER_NAME + 1)), Fault::HeaderLine);

    let body = |n: usize| format!("OPTIONS sip:a SIP/2.0\r\n\r\n{}", "x".repeat(n - 25));
    assert_eq!(request(&body(MAX_MESSAGE)).body().len(), MAX_MESSAGE - 25);
    assert_eq!(fault(&body(MAX_MESSAGE + 1)), Fault::TooLarge);
}

#[test]
fn the_body_ends_where_its_length_says() {
    let text = "OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nbodyrest";
    assert_eq!(&request(text).body()[..], b"bod");
    assert_eq!(request(text).as_bytes().len(), text.len() - 5);
    assert_eq!(&request("OPTIONS sip:a SIP/2.0\r\n\r\nbody").body()[..], b"body");
}

#[test]
fn a_faulty_request_can_be_answered_if_enough_is_left() {
    for (from, to, status) in [
        ("Content-Length: 4", "Content-Length: 5", 400),
        ("Content-Length: 4", "Content-Length: x", 400),
        ("X-Thing: 1", "X Thing 1", 400),
        ("SIP/2.0\r\n", "SIP/2.1\r\n", 505),
        ("SIP/2.0\r\n", "SIP/2.0 \r\n", 400),
        ("sip:b@c SIP", "sip:b @c SIP", 400),
    ] {
        let error = Message::parse(REQUEST.replacen(from, to, 1).into()).expect_err(to);
        let broken = error.answerable().expect(to);
        assert_eq!(error.status(), status);
        let answer = Response::reply_to(broken, error.status(), Some("t")).build();
        assert_eq!(answer.raw_all(&Name::Via).count(), 2);
        assert_eq!((answer.call_id(), answer.to().unwrap().tag()), (Ok("x@y"), Some("t")));
        assert_eq!(answer.cseq(), Ok(CSeq::new(7, Method::Invite)));
    }
    for (from, to) in [
        ("INVITE sip", "ACK sip"),
        ("Via", "Vla"),
        ("Call-ID: x@y\r\n", ""),
        ("\r\n", "\n"),
        ("INVITE sip:b@c SIP/2.0", "SIP/2.0 2000 OK"),
    ] {
        let text = REQUEST.replace(from, to).replace("v: ", "w: ").replace("Length: 4", "Length: 5");
        let error = Message::parse(text.into()).expect_err(to);
        assert_eq!(error.answerable().map(Request::uri_str), None, "{to:?}");
    }
}

#[test]
fn replies() {
    let request = request(REQUEST);
    let trying = Response::reply_to(&request, StatusCode::TRYING, None).build();
    assert_eq!(
        &trying.as_bytes()[..],
        "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP b, SIP/2.0/TCP c\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:b@c>\r\nCall-ID: x@y\r\nCSeq: 7 INVITE\r\nTimestamp: 5\r\nContent-Length: 0\r\n\r\n"
            .as_bytes()
    );
    let ok = Response::reply_to(&request, StatusCode::OK, Some("t")).build();
    assert_eq!(ok.value(&Name::To), Some("<sip:b@c>;tag=t"));
    assert_eq!(ok.value(&Name::RecordRoute), Some("<sip:p;lr>"));
    assert!(!ok.has(&Name::Timestamp));
    let busy = Response::reply_to(&request, StatusCode::BUSY_HERE, Some("t")).build();
    assert!(!busy.has(&Name::RecordRoute));
    let tagged = request.rebuild().replace(Name::To, "<sip:b@c>;tag=old").build();
    assert_eq!(Response::reply_to(&tagged, StatusCode::OK, Some("t")).build().to().unwrap().tag(), Some("old"));
}

#[test]
fn building() {
    let uri = Uri::sip(Host::V4([192, 0, 2, 1].into()));
    let built = Request::builder(Method::Invite, &uri)
        .header(Name::From, NameAddrBuf::new(uri.clone()))
        .header(Name::from_static("X-A"), 1)
        .header(Name::ContentLength, 99)
        .header(Name::from_static("x-a"), 2)
        .replace(Name::from_static("X-a"), 3)
        .replace(Name::Subject, "s")
        .prepend(Name::Via, "SIP/2.0/UDP a")
        .maybe(Name::Expires, None::<u32>)
        .remove(&Name::From)
        .body("text/plain", "hello")
        .build();
    assert_eq!(
        &built.as_bytes()[..],
        b"INVITE sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nX-A: 3\r\nSubject: s\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    );
    assert_eq!(built.rebuild().build(), built);
    let without = built.rebuild().without_body().build();
    assert!(without.body().is_empty() && !without.has(&Name::ContentType));
    let response = Response::builder(StatusCode::OK, Some("Fine\r\nEvil: 1")).reason("So\nso").build();
    assert_eq!(response.as_bytes(), "SIP/2.0 200 So so\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn what_is_built_can_always_be_read() {
    let uri = Uri::sip(Host::V4([192, 0, 2, 1].into()));
    let blanks = " ".repeat(70_000);
    let long = Request::builder(Method::Options, &uri).header(Name::Subject, format_args!("{blanks}x{blanks}")).build();
    assert_eq!(long.value(&Name::Subject), Some("x"));
    let name = |n: usize| "X".repeat(n).parse::<Name>();
    let named = Request::builder(Method::Options, &uri).header(name(MAX_HEADER_NAME).unwrap(), 1).build();
    assert_eq!(named.iter().count(), 2);
    assert!(name(MAX_HEADER_NAME + 1).is_err());
    let many = (0..2 * MAX_HEADERS).fold(named.rebuild(), |b, n| b.header(Name::Subject, n)).build();
    assert_eq!(many.iter().count(), 2 * MAX_HEADERS + 2);
    let large = many.rebuild().body("text/plain", vec![b'x'; 2 * MAX_MESSAGE]).build();
    assert_eq!(large.body().len(), 2 * MAX_MESSAGE);
}

#[test]
fn nothing_private_is_printed_for_debugging() {
    let text = format!("{:?}", Message::from(request(REQUEST)));
    assert!(text.contains("INVITE") && !text.contains("x@y") && !text.contains("sip:"), "{text}");
}

#[test]
fn a_message_is_small_to_move() {
    assert!(size_of::<Message>() <= 64, "{}", size_of::<Message>());
}

proptest! {
    #[test]
    fn no_value_breaks_out_of_its_line(
        values in prop::collection::vec("(\\PC|\r|\n|\0|\r\n|: |\t){0,12}", 0..8),
        reason in "(\\PC|\r|\n|\0){0,8}",
        content_type in "(\\PC|\r|\n){0,8}",
        body in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let names = [Name::Subject, Name::from_static("X-Y"), Name::To, Name::Via, Name::ContentLength];
        let mut builder = Response::builder(StatusCode::OK, Some(&reason));
        for (i, value) in values.iter().enumerate() {
            let name = names[i % names.len()].clone();
            builder = if i % 3 == 0 { builder.prepend(name, value) } else { builder.header(name, value) };
        }
        let response = builder.body(&content_type, body.clone()).build();
        let wire = response.as_bytes();
        let kept = values.iter().enumerate().filter(|(i, _)| names[i % names.len()] != Name::ContentLength).count();
        // One line for each, Content-Type, Content-Length; and no CR or LF but those.
        prop_assert_eq!(response.iter().count(), kept + 2);
        let head = &wire[..wire.len() - body.len()];
        prop_assert_eq!(head.iter().filter(|c| **c == b'\n').count(), kept + 4);
        prop_assert_eq!(head.iter().filter(|c| **c == b'\r').count(), kept + 4);
        prop_assert!(!head.contains(&0));
        prop_assert_eq!(&response.body()[..], &body[..]);
        prop_assert_eq!(Message::parse(wire.clone()), Ok(Message::from(response)));
    }
}
