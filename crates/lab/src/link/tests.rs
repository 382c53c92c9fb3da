use super::*;

fn link(config: LinkConfig) -> (Link<u32>, Instant) {
    (Link::new(config, [7; 32]), Instant::now())
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Sends `count` packets 20 ms apart and lists them as they arrive.
fn arrivals(config: LinkConfig, count: u32) -> Vec<(Duration, u32)> {
    let (mut link, start) = link(config);
    for i in 0..count {
        link.send(start + ms(20) * i, 200, i);
    }
    let mut seen = Vec::new();
    while let Some(at) = link.poll_timeout() {
        while let Some(item) = link.poll(at) {
            seen.push((at - start, item));
        }
    }
    seen
}

#[test]
fn a_packet_arrives_after_the_delay_and_not_a_millisecond_before() {
    let (mut link, now) = link(LinkConfig::delay(ms(50)));
    link.send(now, 100, 1);
    assert_eq!(link.poll_timeout(), Some(now + ms(50)));
    assert_eq!(link.poll(now + ms(49)), None);
    assert_eq!(link.poll(now + ms(50)), Some(1));
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn jitter_keeps_the_order_and_stays_in_its_bounds() {
    let seen = arrivals(LinkConfig::delay(ms(10)).jitter(ms(100)), 500);
    let order: Vec<u32> = seen.iter().map(|(_, item)| *item).collect();
    assert_eq!(order, (0..500).collect::<Vec<_>>());
    let late = seen.iter().map(|(at, item)| *at - ms(20) * *item).max().unwrap();
    assert!(late > ms(80) && late <= ms(110), "{late:?}");
}

#[test]
fn reordering_lets_others_overtake_but_loses_none() {
    let seen = arrivals(LinkConfig::default().reorder(0.1, ms(50)), 500);
    assert_eq!(seen.len(), 500);
    let overtaken = seen.windows(2).filter(|pair| pair[0].1 > pair[1].1).count();
    assert!((30..=70).contains(&overtaken), "{overtaken}");
}

#[test]
fn duplicates_arrive_twice() {
    let seen = arrivals(LinkConfig::default().duplicate(0.2), 1_000);
    assert!((1_150..=1_250).contains(&seen.len()), "{}", seen.len());
}

#[test]
fn random_loss_loses_its_share() {
    let seen = arrivals(LinkConfig::default().loss(Loss::Random(0.05)), 10_000);
    assert!((9_400..=9_600).contains(&seen.len()), "{}", seen.len());
}

#[test]
fn burst_loss_has_its_share_and_its_length() {
    let seen = arrivals(LinkConfig::default().loss(Loss::bursts(0.1, 4.0)), 20_000);
    let lost = 20_000 - seen.len();
    let bursts = seen.windows(2).filter(|pair| pair[1].1 != pair[0].1 + 1).count();
    assert!((1_700..=2_300).contains(&lost), "{lost}");
    let mean = lost as f64 / bursts as f64;
    assert!((3.5..=4.5).contains(&mean), "{mean}");
}

#[test]
fn rate_spaces_packets_and_drops_what_waits_too_long() {
    // 100 bytes at 8,000 bit/s need 100 ms each; the queue holds 250 ms.
    let (mut link, now) = link(LinkConfig::default().rate(8_000, ms(250)));
    let fates: Vec<Fate> = (0..5).map(|i| link.send(now, 100, i)).collect();
    let arrives = |n| Fate::Arrives(now + ms(n));
    assert_eq!(fates, [arrives(100), arrives(200), arrives(300), Fate::Lost, Fate::Lost]);
    assert_eq!(link.stats().overflowed, 2);
    assert_eq!(link.send(now + ms(50), 100, 9), Fate::Arrives(now + ms(400)));
}

#[test]
fn a_connection_loses_nothing_even_on_a_cut_wire() {
    let (mut link, now) = link(LinkConfig::down().jitter(ms(30)));
    for i in 0..100 {
        link.send_reliable(now, 1_000, i);
    }
    let seen: Vec<u32> = std::iter::from_fn(|| link.poll(now + ms(1_000))).collect();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let config = LinkConfig::delay(ms(5)).jitter(ms(40)).loss(Loss::bursts(0.2, 3.0)).duplicate(0.1);
    assert_eq!(arrivals(config.clone(), 300), arrivals(config, 300));
}
