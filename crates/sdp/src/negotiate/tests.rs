use super::*;
use crate::parse::parse;

mod noise;
mod rtcp;

fn local(port: u16, codecs: &[Codec]) -> Local {
    Local { codecs: codecs.to_vec(), ..Local::new(([192, 0, 2, 1], port).into()) }
}

fn phone() -> Local {
    local(4000, &Codec::USUAL)
}

fn fresh() -> History {
    History::new(42)
}

fn read(text: &str) -> SessionDescription {
    let head = "v=0\no=- 1 1 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n";
    parse(format!("{head}{text}").as_bytes()).unwrap()
}

fn answered(local: &Local, text: &str) -> Result<(SessionDescription, Agreed), Unacceptable> {
    answer(local, Direction::SendRecv, &fresh(), &read(text))
}

fn ports(description: &SessionDescription) -> Vec<u16> {
    description.media.iter().map(|media| media.port).collect()
}

#[test]
fn a_phones_first_offer() {
    insta::assert_snapshot!(offer(&phone(), Direction::SendRecv, &fresh()).to_string().replace('\r', ""));
}

#[test]
fn what_a_phone_answers_to_a_typical_offer() {
    let (ours, agreed) = answered(
        &phone(),
        "m=audio 9000 RTP/AVP 107 0 101\na=rtpmap:107 opus/48000/2\na=fmtp:107 maxaveragebitrate=16000;usedtx=1\n\
         a=rtpmap:101 telephone-event/8000\na=ptime:40\nm=video 9002 RTP/AVP 99\na=rtpmap:99 VP8/90000\n",
    )
    .unwrap();
    insta::assert_snapshot!(format!("{}\n{agreed:#?}", ours.to_string().replace('\r', "")));
}

