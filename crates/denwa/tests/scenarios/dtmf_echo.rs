//! Digits go out as telephone-events; the echo sends them back.
use super::support::*;
use denwa::CallChange;

#[tokio::test]
async fn dtmf_echo() {
    let server = pbx();
    let (_phone, mut events, me) = registered("1001", &server).await;
    let call = me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    received(&call, 5).await;
    call.dtmf("159*0#D".parse().unwrap()).await.unwrap();
    let mut heard = String::new();
    while heard.len() < 7 {
        heard.push(
            change(&mut events, call.id(), |change| if let CallChange::Dtmf(c) = change { Some(*c) } else { None })
                .await,
        );
    }
    assert_eq!(heard, "159*0#D");
}
