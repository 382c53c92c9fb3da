use super::*;
use crate::parse::parse;

fn list(text: &str) -> Vec<String> {
    let text = format!("v=0\no=- 1 1 IN IP4 192.0.2.1\n{text}");
    let read = parse(text.as_bytes()).unwrap();
    let line = |format: Format| format!("{} [{}]", format.rtpmap(), format.parameters.unwrap_or_default());
    formats(&read.media[0]).into_iter().map(line).collect()
}

#[test]
fn maps_parameters_and_the_static_table_in_the_order_of_the_m_line() {
    let linphone = "m=audio 23010 RTP/AVP 96 97 0 8 18 99\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n\
        a=rtpmap:97 speex/16000\na=fmtp:97 vbr=on\na=fmtp:18 annexb=yes\na=rtpmap:99 telephone-event/48000\n";
    assert_eq!(
        list(linphone),
        [
            "96 opus/48000/2 [useinbandfec=1]",
            "97 speex/16000 [vbr=on]",
            "0 PCMU/8000 []",
            "8 PCMA/8000 []",
            "18 G729/8000 [annexb=yes]",
            "99 telephone-event/48000 []"
        ]
    );
}

#[test]
fn what_has_no_meaning_is_left_out() {
    assert!(list("m=audio 1 RTP/AVP 96 128 300 x * -1 35\n").is_empty());
    assert_eq!(list("m=audio 1 RTP/AVP 0 0 0\n"), ["0 PCMU/8000 []"]);
    // Broken maps: the static meaning stands, a dynamic number has none.
    assert_eq!(list("m=audio 1 RTP/AVP 0 97\na=rtpmap:0 PCMU\na=rtpmap:97 /8000\n"), ["0 PCMU/8000 []"]);
    assert_eq!(list("m=audio 1 RTP/AVP 97\na=rtpmap:97 x/0\na=rtpmap:97\n"), Vec::<String>::new());
    // A map beats the table, as peers that number freely below 96 mean it.
    assert_eq!(list("m=audio 1 RTP/AVP 0\na=rtpmap:0 opus/48000/2\n"), ["0 opus/48000/2 []"]);
}

#[test]
fn codecs_are_known_by_name_and_clock() {
    let codec = |encoding: &str, clock_rate, channels| {
        Format { payload_type: 96, encoding: encoding.into(), clock_rate, channels, parameters: None }.codec()
    };
    assert_eq!(codec("OPUS", 48_000, 2), Some(Codec::Opus));
    assert_eq!(codec("opus", 48_000, 1), Some(Codec::Opus));
    assert_eq!(codec("opus", 16_000, 2), None);
    assert_eq!(codec("pcmu", 8_000, 1), Some(Codec::Pcmu));
    assert_eq!(codec("PCMA", 8_000, 2), None);
    assert_eq!(codec("PCMA", 16_000, 1), None);
    for known in Codec::ALL {
        assert_eq!(Format::voice(96, known).codec(), Some(known));
        let fixed = static_format(known.default_payload_type());
        assert_eq!(fixed.and_then(|format| format.codec()), (known != Codec::Opus).then_some(known));
    }
}

#[test]
fn rtpmap_prints_channels_only_where_there_are_several() {
    assert_eq!(Format::voice(96, Codec::Opus).rtpmap(), "96 opus/48000/2");
    assert_eq!(Format::voice(0, Codec::Pcmu).rtpmap(), "0 PCMU/8000");
    assert_eq!(Format::telephone_event(101, 8_000).rtpmap(), "101 telephone-event/8000");
}
