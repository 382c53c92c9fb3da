#![allow(clippy::wildcard_enum_match_arm)]

use super::active::{Exchange, Wish};
use super::errand::Errand;
use super::*;
use crate::vocab::{LegId, Loss, Park, ReferEnd, Slot, Target};
use std::fmt::Write;

#[expect(clippy::disallowed_methods, reason = "a test's time begins somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

fn start() -> Start {
    let local = Local::new(([192, 0, 2, 1], 4000).into());
    Start { local, seed: [7; 32], ring_for: Duration::from_secs(180) }
}

/// The peer's description: G.711 and keys.
fn theirs(direction: &str) -> Option<Vec<u8>> {
    Some(
        format!(
            "v=0\no=- 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\nm=audio 9000 RTP/AVP 0 101\n\
             a=rtpmap:101 telephone-event/8000\na={direction}\n"
        )
        .into_bytes(),
    )
}

fn no_codec() -> Option<Vec<u8>> {
    theirs("sendrecv").map(|body| String::from_utf8(body).unwrap().replace("AVP 0 101", "AVP 18").into_bytes())
}

fn progress(status: u16, sdp: Option<Vec<u8>>) -> Input {
    Input::Signal(Signal::Progress { status, sdp })
}

fn answered(direction: &str) -> Input {
    Input::Signal(Signal::Answered { sdp: theirs(direction) })
}

fn ack(sdp: Option<Vec<u8>>) -> Input {
    Input::Signal(Signal::Acknowledged { sdp })
}

fn offer(sdp: Option<Vec<u8>>) -> Input {
    Input::Signal(Signal::Offer { sdp })
}

fn agrees(direction: &str) -> Input {
    Input::Signal(Signal::OfferAnswered { sdp: theirs(direction) })
}

fn refuses(status: u16, seconds: Option<u64>) -> Input {
    Input::Signal(Signal::OfferRefused { status, retry_after: seconds.map(Duration::from_secs) })
}

fn command(command: Command) -> Input {
    Input::Command(command)
}

fn bye() -> Input {
    Input::Signal(Signal::Bye)
}

fn keys() -> Input {
    command(Command::Dtmf("5#".parse().unwrap()))
}

fn dialed(late: bool) -> Leg {
    Leg::dial(epoch(), start(), late).0
}

fn rung(sdp: Option<Vec<u8>>) -> Leg {
    Leg::incoming(epoch(), start(), ring(), sdp.as_deref()).0
}

fn ring() -> Ring {
    Ring { give_up_after: Duration::from_secs(180), unanswered: 480 }
}

fn elsewhere() -> Input {
    Input::Place(Place::Elsewhere)
}

fn transfer() -> Input {
    command(Command::Transfer(Target("1003".into())))
}

fn park() -> Input {
    command(Command::Park(Park::Refer { orbit: Target("700".into()), slot: None }))
}

fn park_by_keys() -> Input {
    command(Command::Park(Park::Keys("#700".parse().unwrap())))
}

fn slot() -> Option<Slot> {
    Some(Slot("701".into()))
}

fn refer(end: ReferEnd) -> Input {
    Input::Signal(Signal::ReferEnded(end))
}

fn accepted() -> Input {
    Input::Signal(Signal::ReferAccepted)
}

fn run(leg: Leg, inputs: impl IntoIterator<Item = Input>) -> (Leg, Vec<Output>) {
    let now = epoch();
    inputs.into_iter().fold((leg, Vec::new()), |(leg, _), input| leg.step(now, input))
}

fn talking() -> Leg {
    run(dialed(false), [answered("sendrecv")]).0
}

fn with(leg: Leg, inputs: impl IntoIterator<Item = Input>) -> Leg {
    run(leg, inputs).0
}

