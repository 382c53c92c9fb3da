//! A customer, an agent and a target, at one PBX. Sound is told by RTP: it comes from where it should.
use super::support::*;
use denwa::{Account, AccountHandle, Call, CallChange, EndReason, Event, Events, ParkChange, ParkedCall, Phone};
use lab::pbx::{Config, Server};

pub(crate) struct Party {
    pub(crate) _phone: Phone,
    pub(crate) events: Events,
    pub(crate) me: AccountHandle,
}

pub(crate) struct Trio {
    pub(crate) server: Server,
    pub(crate) customer: Party,
    pub(crate) agent: Party,
    pub(crate) target: Party,
    /// The customer's end of the first call, and the agent's.
    pub(crate) theirs: Call,
    pub(crate) ours: Call,
}

pub(crate) async fn party(user: &str, server: &Server, set: impl FnOnce(Account) -> Account) -> Party {
    let (phone, events) = phone(denwa::Audio::None).await;
    let me = within("registering", phone.register(set(account(user, server)))).await.unwrap();
    Party { _phone: phone, events, me }
}

impl Trio {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default(), |account| account).await
    }

    pub(crate) async fn with(config: Config, set: impl FnOnce(Account) -> Account) -> Self {
        let server = pbx_with(config);
        let customer = party("1001", &server, |account| account).await;
        let mut agent = party("1002", &server, set).await;
        let target = party("1003", &server, |account| account).await;
        let theirs = customer.me.dial(uri("1002", server.addr())).await.unwrap();
        let ours = within("answering", incoming(&mut agent.events).await.answer()).await.unwrap();
        within("the answer", theirs.answered()).await.unwrap();
        received(&ours, 5).await;
        Self { server, customer, agent, target, theirs, ours }
    }

    pub(crate) fn uri(&self, user: &str) -> denwa::Uri {
        uri(user, self.server.addr())
    }

    /// The customer and the target hear each other, and the agent has nothing to do with it.
    pub(crate) async fn handed_over(&mut self, targets: &Call) {
        let before = self.theirs.state().unwrap().quality.packets_received;
        received(&self.theirs, before + 10).await;
        received(targets, 10).await;
        within("the agent's end", async {
            while !self.agent._phone.snapshot().calls.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
        assert!(self.theirs.state().is_some() && targets.state().is_some());
    }

    /// The customer and the agent hear each other.
    pub(crate) async fn back(&mut self) {
        let before = self.ours.state().unwrap().quality.packets_received;
        received(&self.ours, before + 10).await;
        let before = self.theirs.state().unwrap().quality.packets_received;
        received(&self.theirs, before + 10).await;
    }
}

pub(crate) async fn park_event(events: &mut Events, expected: ParkChange) -> ParkedCall {
    within("a park event", async {
        loop {
            match events.next().await {
                Some(Event::Park { call, change }) if change == expected => return call,
                Some(_) => {}
                None => panic!("the events ended"),
            }
        }
    })
    .await
}

pub(crate) async fn ended(call: &Call) -> EndReason {
    within("the end of a call", call.ended()).await
}

pub(crate) fn is_named(change: &CallChange, number: &str) -> Option<()> {
    matches!(change, CallChange::Identity(who) if who.number.as_deref() == Some(number)).then_some(())
}
