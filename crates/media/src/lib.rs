//! The audio path: RTP, codecs, jitter buffer, devices and the media thread

pub mod codec;
mod config;
pub mod device;
pub mod dtmf;
mod drift;
mod engine;
mod jitter;
mod mixer;
mod playout;
mod quality;
mod resample;
pub mod rtcp;
pub mod rtp;
pub mod stream;
mod stretch;
#[cfg(test)]
mod testing;
mod tone;

pub use config::{Codec, CodecConfig, Direction, Dtmf, Event, Stats, StreamConfig, StreamId};
pub use device::cpal::System;
pub use device::file::File;
pub use device::null::Null;
pub use device::{Device, DeviceError};
pub use engine::{Engine, EngineConfig, OpenError};
pub use stream::Stream;
pub use tone::Tone;