/// Every state that differs in what it does, by the road that leads there.
fn states() -> Vec<(&'static str, Leg)> {
    let hold = || command(Command::Hold);
    let resume = || command(Command::Resume);
    let held = || with(talking(), [hold(), agrees("recvonly")]);
    vec![
        ("dialing", dialed(false)),
        ("dialing, ringing", with(dialed(false), [progress(180, None)])),
        ("dialing, early media", with(dialed(false), [progress(183, theirs("sendrecv"))])),
        ("dialing, early media, user elsewhere", with(dialed(false), [progress(183, theirs("sendrecv")), elsewhere()])),
        ("dialing without offer", dialed(true)),
        ("incoming", rung(theirs("sendrecv"))),
        ("incoming without offer", rung(None)),
        ("answered, ACK awaited", with(rung(theirs("sendrecv")), [command(Command::Answer)])),
        ("answered with our offer, ACK awaited", with(rung(None), [command(Command::Answer)])),
        ("talking", talking()),
        ("talking, peer holds", with(talking(), [offer(theirs("sendonly"))])),
        ("talking, peer asked for an offer", with(talking(), [offer(None)])),
        ("hold asked", with(talking(), [hold()])),
        ("hold asked, then resumed", with(talking(), [hold(), resume()])),
        ("hold met glare", with(talking(), [hold(), refuses(491, None)])),
        ("hold met glare, then resumed", with(talking(), [hold(), refuses(491, None), resume()])),
        ("held", held()),
        ("held, user elsewhere", with(talking(), [elsewhere(), agrees("recvonly")])),
        ("both hold", with(held(), [offer(theirs("sendonly"))])),
        ("resume asked", with(held(), [resume()])),
        ("hold refused, user elsewhere", with(talking(), [elsewhere(), refuses(488, None)])),
        ("bridged", with(talking(), [Input::Place(Place::Bridge)])),
        ("transfer, hold asked", with(talking(), [transfer()])),
        ("transfer, hold asked, then hung up", with(talking(), [transfer(), command(Command::HangUp)])),
        (
            "transfer, another leg to be gone first",
            with(held(), [Input::Refer { referral: Referral::To(Target("1003".into())), wait: true }]),
        ),
        ("transfer, REFER out", with(held(), [transfer()])),
        ("transfer, REFER out, then hung up", with(held(), [transfer(), command(Command::HangUp)])),
        ("transfer accepted", with(held(), [transfer(), accepted()])),
        ("transfer accepted, nobody will tell", with(held(), [transfer(), accepted(), refer(ReferEnd::Unknown)])),
        ("park, REFER out", with(talking(), [park()])),
        ("park accepted", with(talking(), [park(), accepted()])),
        ("park accepted, then hung up", with(talking(), [park(), accepted(), command(Command::HangUp)])),
        ("park by keys", with(talking(), [park_by_keys()])),
        ("parked, slot may come", with(talking(), [park(), accepted(), refer(ReferEnd::Final(200))])),
        ("parked, slot spoken", with(talking(), [park_by_keys(), Input::Signal(Signal::Parked(None))])),
        ("closing", with(talking(), [command(Command::HangUp)])),
        ("ended", with(talking(), [bye()])),
    ]
}

