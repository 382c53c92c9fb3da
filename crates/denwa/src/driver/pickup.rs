//! Taking a call that rings at somebody else's phone: by a code that the exchange knows, or by asking which dialog rings
//! there (RFC 4235) and taking its place (RFC 3891).
use super::Driver;
use crate::error::Error;
use crate::event::AccountId;
use crate::handle::{Reached, Reply};
use crate::park::Pickup;
use crate::transfer::DialOptions;
use sip_core::dialog_info::{self, DialogInfo, State};
use sip_core::endpoint::{Headers, Subscribe, SubscriptionEvent, SubscriptionId};
use sip_core::header::Name;
use sip_core::{Uri, usage::subscription::End};
use std::time::{Duration, Instant};

/// How long the exchange may take to tell what rings.
const PATIENCE: Duration = Duration::from_secs(5);

/// A call that is to be taken as soon as it is known which one it is.
#[derive(Debug)]
pub(super) struct PickingUp {
    account: AccountId,
    extension: Uri,
    reply: Reply,
    pub(super) until: Instant,
}

impl Driver {
    pub(super) fn pick_up_ringing(&mut self, now: Instant, account: AccountId, extension: &str, reply: Reply) {
        match self.profiles.get(&account).map(|profile| profile.pickup.clone()).unwrap_or_default() {
            Pickup::Code(code) => drop(reply.send(self.dial_number(now, account, &format!("{code}{extension}")))),
            Pickup::Replaces => match self.number_at(Some(account), extension) {
                Ok(extension) => {
                    let mut subscribe = Subscribe::new(extension.clone(), "dialog");
                    subscribe.account = Some(account.0);
                    subscribe.accept = dialog_info::CONTENT_TYPE.to_owned();
                    // No longer than it takes to know.
                    subscribe.expires = Duration::from_secs(60);
                    let id = self.endpoint.subscribe(now, subscribe);
                    self.pickups.insert(id, PickingUp { account, extension, reply, until: now + PATIENCE });
                }
                Err(error) => drop(reply.send(Err(error))),
            },
        }
    }

    /// News of a subscription; true if it was for this.
    pub(super) fn pickup_says(&mut self, now: Instant, id: SubscriptionId, event: &SubscriptionEvent) -> bool {
        if !self.pickups.contains_key(&id) {
            return false;
        }
        match event {
            SubscriptionEvent::Notify { body, .. } => self.take_ringing(now, id, body),
            SubscriptionEvent::Ended { why } => {
                if let Some(picking) = self.pickups.remove(&id) {
                    drop(picking.reply.send(Err(refused(why))));
                }
            }
            _ => {}
        }
        true
    }

    fn take_ringing(&mut self, now: Instant, id: SubscriptionId, body: &[u8]) {
        let Some(picking) = self.pickups.remove(&id) else { return };
        // The one misuse is that it is over already.
        let _ = self.endpoint.unsubscribe(now, id);
        let outcome = match ringing(body) {
            Some((replaces, caller)) => {
                self.dial_replacing(now, picking.account, caller.unwrap_or(picking.extension), replaces)
            }
            None => Err(Error::Misuse { doing: "pick up", state: "nothing rings there that can be taken" }),
        };
        drop(picking.reply.send(outcome));
    }

    fn dial_replacing(
        &mut self,
        now: Instant,
        account: AccountId,
        to: Uri,
        replaces: String,
    ) -> Result<Reached, Error> {
        let reached = self.dial(now, Some(account), to, DialOptions::default())?;
        if let Reached::Call(id, _) = &reached
            && let Some(line) = self.lines.line(id.0)
        {
            let taken: Headers = vec![(Name::Require, "replaces".to_owned()), (Name::Replaces, replaces)];
            line.headers.extend(taken);
        }
        Ok(reached)
    }

    /// Those that have waited long enough to know what rings.
    pub(super) fn pickups_due(&mut self, now: Instant) {
        let due: Vec<SubscriptionId> =
            self.pickups.iter().filter(|(_, picking)| picking.until <= now).map(|(id, _)| *id).collect();
        for id in due {
            let _ = self.endpoint.unsubscribe(now, id);
            if let Some(picking) = self.pickups.remove(&id) {
                drop(picking.reply.send(Err(Error::Timeout { doing: "asking what rings there" })));
            }
        }
    }
}

fn refused(why: &End) -> Error {
    match why {
        End::Refused { status } => Error::Refused {
            doing: "asking what rings there",
            status: status.code(),
            reason: status.default_reason().to_owned(),
        },
        _ => Error::Misuse { doing: "pick up", state: "the exchange does not tell what rings there" },
    }
}

/// The Replaces value for the first call that rings at whoever a document is about, and who calls. The to-tag is that of the
/// one who will get the header, and so of the caller's side (RFC 3891 §3).
fn ringing(body: &[u8]) -> Option<(String, Option<Uri>)> {
    let info = DialogInfo::parse(body).ok()?;
    let called = |dialog: &&dialog_info::DialogState| dialog.state == State::Early && dialog.initiator != Some(true);
    info.dialogs.values().filter(called).find_map(|dialog| {
        let (call_id, local, remote) = dialog.dialog.as_ref()?;
        // It would be a header of its own otherwise.
        let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != ';' && c != ',');
        let all = [call_id, local, remote].iter().all(|text| plain(text));
        let caller = dialog.remote.as_ref().and_then(|uri| uri.parse().ok());
        all.then(|| (format!("{call_id};to-tag={remote};from-tag={local};early-only"), caller))
    })
}

#[cfg(test)]
mod tests {
    use super::ringing;

    fn document(dialog: &str) -> Vec<u8> {
        format!(
            "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"1\" \
             state=\"full\" entity=\"sip:1002@pbx\">{dialog}</dialog-info>"
        )
        .into_bytes()
    }

    #[test]
    fn only_a_call_that_rings_there_and_is_named_can_be_taken() {
        let ids = "call-id=\"c\" local-tag=\"l\" remote-tag=\"r\"";
        let early = |attributes: &str| format!("<dialog id=\"1\" {attributes}><state>early</state></dialog>");
        let taken = ringing(&document(&early(&format!("{ids} direction=\"recipient\""))));
        assert_eq!(taken, Some(("c;to-tag=r;from-tag=l;early-only".to_owned(), None)));
        let nothing = [
            early("direction=\"recipient\""),
            early(&format!("{ids} direction=\"initiator\"")),
            early("call-id=\"c;x\" local-tag=\"l\" remote-tag=\"r\" direction=\"recipient\""),
            format!("<dialog id=\"1\" {ids}><state>confirmed</state></dialog>"),
            String::new(),
        ];
        for dialog in nothing {
            assert_eq!(ringing(&document(&dialog)), None, "{dialog}");
        }
        assert_eq!(ringing(b"not XML"), None);
    }
}
