//! When nobody reads events, nobody can see a call come in: it is refused. Calls out go on.
use super::support::*;
use denwa::Audio;

#[tokio::test]
async fn events_dropped() {
    let ((a, _a_events), (b, b_events)) = (phone(Audio::None).await, phone(Audio::None).await);
    drop(b_events);
    let call = a.dial(uri("b", b.local_addresses()[0])).await.unwrap();
    assert_eq!(within("the refusal", call.answered()).await.unwrap_err().status(), Some(480));
    let server = pbx();
    let me = within("registering", b.register(account("1001", &server))).await.unwrap();
    let out = me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", out.answered()).await.unwrap();
}