fn inputs() -> Vec<(&'static str, Input)> {
    vec![
        ("answer", command(Command::Answer)),
        ("reject 486", command(Command::Reject(486))),
        ("reject 200", command(Command::Reject(200))),
        ("hang up", command(Command::HangUp)),
        ("hold", command(Command::Hold)),
        ("resume", command(Command::Resume)),
        ("mute", command(Command::Mute(true))),
        ("keys", keys()),
        ("180", progress(180, None)),
        ("183 with answer", progress(183, theirs("sendrecv"))),
        ("183 with nonsense", progress(183, Some(b"v=1".to_vec()))),
        ("2xx", Input::Signal(Signal::Answered { sdp: None })),
        ("2xx with description", answered("sendrecv")),
        ("2xx, peer holds", answered("sendonly")),
        ("2xx without common codec", Input::Signal(Signal::Answered { sdp: no_codec() })),
        ("2xx with nonsense", Input::Signal(Signal::Answered { sdp: Some(b"v=1".to_vec()) })),
        ("refused 486", Input::Signal(Signal::Refused { status: 486 })),
        ("no response", Input::Signal(Signal::Lost(Loss::Timeout))),
        ("no network", Input::Signal(Signal::Lost(Loss::Network))),
        ("cancelled", Input::Signal(Signal::Cancelled)),
        ("ACK", ack(None)),
        ("ACK with answer", ack(theirs("sendrecv"))),
        ("ACK without common codec", ack(no_codec())),
        ("offer sendrecv", offer(theirs("sendrecv"))),
        ("offer sendonly", offer(theirs("sendonly"))),
        ("offer without common codec", offer(no_codec())),
        ("offer of nonsense", offer(Some(b"v=1".to_vec()))),
        ("re-INVITE without offer", offer(None)),
        ("our offer: sendrecv", agrees("sendrecv")),
        ("our offer: recvonly", agrees("recvonly")),
        ("our offer: inactive", agrees("inactive")),
        ("our offer: no codec", Input::Signal(Signal::OfferAnswered { sdp: no_codec() })),
        ("our offer: no answer", Input::Signal(Signal::OfferAnswered { sdp: None })),
        ("our offer: 488", refuses(488, None)),
        ("our offer: 491", refuses(491, None)),
        ("our offer: 500, retry after 3", refuses(500, Some(3))),
        ("our offer: 500, retry after 60", refuses(500, Some(60))),
        ("our offer: 481", refuses(481, None)),
        ("BYE", bye()),
        ("session over", Input::Signal(Signal::Ended)),
        ("transfer", transfer()),
        (
            "transfer to another leg",
            Input::Refer { referral: Referral::Replacing { leg: LegId(2), early: false }, wait: false },
        ),
        ("park", park()),
        ("park by keys", park_by_keys()),
        ("REFER accepted", accepted()),
        ("NOTIFY 180", Input::Signal(Signal::ReferProgress(180))),
        ("NOTIFY 200", refer(ReferEnd::Final(200))),
        ("NOTIFY 486", refer(ReferEnd::Final(486))),
        ("REFER refused 405", refer(ReferEnd::Refused(405))),
        ("REFER: nobody will tell", refer(ReferEnd::Unknown)),
        ("REFER: subscription lost", refer(ReferEnd::Lost)),
        ("the exchange has parked it", Input::Signal(Signal::Parked(None))),
        ("the exchange has parked it in 701", Input::Signal(Signal::Parked(slot()))),
        ("the other leg is gone", Input::Proceed),
        ("user turns to it", Input::Place(Place::User)),
        ("bridged with another", Input::Place(Place::Bridge)),
        ("user turns elsewhere", elsewhere()),
        ("deadline", Input::Deadline),
    ]
}

/// HOUSE 7: a changed transition is a changed picture in review.
#[test]
fn the_whole_transition_table() {
    let mut table = String::new();
    for (name, leg) in states() {
        writeln!(table, "## {name}: {}", picture(&leg)).unwrap();
        let (mut ignored, mut refused) = (Vec::new(), Vec::new());
        for (input_name, input) in inputs() {
            let now = leg.deadline().filter(|_| input == Input::Deadline).map_or_else(epoch, |(at, _)| at);
            let (next, out) = leg.clone().step(now, input);
            match &out[..] {
                [] if next == leg => ignored.push(input_name),
                [Output::Misuse(misuse)] => {
                    assert_eq!(next, leg, "a refused command changes nothing: {name}, {input_name}");
                    refused.push(format!("{input_name} ({})", misuse.state));
                }
                _ => {
                    let to = if picture(&next) == picture(&leg) { "=".to_owned() } else { picture(&next) };
                    let out: Vec<String> = out.iter().map(output).collect();
                    writeln!(table, "{input_name:31} → {to} | {}", out.join(", ")).unwrap();
                }
            }
        }
        writeln!(table, "refuses: {}\nignores: {}\n", refused.join(", "), ignored.join(", ")).unwrap();
    }
    insta::assert_snapshot!(table);
}