/// RFC 3264 §6.1: every offered direction meets every wish of ours.
#[test]
fn the_table_of_directions() {
    let mut table = String::from("offered    address      wish       answered   flows      peer holds\n");
    for (address, host) in [("an address", "198.51.100.7"), ("0.0.0.0", "0.0.0.0")] {
        for offered in Direction::ALL {
            for wish in Direction::ALL {
                let theirs = read(&format!("m=audio 9000 RTP/AVP 0\nc=IN IP4 {host}\na={offered}\n"));
                let (ours, agreed) = answer(&phone(), wish, &fresh(), &theirs).unwrap();
                let stated = ours.direction(&ours.media[0]);
                table += &format!(
                    "{:10} {address:12} {:10} {:10} {:10} {}\n",
                    offered.as_str(),
                    wish.as_str(),
                    stated.as_str(),
                    agreed.direction.as_str(),
                    if agreed.remote_hold { "yes" } else { "" }
                );
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn of_the_common_codecs_the_offerers_first_is_taken_with_its_number() {
    let theirs = "m=audio 9000 RTP/AVP 18 8 109 0 126\na=rtpmap:109 opus/48000/2\na=rtpmap:126 telephone-event/8000\n";
    let (ours, agreed) = answered(&phone(), theirs).unwrap();
    assert_eq!((agreed.send.codec, agreed.send.payload_type), (Codec::Pcma, 8));
    assert_eq!(ours.media[0].formats, ["8", "126"]);
    let (ours, agreed) = answered(&local(4000, &[Codec::Opus]), theirs).unwrap();
    assert_eq!((agreed.send.codec, agreed.send.payload_type), (Codec::Opus, 109));
    assert_eq!(ours.media[0].formats, ["109", "126"]);
}

/// RFC 4733 §2.1: events have the clock of the voice; 8000 is what some peers have beside Opus.
#[test]
fn events_follow_the_clock_of_the_voice() {
    let all = "a=rtpmap:96 opus/48000/2\na=rtpmap:99 telephone-event/48000\na=rtpmap:101 telephone-event/8000\n";
    let events =
        |formats: &str| answered(&phone(), &format!("m=audio 9000 RTP/AVP {formats}\n{all}")).unwrap().1.send_events;
    assert_eq!(events("96 99 101"), Some(Events { payload_type: 99, clock_rate: 48_000 }));
    assert_eq!(events("96 101"), Some(Events { payload_type: 101, clock_rate: 8_000 }));
    assert_eq!(events("0 99 101"), Some(Events { payload_type: 101, clock_rate: 8_000 }));
    assert_eq!(events("0 99"), None);
    assert_eq!(events("0"), None);
    let mute = Local { telephone_event: false, ..phone() };
    let (ours, agreed) = answered(&mute, &format!("m=audio 9000 RTP/AVP 0 101\n{all}")).unwrap();
    assert_eq!((agreed.send_events, ours.media[0].formats.len()), (None, 1));
    assert_eq!(offer(&mute, Direction::SendRecv, &fresh()).media[0].formats, ["96", "0", "8", "13"]);
}

/// RFC 3264 §5.1: payload types may differ in each direction; what we announced is what comes.
#[test]
fn numbers_are_mapped_both_ways() {
    let ours = offer(&phone(), Direction::SendRecv, &fresh());
    let theirs = read(
        "m=audio 9000 RTP/AVP 120 121\na=rtpmap:120 opus/48000/2\na=rtpmap:121 telephone-event/48000\n\
         a=rtcp:9100 IN IP4 198.51.100.9\n",
    );
    let agreed = accept(&ours, &theirs).unwrap();
    assert_eq!(agreed.send.payload_type, 120);
    let comes: Vec<_> = agreed.receive.iter().map(|voice| (voice.payload_type, voice.codec)).collect();
    assert_eq!(comes, [(96, Codec::Opus), (0, Codec::Pcmu), (8, Codec::Pcma)]);
    assert_eq!(agreed.send_events, Some(Events { payload_type: 121, clock_rate: 48_000 }));
    assert!(agreed.receive_events.contains(&Events { payload_type: 100, clock_rate: 48_000 }));
    assert_eq!(agreed.remote_rtcp, "198.51.100.9:9100".parse().unwrap());
}

#[test]
fn of_several_codecs_in_an_answer_the_first_is_sent() {
    let ours = offer(&phone(), Direction::SendRecv, &fresh());
    let agreed = accept(&ours, &read("m=audio 9000 RTP/AVP 9 8 0 96\na=rtpmap:96 opus/48000/2\n")).unwrap();
    assert_eq!(agreed.send.codec, Codec::Pcma);
    assert_eq!(agreed.send_events, None);
    assert_eq!(agreed.remote_rtcp.port(), 9001);
    // A number without a map means what our offer said.
    assert_eq!(accept(&ours, &read("m=audio 9000 RTP/AVP 96\n")).unwrap().send.codec, Codec::Opus);
    // Codecs that we did not offer do not count.
    let g711 = offer(&local(4000, &[Codec::Pcma]), Direction::SendRecv, &fresh());
    assert_eq!(accept(&g711, &read("m=audio 9000 RTP/AVP 0 8\n")).unwrap().send.codec, Codec::Pcma);
    assert_eq!(accept(&g711, &read("m=audio 9000 RTP/AVP 0\n")), Err(Unacceptable::NoCommonCodec));
}

/// RFC 4317 §2.1 to 2.4 in spirit, and RFC 3264 §10.
#[test]
fn other_streams_are_rejected_in_their_slots() {
    let theirs = "m=video 7000 RTP/AVP 99\na=rtpmap:99 VP8/90000\nm=audio 9000 RTP/SAVP 0\na=crypto:1 x\n\
        m=audio 9000 RTP/AVP 0\nm=audio 9002 RTP/AVP 0\nm=image 3 udptl t38\nm=application 0 x\n";
    let (ours, agreed) = answered(&phone(), theirs).unwrap();
    assert_eq!(ports(&ours), [0, 0, 4000, 0, 0, 0]);
    assert_eq!((ours.media[1].proto.as_str(), ours.media[4].formats[0].as_str()), ("RTP/SAVP", "t38"));
    assert_eq!(agreed.remote_rtp.port(), 9000);
    assert!(parse(ours.to_string().as_bytes()).is_ok());
    let mut history = fresh();
    history.record(&ours);
    // Our next offer keeps all of them, and their next offer finds the audio where it was.
    let next = offer(&phone(), Direction::SendOnly, &history);
    assert_eq!(ports(&next), [0, 0, 4000, 0, 0, 0]);
    let both = "m=audio 1 RTP/AVP 0\nm=audio 2 RTP/AVP 0\nm=audio 9000 RTP/AVP 0\n";
    let (again, agreed) = answer(&phone(), Direction::SendRecv, &history, &read(both)).unwrap();
    assert_eq!((ports(&again), agreed.remote_rtp.port()), (vec![0, 0, 4000], 9000));
    assert_eq!(ports(&decline(&phone(), &fresh(), &read(both))), [0, 0, 0]);
}

#[test]
fn no_agreement_says_why() {
    let us = local(4000, &[Codec::Opus]);
    let why = |text: &str| answered(&us, text).map(|_| ()).unwrap_err();
    assert_eq!(why("m=audio 9000 RTP/AVP 0 8\n"), Unacceptable::NoCommonCodec);
    assert_eq!(why("m=audio 9000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n"), Unacceptable::NoCommonCodec);
    assert_eq!(why("m=audio 9000 RTP/AVP 0\nm=video 1 RTP/AVP 31\n"), Unacceptable::NoCommonCodec);
    assert_eq!(why("m=audio 0 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n"), Unacceptable::NoAudio);
    assert_eq!(why("m=audio 9000 RTP/SAVP 96\na=rtpmap:96 opus/48000/2\n"), Unacceptable::NoAudio);
    assert_eq!(why(""), Unacceptable::NoAudio);
    let named = "m=audio 9000 RTP/AVP 96\nc=IN IP4 phone.example\na=rtpmap:96 opus/48000/2\n";
    assert_eq!(why(named), Unacceptable::NoAddress);
    let ours = offer(&us, Direction::SendRecv, &fresh());
    for text in ["m=audio 0 RTP/AVP 96\n", "", "m=video 1 RTP/AVP 96\n", "m=audio 9000 RTP/SAVP 96\n"] {
        assert_eq!(accept(&ours, &read(text)), Err(Unacceptable::NoAudio), "{text}");
    }
}

/// RFC 3264 §8: a changed description has the next version, the same one keeps it; §8.3.2: numbers keep their meaning.
#[test]
fn versions_and_numbers_over_a_dialog() {
    let (us, mut history) = (phone(), fresh());
    let theirs = read("m=audio 9000 RTP/AVP 111 0\na=rtpmap:111 opus/48000/2\n");
    let (first, _) = answer(&us, Direction::SendRecv, &history, &theirs).unwrap();
    history.record(&first);
    let (same, _) = answer(&us, Direction::SendRecv, &history, &theirs).unwrap();
    assert_eq!(first, same);
    let hold = offer(&us, Direction::SendOnly, &history);
    assert_eq!(hold.media[0].formats, ["111", "0", "8", "13", "100", "101"], "Opus stays where it was");
    assert_eq!((first.origin.version.as_str(), hold.origin.version.as_str()), ("1", "2"));
    assert_eq!((first.origin.session_id.as_str(), hold.origin.session_id.as_str()), ("42", "42"));
    history.record(&hold);
    // The peer refused it, and it is asked again: the same description, the same version.
    assert_eq!(offer(&us, Direction::SendOnly, &history), hold);
    let resume = offer(&us, Direction::SendRecv, &history);
    assert_eq!(resume.origin.version, "3");
    assert_eq!(resume.media[0].formats, hold.media[0].formats);
}

#[test]
fn a_number_never_means_something_else_later() {
    let (us, mut history) = (phone(), fresh());
    history.record(&offer(&us, Direction::SendRecv, &history)); // 96 is Opus, 100 and 101 are events
    let theirs = read("m=audio 9000 RTP/AVP 101 96\na=rtpmap:101 opus/48000/2\na=rtpmap:96 telephone-event/48000\n");
    let (ours, agreed) = answer(&us, Direction::SendRecv, &history, &theirs).unwrap();
    assert_eq!(ours.media[0].formats, ["96", "100"]);
    assert_eq!((agreed.send.payload_type, agreed.receive[0].payload_type), (101, 96));
    assert_eq!(agreed.send_events.unwrap().payload_type, 96);
    assert_eq!(agreed.receive_events[0].payload_type, 100);
    // The offerer reads it the other way round.
    let theirs_view = accept(&theirs, &ours).unwrap();
    assert_eq!((theirs_view.send.payload_type, theirs_view.receive[0].payload_type), (96, 101));
}

#[test]
fn packet_time_is_the_peers_within_reason() {
    let time = |format: &str, lines: &str| {
        let text = format!("m=audio 9000 RTP/AVP {format}\na=rtpmap:96 opus/48000/2\n{lines}");
        answered(&phone(), &text).unwrap().1.ptime.as_millis()
    };
    for (lines, g711, opus) in [
        ("", 20, 20),
        ("a=ptime:30\n", 30, 20),
        ("a=ptime:20.0\n", 20, 20),
        ("a=ptime:25\n", 20, 20),
        ("a=ptime:60\na=maxptime:40\n", 40, 40),
        ("a=maxptime:10\n", 10, 10),
        ("a=ptime:0\n", 20, 20),
        ("a=ptime:5\n", 10, 10),
        ("a=ptime:200\n", 60, 60),
        ("a=ptime:x\n", 20, 20),
    ] {
        assert_eq!((time("0", lines), time("96", lines)), (g711, opus), "{lines}");
    }
}

#[test]
fn who_does_not_care_gets_the_packet_time_that_we_like() {
    let local = Local { ptime: Duration::from_millis(10), ..phone() };
    let careless = "m=audio 9000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n";
    let ten = Duration::from_millis(10);
    assert_eq!(answered(&local, careless).unwrap().1.ptime, ten);
    let ours = offer(&local, Direction::SendRecv, &fresh());
    let theirs = |lines: &str| {
        let (theirs, _) = answered(&phone(), &format!("{careless}{lines}")).unwrap();
        let text = theirs.to_string().replace("a=ptime:20\r\n", lines);
        accept(&ours, &text.parse().unwrap()).unwrap().ptime
    };
    assert_eq!(theirs(""), ten);
    assert_eq!(theirs("a=ptime:40\r\n"), Duration::from_millis(40));
}

#[test]
fn feedback_profile_is_answered_in_kind() {
    let (ours, _) = answered(&phone(), "m=audio 9000 RTP/AVPF 0\na=rtcp-fb:* trr-int 5000\n").unwrap();
    assert_eq!(ours.media[0].proto, "RTP/AVPF");
}

#[test]
fn ipv6_is_spoken() {
    let us = Local::new("[2001:db8::1]:4000".parse().unwrap());
    let text = offer(&us, Direction::SendRecv, &fresh()).to_string();
    assert!(text.contains("o=- 42 1 IN IP6 2001:db8::1\r\n") && text.contains("c=IN IP6 2001:db8::1\r\n"), "{text}");
    let theirs = parse(text.as_bytes()).unwrap();
    let (_, agreed) = answer(&phone(), Direction::SendRecv, &fresh(), &theirs).unwrap();
    assert_eq!(agreed.remote_rtp, us.rtp);
    let held = text.replace("2001:db8::1", "::");
    let (_, agreed) = answer(&phone(), Direction::SendRecv, &fresh(), &parse(held.as_bytes()).unwrap()).unwrap();
    assert_eq!((agreed.direction, agreed.remote_hold), (Direction::RecvOnly, true));
}

#[test]
fn numbers_worn_out_by_a_peer_do_not_end_the_call() {
    let (us, mut history) = (phone(), fresh());
    for number in (96..=127).chain(96..=127).rev() {
        let theirs = format!(
            "m=audio 9000 RTP/AVP {number} {}\na=rtpmap:{number} opus/48000/2\na=rtpmap:{} telephone-event/48000\n",
            96 + (number - 95) % 32,
            96 + (number - 95) % 32
        );
        let (ours, _) = answer(&us, Direction::SendRecv, &history, &read(&theirs)).unwrap();
        history.record(&ours);
        assert_eq!(ours.media[0].formats.len(), 2);
    }
}
