//! Where things are in a message: one pass over the head, one small slot a header line.
//!
//! Offsets count from the start of the message. A value's slot has no white space around it. Folded lines (§7.3.1) are
//! one value: the bytes keep the fold, and the text that views borrow from, which is the bytes themselves otherwise, is
//! then a copy of the same length with spaces in its place.

use super::{Fault, MAX_MESSAGE};
use crate::{
    header::name::Code, header::name::MAX_HEADER_NAME, header::name::Name, method::Method, scan::token_len,
    status::StatusCode,
};
use bytes::Bytes;
use bytestring::ByteString;
use memchr::memchr;

/// Header lines kept without a second allocation; softphone traffic has 10 to 20.
const INLINE: usize = 24;

/// One header line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Where the name begins.
    start: u32,
    /// Behind the last byte of the value.
    end: u32,
    /// From `start` to the first byte of the value.
    value: u16,
    name_len: u8,
    pub(crate) code: Code,
}

impl Slot {
    const EMPTY: Slot = Slot { start: 0, end: 0, value: 0, name_len: 0, code: Code::OTHER };

    pub(crate) fn name(&self) -> (usize, usize) {
        let start = self.start as usize;
        (start, start + usize::from(self.name_len))
    }

    #[inline]
    pub(crate) fn value(&self) -> (usize, usize) {
        (self.start as usize + usize::from(self.value), self.end as usize)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum StartLine {
    /// Ends of the method and of the Request-URI, each followed by one SP.
    Request { method: Method, method_end: u32, uri_end: u32 },
    /// Where the reason phrase begins and ends.
    Response { status: StatusCode, reason: u32, end: u32 },
}

#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) start: StartLine,
    pub(crate) content_length: Option<u32>,
    head_len: u32,
    len: u16,
    folded: bool,
    slots: [Slot; INLINE],
    more: Vec<Slot>,
    /// The head as text; shares the message's bytes but for folds (spaces) and bytes that are no UTF-8 (SUB).
    text: ByteString,
}

impl Index {
    /// Reads the head of a message, up to and with the empty line. Does not look at the body.
    #[inline]
    pub(crate) fn scan(wire: &[u8], max_headers: usize) -> Result<Index, Fault> {
        // Offsets are kept in 32 bits.
        if wire.len() > u32::MAX as usize {
            return Err(Fault::TooLarge);
        }
        let end = memchr(b'\n', wire).ok_or(Fault::Truncated)?;
        let line = wire[..end].strip_suffix(b"\r").ok_or(Fault::LineEnding)?;
        let mut index = Index::new(start_line(line)?);
        let mut at = end + 1;
        loop {
            match wire.get(at) {
                Some(b'\r') if wire.get(at + 1) == Some(&b'\n') => break,
                Some(_) => {}
                None => return Err(if at > MAX_MESSAGE { Fault::TooLarge } else { Fault::Truncated }),
            }
            if usize::from(index.len) >= max_headers {
                return Err(Fault::TooManyHeaders);
            }
            at = index.header_line(wire, at)?;
        }
        index.head_len = (at + 2) as u32;
        Ok(index)
    }

    #[inline]
    fn new(start: StartLine) -> Index {
        Index {
            start,
            content_length: None,
            head_len: 0,
            len: 0,
            folded: false,
            slots: [Slot::EMPTY; INLINE],
            more: Vec::new(),
            text: ByteString::new(),
        }
    }

    /// Indexes the header line at `at` and returns where the next one begins.
    #[inline]
    fn header_line(&mut self, wire: &[u8], at: usize) -> Result<usize, Fault> {
        let (code, name_len, colon) = header_name(&wire[at..])?;
        let mut next = at + colon + 1;
        let mut folds = false;
        let end = loop {
            let lf = next + memchr(b'\n', &wire[next..]).ok_or(Fault::Truncated)?;
            if wire[lf - 1] != b'\r' {
                return Err(Fault::LineEnding);
            }
            next = lf + 1;
            match wire.get(next) {
                Some(b' ' | b'\t') => folds = true,
                Some(_) => break lf - 1,
                None => return Err(Fault::Truncated),
            }
        };
        let blanks = trim(&wire[at + colon + 1..end]);
        let end = end - blanks.behind;
        let value = at + colon + 1 + blanks.before;
        if code == Code::CONTENT_LENGTH {
            if self.content_length.is_some() {
                return Err(Fault::DuplicateContentLength);
            }
            self.content_length = Some(content_length(&wire[value..end])?);
        }
        self.folded |= folds;
        self.push(Slot {
            start: at as u32,
            end: end as u32,
            value: u16::try_from(value - at).map_err(|_| Fault::HeaderLine)?,
            name_len: name_len as u8,
            code,
        });
        Ok(next)
    }

