use super::*;

fn parking() -> Parking<u8> {
    let brief = Lot::new("730", 731..=731).timeout(Duration::from_secs(8));
    Parking::new(vec![Lot::new("700", 701..=702), brief])
}

#[test]
fn the_first_free_slot_is_taken_until_there_is_none() {
    let (mut parking, now) = (parking(), Instant::now());
    let slot = |parking: &mut Parking<u8>, who| parking.park(now, "700", who, "1001", "1002").map(|parked| parked.slot);
    assert_eq!(slot(&mut parking, 1).unwrap(), "701");
    assert_eq!(slot(&mut parking, 2).unwrap(), "702");
    assert_eq!(slot(&mut parking, 3), Err(Full));
    assert_eq!(parking.take("701").map(|(who, parked)| (who, parked.parker)), Some((1, "1002".to_owned())));
    assert_eq!(parking.take("701"), None);
    assert_eq!(slot(&mut parking, 4).unwrap(), "701");
    assert_eq!(parking.park(now, "800", 5, "1001", "1002"), Err(Full));
}

#[test]
fn each_lot_has_a_time_of_its_own() {
    let (mut parking, now) = (parking(), Instant::now());
    parking.park(now, "700", 1, "1001", "1002").unwrap();
    parking.park(now, "730", 2, "1003", "1002").unwrap();
    assert_eq!(parking.poll_timeout(), Some(now + Duration::from_secs(8)));
    assert_eq!(parking.poll_timed_out(now + Duration::from_millis(7_999)), None);
    assert_eq!(parking.poll_timed_out(now + Duration::from_secs(8)).map(|(who, _)| who), Some(2));
    assert_eq!(parking.poll_timed_out(now + Duration::from_secs(8)), None);
    assert_eq!(parking.poll_timeout(), Some(now + Duration::from_secs(300)));
    assert_eq!(parking.poll_timed_out(now + Duration::from_secs(300)).map(|(who, _)| who), Some(1));
}

#[test]
fn another_may_take_the_place_and_the_time_that_is_left() {
    let (mut parking, now) = (parking(), Instant::now());
    let parked = parking.park(now, "700", 1, "1002", "1002").unwrap();
    let swapped = parking.swap(&1, 2, "1001").unwrap();
    assert_eq!((swapped.slot.as_str(), swapped.user.as_str(), swapped.parker.as_str()), ("701", "1001", "1002"));
    assert_eq!(parking.swap(&1, 3, "1003"), None);
    assert_eq!(parking.poll_timeout(), Some(now + Duration::from_secs(300)));
    assert_eq!(parking.leave(&2), Some(swapped.clone()));
    assert_eq!(parking.leave(&2), None);
    assert_eq!(parking.park_again(now, 2, &swapped), Ok(()));
    assert_eq!(parking.park_again(now, 1, &parked), Err(Full));
}

#[test]
fn slots_and_pilots_are_numbers() {
    let parking = parking();
    assert!(parking.is_pilot("700") && parking.is_slot("702") && parking.is_slot("731"));
    assert!(!parking.is_slot("700") && !parking.is_slot("703") && !parking.is_slot("x") && !parking.is_pilot("701"));
    assert_eq!(parking.numbers().collect::<Vec<_>>(), ["700", "701", "702", "730", "731"]);
}
