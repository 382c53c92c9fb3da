//! Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760).
//!
//! A client keeps one [`Authenticator`] for its account. It is shown each 401 and 407, and then puts Authorization and
//! Proxy-Authorization into requests, those of the same dialog or registration included, for as long as the nonce lives:
//!
//! ```text
//!  request ──► 401, nonce ──► challenged() ─ Ok ──► authorize(new request) ──► 200
//!                                  └ Err: the password is wrong; stop
//! ```
//!
//! A server keeps a [`Verifier`], which mints nonces and checks what comes back.

mod client;
mod hash;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Authenticator, MAX_CHALLENGES, MAX_REALMS, Refusal};
pub use hash::{Algorithm, Qop, Response};
pub use server::{Denied, MAX_NONCES, Verifier};

/// Who one is, and the proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As the server knows it; often the user of the address of record.
    pub username: String,
    /// In clear.
    pub password: String,
}

impl Credentials {
    /// Of both.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Credentials { username: username.into(), password: password.into() }
    }
}

/// Tells nothing.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}
