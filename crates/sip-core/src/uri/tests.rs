use super::*;

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn rfc3261_19_1_4_equivalent() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ("sip:a@example.com.", "SIP:a@example.com"),
        ("sip:a@example.com;b=1;b=2", "sip:a@example.com;b=2;b=1"),
    ] {
        assert!(uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)), "{a} {b}");
    }
}

#[test]
fn rfc3261_19_1_4_not_equivalent() {
    for (a, b) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:biloxi.com"),
        ("sip:bob:pw@biloxi.com", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;maddr=192.0.2.1", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;user=phone", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;ttl=1", "sip:bob@biloxi.com"),
        ("sip:bob@biloxi.com;method=INVITE", "sip:bob@biloxi.com"),
        ("sip:a%40b@biloxi.com", "sip:a%3Ab@biloxi.com"),
        ("sip:+358@biloxi.com", "tel:+358"),
    ] {
        assert!(!uri(a).equivalent(&uri(b)) && !uri(b).equivalent(&uri(a)), "{a} {b}");
    }
}

#[test]
fn rfc3966_comparison() {
    assert!(uri("tel:+1-201-555-0123").equivalent(&uri("tel:+1.201.555(0123)")));
    assert!(
        uri("tel:7042;phone-context=Example.com;ext=1").equivalent(&uri("TEL:7042;EXT=1;phone-context=example.com"))
    );
    assert!(!uri("tel:+12015550123").equivalent(&uri("tel:12015550123")));
    assert!(!uri("tel:7042;phone-context=a.com").equivalent(&uri("tel:7042;phone-context=b.com")));
    assert!(!uri("tel:7042;phone-context=a.com").equivalent(&uri("tel:7042")));
}

#[test]
fn parts() {
    let Uri::Sip(sip) = uri(
        "sips:alice;day=tuesday:se%20cret@[::1]:5061;lr;maddr=192.0.2.1;x=a%3db?Subject=a%20b&Replaces=x%40y%3Bto-tag%3D1",
    ) else {
        panic!()
    };
    assert!(sip.is_secure());
    assert_eq!(sip.user().as_deref(), Some("alice;day=tuesday"));
    assert_eq!(sip.password().as_deref(), Some("se cret"));
    assert_eq!(sip.host(), &Host::V6("::1".parse().unwrap()));
    assert_eq!(sip.port(), Some(5061));
    assert_eq!(sip.param("LR").as_deref(), Some(""));
    assert_eq!(sip.param("x").as_deref(), Some("a=b"));
    assert_eq!(sip.header("replaces").as_deref(), Some("x@y;to-tag=1"));
    assert_eq!(uri("tel:*21*7042#;phone-context=+49").to_string(), "tel:*21*7042#;phone-context=+49");
    assert_eq!(uri("urn:uuid:1-2").scheme(), "urn");
}

#[test]
fn printing_gives_back_what_was_read() {
    for text in [
        "sip:example.com",
        "sip:user:pw@example.com:5060;a;b=c%20d?X=y&Z=",
        "sips:%61@[2001:db8::1]:5061;transport=tls",
        "sip:sips%3Auser%40example.com@example.net",
        "sip:*8#@pbx.example",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "tel:+1-201;ext=5",
        "nobodyKnowsThisScheme:totallyopaquecontent",
    ] {
        assert_eq!(uri(text).to_string(), text);
        assert_eq!(uri(text), uri(&uri(text).to_string()));
    }
}

#[test]
fn what_is_no_uri() {
    for (text, error) in [
        ("", UriError::Scheme),
        ("bob@example.com", UriError::Scheme),
        ("<sip:a@b>", UriError::Scheme),
        ("sip:", UriError::Host),
        ("sip:a b@c", UriError::Character),
        ("sip:a\r\n@c", UriError::Character),
        ("sip:a@b>", UriError::Character),
        ("sip:@b", UriError::User),
        ("sip:a%4@b", UriError::Escape),
        ("sip:a@", UriError::Host),
        ("sip:a@b@c", UriError::Host),
        ("sip:a@[::1", UriError::Host),
        ("sip:a@[::g]", UriError::Host),
        ("sip:a@::1", UriError::Host),
        ("sip:a@b:", UriError::Port),
        ("sip:a@b:65536", UriError::Port),
        ("sip:a@b:+80", UriError::Port),
        ("sip:a@b;", UriError::Param),
        ("sip:a@b;=x", UriError::Param),
        ("sip:a@b;x=", UriError::Param),
        ("sip:a@b?=x", UriError::Header),
        ("tel:", UriError::Host),
        ("tel:bob", UriError::Number),
        ("tel:+12a", UriError::Number),
    ] {
        assert_eq!(text.parse::<Uri>(), Err(error), "{text}");
    }
    assert!(format!("sip:{}", "a".repeat(MAX_URI - 4)).parse::<Uri>().is_ok());
    assert_eq!(format!("sip:{}", "a".repeat(MAX_URI - 3)).parse::<Uri>(), Err(UriError::TooLong));
}

#[test]
fn setters_escape() {
    let made = SipUri::new("example.com".parse().unwrap())
        .with_user("a b@c:d%")
        .with_port(Some(5080))
        .with_param("transport", Some("tcp"))
        .with_param("Transport", Some("udp"))
        .with_param("x;y", Some("\r\nEvil: 1"))
        .with_header("Replaces", "a@b;to-tag=1;from-tag=2");
    assert_eq!(
        made.to_string(),
        "sip:a%20b%40c%3Ad%25@example.com:5080;Transport=udp;x%3By=%0D%0AEvil:%201?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2"
    );
    let read = made.to_string().parse::<SipUri>().unwrap();
    assert_eq!(read, made);
    assert_eq!(read.user().as_deref(), Some("a b@c:d%"));
    assert_eq!(read.bare().to_string(), "sip:a%20b%40c%3Ad%25@example.com:5080");
}
