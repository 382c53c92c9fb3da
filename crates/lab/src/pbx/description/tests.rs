use super::*;

fn local() -> Local {
    Local { session_id: 7, version: 1, rtp: "10.0.0.1:20000".parse().unwrap() }
}

fn sdp(media: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n{media}").into_bytes()
}

#[test]
fn the_first_known_encoding_is_taken_with_its_events_and_parameters() {
    let offer = sdp(concat!(
        "m=video 4002 RTP/AVP 31\r\n",
        "m=audio 4000 RTP/AVP 9 96 101 110 0\r\n",
        "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n",
        "a=fmtp:101 0-16\r\na=rtpmap:110 telephone-event/48000\r\na=rtcp:4007\r\na=sendonly\r\n",
    ));
    let (answer, stream) = answer(local(), &offer, |name| name.eq_ignore_ascii_case("OPUS")).unwrap();
    insta::assert_snapshot!(answer, @r"
    v=0
    o=- 7 1 IN IP4 10.0.0.1
    s=-
    c=IN IP4 10.0.0.1
    t=0 0
    m=video 0 RTP/AVP 31
    m=audio 20000 RTP/AVP 96 101 110
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 useinbandfec=1
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-16
    a=rtpmap:110 telephone-event/48000
    a=ptime:20
    a=recvonly
    ");
    assert_eq!((stream.payload_type, stream.clock_rate, stream.direction), (96, 48_000, Direction::RecvOnly));
    assert_eq!((stream.remote_rtp.port(), stream.remote_rtcp.port()), (4000, 4007));
}

#[test]
fn an_unknown_encoding_is_taken_by_who_speaks_all() {
    let offer = sdp("m=audio 4000 RTP/AVP 9\r\n");
    let (_, stream) = answer(local(), &offer, |_| true).unwrap();
    assert_eq!((stream.encoding.as_str(), stream.clock_rate), ("G722", 8_000));
    assert_eq!(answer(local(), &offer, |name| name == "PCMU").unwrap_err(), NoStream::NoEncoding);
}

#[test]
fn no_audio_is_no_stream() {
    let none = |media: &str| answer(local(), &sdp(media), |_| true).unwrap_err();
    assert_eq!(none(""), NoStream::NoAudio);
    assert_eq!(none("m=audio 0 RTP/AVP 0\r\n"), NoStream::NoAudio);
    assert_eq!(none("m=audio 4000 RTP/SAVP 0\r\n"), NoStream::NoAudio);
    assert_eq!(none("m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"), NoStream::NoEncoding);
    assert_eq!(answer(local(), b"nonsense", |_| true).unwrap_err(), NoStream::Malformed);
}

#[test]
fn an_address_of_zeros_is_a_hold() {
    let offer = sdp("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n");
    assert_eq!(answer(local(), &offer, |_| true).unwrap().1.direction, Direction::RecvOnly);
}

#[test]
fn what_we_offer_we_accept() {
    let speaks = |name: &str| name != "PCMA";
    let ours = offer(local(), speaks).to_string();
    assert!(ours.contains("RTP/AVP 96 0 101") && !ours.contains("PCMA"), "{ours}");
    assert_eq!(accept(ours.as_bytes(), speaks).unwrap().encoding, "opus");
}
