//! Who is on the other side, and what a message says about the call besides: read from messages, without I/O or state.
//!
//! | asked | from | function |
//! |---|---|---|
//! | who is it | From, To, P-Asserted-Identity, Remote-Party-ID, Privacy | [`Identity::of_request`], [`Identity::of_response`] |
//! | who sent it here | Referred-By; Diversion, History-Info | [`transferred_by`], [`diverted_from`] |
//! | answer by yourself? | Answer-Mode, Call-Info, Alert-Info | [`auto_answer`] |
//! | why did the ringing end | Reason | [`answered_elsewhere`] |
//! | which record is it about | User-to-User | [`context()`], [`Context`] |
//! | whose number to show on | | [`caller_id_headers`] |
//!
//! All of it is what the message claims. P-Asserted-Identity and its elder Remote-Party-ID are as good as the one who
//! sent them, so they count only where the account trusts its server (RFC 3325 §5); the rest is for display, and for the
//! program's own policy to obey or not.

mod caller_id;
mod context;
mod hints;
#[cfg(test)]
mod tests;

pub use caller_id::{CallerIdProfile, caller_id_headers};
pub use context::{Context, ContextError, MAX_CONTEXT, MAX_CONTEXT_READ, PURPOSE, context};
pub use hints::{answered_elsewhere, auto_answer};

use sip_core::header::{Diversion, Header, HistoryInfo, Name, NameAddr, PAssertedIdentity, Privacy, RemotePartyId};
use sip_core::message::Fields;
use sip_core::uri::Uri;
use sip_core::{Request, Response};

/// At most so many values of one header are looked at.
const MAX_VALUES: usize = 16;

/// One side of a call.
///
/// An anonymous one has neither address nor name nor number here, so that nothing of it can be shown or searched for by
/// mistake, whatever else the message told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The address without parameters; `None` when anonymous or unreadable.
    pub uri: Option<Uri>,
    /// The display name.
    pub name: Option<String>,
    /// The telephone number in the address as it is to be dialled: `+` or not, digits, `*`, `#`. `None` for
    /// `sip:alice@example.com`.
    pub number: Option<String>,
    /// It does not want to be known, or cannot be: an address `anonymous@…` or `…@anonymous.invalid` (RFC 3323 §4.1.1.3),
    /// the name `Anonymous`, `Privacy: id` or `user` (RFC 3323 §4.2, RFC 3325 §9.3), or no user part at all.
    pub anonymous: bool,
    /// Where it stood.
    pub source: IdentitySource,
}

/// Where an [`Identity`] was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentitySource {
    /// From of a request, To of a response: what the other side says of itself, or what we dialled.
    From,
    /// P-Asserted-Identity, RFC 3325: what a trusted server says.
    PAssertedIdentity,
    /// Remote-Party-ID, of an expired draft: the same from older servers.
    RemotePartyId,
    /// Referred-By, RFC 3892: what the transferor says of itself.
    ReferredBy,
    /// Diversion, RFC 5806.
    Diversion,
    /// History-Info, RFC 7044.
    HistoryInfo,
}

impl Identity {
    /// Who sent this request: an INVITE, or the UPDATE or re-INVITE that tells a new connected line. `trusted`: whether
    /// the account takes the word of its server.
    ///
    /// Any sign of anonymity counts, in whichever header, with one exception: a trusted server that names the caller and
    /// says `Privacy: none`.
    #[must_use]
    pub fn of_request(request: &Request, trusted: bool) -> Self {
        let from = request.from().ok().map(|address| Self::of_address(&address, IdentitySource::From));
        // In the first request of a dialog `called` is ourselves; later each side has the role it began with.
        let first = request.to().is_ok_and(|to| to.tag().is_none());
        let asserted = if trusted { asserted(request, if first { "called" } else { "" }) } else { None };
        let asked = privacy(request);
        if let (Some(asserted), Some(false)) = (&asserted, asked) {
            return asserted.clone().unless_nameless();
        }
        let anonymous = asked == Some(true) || from.as_ref().is_some_and(|from| from.anonymous);
        let Some(shown) = asserted.or(from) else { return Self::hidden(IdentitySource::From) };
        if anonymous { Self::hidden(shown.source) } else { shown.unless_nameless() }
    }

    /// Who sent this response: the one who rings or answered. Without a trusted header that is whom we dialled.
    #[must_use]
    pub fn of_response(response: &Response, trusted: bool) -> Self {
        let asserted = if trusted { asserted(response, "") } else { None };
        let Some(shown) = asserted.or_else(|| {
            let to = response.to().ok()?;
            Some(Self { anonymous: false, ..Self::plain(&to, IdentitySource::From) })
        }) else {
            return Self::hidden(IdentitySource::From);
        };
        if privacy(response) == Some(true) { Self::hidden(shown.source) } else { shown }
    }

    /// What is shown of a call.
    pub(crate) fn known(uri: &Uri, name: Option<String>, anonymous: bool) -> Self {
        if anonymous {
            return Self::hidden(IdentitySource::From);
        }
        Self { number: number(uri), uri: Some(bare(uri.clone())), name, anonymous, source: IdentitySource::From }
    }

    fn hidden(source: IdentitySource) -> Self {
        Self { uri: None, name: None, number: None, anonymous: true, source }
    }

    /// What stands in the address; anonymous, and then empty, where it says so itself.
    fn of_address(address: &NameAddr<'_>, source: IdentitySource) -> Self {
        let plain = Self::plain(address, source);
        if plain.anonymous { Self::hidden(source) } else { plain }
    }

