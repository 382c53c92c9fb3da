//! `tests/parked.txt` holds every event of parking that Asterisk 22 sent in seven scenarios: REFER to 700, `#700`, `*700`, a call
//! of our own to 700 with Replaces, time-out, the caller gives up, BYE right after the REFER.
mod net;

use super::frame::{Frame, Framer, MAX_LINE, MAX_LINES, Message, NotAmi};
use super::protocol::{Fault, Output, PATIENCE, PING_AFTER, Protocol};
use super::*;
use std::time::Instant;

const GREETING: &str = "Asterisk Call Manager/11.0.0\r\n";
const CHALLENGE: &str = "Response: Success\r\nActionID: denwa-Challenge\r\nChallenge: 167854237\r\n\r\n";
const ACCEPTED: &str = "Response: Success\r\nActionID: denwa-Login\r\nMessage: Authentication accepted\r\n\r\n";
const REFUSED: &str = "Response: Error\r\nActionID: denwa-Login\r\nMessage: Authentication failed\r\n\r\n";

/// The recorded events as they are on the wire, each with the number of its scenario.
fn recorded() -> Vec<(u8, String)> {
    let scenarios = include_str!("tests/parked.txt").split("# ").filter(|block| !block.is_empty());
    scenarios
        .map(|block| {
            let (number, event) = block.split_once('\n').unwrap();
            (number.parse().unwrap(), format!("{}\r\n\r\n", event.trim_end().replace('\n', "\r\n")))
        })
        .collect()
}

fn feed(framer: &mut Framer, bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    framer.feed(bytes, |frame| frames.push(frame)).unwrap();
    frames
}

fn messages(text: &str) -> Vec<Message> {
    let frames = feed(&mut Framer::default(), format!("{GREETING}{text}").as_bytes());
    let messages = frames.into_iter().filter_map(|frame| match frame {
        Frame::Message(message) => Some(message),
        Frame::Greeting(_) => None,
    });
    messages.collect()
}

fn event(text: &str) -> ParkingEvent {
    ParkingEvent::read(&messages(text)[0]).unwrap()
}

fn call(event: &ParkingEvent) -> &ParkedCall {
    match event {
        ParkingEvent::Parked(call)
        | ParkingEvent::Swapped(call)
        | ParkingEvent::TimedOut(call)
        | ParkingEvent::GaveUp(call)
        | ParkingEvent::Unparked { call, .. } => call,
    }
}

