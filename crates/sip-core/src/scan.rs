//! RFC 3261 §25.1 character classes, and the few moves that every value parser makes.
//!
//! Values reach these functions unfolded (§7.3.1): white space is SP or HT, nothing else.

use std::borrow::Cow;

const TOKEN: u8 = 1;
const WORD: u8 = 2;
const UNRESERVED: u8 = 4;
const PARAM_VALUE: u8 = 8;
const DISPLAY: u8 = 16;
const URI: u8 = 32;
const BARE: u8 = 64;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let c = i as u8;
        let mark = matches!(c, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')');
        let token = c.is_ascii_alphanumeric()
            || matches!(c, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        let word = token
            || matches!(
                c,
                b'(' | b')' | b'<' | b'>' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'{' | b'}' | b'@'
            );
        // gen-value is token / host / quoted-string; peers also send bare IPv6 addresses, URIs and base64.
        let value = c > 0x20 && c != 0x7f && !matches!(c, b';' | b',' | b'"' | b'<' | b'>');
        if !matches!(c, b'<' | b'>' | b'"' | b',' | b';') {
            table[i] |= DISPLAY;
        }
        if c > 0x20 && c != 0x7f && !matches!(c, b'<' | b'>' | b'"') {
            table[i] |= URI;
            if !matches!(c, b',' | b';' | b'?') {
                table[i] |= BARE;
            }
        }
        if token {
            table[i] |= TOKEN;
        }
        if word {
            table[i] |= WORD;
        }
        if c.is_ascii_alphanumeric() || mark {
            table[i] |= UNRESERVED;
        }
        if value {
            table[i] |= PARAM_VALUE;
        }
        i += 1;
    }
    table
}

#[inline]
pub(crate) fn is_token_char(c: u8) -> bool {
    CLASS[c as usize] & TOKEN != 0
}

/// A character of `word`, of which a Call-ID is made.
#[inline]
pub(crate) fn is_word_char(c: u8) -> bool {
    CLASS[c as usize] & WORD != 0
}

#[inline]
pub(crate) fn is_unreserved(c: u8) -> bool {
    CLASS[c as usize] & UNRESERVED != 0
}

/// What a display name without quotes may hold, or a bare address: all but what parts values. RFC 3261 §25.1 allows tokens
/// alone; peers send more.
#[inline]
pub(crate) fn is_display_char(c: u8) -> bool {
    CLASS[c as usize] & DISPLAY != 0
}

/// Whether it is one or more characters of `word`, and `@` (which is one): a Call-ID.
#[inline]
pub(crate) fn is_call_id(text: &str) -> bool {
    !text.is_empty() && all(text.as_bytes(), WORD)
}

/// Whether an address can stand without `<` and `>` (RFC 3261 §20): no `,`, `;`, `?`.
#[inline]
pub(crate) fn is_bare_address(text: &str) -> bool {
    all(text.as_bytes(), BARE)
}

/// A visible character that may stand between `<` and `>`.
#[inline]
pub(crate) fn is_uri_char(c: u8) -> bool {
    CLASS[c as usize] & URI != 0
}

#[inline]
pub(crate) fn is_space(c: u8) -> bool {
    c == b' ' || c == b'\t'
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && all(text.as_bytes(), TOKEN)
}

/// How many token characters `bytes` begins with.
#[inline]
pub(crate) fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|c| !is_token_char(*c)).unwrap_or(bytes.len())
}

#[inline]
pub(crate) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) if is_space(*first) || is_space(*last) => text.trim_matches([' ', '\t']),
        _ => text,
    }
}

/// Whether all bytes are of a class. Looks at each, without a branch.
#[inline]
fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |common, c| common & CLASS[usize::from(*c)]) != 0
}

/// A decimal number and nothing else. `None` also when it does not fit.
pub(crate) fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let digits = text.bytes().try_fold(0u64, |n, c| {
        let digit = c.wrapping_sub(b'0');
        if digit > 9 { None } else { n.checked_mul(10)?.checked_add(u64::from(digit)) }
    });
    T::try_from(digits?).ok()
}

