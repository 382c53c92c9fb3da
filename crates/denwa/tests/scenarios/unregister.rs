//! An account is unregistered and registered again; a second phone cannot reach it in between.
use super::support::*;
use denwa::Registration;

#[tokio::test]
async fn unregister() {
    let server = pbx();
    let (_phone, _events, me) = registered("1001", &server).await;
    let (_other, _other_events, other) = registered("1002", &server).await;
    within("unregistering", me.unregister()).await.unwrap();
    assert_eq!(me.registration(), Registration::Unregistered);
    let call = other.dial(uri("1001", server.addr())).await.unwrap();
    let error = within("the refusal", call.answered()).await.unwrap_err();
    assert_eq!(error.status(), Some(480), "{error}");
    within("registering again", me.register()).await.unwrap();
    assert!(matches!(me.registration(), Registration::Registered { .. }));
}
