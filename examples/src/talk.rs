//! A call on the screen and under the keys.
use crate::keys::Key;
use crate::screen::{Screen, call_line};
use denwa::{Call, CallChange, Error, Registration};
use tokio::task::JoinSet;

/// One call that the user sees and steers.
#[derive(Debug)]
pub struct Talk {
    call: Call,
    /// What was asked and is not agreed yet. The screen goes on meanwhile.
    asked: JoinSet<Result<(), Error>>,
}

impl Talk {
    /// Takes the keys and the screen for this call.
    #[must_use]
    pub fn new(call: Call) -> Self {
        Self { call, asked: JoinSet::new() }
    }

    /// The call.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Does what a key means; the answer comes by [`refusal`](Self::refusal) or as a change.
    pub fn key(&mut self, key: Key) {
        let call = self.call.clone();
        let Some(state) = call.state() else { return };
        self.asked.spawn(async move {
            match key {
                Key::Hold if state.held => call.resume().await,
                Key::Hold => call.hold().await,
                Key::Mute if state.muted => call.unmute().await,
                Key::Mute => call.mute().await,
                Key::Digit(digit) => call.dtmf(digit.to_string().parse()?).await,
                Key::Quit | Key::Interrupt => call.hangup().await,
            }
        });
    }

    /// The next thing that was asked and not granted. Safe to drop while it waits.
    pub async fn refusal(&mut self) -> Error {
        loop {
            match self.asked.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Writes the status line.
    pub fn show(&self, screen: &mut Screen) {
        if let Some(state) = self.call.state() {
            screen.status(call_line(&state));
        }
    }
}

/// A change as a line; `None` for what the status line shows anyway.
#[must_use]
pub fn change_line(change: &CallChange) -> Option<String> {
    Some(match change {
        CallChange::Ringing => "ringing".into(),
        CallChange::EarlyMedia => "sound before the answer".into(),
        CallChange::Answered => "answered".into(),
        CallChange::Codec(codec) => format!("codec {codec}"),
        CallChange::Held => "on hold".into(),
        CallChange::Resumed => "taken back".into(),
        CallChange::HoldRefused { status } => format!("the other side did not agree to the hold ({status})"),
        CallChange::RemoteHeld => "the other side holds us".into(),
        CallChange::RemoteResumed => "the other side took us back".into(),
        CallChange::Muted(true) => "microphone off".into(),
        CallChange::Muted(false) => "microphone on".into(),
        CallChange::Dtmf(digit) => format!("the other side pressed {digit}"),
        CallChange::Ended(reason) => format!("ended: {reason}"),
        _ => return None,
    })
}

/// A registration's state as a line.
#[must_use]
pub fn registration_line(state: &Registration) -> Option<String> {
    match state {
        Registration::Registered { expires_in } => Some(format!("registered for {} s", expires_in.as_secs())),
        Registration::Failed { status, reason, retry_in: Some(after) } => {
            Some(format!("not registered: {status} {reason}; next try in {} s", after.as_secs()))
        }
        Registration::Failed { status, reason, retry_in: None } => Some(format!("not registered: {status} {reason}")),
        Registration::Unregistered => Some("not registered any more".into()),
        _ => None,
    }
}
