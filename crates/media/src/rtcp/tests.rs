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
    }

    #[test]
    fn every_name_is_found_again(name in ".{0,120}") {
        let bytes = build(1, None, &[], &name, false);
        let packets = parse(&bytes).unwrap();
        let Packet::CanonicalName { name: read, .. } = &packets[1] else { panic!("no name") };
        prop_assert!(name.as_bytes().starts_with(read));
    }
}
