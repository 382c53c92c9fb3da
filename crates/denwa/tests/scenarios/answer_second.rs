//! Call waiting: the second call is answered, and the first one is held by itself.
use super::support::*;
use denwa::{Audio, CallChange};

#[tokio::test]
async fn answer_second() {
    let (me, mut events) = phone(Audio::None).await;
    let (first, mut first_events) = phone(Audio::None).await;
    let (second, _second_events) = phone(Audio::None).await;
    let here = uri("me", me.local_addresses()[0]);

    let one = first.dial(here.clone()).await.unwrap();
    let talking = within("answering", incoming(&mut events).await.answer()).await.unwrap();
    within("the first answer", one.answered()).await.unwrap();

    let two = second.dial(here).await.unwrap();
    let waiting = incoming(&mut events).await;
    assert!(!talking.state().unwrap().held, "ringing alone holds nothing");
    let newer = within("answering the second", waiting.answer()).await.unwrap();
    within("the second answer", two.answered()).await.unwrap();
    until(&mut events, talking.id(), CallChange::Held).await;
    until(&mut first_events, one.id(), CallChange::RemoteHeld).await;
    assert!(!newer.state().unwrap().held);
    assert_eq!(me.snapshot().calls.len(), 2);

    // Back to the first: now the second is held.
    within("resume", talking.resume()).await.unwrap();
    until(&mut events, newer.id(), CallChange::Held).await;
    assert!(!talking.state().unwrap().held && newer.state().unwrap().held);
}
