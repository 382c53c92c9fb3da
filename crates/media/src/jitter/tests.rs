use super::*;

const MS: i64 = 1_000;

/// A buffer of 20 ms packets on an 8 kHz clock, past its first half second on a perfect network, that has played the
/// packet that came last. Gives the number of the next packet and the time at which it comes.
fn running() -> (Jitter<u64>, u64, i64) {
    let mut jitter = Jitter::new(8_000);
    for packet in 0..30 {
        put(&mut jitter, packet, packet as i64 * 20 * MS);
    }
    while !jitter.is_empty() {
        assert!(matches!(jitter.next(600 * MS, 0), Next::Frame(_)));
    }
    (jitter, 30, 600 * MS)
}

fn put(jitter: &mut Jitter<u64>, packet: u64, now: i64) -> Inserted {
    jitter.insert(now, 70_000 + packet, (packet * 160) as u32, 160, packet)
}

fn played(next: Next<u64>) -> u64 {
    match next {
        Next::Frame(held) => held.content,
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_come_out_in_order() {
    let (mut jitter, next, now) = running();
    for packet in [next + 2, next, next + 1] {
        assert_eq!(put(&mut jitter, packet, now + 40 * MS), Inserted::InTime);
    }
    let order: Vec<_> = (0..3).map(|n| played(jitter.next(now + 40 * MS + n * 20 * MS, 0))).collect();
    assert_eq!(order, [next, next + 1, next + 2]);
}

#[test]
fn the_first_packet_waits_for_the_first_target() {
    let mut jitter = Jitter::new(8_000);
    put(&mut jitter, 0, 0);
    assert_eq!(jitter.next(FIRST_TARGET - 1, 0), Next::Starved);
    assert_eq!(played(jitter.next(FIRST_TARGET, 0)), 0);
}

#[test]
fn a_missing_packet_is_a_gap_of_its_length() {
    let (mut jitter, next, now) = running();
    put(&mut jitter, next + 1, now + 20 * MS);
    assert_eq!(jitter.next(now + 20 * MS, 0), Next::Gap { units: 160, lost: true });
    assert_eq!(jitter.follower().map(|held| held.content), Some(next + 1));
    assert_eq!(played(jitter.next(now + 40 * MS, 0)), next + 1);
    assert_eq!(put(&mut jitter, next, now + 41 * MS), Inserted::Late);
    assert_eq!(jitter.late, 1);
}

#[test]
fn a_pause_of_the_sender_is_not_loss() {
    let (mut jitter, next, now) = running();
    jitter.insert(now + 60 * MS, 70_000 + next, ((next + 3) * 160) as u32, 160, next);
    let Next::Gap { lost: false, .. } = jitter.next(now + 10 * MS, 0) else { panic!("no silent gap") };
    assert_eq!(played(jitter.next(now + 60 * MS, 0)), next);
}

#[test]
fn what_was_made_up_while_starved_is_not_made_up_again() {
    let (mut jitter, next, now) = running();
    assert_eq!(jitter.next(now, 0), Next::Starved);
    jitter.starved(20 * MS);
    put(&mut jitter, next + 1, now + 20 * MS);
    assert_eq!(played(jitter.next(now + 20 * MS, 0)), next + 1);
}

#[test]
fn a_packet_twice_is_a_duplicate_even_when_late() {
    let (mut jitter, next, now) = running();
    assert_eq!(put(&mut jitter, next, now), Inserted::InTime);
    assert_eq!(put(&mut jitter, next, now), Inserted::Duplicate);
    played(jitter.next(now + 20 * MS, 0));
    assert_eq!(put(&mut jitter, next, now), Inserted::Duplicate);
    assert_eq!(put(&mut jitter, next - 1, now), Inserted::Duplicate);
    assert_eq!((jitter.duplicates, jitter.late), (3, 0));
}

#[test]
fn a_jump_of_the_senders_clock_begins_anew() {
    let (mut jitter, next, now) = running();
    let jump = ((next * 160) as u32).wrapping_add(0x4000_0000);
    assert_eq!(jitter.insert(now, 70_000 + next, jump, 160, 1), Inserted::Reset);
    assert_eq!(jitter.next(now + 10 * MS, 0), Next::Starved, "waits for the first target again");
    assert_eq!(played(jitter.next(now + FIRST_TARGET, 0)), 1);
}

#[test]
fn timestamps_go_on_through_the_wrap() {
    let mut jitter = Jitter::new(8_000);
    for packet in 0u32..10 {
        let timestamp = (u32::MAX - 799).wrapping_add(packet * 160);
        jitter.insert(i64::from(packet) * 20 * MS, u64::from(packet), timestamp, 160, u64::from(packet));
    }
    let order: Vec<_> = (0..10).map(|n| played(jitter.next(FIRST_TARGET + n * 20 * MS, 0))).collect();
    assert_eq!(order, (0..10).collect::<Vec<_>>());
}

#[test]
fn the_target_follows_the_network_and_never_passes_its_limit() {
    let (mut jitter, next, now) = running();
    let calm = jitter.target(0);
    for packet in 0..300 {
        put(&mut jitter, next + packet, now + packet as i64 * 20 * MS + (packet as i64 % 10) * 8 * MS);
    }
    assert!(calm < 10 * MS, "{calm}");
    assert!((72 * MS..80 * MS).contains(&jitter.target(0)), "{}", jitter.target(0));
    for packet in 300..900 {
        put(&mut jitter, next + packet, now + packet as i64 * 20 * MS + (packet as i64 % 10) * 280 * MS);
    }
    assert_eq!(jitter.target(0), MAX_HELD * 2 / 3);
}

#[test]
fn a_flood_is_bounded() {
    let (mut jitter, next, now) = running();
    for packet in 0..5_000 {
        put(&mut jitter, next + packet, now);
    }
    assert!(jitter.packets.len() <= MAX_PACKETS);
    assert!(jitter.span() <= MAX_HELD);
    assert!(jitter.overflowed + jitter.resets > 0);
}

#[test]
fn after_a_stall_of_ours_the_newest_due_packet_is_next() {
    let (mut jitter, next, now) = running();
    for packet in 0..50 {
        put(&mut jitter, next + packet, now + packet as i64 * 20 * MS);
    }
    let target = jitter.target(0);
    assert_eq!(played(jitter.next(now + TOO_OLD + target - MS, 0)), next, "worth catching up with");
    assert_eq!(played(jitter.next(now + 1_000 * MS + target, 0)), next + 49);
}
