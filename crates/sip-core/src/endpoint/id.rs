//! Ids of what an endpoint owns.

use std::fmt;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        ///
        /// Never reused within an endpoint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

ids! {
    /// An account.
    AccountId
    /// An INVITE session, from the INVITE until [`SessionEvent::Ended`](super::SessionEvent::Ended).
    SessionId
    /// A request of ours that ends in [`Event::Response`](super::Event::Response).
    RequestId
    /// A request of the peer's that waits for our response.
    ServerId
    /// An offer of the peer's that waits for our answer.
    OfferId
    /// A REFER of ours.
    ReferId
    /// A REFER of the peer's.
    ReferredId
    /// A subscription of ours.
    SubscriptionId
    /// A subscription of somebody else's to us.
    NotifierId
    /// A question of ours that waits for [`Resolved`](crate::resolve::Resolved).
    ResolveId
}