fn picture(leg: &Leg) -> String {
    let muted = |party: &Party| if party.muted { " muted" } else { "" };
    match leg {
        Leg::Dialing(state) => {
            let elsewhere = if state.attended { "" } else { " elsewhere" };
            format!("Dialing {:?}{elsewhere}{}", state.phase(), muted(&state.party))
        }
        Leg::Incoming(state) => format!("Incoming{}", muted(&state.party)),
        Leg::Active(state) => active(state) + muted(&state.party),
        Leg::Closing(state) => format!("Closing {:?}", state.reason),
        Leg::Ended(reason) => format!("Ended {reason:?}"),
    }
}

fn active(state: &Active) -> String {
    let exchange = match &state.exchange {
        Exchange::Idle => String::new(),
        Exchange::Acknowledge { offer: None, .. } => ", ACK awaited".into(),
        Exchange::Acknowledge { offer: Some(offer), .. } => format!(", answer to {:?} awaited in ACK", offer.asks),
        Exchange::Ours { offer, tries } => format!(", {:?} asked #{tries}", offer.asks),
        Exchange::Backoff { tries, .. } => format!(", backing off #{tries}"),
    };
    let place = match state.place {
        Place::User => "",
        Place::Elsewhere => ", elsewhere",
        Place::Bridge => ", bridged",
    };
    let remote = if state.remote_hold() { ", peer holds" } else { "" };
    let wish = if state.wish == Wish::Talk { "Talk" } else { "Hold" };
    let left = |leave: bool| if leave { ", hung up" } else { "" };
    let errand = match &state.errand {
        Errand::None => String::new(),
        Errand::Due { wait, leave, .. } => {
            format!(", REFER {}{}", if *wait { "waits" } else { "due" }, left(*leave))
        }
        Errand::Asked { referral, accepted, leave, .. } => {
            let what = if matches!(referral, Referral::Park { .. }) { "park" } else { "transfer" };
            format!(", {what} {}{}", if *accepted { "accepted" } else { "asked" }, left(*leave))
        }
        Errand::Keyed { leave, .. } => format!(", park keys sent{}", left(*leave)),
        Errand::Settling { .. } => ", parked, slot may come".into(),
        Errand::Parked => ", parked".into(),
    };
    format!("Active {wish} on {:?}{exchange}{remote}{place}{errand}", state.wire)
}

fn output(output: &Output) -> String {
    let direction = |sdp: &SessionDescription| {
        sdp.media
            .iter()
            .map(|media| if media.port == 0 { "none" } else { sdp.direction(media).as_str() })
            .collect::<String>()
    };
    match output {
        Output::Tell(event) => format!("{event:?}!"),
        Output::Misuse(misuse) => format!("misuse: {}", misuse.state),
        Output::Do(action) => match action {
            Action::Invite { sdp } => format!("INVITE {}", sdp.as_ref().map(direction).unwrap_or_default()),
            Action::Ring { status } => status.to_string(),
            Action::Accept { sdp } => format!("200 {}", direction(sdp)),
            Action::Refuse { status } => format!("refuse {status}"),
            Action::HangUp => "hang up".into(),
            Action::Offer { sdp } => format!("re-INVITE {}", direction(sdp)),
            Action::AnswerOffer { sdp } => format!("200 {}", direction(sdp)),
            Action::RefuseOffer { status } => format!("refuse offer {status}"),
            Action::AnswerLate { sdp } => format!("ACK {}", direction(sdp)),
            Action::Media(agreed) => format!("sound {}", agreed.direction),
            Action::Mute(on) => format!("mute {on}"),
            Action::Dtmf(digits) => format!("keys {digits}"),
            Action::StopMedia => "no sound".into(),
            Action::Refer(Referral::To(Target(target))) => format!("REFER {target}"),
            Action::Refer(Referral::Replacing { leg, early }) => format!("REFER replacing {leg} early={early}"),
            Action::Refer(Referral::Park { orbit: Target(orbit), .. }) => format!("REFER {orbit} (park)"),
            Action::Consult(Target(target)) => format!("consult {target}"),
        },
    }
}

