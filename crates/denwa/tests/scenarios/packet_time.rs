//! One phone likes packets of 10 ms and gets them; the other gets its own 20.
use super::support::*;
use denwa::{Audio, Phone};
use std::time::Duration;

#[tokio::test]
async fn packet_time() {
    let short = Phone::builder().bind(LOOPBACK).audio(Audio::None).packet_time(Duration::from_millis(10));
    let (a, _events) = short.start().await.unwrap();
    let (b, mut b_events) = phone(Audio::None).await;
    let out = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    let back = within("answering", incoming(&mut b_events).await.answer()).await.unwrap();
    within("the answer", out.answered()).await.unwrap();
    received(&out, 200).await;
    let [ten, twenty] = [&out, &back].map(|call| call.state().unwrap().quality.packets_received);
    // Both are looked at every second only, at different moments.
    assert!(twenty > 0 && ten * 2 > twenty * 3, "{ten} packets of 10 ms, {twenty} of 20");
    tokio::join!(a.shutdown(), b.shutdown());
}
