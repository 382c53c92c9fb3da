//! What is heard beside voices: ringback, busy, ringing here, a call that waits; volume; and recordings of calls.
use super::support::*;
use super::trio::*;
use denwa::{Audio, CallChange, Country, Error, Phone, Volume};
use std::path::PathBuf;
use std::time::Duration;

/// A phone with Germany's tones, all of 425 Hz, and a file in the place of its speaker.
async fn listening(name: &str) -> (Phone, denwa::Events, PathBuf) {
    let record = file(name);
    let audio = Audio::File { play: None, record: Some(record.clone()) };
    let builder = Phone::builder().bind("127.0.0.1:0".parse().unwrap()).audio(audio);
    let (phone, events) = builder.tones(Some(Country::Germany)).start().await.unwrap();
    (phone, events, record)
}

async fn heard(phone: Phone, path: &PathBuf) -> Recording {
    phone.shutdown().await;
    let heard = Recording::open(path);
    std::fs::remove_file(path).unwrap();
    heard
}

#[tokio::test]
async fn it_rings_there() {
    let server = pbx();
    let (phone, mut events, path) = listening("ringback.wav").await;
    let me = within("registering", phone.register(account("1001", &server))).await.unwrap();
    let call = me.dial(uri("606", server.addr())).await.unwrap();
    until(&mut events, call.id(), CallChange::Ringing).await;
    // A second of tone, four of silence.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let heard = heard(phone, &path).await;
    assert!((1.2..=2.2).contains(&heard.seconds_of(425.0)), "{} s of ringback", heard.seconds_of(425.0));
}

#[tokio::test]
async fn it_is_busy_there_for_a_while() {
    let server = pbx();
    let (phone, _events, path) = listening("busy.wav").await;
    let me = within("registering", phone.register(account("1001", &server))).await.unwrap();
    let call = me.dial(uri("605", server.addr())).await.unwrap();
    assert!(within("the refusal", call.answered()).await.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let heard = heard(phone, &path).await;
    assert!((0.8..=2.2).contains(&heard.seconds_of(425.0)), "{} s of busy tone", heard.seconds_of(425.0));
}

#[tokio::test]
async fn it_rings_here_until_it_is_answered_and_another_call_waits() {
    let server = pbx();
    let (phone, mut events, path) = listening("ring.wav").await;
    let _me = within("registering", phone.register(account("1002", &server))).await.unwrap();
    let customer = party("1001", &server, |account| account).await;
    let theirs = customer.me.dial(uri("1002", server.addr())).await.unwrap();
    let ring = incoming(&mut events).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let call = within("the ACK", ring.answer()).await.unwrap();
    within("the answer", theirs.answered()).await.unwrap();
    received(&call, 50).await;
    let rang = call.state().unwrap().quality.packets_received;
    assert!(rang >= 50);
    let second = party("1003", &server, |account| account).await;
    let _waiting = second.me.dial(uri("1002", server.addr())).await.unwrap();
    let _ring = incoming(&mut events).await;
    // Twice 0.2 s.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seconds = heard(phone, &path).await.seconds_of(425.0);
    assert!((0.9..=1.6).contains(&seconds), "{seconds} s of ringing and of the call that waits");
}

#[tokio::test]
async fn a_call_is_recorded_and_can_be_turned_down() {
    let server = pbx();
    let (tone, loud, quiet) = (tone_file("recorded.wav", 500.0), file("loud.wav"), file("heard-quietly.wav"));
    let audio = Audio::File { play: Some(tone.clone()), record: Some(quiet.clone()) };
    let (phone, mut events) = phone(audio).await;
    let me = within("registering", phone.register(account("1001", &server))).await.unwrap();
    let call = me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    phone.set_volume(Volume::default().speaker(0.0)).await.unwrap();
    call.record(Some(denwa::Recording::new(&loud))).await.unwrap();
    let recording = |expected: bool| {
        move |change: &CallChange| {
            matches!(change, CallChange::Recording { on, error: None } if *on == expected).then_some(())
        }
    };
    change(&mut events, call.id(), recording(true)).await;
    assert!(call.state().unwrap().recording);
    received(&call, 100).await;
    call.record(None).await.unwrap();
    change(&mut events, call.id(), recording(false)).await;
    call.hangup().await.unwrap();
    let over = call.record(Some(denwa::Recording::new(&loud))).await.unwrap_err();
    assert!(matches!(over, Error::Misuse { .. }), "{over}");
    phone.shutdown().await;
    let (recorded, quiet_sound) = (Recording::open(&loud), Recording::open(&quiet));
    assert!(recorded.seconds_of(500.0) > 1.0, "{} s recorded", recorded.seconds_of(500.0));
    assert!(quiet_sound.seconds_of_sound() < 0.5, "{} s heard all the same", quiet_sound.seconds_of_sound());
    for path in [tone, loud, quiet] {
        std::fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_told() {
    let trio = Trio::new().await;
    let mut events = trio.agent.events;
    trio.ours.record(Some(denwa::Recording::new("/nonexistent/call.wav"))).await.unwrap();
    let failed = change(&mut events, trio.ours.id(), |change| match change {
        CallChange::Recording { on: false, error: Some(error) } => Some(error.clone()),
        _ => None,
    });
    assert!(failed.await.contains("nonexistent"));
    assert!(!trio.ours.state().unwrap().recording);
}
