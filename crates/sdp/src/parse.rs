//! Text to [`SessionDescription`]: strict about what shapes a session (`v=`, `o=`, `m=`), liberal about the rest.
use crate::session::{Line, Lines, Media, Origin, SessionDescription};
use std::str::FromStr;
use thiserror::Error;

/// The longest description read, in bytes: what the largest SIP message could carry.
pub const MAX_LENGTH: usize = 65_536;
/// The most lines read.
pub const MAX_LINES: usize = 2_048;
/// The most `m=` lines read.
pub const MAX_MEDIA: usize = 64;
/// The most formats read in one `m=` line: RTP has no more payload types.
pub const MAX_FORMATS: usize = 128;

/// Why a text is no session description, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("SDP line {line}: {kind}")]
pub struct ParseError {
    /// The line, counted from 1; one past the last where something is missing at the end.
    pub line: usize,
    /// What is wrong with it.
    pub kind: ParseErrorKind,
}

/// What can be wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Above [`MAX_LENGTH`], [`MAX_LINES`], [`MAX_MEDIA`] or [`MAX_FORMATS`].
    #[error("more than the limit of {0}")]
    TooLong(usize),
    /// Not a letter, `=` and a value without NUL and CR.
    #[error("not of the form letter=value")]
    NotALine,
    /// The first line is not `v=0`.
    #[error("does not begin with v=0")]
    Version,
    /// `o=` is missing, not second, repeated, or not six words with two numbers among them.
    #[error("no usable o= line")]
    Origin,
    /// `c=` is not three words.
    #[error("c= is not a network type, an address type and an address")]
    Connection,
    /// `m=` is not a medium, a port of 16 bits and a protocol.
    #[error("m= is not a medium, a port and a protocol")]
    Media,
}

/// Reads a body of type `application/sdp`.
///
/// Liberal where peers are: LF alone ends a line, empty lines are skipped, `s=`, `t=` and `c=` may be missing, lines may
/// stand in another order than RFC 8866 §5 has them, unknown letters are kept, and bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// A [`ParseError`] with the line's number.
pub fn parse(body: &[u8]) -> Result<SessionDescription, ParseError> {
    if body.len() > MAX_LENGTH {
        return Err(ParseError { line: 1, kind: ParseErrorKind::TooLong(MAX_LENGTH) });
    }
    let text = String::from_utf8_lossy(body);
    let mut reader = Reader::default();
    for (index, line) in text.split('\n').enumerate() {
        let fault = |kind| ParseError { line: index + 1, kind };
        if index >= MAX_LINES {
            return Err(fault(ParseErrorKind::TooLong(MAX_LINES)));
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !line.trim().is_empty() {
            reader.line(line).map_err(fault)?;
        }
    }
    let missing = |kind| ParseError { line: text.lines().count() + 1, kind };
    if !reader.version {
        return Err(missing(ParseErrorKind::Version));
    }
    let origin = reader.origin.ok_or_else(|| missing(ParseErrorKind::Origin))?;
    Ok(SessionDescription { origin, lines: reader.lines, media: reader.media })
}

impl FromStr for SessionDescription {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text.as_bytes())
    }
}

#[derive(Default)]
struct Reader {
    version: bool,
    origin: Option<Origin>,
    lines: Lines,
    media: Vec<Media>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), ParseErrorKind> {
        let (letter, value) = split(line).ok_or(ParseErrorKind::NotALine)?;
        if !self.version {
            let zero = letter == 'v' && value.trim() == "0";
            self.version = zero;
            return if zero { Ok(()) } else { Err(ParseErrorKind::Version) };
        }
        match letter {
            'v' => Err(ParseErrorKind::Version),
            'o' => {
                if self.origin.is_some() {
                    return Err(ParseErrorKind::Origin);
                }
                self.origin = Some(origin(value).ok_or(ParseErrorKind::Origin)?);
                Ok(())
            }
            'm' => {
                if self.media.len() == MAX_MEDIA {
                    return Err(ParseErrorKind::TooLong(MAX_MEDIA));
                }
                self.media.push(media(value)?);
                Ok(())
            }
            _ => {
                if letter == 'c' && value.split_ascii_whitespace().count() < 3 {
                    return Err(ParseErrorKind::Connection);
                }
                let lines = self.media.last_mut().map_or(&mut self.lines, |media| &mut media.lines);
                lines.0.push(Line { letter, value: value.to_owned() });
                Ok(())
            }
        }
    }
}

fn split(line: &str) -> Option<(char, &str)> {
    let (letter, value) = line.split_once('=')?;
    let mut letters = letter.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() && !value.contains(['\0', '\r']) => Some((letter, value)),
        _ => None,
    }
}

fn origin(value: &str) -> Option<Origin> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    // Some peers have a user name with spaces in it: the last five words are the rest.
    let split = words.len().checked_sub(5).filter(|&names| names >= 1)?;
    let (names, rest) = words.split_at(split);
    let number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.to_owned());
    Some(Origin {
        username: names.join(" "),
        session_id: number(rest[0])?,
        version: number(rest[1])?,
        address: rest[2..].join(" "),
    })
}

fn media(value: &str) -> Result<Media, ParseErrorKind> {
    let mut words = value.split_ascii_whitespace();
    let (Some(kind), Some(ports), Some(proto)) = (words.next(), words.next(), words.next()) else {
        return Err(ParseErrorKind::Media);
    };
    let (port, port_count) = match ports.split_once('/') {
        Some((port, count)) => (port, Some(count.parse().map_err(|_| ParseErrorKind::Media)?)),
        None => (ports, None),
    };
    let port = port.parse().map_err(|_| ParseErrorKind::Media)?;
    let formats: Vec<String> = words.map(str::to_owned).collect();
    if formats.len() > MAX_FORMATS {
        return Err(ParseErrorKind::TooLong(MAX_FORMATS));
    }
    Ok(Media { kind: kind.into(), port, port_count, proto: proto.into(), formats, lines: Lines::default() })
}

#[cfg(test)]
mod tests;
