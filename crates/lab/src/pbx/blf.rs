//! Lamps: what a phone shows of an extension or a slot (RFC 4235), and to whom it was told.
//!
//! The bodies are written here and not by `sip_core::dialog_info`, so that a fault there does not cancel itself out.

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Media type of the bodies.
pub(super) const DIALOG_INFO: &str = "application/dialog-info+xml";

/// What a number is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Lamp {
    #[default]
    Terminated,
    /// It rings; for whom, by name-addr, and who that one has dialled; and which dialog it is: Call-ID, the phone's tag, ours.
    Early {
        caller: String,
        callee: String,
        dialog: Option<(String, String, String)>,
    },
    Confirmed,
}

/// Who wants to know, each by a `T` of the owner's.
#[derive(Debug)]
pub(super) struct Watchers<T>(BTreeMap<T, Watcher>);

#[derive(Debug)]
struct Watcher {
    number: String,
    /// The address that was subscribed to.
    entity: String,
    version: u32,
    told: Lamp,
}

impl<T> Default for Watchers<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Copy + Ord> Watchers<T> {
    /// Somebody watches a number from now on: the first body for them.
    pub(super) fn add(&mut self, who: T, number: &str, entity: &str, lamp: Lamp) -> String {
        let body = body(number, entity, 0, &lamp);
        let (number, entity) = (number.to_owned(), entity.to_owned());
        self.0.insert(who, Watcher { number, entity, version: 0, told: lamp });
        body
    }

    pub(super) fn remove(&mut self, who: T) {
        self.0.remove(&who);
    }

    /// Bodies for those who were told something else last.
    pub(super) fn changed(&mut self, lamp_of: impl Fn(&str) -> Lamp) -> Vec<(T, String)> {
        let mut bodies = Vec::new();
        for (who, watcher) in &mut self.0 {
            let lamp = lamp_of(&watcher.number);
            if lamp != watcher.told {
                watcher.version += 1;
                bodies.push((*who, body(&watcher.number, &watcher.entity, watcher.version, &lamp)));
                watcher.told = lamp;
            }
        }
        bodies
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A document in the shape that Asterisk sends, with the name of the dialog besides, for those who would take its place.
fn body(number: &str, entity: &str, version: u32, lamp: &Lamp) -> String {
    let (number, entity) = (escaped(number), escaped(entity));
    let (attributes, parties, state) = match lamp {
        Lamp::Terminated => (String::new(), String::new(), "terminated"),
        Lamp::Confirmed => (String::new(), String::new(), "confirmed"),
        Lamp::Early { caller, callee, dialog } => {
            let party = |name: &str, address: &str| {
                let (display, uri) = display_and_uri(address);
                let (display, uri) = (escaped(display), escaped(uri));
                format!(
                    "  <{name}>\n   <identity display=\"{display}\">{uri}</identity>\n   <target uri=\"{uri}\"/>\n  </{name}>\n"
                )
            };
            let parties = party("remote", caller) + &party("local", callee);
            let names = dialog.as_ref().map_or_else(String::new, |(call_id, theirs, ours)| {
                let (call_id, theirs, ours) = (escaped(call_id), escaped(theirs), escaped(ours));
                format!(" call-id=\"{call_id}\" local-tag=\"{theirs}\" remote-tag=\"{ours}\"")
            });
            (format!("{names} direction=\"recipient\""), parties, "early")
        }
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" \
         entity=\"{entity}\">\n <dialog id=\"{number}\"{attributes}>\n{parties}  <state>{state}</state>\n \
         </dialog>\n</dialog-info>\n"
    )
}

/// Of a name-addr as this PBX writes it.
fn display_and_uri(address: &str) -> (&str, &str) {
    match address.split_once('<') {
        Some((display, uri)) => (display.trim().trim_matches('"'), uri.trim_end_matches('>')),
        None => ("", address),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
