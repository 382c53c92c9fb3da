//! Everything over TCP: registration, a call out, a call in, the end.
use super::support::*;
use denwa::{Audio, EndReason, Transport};

#[tokio::test]
async fn tcp_call() {
    let server = pbx();
    let mut handles = Vec::new();
    for user in ["1001", "1002"] {
        let (phone, events) = phone(Audio::None).await;
        let account = account(user, &server).transport(Transport::Tcp);
        let me = within("registering", phone.register(account)).await.unwrap();
        handles.push((phone, events, me));
    }
    let (_b, mut b_events, _b_me) = handles.pop().unwrap();
    let (_a, _a_events, a_me) = handles.pop().unwrap();

    let echo = a_me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", echo.answered()).await.unwrap();
    received(&echo, 10).await;
    within("hanging up", echo.hangup()).await.unwrap();

    let call = a_me.dial(uri("1002", server.addr())).await.unwrap();
    let back = within("answering", incoming(&mut b_events).await.answer()).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    within("hold", back.hold()).await.unwrap();
    within("hanging up", back.hangup()).await.unwrap();
    assert_eq!(within("the end", call.ended()).await, EndReason::RemoteHangup);
}
