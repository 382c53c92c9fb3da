//! A wrong password is the registrar's 401 once more: the phone says so and does not try again.
use super::support::*;
use denwa::{Audio, Error, Registration};

#[tokio::test]
async fn wrong_password() {
    let server = pbx();
    let (phone, _events) = phone(Audio::None).await;
    let wrong = account("1001", &server).password("guess");
    let error = within("the refusal", phone.register(wrong.clone())).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 401 | 403, .. }), "{error:?}");
    assert!(error.to_string().contains("password"), "{error}");
    assert!(phone.snapshot().accounts.is_empty(), "a failed `register` leaves no account");

    // An account that was added stays, and is not tried again by itself.
    let me = phone.add(wrong).await.unwrap();
    within("the refusal", me.register()).await.unwrap_err();
    assert!(matches!(me.registration(), Registration::Failed { retry_in: None, .. }), "{:?}", me.registration());
    let error = within("waiting for what cannot come", me.registered()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}
