//! Park: the slot is told by whoever knows it; the call is taken from there, rings back, or is given up.
use super::support::*;
use super::trio::*;
use denwa::{Account, EndReason, ParkChange, ParkMethod, Slot, SlotSource};
use lab::pbx::Config;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The slot as the PBX itself sees it.
fn slot(trio: &Trio) -> String {
    let parked = |view: &lab::pbx::View| !view.parked.is_empty();
    assert!(trio.server.wait_for(Duration::from_secs(5), parked), "nobody is parked");
    trio.server.parked().into_iter().next().unwrap().slot
}

async fn with_callback(config: Config) -> (Trio, mpsc::UnboundedReceiver<denwa::CallId>) {
    let (asks, asked) = mpsc::unbounded_channel();
    let source = SlotSource::Callback(Arc::new(move |call| asks.send(call).unwrap_or_default()));
    let set = |account: Account| account.slots(source).park_timeout(Duration::from_secs(2));
    (Trio::with(config, set).await, asked)
}

#[tokio::test]
async fn park_and_take_it_elsewhere() {
    let (mut trio, mut asked) = with_callback(Config::default()).await;
    let ours = trio.ours.clone();
    let park = tokio::spawn(async move { ours.park().await });
    let id = within("being asked for the slot", asked.recv()).await.unwrap();
    let number = slot(&trio);
    assert_eq!(number, "701");
    trio.agent._phone.parked_in(id, number.clone()).await.unwrap();
    assert_eq!(within("the park", park).await.unwrap().unwrap(), Slot::At(number.clone()));
    assert_eq!(ended(&trio.ours).await, EndReason::Parked);
    let parked = trio.agent._phone.snapshot().parked;
    assert_eq!((parked.len(), parked[0].party.as_str()), (1, "1001"));
    let taken = trio.target.me.pick_up(&number).await.unwrap();
    within("the slot's answer", taken.answered()).await.unwrap();
    trio.handed_over(&taken).await;
    change(&mut trio.target.events, taken.id(), |change| is_named(change, "1001")).await;
    assert!(trio.server.parked().is_empty(), "the slot is free");
}

/// Nobody has to be asked: the slots say who waits in them.
#[tokio::test]
async fn the_slots_say_where() {
    let slots = SlotSource::DialogInfo(701..=720);
    let mut trio = Trio::with(Config::default(), |account| account.slots(slots)).await;
    assert_eq!(within("the park", trio.ours.park()).await.unwrap(), Slot::At("701".into()));
    let parked = park_event(&mut trio.agent.events, ParkChange::Parked).await;
    assert_eq!((parked.slot, parked.party.as_str()), (Slot::At("701".into()), "1001"));
    let taken = trio.target.me.pick_up("701").await.unwrap();
    within("the slot's answer", taken.answered()).await.unwrap();
    park_event(&mut trio.agent.events, ParkChange::Left).await;
    trio.handed_over(&taken).await;
}

#[tokio::test]
async fn given_up_in_the_slot() {
    let slots = SlotSource::DialogInfo(701..=720);
    let mut trio = Trio::with(Config::default(), |account| account.slots(slots)).await;
    within("the park", trio.ours.park()).await.unwrap();
    trio.theirs.hangup().await.unwrap();
    park_event(&mut trio.agent.events, ParkChange::Left).await;
    assert!(trio.agent._phone.snapshot().parked.is_empty());
}

#[tokio::test]
async fn without_a_slot_the_call_stays_until_its_user_hangs_up() {
    let mut trio = Trio::new().await;
    assert_eq!(within("the park", trio.ours.park()).await.unwrap(), Slot::Unknown);
    assert!(trio.ours.state().is_some());
    within("hanging up", trio.ours.hangup()).await.unwrap();
    assert_eq!(ended(&trio.ours).await, EndReason::Parked);
    let before = trio.theirs.state().unwrap().quality.packets_received;
    received(&trio.theirs, before + 20).await;
    let number = slot(&trio);
    let taken = trio.target.me.pick_up(&number).await.unwrap();
    within("the slot's answer", taken.answered()).await.unwrap();
    trio.handed_over(&taken).await;
}

