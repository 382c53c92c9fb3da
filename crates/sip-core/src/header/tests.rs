use super::*;
use crate::message::Message;

fn message(lines: &str) -> Message {
    let text = format!("OPTIONS sip:a@b SIP/2.0\r\n{}\r\n", lines.replace('\n', "\r\n"));
    Message::parse(text.into()).unwrap()
}

/// All values of a header, each by `show`; `!` and the reason for those that cannot be read.
fn all<'a, H: Header<'a>>(message: &'a Message, show: impl Fn(H) -> String) -> Vec<String> {
    message.fields().all::<H>().map(|h| h.map_or_else(|e| format!("!{e}"), &show)).collect()
}

#[test]
fn addresses() {
    let m = message(concat!(
        "m: \"A, \\\"B\\\" <x>\" <sip:a@b;lr>;q=0.5;expires=60, sip:c@d;expires=x , *\n",
        "Contact: <sip:e@f?X=1,2>;+sip.instance=\"<urn:uuid:1>\";reg-id=1, \n",
        "Contact: Plain Words <sip:g@h>;expires=99999999999, Ünïcode <sip:i@j>;q=2\n",
    ));
    let show = |c: Contact<'_>| match c {
        Contact::Any => "*".into(),
        Contact::Address(a) => format!("{:?} {} {:?} {}", a.display(), a.uri_str(), a.expires(), a.q()),
    };
    assert_eq!(
        all(&m, show),
        [
            r#"Some("A, \"B\" <x>") sip:a@b;lr Some(60) 500"#,
            "None sip:c@d None 1000",
            "*",
            "None sip:e@f?X=1,2 None 1000",
            "!malformed Contact: an address without scheme",
            r#"Some("Plain Words") sip:g@h Some(4294967295) 1000"#,
            r#"Some("Ünïcode") sip:i@j None 1000"#,
        ]
    );
    let instance =
        m.fields().all::<Contact<'_>>().flatten().filter_map(|c| c.address()).find_map(|a| a.param("+sip.instance"));
    assert_eq!(instance, Some("<urn:uuid:1>"));
}

#[test]
fn addresses_that_are_none() {
    for (value, reason) in [
        ("\"a <sip:b@c>", "an open quote"),
        ("\"a\" sip:b@c", "no `<` behind the display name"),
        ("<sip:b@c", "an open `<`"),
        ("<>", "an address without scheme"),
        ("< sip:b@c >", "a character that cannot be in an address"),
        ("sip:b@c d", "an address that needs `<` and `>`"),
        ("sip:b@c?d=e", "an address that needs `<` and `>`"),
        ("a, b <sip:c@d>", "an address that needs `<` and `>`"),
        ("<sip:b@c>;;", "a broken parameter"),
        ("<sip:b@c>;a=", "a broken parameter"),
        ("<sip:b@c> junk", "a broken parameter"),
        ("", "an address without scheme"),
    ] {
        assert_eq!(NameAddr::parse(value).unwrap_err(), Malformed(reason), "{value}");
    }
}

#[test]
fn an_empty_tag_is_no_tag() {
    assert_eq!(NameAddr::parse("<sip:a@b>;tag").unwrap().tag(), None);
    assert_eq!(NameAddr::parse("<sip:a@b>;tag=\"x\"").unwrap().tag(), Some("x"));
}

