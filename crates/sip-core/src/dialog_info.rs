//! `application/dialog-info+xml`: which dialogs a user or an extension has (RFC 4235).

use bytes::Bytes;
use roxmltree::{Document, Node, ParsingOptions};
use std::collections::BTreeMap;

/// The type of such a body.
pub const CONTENT_TYPE: &str = "application/dialog-info+xml";
/// The largest body that is read, in bytes.
pub const MAX_BODY: usize = 32_768;
/// The most dialogs that are kept.
pub const MAX_DIALOGS: usize = 64;
/// The most XML nodes that are read.
const MAX_NODES: u32 = 4_096;

/// The dialogs of somebody, by id. Begins empty; each NOTIFY is [merged](Self::merge) into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialogInfo {
    /// Whose.
    pub entity: String,
    /// Counts up with each NOTIFY of a subscription.
    pub version: Option<u64>,
    /// Whether it tells of all dialogs, or of those that changed.
    pub full: bool,
    /// The dialogs, by id.
    pub dialogs: BTreeMap<String, DialogState>,
}

/// One dialog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialogState {
    /// How far it is.
    pub state: State,
    /// Whether the entity called; nothing where that is not told.
    pub initiator: Option<bool>,
    /// Call-ID, the entity's tag and the other side's, where all are told: what Replaces needs.
    pub dialog: Option<(String, String, String)>,
    /// The other side's address, as told.
    pub remote: Option<String>,
    /// The other side's display name.
    pub remote_name: Option<String>,
}

/// The states of RFC 4235 §3.7.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// INVITE sent or received.
    Trying,
    /// A provisional response without tag.
    Proceeding,
    /// A provisional response with tag: it rings.
    Early,
    /// Answered.
    Confirmed,
    /// Over, or there is none.
    #[default]
    Terminated,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Proceeding => "proceeding",
            Self::Early => "early",
            Self::Confirmed => "confirmed",
            Self::Terminated => "terminated",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Trying, Self::Proceeding, Self::Early, Self::Confirmed, Self::Terminated];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

/// The body is none, or too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a dialog-info document: {0}")]
pub struct Unreadable(String);

impl DialogInfo {
    /// Reads a body. Document types, and so entities, are refused.
    ///
    /// # Errors
    /// It is no such document, or beyond a limit.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let bad = |why: &str| Unreadable(why.to_owned());
        if body.len() > MAX_BODY {
            return Err(bad("too large"));
        }
        let text = std::str::from_utf8(body).map_err(|_| bad("not UTF-8"))?;
        let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
        let document =
            Document::parse_with_options(text.trim(), options).map_err(|error| Unreadable(error.to_string()))?;
        let root = document.root_element();
        if root.tag_name().name() != "dialog-info" {
            return Err(bad("another root element"));
        }
        let dialogs = root.children().filter(|node| node.has_tag_name_of("dialog"));
        Ok(Self {
            entity: root.attribute("entity").unwrap_or_default().to_owned(),
            version: root.attribute("version").and_then(|version| version.parse().ok()),
            full: root.attribute("state") != Some("partial"),
            dialogs: dialogs.take(MAX_DIALOGS).map(|node| (id_of(node), DialogState::read(node))).collect(),
        })
    }

    /// Takes the news of a NOTIFY in: a full one replaces all, a partial one the dialogs that it names (RFC 4235 §4.3).
    /// One that is not newer is ignored; false then.
    pub fn merge(&mut self, news: Self) -> bool {
        let stale = self.version.is_some_and(|mine| news.version.is_some_and(|theirs| theirs <= mine));
        // A new subscription of the same notifier begins at 0 again.
        if stale && news.version != Some(0) {
            return false;
        }
        if news.full {
            *self = news;
            return true;
        }
        self.version = news.version;
        self.dialogs.extend(news.dialogs);
        self.dialogs.retain(|_, dialog| dialog.state != State::Terminated);
        while self.dialogs.len() > MAX_DIALOGS {
            self.dialogs.pop_first();
        }
        true
    }

    /// The furthest state of any dialog.
    pub fn state(&self) -> State {
        let alive = self.dialogs.values().map(|dialog| dialog.state).filter(|state| *state != State::Terminated);
        alive.max().unwrap_or(State::Terminated)
    }

    /// As a body.
    pub fn to_body(&self) -> Bytes {
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{}\" state=\"{}\" entity=\"{}\">\n",
            self.version.unwrap_or(0),
            if self.full { "full" } else { "partial" },
            escape(&self.entity)
        );
        for (id, dialog) in &self.dialogs {
            dialog.write(id, &mut text);
        }
        text.push_str("</dialog-info>\n");
        Bytes::from(text)
    }
}

