use super::*;
use crate::session::Direction;

/// RFC 8866 §5.
const EXAMPLE: &str = "v=0\r\no=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\ns=Call to John Smith\r\n\
    i=SDP Offer #1\r\nu=http://www.jdoe.example.com/home.html\r\ne=Jane Doe <jane@jdoe.example.com>\r\n\
    p=+1 617 555-6011\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n\
    m=audio 49180 RTP/AVP 0\r\nm=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:db8::2\r\na=rtpmap:99 h263-1998/90000\r\n";

fn read(text: &str) -> SessionDescription {
    parse(text.as_bytes()).unwrap()
}

#[test]
fn the_example_of_rfc_8866_prints_as_it_was_read() {
    let read = read(EXAMPLE);
    assert_eq!(read.to_string(), EXAMPLE);
    assert_eq!((read.origin.username.as_str(), read.origin.version.as_str()), ("jdoe", "3724394405"));
    assert_eq!(read.lines.first('s'), Some("Call to John Smith"));
    assert_eq!(read.media.iter().map(|media| media.port).collect::<Vec<_>>(), [49_170, 49_180, 51_372]);
    let ip = |slot: usize| read.connection(&read.media[slot]).unwrap().ip().unwrap().to_string();
    assert_eq!((ip(0).as_str(), ip(2).as_str()), ("198.51.100.1", "2001:db8::2"));
    assert_eq!(read.direction(&read.media[0]), Direction::SendRecv);
}

/// RFC 8866 §5: "parsers SHOULD be tolerant".
#[test]
fn line_feeds_alone_empty_lines_and_a_missing_end_are_read() {
    let text = EXAMPLE.replace("\r\n", "\n");
    assert_eq!(read(text.trim_end()).to_string(), EXAMPLE);
    assert_eq!(read(&format!("\r\n{}\r\n\r\n", EXAMPLE.replace("\r\nt=", "\r\n\r\nt="))).to_string(), EXAMPLE);
}