/// A place in a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(text: &'a str) -> Self {
        Cursor { text, at: 0 }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(crate) fn eat(&mut self, c: u8) -> bool {
        let hit = self.peek() == Some(c);
        self.at += usize::from(hit);
        hit
    }

    /// Skips white space and says whether there was any.
    #[inline]
    pub(crate) fn skip_space(&mut self) -> bool {
        let from = self.at;
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        self.at != from
    }

    /// `SEP = SWS c SWS`, as in `SLASH`, `EQUAL`, `SEMI`.
    #[inline]
    pub(crate) fn eat_spaced(&mut self, c: u8) -> bool {
        let from = self.at;
        self.skip_space();
        if self.eat(c) {
            self.skip_space();
            return true;
        }
        self.at = from;
        false
    }

    #[inline]
    pub(crate) fn token(&mut self) -> Option<&'a str> {
        let n = token_len(&self.text.as_bytes()[self.at..]);
        (n > 0).then(|| self.take(n))
    }

    /// The longest run of bytes that `keep` accepts; may be empty. `keep` must accept all or none of the bytes above 0x7f.
    #[inline]
    pub(crate) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let n = rest.iter().position(|c| !keep(*c)).unwrap_or(rest.len());
        self.take(n)
    }

    #[inline]
    fn take(&mut self, n: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + n];
        self.at += n;
        taken
    }

    /// At an opening `"`: what stands between the quotes, escapes left as they are. `None` when it is never closed.
    pub(crate) fn quoted(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        debug_assert_eq!(self.peek(), Some(b'"'));
        let from = self.at + 1;
        let mut at = from;
        loop {
            match bytes.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        // A `\` before a multi-byte character may step into it, but the closing `"` is ASCII, so the ends are boundaries.
        self.text.get(from..at)
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    #[inline]
    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }
}

/// Resolves the `\` escapes of a quoted string's inside. Borrows when there are none.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    Cow::Owned(out)
}

/// Writes `text` as a quoted string: the reverse of [`unescape`], quotes included.
pub(crate) fn quote(text: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    use std::fmt::Write;
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

/// Cuts a value at its top-level commas (§7.3.1): not those in quoted strings or between `<` and `>`.
///
/// An empty value has one empty element, so that a parser which needs something there can complain.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a>(Option<&'a str>);

impl<'a> Elements<'a> {
    #[inline]
    pub(crate) fn new(value: &'a str) -> Self {
        Elements(Some(value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let value = self.0?;
        let bytes = value.as_bytes();
        if memchr::memchr(b',', bytes).is_none() {
            self.0 = None;
            return Some(trim(value));
        }
        let mut at = 0;
        let (mut quoted, mut angled) = (false, false);
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if quoted => at += 1,
                b'"' if !angled => quoted = !quoted,
                b'<' if !quoted => angled = true,
                b'>' if !quoted => angled = false,
                b',' if !quoted && !angled => {
                    self.0 = Some(&value[at + 1..]);
                    return Some(trim(&value[..at]));
                }
                _ => {}
            }
            at += 1;
        }
        self.0 = None;
        Some(trim(value))
    }
}

/// The `;name=value` parameters behind a value, checked for shape once.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    text: &'a str,
    /// Whether a value stands in quotes, which may hide a `;`.
    quotes: bool,
}

impl std::fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

impl PartialEq for Params<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Params<'_> {}

/// One parameter as it stands: for a quoted value the text between the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// As sent; parameter names are compared without case.
    pub name: &'a str,
    /// `None` for a flag such as `lr`.
    pub value: Option<&'a str>,
    /// Whether the value stood in quotes, so that `\` in it is an escape.
    pub quoted: bool,
}

impl<'a> Params<'a> {
    /// Nothing behind the value.
    pub const NONE: Params<'static> = Params { text: "", quotes: false };

