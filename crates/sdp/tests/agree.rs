//! Two sides with any abilities: they agree on the same thing, seen from both sides, now and after any re-offer.
#![allow(clippy::unwrap_used)] // a test

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sdp::codec::formats;
use sdp::session::Media;
use sdp::{Agreed, Codec, Direction, History, Local, SessionDescription, Unacceptable, accept, answer, offer, parse};

#[derive(Clone, Debug)]
struct Side {
    local: Local,
    history: History,
}

fn side(port: u16) -> impl Strategy<Value = Side> {
    let codecs = subsequence(Codec::ALL.to_vec(), 1..=Codec::ALL.len()).prop_shuffle();
    (codecs, any::<[bool; 4]>(), any::<u64>(), any::<bool>()).prop_map(move |(codecs, able, id, v6)| {
        let rtp = if v6 { format!("[2001:db8::1]:{port}") } else { format!("192.0.2.1:{port}") };
        let mut local = Local::new(rtp.parse().unwrap());
        (local.codecs, local.telephone_event) = (codecs, able[0]);
        (local.rtcp_mux, local.rtcp_reduced, local.comfort_noise) = (able[1], able[2], able[3]);
        Side { local, history: History::new(id) }
    })
}

fn direction() -> impl Strategy<Value = Direction> {
    select(Direction::ALL.to_vec())
}

/// Gives the dynamic payload types of a description other numbers, as a peer with its own habits would.
fn renumbered(mut description: SessionDescription, shift: u8) -> SessionDescription {
    let new = |number: u8| if number < 96 { number } else { 96 + (number - 96 + shift) % 32 };
    for media in &mut description.media {
        for format in &mut media.formats {
            *format = new(format.parse().unwrap()).to_string();
        }
        for line in &mut media.lines.0 {
            for name in ["rtpmap:", "fmtp:"] {
                if let Some((number, rest)) = line.value.strip_prefix(name).and_then(|text| text.split_once(' ')) {
                    line.value = format!("{name}{} {rest}", new(number.parse().unwrap()));
                    break;
                }
            }
        }
    }
    description
}

/// One exchange over text. The direction that results, and both views of it.
fn exchange(
    from: &mut Side,
    to: &mut Side,
    asked: Direction,
    wish: Direction,
    shift: u8,
) -> Result<(Agreed, Agreed), Unacceptable> {
    let ours = renumbered(offer(&from.local, asked, &from.history), shift);
    from.history.record(&ours);
    let offered = parse(ours.to_string().as_bytes()).unwrap();
    let (answered, theirs) = answer(&to.local, wish, &to.history, &offered)?;
    to.history.record(&answered);
    let answered = parse(answered.to_string().as_bytes()).unwrap();
    let agreed = accept(&ours, &answered)?;
    from.history.settle(&ours, &answered);
    to.history.settle(&answered, &offered);
    nothing_new(&ours.media[0], &answered.media[0]);
    for description in [&ours, &answered] {
        assert_eq!(formats(&description.media[0]).len(), description.media[0].formats.len());
    }
    Ok((agreed, theirs))
}

/// An answer has no format and none of these attributes that its offer lacks.
fn nothing_new(offered: &Media, answered: &Media) {
    let known = formats(offered);
    for format in formats(answered) {
        assert!(known.iter().any(|known| known.same_encoding(&format)), "{} was not offered", format.rtpmap());
    }
    for name in ["rtcp-mux", "rtcp-rsize"] {
        assert!(answered.lines.value(name).is_none() || offered.lines.value(name).is_some(), "{name} was not offered");
    }
}

fn mirrored(one: &Agreed, other: &Agreed) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.direction, other.direction.mirrored());
    prop_assert_eq!(one.send.codec, other.send.codec);
    prop_assert_eq!((one.rtcp_mux, one.rtcp_reduced), (other.rtcp_mux, other.rtcp_reduced));
    prop_assert_eq!(one.send_noise.is_some(), other.send_noise.is_some());
    for (sender, receiver) in [(one, other), (other, one)] {
        let voice = receiver.receive.iter().find(|voice| voice.payload_type == sender.send.payload_type);
        prop_assert_eq!(voice.map(|voice| voice.codec), Some(sender.send.codec));
        if let Some(keys) = sender.send_events {
            prop_assert!(receiver.receive_events.contains(&keys));
        }
        prop_assert!(sender.send_noise.is_none() || sender.send_noise == receiver.receive_noise);
        prop_assert!(sender.send_noise.is_none() || sender.send.codec.clock_rate() == 8_000);
        prop_assert!(!sender.rtcp_mux || sender.remote_rtcp == sender.remote_rtp);
    }
    prop_assert_eq!(one.send_events.is_some(), other.send_events.is_some());
    Ok(())
}

proptest! {
    #[test]
    fn both_sides_see_the_same(
        (mut alice, mut bob) in (side(4000), side(5000)),
        rounds in proptest::collection::vec((any::<bool>(), direction(), direction(), select(vec![0_u8, 0, 7, 30])), 1..6),
    ) {
        let common = alice.local.codecs.iter().any(|codec| bob.local.codecs.contains(codec));
        let shared = alice.local.rtcp_mux && bob.local.rtcp_mux;
        for (by_alice, asked, wish, shift) in rounds {
            let (from, to) = if by_alice { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
            let (rtp, keys) = (to.local.rtp, from.local.telephone_event && to.local.telephone_event);
            match exchange(from, to, asked, wish, shift) {
                Err(why) => prop_assert_eq!((why, common), (Unacceptable::NoCommonCodec, false)),
                Ok((one, other)) => {
                    prop_assert!(common);
                    mirrored(&one, &other)?;
                    prop_assert_eq!(one.rtcp_mux, shared, "as the first exchange settled it");
                    prop_assert_eq!(one.direction, asked.and(wish.mirrored()));
                    prop_assert_eq!(one.remote_rtp, rtp);
                    // One who has Opus but not the keys' clock of G.711 cannot press keys in G.711, and says so.
                    prop_assert!(keys || one.send_events.is_none());
                    let best = from.local.codecs.iter().find(|codec| to.local.codecs.contains(codec));
                    prop_assert_eq!(Some(&one.send.codec), best);
                    prop_assert_eq!(keys, one.send_events.is_some());
                }
            }
        }
    }
}
