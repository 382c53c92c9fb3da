//! What a PBX is set up with: users, numbers, bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use sip_core::digest::Algorithm;
use sip_core::header::Name;

use super::keypad::Codes;
use super::park::Lot;

/// The setup of a [`Pbx`](super::Pbx) or a [`Server`](super::Server).
///
/// [`Config::default`] has the users 1001 to 1009 and 1101 to 1103, with the passwords `secret1001` and so on, the numbers
/// of [`Service`], two parking lots and a group. The methods add to it:
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
    /// Calls at one time; more are answered 503. A [`Server`](super::Server) has twice as many RTP ports.
    pub max_calls: usize,
    /// How long a call may ring before it is answered 480.
    pub max_ringing: Duration,
    /// How long a call may last.
    pub max_talking: Duration,
    /// How long a nonce is good for; a request with an older one is challenged anew with `stale=true`.
    pub nonce_lifetime: Duration,
    /// Numbers that ring several users at once.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Where calls are parked.
    pub lots: Vec<Lot>,
    /// Who has waited too long, and whom the parker does not take back, waits on instead of being hung up on.
    pub keep_parked: bool,
    /// How long the one who parked rings then.
    pub come_back_ringing: Duration,
    /// How long the target of a transfer rings, when the one who transferred is gone.
    pub transfer_ringing: Duration,
    /// How long the target of a `*` rings, before it is back to the first call.
    pub consult_ringing: Duration,
    /// How long after a REFER a phone may take to hang up.
    pub leaving: Duration,
    /// Header fields that do not get through to the phone that is called, nor back.
    pub strips: BTreeSet<Name>,
    /// Session descriptions between users pass through, so that sound flows directly. Such a call knows no feature codes
    /// and cannot be picked up; at the first REFER the PBX takes its sound back.
    pub direct_media: bool,
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
            ("607", Service::NoAnswer),
            ("613", Service::Redirect(1002)),
            ("616", Service::NewName),
            ("619", Service::Refer(600)),
            ("651", Service::Refuse(403)),
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
            nonce_lifetime: Duration::from_secs(300),
            groups: BTreeMap::new(),
            lots: vec![Lot::new("700", 701..=720), Lot::new("730", 731..=740).timeout(Duration::from_secs(8))],
            keep_parked: false,
            come_back_ringing: Duration::from_secs(30),
            transfer_ringing: Duration::from_secs(30),
            consult_ringing: Duration::from_secs(15),
            leaving: Duration::from_secs(60),
            strips: BTreeSet::new(),
            direct_media: false,
        };
        let user = |number: u32| User::new(&format!("secret{number}"));
        let config = (1001..=1009).fold(config, |config, number| config.user_with(&number.to_string(), user(number)));
        let guide = |number| user(number).codes(Codes::Guide);
        let config = (1101..=1103).fold(config, |config, number| config.user_with(&number.to_string(), guide(number)));
        ["1003", "1006"]
            .into_iter()
            .fold(config, |config, name| {
                config.user_with(name, User::new(&format!("secret{name}")).connected_line(ConnectedLine::Update))
            })
            .group("650", ["1002", "1003"])
    }
}

impl Config {
    /// Without users and numbers.
    pub fn empty() -> Self {
        let (users, numbers, groups) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { users, numbers, groups, lots: Vec::new(), ..Self::default() }
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

    /// The same with one more number that rings several users at once.
    #[must_use]
    pub fn group<'a>(mut self, number: &str, users: impl IntoIterator<Item = &'a str>) -> Self {
        self.groups.insert(number.to_owned(), users.into_iter().map(str::to_owned).collect());
        self
    }

    /// The same with one more parking lot, or another in place of the one of that pilot number.
    #[must_use]
    pub fn lot(mut self, lot: Lot) -> Self {
        self.lots.retain(|other| other.pilot != lot.pilot);
        self.lots.push(lot);
        self
    }

    /// The same, but calls wait that long in the slots of the first lot (700), until who parked them is called back.
    #[must_use]
    pub fn park_timeout(mut self, timeout: Duration) -> Self {
        if let Some(lot) = self.lots.first_mut() {
            lot.timeout = timeout;
        }
        self
    }

    /// The same, but these header fields do not get through it.
    #[must_use]
    pub fn strip(mut self, names: impl IntoIterator<Item = Name>) -> Self {
        self.strips.extend(names);
        self
    }

    /// The same with sound that flows directly between phones.
    #[must_use]
    pub fn direct_media(self) -> Self {
        Self { direct_media: true, ..self }
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
    /// What their keys mean to the PBX in calls with others.
    pub codes: Codes,
    /// How they are told whom they talk to, when that changes.
    pub connected_line: ConnectedLine,
}

/// How a phone is told whom it talks to, when that changes: by P-Asserted-Identity (RFC 3325) in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectedLine {
    /// By UPDATE without a session description when the phone has called and allows UPDATE, by re-INVITE otherwise.
    #[default]
    Auto,
    /// By UPDATE, if the phone allows it.
    Update,
    /// By re-INVITE; before the answer, where there can be none, by UPDATE.
    ReInvite,
    /// Not at all.
    Off,
}

impl User {
    /// A user challenged with MD5.
    pub fn new(password: &str) -> Self {
        Self {
            password: password.to_owned(),
            display_name: None,
            algorithms: vec![Algorithm::Md5],
            codes: Codes::default(),
            connected_line: ConnectedLine::default(),
        }
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

impl User {
    /// The same with other feature codes.
    #[must_use]
    pub fn codes(self, codes: Codes) -> Self {
        Self { codes, ..self }
    }

    /// The same, told in another way whom they talk to.
    #[must_use]
    pub fn connected_line(self, connected_line: ConnectedLine) -> Self {
        Self { connected_line, ..self }
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
    /// Says that it has moved to that number (302). 613 has moved to 1002.
    Redirect(u32),
    /// Answers, says after two seconds that it is "New Name" of number 4242, and hangs up three seconds later. 616.
    NewName,
    /// Answers, and after a second sends the phone to that number by REFER. 619 sends it to 600.
    Refer(u32),
}
