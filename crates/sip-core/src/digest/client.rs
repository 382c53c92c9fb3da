//! The side that is asked.

use super::{Algorithm, Credentials, Qop, hash};
use crate::{
    header::{self, Challenge, HeaderError, Name},
    ids::Mint,
    message::{Builder, Fields, Request, Response},
    method::Method,
};
use std::fmt::Write;

/// The most challenges looked at in one response.
pub const MAX_CHALLENGES: usize = 16;

/// The most realms remembered; the one not heard of for longest makes room.
pub const MAX_REALMS: usize = 8;

/// How often in a row a nonce may be called stale at its very first use.
const MAX_STALE: u8 = 2;

/// Answers challenges for one account, with the strongest algorithm that each realm offers (RFC 8760 §2.4).
#[derive(Clone, Debug)]
pub struct Authenticator {
    credentials: Credentials,
    realms: Vec<Realm>,
}

/// One protection space and the nonce we have for it.
#[derive(Clone, Debug)]
struct Realm {
    proxy: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Some servers do not know the parameter, so it is sent only where it came.
    names_algorithm: bool,
    qop: Option<Qop>,
    /// One for each nonce: session keys (`-sess`) are made with the first (RFC 7616 §3.4.2).
    cnonce: Option<String>,
    used: u32,
    stale_in_row: u8,
}

/// Why there is no use in trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The response has no challenge.
    #[error("no challenge")]
    NoChallenge,
    /// None of the challenges is one that we can answer.
    #[error("no challenge that can be answered")]
    Unsupported,
    /// The server knows the nonce and does not like the answer: user name or password are wrong (RFC 7616 §3.3, `stale`).
    #[error("wrong user name or password")]
    WrongPassword,
}

impl Authenticator {
    /// Knows no nonce yet.
    pub fn new(credentials: Credentials) -> Self {
        Authenticator { credentials, realms: Vec::new() }
    }

    /// Looks at a 401 or 407 that answers `sent`. On `Ok`, send the request again with what [`authorize`](Self::authorize)
    /// adds, a new branch and the next CSeq number (RFC 3261 §22.2).
    ///
    /// # Errors
    /// Why that would be of no use. The same answer is never given twice to the same nonce.
    pub fn challenged(&mut self, response: &Response, sent: &Fields) -> Result<(), Refusal> {
        let best = strongest(offers(response))?;
        let mut wrong = None;
        for offer in best {
            if let Err(refusal) = self.learn(offer, sent) {
                wrong = Some(refusal);
            }
        }
        wrong.map_or(Ok(()), Err)
    }

    fn learn(&mut self, offer: Offer, sent: &Fields) -> Result<(), Refusal> {
        let Offer { mut realm, stale } = offer;
        let known = self.realms.iter().position(|r| r.proxy == realm.proxy && r.realm == realm.realm);
        let known = known.map(|at| self.realms.remove(at));
        if let Some(tried) = tried_nonce(sent, &realm) {
            let fresh = known.as_ref().is_none_or(|known| known.nonce == tried && known.used <= 1);
            // A nonce that served before may run out without a word; one that is fresh and refused speaks of the password.
            if !stale && (fresh || tried == realm.nonce) {
                return Err(Refusal::WrongPassword);
            }
            realm.stale_in_row = if fresh { known.map_or(0, |known| known.stale_in_row) + 1 } else { 0 };
            if realm.stale_in_row > MAX_STALE {
                return Err(Refusal::WrongPassword);
            }
        } else if let Some(known) =
            known.filter(|known| known.nonce == realm.nonce && known.algorithm == realm.algorithm)
        {
            // The same nonce for another request: its count goes on.
            realm = known;
        }
        if self.realms.len() == MAX_REALMS {
            self.realms.remove(0);
        }
        self.realms.push(realm);
        Ok(())
    }

    /// Puts an answer for every realm known into a request, in the place of older ones. `uri` is the Request-URI as it will
    /// stand, `body` the body.
    pub fn authorize(
        &mut self,
        request: Builder<Request>,
        method: &Method,
        uri: &str,
        body: &[u8],
        mint: &mut Mint,
    ) -> Builder<Request> {
        let request = request.remove(&Name::Authorization).remove(&Name::ProxyAuthorization);
        self.answers(method, uri, body, mint)
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value))
    }

    /// The header lines that [`authorize`](Self::authorize) adds.
    pub fn answers(&mut self, method: &Method, uri: &str, body: &[u8], mint: &mut Mint) -> Vec<(Name, String)> {
        let credentials = &self.credentials;
        self.realms
            .iter_mut()
            .map(|realm| (realm.header_name(), realm.answer(credentials, method, uri, body, mint)))
            .collect()
    }

    /// Takes the next nonce that a 2xx may bring (RFC 7616 §3.5).
    pub fn succeeded(&mut self, response: &Response) {
        let own = response.get::<header::AuthenticationInfo<'_>>().ok().map(|info| (false, info.0));
        let proxy = response.get::<header::ProxyAuthenticationInfo<'_>>().ok().map(|info| (true, info.0));
        for (proxy, info) in own.into_iter().chain(proxy) {
            let mut ours = self.realms.iter_mut().filter(|realm| realm.proxy == proxy);
            // The header names no realm: with two of them there is no telling.
            if let (Some(nonce), Some(realm), None) = (info.get("nextnonce"), ours.next(), ours.next()) {
                realm.nonce = nonce.into_owned();
                realm.cnonce = None;
                realm.used = 0;
            }
        }
    }

    /// Forgets all nonces.
    pub fn forget(&mut self) {
        self.realms.clear();
    }
}