fn at(leg: &Leg) -> Instant {
    leg.deadline().unwrap().0
}

/// RFC 3261 §14.1: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in units of 10 ms.
#[test]
fn glare_waits_as_long_as_the_rfc_says() {
    let (mut owner, mut other) = (Vec::new(), Vec::new());
    for seed in 0..=255 {
        let start = || Start { seed: [seed; 32], ..start() };
        let now = epoch();
        let wait = |leg: Leg, waits: &mut Vec<u128>| {
            let leg = leg.step(now, command(Command::Hold)).0.step(now, refuses(491, None)).0;
            waits.push((at(&leg) - now).as_millis());
        };
        wait(Leg::dial(now, start(), false).0.step(now, answered("sendrecv")).0, &mut owner);
        let rung = Leg::incoming(now, start(), ring(), theirs("sendrecv").as_deref()).0;
        wait(rung.step(now, command(Command::Answer)).0.step(now, ack(None)).0, &mut other);
    }
    for (waits, low, high) in [(&mut owner, 2_100, 4_000), (&mut other, 0, 2_000)] {
        waits.sort_unstable();
        assert!(waits.iter().all(|wait| (low..=high).contains(wait) && wait % 10 == 0), "{waits:?}");
        // The whole range is in use.
        assert!(waits[10] < low + 400 && waits[245] > high - 400, "{waits:?}");
    }
}

/// Not a millisecond before; and after the last try a 491 is a refusal like any other.
#[test]
fn glare_is_retried_when_due_and_not_for_ever() {
    let mut leg = with(talking(), [command(Command::Hold)]);
    for _ in 1..MAX_TRIES {
        let (waiting, out) = leg.step(epoch(), refuses(491, None));
        assert_eq!(out, [], "the user is not bothered");
        let due = at(&waiting);
        assert_eq!(waiting.clone().step(due - Duration::from_millis(1), Input::Deadline), (waiting.clone(), vec![]));
        let (asking, out) = waiting.step(due, Input::Deadline);
        assert!(matches!(&out[..], [Output::Do(Action::Offer { .. })]), "{out:?}");
        leg = asking;
    }
    let (leg, out) = leg.step(epoch(), refuses(491, None));
    assert!(out.contains(&Output::Tell(Event::HoldRefused { status: 491 })), "{out:?}");
    assert!(leg.is_live() && leg.is_settled());
}

/// RFC 3261 §14.2.
#[test]
fn retry_after_is_heeded_up_to_a_limit() {
    let now = epoch();
    let hold = || talking().step(now, command(Command::Hold)).0;
    let wait = |status, seconds| {
        let leg = hold().step(now, refuses(status, Some(seconds))).0;
        leg.deadline().map(|(at, why)| ((at - now).as_secs(), why))
    };
    assert_eq!(wait(500, 3), Some((3, Why::Backoff)));
    assert_eq!(wait(500, 0), Some((1, Why::Backoff)), "never at once");
    assert_eq!(wait(503, 10), Some((10, Why::Backoff)));
    assert_eq!(wait(500, 11), None);
    assert_eq!(wait(488, 3), None);
}

