use super::*;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const REPORT: Report = Report {
    ssrc: 2,
    fraction_lost: 64,
    cumulative_lost: -3,
    highest: 0x1_0005,
    jitter: 12,
    last_sender_report: 0x0001_8000,
    delay: 0x8000,
};

#[test]
fn a_sender_report_reads_back() {
    let sender = SenderInfo { ntp: ntp(Duration::from_millis(1_500)), timestamp: 48_000, packets: 5, octets: 600 };
    let bytes = build(1, Some(sender), &[REPORT], "user@host", true);
    assert_eq!(bytes.len() % 4, 0);
    assert_eq!(
        parse(&bytes).unwrap(),
        [
            Packet::Report { ssrc: 1, sender: Some(sender), reports: vec![REPORT] },
            Packet::CanonicalName { ssrc: 1, name: b"user@host" },
            Packet::Bye { ssrc: 1 },
        ]
    );
}

#[test]
fn a_receiver_report_without_blocks_reads_back() {
    let bytes = build(9, None, &[], "", false);
    assert_eq!(
        parse(&bytes).unwrap(),
        [Packet::Report { ssrc: 9, sender: None, reports: vec![] }, Packet::CanonicalName { ssrc: 9, name: b"" },]
    );
}

const METRICS: VoipMetrics = VoipMetrics {
    ssrc: 2,
    loss_rate: 12,
    discard_rate: 13,
    burst_density: 84,
    gap_density: 10,
    burst_duration: 120,
    gap_duration: 520,
    round_trip: 40,
    end_system_delay: 65,
    r_factor: Some(82),
    mos_lq: Some(41),
    mos_cq: None,
    buffer_nominal: 45,
    buffer_maximum: 90,
    buffer_limit: 1_500,
};

#[test]
fn voip_metrics_read_back_and_have_the_form_of_the_rfc() {
    let mut bytes = Vec::new();
    write(&mut bytes, 1, None, &[REPORT], "x");
    let start = bytes.len();
    write_voip(&mut bytes, 1, &METRICS);
    write_bye(&mut bytes, 1);
    let packets = parse(&bytes).unwrap();
    assert_eq!(packets[2..], [Packet::Voip { ssrc: 1, metrics: METRICS }, Packet::Bye { ssrc: 1 }]);
    // RFC 3611 §2 and §4.7, byte by byte.
    let wanted = [
        0x80,
        207,
        0,
        10,
        0,
        0,
        0,
        1,
        7,
        0,
        0,
        8,
        0,
        0,
        0,
        2,
        12,
        13,
        84,
        10,
        0,
        120,
        2,
        8,
        0,
        40,
        0,
        65,
        127,
        127,
        127,
        16,
        82,
        127,
        41,
        127,
        0b1011_0000,
        0,
        0,
        45,
        0,
        90,
        5,
        220,
    ];
    assert_eq!(bytes[start..start + 44], wanted);
}

#[test]
fn ratings_out_of_range_and_unknown_blocks_are_ignored() {
    let mut bytes = Vec::new();
    write_voip(&mut bytes, 1, &METRICS);
    (bytes[32], bytes[34], bytes[35]) = (101, 9, 51);
    // Before it a block of another type.
    bytes.splice(8..8, [4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes[3] = 13;
    let metrics = VoipMetrics { r_factor: None, mos_lq: None, ..METRICS };
    assert_eq!(parse_reduced(&bytes).unwrap(), [Packet::Voip { ssrc: 1, metrics }]);
    bytes[11] = 200;
    assert!(parse_reduced(&bytes).is_none(), "a block longer than its packet");
}

#[test]
fn without_a_report_first_it_is_reduced() {
    let mut bytes = Vec::new();
    write_bye(&mut bytes, 7);
    assert!(parse(&bytes).is_none());
    assert_eq!(parse_reduced(&bytes).unwrap(), [Packet::Bye { ssrc: 7 }]);
    assert!(parse_reduced(&[]).is_none());
    bytes[1] = 100;
    assert!(parse_reduced(&bytes).is_none(), "no RTCP at all");
}

#[test]
fn rtp_and_rtcp_are_told_apart_on_one_port() {
    assert!(is_rtcp(&build(1, None, &[], "x", false)));
    // All payload types that RFC 5761 §4 leaves, with and without the marker.
    for second in (0..64).chain(96..192).chain(224..=255) {
        assert!(!is_rtcp(&[0x80, second]), "{second}");
    }
    assert!(!is_rtcp(&[0x80]));
}

#[test]
fn a_name_is_random() {
    let mut random = ChaCha8Rng::from_seed([7; 32]);
    let (one, other) = (random_cname(&mut random), random_cname(&mut random));
    assert_eq!((one.len(), one == other), (16, false));
    assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || "+/".contains(c)));
}

#[test]
fn what_does_not_hold_together_is_refused() {
    let good = build(1, None, &[REPORT], "x", false);
    assert!(parse(&good[..good.len() - 1]).is_none(), "cut short");
    assert!(parse(&[]).is_none(), "empty");
    let mut version = good.clone();
    version[0] ^= 0xc0;
    assert!(parse(&version).is_none(), "version 1");
    assert!(parse(&[0x81, BYE, 0, 1, 0, 0, 0, 1]).is_none(), "does not begin with a report");
    let mut padded = good.clone();
    padded[0] |= 0x20;
    assert!(parse(&padded).is_none(), "padding that is not in the last packet");
    let mut count = good;
    count[0] |= 0x02;
    assert!(parse(&count).is_none(), "more blocks said than there");
}

#[test]
fn the_example_of_the_rfc_gives_its_round_trip() {
    // RFC 3550 §6.4.1, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000, 6.125 s.
    let now = Duration::from_secs(0xb710) + Duration::from_millis(500);
    let report = Report { last_sender_report: 0xb705_2000, delay: 0x0005_4000, ..REPORT };
    assert_eq!(round_trip(now, &report), Some(Duration::from_millis(6_125)));
}

#[test]
fn an_impossible_round_trip_is_none() {
    let report = |last_sender_report, delay| Report { last_sender_report, delay, ..REPORT };
    assert_eq!(round_trip(Duration::from_secs(10), &report(0, 0)), None);
    assert_eq!(round_trip(Duration::from_secs(10), &report(20 << 16, 0)), None, "from the future");
    assert_eq!(round_trip(Duration::from_secs(100), &report(1 << 16, 0)), None, "more than a minute");
    assert_eq!(round_trip(Duration::from_secs(10), &report(10 << 16, 1)), Some(Duration::ZERO), "rounding");
}

#[test]
fn reports_come_at_random_within_bounds() {
    let mut random = ChaCha8Rng::from_seed([7; 32]);
    let times: Vec<_> = (0..1_000).map(|_| interval(40_000, &mut random)).collect();
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!(least.as_secs_f64() >= 2.05 && least.as_secs_f64() < 2.2, "{least:?}");
    assert!(most.as_secs_f64() <= 6.16 && most.as_secs_f64() > 6.0, "{most:?}");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = parse_reduced(&bytes);
    }

    #[test]
    fn every_name_is_found_again(name in ".{0,120}") {
        let bytes = build(1, None, &[], &name, false);
        let packets = parse(&bytes).unwrap();
        let Packet::CanonicalName { name: read, .. } = &packets[1] else { panic!("no name") };
        prop_assert!(name.as_bytes().starts_with(read));
    }
}