#[test]
fn what_peers_leave_out_or_put_elsewhere_is_read() {
    let bare = read("v=0\no=- 1 1 IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\na=sendonly\nc=IN IP4 192.0.2.9\n");
    assert_eq!(bare.connection(&bare.media[0]).unwrap().address, "192.0.2.9");
    let spaced = read("v=0\r\no=Call Manager  8 9 IN IP4 192.0.2.1 \r\ns=\r\nm=audio  4000  RTP/AVP  0 \r\n");
    assert_eq!((spaced.origin.username.as_str(), spaced.origin.session_id.as_str()), ("Call Manager", "8"));
    assert_eq!(spaced.media[0].formats, ["0"]);
    let huge = read("v=0\no=- 99999999999999999999999 1 IN IP4 192.0.2.1\n");
    assert_eq!(huge.origin.session_id, "99999999999999999999999");
    let latin = parse(b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=caf\xe9\n").unwrap();
    assert_eq!(latin.lines.first('s'), Some("caf\u{fffd}"));
}

#[test]
fn unknown_lines_stay_in_their_places() {
    let text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nx=odd\r\ns=-\r\nt=0 0\r\na=ice-lite\r\nr=7d 1h 0 25h\r\nk=prompt\r\n\
        m=audio 4/2 RTP/AVP 0\r\nb=AS:64\r\ny=1=2\r\na=ssrc:1 cname:x\r\na=ssrc:2 cname:y:z\r\n";
    let read = read(text);
    assert_eq!(read.to_string(), text);
    assert_eq!(read.media[0].port_count, Some(2));
    assert_eq!(read.media[0].lines.values("ssrc").collect::<Vec<_>>(), ["1 cname:x", "2 cname:y:z"]);
    assert_eq!(read.media[0].lines.first('y'), Some("1=2"));
    assert_eq!(read.lines.value("ice-lite"), Some(""));
    assert_eq!(read.lines.value("ice"), None);
}

#[test]
fn the_sessions_attributes_hold_for_media_that_say_nothing() {
    let read = read(
        "v=0\no=- 1 1 IN IP4 h.example\ns=-\na=Inactive\nt=0 0\nm=audio 1 RTP/AVP 0\nm=audio 3 RTP/AVP 0\na=recvonly\n",
    );
    assert_eq!(read.direction(&read.media[0]), Direction::Inactive);
    assert_eq!(read.direction(&read.media[1]), Direction::RecvOnly);
    assert_eq!(read.connection(&read.media[0]), None);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    use ParseErrorKind::{Connection, Media, NotALine, Origin, TooLong, Version};
    let head = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\n";
    let cases: [(String, usize, ParseErrorKind); 22] = [
        (String::new(), 1, Version),
        ("\r\n\r\n".into(), 3, Version),
        ("o=- 1 1 IN IP4 h\n".into(), 1, Version),
        ("v=1\n".into(), 1, Version),
        (format!("{head}v=0\n"), 4, Version),
        ("v=0\ns=-\n".into(), 3, Origin),
        ("v=0\no=- x 1 IN IP4 h\n".into(), 2, Origin),
        ("v=0\no=- 1 1 IN IP4\n".into(), 2, Origin),
        ("v=0\no=1 1 IN IP4 h\n".into(), 2, Origin),
        (format!("{head}o=- 1 1 IN IP4 127.0.0.1\n"), 4, Origin),
        (format!("{head}nonsense\n"), 4, NotALine),
        (format!("{head}ab=c\n"), 4, NotALine),
        (format!("{head}=c\n"), 4, NotALine),
        (format!("{head}a=b\0c\n"), 4, NotALine),
        (format!("{head}a=b\rm=audio 1 RTP/AVP 0\n"), 4, NotALine),
        (format!("{head}c=IN 127.0.0.1\n"), 4, Connection),
        (format!("{head}m=audio 70000 RTP/AVP 0\n"), 4, Media),
        (format!("{head}m=audio 7000/x RTP/AVP 0\n"), 4, Media),
        (format!("{head}m=audio 7000\n"), 4, Media),
        (format!("{head}{}", "m=audio 1 RTP/AVP 0\n".repeat(MAX_MEDIA + 1)), 4 + MAX_MEDIA, TooLong(MAX_MEDIA)),
        (format!("{head}m=audio 1 RTP/AVP{}\n", " 0".repeat(MAX_FORMATS + 1)), 4, TooLong(MAX_FORMATS)),
        (format!("{head}{}", "a=x\n".repeat(MAX_LINES)), MAX_LINES + 1, TooLong(MAX_LINES)),
    ];
    for (text, line, kind) in cases {
        assert_eq!(parse(text.as_bytes()), Err(ParseError { line, kind }), "{text:.60}");
    }
    let error = parse(b"v=0\no=x\n").unwrap_err();
    assert_eq!(error.to_string(), "SDP line 2: no usable o= line");
}

#[test]
fn limits_hold_to_the_last_one() {
    let head = "v=0\no=- 1 1 IN IP4 127.0.0.1\n";
    assert!(parse(format!("{head}{}", "m=audio 1 RTP/AVP 0\n".repeat(MAX_MEDIA)).as_bytes()).is_ok());
    assert!(parse(format!("{head}m=audio 1 RTP/AVP{}\n", " 0".repeat(MAX_FORMATS)).as_bytes()).is_ok());
    assert!(parse(format!("{head}{}", "a=x\n".repeat(MAX_LINES - 3)).as_bytes()).is_ok());
    let long = |length: usize| format!("{head}a={}", "x".repeat(length - head.len() - 2));
    assert!(parse(long(MAX_LENGTH).as_bytes()).is_ok());
    assert!(parse(long(MAX_LENGTH + 1).as_bytes()).is_err());
}

#[test]
fn a_value_of_ours_cannot_make_a_line() {
    let mut lines = Lines::default();
    lines.push_attribute("tool", Some("x\r\na=sendonly\n\0"));
    assert_eq!(lines.to_string(), "a=tool:x  a=sendonly  \r\n");
}

#[test]
fn directions() {
    for direction in Direction::ALL {
        assert_eq!(direction.mirrored().mirrored(), direction);
        assert_eq!(Direction::new(direction.sends(), direction.receives()), direction);
        assert_eq!(direction.and(Direction::SendRecv), direction);
        assert_eq!(direction.and(Direction::Inactive), Direction::Inactive);
    }
}
