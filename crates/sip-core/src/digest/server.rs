//! The side that asks.

use super::{Algorithm, Qop, hash};
use crate::{
    header::{self, Challenge, HeaderError, Name},
    ids::Mint,
    message::Request,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// The most nonces that live at a time; the oldest makes room.
pub const MAX_NONCES: usize = 10_000;

/// Mints nonces for one realm and checks what comes back with them.
#[derive(Clone, Debug)]
pub struct Verifier {
    realm: String,
    algorithms: Vec<Algorithm>,
    qop: Option<Qop>,
    lifetime: Duration,
    mint: Mint,
    nonces: BTreeMap<String, Nonce>,
    by_age: VecDeque<String>,
}

#[derive(Clone, Copy, Debug)]
struct Nonce {
    expires: Instant,
    /// The highest count seen; none comes twice (RFC 7616 §3.4.5).
    count: u32,
}

/// Why a request is not let in. All but [`Denied::Malformed`] are answered with a new challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// No answer for this realm.
    #[error("no credentials")]
    Missing,
    /// An answer without what it needs: 400.
    #[error("malformed credentials")]
    Malformed,
    /// The nonce is too old, unknown or was used with this count; the answer may be right. The challenge says `stale`.
    #[error("a stale nonce")]
    Stale,
    /// No such user, or not the password.
    #[error("wrong user name or password")]
    Wrong,
}

impl Verifier {
    /// Offers the algorithms in this order, which should be strongest first (RFC 8760 §2.3), and `qop="auth"`.
    pub fn new(
        realm: impl Into<String>,
        algorithms: impl Into<Vec<Algorithm>>,
        lifetime: Duration,
        seed: [u8; 32],
    ) -> Self {
        Verifier {
            realm: realm.into(),
            algorithms: algorithms.into(),
            qop: Some(Qop::Auth),
            lifetime,
            mint: Mint::new(seed),
            nonces: BTreeMap::new(),
            by_age: VecDeque::new(),
        }
    }

    /// Offers another quality, or with `None` the ways of RFC 2069.
    #[must_use]
    pub fn with_qop(mut self, qop: Option<Qop>) -> Self {
        self.qop = qop;
        self
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of WWW-Authenticate or Proxy-Authenticate lines, one for each algorithm, with a new nonce.
    pub fn challenge(&mut self, now: Instant, stale: bool) -> Vec<String> {
        let nonce = self.mint.word(24);
        self.forget_old(now);
        self.nonces.insert(nonce.clone(), Nonce { expires: now + self.lifetime, count: 0 });
        self.by_age.push_back(nonce.clone());
        let value = |algorithm: &Algorithm| {
            let qop = self.qop.map(|qop| format!(", qop=\"{}\"", qop.name())).unwrap_or_default();
            let stale = if stale { ", stale=true" } else { "" };
            format!("Digest realm=\"{}\", nonce=\"{nonce}\", algorithm={}{qop}{stale}", self.realm, algorithm.name())
        };
        self.algorithms.iter().map(value).collect()
    }

    /// Checks a request's credentials and says who it is. `name` is Authorization or Proxy-Authorization; `password` knows
    /// the users.
    ///
    /// The `uri` parameter is taken as it stands: proxies may have rewritten the Request-URI since.
    ///
    /// # Errors
    /// Why it is not let in.
    pub fn verify(
        &mut self,
        now: Instant,
        request: &Request,
        name: &Name,
        password: impl FnOnce(&str) -> Option<String>,
    ) -> Result<String, Denied> {
        let own = |c: Result<Challenge<'_>, HeaderError>| match c {
            Ok(c) if c.is_digest() && c.param("realm").as_deref() == Some(&*self.realm) => Some(Ok(Given::read(&c))),
            Ok(_) => None,
            Err(_) => Some(Err(Denied::Malformed)),
        };
        let given = if *name == Name::ProxyAuthorization {
            request.all::<header::ProxyAuthorization<'_>>().find_map(|c| own(c.map(|c| c.0)))
        } else {
            request.all::<header::Authorization<'_>>().find_map(|c| own(c.map(|c| c.0)))
        };
        let given = given.ok_or(Denied::Missing)??.ok_or(Denied::Malformed)?;
        if !self.algorithms.contains(&given.algorithm) || given.qop.as_ref().map(|q| q.0) != self.qop {
            return Err(Denied::Wrong);
        }
        let password = password(&given.username).ok_or(Denied::Wrong)?;
        let expected = hash::Response {
            algorithm: given.algorithm,
            username: &given.username,
            realm: &self.realm,
            password: &password,
            nonce: &given.nonce,
            method: request.method_str(),
            uri: &given.uri,
            body: &request.body(),
            qop: given.qop.as_ref().map(|(qop, nc, cnonce)| (*qop, &**nc, &**cnonce)),
        };
        if !same(expected.compute().as_bytes(), given.response.to_ascii_lowercase().as_bytes()) {
            return Err(Denied::Wrong);
        }
        self.count(now, &given)?;
        Ok(given.username)
    }

    fn count(&mut self, now: Instant, given: &Given) -> Result<(), Denied> {
        let nonce = self.nonces.get_mut(&given.nonce).filter(|nonce| nonce.expires > now).ok_or(Denied::Stale)?;
        if let Some((_, nc, _)) = &given.qop {
            let count = u32::from_str_radix(nc, 16).map_err(|_| Denied::Malformed)?;
            if count <= nonce.count {
                return Err(Denied::Stale);
            }
            nonce.count = count;
        }
        Ok(())
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some(oldest) = self.by_age.front() {
            let alive = self.nonces.get(oldest).is_some_and(|nonce| nonce.expires > now);
            if alive && self.by_age.len() < MAX_NONCES {
                break;
            }
            self.nonces.remove(oldest);
            self.by_age.pop_front();
        }
    }
}

/// What a client answered.
struct Given {
    username: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    qop: Option<(Qop, String, String)>,
}

impl Given {
    fn read(challenge: &Challenge<'_>) -> Option<Given> {
        let text = |name: &str| challenge.param(name).map(|value| value.into_owned());
        let qop = match text("qop") {
            Some(name) => Some((Qop::from_name(&name)?, text("nc").filter(|nc| nc.len() == 8)?, text("cnonce")?)),
            None => None,
        };
        Some(Given {
            username: text("username")?,
            nonce: text("nonce")?,
            uri: text("uri")?,
            response: text("response")?,
            algorithm: text("algorithm").map_or(Some(Algorithm::Md5), |name| Algorithm::from_name(&name))?,
            qop,
        })
    }
}

/// Takes as long wherever the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
