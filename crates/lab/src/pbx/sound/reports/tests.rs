use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use rtp_rs::RtpPacketBuilder;

use super::*;

fn rtp(sequence: u16, timestamp: u32) -> Vec<u8> {
    RtpPacketBuilder::new()
        .payload_type(0)
        .ssrc(9)
        .sequence(sequence.into())
        .timestamp(timestamp)
        .payload(&[0])
        .build()
        .unwrap()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn reports(now: Instant) -> (Reports, ChaCha8Rng) {
    let mut rng = ChaCha8Rng::from_seed([1; 32]);
    (Reports::new(now, 7, 8_000, &mut rng), rng)
}

#[test]
fn a_receiver_report_tells_losses_jitter_and_the_delay_since_the_senders() {
    let now = Instant::now();
    let (mut reports, mut rng) = reports(now);
    // 65,534 to 3 without 65,535: five of six. The last one is 10 ms late, 80 ticks.
    for (n, late) in [(0, 0), (2, 0), (3, 0), (4, 0), (5, 10)] {
        let bytes = rtp(65_534_u16.wrapping_add(n), u32::from(n) * 160);
        let at = now + Duration::from_millis(u64::from(n) * 20 + late);
        reports.received(at, &RtpReader::new(&bytes).unwrap());
    }
    let mut report = vec![0x80, SENDER_REPORT, 0, 6];
    report.extend(9_u32.to_be_bytes());
    report.extend(0x1111_2222_3333_4444_u64.to_be_bytes());
    report.extend([0; 12]);
    reports.handle_packet(now + Duration::from_secs(1), &report);
    let bytes = reports.poll(now + Duration::from_millis(1_500), &mut rng).unwrap();
    assert_eq!(bytes[..4], [0x81, RECEIVER_REPORT, 0, 7]);
    assert_eq!((word(&bytes, 4), word(&bytes, 8)), (7, 9));
    assert_eq!(bytes[12], 256_u32.div_euclid(6) as u8);
    assert_eq!(word(&bytes, 12) & 0xff_ffff, 1);
    assert_eq!(word(&bytes, 16), 0x1_0003);
    assert_eq!(word(&bytes, 20), 80 / 16);
    assert_eq!((word(&bytes, 24), word(&bytes, 28)), (0x2222_3333, 0x8000));
    assert_eq!(bytes[32..36], [0x81, DESCRIPTION, 0, 5]);
    assert_eq!(bytes.len() % 4, 0);
}

#[test]
fn a_sender_report_tells_what_was_sent_and_what_time_it_is() {
    let now = Instant::now();
    let (mut reports, mut rng) = reports(now);
    assert_eq!(reports.poll(now + Duration::from_millis(499), &mut rng), None);
    reports.sent(now, 1_000, 160);
    reports.sent(now + Duration::from_millis(20), 1_160, 160);
    let bytes = reports.poll(now + Duration::from_millis(1_520), &mut rng).unwrap();
    assert_eq!(bytes[..4], [0x80, SENDER_REPORT, 0, 6]);
    assert_eq!(word(&bytes, 8), NTP_START as u32 + 1);
    assert_eq!([word(&bytes, 16), word(&bytes, 20), word(&bytes, 24)], [1_160 + 12_000, 2, 320]);
    assert!(reports.poll_timeout() >= now + Duration::from_millis(2_020));
}

#[test]
fn a_goodbye_ends_the_compound() {
    let (mut reports, _) = reports(Instant::now());
    let bytes = reports.goodbye(Instant::now());
    assert_eq!(bytes[bytes.len() - 8..], [0x81, GOODBYE, 0, 1, 0, 0, 0, 7]);
}

#[test]
fn nonsense_is_passed_over() {
    let now = Instant::now();
    let (mut reports, _) = reports(now);
    for bytes in [&[][..], &[0x80], &[0x80, 200, 0xff, 0xff, 1], &[0x00, 200, 0, 0], &[0x80, 200, 0, 1, 0, 0, 0, 0]] {
        reports.handle_packet(now, bytes);
    }
    assert!(reports.heard.is_none());
}
