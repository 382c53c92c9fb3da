//! Percent-escapes (RFC 3261 §19.1.2, RFC 2396 §2.4).

use super::UriError;
use std::borrow::Cow;

/// Resolves `%HH`. Escaped bytes that are no UTF-8 come out as U+FFFD. Borrows when there is nothing to do.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&c, rest)) = bytes.split_first() {
        bytes = rest;
        match (c, hex_pair(rest)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                bytes = &rest[2..];
            }
            _ => out.push(c),
        }
    }
    match String::from_utf8(out) {
        Ok(text) => Cow::Owned(text),
        Err(e) => Cow::Owned(String::from_utf8_lossy(e.as_bytes()).into_owned()),
    }
}

/// Escapes every byte that `keep` does not accept.
pub(crate) fn encode(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.bytes() {
        if keep(c) && c.is_ascii() && c != b'%' { out.push(char::from(c)) } else { push_escape(&mut out, c) }
    }
    out
}

/// Escapes all but `unreserved` of a header value inside a URI, as `Replaces` in a Refer-To needs (RFC 3891 §4).
pub fn encode_component(text: &str) -> String {
    encode(text, crate::scan::is_unreserved)
}

/// Checks that each `%` is followed by two hexadecimal digits, and that `keep` accepts the rest.
pub(crate) fn check(text: &str, keep: impl Fn(u8) -> bool) -> Result<(), UriError> {
    let mut bytes = text.as_bytes();
    while let Some((&c, rest)) = bytes.split_first() {
        bytes = rest;
        if c == b'%' {
            hex_pair(rest).ok_or(UriError::Escape)?;
            bytes = &rest[2..];
        } else if !keep(c) {
            return Err(UriError::Character);
        }
    }
    Ok(())
}

/// One spelling for all that §19.1.4 calls equal: "characters other than those in the reserved set are equivalent to
/// their `%HH` encoding". Escapes of reserved characters stay, in upper case.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&c, rest)) = bytes.split_first() {
        bytes = rest;
        match (c, hex_pair(rest)) {
            (b'%', Some(byte)) => {
                bytes = &rest[2..];
                let reserved =
                    matches!(byte, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' | b'%');
                if byte.is_ascii_graphic() && !reserved {
                    out.push(char::from(byte))
                } else {
                    push_escape(&mut out, byte)
                }
            }
            _ => out.push(char::from(c)),
        }
    }
    Cow::Owned(out)
}

fn push_escape(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |i: usize| bytes.get(i).and_then(|c| char::from(*c).to_digit(16));
    Some((digit(0)? * 16 + digit(1)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_undoes_encode() {
        let text = "a b@c;é%\0";
        assert_eq!(encode_component(text), "a%20b%40c%3B%C3%A9%25%00");
        assert_eq!(decode(&encode_component(text)), text);
        assert_eq!(decode("50%"), "50%");
        assert_eq!(decode("%ff%4g"), "\u{fffd}%4g");
    }

    #[test]
    fn checks() {
        assert_eq!(check("a%2", |_| true), Err(UriError::Escape));
        assert_eq!(check("a%2x", |_| true), Err(UriError::Escape));
        assert_eq!(check("a%2Fb", |c| c != b'b'), Err(UriError::Character));
        assert_eq!(check("a%2F", |c| c == b'a'), Ok(()));
    }
}