    #[inline]
    fn push(&mut self, slot: Slot) {
        match self.slots.get_mut(usize::from(self.len)) {
            Some(place) => *place = slot,
            None => self.more.push(slot),
        }
        self.len = self.len.saturating_add(1);
    }

    /// The header lines, in order.
    #[inline]
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots[..usize::from(self.len).min(INLINE)].iter().chain(&self.more)
    }

    /// The first line of a known name.
    #[inline]
    pub(crate) fn find(&self, code: Code) -> Option<&Slot> {
        let inline = &self.slots[..usize::from(self.len).min(INLINE)];
        inline.iter().find(|slot| slot.code == code).or_else(|| self.more.iter().find(|slot| slot.code == code))
    }

    /// Start line, header lines and the empty line, in bytes.
    #[inline]
    pub(crate) fn head_len(&self) -> usize {
        self.head_len as usize
    }

    /// The head, offsets as in the message.
    #[inline]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Makes the head text.
    pub(crate) fn read_text(&mut self, wire: &Bytes) {
        let head = wire.slice(..self.head_len());
        self.text = match ByteString::try_from(head.clone()) {
            Ok(text) if !self.folded => text,
            _ => plain_text(&head).into(),
        };
    }

    pub(crate) fn method_end(&self) -> usize {
        match self.start {
            StartLine::Request { method_end, .. } => method_end as usize,
            StartLine::Response { .. } => 0,
        }
    }

    pub(crate) fn uri_range(&self) -> (usize, usize) {
        match self.start {
            StartLine::Request { method_end, uri_end, .. } => (method_end as usize + 1, uri_end as usize),
            StartLine::Response { .. } => (0, 0),
        }
    }

    pub(crate) fn reason_range(&self) -> (usize, usize) {
        match self.start {
            StartLine::Response { reason, end, .. } => (reason as usize, end as usize),
            StartLine::Request { .. } => (0, 0),
        }
    }

    /// Reads what it can of a faulty request, for an answer. `None` when it is none or when too little is left.
    pub(crate) fn salvage(bytes: &Bytes) -> Option<Index> {
        let wire = &bytes[..bytes.len().min(MAX_MESSAGE)];
        let line = &wire[..memchr(b'\n', wire)?];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let method_end = token_len(line);
        let method = std::str::from_utf8(&line[..method_end]).ok().and_then(Method::from_token)?;
        // An ACK is never answered (§17.1.1.3). A response is no request, whatever stands behind `SIP/`.
        let asks = method != Method::Ack
            && line.get(method_end) == Some(&b' ')
            && memchr::memmem::find(line, b" SIP/").is_some();
        if !asks {
            return None;
        }
        let uri_end = memchr::memmem::rfind(line, b" SIP/")?.max(method_end + 1);
        let start = StartLine::Request { method, method_end: method_end as u32, uri_end: uri_end as u32 };
        let mut index = Index::new(start);
        let mut at = line.len() + 1 + usize::from(wire[line.len()] == b'\r');
        while at < wire.len() && usize::from(index.len) < super::MAX_HEADERS {
            if wire[at..].starts_with(b"\r\n") {
                break;
            }
            index.content_length = None;
            at = match index.header_line(wire, at) {
                Ok(next) => next,
                Err(_) => at + memchr(b'\n', &wire[at..]).map_or(wire.len() - at, |n| n + 1),
            };
        }
        index.content_length = Some(0);
        index.head_len = at.min(wire.len()) as u32;
        index.read_text(bytes);
        let has = |name: Name| index.slots().any(|slot| slot.code == name.code());
        [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq].into_iter().all(has).then_some(index)
    }
}

/// The head with spaces for folds and SUB for bytes that are no UTF-8. SUB can stand in quoted strings alone, so a token or
/// Call-ID with broken bytes stays malformed.
#[cold]
fn plain_text(head: &[u8]) -> String {
    let mut text = head.to_vec();
    for at in memchr::memchr_iter(b'\n', head) {
        if at > 0 && head[at - 1] == b'\r' && matches!(head.get(at + 1), Some(b' ' | b'\t')) {
            text[at - 1] = b' ';
            text[at] = b' ';
        }
    }
    let mut from = 0;
    while let Err(e) = std::str::from_utf8(&text[from..]) {
        let broken = from + e.valid_up_to();
        let len = e.error_len().unwrap_or(text.len() - broken);
        text[broken..broken + len].fill(0x1a);
        from = broken + len;
    }
    String::from_utf8(text).unwrap_or_default()
}

