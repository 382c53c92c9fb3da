//! A tone goes out through the file device, the PBX echoes it, and it is in the recording: with Opus, then with each
//! G.711.
use super::support::*;
use denwa::{Audio, Codec, Phone};

async fn echo(codec: Codec, name: &str) {
    let server = pbx();
    let (play, record) = (tone_file(&format!("{name}-out.wav"), 440.0), file(&format!("{name}-in.wav")));
    let audio = Audio::File { play: Some(play.clone()), record: Some(record.clone()) };
    let (phone, _events) = Phone::builder().bind(LOOPBACK).audio(audio).codecs(&[codec]).start().await.unwrap();
    let me = within("registering", phone.register(account("1001", &server))).await.unwrap();
    let call = me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    received(&call, 120).await;
    let state = call.state().unwrap();
    assert_eq!(state.codec.as_deref(), Some(format!("{}/{}", codec.name(), codec.clock_rate()).as_str()));
    assert!(state.quality.packets_sent >= 100, "{:?}", state.quality);
    assert_eq!(state.quality.packets_lost, 0, "{:?}", state.quality);
    // How good it is depends on how busy this machine is; that it is estimated does not.
    assert!((1.0..=4.5).contains(&state.quality.mos.unwrap()), "{:?}", state.quality);
    within("shutting down", phone.shutdown()).await;
    let heard = Recording::open(&record);
    assert!(heard.seconds_of(440.0) > 1.5, "{name}: {} s of the tone", heard.seconds_of(440.0));
    assert!(heard.seconds_of(620.0) < 0.1, "the measure tells tones apart");
    for path in [play, record] {
        let _ = std::fs::remove_file(path);
    }
}

#[tokio::test]
async fn opus() {
    echo(Codec::Opus, "opus").await;
}

#[tokio::test]
async fn pcmu() {
    echo(Codec::Pcmu, "pcmu").await;
}

#[tokio::test]
async fn pcma() {
    echo(Codec::Pcma, "pcma").await;
}
