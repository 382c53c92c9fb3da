//! Refer-To values with header fields in them (RFC 3515 §2.1), written and read.

use crate::header::{Name, NameAddr};
use crate::message::Request;
use crate::method::Method;
use crate::uri::Uri;

/// The most header fields that a Refer-To may ask for.
pub const MAX_HEADERS: usize = 16;

/// Whom a REFER wants called, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReferTarget {
    /// The address, without header fields.
    pub uri: Uri,
    /// The method, where the URI names one.
    pub method: Option<Method>,
    /// The header fields that it wants on the request.
    pub headers: Vec<(Name, String)>,
}

/// The value of a Refer-To: an address in brackets, with header fields escaped in it.
pub fn refer_to_value(target: &Uri, headers: &[(Name, String)]) -> String {
    let Some(sip) = target.as_sip() else { return format!("<{target}>") };
    let sip = sip.clone().without_headers();
    let sip = headers.iter().fold(sip, |sip, (name, value)| sip.with_header(name.as_str(), value));
    format!("<{}>", Uri::Sip(sip))
}

/// What a REFER asks for.
///
/// # Errors
/// There is not exactly one Refer-To, it is no SIP address, or it asks for too much.
pub fn refer_target(request: &Request) -> Result<ReferTarget, &'static str> {
    let mut values = request.values(&Name::ReferTo);
    let (Some(value), None) = (values.next(), values.next()) else { return Err("not one Refer-To") };
    let address = NameAddr::parse(value).map_err(|_| "Bad Refer-To")?;
    let uri = address.uri().map_err(|_| "Bad Refer-To")?;
    let sip = uri.as_sip().ok_or("not a SIP address")?;
    let headers: Vec<(Name, String)> = sip
        .headers()
        .take(MAX_HEADERS + 1)
        .filter_map(|(name, value)| Some((name.parse().ok()?, value.into_owned())))
        .collect();
    if headers.len() > MAX_HEADERS {
        return Err("too many header fields");
    }
    let method = sip.param("method").and_then(|method| method.parse().ok());
    let bare = sip.clone().without_headers().without_param("method");
    Ok(ReferTarget { uri: Uri::Sip(bare), method, headers })
}