#[test]
fn every_wait_has_its_end() {
    let now = epoch();
    let cases = [
        (Leg::dial(now, start(), false).0, 180, Why::NoAnswer),
        (Leg::incoming(now, start(), ring(), None).0, 180, Why::NoAnswer),
        (Leg::incoming(now, start(), ring(), None).0.step(now, command(Command::Answer)).0, 32, Why::Acknowledge),
        (talking().step(now, offer(None)).0, 32, Why::Acknowledge),
        (talking().step(now, command(Command::HangUp)).0, 32, Why::Farewell),
    ];
    let errands = [
        (with(talking(), [command(Command::Hold), agrees("recvonly"), transfer()]), 200),
        (with(talking(), [park(), accepted()]), 200),
        (with(talking(), [park_by_keys()]), 30),
        (with(talking(), [park(), accepted(), refer(ReferEnd::Final(200))]), 2),
    ];
    for (leg, seconds) in errands {
        let (due, why) = leg.deadline().unwrap();
        assert_eq!(why, Why::Errand);
        // Made at a moment of its own, a little after `now`.
        assert!(due - now >= Duration::from_secs(seconds) && due - now < Duration::from_secs(seconds + 1));
        assert_eq!(leg.clone().step(due - Duration::from_millis(1), Input::Deadline), (leg.clone(), vec![]));
        let (after, out) = leg.step(due, Input::Deadline);
        assert!(matches!(&out[..], [Output::Tell(_)]), "{out:?}");
        assert_eq!(after.deadline(), None);
    }
    for (leg, seconds, why) in cases {
        let due = now + Duration::from_secs(seconds);
        assert_eq!(leg.deadline(), Some((due, why)));
        assert_eq!(leg.clone().step(due - Duration::from_millis(1), Input::Deadline), (leg.clone(), vec![]));
        assert!(matches!(leg.step(due, Input::Deadline).0, Leg::Closing(_) | Leg::Ended(_)));
    }
    assert_eq!(talking().deadline(), None);
}

/// RFC 3264 §8: what goes over the wire in a hold and a resume.
#[test]
fn hold_and_resume_on_the_wire() {
    let offered = |out: Vec<Output>| {
        let found = out.into_iter().find_map(|output| match output {
            Output::Do(Action::Offer { sdp }) => Some(sdp),
            _ => None,
        });
        let sdp = found.expect("an offer");
        let line = format!("{} {} {:?}", sdp.origin.version, sdp.direction(&sdp.media[0]), sdp.media[0].formats);
        line.replace('"', "")
    };
    let (leg, out) = run(talking(), [command(Command::Hold)]);
    assert_eq!(offered(out), "2 sendonly [96, 0, 8, 13, 100, 101]");
    let (leg, out) = run(leg, [agrees("recvonly"), command(Command::Resume)]);
    assert_eq!(offered(out), "3 sendrecv [96, 0, 8, 13, 100, 101]");
    // Refused: what is then asked again has a version of its own only if it differs.
    let (leg, _) = run(leg, [refuses(488, None)]);
    let (leg, out) = run(leg, [command(Command::Resume)]);
    assert_eq!(offered(out), "3 sendrecv [96, 0, 8, 13, 100, 101]");
    assert_eq!(leg.view().agreed.unwrap().direction, Direction::SendOnly);
}

/// RFC 3264 §8.3.2: what the answer called Opus is called so in every later offer.
#[test]
fn an_answer_binds_the_offers_that_follow() {
    let opus = "v=0\no=- 1 1 IN IP4 198.51.100.7\nc=IN IP4 198.51.100.7\nm=video 9002 RTP/AVP 31\n\
        m=audio 9000 RTP/AVP 107\na=rtpmap:107 opus/48000/2\n";
    let leg = with(rung(Some(opus.into())), [command(Command::Answer), ack(None)]);
    let (_, out) = leg.step(epoch(), command(Command::Hold));
    let Some(Output::Do(Action::Offer { sdp })) = out.last() else { panic!("{out:?}") };
    assert_eq!(sdp.origin.version, "2");
    assert_eq!(sdp.media.iter().map(|media| media.port).collect::<Vec<_>>(), [0, 4000]);
    assert!(sdp.media[1].lines.values("rtpmap").any(|map| map == "107 opus/48000/2"), "{sdp}");
}

