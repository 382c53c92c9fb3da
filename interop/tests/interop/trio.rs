//! Alice, a customer, talks to Bob, who has the phone under test; Carol is the target. Each says a tone of their own.

use denwa::{Account, Call};
use denwa_interop::phone::within;
use denwa_interop::{Phone, Result};

pub(crate) const ALICE: u32 = 440;
pub(crate) const BOB: u32 = 660;
pub(crate) const CAROL: u32 = 880;

pub(crate) struct Trio {
    pub(crate) alice: Phone,
    pub(crate) bob: Phone,
    pub(crate) carol: Phone,
    /// Alice's end of her call.
    pub(crate) hers: Call,
    /// Bob's end of it.
    pub(crate) his: Call,
}

impl Trio {
    /// Alice has called Bob.
    pub(crate) async fn talking() -> Result<Self> {
        Self::with(|account| account).await
    }

    /// The same; Bob's account is as `set` makes it.
    pub(crate) async fn with(set: impl FnOnce(Account) -> Account) -> Result<Self> {
        let alice = Phone::with("1001", ALICE, |account| account).await?;
        let mut bob = Phone::with("1002", BOB, set).await?;
        let carol = Phone::with("1003", CAROL, |account| account).await?;
        let hers = alice.dial("1002").await?;
        let his = bob.answers().await?;
        within("Alice's 200", 10, hers.answered()).await??;
        bob.hears_tone(ALICE).await?;
        Ok(Self { alice, bob, carol, hers, his })
    }

    /// Alice and Carol talk, and Bob has nothing to do with it any more.
    pub(crate) async fn handed_over(&self) -> Result {
        self.alice.hears_tone(CAROL).await?;
        self.carol.hears_tone(ALICE).await?;
        let left = self.bob.inner().snapshot().calls.len();
        if left == 0 { Ok(()) } else { Err(format!("Bob still has {left} calls").into()) }
    }

    /// Alice and Bob talk.
    pub(crate) async fn back(&self) -> Result {
        self.bob.hears_tone(ALICE).await?;
        self.alice.hears_tone(BOB).await
    }

    pub(crate) async fn stop(self) -> Result {
        self.alice.stop().await?;
        self.bob.stop().await?;
        self.carol.stop().await
    }
}
