//! A SIP softphone: signalling, call control and sound behind one small typed API.
//!
//! ```no_run
//! use denwa::{Account, Audio, Event, Phone};
//! # async fn job() -> Result<(), Box<dyn std::error::Error>> {
//! let (phone, mut events) = Phone::builder().audio(Audio::System).start().await?;
//! let me = phone.register(Account::new("sip:alice@example.com".parse()?).password("secret")).await?;
//! let call = me.dial("sip:bob@example.com".parse()?).await?;
//! call.answered().await?; // resolves on the 2xx; the error says which refusal came instead
//! call.dtmf("12#".parse()?).await?;
//! call.hold().await?; // resolves when the other side has agreed
//! let carol = me.dial("sip:carol@example.com".parse()?).await?;
//! carol.answered().await?;
//! carol.hangup().await?;
//! call.resume().await?;
//! while let Some(event) = events.next().await {
//!     if let Event::Incoming(ring) = event {
//!         ring.answer().await?;
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! ```text
//!    Phone, AccountHandle, Call, Incoming        handles: sugar
//!            │ Command                ▲ Event, Snapshot
//!            ▼                        │
//!          driver ── one tokio task: sip_core::Endpoint, call::Switch, media::Engine
//!            │                        ▲
//!            ▼ transmits              │ arrivals
//!          net ── UDP, TCP, DNS       media ── its own thread: RTP, codecs, device
//! ```
//!
//! # The three words
//! - [`Command`] is the one door in: [`Phone::send`]. Every method of a handle ends there.
//! - [`Event`] is what happened, in order: [`Events`]. A slow reader does not make memory grow: the coming, the answer and
//!   the end of a call are never dropped; of a level (held, muted, codec, figures, registration) only the newest unread
//!   value is kept; digits beyond [`LOSSY_MAX`] are dropped and counted; above [`KEPT_MAX`] unread events new calls are
//!   refused.
//! - [`Snapshot`] is all there is to draw, at any time: [`Phone::snapshot`].
//!
//! # When a future resolves
//! When what was asked is *agreed*: [`Call::answered`] on the 2xx, [`Call::hold`] on the answer to the re-INVITE,
//! [`Phone::register`] on the registrar's 200, [`Incoming::answer`] on the caller's ACK. Dropping a future does not take the
//! request back. On an error the call is still yours, unless the error says that it ended.
//!
//! # When handles are dropped
//! Nothing happens: calls go on, accounts stay registered. When the last handle and [`Events`] are both gone the phone
//! ends as with [`Phone::shutdown`], in the background. When only [`Events`] is gone, nobody can see a call come in: it is
//! refused with 480.
//!
//! # Transfer, park, conference
//! [`Call::transfer`] and [`Call::transfer_to`] hand a call over, [`Call::consult`] asks somebody first, and
//! [`Call::come_back`] is the one way back to the customer at every step. [`Call::park`] gives the [`Slot`], from whichever
//! [`SlotSource`] the account names. While either is under way [`Call::hangup`] is held back: the customer would be cut off.
//! [`Phone::merge`] makes a conference. With [`Account::keys`] an agent does all of it by `*` and `#`, through
//! [`Call::press`]. Who transferred whom, the caller's screen ([`Context`]) and whom one talks to now come with
//! [`Incoming`] and [`CallChange`].
//!
//! # What there is not
//! TLS, SRTP and ICE; presence and messages. Video.
//!
//! # Logs
//! Through `tracing`. Nothing private, that is number, name, password or address, is logged above `trace`.

mod account;
#[cfg(feature = "ami")]
pub mod ami;
mod audio;
mod board;
mod builder;

mod command;
mod driver;
mod error;
mod event;
mod events;
mod handle;
pub mod identity;
pub mod log;
mod net;
mod park;
mod seed;
mod transfer;

/// What a sound device of your own is made of: implement [`Device`](device::Device) and hand it to [`Audio::Custom`].
pub mod device {
    pub use media::device::{Capture, Device, DeviceError, Line, Playout, line};
}

pub use account::{Account, DEFAULT_EXPIRES, Transport};
pub use audio::{Audio, Devices, HoldSound, VoiceProcessing, audio_devices};
pub use builder::{DEFAULT_MAX_CALLS, PhoneBuilder};
pub use command::{Command, Digits, Done, MAX_DIGITS, Reject};
pub use error::Error;
pub use event::{
    AccountId, AccountState, CallChange, CallId, CallState, Direction, EndReason, Event, Phase, Quality, Registration,
    Snapshot, Task,
};
pub use events::{Events, KEPT_MAX, LOSSY_MAX};
pub use handle::{AccountHandle, Call, Incoming, Phone};
pub use identity::{CallerIdProfile, Context, Identity};
pub use log::CallLog;
pub use media::{
    Country, DeviceInfo as AudioDevice, Format as RecordingFormat, Layout as RecordingLayout, Recording, Volume,
};
pub use park::{Forwarding, ForwardingCodes, ParkChange, ParkMethod, ParkedCall, Pickup, Slot, SlotSource};
pub use sdp::Codec;
pub use sip_core::uri::{Uri, UriError};
pub use transfer::{Codes, DialOptions, DtmfMode, Keys, ReferPolicy, ReferRequest, TransferOptions};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