/// RFC 5761 §5.1.1: one port for RTCP is asked for once; what was settled then is what later offers say, also where the
/// answer was an early one, and where another fork's took its place.
#[test]
fn what_was_settled_about_rtcp_stays() {
    let muxed = |mux| theirs("sendrecv").map(|body| [&body[..], if mux { b"a=rtcp-mux\n" } else { b"" }].concat());
    for (early, last, shared) in [
        (None, Some(true), true),
        (None, Some(false), false),
        (Some(true), None, true),
        (Some(false), None, false),
        (Some(false), Some(true), true),
        (Some(true), Some(false), false),
    ] {
        let mut leg = dialed(false);
        if let Some(mux) = early {
            leg = with(leg, [progress(183, muxed(mux))]);
        }
        leg = with(leg, [Input::Signal(Signal::Answered { sdp: last.and_then(muxed) })]);
        let agreed = leg.view().agreed.unwrap();
        assert_eq!((agreed.rtcp_mux, agreed.remote_rtcp.port()), (shared, if shared { 9000 } else { 9001 }));
        let (_, out) = leg.step(epoch(), command(Command::Hold));
        let Some(Output::Do(Action::Offer { sdp })) = out.last() else { panic!("{out:?}") };
        assert_eq!(sdp.media[0].lines.value("rtcp-mux").is_some(), shared, "{early:?} {last:?}");
    }
}

#[test]
fn mute_lasts_from_the_first_moment_to_the_last() {
    let mut leg = dialed(false);
    for input in [command(Command::Mute(true)), answered("sendrecv"), command(Command::Hold), agrees("recvonly")] {
        leg = leg.step(epoch(), input).0;
        assert!(leg.view().muted);
    }
    assert!(!with(leg, [command(Command::Mute(false))]).view().muted);
}

#[test]
fn keys_need_a_peer_that_takes_them() {
    let deaf = theirs("sendrecv").map(|body| String::from_utf8(body).unwrap().replace(" 0 101", " 0").into_bytes());
    let leg = with(dialed(false), [Input::Signal(Signal::Answered { sdp: deaf })]);
    let (_, out) = leg.step(epoch(), keys());
    assert_eq!(out, [Output::Misuse(Misuse { doing: "send keys", state: "the other side takes no keys" })]);
}

#[test]
fn an_invite_without_common_codec_is_refused_before_it_rings() {
    for (body, reason) in [
        (no_codec(), EndReason::NoCommonCodec),
        (Some(b"v=1".to_vec()), EndReason::BadDescription),
        (
            theirs("sendrecv").map(|b| {
                String::from_utf8(b).unwrap().replace("c=IN IP4 198.51.100.7", "c=IN IP4 a.example").into_bytes()
            }),
            EndReason::BadDescription,
        ),
    ] {
        let (leg, out) = Leg::incoming(epoch(), start(), ring(), body.as_deref());
        assert_eq!(leg, Leg::Ended(reason));
        let said: Vec<String> = out.iter().map(output).collect();
        assert_eq!(said, ["refuse 488".to_owned(), "no sound".to_owned(), format!("Ended({reason:?})!")]);
    }
}

#[test]
fn reasons_print_as_sentences() {
    let list = [
        EndReason::LocalHangup,
        EndReason::RemoteHangup,
        EndReason::Cancelled,
        EndReason::Missed,
        EndReason::Declined { status: 603 },
        EndReason::NoAnswer,
        EndReason::Timeout,
        EndReason::Network,
        EndReason::Lost,
        EndReason::NoCommonCodec,
        EndReason::BadDescription,
        EndReason::Transferred,
        EndReason::Parked,
        EndReason::Replaced,
    ];
    let refused = [302, 401, 403, 404, 408, 480, 484, 486, 488, 500, 503, 600, 603, 604, 606, 699];
    let list = list.into_iter().chain(refused.map(|status| EndReason::Refused { status }));
    insta::assert_snapshot!(list.map(|reason| reason.to_string()).collect::<Vec<_>>().join("\n"));
}
