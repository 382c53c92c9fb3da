use super::*;

const OK: &[u8] = b"SIP/2.0 200 OK\r\nCall-ID: a\r\nContent-Length: 4\r\n\r\nbody";
const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: b\r\nl: 0\r\n\r\n";

fn drain(framer: &mut StreamFramer) -> Vec<String> {
    let mut out = Vec::new();
    loop {
        out.push(match framer.next() {
            Ok(None) => return out,
            Ok(Some(Frame::Message(message))) => String::from_utf8_lossy(message.as_bytes()).into_owned(),
            Ok(Some(Frame::KeepAlivePing)) => "ping".into(),
            Ok(Some(Frame::KeepAlivePong)) => "pong".into(),
            Err(e) => e.to_string(),
        });
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn messages_come_whole_wherever_the_stream_is_cut() {
    let whole = [OK, OPTIONS, OK].concat();
    for cut in 0..=whole.len() {
        let mut framer = StreamFramer::new();
        framer.push(&whole[..cut]);
        let mut out = drain(&mut framer);
        framer.push(&whole[cut..]);
        out.extend(drain(&mut framer));
        assert_eq!(out, [text(OK), text(OPTIONS), text(OK)], "cut at {cut}");
    }
    let mut framer = StreamFramer::new();
    let mut out = Vec::new();
    for byte in &whole {
        framer.push(&[*byte]);
        out.extend(drain(&mut framer));
    }
    assert_eq!(out.len(), 3);
}

#[test]
fn keep_alives() {
    let mut framer = StreamFramer::new();
    framer.push(b"\r\n\r\n");
    assert_eq!(drain(&mut framer), ["ping"]);
    framer.push(b"\r\n");
    assert_eq!(drain(&mut framer), ["pong"]);
    framer.push(b"\r\n");
    assert_eq!(drain(&mut framer), ["ping"], "the other half of a ping that was cut in two");
    framer.push(&[b"\r\n", OPTIONS, b"\r\n\r\n\r\n"].concat());
    assert_eq!(drain(&mut framer), ["pong".into(), text(OPTIONS), "ping".into(), "pong".into()]);
    framer.push(b"\r\n\r");
    assert_eq!(drain(&mut framer), ["ping"]);
    framer.push(b"\n");
    assert_eq!(drain(&mut framer), ["pong"]);
}

#[test]
fn a_broken_line_costs_one_message() {
    let broken =
        text(OPTIONS).replace("Call-ID: b", "Call-ID b\r\nVia: v\r\nFrom: f\r\nTo: t\r\nCSeq: 1 OPTIONS\r\nCall-ID: c");
    let mut framer = StreamFramer::new();
    framer.push(&[broken.as_bytes(), OK].concat());
    let Err(FrameError::Malformed(e)) = framer.next() else { panic!() };
    assert_eq!(e.fault(), Fault::HeaderLine);
    assert_eq!(e.answerable().unwrap().call_id(), Ok("c"));
    assert_eq!(drain(&mut framer), [text(OK)]);
}

#[test]
fn a_stream_without_length_is_lost() {
    for (head, fault) in [
        ("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: b\r\n\r\n", Fault::NoContentLength),
        ("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n", Fault::ContentLength),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n", Fault::DuplicateContentLength),
        ("OPTIONS sip:a@b SIP/2.0\r\nl: 65536\r\n\r\n", Fault::TooLarge),
        ("GET / HTTP/1.1\r\nHost: b\r\n\r\n", Fault::StartLine),
        ("\rx\r\n\r\n", Fault::StartLine),
    ] {
        let mut framer = StreamFramer::new();
        framer.push(head.as_bytes());
        let Err(FrameError::Lost(e)) = framer.next() else { panic!("{head}") };
        assert_eq!(e.fault(), fault, "{head}");
        framer.push(OK);
        assert_eq!(framer.next(), Ok(None));
    }
}

#[test]
fn the_limit_passes_and_one_byte_more_does_not() {
    let head = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 65489\r\n\r\n";
    let body = MAX_MESSAGE - head.len();
    for (body, fits) in [(body, true), (body + 1, false)] {
        let head = head.replace("65489", &body.to_string());
        let mut framer = StreamFramer::new();
        framer.push(head.as_bytes());
        framer.push(&vec![b'x'; body]);
        assert_eq!(matches!(framer.next(), Ok(Some(Frame::Message(_)))), fits);
    }
    let mut framer = StreamFramer::new();
    framer.push(&vec![b'x'; MAX_MESSAGE]);
    assert_eq!(framer.next(), Ok(None));
    framer.push(b"x");
    assert!(matches!(framer.next(), Err(FrameError::Lost(e)) if e.fault() == Fault::TooLarge));
}

#[test]
fn datagrams() {
    for nothing in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"\r\n"] {
        assert_eq!(datagram(Bytes::from_static(nothing)), Ok(None));
    }
    let message = datagram(Bytes::from([b"\r\n", OK, b"rest"].concat())).unwrap().unwrap();
    assert_eq!(message.as_bytes(), OK);
    let short = datagram(Bytes::from_static(b"SIP/2.0 200 OK\r\nl: 5\r\n\r\nbody")).unwrap_err();
    assert_eq!(short.fault(), Fault::Truncated);
    assert_eq!(short.answerable(), None);
}