#[test]
fn built_addresses_read_back() {
    let uri: crate::Uri = "sip:a@b;lr".parse().unwrap();
    let built =
        NameAddrBuf::new(uri).display("a \\ \"b\"\r\nEvil: x").param("tag", "x1").param("text", "a;b").flag("ob");
    let text = built.to_string();
    assert_eq!(text, r#""a \\ \"b\"Evil: x" <sip:a@b;lr>;tag=x1;text="a;b";ob"#);
    let read = NameAddr::parse(&text).unwrap();
    assert_eq!(read.display().unwrap(), "a \\ \"b\"Evil: x");
    assert_eq!((read.tag(), read.param("text"), read.param("OB")), (Some("x1"), Some("a;b"), Some("")));
}

#[test]
fn vias() {
    let m = message(concat!(
        "Via: SIP/2.0/UDP a.b:5060;rport;branch=z9hG4bK1, sip / 2.0 / TLS [::1] : 5061 ;received=[::2];rport=7\n",
        "v: SIP/2.0/TCP c ;maddr=224.0.1.75;ttl=16;branch=Z9hg4bk2\n",
        "Via: SIP/3.0/UDP a, HTTP/2.0/TCP a, SIP/2.0/UDPa, SIP/2.0/UDP, SIP/2.0/UDP a:b, SIP/2.0/UDP [::1, SIP/2.0/UDP a:65536, SIP/2.0/UDP a b\n",
    ));
    let show = |v: Via<'_>| {
        let (branch, received) = (v.rfc3261_branch(), v.received());
        format!(
            "{} {} {:?} {branch:?} {received:?} {:?} {:?} {:?}",
            v.transport(),
            v.host(),
            v.port(),
            v.rport(),
            v.maddr(),
            v.ttl()
        )
    };
    let read = all(&m, show);
    assert_eq!(
        read[..3],
        [
            r#"UDP a.b Some(5060) Some("z9hG4bK1") None Some(None) None None"#,
            r#"TLS [::1] Some(5061) None Some(::2) Some(Some(7)) None None"#,
            r#"TCP c None Some("Z9hg4bk2") None None Some("224.0.1.75") Some(16)"#,
        ]
    );
    assert_eq!(read.len(), 11);
    assert!(read[3..].iter().all(|r| r.starts_with("!malformed Via: ")), "{read:#?}");
}

