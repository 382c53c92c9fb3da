//! What the media has to tell.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dtmf::Digit;

/// One stream among those of an [`Engine`](crate::Engine); never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u64);

impl StreamId {
    /// The number behind the id, for logs.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream {}", self.0)
    }
}

/// What an [`Engine`](crate::Engine) tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something happened on one stream.
    Stream {
        /// Which.
        id: StreamId,
        /// What.
        event: StreamEvent,
    },
    /// The sound device runs.
    DeviceOpened {
        /// Its name, for a person to read.
        name: String,
    },
    /// The sound device failed or could not be opened; calls go on in silence, and the device is tried again.
    /// Told once per failure, however often the device complains.
    DeviceFailed {
        /// One sentence for a person to read.
        reason: String,
    },
}

/// What a [`Stream`](crate::Stream) tells.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The first valid RTP packet came; once per configuration of a source.
    Started {
        /// From here; not the signalled address when the stream latched.
        from: SocketAddr,
    },
    /// One key was pressed at the far end (RFC 4733); told when it is released, or when its end is taken to be lost.
    Dtmf {
        /// The key.
        digit: Digit,
        /// How long it was held.
        duration: Duration,
    },
    /// All keys given to `send_dtmf` have been sent.
    DtmfSent,
    /// Nothing has come for [`StreamConfig::silence_after`](crate::StreamConfig::silence_after); told once until
    /// something comes.
    Silent,
    /// RTP came again after `Silent`.
    Resumed,
    /// The far end said by RTCP that it left (BYE).
    Bye,
}
