//! Comfort noise, RFC 3389.
use super::*;

const MAPS: &str = "a=rtpmap:96 opus/48000/2\na=rtpmap:97 CN/8000\na=rtpmap:98 CN/16000\na=rtpmap:99 cn/48000/2\n";

fn stream(formats: &str) -> String {
    format!("m=audio 9000 RTP/AVP {formats}\n{MAPS}")
}

#[test]
fn it_is_offered_beside_voices_of_its_clock() {
    let formats = |local: &Local| offer(local, Direction::SendRecv, &fresh()).media[0].formats.join(" ");
    assert_eq!(formats(&phone()), "96 0 8 13 100 101");
    assert_eq!(formats(&local(4000, &[Codec::G722])), "9 13 101");
    assert_eq!(formats(&local(4000, &[Codec::Opus])), "96 100");
    assert_eq!(formats(&Local { comfort_noise: false, ..phone() }), "96 0 8 100 101");
}

/// What is answered, and what is then sent: noise only beside a voice of its clock, and only if it was offered.
#[test]
fn it_is_answered_if_it_was_offered_for_the_clock_of_the_voice() {
    for (offered, answer, noise) in [
        ("0 13", "0 13", Some(13)),
        ("13 0", "0 13", Some(13)),
        ("8 97", "8 97", Some(97)),
        ("0", "0", None),
        ("0 98", "0", None),
        ("0 99", "0", None),
        ("0 98 13", "0 13", Some(13)),
        ("96 0 13", "96", None),
    ] {
        let (ours, agreed) = answered(&phone(), &stream(offered)).unwrap();
        assert_eq!(ours.media[0].formats.join(" "), answer, "{offered}");
        assert_eq!((agreed.send_noise, agreed.receive_noise), (noise, noise), "{offered}");
        assert!(agreed.receive.iter().all(|voice| voice.payload_type != 13));
    }
    let silent = Local { comfort_noise: false, ..phone() };
    assert_eq!(answered(&silent, &stream("0 13")).unwrap().1.send_noise, None);
}

/// Our offer has Opus, G.711 and 13.
#[test]
fn it_is_sent_only_if_the_answer_names_it() {
    let ours = offer(&phone(), Direction::SendRecv, &fresh());
    for (answer, codec, send, receive) in [
        ("0 13", Codec::Pcmu, Some(13), Some(13)),
        ("13 8", Codec::Pcma, Some(13), Some(13)),
        ("0 97", Codec::Pcmu, Some(97), Some(13)),
        ("0", Codec::Pcmu, None, None),
        ("0 98", Codec::Pcmu, None, None),
        ("96 0 13", Codec::Opus, None, Some(13)),
    ] {
        let agreed = accept(&ours, &read(&stream(answer))).unwrap();
        assert_eq!((agreed.send.codec, agreed.send_noise, agreed.receive_noise), (codec, send, receive), "{answer}");
    }
    let silent = offer(&Local { comfort_noise: false, ..phone() }, Direction::SendRecv, &fresh());
    let agreed = accept(&silent, &read(&stream("0 13"))).unwrap();
    assert_eq!((agreed.send_noise, agreed.receive_noise), (None, None), "it was not offered");
}

#[test]
fn alone_it_is_no_voice() {
    let ours = offer(&phone(), Direction::SendRecv, &fresh());
    for formats in ["13", "97", "13 101"] {
        let theirs = format!("{}a=rtpmap:101 telephone-event/8000\n", stream(formats));
        assert_eq!(accept(&ours, &read(&theirs)), Err(Unacceptable::NoCommonCodec), "{formats}");
        assert_eq!(answered(&phone(), &theirs).map(|_| ()), Err(Unacceptable::NoCommonCodec), "{formats}");
    }
}

/// RFC 3264 §8.3.2: the two directions may use different numbers.
#[test]
fn a_number_that_meant_something_else_is_not_taken_for_it() {
    let (us, mut history) = (phone(), fresh());
    history.record(&offer(&us, Direction::SendRecv, &history)); // 100 is telephone-event, 13 is noise
    let theirs = read("m=audio 9000 RTP/AVP 0 100\na=rtpmap:100 CN/8000\n");
    let (ours, agreed) = answer(&us, Direction::SendRecv, &history, &theirs).unwrap();
    assert_eq!(ours.media[0].formats, ["0", "13"]);
    assert_eq!((agreed.send_noise, agreed.receive_noise), (Some(100), Some(13)));
}
