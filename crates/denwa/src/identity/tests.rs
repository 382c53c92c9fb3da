//! Tables. The lines of real servers are as they were recorded.
use super::*;
use sip_core::Message;
use std::time::Duration;

/// A message with this start line, From and To lines, and whatever else.
fn message(start: &str, lines: &[&str]) -> Message {
    let mut text = format!("{start}\r\nVia: SIP/2.0/UDP 127.0.0.1:5160;rport;branch=z9hG4bKPj2403bbd5\r\n");
    text.push_str("Call-ID: 49697d22-3e13-4622-a2fa-aee3aba2aa26\r\nCSeq: 31280 INVITE\r\nMax-Forwards: 70\r\n");
    for (name, line) in [("From:", "From: <sip:1001@127.0.0.1>;tag=9e4e95df"), ("To:", "To: <sip:1002@127.0.0.1;ob>")] {
        if !lines.iter().any(|given| given.starts_with(name)) {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    Message::parse(text.into_bytes().into()).unwrap()
}

fn request(method: &str, lines: &[&str]) -> Request {
    match message(&format!("{method} sip:1002@127.0.0.1:7002;ob SIP/2.0"), lines) {
        Message::Request(request) => request,
        Message::Response(_) => unreachable!("the start line is a request's"),
    }
}

fn invite(lines: &[&str]) -> Request {
    request("INVITE", lines)
}

fn response(lines: &[&str]) -> Response {
    match message("SIP/2.0 200 OK", lines) {
        Message::Response(response) => response,
        Message::Request(_) => unreachable!("the start line is a response's"),
    }
}

/// In a line: source, address, name, number.
fn line(identity: &Identity) -> String {
    if identity.anonymous {
        assert_eq!((&identity.uri, &identity.name, &identity.number), (&None, &None, &None), "an anonymous one leaks");
        return format!("{:?} anonymous", identity.source);
    }
    let uri = identity.uri.as_ref().map_or("-".into(), ToString::to_string);
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    format!("{:?} {uri} [{}] {}", identity.source, or(&identity.name), or(&identity.number))
}

#[test]
fn who_calls() {
    const ALICE: &str = r#"P-Asserted-Identity: "Alice" <sip:1001@127.0.0.1>"#;
    const GATEWAY: &str = r#"From: "Trunk" <sip:gw@192.0.2.9>;tag=1"#;
    const HIDDEN: &str = r#"From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=9802748"#;
    let table: &[(&[&str], &str, &str)] = &[
        // lines, trusted, not trusted
        (
            &[r#"From: "Alice" <sip:1001@127.0.0.1>;tag=9e4e95df"#, ALICE],
            "PAssertedIdentity sip:1001@127.0.0.1 [Alice] 1001",
            "From sip:1001@127.0.0.1 [Alice] 1001",
        ),
        (
            &["From: sip:1001@127.0.0.1;tag=qcNRO5rUSl4dJGjqtrRuZWb0Efv2Z5C-"],
            "From sip:1001@127.0.0.1 [-] 1001",
            "From sip:1001@127.0.0.1 [-] 1001",
        ),
        (
            &[GATEWAY, r#"P-Asserted-Identity: "Cullen" <sip:cullen@example.com>, <tel:+1-408-555.1212>"#],
            "PAssertedIdentity sip:cullen@example.com [Cullen] +14085551212",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (
            &[GATEWAY, "P-Asserted-Identity: tel:+14085551212", r#"P-Asserted-Identity: "C" <sip:c@example.com>"#],
            "PAssertedIdentity tel:+14085551212 [C] +14085551212",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (
            &[GATEWAY, "P-Asserted-Identity: <broken", ALICE],
            "PAssertedIdentity sip:1001@127.0.0.1 [Alice] 1001",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (
            &[GATEWAY, r#"Remote-Party-ID: "Bob" <sip:1002@127.0.0.1>;party=calling;privacy=off;screen=no"#],
            "RemotePartyId sip:1002@127.0.0.1 [Bob] 1002",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (
            &[GATEWAY, "Remote-Party-ID: <sip:1009@127.0.0.1>;party=called"],
            "From sip:gw@192.0.2.9 [Trunk] -",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (
            &[GATEWAY, r#"Remote-Party-ID: "Bob" <sip:1002@127.0.0.1>;privacy=name"#],
            "RemotePartyId sip:1002@127.0.0.1 [-] 1002",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (
            &[GATEWAY, r#"Remote-Party-ID: "Bob" <sip:1002@127.0.0.1>;privacy=FULL"#],
            "RemotePartyId anonymous",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (&[HIDDEN], "From anonymous", "From anonymous"),
        (&["From: <sip:ANONYMOUS@example.com>;tag=1"], "From anonymous", "From anonymous"),
        (&["From: <sip:thisis@anonymous.invalid>;tag=1"], "From anonymous", "From anonymous"),
        (&["From: anonymous <sip:0312345678@example.com>;tag=1"], "From anonymous", "From anonymous"),
        (&["From: \"Door\" <sip:192.0.2.7>;tag=1"], "From anonymous", "From anonymous"),
        (
            &[GATEWAY, "P-Asserted-Identity: <sip:192.0.2.7>"],
            "PAssertedIdentity anonymous",
            "From sip:gw@192.0.2.9 [Trunk] -",
        ),
        (&[ALICE, "Privacy: id"], "PAssertedIdentity anonymous", "From anonymous"),
        (&[ALICE, "Privacy: header;ID;critical"], "PAssertedIdentity anonymous", "From anonymous"),
        (&[ALICE, "Privacy: none", "Privacy: user"], "PAssertedIdentity anonymous", "From anonymous"),
        (&[HIDDEN, ALICE], "PAssertedIdentity anonymous", "From anonymous"),
        (&[HIDDEN, ALICE, "Privacy: none"], "PAssertedIdentity sip:1001@127.0.0.1 [Alice] 1001", "From anonymous"),
        (
            &["P-Asserted-Identity: \"Anonymous\" <sip:anonymous@anonymous.invalid>"],
            "PAssertedIdentity anonymous",
            "From sip:1001@127.0.0.1 [-] 1001",
        ),
        (
            &["From: <sip:+81-3-1234;phone-context=example.com@example.com;user=phone>;tag=1"],
            "From sip:+81-3-1234;phone-context=example.com@example.com [-] +8131234",
            "From sip:+81-3-1234;phone-context=example.com@example.com [-] +8131234",
        ),
        (
            &["From: \" \" <sip:a1b@example.com>;tag=1"],
            "From sip:a1b@example.com [-] -",
            "From sip:a1b@example.com [-] -",
        ),
    ];
    for (lines, trusted, untrusted) in table {
        let invite = invite(lines);
        assert_eq!(line(&Identity::of_request(&invite, true)), *trusted, "trusted: {lines:?}");
        assert_eq!(line(&Identity::of_request(&invite, false)), *untrusted, "not trusted: {lines:?}");
    }
}

#[test]
fn who_it_became() {
    // The connected line after a transfer, to one who was called: From is still the first.
    let update = request(
        "UPDATE",
        &["To: <sip:1002@127.0.0.1>;tag=x", r#"P-Asserted-Identity: "New Name" <sip:4242@127.0.0.1>"#],
    );
    assert_eq!(line(&Identity::of_request(&update, true)), "PAssertedIdentity sip:4242@127.0.0.1 [New Name] 4242");
    assert_eq!(line(&Identity::of_request(&update, false)), "From sip:1001@127.0.0.1 [-] 1001");
    // Within a call that we made, the other side is `called` in its own requests too.
    let update =
        request("UPDATE", &["To: <sip:1002@127.0.0.1>;tag=x", "Remote-Party-ID: <sip:4242@127.0.0.1>;party=called"]);
    assert_eq!(line(&Identity::of_request(&update, true)), "RemotePartyId sip:4242@127.0.0.1 [-] 4242");
}

#[test]
fn who_answers() {
    let ok = response(&[r#"P-Asserted-Identity: "Carol" <sip:1003@127.0.0.1>"#]);
    assert_eq!(line(&Identity::of_response(&ok, true)), "PAssertedIdentity sip:1003@127.0.0.1 [Carol] 1003");
    assert_eq!(line(&Identity::of_response(&ok, false)), "From sip:1002@127.0.0.1 [-] 1002");
    let hidden = response(&["P-Asserted-Identity: <sip:1003@127.0.0.1>", "Privacy: id"]);
    assert_eq!(line(&Identity::of_response(&hidden, true)), "PAssertedIdentity anonymous");
    // Who dials a host knows whom.
    let host = response(&["To: <sip:192.0.2.7>;tag=1"]);
    assert_eq!(line(&Identity::of_response(&host, true)), "From sip:192.0.2.7 [-] -");
}

#[test]
fn who_transferred() {
    let table = [
        ("Referred-By: <sip:1002@127.0.0.1;ob>", "ReferredBy sip:1002@127.0.0.1 [-] 1002"),
        ("Referred-By: sip:1001@127.0.0.1:5160", "ReferredBy sip:1001@127.0.0.1:5160 [-] 1001"),
        (
            r#"Referred-By: "Lin 1001" <sip:1001@127.0.0.1>;tag=uOMCrGCwP"#,
            "ReferredBy sip:1001@127.0.0.1 [Lin 1001] 1001",
        ),
        ("b: <sip:anonymous@anonymous.invalid>", "ReferredBy anonymous"),
    ];
    for (given, expected) in table {
        assert_eq!(transferred_by(&invite(&[given])).as_ref().map(line).as_deref(), Some(expected), "{given}");
    }
    for none in ["Subject: none", "Referred-By: <broken"] {
        assert_eq!(transferred_by(&invite(&[none])), None, "{none}");
    }
}

#[test]
fn who_sent_it_on() {
    let table: &[(&[&str], Option<&str>)] = &[
        (
            &["Diversion: \"Bob\" <sip:1002@127.0.0.1>;reason=user-busy, <sip:1003@127.0.0.1>;reason=no-answer"],
            Some("Diversion sip:1002@127.0.0.1 [Bob] 1002"),
        ),
        (&["Diversion: <sip:1002@127.0.0.1>;privacy=full"], Some("Diversion anonymous")),
        (&["Diversion: \"Bob\" <sip:1002@127.0.0.1>;privacy=\"name\""], Some("Diversion sip:1002@127.0.0.1 [-] 1002")),
        (&["Diversion: <broken", "Diversion: <sip:1003@127.0.0.1>"], Some("Diversion sip:1003@127.0.0.1 [-] 1003")),
        // RFC 7044 §5
        (
            &["History-Info: <sip:UserA@ims.example.com?Reason=SIP%3Bcause%3D302>;index=1.1,\
                 <sip:UserB@example.com?Privacy=history&Reason=SIP%3Bcause%3D486>;index=1.2;mp=1.1,\
                 <sip:45432@192.168.0.3>;index=1.3;rc=1.2"],
            Some("HistoryInfo sip:UserA@ims.example.com [-] -"),
        ),
        (
            &[
                "History-Info: <sip:1@example.com?Reason=SIP%3Bcause%3D302>;index=1",
                "History-Info: <sip:2@example.com>;index=1.1",
            ],
            Some("HistoryInfo sip:1@example.com [-] 1"),
        ),
        (
            &["History-Info: <sip:1@example.com?Privacy=history>;index=1, <sip:2@example.com>;index=1.1;mp=1"],
            Some("HistoryInfo anonymous"),
        ),
        // The registrar found the phone: nobody sent anything on.
        (&["History-Info: <sip:1@example.com>;index=1, <sip:1@192.0.2.4>;index=1.1;rc=1"], None),
        (&["History-Info: <sip:1@example.com>;index=1;mp=7"], None),
        (&["History-Info: <sip:1@example.com?Reason=SIP%3Bcause%3D302>;index=1"], None),
        (&[], None),
    ];
    for (lines, expected) in table {
        assert_eq!(diverted_from(&invite(lines)).as_ref().map(line).as_deref(), *expected, "{lines:?}");
    }
}

#[test]
fn answers_itself() {
    let seconds = |n| Some(Duration::from_secs(n));
    let table: &[(&[&str], Option<Duration>)] = &[
        // Asterisk's Page()
        (
            &[
                "Call-Info: <sip:127.0.0.1>;answer-after=0",
                "Alert-Info: <http://127.0.0.1>;info=alert-autoanswer;delay=0",
            ],
            seconds(0),
        ),
        (
            &["Call-Info: <sip:127.0.0.1>;answer-after=3", "Alert-Info: <http://127.0.0.1>;info=alert-autoanswer"],
            seconds(3),
        ),
        (&["Call-Info: <http://x/p.jpg>;purpose=icon, <sip:x>;Answer-After=2"], seconds(2)),
        (&["Call-Info: ;answer-after=1"], seconds(1)),
        (&["Call-Info: <sip:x>;answer-after=soon"], None),
        (&["Call-Info: <sip:x>;answer-after=99999999999"], None),
        (&["Call-Info: <sip:x;answer-after=0>;purpose=info"], None),
        (&["Alert-Info: <http://127.0.0.1>;info=alert-autoanswer;delay=5"], seconds(5)),
        (&["Alert-Info: info=alert-autoanswer"], seconds(0)),
        (&["Alert-Info: <http://127.0.0.1>;info=alert-internal;delay=0"], None),
        (&["Alert-Info: <urn:alert:source:internal>"], None),
        (&["Answer-Mode: Auto"], seconds(0)),
        (&["Answer-Mode: auto;require"], seconds(0)),
        (&["Priv-Answer-Mode: Auto"], seconds(0)),
        (&["Answer-Mode: Manual", "Call-Info: <sip:x>;answer-after=0"], None),
        (&["Answer-Mode: Manual", "Priv-Answer-Mode: Auto"], seconds(0)),
        (&[], None),
    ];
    for (lines, expected) in table {
        assert_eq!(auto_answer(&invite(lines)), *expected, "{lines:?}");
    }
}

#[test]
fn somebody_else_answered() {
    let table: &[(&[&str], bool)] = &[
        // Asterisk to the loser of a fork
        (&[r#"Reason: SIP;cause=200;text="Call completed elsewhere""#, "Reason: Q.850;cause=26"], true),
        (&[r#"Reason: Q.850;cause=26, SIP ;cause=200 ;text="Call completed elsewhere""#], true),
        (&["Reason: sip;cause=200"], true),
        (&["Reason: Q.850;cause=26"], true),
        // Asterisk when the caller gave up, or another picked up by `*8`
        (&["Reason: Q.850;cause=16"], false),
        (&[r#"Reason: SIP;cause=600;text="Busy Everywhere""#], false),
        (&["Reason: Q.850;cause=200"], false),
        (&["Reason: SIP"], false),
        (&[], false),
    ];
    for (lines, expected) in table {
        assert_eq!(answered_elsewhere(&request("CANCEL", lines)), *expected, "{lines:?}");
        assert!(!answered_elsewhere(&request("BYE", lines)), "only a CANCEL ends ringing: {lines:?}");
    }
}

#[test]
fn contexts_are_found() {
    let hex = |length: usize| "A5".repeat(length);
    let (long, longest) = (format!("User-to-User: {};encoding=hex", hex(130)), format!("User-to-User: {}", hex(129)));
    // lines; bytes and purpose
    type Found<'a> = Option<(&'a [u8], Option<&'a str>)>;
    let table: &[(&[&str], Found<'_>)] = &[
        (&["User-to-User: 6374;encoding=hex;purpose=ctxref"], Some((b"ct", Some("ctxref")))),
        // RFC 7433 §4.1
        (
            &["User-to-User: 56a390f3d2b7310023a2;encoding=hex;purpose=foo;content=bar"],
            Some((&[0x56, 0xa3, 0x90, 0xf3, 0xd2, 0xb7, 0x31, 0x00, 0x23, 0xa2], Some("foo"))),
        ),
        // without parameters, and with the quotes that must be ignored (§4.2)
        (&["User-to-User: \"00Fa\""], Some((&[0, 0xfa], None))),
        // stripped
        (&[], None),
        // doubled
        (&["User-to-User: 01;purpose=ctxref", "User-to-User: 01;purpose=ctxref"], Some((&[1], Some("ctxref")))),
        // ours before others, wherever it stands
        (&["User-to-User: 01, 02;purpose=CTXREF", "User-to-User: 03;purpose=ctxref"], Some((&[2], Some("CTXREF")))),
        (&["User-to-User: 01;purpose=isdn-uui, 02;purpose=x"], Some((&[1], Some("isdn-uui")))),
        // what cannot be read is passed over
        (&["User-to-User: 123;purpose=ctxref, xx, 04;encoding=base64, \"\", 05"], Some((&[5], None))),
        (&["User-to-User: \"01", "User-to-User: 02"], Some((&[2], None))),
        (&["User-to-User:", "User-to-User: ;encoding=hex"], None),
        (&[&long], None),
        (&[&long, "User-to-User: 06"], Some((&[6], None))),
        (&[&longest], Some((&[0xa5; 129], None))),
        (&["User-to-User: 07;purpose=\"a;b\r\n c\""], Some((&[7], None))),
    ];
    for (lines, expected) in table {
        let found = context(&invite(lines));
        let found = found.as_ref().map(|context| (context.bytes(), context.purpose()));
        assert_eq!(found, *expected, "{lines:?}");
    }
}

#[test]
fn contexts_are_written_as_they_are_read() {
    let all: Vec<u8> = (0..=255).collect();
    for bytes in [&all[..1], &all[..MAX_CONTEXT], &all[256 - MAX_CONTEXT..]] {
        let context = Context::new(bytes).unwrap();
        let invite = invite(&[&format!("User-to-User: {}", context.header_value())]);
        assert_eq!(super::context(&invite), Some(context));
    }
    assert_eq!(Context::new(*b"\x00rec-42").unwrap().header_value(), "007265632D3432;encoding=hex;purpose=ctxref");
    let foreign = invite(&["User-to-User: 04c8;content=bar;purpose=foo;encoding=hex;other=1"]);
    assert_eq!(context(&foreign).unwrap().header_value(), "04C8;encoding=hex;purpose=foo;content=bar");
    assert_eq!(Context::new([]), Err(ContextError::Empty));
    assert_eq!(Context::new([0; MAX_CONTEXT + 1]), Err(ContextError::TooLong { length: MAX_CONTEXT + 1 }));
}

#[test]
fn a_context_is_not_shown_by_debug() {
    assert_eq!(format!("{:?}", Context::new(*b"secret").unwrap()), "Context(6 bytes)");
}

#[test]
fn the_callers_number_is_passed_on() {
    let caller = |lines: &[&str]| Identity::of_request(&invite(lines), false);
    let alice = caller(&["From: \"Alice \\\"A\\\"\" <sip:0312345678@example.com;user=phone>;tag=1"]);
    let hidden = caller(&["From: <sip:anonymous@anonymous.invalid>;tag=1"]);
    let (us, target) = ("sip:1002@example.com;transport=tcp".parse().unwrap(), "sip:1003@example.com".parse().unwrap());
    let lines = |profile, caller| {
        let headers = caller_id_headers(profile, caller, &us, &target);
        headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    let preferred = r#"P-Preferred-Identity: "Alice \"A\"" <sip:0312345678@example.com>"#;
    let diversion = "Diversion: <sip:1002@example.com>;reason=unconditional;counter=1";
    let history = "History-Info: <sip:1002@example.com>;index=1, <sip:1003@example.com>;index=1.1;mp=1";
    assert_eq!(lines(CallerIdProfile::None, &alice), [""; 0]);
    assert_eq!(lines(CallerIdProfile::PreferredIdentity, &alice), [preferred]);
    assert_eq!(lines(CallerIdProfile::Diversion, &alice), [preferred, diversion]);
    assert_eq!(lines(CallerIdProfile::HistoryInfo, &alice), [preferred, history]);
    for profile in [CallerIdProfile::PreferredIdentity, CallerIdProfile::Diversion, CallerIdProfile::HistoryInfo] {
        assert_eq!(lines(profile, &hidden), [""; 0], "{profile:?}");
    }
    // Whoever reads it finds us.
    for line in [diversion, history] {
        let left = diverted_from(&invite(&[line])).unwrap();
        assert_eq!(left.number.as_deref(), Some("1002"), "{line}");
    }
}

#[test]
fn a_thousand_values_are_not_read() {
    let many = vec!["User-to-User: zz"; 200];
    let mut lines = many.clone();
    lines.push("User-to-User: 01;purpose=ctxref");
    assert_eq!(context(&invite(&lines)), None);
    assert!(context(&invite(&lines[190..])).is_some());
}
