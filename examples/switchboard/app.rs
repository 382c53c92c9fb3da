//! What the screen shows, and what keys do.
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use denwa::log::{Entry, Query};
use denwa::{
    AccountHandle, Call, CallChange, CallId, CallState, Direction, Event, Incoming, ParkChange, Phase, Phone, Slot,
    Snapshot, Uri,
};
use std::collections::BTreeMap;
use std::future::Future;
use tokio::sync::mpsc;

/// What the line at the bottom is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    Dial,
    Transfer,
    Consult,
    PickUp,
}

impl Prompt {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::Transfer => "transfer to",
            Self::Consult => "consult",
            Self::PickUp => "take from slot",
        }
    }
}

pub(crate) struct App {
    phone: Phone,
    me: AccountHandle,
    /// Calls that ring here.
    ringing: BTreeMap<CallId, Incoming>,
    selected: Option<CallId>,
    pub(crate) prompt: Option<(Prompt, String)>,
    /// The newest word about anything; stays until the next.
    pub(crate) message: String,
    over: bool,
    outcomes_in: mpsc::Sender<String>,
    pub(crate) outcomes: mpsc::Receiver<String>,
}

impl App {
    pub(crate) fn new(phone: Phone, me: AccountHandle) -> Self {
        let (outcomes_in, outcomes) = mpsc::channel(64);
        let message = "ready".to_owned();
        let ringing = BTreeMap::new();
        Self { phone, me, ringing, selected: None, prompt: None, message, over: false, outcomes_in, outcomes }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.phone.snapshot()
    }

    /// The calls that are over, newest first.
    pub(crate) fn finished(&self) -> Vec<Entry> {
        self.phone.call_log().recent(&Query { limit: 6, ..Query::default() })
    }

    /// The call that the keys are for: the one chosen, else the one that rings, else the live one, else any.
    pub(crate) fn current(&self, calls: &[CallState]) -> Option<CallId> {
        let chosen = self.selected.filter(|id| calls.iter().any(|call| call.id == *id));
        let best = |call: &&CallState| (call.phase == Phase::Ringing, call.phase == Phase::Active && !call.held);
        chosen.or_else(|| calls.iter().max_by_key(best).map(|call| call.id))
    }

    pub(crate) fn event(&mut self, event: Event) {
        match event {
            Event::Incoming(incoming) => {
                self.message = match incoming.recall() {
                    Some(slot) => format!("{} rings back from {slot}", incoming.from()),
                    None => format!("{} calls", name(incoming.state())),
                };
                self.ringing.insert(incoming.id(), incoming);
            }
            Event::Call { id, change } => {
                if let CallChange::Ended(_) = change {
                    self.ringing.remove(&id);
                }
                if let Some(words) = words(&change) {
                    self.message = format!("call {id}: {words}");
                }
            }
            Event::Park { call, change } => {
                let what = match change {
                    ParkChange::Parked => return,
                    ParkChange::Retrieved => "was taken",
                    ParkChange::Left => "is not there any more",
                    ParkChange::RingingBack => "rings back",
                    ParkChange::TimedOut => "is no longer there",
                    ParkChange::GivenUp => "hung up",
                    _ => return,
                };
                self.message = format!("{} in {} {what}", call.party, call.slot);
            }
            Event::Account { state, .. } => self.message = format!("{state:?}"),
            Event::AudioDevice { lost } => {
                self.message = if lost { "the sound device is gone" } else { "the sound device is back" }.to_owned();
            }
            _ => {}
        }
    }

    pub(crate) fn outcome(&mut self, outcome: String) {
        self.message = outcome;
    }

