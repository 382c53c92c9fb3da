//! The audio of calls: from RTP to the ear and from the mouth to RTP.
//!
//! ```text
//!                 the media thread (engine)                                     the device's callback
//!   UDP ──▶ Stream: rtp ─▶ jitter ─▶ codec ─▶ stretch ─┐             ┌─▶ ring ─▶ speaker
//!   UDP ◀── Stream: rtp ◀─ codec ◀─ mute, keys ◀───────┤── mixer ────┤
//!           … one for each call                        ┘             └── ring ◀─ microphone
//! ```
//!
//! Three layers, each usable alone:
//!
//! - [`Engine`] is the shell: one thread that owns sockets, streams, mixer and device. Its handle is cheap and never
//!   blocks, so that a network task can hold it. It knows no SDP and no SIP: somebody else agrees on a
//!   [`StreamConfig`].
//! - [`Stream`] is one call leg without any I/O: datagrams and time go in, voice, datagrams and events come out. A
//!   server, a test or another loop can drive it.
//! - [`rtp`], [`rtcp`], [`dtmf`] and [`codec`] are the parts, for those who build something else.
//!
//! A [`Device`] is a microphone and a speaker: [`System`] (cpal), [`File`] (WAV in, WAV out), [`Null`] (silence at the
//! pace of a sound card), or your own.
//!
//! # A call
//!
//! ```
//! use media::{Codec, Engine, EngineConfig, Null, StreamConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::start(EngineConfig {
//!     devices: Box::new(Null::new()),
//!     seed: [7; 32],
//!     ports: 16_384..32_768,
//!     on_event: Box::new(|event| println!("{event:?}")),
//! })?;
//! // The port goes into the offer …
//! let (stream, ours) = engine.open("127.0.0.1".parse()?)?;
//! assert_eq!(ours.port() % 2, 0);
//! // … and what the answer says comes here.
//! engine.configure(stream, StreamConfig::new("127.0.0.1:4000".parse()?, Codec::Opus, 111));
//! engine.set_live(stream, true);
//! engine.send_dtmf(stream, "42#");
//! println!("{:?}", engine.stats(stream));
//! engine.close(stream);
//! # Ok(())
//! # }
//! ```
//!
//! # A device of your own
//!
//! [`device::line`] makes both ends: give [`device::Playout`] and [`device::Capture`] to your callback, which may not
//! block or allocate and need not, and return the [`device::Line`] from [`Device::start`].
//!
//! # Rules that hold everywhere
//!
//! - Voice is mono, `f32`, -1 to 1. The user's is 48 kHz, and so are clips, tones and recordings; a stream's has the
//!   rate of its best codec. Between them it is converted once for each room, and not at all where rates are alike.
//! - The speaker is the clock: ticks of 10 ms are made when its ring runs low. The microphone's clock is bent to it,
//!   and the peer's by stretching. While the speaker is stuck or lost, calls go on by the wall clock.
//! - Everything that comes from the network is bounded, counted and never a panic; packets of strangers are dropped.
//! - All randomness comes from the seed, and below [`Engine`] and the devices `now` is an argument.
//!
//! # Who hears whom
//!
//! A live stream is with the user, and live streams hear each other. For all else there are rooms, told as one picture
//! whenever it changes, and sources:
//!
//! ```
//! # fn picture(engine: &media::Engine, [boss, ann, bob]: [media::StreamId; 3]) {
//! use media::{Clip, Recording, Room, Source};
//!
//! // Ann and Bob talk to each other without us, while we talk to the boss …
//! engine.arrange(vec![Room::without_user([ann, bob]), Room::with_user([boss])]);
//! // … then all of us together, on record, with each side in a channel of its own …
//! engine.arrange(vec![Room::with_user([boss, ann, bob])]);
//! engine.record(boss, Some(Recording::stereo("boss.wav")));
//! // … and at last the boss waits, alone with some music.
//! engine.arrange(vec![Room::with_user([ann, bob]), Room::without_user([boss])]);
//! engine.set_source(boss, Source::Clip(Clip::music().into()));
//! # }
//! ```
//!
//! # What is not here
//!
//! SRTP, DTLS and ICE ([`stream`] says where they will sit), video, stereo.

#[doc(hidden)]
pub mod bench;
mod clip;
pub mod codec;
mod config;
pub mod device;
mod drift;
pub mod dtmf;
mod engine;
#[doc(hidden)]
pub mod fuzz;
mod history;
mod jitter;
mod mixer;
mod playout;
mod power;
mod quality;
mod resample;
pub mod rtcp;
pub mod rtp;
mod silence;
mod source;
pub mod stream;
mod stretch;
#[cfg(test)]
mod testing;
mod tone;
mod wav;

#[cfg(feature = "voice")]
pub mod voice;

pub use clip::{Clip, MAX_CLIP};
pub use config::{Codec, CodecConfig, Direction, Dtmf, Event, Stats, StreamConfig, StreamId};
pub use device::cpal::System;
pub use device::file::File;
pub use device::null::Null;
pub use device::watch::Watch;
pub use device::{Device, DeviceError, DeviceInfo};
pub use engine::{DeviceDelay, DeviceStats, Engine, EngineConfig, Format, Layout, OpenError, Recording, Room, Volume};
pub use history::{History, MAX_STEPS, Second};
pub use jitter::DelayPolicy;
pub use source::Source;
pub use stream::Stream;
pub use tone::{Country, Signal, Tone, UnknownCountry};
#[cfg(feature = "voice")]
pub use voice::Voice;
pub use wav::WavError;

pub(crate) use clip::to_i16;