    /// `text` is empty or begins with `;` (white space allowed before it).
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        let mut quotes = false;
        while let Some(param) = next_param(&mut cursor)? {
            quotes |= param.quoted;
        }
        Some(Params { text, quotes })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.text);
        std::iter::from_fn(move || next_param(&mut cursor).flatten())
    }

    /// The value of the first parameter of this name (no case), without its quotes; `""` for a flag.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        if !self.quotes {
            return self.get_plain(name);
        }
        self.iter().find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| p.value.unwrap_or(""))
    }

    /// Without quotes `;` is nothing but the end of a parameter, and the shape has been checked.
    fn get_plain(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.text;
        while let Some(from) = memchr::memchr(b';', rest.as_bytes()) {
            rest = &rest[from + 1..];
            let text = rest.trim_start_matches([' ', '\t']);
            let Some(tail) = strip_name(text, name) else { continue };
            let end = memchr::memchr(b';', tail.as_bytes()).unwrap_or(tail.len());
            let tail = trim(&tail[..end]);
            if tail.is_empty() {
                return Some("");
            }
            if let Some(value) = tail.strip_prefix('=') {
                return Some(trim(value));
            }
        }
        None
    }

    /// As [`get`](Self::get), with the escapes of a quoted value resolved.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let param = self.iter().find(|p| p.name.eq_ignore_ascii_case(name))?;
        let value = param.value.unwrap_or("");
        Some(if param.quoted { unescape(value) } else { Cow::Borrowed(value) })
    }

    /// Whether a parameter of this name is there, with or without value.
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text as it stands, `;` first.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

fn strip_name<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then_some(tail)
}

/// `None`: not a parameter. `Some(None)`: the end.
#[inline]
fn next_param<'a>(cursor: &mut Cursor<'a>) -> Option<Option<Param<'a>>> {
    cursor.skip_space();
    if cursor.at_end() {
        return Some(None);
    }
    if !cursor.eat(b';') {
        return None;
    }
    cursor.skip_space();
    let name = cursor.token()?;
    if !cursor.eat_spaced(b'=') {
        return Some(Some(Param { name, value: None, quoted: false }));
    }
    if cursor.peek() == Some(b'"') {
        return Some(Some(Param { name, value: Some(cursor.quoted()?), quoted: true }));
    }
    let value = cursor.take_while(|c| CLASS[c as usize] & PARAM_VALUE != 0);
    (!value.is_empty()).then_some(Some(Param { name, value: Some(value), quoted: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_cut_at_top_level_commas_only() {
        let cut: Vec<_> = Elements::new(r#""a, \"b" <sip:c,d@e>;x="," , <sip:f>,g"#).collect();
        assert_eq!(cut, [r#""a, \"b" <sip:c,d@e>;x=",""#, "<sip:f>", "g"]);
        assert_eq!(Elements::new("").collect::<Vec<_>>(), [""]);
        assert_eq!(Elements::new("a,").collect::<Vec<_>>(), ["a", ""]);
    }

    #[test]
    fn parameters() {
        let params = Params::parse(r#" ; lr;Tag = x1;t="a\"b;" ;received=2001:db8::1"#).unwrap();
        assert_eq!(params.get("LR"), Some(""));
        assert_eq!(params.get("tag"), Some("x1"));
        assert_eq!(params.text("t").unwrap(), "a\"b;");
        assert_eq!(params.get("received"), Some("2001:db8::1"));
        assert!(!params.has("l"));
        for bad in [";;", ";a=", ";a=\"x", "a", ";=b", ";a b"] {
            assert!(Params::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_escape_before_a_wide_character_is_no_trap() {
        let mut cursor = Cursor::new("\"\\é\"x");
        assert_eq!(cursor.quoted(), Some("\\é"));
        assert_eq!(cursor.rest(), "x");
        assert_eq!(unescape("\\é"), "é");
    }

    #[test]
    fn numbers_are_digits_only_and_fit() {
        assert_eq!(number::<u32>("4294967295"), Some(u32::MAX));
        assert_eq!(number::<u32>("4294967296"), None);
        assert_eq!(number::<u8>("+1"), None);
        assert_eq!(number::<u8>(""), None);
    }
}