#[tokio::test]
async fn it_rings_back() {
    let (mut trio, mut asked) = with_callback(Config::default().park_timeout(Duration::from_secs(2))).await;
    let ours = trio.ours.clone();
    let park = tokio::spawn(async move { ours.park().await });
    let id = within("being asked for the slot", asked.recv()).await.unwrap();
    trio.agent._phone.parked_in(id, slot(&trio)).await.unwrap();
    within("the park", park).await.unwrap().unwrap();
    let ring = incoming(&mut trio.agent.events).await;
    assert_eq!(ring.recall(), Some(&Slot::At("701".into())));
    let back = within("the ACK", ring.answer()).await.unwrap();
    received(&back, 10).await;
    assert!(trio.agent._phone.snapshot().parked.is_empty());
    assert!(trio.theirs.state().is_some());
}

#[tokio::test]
async fn nobody_is_in_that_slot() {
    let trio = Trio::new().await;
    let call = trio.target.me.pick_up("705").await.unwrap();
    assert_eq!(within("the refusal", call.answered()).await.unwrap_err().status(), Some(404));
}

#[tokio::test]
async fn who_parked_it_is_told_what_became_of_it() {
    let (mut trio, mut asked) = with_callback(Config::default().park_timeout(Duration::from_secs(2))).await;
    let ours = trio.ours.clone();
    let park = tokio::spawn(async move { ours.park().await });
    let id = within("being asked for the slot", asked.recv()).await.unwrap();
    trio.agent._phone.parked_in(id, slot(&trio)).await.unwrap();
    within("the park", park).await.unwrap().unwrap();
    let parked = park_event(&mut trio.agent.events, ParkChange::Parked).await;
    assert_eq!(parked.until - parked.since, Duration::from_secs(2));
    let back = park_event(&mut trio.agent.events, ParkChange::RingingBack).await;
    assert_eq!(back.slot, parked.slot);
}

/// A park server as RFC 5359 §2.15 has it: asked by a REFER of its own, it would take the customer over; here it only says
/// that it has, and the exchange hangs up on us.
#[tokio::test]
async fn by_a_park_server() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at: denwa::Uri = format!("sip:park@{}", server.local_addr().unwrap()).parse().unwrap();
    let set = |account: Account| account.park(ParkMethod::Rfc5359(at));
    let trio = Trio::with(Config::default(), set).await;
    let ours = trio.ours.clone();
    let park = tokio::spawn(async move { ours.park().await });
    let mut buffer = vec![0; 4096];
    let (length, parker) = within("the REFER", server.recv_from(&mut buffer)).await.unwrap();
    let refer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let field = |name: &str| {
        let lines = refer.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next().unwrap()
    };
    assert!(refer.starts_with("REFER sip:park@"), "{refer}");
    let refer_to = field("Refer-To");
    assert!(refer_to.contains("?Replaces=") && refer_to.contains("to-tag%3D"), "{refer_to}");
    let (via, from, to, call_id) = (field("Via"), field("From"), field("To"), field("Call-ID"));
    let accepted = format!(
        "SIP/2.0 202 Accepted\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to};tag=p\r\nCall-ID: {call_id}\r\nCSeq: {}\r\n\
         Contact: <sip:{}>\r\nContent-Length: 0\r\n\r\n",
        field("CSeq"),
        server.local_addr().unwrap()
    );
    server.send_to(accepted.as_bytes(), parker).await.unwrap();
    let notify = format!(
        "NOTIFY sip:1002@{parker} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bKp1\r\nMax-Forwards: 70\r\n\
         From: {to};tag=p\r\nTo: {from}\r\nCall-ID: {call_id}\r\nCSeq: 1 NOTIFY\r\nContact: <sip:{}>\r\n\
         Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\n\
         Content-Length: 14\r\n\r\nSIP/2.0 200 OK",
        server.local_addr().unwrap(),
        server.local_addr().unwrap()
    );
    server.send_to(notify.as_bytes(), parker).await.unwrap();
    assert_eq!(within("the park", park).await.unwrap().unwrap(), Slot::Unknown);
    trio.theirs.hangup().await.unwrap();
    assert_eq!(ended(&trio.ours).await, EndReason::Parked);
}
