//! Calls between `denwa` and real peers: Asterisk, Kamailio, baresip, sipp and PJSIP.
//!
//! `./dev interop` installs the peers, starts them in a network namespace of their own and runs `tests/` inside it.
//! Plain `cargo test` needs none of them: the tests count as ignored. `peers/README.md` says who is where and what each
//! number does.
//!
//! The library holds what the tests are written with: [`Phone`], the phone under test, whose mouth is a tone and whose
//! ear is a recording; the far sides [`Baresip`], [`peers`] and Asterisk's manager interface [`Ami`]; and [`tone`],
//! which tells a recording's frequency.

pub mod ami;
pub mod baresip;
pub mod ear;
pub mod peers;
pub mod phone;
pub mod tone;

pub use ami::Ami;
pub use baresip::Baresip;
pub use phone::Phone;

/// What a helper or a test fails with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The result of a test.
pub type Result<T = ()> = std::result::Result<T, Failure>;
