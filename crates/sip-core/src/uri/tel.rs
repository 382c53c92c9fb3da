//! tel URIs (RFC 3966).

use super::{UriError, escape, sip::parse_params};
use std::{borrow::Cow, fmt};

/// `tel:number;params`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TelUri {
    number: Box<str>,
    params: Vec<(Box<str>, Option<Box<str>>)>,
}

impl TelUri {
    /// `None` unless the number is digits, `*`, `#`, `A` to `F` and visual separators, with `+` in front if global.
    pub fn new(number: &str) -> Option<TelUri> {
        is_number(number).then(|| TelUri { number: number.into(), params: Vec::new() })
    }

    /// As spelled, separators included.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Without the visual separators `-`, `.`, `(` and `)`.
    pub fn dialled(&self) -> String {
        self.number.chars().filter(|c| !is_separator(*c)).collect()
    }

    /// Begins with `+`: the same everywhere.
    pub fn is_global(&self) -> bool {
        self.number.starts_with('+')
    }

    /// The value of a parameter, escapes resolved; `""` for a flag.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.params().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| escape::decode(value.unwrap_or("")))
    }

    /// All parameters as spelled, in order.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.params.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// RFC 3966 §4: both global or both local, the numbers equal without separators, the same parameters in any order.
    pub fn equivalent(&self, other: &TelUri) -> bool {
        let sorted = |uri: &TelUri| {
            let fold = |text: &str| escape::canonical(text).to_ascii_lowercase();
            let mut all: Vec<_> = uri.params().map(|(name, value)| (fold(name), value.map(fold))).collect();
            all.sort();
            all
        };
        self.dialled().eq_ignore_ascii_case(&other.dialled()) && sorted(self) == sorted(other)
    }

    pub(super) fn parse(rest: &str) -> Result<TelUri, UriError> {
        let (number, params) = rest.split_once(';').map_or((rest, None), |(number, params)| (number, Some(params)));
        // §5.1.5: a local number must have a phone-context. Peers leave it out; what they mean is their own plan.
        if !is_number(number) {
            return Err(UriError::Number);
        }
        Ok(TelUri { number: number.into(), params: params.map(parse_params).transpose()?.unwrap_or_default() })
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '(' | ')')
}

fn is_number(text: &str) -> bool {
    let local = text.strip_prefix('+');
    let digits = local.unwrap_or(text);
    let digit = |c: char| c.is_ascii_digit() || (local.is_none() && (c.is_ascii_hexdigit() || matches!(c, '*' | '#')));
    digits.chars().any(digit) && digits.chars().all(|c| digit(c) || is_separator(c))
}

impl fmt::Display for TelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tel:{}", self.number)?;
        for (name, value) in self.params() {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}
