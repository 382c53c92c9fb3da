//! Messages out of datagrams and out of streams (RFC 3261 §18.3, §7.5; keep-alives of RFC 5626 §3.5.1, §4.4.1).

use crate::message::{Fault, MAX_MESSAGE, Message, ParseError, index::Index};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

/// One datagram. `None` when it has no message: an empty one, or CRLFs or zero bytes that keep a NAT open.
///
/// # Errors
/// As [`Message::parse`].
pub fn datagram(mut bytes: Bytes) -> Result<Option<Message>, ParseError> {
    // §7.5: CRLFs before the start line are ignored.
    let blank = bytes.iter().take_while(|c| matches!(**c, b'\r' | b'\n')).count();
    bytes.advance(blank);
    if bytes.iter().all(|c| *c == 0) {
        return Ok(None);
    }
    Message::parse(bytes).map(Some)
}

/// What a stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// CRLF CRLF: to be answered by one CRLF (RFC 5626 §4.4.1).
    KeepAlivePing,
    /// CRLF: the answer to a ping.
    KeepAlivePong,
}

/// What is wrong with a stream. A request that can still be answered is in the [`ParseError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// One message is; it has been taken off, and the next one follows.
    #[error(transparent)]
    Malformed(ParseError),
    /// Nobody knows where the next message begins: the connection is to be closed. Nothing comes any more.
    #[error("a stream that cannot be read on: {0}")]
    Lost(ParseError),
}

/// Cuts one direction of a stream into messages. Push what arrives, then call [`next`](Self::next) until there is nothing.
///
/// Holds at most [`MAX_MESSAGE`] bytes beside what was pushed last.
#[derive(Clone, Debug, Default)]
pub struct StreamFramer {
    buffer: BytesMut,
    state: State,
    /// The last thing was a lone CRLF; another one makes a ping of the two.
    half_ping: bool,
}

#[derive(Clone, Debug)]
enum State {
    /// Looking for the empty line; so many bytes have been looked at.
    Head {
        seen: usize,
    },
    /// The head is there; the message is so long.
    Body {
        len: usize,
        fault: Option<Fault>,
    },
    Lost,
}

impl Default for State {
    fn default() -> Self {
        State::Head { seen: 0 }
    }
}

impl StreamFramer {
    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Lost) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError::Malformed`] for one message, [`FrameError::Lost`] for the whole stream.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        match self.state {
            // A CR and something else than LF begins no message either, as the head will find.
            State::Head { seen: 0 } if matches!(self.buffer[..], [b'\r'] | [b'\r', b'\n', ..]) => Ok(self.keep_alive()),
            State::Head { seen } => self.head(seen),
            State::Body { len, fault } => self.body(len, fault),
            State::Lost => Ok(None),
        }
    }

    fn keep_alive(&mut self) -> Option<Frame> {
        let half = std::mem::take(&mut self.half_ping);
        let ping = match &self.buffer[..] {
            [b'\r', b'\n', b'\r', b'\n', ..] => 4,
            [b'\r', b'\n', ..] if half => 2,
            // A pong does not wait for what may never come.
            [b'\r', b'\n'] => {
                self.half_ping = true;
                0
            }
            [b'\r'] | [b'\r', b'\n', b'\r'] => {
                self.half_ping = half;
                return None;
            }
            _ => 0,
        };
        self.buffer.advance(ping.max(2));
        Some(if ping > 0 { Frame::KeepAlivePing } else { Frame::KeepAlivePong })
    }

    fn head(&mut self, seen: usize) -> Result<Option<Frame>, FrameError> {
        const END: &[u8] = b"\r\n\r\n";
        let from = seen.saturating_sub(END.len() - 1);
        let Some(end) = memmem::find(&self.buffer[from..], END).map(|at| from + at + END.len()) else {
            if self.buffer.len() > MAX_MESSAGE {
                return Err(self.lose(Fault::TooLarge));
            }
            self.state = State::Head { seen: self.buffer.len() };
            return Ok(None);
        };
        self.half_ping = false;
        let scanned = Index::scan(&self.buffer[..end], crate::message::MAX_HEADERS);
        let (length, fault) = match &scanned {
            Ok(index) => (index.content_length.ok_or(Fault::NoContentLength), None),
            // A broken header line does not move the end of the message, if its length is plain.
            Err(fault) => (content_length(&self.buffer[..end]).ok_or(*fault), Some(*fault)),
        };
        let len = match length {
            Ok(length) if length as usize <= MAX_MESSAGE.saturating_sub(end) => end + length as usize,
            Ok(_) => return Err(self.lose(Fault::TooLarge)),
            Err(fault) => return Err(self.lose(fault)),
        };
        match scanned {
            Ok(index) if self.buffer.len() >= len => {
                let bytes = self.buffer.split_to(len).freeze();
                self.state = State::default();
                Message::from_index(bytes, index)
                    .map(|message| Some(Frame::Message(message)))
                    .map_err(FrameError::Malformed)
            }
            _ => {
                self.state = State::Body { len, fault };
                self.body(len, fault)
            }
        }
    }

    fn body(&mut self, len: usize, fault: Option<Fault>) -> Result<Option<Frame>, FrameError> {
        if self.buffer.len() < len {
            return Ok(None);
        }
        let bytes = self.buffer.split_to(len).freeze();
        self.state = State::default();
        match fault {
            Some(fault) => Err(FrameError::Malformed(ParseError::new(fault, bytes))),
            None => Message::parse(bytes).map(|message| Some(Frame::Message(message))).map_err(FrameError::Malformed),
        }
    }

    fn lose(&mut self, fault: Fault) -> FrameError {
        self.state = State::Lost;
        FrameError::Lost(ParseError::new(fault, std::mem::take(&mut self.buffer).freeze()))
    }
}

/// The one Content-Length of a head whose lines may be broken otherwise.
fn content_length(head: &[u8]) -> Option<u32> {
    let mut found = None;
    for line in head.split(|c| *c == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = line[..colon].trim_ascii_end();
        if name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l") {
            let value = std::str::from_utf8(line[colon + 1..].trim_ascii()).ok()?;
            let number = crate::scan::number(value)?;
            if found.replace(number).is_some() {
                return None;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
