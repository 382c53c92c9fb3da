//! What goes along with a transfer for the target's screen, and an exchange that strips it.
use super::support::*;
use super::trio::*;
use denwa::identity::Context;
use denwa::{DialOptions, TransferOptions};
use lab::pbx::Config;

fn record() -> Context {
    Context::new(b"customer/4711".to_vec()).unwrap()
}

#[tokio::test]
async fn along_with_a_blind_transfer() {
    let mut trio = Trio::new().await;
    let (to, options) = (trio.uri("1003"), TransferOptions::default().context(record()));
    let (done, ring) = tokio::join!(trio.ours.transfer_with(to, options), incoming(&mut trio.target.events));
    done.unwrap();
    assert_eq!(ring.context().map(Context::bytes), Some(&b"customer/4711"[..]));
    let call = within("the ACK", ring.answer()).await.unwrap();
    trio.handed_over(&call).await;
}

#[tokio::test]
async fn already_while_the_consultation_rings() {
    let mut trio = Trio::new().await;
    let options = DialOptions::default().context(record());
    let second = trio.ours.consult_with(trio.uri("1003"), options).await.unwrap();
    let ring = incoming(&mut trio.target.events).await;
    assert_eq!(ring.context().map(Context::bytes), Some(&b"customer/4711"[..]));
    assert_eq!(ring.from().to_string(), trio.uri("1002").to_string());
    within("the way back", second.come_back()).await.unwrap();
}

#[tokio::test]
async fn an_exchange_that_strips_it() {
    let name: sip_core::header::Name = "User-to-User".parse().unwrap();
    let mut trio = Trio::with(Config::default().strip([name]), |account| account).await;
    let (to, options) = (trio.uri("1003"), TransferOptions::default().context(record()));
    let (done, ring) = tokio::join!(trio.ours.transfer_with(to, options), incoming(&mut trio.target.events));
    done.unwrap();
    assert_eq!(ring.context(), None);
}

#[test]
fn no_more_than_96_bytes() {
    assert!(Context::new(vec![0; 96]).is_ok());
    assert!(Context::new(vec![0; 97]).is_err());
    assert!(Context::new(Vec::new()).is_err());
}