    pub(crate) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            self.over = true;
            return;
        }
        match self.prompt.take() {
            Some((prompt, text)) => self.edit(prompt, text, key.code),
            None => self.command(key.code),
        }
    }

    fn edit(&mut self, prompt: Prompt, mut text: String, code: KeyCode) {
        match code {
            KeyCode::Enter if !text.is_empty() => return self.carry_out(prompt, &text),
            KeyCode::Enter | KeyCode::Esc => return,
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(letter) if text.len() < 64 => text.push(letter),
            _ => {}
        }
        self.prompt = Some((prompt, text));
    }

    fn command(&mut self, code: KeyCode) {
        let snapshot = self.snapshot();
        let current = self.current(&snapshot.calls).and_then(|id| snapshot.calls.iter().find(|call| call.id == id));
        match code {
            KeyCode::Char('q') => self.over = true,
            KeyCode::Char('d') => self.prompt = Some((Prompt::Dial, String::new())),
            KeyCode::Char('u') => self.prompt = Some((Prompt::PickUp, String::new())),
            KeyCode::Up | KeyCode::Down => self.select(&snapshot.calls, code == KeyCode::Down),
            KeyCode::Char('s') => {
                let phone = self.phone.clone();
                self.ask("swapped", async move { phone.swap().await });
            }
            KeyCode::Char('j') => self.join(&snapshot.calls),
            code => {
                if let Some(state) = current {
                    self.call_command(state, code);
                }
            }
        }
    }

    /// What a key does to one call.
    fn call_command(&mut self, state: &CallState, code: KeyCode) {
        let Some(call) = self.phone.call(state.id) else { return };
        match code {
            KeyCode::Enter => {
                if let Some(incoming) = self.ringing.remove(&state.id) {
                    self.ask("answered", async move { incoming.answer().await.map(drop) });
                }
            }
            KeyCode::Char('x') | KeyCode::Delete => self.ask("hung up", async move { call.hangup().await }),
            KeyCode::Char('h') if state.held => self.ask("talking again", async move { call.resume().await }),
            KeyCode::Char('h') => self.ask("on hold", async move { call.hold().await }),
            KeyCode::Char('m') if state.muted => self.ask("heard again", async move { call.unmute().await }),
            KeyCode::Char('m') => self.ask("muted", async move { call.mute().await }),
            KeyCode::Char('p') => self.park(call),
            KeyCode::Char('b') => self.ask("back", async move { call.come_back().await }),
            KeyCode::Char('v') => self.ask("alone with this call", async move { call.split().await }),
            KeyCode::Char('t') => self.prompt = Some((Prompt::Transfer, String::new())),
            KeyCode::Char('c') => self.prompt = Some((Prompt::Consult, String::new())),
            KeyCode::Char('f') => self.finish_transfer(state),
            KeyCode::Char(key @ ('0'..='9' | '*' | '#')) => {
                self.ask("", async move { call.press(key).await });
            }
            _ => {}
        }
    }

    fn park(&mut self, call: Call) {
        self.message = "parking: hanging up is held back until the slot is known".to_owned();
        let outcomes = self.outcomes_in.clone();
        tokio::spawn(async move {
            let said = match call.park().await {
                Ok(Slot::At(slot)) => format!("parked at {slot}"),
                Ok(Slot::Unknown) => "parked; listen for the number".to_owned(),
                Err(error) => error.to_string(),
            };
            let _ = outcomes.send(said).await;
        });
    }

    /// The consultation and the call that it is for, whichever of the two is chosen.
    fn finish_transfer(&mut self, state: &CallState) {
        let calls = self.snapshot().calls;
        let consultation = calls.iter().find(|call| call.consultation_for == Some(state.id));
        let pair = match (state.consultation_for, consultation) {
            (Some(customer), _) => Some((customer, state.id)),
            (None, Some(consultation)) => Some((state.id, consultation.id)),
            (None, None) => None,
        };
        let both = pair.and_then(|(one, other)| Some((self.phone.call(one)?, self.phone.call(other)?)));
        match both {
            Some((customer, target)) => {
                self.ask("transferred", async move { customer.transfer_to(&target).await });
            }
            None => self.message = "first consult somebody (c)".to_owned(),
        }
    }

    fn join(&mut self, calls: &[CallState]) {
        let active = calls.iter().filter(|call| call.phase == Phase::Active);
        let handles: Vec<Call> = active.filter_map(|call| self.phone.call(call.id)).collect();
        let phone = self.phone.clone();
        self.ask("all together", async move { phone.merge(&handles.iter().collect::<Vec<_>>()).await });
    }

    fn carry_out(&mut self, prompt: Prompt, text: &str) {
        let snapshot = self.snapshot();
        let current = self.current(&snapshot.calls).and_then(|id| self.phone.call(id));
        let (me, text) = (self.me.clone(), text.to_owned());
        if let Prompt::PickUp = prompt {
            return self.ask("taken", async move { me.pick_up(&text).await?.answered().await });
        }
        let to = match self.address(&text) {
            Ok(to) => to,
            Err(error) => return self.message = error,
        };
        match (prompt, current) {
            (Prompt::Dial, _) => self.ask("answered", async move { me.dial(to).await?.answered().await }),
            (Prompt::Transfer, Some(call)) => self.ask("transferred", async move { call.transfer(to).await }),
            (Prompt::Consult, Some(call)) => {
                self.ask("the target is there: f transfers, b goes back", async move {
                    call.consult(to).await?.answered().await
                });
            }
            (_, None) => self.message = "there is no call".to_owned(),
            (Prompt::PickUp, _) => {}
        }
    }

    /// A number at our own server, or a whole address.
    fn address(&self, text: &str) -> Result<Uri, String> {
        if let Ok(uri) = text.parse() {
            return Ok(uri);
        }
        let snapshot = self.snapshot();
        let me = snapshot.accounts.iter().find(|account| account.id == self.me.id());
        let host = me.and_then(|account| account.aor.to_string().split_once('@').map(|(_, host)| host.to_owned()));
        let host = host.ok_or("no account")?;
        format!("sip:{text}@{host}").parse().map_err(|_| format!("{text} is no number and no address"))
    }

    fn select(&mut self, calls: &[CallState], down: bool) {
        let at = self.current(calls).and_then(|id| calls.iter().position(|call| call.id == id));
        let Some(at) = at else { return };
        let next = if down { at + 1 } else { at + calls.len() - 1 } % calls.len();
        self.selected = Some(calls[next].id);
    }

    /// Asks the phone for something; how it went is told when it is agreed.
    fn ask(&self, done: &'static str, future: impl Future<Output = Result<(), denwa::Error>> + Send + 'static) {
        let outcomes = self.outcomes_in.clone();
        tokio::spawn(async move {
            let said = match future.await {
                Ok(()) if done.is_empty() => return,
                Ok(()) => done.to_owned(),
                Err(error) => error.to_string(),
            };
            let _ = outcomes.send(said).await;
        });
    }
}

