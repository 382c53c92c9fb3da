use super::*;
use crate::event::tests::call_id;
use crate::event::{AccountId, EndReason, Quality, Registration};

fn call(change: CallChange) -> Event {
    Event::Call { id: call_id(1), change }
}

fn unread(queue: &Queue) -> Vec<String> {
    queue.lock().events.iter().map(|event| format!("{event:?}")).collect()
}

#[test]
fn a_peer_that_toggles_its_hold_takes_one_place() {
    let queue = Queue::default();
    for _ in 0..100_000 {
        queue.push(call(CallChange::RemoteHeld));
        queue.push(call(CallChange::RemoteResumed));
    }
    assert_eq!(unread(&queue), [format!("{:?}", call(CallChange::RemoteResumed))]);
}

#[test]
fn only_the_newest_figures_of_each_call_are_kept() {
    let queue = Queue::default();
    for packets_sent in 0..10 {
        queue.push(call(CallChange::Quality(Quality { packets_sent, ..Quality::default() })));
        let other = Event::Call { id: call_id(2), change: CallChange::Quality(Quality::default()) };
        queue.push(other);
    }
    let kept = unread(&queue);
    assert_eq!(kept.len(), 2);
    assert!(kept[0].contains("packets_sent: 9"), "{kept:?}");
}

#[test]
fn digits_are_dropped_and_counted_but_never_an_end() {
    let queue = Queue::default();
    for _ in 0..LOSSY_MAX + 5 {
        queue.push(call(CallChange::Dtmf('1')));
    }
    queue.push(call(CallChange::Ended(EndReason::RemoteHangup)));
    assert_eq!(queue.lock().dropped, 5);
    assert_eq!(unread(&queue).len(), LOSSY_MAX + 1);
    assert!(unread(&queue).last().unwrap().contains("Ended"));
}

#[test]
fn an_account_tells_its_newest_state() {
    let queue = Queue::default();
    let mut endpoint = sip_core::endpoint::Endpoint::new(sip_core::endpoint::Config::new([0; 32]));
    let config = sip_core::endpoint::AccountConfig::new("sip:a@b".parse().unwrap());
    let id = AccountId(endpoint.add_account(config));
    queue.push(Event::Account { id, state: Registration::Registering });
    queue.push(Event::Account { id, state: Registration::Unregistered });
    assert_eq!(unread(&queue), [format!("{:?}", Event::Account { id, state: Registration::Unregistered })]);
}

#[test]
fn a_full_queue_says_so() {
    let queue = Queue::default();
    for id in 0..KEPT_MAX as u64 {
        assert!(queue.has_room());
        queue.push(Event::Call { id: call_id(id), change: CallChange::Answered });
    }
    assert!(!queue.has_room());
}
