use super::*;

const MS: i64 = 1_000;

/// A buffer of 20 ms packets on an 8 kHz clock, past its first half second on a perfect network, that has played the
/// packet that came last. Gives the number of the next packet and the time at which it comes.
fn running() -> (Jitter<u64>, u64, i64) {
    let mut jitter = Jitter::new(8_000);
    for packet in 0..30 {
        put(&mut jitter, packet, packet as i64 * 20 * MS);
    }
    while jitter.follower().is_some() {
        assert!(matches!(jitter.next(580 * MS), Next::Frame(_, 0)));
    }
    (jitter, 30, 600 * MS)
}

fn put(jitter: &mut Jitter<u64>, packet: u64, now: i64) -> Inserted {
    jitter.insert(now, 70_000 + packet, (packet * 160) as u32, 160, packet).0
}

fn played(next: Next<u64>) -> u64 {
    match next {
        Next::Frame(held, 0) => held.content,
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_come_out_in_order() {
    let (mut jitter, next, now) = running();
    for packet in [next + 2, next, next + 1] {
        assert_eq!(put(&mut jitter, packet, now + 40 * MS), Inserted::InTime);
    }
    let order: Vec<_> = (0..3).map(|n| played(jitter.next(now + 40 * MS + n * 20 * MS))).collect();
    assert_eq!(order, [next, next + 1, next + 2]);
}

#[test]
fn the_first_packet_waits_for_the_first_target() {
    let mut jitter = Jitter::new(8_000);
    put(&mut jitter, 0, 0);
    assert_eq!(jitter.next(FIRST_TARGET - 1), Next::Starved);
    assert_eq!(played(jitter.next(FIRST_TARGET)), 0);
}

#[test]
fn a_missing_packet_is_a_gap_of_its_length() {
    let (mut jitter, next, now) = running();
    put(&mut jitter, next + 1, now + 20 * MS);
    assert_eq!(jitter.next(now + 20 * MS), Next::Gap { units: 160, lost: true });
    jitter.pass(80);
    assert_eq!(jitter.next(now + 30 * MS), Next::Gap { units: 80, lost: true });
    assert_eq!(jitter.follower().map(|held| held.content), Some(next + 1));
    jitter.pass(80);
    assert_eq!(played(jitter.next(now + 40 * MS)), next + 1);
    assert!(jitter.is_after_loss());
    assert_eq!(put(&mut jitter, next, now + 41 * MS), Inserted::Late);
    assert_eq!((jitter.late, jitter.packets.len()), (1, 0), "of no use any more");
}

#[test]
fn what_is_left_of_a_late_packet_is_played() {
    let (mut jitter, next, now) = running();
    assert_eq!(jitter.next(now), Next::Starved);
    jitter.pass(80);
    assert_eq!(put(&mut jitter, next, now + 10 * MS), Inserted::InTime);
    let Next::Frame(held, over) = jitter.next(now + 10 * MS) else { panic!("no frame") };
    assert_eq!((held.content, over), (next, 80));
    assert_eq!(put(&mut jitter, next + 1, now + 20 * MS), Inserted::InTime);
    assert_eq!(played(jitter.next(now + 20 * MS)), next + 1);
}

#[test]
fn a_packet_whose_turn_is_over_feeds_the_decoder_while_its_hole_is_open() {
    let (mut jitter, next, now) = running();
    assert_eq!(jitter.next(now), Next::Starved);
    jitter.pass(240);
    assert_eq!(put(&mut jitter, next, now + 30 * MS), Inserted::Late);
    assert_eq!(put(&mut jitter, next + 1, now + 30 * MS), Inserted::InTime);
    let Next::Stale(held) = jitter.next(now + 30 * MS) else { panic!("not stale") };
    assert_eq!(held.content, next);
    let Next::Frame(held, 80) = jitter.next(now + 30 * MS) else { panic!("no half frame") };
    assert_eq!(held.content, next + 1);
}

#[test]
fn a_pause_of_the_sender_is_not_loss() {
    let (mut jitter, next, now) = running();
    jitter.insert(now + 60 * MS, 70_000 + next, ((next + 3) * 160) as u32, 160, next);
    assert_eq!(jitter.next(now + 10 * MS), Next::Gap { units: 480, lost: false });
    jitter.pass(480);
    assert_eq!(played(jitter.next(now + 60 * MS)), next);
}

#[test]
fn a_packet_twice_is_a_duplicate_even_when_late() {
    let (mut jitter, next, now) = running();
    assert_eq!(put(&mut jitter, next, now), Inserted::InTime);
    assert_eq!(put(&mut jitter, next, now), Inserted::Duplicate);
    played(jitter.next(now + 20 * MS));
    assert_eq!(put(&mut jitter, next, now), Inserted::Duplicate);
    assert_eq!(put(&mut jitter, next - 1, now), Inserted::Duplicate);
    assert_eq!((jitter.duplicates, jitter.late), (3, 0));
}

#[test]
fn a_jump_of_the_senders_clock_begins_anew() {
    let (mut jitter, next, now) = running();
    let jump = ((next * 160) as u32).wrapping_add(0x4000_0000);
    assert_eq!(jitter.insert(now, 70_000 + next, jump, 160, 1).0, Inserted::Reset);
    assert_eq!(jitter.next(now + 10 * MS), Next::Starved, "waits for the first target again");
    assert_eq!(played(jitter.next(now + FIRST_TARGET)), 1);
}

/// The sender held its clock for 300 ms, or the way became so much longer: all packets are too late from then on.
#[test]
fn a_lasting_step_begins_anew_but_a_stall_does_not() {
    for lasting in [true, false] {
        let (mut jitter, next, now) = running();
        let _ = jitter.next(now);
        jitter.pass(300 * 8);
        let mut outcomes = Vec::new();
        for packet in 0..15 {
            let at = now + 300 * MS + if lasting { packet * 20 * MS } else { packet };
            outcomes.push(put(&mut jitter, next + packet as u64, at));
            let _ = jitter.next(at);
        }
        assert_eq!(
            outcomes.iter().position(|outcome| *outcome == Inserted::Reset),
            lasting.then_some(5),
            "{outcomes:?}"
        );
    }
}

#[test]
fn timestamps_go_on_through_the_wrap() {
    let mut jitter = Jitter::new(8_000);
    for packet in 0u32..10 {
        let timestamp = (u32::MAX - 799).wrapping_add(packet * 160);
        jitter.insert(i64::from(packet) * 20 * MS, u64::from(packet), timestamp, 160, u64::from(packet));
    }
    let order: Vec<_> = (0..10).map(|n| played(jitter.next(FIRST_TARGET + n * 20 * MS))).collect();
    assert_eq!(order, (0..10).collect::<Vec<_>>());
}

#[test]
fn the_target_follows_the_network_and_never_passes_its_limit() {
    let (mut jitter, next, now) = running();
    assert_eq!(jitter.target(), 0);
    for packet in 0..1_000 {
        put(&mut jitter, next + packet, now + packet as i64 * 20 * MS + (packet as i64 % 10) * 8 * MS);
    }
    assert_eq!(jitter.target(), 72 * MS, "all of ten kinds of packets, each ten percent");
    for packet in 1_000..2_500 {
        put(&mut jitter, next + packet, now + packet as i64 * 20 * MS + (packet as i64 % 10) * 280 * MS);
    }
    assert!(jitter.target() <= MAX_HELD * 2 / 3);
}

/// A stall every five seconds spoils 2 % of the packets; waiting for them would cost 200 ms for ever.
#[test]
fn rare_stalls_are_not_waited_for_and_usual_ones_are() {
    for (every, wanted) in [(250, 0), (20, 80)] {
        let mut jitter = Jitter::new(8_000);
        for packet in 0..2_000u64 {
            let stalled = (packet % every) < 5 && packet > 100;
            let late = if stalled { (5 - packet % every) as i64 * 20 } else { 0 };
            put(&mut jitter, packet, (packet as i64 * 20 + late) * MS);
            while !matches!(jitter.next(packet as i64 * 20 * MS), Next::Starved | Next::Gap { .. }) {}
        }
        assert!(
            jitter.target() >= wanted * MS && jitter.target() <= (wanted + 20) * MS,
            "{every}: {}",
            jitter.target()
        );
    }
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
    let target = jitter.target();
    assert_eq!(played(jitter.next(now + TOO_OLD + target - MS)), next, "worth catching up with");
    assert_eq!(played(jitter.next(now + 980 * MS + target)), next + 49);
}
