//! What must hold for any bytes; run by the fuzzer, and by `cargo test` over the corpus.
use crate::codec::formats;
use crate::session::Media;
use crate::{Codec, Direction, History, Local, SessionDescription, accept, answer, decline, offer, parse};

/// Reads the bytes as a description. What was read prints and reads again as the same; it is answered within the rules of
/// RFC 3264, taken as an answer, and offered upon, whatever it says.
///
/// # Panics
/// If any of this does not hold.
pub fn sdp(bytes: &[u8]) {
    let Ok(theirs) = parse(bytes) else { return };
    assert_eq!(reparsed(&theirs), theirs, "it reads again as it printed");
    let local = Local::new(([192, 0, 2, 1], 4000).into());
    let first = offer(&local, Direction::SendRecv, &History::new(1));
    if let Ok(agreed) = accept(&first, &theirs) {
        assert!(agreed.receive.iter().any(|voice| voice.codec == agreed.send.codec), "what is sent was offered");
    }
    let declined = decline(&local, &History::new(1), &theirs);
    assert_eq!(declined.media.len(), theirs.media.len());
    assert!(declined.media.iter().all(|media| media.port == 0));
    for before in [None, Some(&first)] {
        for wish in Direction::ALL {
            let mut history = History::new(1);
            if let Some(before) = before {
                history.record(before);
            }
            answered(&local, wish, history, &theirs);
        }
    }
}

fn answered(local: &Local, wish: Direction, mut history: History, theirs: &SessionDescription) {
    let Ok((ours, agreed)) = answer(local, wish, &history, theirs) else { return };
    assert_eq!(reparsed(&ours), ours);
    assert_eq!(ours.media.len(), theirs.media.len(), "a stream for each of the offer, RFC 3264 §6");
    let open: Vec<usize> = (0..ours.media.len()).filter(|slot| ours.media[*slot].port != 0).collect();
    assert_eq!(open.len(), 1, "one audio stream");
    let (mine, other) = (&ours.media[open[0]], &theirs.media[open[0]]);
    assert_eq!((mine.kind.as_str(), mine.proto.as_str()), (other.kind.as_str(), other.proto.as_str()));
    let stated = ours.direction(mine);
    assert_eq!(stated, theirs.direction(other).mirrored().and(wish), "the table of RFC 3264 §6.1");
    assert_eq!(agreed.direction, agreed.direction.and(stated), "no more flows than was said");
    assert!(!agreed.direction.sends() || !(agreed.remote_hold || agreed.remote_rtp.ip().is_unspecified()));
    assert!(Codec::ALL.contains(&agreed.send.codec));
    assert!(formats(other).iter().any(|format| {
        format.payload_type == agreed.send.payload_type && format.codec() == Some(agreed.send.codec)
    }));
    assert_eq!(formats(mine).len(), mine.formats.len(), "our own formats are explained, and none is twice");
    for name in ["rtcp-mux", "rtcp-rsize"] {
        let says = |media: &Media| media.lines.value(name).is_some();
        assert!(!says(mine) || says(other), "nothing is answered that was not offered");
    }
    assert!(formats(mine).iter().all(|format| formats(other).iter().any(|theirs| theirs.same_encoding(format))));
    assert!((10..=60).contains(&agreed.ptime.as_millis()));

    history.record(&ours);
    let same = answer(local, wish, &history, theirs).expect("it was answered before").0;
    assert_eq!(same, ours, "an offer repeated has the same answer, and no new version");
    let next = offer(local, Direction::SendRecv, &history);
    assert_eq!(next.media.len(), ours.media.len(), "slots stay for ever, RFC 3264 §8");
    assert_eq!(next.media[open[0]].port, local.rtp.port());
}

fn reparsed(description: &SessionDescription) -> SessionDescription {
    parse(description.to_string().as_bytes()).expect("what was printed can be read")
}
