//! By what messages find their transactions: RFC 3261 §17.1.3, §17.2.3 and §8.2.2.2.

use crate::message::{Fields, Request};
use crate::method::Method;
use crate::resolve::DEFAULT_PORT;
use std::fmt::Write as _;

/// §17.1.3: the branch of the top Via and the method of CSeq, since CANCEL shares its INVITE's branch.
pub(super) fn client_key(fields: &Fields, method: &Method) -> Option<String> {
    let via = fields.top_via().ok()?;
    Some(format!("{} {}", via.branch()?, method.as_str()))
}

/// §17.2.3: branch, sent-by and method, where ACK counts as its INVITE. Without the magic cookie the client is of
/// RFC 2543: Request-URI, From tag, Call-ID, CSeq number and the whole top Via. (The To tag, which that section names too,
/// differs between an INVITE and its ACK; the rest tells transactions apart.)
pub(super) fn server_key(request: &Request, method: &Method) -> Option<String> {
    let via = request.top_via().ok()?;
    let method = if *method == Method::Ack { &Method::Invite } else { method };
    let mut key = String::with_capacity(96);
    let port = via.port().unwrap_or(DEFAULT_PORT);
    match via.rfc3261_branch() {
        Some(branch) => write!(key, "{branch} {}:{port} {}", via.host(), method.as_str()).ok()?,
        None => {
            let cseq = request.cseq().ok()?;
            let from = request.from().ok()?;
            write!(
                key,
                "{} {} {} {} {}:{port};{} {}",
                request.uri_str(),
                from.tag().unwrap_or(""),
                request.call_id().ok()?,
                cseq.number,
                via.host(),
                via.branch().unwrap_or(""),
                method.as_str()
            )
            .ok()?;
        }
    }
    key.make_ascii_lowercase();
    Some(key)
}

/// §8.2.2.2: the same request by another path. Only for requests without a To tag.
pub(super) fn merge_key(request: &Request) -> Option<String> {
    let (from, to, cseq) = (request.from().ok()?, request.to().ok()?, request.cseq().ok()?);
    // CANCEL always has its INVITE's Call-ID, tag and number.
    if to.tag().is_some() || cseq.method == Method::Cancel {
        return None;
    }
    Some(format!("{} {} {} {}", request.call_id().ok()?, from.tag()?, cseq.number, cseq.method.as_str()))
}
