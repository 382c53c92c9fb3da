//! Typed views of header values.
//!
//! A view borrows from the message and is read when asked for: [`Fields::get`](crate::message::Fields::get). Views check
//! the shape of what they read and keep what they do not know (parameters, schemes, tokens).

mod address;
mod auth;
mod date;
mod info;
mod list;
pub(crate) mod name;
mod session;
mod subscription;
#[cfg(test)]
mod tests;
mod value;
mod via;

pub use crate::scan::{Param, Params};
pub use address::{
    Contact, Diversion, From, HistoryInfo, NameAddr, NameAddrBuf, PAssertedIdentity, PAssociatedUri, PCalledPartyId,
    PPreferredIdentity, Path, RecordRoute, ReferTo, ReferredBy, RemotePartyId, ReplyTo, Route, ServiceRoute, To,
};
pub use auth::{
    AuthParams, AuthenticationInfo, Authorization, Challenge, ProxyAuthenticate, ProxyAuthenticationInfo,
    ProxyAuthorization, WwwAuthenticate,
};
pub use date::Date;
pub use info::{AlertInfo, CallInfo, ErrorInfo, InfoUri, Reason, RetryAfter, UserToUser, Warning};
pub use list::{
    Accept, AcceptEncoding, AcceptLanguage, Allow, AllowEvents, ContentEncoding, List, Privacy, ProxyRequire, Require,
    Supported, Unsupported, Weighted,
};
pub use name::{Name, NotAName, OtherName};
pub use session::{Join, MinSe, RAck, RSeq, Refresher, Replaces, SessionExpires, TargetDialog};
pub use subscription::{Event, SubscriptionState};
pub use value::{
    AnswerMode, CSeq, CallId, ContentDisposition, ContentLength, ContentType, Expires, FlowTimer, InfoPackage,
    MaxForwards, MinExpires, Organization, Priority, ReferSub, Server, SessionId, SipETag, SipIfMatch, Subject,
    Timestamp, UserAgent,
};
pub(crate) use via::COOKIE;
pub use via::Via;

/// A header that can be read as a type. Implement it for headers of your own.
pub trait Header<'a>: Sized {
    /// Whether one line may hold several values, parted by commas (RFC 3261 §7.3.1).
    const LIST: bool = false;

    /// The name it goes by.
    fn name() -> Name;

    /// Reads one value, without white space around it, unfolded.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(value: &'a str) -> Result<Self, Malformed>;
}

/// What is wrong with a value, in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// Why a header could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// There is none of this name.
    #[error("no {0}")]
    Missing(Name),
    /// There is one and it is not what it should be.
    #[error("malformed {name}: {reason}")]
    Malformed {
        /// Its name.
        name: Name,
        /// What is wrong.
        reason: Malformed,
    },
}

impl HeaderError {
    /// The header it is about.
    pub fn name(&self) -> &Name {
        match self {
            HeaderError::Missing(name) | HeaderError::Malformed { name, .. } => name,
        }
    }
}
