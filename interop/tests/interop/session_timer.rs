//! Session timers (RFC 4028): 1006 must have one of 90 s, so one of the two refreshes every 45 s.

use std::time::Duration;

use denwa_interop::phone::MOUTH;
use denwa_interop::{Phone, Result};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_call_outlives_its_interval() -> Result {
    let phone = Phone::with("1006", MOUTH, |account| account).await?;
    let call = phone.call("600").await?;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(call.state().is_some(), "it was ended");
    phone.hears_tone(MOUTH).await?;
    call.hangup().await?;
    phone.stop().await
}
