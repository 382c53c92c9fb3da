//! Who may do what they ask: digest challenges, a [`Verifier`] for each user, since each has algorithms of their own.

use std::collections::BTreeMap;
use std::time::Instant;

use rand_core::Rng;
use sip_core::digest::{Algorithm, Denied, Verifier};
use sip_core::endpoint::Headers;
use sip_core::header::{Authorization, Name};
use sip_core::message::Request;
use sip_core::status::StatusCode;

use super::config::{Config, User};

/// Asks for passwords.
#[derive(Debug)]
pub(super) struct Guard {
    doors: BTreeMap<String, Door>,
    /// Whoever names no user, or one that there is not, is challenged like everybody: nobody learns who exists.
    strangers: Verifier,
}

#[derive(Debug)]
struct Door {
    verifier: Verifier,
    password: String,
}

/// What to answer somebody who did not prove who they are.
#[derive(Debug)]
pub(super) struct Challenge {
    pub(super) status: StatusCode,
    pub(super) headers: Headers,
}

impl Guard {
    pub(super) fn new(config: &Config, rng: &mut impl Rng) -> Self {
        let mut verifier = |algorithms: &[Algorithm]| {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            Verifier::new(config.realm.clone(), algorithms, config.nonce_lifetime, seed)
        };
        let door = |(name, user): (&String, &User)| {
            (name.clone(), Door { verifier: verifier(&user.algorithms), password: user.password.clone() })
        };
        let doors = config.users.iter().map(door).collect();
        Self { doors, strangers: verifier(&[Algorithm::Md5]) }
    }

    /// The user who sent the request.
    pub(super) fn check(&mut self, now: Instant, request: &Request) -> Result<String, Challenge> {
        let Some(door) = claimed(request).and_then(|user| self.doors.get_mut(&user)) else {
            return Err(challenge(now, &mut self.strangers, false));
        };
        let password = |_: &str| Some(door.password.clone());
        match door.verifier.verify(now, request, &Name::Authorization, password) {
            Ok(user) => Ok(user),
            Err(Denied::Malformed) => Err(Challenge { status: StatusCode::BAD_REQUEST, headers: Vec::new() }),
            Err(Denied::Stale) => Err(challenge(now, &mut door.verifier, true)),
            Err(_) => Err(challenge(now, &mut door.verifier, false)),
        }
    }
}

fn challenge(now: Instant, verifier: &mut Verifier, stale: bool) -> Challenge {
    let values = verifier.challenge(now, stale);
    let headers = values.into_iter().map(|value| (Name::WwwAuthenticate, value)).collect();
    Challenge { status: StatusCode::UNAUTHORIZED, headers }
}

/// Who the sender says to be: in the credentials, or before there are any in From.
fn claimed(request: &Request) -> Option<String> {
    let given = request.get::<Authorization<'_>>().ok().and_then(|given| given.0.param("username"));
    if let Some(user) = given {
        return Some(user.into_owned());
    }
    let from = request.from().ok()?.uri().ok()?;
    Some(from.as_sip()?.user()?.into_owned())
}
