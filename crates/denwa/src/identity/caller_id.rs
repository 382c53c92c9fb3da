//! Showing the first caller's number to the one whom a call is handed to.
use super::Identity;
use sip_core::header::{Name, NameAddrBuf};
use sip_core::uri::Uri;

/// How a server takes the number of somebody else that a call is made for. From stays the account's own in all of them,
/// as the server authenticates it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallerIdProfile {
    /// Not at all: the called one sees us.
    #[default]
    None,
    /// The caller in P-Preferred-Identity (RFC 3325 §9.2).
    PreferredIdentity,
    /// The same, and that the call came to us first in Diversion (RFC 5806), by which many trunks allow it.
    Diversion,
    /// The same, in History-Info (RFC 7044), by which others do.
    HistoryInfo,
}

/// The headers of the INVITE to `target` that pass on who called `us` first. Empty for an anonymous caller, or one without an
/// address: there is nothing to show, and the account's own number may be shown.
#[must_use]
pub fn caller_id_headers(profile: CallerIdProfile, caller: &Identity, us: &Uri, target: &Uri) -> Vec<(Name, String)> {
    let Some(uri) = caller.uri.clone().filter(|_| !caller.anonymous) else { return Vec::new() };
    let preferred = || {
        let address = NameAddrBuf::new(super::bare(uri)).display(caller.name.as_deref().unwrap_or_default());
        (Name::PPreferredIdentity, address.to_string())
    };
    let (us, target) = (super::bare(us.clone()), super::bare(target.clone()));
    match profile {
        CallerIdProfile::None => Vec::new(),
        CallerIdProfile::PreferredIdentity => vec![preferred()],
        CallerIdProfile::Diversion => {
            let diversion = NameAddrBuf::new(us).param("reason", "unconditional").param("counter", "1");
            vec![preferred(), (Name::Diversion, diversion.to_string())]
        }
        CallerIdProfile::HistoryInfo => {
            // §10.3: the second target stands below the first; `mp`: it is another user.
            let left = NameAddrBuf::new(us).param("index", "1");
            let now = NameAddrBuf::new(target).param("index", "1.1").param("mp", "1");
            vec![preferred(), (Name::HistoryInfo, format!("{left}, {now}"))]
        }
    }
}