/// Who is at the other end.
pub(crate) fn name(call: &CallState) -> String {
    if call.anonymous {
        return "anonymous".to_owned();
    }
    let address = call.remote.to_string();
    let number = address.split(['@', ':']).nth(1).unwrap_or(&address).to_owned();
    match &call.remote_name {
        Some(name) => format!("{name} ({number})"),
        None => number,
    }
}

/// Where a call is, in a word.
pub(crate) fn state(call: &CallState) -> &'static str {
    if call.transfer_wait.is_some() {
        return "transfer";
    }
    match (call.task, call.phase) {
        (Some(denwa::Task::Transfer), _) => "transferring",
        (Some(denwa::Task::Park), _) => "parking",
        (Some(denwa::Task::Parked), _) => "parked",
        (_, Phase::Calling) => "calling",
        (_, Phase::Ringing) if call.direction == Direction::Incoming => "rings",
        (_, Phase::Ringing) => "ringing",
        (_, Phase::EarlyMedia) => "early media",
        (_, Phase::Active) if call.bridged.is_some() => "joined",
        (_, Phase::Active) if call.held => "held",
        (_, Phase::Active) if call.remote_held => "holds us",
        (_, Phase::Active) if call.conference => "conference",
        (_, Phase::Active) => "talking",
        _ => "ending",
    }
}

fn words(change: &CallChange) -> Option<String> {
    Some(match change {
        CallChange::Identity(identity) => {
            format!("it is {} now", identity.name.as_deref().or(identity.number.as_deref()).unwrap_or("somebody"))
        }
        CallChange::TransferProgress { status } => format!("the target: {status}"),
        CallChange::TransferFailed { status: Some(status) } => format!("not transferred ({status}); h talks again"),
        CallChange::TransferFailed { status: None } => "not transferred; h talks again".to_owned(),
        CallChange::TransferRequested { .. } => "is being transferred by the other side".to_owned(),
        CallChange::HangUpHeldBack => "it hangs up when that is done; x once more does it now".to_owned(),
        CallChange::TransferWait(number) => format!("transfer to {number}_"),
        CallChange::TransferWaitOver => "the transfer by keys is over".to_owned(),
        CallChange::Ended(reason) => reason.to_string(),
        _ => return None,
    })
}