impl Realm {
    fn header_name(&self) -> Name {
        if self.proxy { Name::ProxyAuthorization } else { Name::Authorization }
    }

    fn answer(
        &mut self,
        credentials: &Credentials,
        method: &Method,
        uri: &str,
        body: &[u8],
        mint: &mut Mint,
    ) -> String {
        self.used = self.used.saturating_add(1);
        let nc = format!("{:08x}", self.used);
        let cnonce: &str = self.cnonce.get_or_insert_with(|| mint.cnonce());
        let response = hash::Response {
            algorithm: self.algorithm,
            username: &credentials.username,
            realm: &self.realm,
            password: &credentials.password,
            nonce: &self.nonce,
            method: method.as_str(),
            uri,
            body,
            qop: self.qop.map(|qop| (qop, &*nc, cnonce)),
        };
        let response = response.compute();
        // The order and the quotes of RFC 7616 §3.9.1; some servers read no other.
        let mut out = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\"",
            Quoted(&credentials.username),
            Quoted(&self.realm),
            Quoted(&self.nonce),
            Quoted(uri)
        );
        let written = (|| {
            if self.names_algorithm {
                write!(out, ", algorithm={}", self.algorithm.name())?;
            }
            if let Some(qop) = self.qop {
                write!(out, ", cnonce=\"{cnonce}\", qop={}, nc={nc}", qop.name())?;
            }
            if let Some(opaque) = &self.opaque {
                write!(out, ", opaque={}", Quoted(opaque))?;
            }
            std::fmt::Result::Ok(())
        })();
        written.expect("a String takes all that is written");
        out
    }
}

struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::scan::quote(self.0, f)
    }
}

/// A challenge that we could answer.
struct Offer {
    realm: Realm,
    stale: bool,
}

/// All challenges of a response; `None` for those that we cannot answer.
fn offers(response: &Response) -> Vec<Option<Offer>> {
    let read = |proxy: bool, challenge: Result<Challenge<'_>, HeaderError>| offer(proxy, &challenge.ok()?);
    let www = response.all::<header::WwwAuthenticate<'_>>().map(|c| read(false, c.map(|c| c.0)));
    let proxy = response.all::<header::ProxyAuthenticate<'_>>().map(|c| read(true, c.map(|c| c.0)));
    www.chain(proxy).take(MAX_CHALLENGES).collect()
}

fn offer(proxy: bool, challenge: &Challenge<'_>) -> Option<Offer> {
    if !challenge.is_digest() {
        return None;
    }
    let named = challenge.param("algorithm");
    let qop = match challenge.param("qop") {
        // RFC 2069: a server without qop.
        None => None,
        Some(list) => {
            let mut known: Vec<_> = list.split(',').filter_map(|name| Qop::from_name(name.trim())).collect();
            known.sort_by_key(|qop| *qop == Qop::AuthInt);
            Some(*known.first()?)
        }
    };
    let realm = Realm {
        proxy,
        realm: challenge.param("realm")?.into_owned(),
        nonce: challenge.param("nonce")?.into_owned(),
        opaque: challenge.param("opaque").map(Into::into),
        algorithm: named.as_deref().map_or(Some(Algorithm::Md5), Algorithm::from_name)?,
        names_algorithm: named.is_some(),
        qop,
        cnonce: None,
        used: 0,
        stale_in_row: 0,
    };
    let stale = challenge.param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
    Some(Offer { realm, stale })
}

/// For each realm the strongest; the first one of equals.
fn strongest(offers: Vec<Option<Offer>>) -> Result<Vec<Offer>, Refusal> {
    if offers.is_empty() {
        return Err(Refusal::NoChallenge);
    }
    let mut best: Vec<Offer> = Vec::new();
    for offer in offers.into_iter().flatten() {
        match best.iter_mut().find(|b| b.realm.proxy == offer.realm.proxy && b.realm.realm == offer.realm.realm) {
            Some(held) if held.realm.algorithm < offer.realm.algorithm => *held = offer,
            Some(_) => {}
            None => best.push(offer),
        }
    }
    if best.is_empty() { Err(Refusal::Unsupported) } else { Ok(best) }
}

/// The nonce that a request answered for this realm.
fn tried_nonce(sent: &Fields, realm: &Realm) -> Option<String> {
    let matching = |challenge: Challenge<'_>| {
        let same = challenge.param("realm").as_deref() == Some(&realm.realm);
        same.then(|| challenge.param("nonce").map(Into::into)).flatten()
    };
    if realm.proxy {
        sent.all::<header::ProxyAuthorization<'_>>().flatten().find_map(|c| matching(c.0))
    } else {
        sent.all::<header::Authorization<'_>>().flatten().find_map(|c| matching(c.0))
    }
}