/// The name at the start of a line: what it is called, its length, where its colon is.
#[inline]
fn header_name(line: &[u8]) -> Result<(Code, usize, usize), Fault> {
    let colon = find_colon(line);
    // A known name is a token, so nothing is left to check.
    if let Some(name) = line.get(..colon) {
        let code = Code::of(name);
        if code != Code::OTHER {
            return Ok((code, colon, colon));
        }
    }
    strange_name(line)
}

fn strange_name(line: &[u8]) -> Result<(Code, usize, usize), Fault> {
    let len = token_len(line);
    if len == 0 || len > MAX_HEADER_NAME {
        return Err(Fault::HeaderLine);
    }
    // §25.1: HCOLON = *( SP / HTAB ) ":" SWS
    let colon = len + line[len..].iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
    match line.get(colon) {
        Some(b':') => Ok((Code::of(&line[..len]), len, colon)),
        Some(_) => Err(Fault::HeaderLine),
        None => Err(Fault::Truncated),
    }
}

/// White space around a value, in bytes.
struct Blanks {
    before: usize,
    behind: usize,
}

#[inline]
fn trim(text: &[u8]) -> Blanks {
    match text {
        // `Name: value`, as nearly all write it.
        [b' ', first, .., last] if *first > b' ' && *last > b' ' => Blanks { before: 1, behind: 0 },
        _ => trim_any(text),
    }
}

fn trim_any(text: &[u8]) -> Blanks {
    let blank = |c: &&u8| matches!(c, b' ' | b'\t' | b'\r' | b'\n');
    let before = text.iter().take_while(blank).count();
    Blanks { before, behind: text[before..].iter().rev().take_while(blank).count() }
}

/// Where the first `:` is, eight bytes at a time; behind the end when there is none among the first 32.
#[inline]
fn find_colon(line: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut at = 0;
    while let Some(eight) = line.get(at..at + 8).filter(|_| at < 32) {
        let word = u64::from_le_bytes(eight.try_into().expect("a slice of eight")) ^ (ONES * b':' as u64);
        // The lowest byte that is zero gets its high bit set; those above it may be wrong.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if zeros != 0 {
            return at + zeros.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    line.iter().take(32).position(|c| *c == b':').unwrap_or(usize::MAX)
}

fn start_line(line: &[u8]) -> Result<StartLine, Fault> {
    if memchr::memchr2(b'\r', 0, line).is_some() {
        return Err(Fault::StartLine);
    }
    if let Some(rest) = strip_version(line, b' ') { status_line(rest, line.len()) } else { request_line(line) }
}

/// What follows `SIP/2.0` and `then`; the name has no case (§7.1).
fn strip_version(line: &[u8], then: u8) -> Option<&[u8]> {
    let (version, rest) = line.split_at_checked(7)?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return None;
    }
    rest.split_first().filter(|(c, _)| **c == then).map(|(_, rest)| rest)
}

fn status_line(rest: &[u8], end: usize) -> Result<StartLine, Fault> {
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    // The SP behind the code is due even before an empty reason; some leave it out.
    if digits == 0 || !matches!(rest.get(digits), None | Some(b' ')) {
        return Err(Fault::StartLine);
    }
    if digits != 3 {
        return Err(Fault::Status);
    }
    let code = rest[..3].iter().fold(0u16, |n, d| n * 10 + u16::from(d - b'0'));
    let status = StatusCode::new(code).ok_or(Fault::Status)?;
    Ok(StartLine::Response { status, reason: (end - rest.len() + 4).min(end) as u32, end: end as u32 })
}

fn request_line(line: &[u8]) -> Result<StartLine, Fault> {
    let method_end = token_len(line);
    if method_end == 0 || line.get(method_end) != Some(&b' ') {
        return Err(Fault::StartLine);
    }
    let uri = &line[method_end + 1..];
    let uri_len = memchr(b' ', uri).ok_or(Fault::StartLine)?;
    let version = &uri[uri_len + 1..];
    if uri_len == 0 || !uri[..uri_len].iter().all(u8::is_ascii_graphic) {
        return Err(Fault::StartLine);
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let strange = version.len() > 4 && version[..4].eq_ignore_ascii_case(b"SIP/") && !version.contains(&b' ');
        return Err(if strange { Fault::Version } else { Fault::StartLine });
    }
    let uri_end = (method_end + 1 + uri_len) as u32;
    let method = std::str::from_utf8(&line[..method_end]).ok().and_then(Method::from_token).ok_or(Fault::StartLine)?;
    Ok(StartLine::Request { method, method_end: method_end as u32, uri_end })
}

/// 1*DIGIT; a number that does not fit is larger than any message.
fn content_length(value: &[u8]) -> Result<u32, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::ContentLength);
    }
    Ok(value.iter().fold(0u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0'))))
}
