//! A number that does not exist is refused with 404.
use super::support::*;
use denwa::Error;

#[tokio::test]
async fn unknown_number() {
    let server = pbx();
    let (_phone, _events, me) = registered("1001", &server).await;
    let call = me.dial(uri("7777", server.addr())).await.unwrap();
    let error = within("the refusal", call.answered()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 404, .. }), "{error:?}");
    assert!(error.to_string().contains("does not exist"), "{error}");
}
