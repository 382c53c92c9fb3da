//! The client's side of one connection, without I/O: greeting, sign-in, events, pings.
//!
//! ```text
//!  Greeting ─► Challenge ─► Login ─► Ready ⇄ Pinging
//! ```
//! Give it what arrives ([`handle_bytes`](Protocol::handle_bytes)) and the time ([`handle_timeout`](Protocol::handle_timeout)),
//! then drain [`poll_transmit`](Protocol::poll_transmit) and [`poll_event`](Protocol::poll_event), and come back at
//! [`poll_timeout`](Protocol::poll_timeout). After a [`Fault`] the connection is of no use.
use super::frame::{Frame, Framer, Message, NotAmi};
use super::{Ami, ParkingEvent};
use md5::{Digest, Md5};
use std::collections::VecDeque;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// How long the server may take for greeting and sign-in together, and for a ping.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// After so long without a word of the server it is pinged, so that a connection that died is noticed.
pub(super) const PING_AFTER: Duration = Duration::from_secs(30);

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not Asterisk's manager.
    NotAmi,
    /// User or secret are wrong, or the address is not permitted.
    Refused,
    /// No answer in time.
    Silent,
}

impl From<NotAmi> for Fault {
    fn from(_: NotAmi) -> Self {
        Self::NotAmi
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "they are few and short-lived")]
pub(super) enum Output {
    /// Signed in; the version of the protocol.
    SignedIn(String),
    /// Something was parked or is so no more.
    Parking(ParkingEvent),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Protocol {
    ami: Ami,
    framer: Framer,
    version: String,
    state: State,
    transmits: VecDeque<String>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Greeting { until: Instant },
    Challenge { until: Instant },
    Login { until: Instant },
    Ready { ping_at: Instant },
    Pinging { until: Instant },
}

impl Protocol {
    /// A connection that was opened now.
    pub(super) fn new(now: Instant, ami: Ami) -> Self {
        Self {
            ami,
            framer: Framer::default(),
            version: String::new(),
            state: State::Greeting { until: now + PATIENCE },
            transmits: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes what arrived.
    pub(super) fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Fault> {
        let (mut frames, skipped) = (Vec::new(), self.framer.skipped);
        let result = self.framer.feed(bytes, |frame| frames.push(frame));
        if self.framer.skipped > skipped {
            tracing::debug!(skipped = self.framer.skipped, "AMI: a message too long was skipped");
        }
        for frame in frames {
            match frame {
                Frame::Greeting(version) => self.handle_greeting(version),
                Frame::Message(message) if message.raw("Response").is_some() => self.handle_response(now, &message)?,
                Frame::Message(message) => self.handle_event(&message),
            }
        }
        if let State::Ready { .. } | State::Pinging { .. } = self.state {
            self.state = State::Ready { ping_at: now + PING_AFTER }; // whatever it says, it lives
        }
        Ok(result?)
    }

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), Fault> {
        match self.state {
            State::Ready { ping_at } if now >= ping_at => {
                self.send("Ping", &[]);
                self.state = State::Pinging { until: now + PATIENCE };
                Ok(())
            }
            State::Greeting { until }
            | State::Challenge { until }
            | State::Login { until }
            | State::Pinging { until }
                if now >= until =>
            {
                Err(Fault::Silent)
            }
            _ => Ok(()),
        }
    }

    /// What to send.
    pub(super) fn poll_transmit(&mut self) -> Option<String> {
        self.transmits.pop_front()
    }

    /// What came of it.
    pub(super) fn poll_event(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to come back.
    pub(super) fn poll_timeout(&self) -> Instant {
        match self.state {
            State::Ready { ping_at } => ping_at,
            State::Greeting { until }
            | State::Challenge { until }
            | State::Login { until }
            | State::Pinging { until } => until,
        }
    }

    fn handle_greeting(&mut self, version: String) {
        self.version = version;
        if let State::Greeting { until } = self.state {
            self.send("Challenge", &[("AuthType", "MD5")]);
            self.state = State::Challenge { until };
        }
    }

    fn handle_response(&mut self, now: Instant, message: &Message) -> Result<(), Fault> {
        let success = message.raw("Response").is_some_and(|word| word.eq_ignore_ascii_case("Success"));
        match self.state {
            State::Challenge { until } => {
                let challenge = message.value("Challenge").filter(|_| success).ok_or(Fault::Refused)?;
                let key = key(challenge, &self.ami.secret.0);
                let user = self.ami.user.clone();
                // Only events of the class `call`: those of parking are among them.
                self.send("Login", &[("AuthType", "MD5"), ("Username", &user), ("Key", &key), ("Events", "call")]);
                self.state = State::Login { until };
                Ok(())
            }
            State::Login { .. } if success => {
                self.outputs.push_back(Output::SignedIn(self.version.clone()));
                self.send("ParkedCalls", &[]); // what happened while nobody listened
                self.state = State::Ready { ping_at: now + PING_AFTER };
                Ok(())
            }
            State::Login { .. } => Err(Fault::Refused),
            // Of a ping or a list. One who may not ask for lists gets an error, and the events all the same.
            State::Greeting { .. } | State::Ready { .. } | State::Pinging { .. } => Ok(()),
        }
    }

    fn handle_event(&mut self, message: &Message) {
        if let State::Ready { .. } | State::Pinging { .. } = self.state {
            self.outputs.extend(ParkingEvent::read(message).map(Output::Parking));
        }
    }

    fn send(&mut self, action: &str, fields: &[(&str, &str)]) {
        let mut text = format!("Action: {action}\r\nActionID: denwa-{action}\r\n");
        for (name, value) in fields {
            // Writing to a String does not fail. No value has a line end: the user was looked at when it was given.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        self.transmits.push_back(text);
    }
}

/// The answer to a challenge: the secret itself is never sent.
fn key(challenge: &str, secret: &str) -> String {
    let digest = Md5::new().chain_update(challenge).chain_update(secret).finalize();
    digest.iter().fold(String::with_capacity(32), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}
