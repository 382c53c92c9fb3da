use super::*;
use proptest::prelude::*;

fn started(first: u16) -> Source {
    let mut source = Source::new(7, first);
    assert_eq!(source.update(first), Verdict::Probation);
    assert!(matches!(source.update(first.wrapping_add(1)), Verdict::Valid(_)));
    source
}

#[test]
fn a_packet_reads_back_as_it_was_built() {
    let packet =
        Packet { marker: true, payload_type: 111, sequence: 65_535, timestamp: 9, ssrc: 0xdead_beef, payload: b"abc" };
    assert_eq!(Packet::parse(&packet.to_bytes()), Some(packet));
}

#[test]
fn padding_and_extension_are_not_payload() {
    let mut bytes = vec![0xb0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 1, 2, 3, 4];
    bytes.extend_from_slice(b"voice");
    bytes.extend_from_slice(&[0, 0, 3]);
    assert_eq!(Packet::parse(&bytes).unwrap().payload, b"voice");
    *bytes.last_mut().unwrap() = 9;
    assert_eq!(Packet::parse(&bytes), None, "more padding than payload");
    *bytes.last_mut().unwrap() = 0;
    assert_eq!(Packet::parse(&bytes), None, "a padding count of zero");
}

#[test]
fn rtcp_on_the_rtp_port_is_not_rtp() {
    assert_eq!(Packet::parse(&[0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
}

#[test]
fn two_packets_in_a_row_make_a_source() {
    let mut source = Source::new(7, 10);
    assert_eq!(source.update(10), Verdict::Probation);
    assert_eq!(source.update(12), Verdict::Probation);
    assert_eq!(source.update(13), Verdict::Valid(CYCLE + 13));
    assert_eq!((source.expected(), source.received(), source.lost()), (2, 2, 0));
}

#[test]
fn numbers_go_on_through_the_wrap() {
    let mut source = started(65_533);
    assert_eq!(source.update(65_535), Verdict::Valid(CYCLE + 65_535));
    assert_eq!(source.update(1), Verdict::Valid(2 * CYCLE + 1));
    assert_eq!(source.update(0), Verdict::Valid(2 * CYCLE), "late by one, after the wrap");
    assert_eq!(source.update(65_534), Verdict::Valid(CYCLE + 65_534), "late, from before the wrap");
    assert_eq!((source.expected(), source.received()), (5, 6), "one of them was a duplicate");
}

#[test]
fn a_jump_is_loss_below_3000_and_a_restart_from_there() {
    let mut source = started(0);
    assert!(matches!(source.update(1 + 2_999), Verdict::Valid(_)));
    assert_eq!(source.lost(), 2_998);
    let mut source = started(0);
    assert_eq!(source.update(1 + 3_000), Verdict::Nonsense);
    assert_eq!(source.update(1 + 3_001), Verdict::Restarted(CYCLE + 3_002));
    assert_eq!((source.lost(), source.received()), (0, 1));
}

#[test]
fn loss_is_told_in_256ths_since_the_last_report() {
    let mut source = started(0);
    for sequence in (2..100).filter(|number| number % 4 != 0) {
        source.update(sequence);
    }
    let fraction = source.fraction_lost();
    assert!((60..=64).contains(&fraction), "{fraction}");
    source.update(100);
    assert_eq!(source.fraction_lost(), 0);
}

#[test]
fn steady_arrivals_have_no_jitter_and_alternating_ones_have_theirs() {
    let mut source = started(0);
    for packet in 0..200 {
        source.arrived(packet * 160 + 1_000_000, (packet * 160) as u32);
    }
    assert_eq!(source.jitter(), 0);
    for packet in 200..600 {
        source.arrived(packet * 160 + (packet % 2) * 80, (packet * 160) as u32);
    }
    assert!((75..=80).contains(&source.jitter()), "{}", source.jitter());
}

proptest! {
    #[test]
    fn every_packet_survives(marker: bool, payload_type in 0u8..64, sequence: u16, timestamp: u32, ssrc: u32,
                             payload in prop::collection::vec(any::<u8>(), 0..1_000)) {
        let packet = Packet { marker, payload_type, sequence, timestamp, ssrc, payload: &payload };
        let bytes = packet.to_bytes();
        prop_assert_eq!(Packet::parse(&bytes), Some(packet));
    }

    #[test]
    fn the_counts_of_a_source_never_contradict(sequences in prop::collection::vec(any::<u16>(), 1..500)) {
        let mut source = Source::new(1, sequences[0]);
        for sequence in sequences {
            source.update(sequence);
            source.fraction_lost();
            prop_assert!(source.expected() <= 1 || source.received() >= 1);
        }
    }
}

/// What was sent while nobody was to listen is no loss, however long that was.
#[test]
fn a_pause_is_no_loss() {
    for gap in [0, 1, 200, 3_000, 20_000] {
        let mut source = started(65_000);
        source.pause();
        let sequence = 65_001_u16.wrapping_add(1 + gap);
        let number = CYCLE + 65_001 + 1 + u64::from(gap);
        assert_eq!(source.update(sequence), Verdict::Valid(number), "{gap}");
        assert_eq!((source.lost(), source.received(), source.fraction_lost()), (0, 3, 0), "{gap}");
        assert_eq!(source.update(sequence.wrapping_add(3)), Verdict::Valid(number + 3));
        assert_eq!((source.lost(), source.expected()), (2, 6), "what is missing afterwards is lost");
    }
}

#[test]
fn after_a_pause_the_old_may_still_come() {
    let mut source = started(100);
    source.pause();
    assert_eq!(source.update(99), Verdict::Valid(CYCLE + 99));
    assert_eq!(source.lost(), -1);
}
