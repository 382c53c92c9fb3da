//! Everything the fuzzers have found worth keeping, run again.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::path::Path;

fn replay(name: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        // The name of the file that fails is what one needs first.
        eprintln!("{}", path.display());
        body(&std::fs::read(path).unwrap());
        count += 1;
    }
    assert!(count > 0, "no corpus in {}", folder.display());
}

#[test]
fn rtp() {
    replay("rtp", media::fuzz::rtp);
}

#[test]
fn rtcp() {
    replay("rtcp", media::fuzz::rtcp);
}

mod random {
    use proptest::prelude::*;

    /// Half-valid RTP: a sound header with random fields, behind the target's two bytes.
    fn packets() -> impl Strategy<Value = Vec<u8>> {
        let packet = (
            any::<u8>(),
            prop_oneof![Just(111u8), Just(0), Just(8), Just(101), Just(13), Just(201), Just(207), any::<u8>()],
            0u16..400,
            any::<u32>(),
        );
        let payload = prop::collection::vec(any::<u8>(), 0..60);
        prop::collection::vec((packet, payload), 0..40).prop_map(|packets| {
            let mut out = Vec::new();
            for ((step, kind, sequence, timestamp), payload) in packets {
                out.extend([step, 12 + payload.len() as u8, 0x80, kind]);
                out.extend(sequence.to_be_bytes());
                out.extend((timestamp % 100_000).to_be_bytes());
                out.extend([0, 0, 0, 1]);
                out.extend(payload);
            }
            out
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn rtp(data in packets()) {
            media::fuzz::rtp(&data);
        }

        #[test]
        fn rtcp(data in prop::collection::vec(any::<u8>(), 0..400)) {
            media::fuzz::rtcp(&data);
        }
    }
}
