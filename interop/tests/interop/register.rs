//! REGISTER: digest with MD5 and SHA-256, refusal, and what a binding is for.

use std::time::Duration;

use denwa::{Account, Registration};
use denwa_interop::peers::{ASTERISK, KAMAILIO};
use denwa_interop::phone::within;
use denwa_interop::{Ami, Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn md5_at_asterisk_makes_us_reachable_until_we_unregister() -> Result {
    let mut ami = Ami::sign_in().await?;
    let mut phone = Phone::of("1003", &[]).await?;
    let Registration::Registered { expires_in } = phone.account().registration() else {
        return Err(format!("{:?}", phone.account().registration()).into());
    };
    assert!(expires_in <= Duration::from_secs(3600) && expires_in >= Duration::from_secs(30), "{expires_in:?}");

    ami.originate("1003", "600", Duration::from_secs(5)).await?;
    phone.rings().await?.reject(denwa::Reject::Busy).await?;
    let answer = ami.event("OriginateResponse").await?;
    assert_eq!(answer["Response"], "Failure");

    within("the unregistration", 15, phone.account().unregister()).await??;
    ami.originate("1003", "600", Duration::from_secs(5)).await?;
    assert_eq!(ami.event("OriginateResponse").await?["Response"], "Failure");
    assert!(phone.is_silent(), "called although it had unregistered");
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn sha256_at_asterisk() -> Result {
    let phone = Phone::of("1010", &[]).await?;
    assert!(matches!(phone.account().registration(), Registration::Registered { .. }));
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn at_kamailio_whose_challenge_names_no_algorithm() -> Result {
    let mut phone = Phone::start(&[]).await?;
    phone.register(KAMAILIO, "2001", None).await?;
    phone.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_wrong_password_is_told_at_once_and_not_tried_again() -> Result {
    for server in [ASTERISK, KAMAILIO] {
        let phone = Phone::start(&[]).await?;
        let user = if server == ASTERISK { "1003" } else { "2001" };
        let account = Account::new(format!("sip:{user}@{server}").parse()?).password("wrong");
        let refusal = within("the refusal", 15, phone.inner().register(account)).await?;
        let status = refusal.err().and_then(|error| error.status());
        assert!(matches!(status, Some(401 | 403)), "{server}: {status:?}");
        phone.stop().await?;
    }
    Ok(())
}
