//! What the peer of a session says that it can do: Supported (RFC 3261 §20.37) and Allow (§20.5).

use super::{Endpoint, SessionId};
use crate::header::{Allow, Name, Supported};
use crate::message::Fields;
use crate::method::Method;

/// The most option tags, and the most methods, that are kept of one peer.
const MAX_CAPABILITIES: usize = 64;

/// From the peer's last message that had the header; `None` until there was one.
#[derive(Debug, Default)]
pub(super) struct Peer {
    supported: Option<Vec<String>>,
    allow: Option<Vec<Method>>,
}

impl Peer {
    /// Takes over what a message says.
    pub(super) fn learn(&mut self, message: &Fields) {
        if message.has(&Name::Supported) {
            let tags = message.all::<Supported<'_>>().flatten().filter(|tag| !tag.0.is_empty());
            self.supported = Some(tags.map(|tag| tag.0.to_owned()).take(MAX_CAPABILITIES).collect());
        }
        if message.has(&Name::Allow) {
            let methods = message.all::<Allow<'_>>().flatten().filter_map(|method| Method::from_token(method.0));
            self.allow = Some(methods.take(MAX_CAPABILITIES).collect());
        }
    }

    pub(super) fn supports(&self, option_tag: &str) -> bool {
        self.supported.iter().flatten().any(|tag| tag.eq_ignore_ascii_case(option_tag))
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        match &self.allow {
            Some(methods) => methods.contains(method),
            // Every user agent has these, §8.2.
            None => matches!(method, Method::Invite | Method::Ack | Method::Bye | Method::Cancel),
        }
    }
}

impl Endpoint {
    /// Whether the peer of the session supports an extension, by its last Supported header; without one it does not.
    pub fn remote_supports(&self, id: SessionId, option_tag: &str) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.peer.supports(option_tag))
    }

    /// Whether the peer of the session takes a method, by its last Allow header; without one it takes INVITE, ACK, BYE and
    /// CANCEL.
    pub fn remote_allows(&self, id: SessionId, method: &Method) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.peer.allows(method))
    }

    pub(super) fn learn_peer(&mut self, id: SessionId, message: &Fields) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.peer.learn(message);
        }
    }
}
