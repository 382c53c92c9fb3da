//! What a PBX is set up with: users, numbers, bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use sip_core::digest::Algorithm;
use sip_core::header::Name;

/// The setup of a [`Pbx`](super::Pbx) or a [`Server`](super::Server).
///
/// [`Config::default`] has the users 1001 to 1009, with the passwords `secret1001` to `secret1009`, and the numbers of
/// [`Service`]. The methods add to it:
///
/// ```
/// use lab::pbx::{Config, Service};
/// let config = Config::default().user("alice", "correct horse").number("666", Service::Refuse(503));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The one source of every random value.
    pub seed: [u8; 32],
    /// The realm of the challenges.
    pub realm: String,
    /// Who may register and call, by user name.
    pub users: BTreeMap<String, User>,
    /// What the numbers do that are nobody's.
    pub numbers: BTreeMap<String, Service>,
    /// Encodings that the services speak, by the name in SDP, without case. Empty: echo reflects any encoding, and the
    /// services that make sound speak Opus, PCMU and PCMA.
    pub encodings: Vec<String>,
    /// How long a binding lives whose REGISTER names no time.
    pub default_expires: Duration,
    /// A REGISTER for less than this, but more than zero, is answered 423 (RFC 3261 §10.3).
    pub min_expires: Duration,
    /// A REGISTER for more than this gets this.
    pub max_expires: Duration,
    /// Bindings of one user.
    pub max_contacts: usize,
    /// Calls at one time; more are answered 503. Also the number of RTP ports of a [`Server`](super::Server).
    pub max_calls: usize,
    /// How long a call may ring before it is answered 480.
    pub max_ringing: Duration,
    /// How long a call may last.
    pub max_talking: Duration,
    /// The number that parks whoever is referred to it: 700.
    pub park_pilot: String,
    /// The slots that calls are parked in: 701 to 720.
    pub park_slots: RangeInclusive<u32>,
    /// How long a call stays parked before it rings back at who parked it: 300 s.
    pub park_timeout: Duration,
    /// How long whoever parks is told that it is done after it is, as the slot would be spoken: 500 ms. Real exchanges take
    /// 2.6 s.
    pub park_announcement: Duration,
    /// The number that takes a call which rings at another phone; an extension may follow: `*8`.
    pub pickup: String,
    /// Header fields that are not passed from one side to the other: what a program has to live with at many exchanges.
    pub strips: Vec<Name>,
    /// How long a nonce is good for; a request with an older one is challenged anew with `stale=true`.
    pub nonce_lifetime: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let numbers = [
            ("600", Service::Echo),
            ("601", Service::Music),
            ("602", Service::Announcement),
            ("604", Service::EarlyMedia),
            ("605", Service::Refuse(486)),
            ("606", Service::NoAnswer),
        ];
        let config = Self {
            seed: [0x1a; 32],
            realm: "lab".to_owned(),
            users: BTreeMap::new(),
            numbers: numbers.map(|(number, service)| (number.to_owned(), service)).into(),
            encodings: Vec::new(),
            default_expires: Duration::from_secs(3600),
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(7200),
            max_contacts: 10,
            max_calls: 32,
            max_ringing: Duration::from_secs(180),
            max_talking: Duration::from_secs(4 * 3600),
            park_pilot: "700".to_owned(),
            park_slots: 701..=720,
            park_timeout: Duration::from_secs(300),
            park_announcement: Duration::from_millis(500),
            pickup: "*8".to_owned(),
            strips: Vec::new(),
            nonce_lifetime: Duration::from_secs(300),
        };
        (1001..=1009).fold(config, |config, number| config.user(&number.to_string(), &format!("secret{number}")))
    }
}

impl Config {
    /// Without users and numbers.
    pub fn empty() -> Self {
        Self { users: BTreeMap::new(), numbers: BTreeMap::new(), ..Self::default() }
    }

    /// The same with another seed.
    #[must_use]
    pub fn seed(self, seed: [u8; 32]) -> Self {
        Self { seed, ..self }
    }

    /// The same with one more user, challenged with MD5 as most real PBXs do.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Self {
        self.user_with(name, User::new(password))
    }

    /// The same with one more user.
    #[must_use]
    pub fn user_with(mut self, name: &str, user: User) -> Self {
        self.users.insert(name.to_owned(), user);
        self
    }

    /// The same with one more number.
    #[must_use]
    pub fn number(mut self, number: &str, service: Service) -> Self {
        self.numbers.insert(number.to_owned(), service);
        self
    }

    /// The same with calls that ring back after this time in a slot.
    #[must_use]
    pub fn park_timeout(self, timeout: Duration) -> Self {
        Self { park_timeout: timeout, ..self }
    }

    /// The same, and these header fields are not passed on.
    #[must_use]
    pub fn strips(self, names: impl IntoIterator<Item = Name>) -> Self {
        Self { strips: names.into_iter().collect(), ..self }
    }

    /// The same with services that speak only these encodings, named as in SDP: `opus`, `PCMU`, `PCMA`, and for the
    /// echo any other too. A caller that offers none of them is answered 488.
    #[must_use]
    pub fn encodings<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { encodings: names.into_iter().map(str::to_owned).collect(), ..self }
    }
}

/// Somebody who may register and call.
#[derive(Clone)]
#[non_exhaustive]
pub struct User {
    /// The password; never logged.
    pub password: String,
    /// The name that others see; the user name by default.
    pub display_name: Option<String>,
    /// The digest algorithms of the challenge, first choice first (RFC 8760 §2.4): one challenge for each.
    pub algorithms: Vec<Algorithm>,
}

impl User {
    /// A user challenged with MD5.
    pub fn new(password: &str) -> Self {
        Self { password: password.to_owned(), display_name: None, algorithms: vec![Algorithm::Md5] }
    }

    /// The same with a name that others see.
    #[must_use]
    pub fn display_name(self, name: &str) -> Self {
        Self { display_name: Some(name.to_owned()), ..self }
    }

    /// The same with other algorithms, first choice first.
    #[must_use]
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        Self { algorithms: algorithms.into_iter().collect(), ..self }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("display_name", &self.display_name).finish_non_exhaustive()
    }
}

/// What a number does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Service {
    /// Answers and sends everything back, telephone events too. 600.
    Echo,
    /// Answers and plays a tune for ever. 601.
    Music,
    /// Answers, says a sentence of tones, and hangs up. 602.
    Announcement,
    /// Plays ringing tone as early media (183) and never answers. 604.
    EarlyMedia,
    /// Rings (180) and never answers. 606.
    NoAnswer,
    /// Refuses with this status, 300 to 699. 605 is busy: 486.
    Refuse(u16),
}