#[test]
fn what_asterisk_sent() {
    // All were parked by 1002, who spoke with 1001.
    let ours = OurCall { endpoint: "1002", number: Some("1001") };
    let lines = recorded().into_iter().map(|(scenario, text)| {
        let event = event(&text);
        let call = call(&event);
        let (kind, retriever) = match &event {
            ParkingEvent::Parked(_) => ("parked", None),
            ParkingEvent::Swapped(_) => ("swapped", None),
            ParkingEvent::Unparked { retriever, .. } => ("unparked", retriever.as_ref()),
            ParkingEvent::TimedOut(_) => ("timed out", None),
            ParkingEvent::GaveUp(_) => ("gave up", None),
        };
        let by = retriever.map(|channel| format!(" by {} {:?}", channel.name, channel.number)).unwrap_or_default();
        format!(
            "{scenario:02} {kind} {}/{} {} {:?} {:?} parker {:?} {:?}+{:?} sure {:?}{by}",
            call.lot.as_deref().unwrap(),
            call.slot,
            call.parkee.name,
            call.parkee.number.as_deref(),
            call.parkee.caller_name.as_deref(),
            call.parker_dial_string.as_deref(),
            call.duration.unwrap(),
            call.timeout.unwrap(),
            call.certainty(&ours),
        )
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn how_sure_it_is() {
    let (_, text) = &recorded()[0];
    let with = |parkee: &str, number: &str, parker: &str| {
        let text = text
            .replace("ParkeeChannel: PJSIP/1001-00000003", &format!("ParkeeChannel: {parkee}"))
            .replace("ParkeeCallerIDNum: 1001", &format!("ParkeeCallerIDNum: {number}"))
            .replace("ParkerDialString: PJSIP/1002", &format!("ParkerDialString: {parker}"));
        call(&event(&text)).clone()
    };
    let (trunk, local) = ("PJSIP/my-trunk-0000001a", "Local/700@internal-00000000;2");
    let table = [
        // who waits, its number, who parked; the number of our call; how sure
        (with("PJSIP/1001-00000003", "1001", "PJSIP/1002"), Some("1001"), Some(Certainty::Same)),
        (with(trunk, "0312345678", "PJSIP/1002"), Some("0312345678"), Some(Certainty::Same)),
        (with(trunk, "+81312345678", "PJSIP/1002"), Some("0312345678"), Some(Certainty::Similar)),
        (with(trunk, "1001", "PJSIP/1002"), Some("91001"), Some(Certainty::Similar)),
        (with(trunk, "01", "PJSIP/1002"), Some("1001"), None),
        (with(trunk, "0312345678", "PJSIP/1002"), Some("0412345670"), None),
        (with(trunk, "0312345678", "PJSIP/1002"), None, Some(Certainty::Parker)),
        (with(trunk, "<unknown>", "PJSIP/1002"), Some("0312345678"), Some(Certainty::Parker)),
        (with("PJSIP/1001-00000003", "", "PJSIP/1002"), Some("1001"), Some(Certainty::Same)),
        (with(local, "1002", "PJSIP/1002"), Some("1001"), Some(Certainty::Ourselves)),
        (with(local, "5551234", "PJSIP/1002"), Some("1001"), Some(Certainty::Parker)),
        (with("PJSIP/1002-00000045", "5551234", "PJSIP/1002"), Some("1001"), Some(Certainty::Ourselves)),
        (with("PJSIP/1001-00000003", "1001", "PJSIP/1003"), Some("1001"), None),
        (with("PJSIP/1001-00000003", "1001", "Local/1002@internal"), Some("1001"), None),
        (with("PJSIP/1001-00000003", "1001", ""), Some("1001"), None),
    ];
    for (parked, number, expected) in table {
        assert_eq!(parked.certainty(&OurCall { endpoint: "1002", number }), expected, "{parked:?} {number:?}");
    }
}

#[test]
fn which_call_it_was() {
    let parked = call(&event(&recorded()[0].1)).clone();
    let ours = |number| OurCall { endpoint: "1002", number };
    let (alice, bob, hidden) = (ours(Some("1001")), ours(Some("1009")), ours(None));
    assert_eq!(parked.which(&[bob, hidden, alice]), Some((2, Certainty::Same)));
    assert_eq!(parked.which(&[bob, hidden]), Some((1, Certainty::Parker)));
    assert_eq!(parked.which(&[bob]), None);
    assert_eq!(parked.which(&[alice, bob, alice]), None, "two are as likely");
    assert_eq!(parked.which(&[]), None);
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let all: String = recorded().into_iter().map(|(_, text)| text).collect();
    let text = format!("{GREETING}{ACCEPTED}{all}");
    let whole = feed(&mut Framer::default(), text.as_bytes());
    assert_eq!(whole.len(), 2 + 16);
    for size in 1..80 {
        let mut framer = Framer::default();
        let frames: Vec<_> = text.as_bytes().chunks(size).flat_map(|chunk| feed(&mut framer, chunk)).collect();
        assert_eq!(frames, whole, "in pieces of {size}");
    }
}

#[test]
fn what_is_too_long_is_skipped_and_the_next_message_is_read() {
    let line = |length: usize| format!("Event: X\r\nA: {}\r\n\r\n", "a".repeat(length - 4)); // with its \r
    let lines = |count: usize| format!("{}\r\n", "Event: X\r\n".repeat(count));
    for (long, fits) in [
        (line(MAX_LINE), true),
        (line(MAX_LINE + 1), false),
        (line(1_000_000), false),
        (lines(MAX_LINES), true),
        (lines(MAX_LINES + 1), false),
        (lines(100_000), false),
    ] {
        let mut framer = Framer::default();
        let frames = feed(&mut framer, format!("{GREETING}{long}{ACCEPTED}").as_bytes());
        assert_eq!(frames.len(), 2 + usize::from(fits), "{} bytes", long.len());
        assert_eq!(framer.skipped, u64::from(!fits));
        assert_eq!(frames.last(), feed(&mut Framer::default(), format!("{GREETING}{ACCEPTED}").as_bytes()).last());
    }
}

#[test]
fn what_is_no_manager_is_seen_by_its_first_line() {
    for text in ["SSH-2.0-OpenSSH_9.2\r\n", "\n", &"x".repeat(MAX_LINE + 1)] {
        assert_eq!(Framer::default().feed(text.as_bytes(), |_| {}), Err(NotAmi));
    }
}

#[test]
fn odd_lines_do_no_harm() {
    let odd = "\r\n\r\nEvent:ParkedCall\nno colon\r\n: no name\r\nparkingspace:701\r\n\u{0}\u{0}: x\r\nA: b: c\r\n\r\n";
    let messages = messages(odd);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].value("ParkingSpace"), Some("701"));
    assert_eq!(messages[0].value("a"), Some("b: c"));
    assert_eq!(ParkingEvent::read(&messages[0]), None, "without a channel");
    let mut framer = Framer::default();
    feed(&mut framer, GREETING.as_bytes());
    assert_eq!(feed(&mut framer, b"Event: \xff\xfe\r\n\r\n").len(), 1);
}

/// Any bytes, cut anywhere: nothing panics, nothing grows.
#[test]
fn noise() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let alphabet = b"\r\n\n: EventParkedCallParkeeChannelParkingSpace\xff701";
    let now = Instant::now();
    let (mut protocol, _) = ready(now);
    for _ in 0..200_000 {
        let byte = alphabet[(next() % alphabet.len() as u64) as usize];
        protocol.handle_bytes(now, &[byte]).unwrap();
        while protocol.poll_event().is_some() {}
    }
}

