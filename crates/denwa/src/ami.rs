//! Asterisk's manager interface, for the one thing that SIP does not tell: in which slot a call was parked.
//!
//! After a REFER to the parking extension Asterisk speaks the slot, and sends it as the event `ParkedCall` to those who are
//! signed in at its manager. This client signs in, listens for the events of parking and comes back after each loss.
//!
//! ```no_run
//! # async fn job() -> Result<(), denwa::ami::AmiError> {
//! use denwa::ami::{Ami, AmiEvent, ParkingEvent};
//! let mut events = Ami::new("127.0.0.1", 5038, "desk", "secret").start()?;
//! while let Some(event) = events.next().await {
//!     if let AmiEvent::Parking(ParkingEvent::Parked(call)) = event {
//!         println!("{} waits in {}", call.parkee.name, call.slot);
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! # Safety
//! The manager sees all calls of the server. The secret is never sent, only the MD5 of it and a challenge; it appears
//! in no log and in no `Debug`. As all else is readable on the way, and MD5 is weak, a connection without TLS is made to a loopback
//! address only. In `manager.conf` the user needs no more than `read = call` and `write =`; to hear after a reconnection
//! what was parked meanwhile, `write = call`.
//!
//! # Which call was parked
//! Nothing of the SIP dialog is in the event: see [`Certainty`] for how sure [`ParkedCall::which`] can be.

mod frame;
mod parked;
mod protocol;
mod shell;
#[cfg(test)]
mod tests;

pub use parked::{Certainty, Channel, OurCall, ParkedCall, ParkingEvent};

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many events may wait to be read. Beyond that the server is not read from either; if it then closes the connection, the
/// list after the next sign-in tells what is parked.
pub const MAX_EVENTS: usize = 64;

/// The first pause before a new try, and the longest: it doubles with every failure.
pub const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Where the manager is and who signs in there.
#[derive(Clone, Debug)]
pub struct Ami {
    host: String,
    port: u16,
    user: String,
    secret: Secret,
    tls: Option<Tls>,
}

/// Never shown.
#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Clone, Debug)]
struct Tls {
    roots: Option<Vec<u8>>,
}

/// Why a client cannot be started. Names neither host, user nor secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AmiError {
    /// Without TLS only this machine may be spoken to.
    #[error("the manager is on another machine: use TLS")]
    Plaintext,
    /// The host or the user cannot be one.
    #[error("{what} of the manager is not valid")]
    Invalid {
        /// Which.
        what: &'static str,
    },
    /// The certificates cannot be read, or there are none.
    #[error("the certificates cannot be used: {detail}")]
    Certificates {
        /// What is wrong.
        detail: String,
    },
    /// It was not called from within a tokio runtime with network and time.
    #[error("start the manager's client from within a tokio runtime")]
    NoRuntime,
}

/// What the client tells, in order.
#[derive(Debug)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "at most MAX_EVENTS of them are kept")]
pub enum AmiEvent {
    /// Signed in. What is parked already follows, marked as [listed](ParkedCall::listed), where the user may ask.
    SignedIn {
        /// Of the protocol: `11.0.0`.
        version: String,
    },
    /// Something was parked, or is so no more.
    Parking(ParkingEvent),
    /// The connection is not there. What happens until the next [`SignedIn`](AmiEvent::SignedIn) is not told.
    Lost {
        /// Why.
        why: AmiLoss,
        /// When it is tried again. `None`: not at all, and no more events come.
        retry_in: Option<Duration>,
    },
}

/// Why the connection is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AmiLoss {
    /// User or secret are wrong, or our address is not permitted. Not tried again: the server may lock us out.
    #[error("the manager refused the sign-in; check user, secret and permit")]
    Refused,
    /// What is there is not Asterisk's manager.
    #[error("what answers there is not Asterisk's manager; check the port")]
    NotAmi,
    /// It did not answer in time.
    #[error("the manager does not answer")]
    Silent,
    /// The name leads to another machine, and there is no TLS.
    #[error("the manager is on another machine: use TLS")]
    Plaintext,
    /// The network, or TLS: a certificate that is not trusted, for one.
    #[error("the manager cannot be reached: {0}")]
    Network(io::Error),
}

impl Ami {
    /// A manager at this host (a name or an IP address) and port (5038, or 5039 with TLS, unless configured otherwise), without
    /// TLS.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { host: host.into(), port, user: user.into(), secret: Secret(secret.into()), tls: None }
    }

    /// Over TLS. The certificate must be for the host, from somebody whom the operating system trusts.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Some(Tls { roots: None });
        self
    }

    /// Over TLS, trusting these certificates (PEM) and no others: a company's own root, or the server's self-signed one, which
    /// must not be marked as an authority (`basicConstraints=CA:FALSE`).
    #[must_use]
    pub fn tls_trusting(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls = Some(Tls { roots: Some(pem.into()) });
        self
    }

    /// Starts to connect, in the background, and goes on until the [`AmiEvents`] are dropped.
    ///
    /// # Errors
    /// Without TLS, for a host that is not this machine; for a user or certificates that cannot be; outside of tokio.
    pub fn start(self) -> Result<AmiEvents, AmiError> {
        let printable = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !printable(&self.user) {
            return Err(AmiError::Invalid { what: "the user" });
        }
        if !printable(&self.host) {
            return Err(AmiError::Invalid { what: "the host" });
        }
        if self.tls.is_none() && !self.is_local() {
            return Err(AmiError::Plaintext);
        }
        let dialler = shell::Dialler::new(&self)?;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| AmiError::NoRuntime)?;
        let (sender, receiver) = mpsc::channel(MAX_EVENTS);
        runtime.spawn(shell::run(self, dialler, sender));
        Ok(AmiEvents { receiver })
    }

    /// By name; what the name leads to is looked at when it is known.
    fn is_local(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

/// The events. Dropped, the client signs off and ends.
#[derive(Debug)]
pub struct AmiEvents {
    receiver: mpsc::Receiver<AmiEvent>,
}

impl AmiEvents {
    /// The next; `None` after a [`Lost`](AmiEvent::Lost) that is not tried again. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<AmiEvent> {
        self.receiver.recv().await
    }
}
