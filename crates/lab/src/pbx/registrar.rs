//! Who is where: the bindings of RFC 3261 §10.3, without a word of SIP text.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sip_core::endpoint::Flow;
use sip_core::uri::Uri;

#[cfg(test)]
mod tests;

/// An address where a user can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binding {
    /// The Contact, as it was registered.
    pub contact: Uri,
    /// The way that the REGISTER came; calls go back along it (RFC 5626 §5.3), so that connections are reused and
    /// address translators stay open.
    pub flow: Flow,
    /// When it runs out.
    pub expires_at: Instant,
    call_id: String,
    cseq: u32,
}

/// What a REGISTER asks for.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub(super) contacts: Contacts,
    /// The Expires header, in seconds.
    pub(super) expires: Option<u32>,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
    pub(super) flow: Flow,
}

#[derive(Clone, Debug)]
pub(super) enum Contacts {
    /// `Contact: *`
    All,
    /// Each with its own `expires`, in seconds. None at all asks which there are.
    These(Vec<(Uri, Option<u32>)>),
}

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("`Contact: *` goes with `Expires: 0` and nothing else")]
    Star,
    #[error("the interval is too brief: at least {0:?}")]
    TooBrief(Duration),
    #[error("an older request than the one that made the binding")]
    OutOfOrder,
    #[error("too many contacts")]
    TooMany,
}

/// How long bindings live, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) default_expires: Duration,
    pub(super) min_expires: Duration,
    pub(super) max_expires: Duration,
    pub(super) max_contacts: usize,
}

/// The bindings of all users.
#[derive(Debug)]
pub(super) struct Registrar {
    terms: Terms,
    users: BTreeMap<String, Vec<Binding>>,
}

impl Registrar {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, users: BTreeMap::new() }
    }

    /// Carries out a REGISTER of `user`, whole or not at all (§10.3 step 7), and lists the bindings as they are then.
    pub(super) fn register(&mut self, now: Instant, user: &str, ask: Ask<'_>) -> Result<&[Binding], Refusal> {
        self.expire(now);
        let mut bindings = self.bindings(user).to_vec();
        match &ask.contacts {
            Contacts::All => self.remove_all(&mut bindings, &ask)?,
            Contacts::These(contacts) => {
                for (contact, expires) in contacts {
                    self.bind(now, &mut bindings, contact, *expires, &ask)?;
                }
            }
        }
        if bindings.len() > self.terms.max_contacts {
            return Err(Refusal::TooMany);
        }
        self.users.insert(user.to_owned(), bindings);
        self.users.retain(|_, bindings| !bindings.is_empty());
        Ok(self.bindings(user))
    }

    /// Where a user can be reached, oldest first. Those that have run out count until [`Registrar::expire`].
    pub(super) fn bindings(&self, user: &str) -> &[Binding] {
        self.users.get(user).map_or(&[], Vec::as_slice)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Binding)> {
        self.users.iter().flat_map(|(user, bindings)| bindings.iter().map(move |binding| (user.as_str(), binding)))
    }

    /// Forgets what has run out; whether anything has.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        if self.poll_timeout().is_none_or(|next| next > now) {
            return false;
        }
        self.users.retain(|_, bindings| {
            bindings.retain(|binding| binding.expires_at > now);
            !bindings.is_empty()
        });
        true
    }

    /// When the next binding runs out.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.all().map(|(_, binding)| binding.expires_at).min()
    }

    /// Forgets the bindings whose connection has closed: nobody can be called along it.
    pub(super) fn close(&mut self, flow: Flow) {
        self.users.retain(|_, bindings| {
            bindings.retain(|binding| !binding.flow.is_same_path(&flow));
            !bindings.is_empty()
        });
    }

    // §10.3 step 6.
    fn remove_all(&self, bindings: &mut Vec<Binding>, ask: &Ask<'_>) -> Result<(), Refusal> {
        if ask.expires != Some(0) {
            return Err(Refusal::Star);
        }
        if bindings.iter().any(|binding| binding.is_newer_than(ask)) {
            return Err(Refusal::OutOfOrder);
        }
        bindings.clear();
        Ok(())
    }

    // §10.3 step 7.
    fn bind(
        &self,
        now: Instant,
        bindings: &mut Vec<Binding>,
        contact: &Uri,
        expires: Option<u32>,
        ask: &Ask<'_>,
    ) -> Result<(), Refusal> {
        let asked = expires.or(ask.expires).map(|seconds| Duration::from_secs(seconds.into()));
        let lifetime = asked.unwrap_or(self.terms.default_expires).min(self.terms.max_expires);
        if !lifetime.is_zero() && lifetime < self.terms.min_expires {
            return Err(Refusal::TooBrief(self.terms.min_expires));
        }
        let old = bindings.iter().position(|binding| binding.contact.equivalent(contact));
        if old.is_some_and(|index| bindings[index].is_newer_than(ask)) {
            return Err(Refusal::OutOfOrder);
        }
        let new = Binding {
            contact: contact.clone(),
            flow: ask.flow,
            expires_at: now + lifetime,
            call_id: ask.call_id.to_owned(),
            cseq: ask.cseq,
        };
        match old {
            Some(index) if lifetime.is_zero() => drop(bindings.remove(index)),
            Some(index) => bindings[index] = new,
            None if lifetime.is_zero() => {}
            None => bindings.push(new),
        }
        Ok(())
    }
}

impl Binding {
    // Within one Call-ID the CSeq orders requests; another Call-ID is a phone that was started anew.
    fn is_newer_than(&self, ask: &Ask<'_>) -> bool {
        self.call_id == ask.call_id && self.cseq >= ask.cseq
    }
}