fn ami() -> Ami {
    Ami::new("127.0.0.1", 5038, "dev", "devsecret")
}

fn sent(protocol: &mut Protocol) -> String {
    std::iter::from_fn(|| protocol.poll_transmit()).collect()
}

fn told(protocol: &mut Protocol) -> Vec<Output> {
    std::iter::from_fn(|| protocol.poll_event()).collect()
}

/// One that has signed in, and all that it sent for that.
fn ready(now: Instant) -> (Protocol, String) {
    let mut protocol = Protocol::new(now, ami());
    let mut all = sent(&mut protocol);
    for text in [GREETING, CHALLENGE, ACCEPTED] {
        protocol.handle_bytes(now, text.as_bytes()).unwrap();
        all += &sent(&mut protocol);
    }
    assert_eq!(told(&mut protocol), [Output::SignedIn("11.0.0".into())]);
    (protocol, all)
}

#[test]
fn signs_in_by_challenge_and_asks_what_is_parked() {
    let (_, sent) = ready(Instant::now());
    insta::assert_snapshot!(sent.replace("\r\n", "\n"), @r"
    Action: Challenge
    ActionID: denwa-Challenge
    AuthType: MD5

    Action: Login
    ActionID: denwa-Login
    AuthType: MD5
    Username: dev
    Key: f77ee6d93e42aa671db4a8d372842c91
    Events: call

    Action: ParkedCalls
    ActionID: denwa-ParkedCalls
    ");
    assert!(!sent.contains("devsecret"), "the secret is never sent");
}

#[test]
fn events_are_told_once_signed_in() {
    let now = Instant::now();
    let (_, text) = &recorded()[0];
    let mut early = Protocol::new(now, ami());
    early.handle_bytes(now, format!("{GREETING}{text}").as_bytes()).unwrap();
    assert_eq!(told(&mut early), []);
    let (mut protocol, _) = ready(now);
    let listed = text.replace("Event: ParkedCall\r\n", "Event: ParkedCall\r\nActionID: denwa-ParkedCalls\r\n");
    let other = "Event: Newchannel\r\nChannel: PJSIP/1001-00000001\r\n\r\n";
    let end = "Event: ParkedCallsComplete\r\nActionID: denwa-ParkedCalls\r\nTotal: 1\r\n\r\n";
    protocol.handle_bytes(now, format!("{text}{other}{listed}{end}").as_bytes()).unwrap();
    let parked = told(&mut protocol).into_iter().map(|output| match output {
        Output::Parking(ParkingEvent::Parked(call)) => (call.slot, call.listed),
        other => panic!("{other:?}"),
    });
    assert_eq!(parked.collect::<Vec<_>>(), [("701".into(), false), ("701".into(), true)]);
}

#[test]
fn a_refusal_ends_it() {
    let now = Instant::now();
    for texts in [[GREETING, CHALLENGE, REFUSED].as_slice(), &[GREETING, REFUSED]] {
        let mut protocol = Protocol::new(now, ami());
        let results: Vec<_> = texts.iter().map(|text| protocol.handle_bytes(now, text.as_bytes())).collect();
        assert_eq!(results.last(), Some(&Err(Fault::Refused)));
        assert_eq!(told(&mut protocol), []);
    }
}

#[test]
fn a_silent_server_is_given_up_at_each_step() {
    let now = Instant::now();
    for steps in 0..3 {
        let mut protocol = Protocol::new(now, ami());
        for text in &[GREETING, CHALLENGE][..steps] {
            protocol.handle_bytes(now + PATIENCE / 2, text.as_bytes()).unwrap();
        }
        assert_eq!(protocol.poll_timeout(), now + PATIENCE);
        assert_eq!(protocol.handle_timeout(now + PATIENCE - Duration::from_millis(1)), Ok(()));
        assert_eq!(protocol.handle_timeout(now + PATIENCE), Err(Fault::Silent), "after {steps} steps");
    }
}

#[test]
fn a_quiet_server_is_pinged_and_a_dead_one_noticed() {
    let start = Instant::now();
    let (mut protocol, _) = ready(start);
    let mut now = start;
    for _ in 0..3 {
        now = protocol.poll_timeout();
        protocol.handle_timeout(now).unwrap();
        assert_eq!(sent(&mut protocol), "Action: Ping\r\nActionID: denwa-Ping\r\n\r\n");
        protocol.handle_bytes(now, b"Response: Success\r\nPing: Pong\r\n\r\n").unwrap();
    }
    assert_eq!(now, start + 3 * PING_AFTER);
    protocol.handle_timeout(now + PING_AFTER).unwrap();
    assert_eq!(protocol.poll_timeout(), now + PING_AFTER + PATIENCE);
    assert_eq!(protocol.handle_timeout(now + PING_AFTER + PATIENCE), Err(Fault::Silent));
}

#[test]
fn debug_shows_no_secret() {
    let now = Instant::now();
    let (mut protocol, _) = ready(now);
    protocol.handle_bytes(now, b"Event: X\r\nChannel: PJSIP/5551234\r\n").unwrap();
    let shown = format!("{:?} {:?}", ami().tls_trusting(*b"pem"), protocol);
    for private in ["devsecret", "167854237", "5551234", &hex(b"167854237devsecret")] {
        assert!(!shown.contains(private), "{shown}");
    }
    assert!(shown.contains("***"));
}

fn hex(text: &[u8]) -> String {
    use md5::{Digest, Md5};
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
