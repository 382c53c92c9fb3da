//! The arithmetic of a digest response (RFC 7616 §3.4).

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// How to hash, weakest first: so the order of strength is the order of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// The one of RFC 2617, and what a challenge without `algorithm` means.
    Md5,
    /// MD5 with a session key.
    Md5Sess,
    /// RFC 7616
    Sha256,
    /// SHA-256 with a session key.
    Sha256Sess,
    /// RFC 7616
    Sha512_256,
    /// SHA-512-256 with a session key.
    Sha512_256Sess,
}

impl Algorithm {
    /// By its name, without case.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        const ALL: [Algorithm; 6] = [
            Algorithm::Md5,
            Algorithm::Md5Sess,
            Algorithm::Sha256,
            Algorithm::Sha256Sess,
            Algorithm::Sha512_256,
            Algorithm::Sha512_256Sess,
        ];
        ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// As it stands in a challenge.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    const fn has_session_key(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512_256Sess)
    }

    /// The hash of the parts with `:` between them, in lower-case hexadecimal.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => joined::<Md5>(parts),
            Algorithm::Sha256 | Algorithm::Sha256Sess => joined::<Sha256>(parts),
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => joined::<Sha512_256>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hasher = D::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from_digit(u32::from(digit), 16).expect("a nibble is a hexadecimal digit"));
        }
        hex
    })
}

/// What a response protects besides the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// Method and URI.
    Auth,
    /// The body too.
    AuthInt,
}

impl Qop {
    /// As it stands in a header.
    pub const fn name(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }

    /// By its name, without case.
    pub fn from_name(name: &str) -> Option<Qop> {
        [Qop::Auth, Qop::AuthInt].into_iter().find(|qop| qop.name().eq_ignore_ascii_case(name))
    }
}

/// All that goes into a `response`.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// How to hash.
    pub algorithm: Algorithm,
    /// The user.
    pub username: &'a str,
    /// The server's realm, escapes resolved.
    pub realm: &'a str,
    /// In clear.
    pub password: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The `uri` parameter.
    pub uri: &'a str,
    /// The body, for `auth-int`.
    pub body: &'a [u8],
    /// Quality, nonce count as eight hexadecimal digits, client's nonce. `None` for a server of RFC 2069.
    pub qop: Option<(Qop, &'a str, &'a str)>,
}

impl Response<'_> {
    /// In lower-case hexadecimal (RFC 7616 §3.4.1 to §3.4.3).
    pub fn compute(&self) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let cnonce = self.qop.map_or("", |(_, _, cnonce)| cnonce);
        let mut key = hash(&[self.username.as_bytes(), self.realm.as_bytes(), self.password.as_bytes()]);
        if self.algorithm.has_session_key() {
            key = hash(&[key.as_bytes(), self.nonce.as_bytes(), cnonce.as_bytes()]);
        }
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let what = match self.qop {
            Some((Qop::AuthInt, ..)) => hash(&[method, uri, hash(&[self.body]).as_bytes()]),
            Some((Qop::Auth, ..)) | None => hash(&[method, uri]),
        };
        let (key, nonce, what) = (key.as_bytes(), self.nonce.as_bytes(), what.as_bytes());
        match self.qop {
            Some((qop, nc, cnonce)) => {
                hash(&[key, nonce, nc.as_bytes(), cnonce.as_bytes(), qop.name().as_bytes(), what])
            }
            None => hash(&[key, nonce, what]),
        }
    }
}
