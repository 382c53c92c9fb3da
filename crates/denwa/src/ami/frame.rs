//! Bytes into messages: `Name: value` lines, ended by an empty one, after one line of greeting.
use std::fmt;

/// The longest line read, in bytes. A message with a longer one is skipped.
pub(super) const MAX_LINE: usize = 4096;

/// The most lines of one message; Asterisk's longest events have about eighty. A message of more is skipped.
pub(super) const MAX_LINES: usize = 256;

/// What the server says first.
pub(super) const GREETING: &str = "Asterisk Call Manager/";

/// An event or a response.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    fields: Vec<(String, String)>,
}

impl Message {
    /// The value of the first field of this name, without regard to case; `""` when it is empty.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The same; `None` also for what Asterisk writes when it does not know.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !value.is_empty() && *value != "<unknown>")
    }
}

/// Names only: numbers and names of people do not belong into a log, nor does a challenge.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.raw("Event").or_else(|| self.raw("Response")).unwrap_or("?");
        write!(f, "{kind} ({} fields)", self.fields.len())
    }
}

/// What the stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The greeting; the version that it names.
    Greeting(String),
    /// A message.
    Message(Message),
}

/// The stream is not that of a manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAmi;

/// Cuts the stream. Holds one line and one message at most.
#[derive(Debug, Default)]
pub(super) struct Framer {
    greeted: bool,
    line: Vec<u8>,
    message: Message,
    lines: usize,
    /// The message that is being read is too long and will be skipped.
    skipping: bool,
    /// Messages skipped so far.
    pub(super) skipped: u64,
}

impl Framer {
    /// Takes what arrived; `each` gets the frames that are complete by that.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Frame)) -> Result<(), NotAmi> {
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() < MAX_LINE {
                    self.line.push(byte);
                } else if self.greeted {
                    self.skipping = true;
                } else {
                    return Err(NotAmi);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&self.line);
            let line = line.strip_suffix('\r').unwrap_or(&line);
            let frame = if self.greeted {
                // Borrowed apart, so that the line need not be copied.
                end_of_line(line, &mut self.message, &mut self.lines, &mut self.skipping, &mut self.skipped)
            } else {
                self.greeted = true;
                Some(Frame::Greeting(line.strip_prefix(GREETING).ok_or(NotAmi)?.to_owned()))
            };
            self.line.clear();
            frame.into_iter().for_each(&mut each);
        }
        Ok(())
    }
}

fn end_of_line(
    line: &str,
    message: &mut Message,
    lines: &mut usize,
    skipping: &mut bool,
    skipped: &mut u64,
) -> Option<Frame> {
    if !line.is_empty() {
        *lines += 1;
        *skipping |= *lines > MAX_LINES;
        if let (false, Some((name, value))) = (*skipping, line.split_once(':')) {
            message.fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        return None;
    }
    *lines = 0;
    let whole = std::mem::take(message);
    if std::mem::take(skipping) {
        *skipped += 1;
        return None;
    }
    (!whole.fields.is_empty()).then_some(Frame::Message(whole))
}