impl DialogState {
    /// In that state, with nothing else told.
    pub fn new(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    /// With the other side's address and name.
    #[must_use]
    pub fn with_remote(mut self, remote: impl Into<String>, name: Option<String>) -> Self {
        (self.remote, self.remote_name) = (Some(remote.into()), name);
        self
    }

    fn read(node: Node<'_, '_>) -> Self {
        let child =
            |node: Node<'_, '_>, name: &str| node.children().find(|child| child.has_tag_name_of(name)).map(|n| n.id());
        let get = |id: Option<roxmltree::NodeId>| id.and_then(|id| node.document().get_node(id));
        let words = |node: Node<'_, '_>| node.text().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let state = get(child(node, "state")).and_then(|state| State::parse(state.text()?.trim()));
        let tags = (node.attribute("call-id"), node.attribute("local-tag"), node.attribute("remote-tag"));
        let dialog = match tags {
            (Some(call_id), Some(local), Some(remote)) => {
                Some((call_id.to_owned(), local.to_owned(), remote.to_owned()))
            }
            _ => None,
        };
        let identity = get(child(node, "remote")).and_then(|remote| get(child(remote, "identity")));
        Self {
            state: state.unwrap_or(State::Trying),
            initiator: node.attribute("direction").map(|direction| direction == "initiator"),
            dialog,
            remote: identity.and_then(words),
            remote_name: identity.and_then(|identity| identity.attribute("display")).map(str::to_owned),
        }
    }

    fn write(&self, id: &str, text: &mut String) {
        text.push_str(&format!(" <dialog id=\"{}\"", escape(id)));
        if let Some((call_id, local, remote)) = &self.dialog {
            let attributes = [("call-id", call_id), ("local-tag", local), ("remote-tag", remote)];
            for (name, value) in attributes {
                text.push_str(&format!(" {name}=\"{}\"", escape(value)));
            }
        }
        if let Some(initiator) = self.initiator {
            text.push_str(if initiator { " direction=\"initiator\"" } else { " direction=\"recipient\"" });
        }
        text.push_str(&format!(">\n  <state>{}</state>\n", self.state.as_str()));
        if let Some(remote) = &self.remote {
            let name =
                self.remote_name.as_ref().map(|name| format!(" display=\"{}\"", escape(name))).unwrap_or_default();
            let remote = escape(remote);
            text.push_str(&format!(
                "  <remote><identity{name}>{remote}</identity><target uri=\"{remote}\"/></remote>\n"
            ));
        }
        text.push_str(" </dialog>\n");
    }
}

fn id_of(node: Node<'_, '_>) -> String {
    node.attribute("id").unwrap_or_default().to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Some notifiers leave the namespace out.
trait TagName {
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl TagName for Node<'_, '_> {
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
        version=\"0\" state=\"full\" entity=\"sip:701@127.0.0.1:5160\">\n <dialog id=\"701\">\n  <state>terminated</state>\n \
        </dialog>\n</dialog-info>\n";

    #[test]
    fn an_exchanges_slot_is_free_and_then_taken() {
        let mut info = DialogInfo::default();
        assert!(info.merge(DialogInfo::parse(FREE.as_bytes()).unwrap()));
        assert_eq!((info.entity.as_str(), info.state()), ("sip:701@127.0.0.1:5160", State::Terminated));
        let taken = FREE.replace("version=\"0\" state", "version=\"1\" state").replace("terminated", "confirmed");
        assert!(info.merge(DialogInfo::parse(taken.as_bytes()).unwrap()));
        assert_eq!(info.state(), State::Confirmed);
        assert!(!info.merge(DialogInfo::parse(taken.as_bytes()).unwrap()), "the same once more is no news");
    }

    /// RFC 4235 §6: an example with all that matters, and a partial one after it.
    #[test]
    fn partial_news_change_what_they_name() {
        let full = "<dialog-info version=\"3\" state=\"full\" entity=\"sip:a@example.com\">\
            <dialog id=\"1\" call-id=\"c\" local-tag=\"l\" remote-tag=\"r\" direction=\"recipient\"><state>early</state>\
            <remote><identity display=\"B &amp; C\">sip:b@example.com</identity></remote></dialog>\
            <dialog id=\"2\"><state event=\"x\">confirmed</state></dialog></dialog-info>";
        let mut info = DialogInfo::default();
        info.merge(DialogInfo::parse(full.as_bytes()).unwrap());
        let first = &info.dialogs["1"];
        assert_eq!(first.dialog, Some(("c".into(), "l".into(), "r".into())));
        assert_eq!((first.initiator, first.remote_name.as_deref()), (Some(false), Some("B & C")));
        let partial = "<dialog-info version=\"4\" state=\"partial\" entity=\"sip:a@example.com\">\
            <dialog id=\"2\"><state>terminated</state></dialog></dialog-info>";
        info.merge(DialogInfo::parse(partial.as_bytes()).unwrap());
        assert_eq!(info.dialogs.keys().collect::<Vec<_>>(), ["1"]);
        assert_eq!(info.state(), State::Early);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut info =
            DialogInfo { entity: "sip:a&b@example.com".into(), version: Some(7), full: true, ..DialogInfo::default() };
        let mut dialog = DialogState::new(State::Early).with_remote("sip:\"x\"@example.com", Some("<X>".into()));
        (dialog.initiator, dialog.dialog) = (Some(true), Some(("c".into(), "1".into(), "2".into())));
        info.dialogs.insert("1<".into(), dialog);
        assert_eq!(DialogInfo::parse(&info.to_body()).unwrap(), info);
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><dialog-info>&a;</dialog-info>";
        let deep = format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000));
        let large = format!("<dialog-info>{}</dialog-info>", " ".repeat(MAX_BODY));
        for body in ["", "<presence/>", "<dialog-info>", "\u{1}", bomb, &deep, &large] {
            assert!(DialogInfo::parse(body.as_bytes()).is_err(), "{body:.40}");
        }
        assert!(DialogInfo::parse(b"<dialog-info>\xff</dialog-info>").is_err());
    }
}
