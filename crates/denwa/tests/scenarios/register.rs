//! A phone registers with a digest, says so by event and in the snapshot, and unregisters when it is shut down.
use super::support::*;
use denwa::{Audio, Event, Registration};
use std::time::Duration;

#[tokio::test]
async fn register() {
    let server = pbx();
    let (phone, mut events) = phone(Audio::None).await;
    let me = within("registering", phone.register(account("1001", &server))).await.unwrap();
    let Registration::Registered { expires_in } = me.registration() else { panic!("{:?}", me.registration()) };
    assert!(expires_in > Duration::from_secs(59), "{expires_in:?}");
    assert_eq!(phone.snapshot().accounts[0].registration, me.registration());
    let Some(Event::Account { id, state }) = events.try_next() else { panic!("an event") };
    assert_eq!((id, state), (me.id(), me.registration()), "the newest state stands for the earlier ones");
    within("shutting down", phone.shutdown()).await;
    let last = within("the last event", async {
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        last
    });
    assert!(matches!(last.await, Some(Event::Account { state: Registration::Unregistered, .. })));
}
