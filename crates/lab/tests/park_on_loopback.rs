//! Parking behind real sockets, as a test of a front end would see it: by a view and a stream of events.
#![allow(clippy::unwrap_used)] // helpers are test too

mod common;

use std::time::{Duration, Instant};

use common::real::{Real, run_all};
use lab::pbx::{Config, ParkEvent, Server};
use lab::peer::{Line, Manner};

const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_call_is_parked_seen_and_taken_and_another_comes_back() {
    let brief = lab::pbx::Lot::new("730", 731..=740).timeout(Duration::from_secs(4));
    let server = Server::start(Config::default().lot(brief)).unwrap();
    let events = server.park_events();
    let next = || events.recv_timeout(LIMIT).unwrap();
    let mut phones = ["1001", "1002", "1003"].map(|user| Real::new(&server, user));
    for real in &mut phones {
        real.phone.set_manner(Manner::Answer(Duration::from_millis(50)));
        real.phone.register(Instant::now());
    }
    let [alice, bob, carol] = &mut phones;
    run_all(&mut [alice, bob, carol], |phones| phones.iter().all(|phone| phone.is_registered()));

    alice.phone.dial(Instant::now(), "1002");
    run_all(&mut [alice, bob], |phones| phones.iter().all(|phone| phone.packets_heard() > 10));
    bob.phone.refer(Instant::now(), "700", "");
    run_all(&mut [alice, bob], |[_, bob]| bob.reports() == ["100 Trying", "200 OK"]);
    let ParkEvent::Parked(parked) = next() else { panic!("not parked") };
    assert_eq!((parked.slot.as_str(), parked.user.as_str(), parked.parker.as_str()), ("701", "1001", "1002"));
    assert_eq!(server.parked(), std::slice::from_ref(&parked));
    bob.phone.hang_up(Instant::now());

    carol.phone.dial(Instant::now(), "701");
    run_all(&mut [alice, bob, carol], |[alice, _, carol]| {
        let told = alice.other().is_some_and(|other| other.contains("1003"));
        told && carol.other().is_some_and(|other| other.contains("1001")) && carol.line() == Line::Talking
    });
    assert_eq!(next(), ParkEvent::Retrieved { parked, by: "1003".to_owned() });
    assert!(server.parked().is_empty());

    // #730 by keys in the sound; nobody takes it, so it comes back, after the number was spoken.
    for key in "#730".chars() {
        carol.phone.press(key);
        let until = Instant::now() + Duration::from_millis(250);
        run_all(&mut [alice, carol], |_| Instant::now() >= until);
    }
    run_all(&mut [alice, carol], |[_, carol]| carol.line() == Line::Over);
    run_all(&mut [alice, carol], |[_, carol]| carol.line() == Line::Talking);
    assert!(matches!(next(), ParkEvent::Parked(parked) if parked.slot == "731"));
    assert!(matches!(next(), ParkEvent::TimedOut(parked) if parked.parker == "1003"));
    carol.phone.hang_up(Instant::now());
    run_all(&mut [alice, carol], |[alice, _]| alice.line() == Line::Over);
    assert!(server.wait_for(LIMIT, |view| view.calls.is_empty()));
}
