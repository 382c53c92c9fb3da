//! Park: by REFER, by keys, by a call to the lot; the slot from the slots' state; retrieval, recall, giving up.

use std::time::Duration;

use denwa::{CallChange, EndReason, ParkChange, ParkMethod, Slot, SlotSource};
use denwa_interop::phone::within;
use denwa_interop::{Ami, Result};

use crate::trio::{ALICE, CAROL, Trio};

/// Carol takes the call out of its slot.
async fn retrieved(trio: &Trio, slot: &str) -> Result {
    let call = trio.carol.account().pick_up(slot).await?;
    within("the slot's 200", 10, call.answered()).await??;
    trio.alice.hears_tone(CAROL).await?;
    trio.carol.hears_tone(ALICE).await?;
    trio.carol
        .change(
            &call,
            "Alice's name",
            |change| matches!(change, CallChange::Identity(identity) if identity.name.as_deref() == Some("Alice")),
        )
        .await?;
    call.hangup().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn by_refer_and_the_slots_say_where() -> Result {
    let mut trio = Trio::with(|account| account.slots(SlotSource::DialogInfo(701..=703))).await?;
    // The subscriptions are on their way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let slot = within("the park", 15, trio.his.park()).await??;
    assert_eq!(slot, Slot::At("701".into()));
    assert_eq!(trio.bob.ended(&trio.his, 5).await?, EndReason::Parked);
    let parked = trio.bob.inner().snapshot().parked;
    assert_eq!(parked.len(), 1);
    let left = parked[0].until - parked[0].since;
    assert_eq!((parked[0].party.as_str(), left), ("1001", Duration::from_secs(300)));
    retrieved(&trio, "701").await?;
    let gone = trio.bob.park_change(ParkChange::Left, 10).await?;
    assert_eq!(gone.slot, slot);
    trio.stop().await
}

/// Nothing in SIP says where: the call stays, and the user hears it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn by_refer_and_only_the_voice_says_where() -> Result {
    let mut ami = Ami::sign_in().await?;
    let trio = Trio::talking().await?;
    assert_eq!(within("the park", 20, trio.his.park()).await??, Slot::Unknown);
    let parked = ami.event("ParkedCall").await?;
    assert!(trio.his.state().is_some(), "the call stays until its user hangs up");
    within("the end", 10, trio.his.hangup()).await??;
    assert_eq!(trio.bob.ended(&trio.his, 5).await?, EndReason::Parked);
    retrieved(&trio, &parked["ParkingSpace"]).await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn somebody_else_knows_where() -> Result {
    let mut ami = Ami::sign_in().await?;
    let trio = Trio::talking().await?;
    let his = trio.his.clone();
    let park = tokio::spawn(async move { his.park().await });
    let parked = ami.event("ParkedCall").await?;
    trio.bob.inner().parked_in(trio.his.id(), parked["ParkingSpace"].clone()).await?;
    assert_eq!(within("the park", 5, park).await???, Slot::At(parked["ParkingSpace"].clone()));
    assert_eq!(trio.bob.ended(&trio.his, 5).await?, EndReason::Parked);
    retrieved(&trio, &parked["ParkingSpace"]).await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn a_hang_up_while_parking_does_not_cut_the_customer() -> Result {
    let trio = Trio::with(|account| account.slots(SlotSource::DialogInfo(701..=703))).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Both are asked for at once, so that the hang-up comes before any answer of the exchange.
    let (park, hang_up) =
        tokio::join!(within("the park", 15, trio.his.park()), within("the hang-up", 20, trio.his.hangup()));
    park??;
    hang_up??;
    trio.bob
        .change(&trio.his, "a hang-up that is held back", |change| matches!(change, CallChange::HangUpHeldBack))
        .await?;
    retrieved(&trio, "701").await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn by_hash_and_star() -> Result {
    for code in ["#700", "*700"] {
        let mut ami = Ami::sign_in().await?;
        let method = ParkMethod::FeatureCode(code.parse()?);
        let trio = Trio::with(|account| account.park(method).slots(SlotSource::DialogInfo(701..=703))).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let slot = within(code, 25, trio.his.park()).await??;
        let parked = ami.event("ParkedCall").await?;
        assert_eq!(slot, Slot::At(parked["ParkingSpace"].clone()), "{code}");
        trio.bob.ended(&trio.his, 15).await?;
        retrieved(&trio, &parked["ParkingSpace"]).await?;
        trio.stop().await?;
    }
    Ok(())
}

/// Bob calls the lot himself, hears the slot, and lets Alice take his place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn by_a_call_to_the_lot_and_replaces() -> Result {
    let mut ami = Ami::sign_in().await?;
    let trio = Trio::talking().await?;
    let lot = trio.his.consult(trio.bob.uri("700")?).await?;
    within("the lot's 200", 10, lot.answered()).await??;
    let parked = ami.event("ParkedCall").await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    within("the transfer", 10, trio.his.transfer_to(&lot)).await??;
    trio.bob.ended(&lot, 5).await?;
    trio.bob.ended(&trio.his, 5).await?;
    retrieved(&trio, &parked["ParkingSpace"]).await?;
    trio.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn its_time_is_over_and_it_rings_back() -> Result {
    let mut trio = Trio::with(|account| {
        let lot = account.park(ParkMethod::ReferTo("730".into())).slots(SlotSource::DialogInfo(731..=733));
        lot.park_timeout(Duration::from_secs(8))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(within("the park", 15, trio.his.park()).await??, Slot::At("731".into()));
    let ringing = within("the recall", 20, trio.bob.rings()).await??;
    assert_eq!(ringing.recall(), Some(&Slot::At("731".into())), "{:?}", ringing.state());
    trio.bob.park_change(ParkChange::RingingBack, 5).await?;
    let his = within("the ACK", 10, ringing.answer()).await??;
    trio.bob.hears_tone(ALICE).await?;
    his.hangup().await?;
    trio.stop().await
}

/// Its manager knows the slot, and what becomes of the call there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_manager_says_where() -> Result {
    for given_up in [false, true] {
        let manager = || SlotSource::Ami(denwa::ami::Ami::new("127.0.0.1", 5138, "dev", "devsecret"));
        let mut trio = Trio::with(|account| account.slots(manager())).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let slot = within("the park", 15, trio.his.park()).await??;
        assert_eq!(slot, Slot::At("701".into()));
        assert_eq!(trio.bob.ended(&trio.his, 5).await?, EndReason::Parked);
        let change = if given_up {
            trio.hers.hangup().await?;
            ParkChange::GivenUp
        } else {
            retrieved(&trio, "701").await?;
            ParkChange::Retrieved
        };
        assert_eq!(trio.bob.park_change(change, 10).await?.slot, slot);
        trio.stop().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs real peers: ./dev interop"]
async fn the_customer_gives_up() -> Result {
    let mut trio = Trio::with(|account| account.slots(SlotSource::DialogInfo(701..=703))).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    within("the park", 15, trio.his.park()).await??;
    trio.hers.hangup().await?;
    // The slots only say that they are empty again.
    let gone = trio.bob.park_change(ParkChange::Left, 10).await?;
    assert_eq!(gone.slot, Slot::At("701".into()));
    assert!(trio.bob.inner().snapshot().parked.is_empty());
    trio.stop().await
}