#[test]
fn words_and_numbers() {
    let m = message(concat!(
        "CSeq: 2147483647 INVITE\nMax-Forwards: 255\nExpires: 4294967295\nRSeq: 1\nRAck: 776656 1 INVITE\n",
        "x: 4000 ; refresher=UAC\nMin-SE: 90;generic\nContent-Type: multipart / mixed ; boundary=\"a;b\"\n",
        "Content-Disposition: session;handling=optional\nTimestamp: 54.21 0.5\nSession-ID: ab30;remote=00\n",
    ));
    let f = m.fields();
    assert_eq!(f.cseq().unwrap().number, 0x7fff_ffff);
    assert_eq!(f.get(), Ok(MaxForwards(255)));
    assert_eq!(f.get(), Ok(Expires(u32::MAX)));
    assert_eq!(f.get(), Ok(RSeq(1)));
    assert_eq!(f.get::<RAck>().unwrap().to_string(), "776656 1 INVITE");
    assert_eq!(f.get(), Ok(SessionExpires { delta_seconds: 4000, refresher: Some(Refresher::Uac) }));
    assert_eq!(f.get(), Ok(MinSe(90)));
    assert!(f.content_type().unwrap().is("Multipart/MIXED"));
    assert_eq!(f.content_type().unwrap().params.get("boundary"), Some("a;b"));
    assert_eq!(f.get::<ContentDisposition<'_>>().unwrap().params.get("handling"), Some("optional"));
    assert_eq!(f.get::<Timestamp<'_>>().unwrap(), Timestamp { value: "54.21", delay: Some("0.5") });
    assert_eq!(f.get::<SessionId<'_>>().unwrap().params.get("remote"), Some("00"));
    assert_eq!(f.get::<Date>(), Err(HeaderError::Missing(Name::Date)));
    assert_eq!(f.maybe::<Date>(), Ok(None));
}

#[test]
fn one_beyond_the_range_is_malformed() {
    let m = message(
        "CSeq: 2147483648 INVITE\nMax-Forwards: 256\nExpires: 4294967296\nRSeq: 4294967296\nRAck: 1 2\nMin-SE: x\ni: a b\n",
    );
    let f = m.fields();
    assert!(matches!(f.cseq(), Err(HeaderError::Malformed { name: Name::CSeq, .. })));
    assert!(f.get::<MaxForwards>().is_err() && f.get::<Expires>().is_err() && f.get::<RSeq>().is_err());
    assert!(f.get::<RAck>().is_err() && f.get::<MinSe>().is_err() && f.call_id().is_err());
}

#[test]
fn dialogs_named() {
    let m = message(
        "Replaces: 98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff;early-only\nJoin: a;to-tag=1\nTarget-Dialog: b;local-tag=l;remote-tag=r\n",
    );
    let replaces = m.fields().get::<Replaces<'_>>().unwrap();
    assert_eq!(
        (replaces.call_id, replaces.local_tag, replaces.remote_tag),
        ("98732@sip.example.com", "ff87ff", "r33th4x0r")
    );
    assert!(replaces.early_only());
    assert!(m.fields().get::<Join<'_>>().is_err());
    assert_eq!(m.fields().get::<TargetDialog<'_>>().unwrap().remote_tag, "r");
}

#[test]
fn lists() {
    let m = message(concat!(
        "Supported: 100rel ,, timer\nk:\nRequire: a b\nAllow: INVITE,ACK\nAccept: application/sdp;level=1, text/*;q=0.25, application/*;q=0\n",
        "Privacy: id;critical\nPrivacy: user, header\n",
    ));
    let f = m.fields();
    assert!(
        f.has_token(Name::Supported, "Timer")
            && !f.has_token(Name::Supported, "time")
            && f.has_token(Name::Allow, "ACK")
    );
    assert_eq!(all(&m, |s: Supported<'_>| s.0.to_owned()), ["100rel", "", "timer", ""]);
    assert_eq!(all(&m, |r: Require<'_>| r.0.to_owned()), ["!malformed Require: not a token"]);
    let takes = |mime| f.all::<Accept<'_>>().flatten().any(|range| range.takes(mime));
    assert!(takes("application/sdp") && takes("text/plain") && !takes("application/pkcs7-mime") && !takes("image/png"));
    assert!(f.get::<Privacy<'_>>().unwrap().asks("ID"));
    assert_eq!(f.all::<Privacy<'_>>().flatten().flat_map(|p| p.values().collect::<Vec<_>>()).count(), 4);
}

#[test]
fn events() {
    let m = message("o: refer;id=93809824\nSubscription-State: Terminated;reason=noresource;retry-after=3\n");
    let event = m.fields().get::<Event<'_>>().unwrap();
    assert_eq!((event.package, event.id()), ("refer", Some("93809824")));
    let state = m.fields().get::<SubscriptionState<'_>>().unwrap();
    assert_eq!(
        (state.is_terminated(), state.reason(), state.retry_after(), state.expires()),
        (true, Some("noresource"), Some(3), None)
    );
}

#[test]
fn why_and_when() {
    let m = message(concat!(
        "Reason: SIP ;cause=600 ;text=\"Busy, \\\"Everywhere\\\"\", Q.850;cause=16\n",
        "Retry-After: 18000 (Not until (really) \\) later);duration=3600\n",
        "Warning: 307 isi.edu \"a, b\", 370 devnull:5060 \"c\"\nWarning: 30 x \"y\"\nWarning: 301 x y\n",
    ));
    assert_eq!(
        all(&m, |r: Reason<'_>| format!("{} {:?} {:?}", r.protocol, r.cause(), r.text())),
        [r#"SIP Some(600) Some("Busy, \"Everywhere\"")"#, "Q.850 Some(16) None"]
    );
    let retry = m.fields().get::<RetryAfter<'_>>().unwrap();
    assert_eq!((retry.delta_seconds, retry.comment), (18_000, Some("Not until (really) \\) later")));
    assert_eq!(retry.params.get("duration"), Some("3600"));
    assert_eq!(
        all(&m, |w: Warning<'_>| format!("{} {} {}", w.code, w.agent, w.text())),
        [
            "307 isi.edu a, b",
            "370 devnull:5060 c",
            "!malformed Warning: no code of three digits",
            "!malformed Warning: no agent and text"
        ]
    );
}

#[test]
fn comments_nest_to_a_limit() {
    let nested = |depth: usize| format!("1 {}{}", "(".repeat(depth), ")".repeat(depth));
    let limit = super::info::MAX_COMMENT_DEPTH;
    assert!(RetryAfter::parse(&nested(limit)).is_ok());
    assert_eq!(RetryAfter::parse(&nested(limit + 1)), Err(Malformed("a comment nested too deep")));
    assert_eq!(RetryAfter::parse("1 (a"), Err(Malformed("an open comment")));
}

#[test]
fn the_way_a_call_came() {
    let m = message(concat!(
        "Diversion: <sip:+1@a>;reason=no-answer;counter=2, \"B\" <sip:b@c>;reason=user-busy\n",
        "History-Info: <sip:a@b>;index=1, <sip:c@d?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1\n",
        "P-Asserted-Identity: \"Cullen\" <sip:fluffy@cisco.com>, tel:+14085264000\nUser-to-User: 56A390f3d2;encoding=hex, \"a b\";encoding=x, 123\n",
    ));
    assert_eq!(
        all(&m, |d: Diversion<'_>| format!("{:?} {}", d.params().get("reason"), d.counter())),
        ["Some(\"no-answer\") 2", "Some(\"user-busy\") 1"]
    );
    assert_eq!(
        all(&m, |h: HistoryInfo<'_>| format!("{:?} {:?}", h.index(), h.reason())),
        [r#"Some("1") None"#, r#"Some("1.1") Some("SIP;cause=302")"#]
    );
    assert_eq!(all(&m, |p: PAssertedIdentity<'_>| p.uri().unwrap().scheme().to_owned()), ["sip", "tel"]);
    assert_eq!(
        all(&m, |u: UserToUser<'_>| format!("{} {:02x?}", u.data, u.bytes())),
        ["56A390f3d2 Some([56, a3, 90, f3, d2])", "a b None", "123 None"]
    );
}

#[test]
fn dates() {
    for (text, seconds) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
        ("Tue, 29 Feb 2000 12:00:01 GMT", 951_825_601),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
    ] {
        assert_eq!(Date::parse(text), Ok(Date { unix_seconds: seconds }));
        assert_eq!(Date { unix_seconds: seconds }.to_string(), text);
    }
    for bad in [
        "Fri, 01 Jan 2010 16:00:00 EST",
        "Fri, 1 Jan 2010 16:00:00 GMT",
        "Mon, 29 Feb 2100 00:00:00 GMT",
        "Fri, 01 Jan 2010 24:00:00 GMT",
        "Fri, 01 Jan 2010 16:00 GMT",
        "Fri, 01 Jan 10 16:00:00 GMT",
        "01 Jan 2010 16:00:00 GMT",
        "",
    ] {
        assert!(Date::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn challenges() {
    let m = message(concat!(
        "WWW-Authenticate: Digest realm=\"a, \\\"b\\\"\" , nonce=n,, stale=TRUE,qop=\"auth,auth-int\"\n",
        "WWW-Authenticate: Digest realm=\"a\n",
        "WWW-Authenticate: Bearer abc==\n",
        "Authentication-Info: nextnonce=\"x\", nc=00000001\n",
    ));
    let read = all(&m, |w: WwwAuthenticate<'_>| format!("{} {:?} {:?}", w.scheme, w.param("Realm"), w.param("qop")));
    assert_eq!(
        read,
        [
            r#"Digest Some("a, \"b\"") Some("auth,auth-int")"#,
            "!malformed WWW-Authenticate: an open quote",
            "Bearer None None"
        ]
    );
    assert_eq!(m.fields().get::<AuthenticationInfo<'_>>().unwrap().0.get("nextnonce").unwrap(), "x");
}

/// A header of one's own.
struct Mood<'a>(&'a str);

impl<'a> Header<'a> for Mood<'a> {
    const LIST: bool = true;

    fn name() -> Name {
        Name::from_static("X-Mood")
    }

    fn parse(value: &'a str) -> Result<Self, Malformed> {
        if value.is_empty() { Err(Malformed("no mood")) } else { Ok(Mood(value)) }
    }
}

#[test]
fn headers_of_ones_own() {
    let m = message("X-Mood: merry, sad\nX-Other: x\nx-MOOD:\n");
    assert_eq!(all(&m, |mood: Mood<'_>| mood.0.to_owned()), ["merry", "sad", "!malformed X-Mood: no mood"]);
}