    /// As [`of_address`](Self::of_address), with all that stands there.
    fn plain(address: &NameAddr<'_>, source: IdentitySource) -> Self {
        let name = address.display().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let uri = address.uri().ok().map(bare);
        let anonymous = uri.as_ref().is_none_or(is_anonymous)
            || name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("anonymous"));
        Self { number: uri.as_ref().and_then(number), uri, name, anonymous, source }
    }

    /// A caller that gives no user part is nobody that could be called back.
    fn unless_nameless(self) -> Self {
        let nameless = self.uri.as_ref().and_then(Uri::as_sip).is_some_and(|uri| uri.user().is_none());
        if nameless { Self::hidden(self.source) } else { self }
    }
}

/// Who transferred this call to us (RFC 3892 §2): the Referred-By of an INVITE, or of a REFER.
#[must_use]
pub fn transferred_by(request: &Request) -> Option<Identity> {
    let referrer = request.get::<sip_core::header::ReferredBy<'_>>().ok()?;
    Some(Identity::of_address(&referrer, IdentitySource::ReferredBy))
}

/// Who sent this call on to us last: the first Diversion (RFC 5806 §6), else what History-Info tells (RFC 7044 §10.3).
#[must_use]
pub fn diverted_from(request: &Request) -> Option<Identity> {
    if let Some(diversion) = request.all::<Diversion<'_>>().take(MAX_VALUES).find_map(Result::ok) {
        let mut identity = Identity::of_address(&diversion, IdentitySource::Diversion);
        redact(&mut identity, diversion.param("privacy"));
        return Some(identity);
    }
    let history: Vec<HistoryInfo<'_>> = request.all().take(MAX_VALUES).filter_map(Result::ok).collect();
    // `mp`: this target took the place of that one, another user (§10.4). Where nobody writes it, the Reason for which a
    // target was left tells. `rc` alone is the same user's registered contact.
    let mapped = history.iter().rev().find_map(|entry| entry.param("mp"));
    let left = match mapped {
        Some(index) => history.iter().find(|entry| entry.index() == Some(index)),
        None => history.split_last()?.1.iter().rev().find(|entry| entry.reason().is_some()),
    }?;
    let hidden = |uri: Uri| uri.as_sip()?.header("Privacy").map(|value| !value.eq_ignore_ascii_case("none"));
    if left.uri().ok().and_then(hidden) == Some(true) {
        return Some(Identity::hidden(IdentitySource::HistoryInfo));
    }
    Some(Identity::of_address(left, IdentitySource::HistoryInfo))
}

/// What a server says of the sender.
fn asserted(fields: &Fields, not: &str) -> Option<Identity> {
    let read = |address: &NameAddr<'_>| Identity::of_address(address, IdentitySource::PAssertedIdentity);
    // RFC 3325 §9.1: at most one SIP and one tel address of the same user.
    let mut all = readable::<PAssertedIdentity<'_>>(fields).map(|value| read(&value));
    if let Some(mut first) = all.next() {
        if let Some(second) = all.next().filter(|_| !first.anonymous) {
            first.number = first.number.or(second.number);
            first.name = first.name.or(second.name);
        }
        return Some(first);
    }
    let party = readable::<RemotePartyId<'_>>(fields)
        .find(|value| not.is_empty() || !value.param("party").is_some_and(|party| party.eq_ignore_ascii_case(not)))?;
    let mut identity = Identity::of_address(&party, IdentitySource::RemotePartyId);
    redact(&mut identity, party.param("privacy"));
    Some(identity)
}

fn readable<'a, H: Header<'a>>(fields: &'a Fields) -> impl Iterator<Item = H> {
    fields.all::<H>().take(MAX_VALUES).filter_map(Result::ok)
}

/// `privacy` of Remote-Party-ID and of Diversion (RFC 5806 §4): `full`, `name`, `uri`, `off`.
fn redact(identity: &mut Identity, privacy: Option<&str>) {
    match privacy.map(str::to_ascii_lowercase).as_deref() {
        Some("full" | "uri") => *identity = Identity::hidden(identity.source),
        Some("name") => identity.name = None,
        _ => {}
    }
}

/// Whether the sender asks not to be known; `Some(false)`: says that it may be.
fn privacy(fields: &Fields) -> Option<bool> {
    let mut asked = None;
    for value in fields.values(&Name::Privacy).take(MAX_VALUES) {
        let privacy = Privacy(value);
        if privacy.asks("id") || privacy.asks("user") {
            return Some(true);
        }
        if privacy.asks("none") {
            asked = Some(false);
        }
    }
    asked
}

fn bare(uri: Uri) -> Uri {
    match uri {
        Uri::Sip(uri) => Uri::Sip(uri.bare()),
        other => other,
    }
}

fn is_anonymous(uri: &Uri) -> bool {
    uri.as_sip().is_some_and(|uri| {
        uri.user().is_some_and(|user| user.eq_ignore_ascii_case("anonymous"))
            || uri.host().name().is_some_and(|host| host.eq_ignore_ascii_case("anonymous.invalid"))
    })
}

/// The telephone number in an address (RFC 3261 §19.1.6, RFC 3966 §5.1.1), without visual separators.
fn number(uri: &Uri) -> Option<String> {
    let number = match uri {
        Uri::Tel(uri) => uri.dialled(),
        Uri::Sip(uri) => {
            let user = uri.user()?;
            let number = user.split(';').next().unwrap_or_default();
            number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect()
        }
        _ => return None,
    };
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let dialable = digits.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'*' | b'#'));
    (dialable && !digits.is_empty()).then_some(number)
}
