//! The phone under test: `denwa` with a tone for a mouth and a recording for an ear.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use denwa::{
    Account, AccountHandle, Audio, Call, CallChange, CallId, Codec, EndReason, Event, Events, Incoming, ParkChange,
    ParkedCall, Transport, Uri,
};
use tokio::sync::{Notify, mpsc};

use crate::ear::{Ear, talk_and_listen};
use crate::peers::ASTERISK;
use crate::tone::Sound;
use crate::{Failure, Result};

/// What the phone's mouth says, in Hz, unless a test asks for another; no peer plays it.
pub const MOUTH: u32 = 660;

/// A phone on the loopback interface.
pub struct Phone {
    phone: denwa::Phone,
    account: Option<AccountHandle>,
    server: String,
    incoming: mpsc::UnboundedReceiver<Incoming>,
    parked: mpsc::UnboundedReceiver<(ParkedCall, ParkChange)>,
    changes: Arc<Changes>,
    ear: Ear,
}

#[derive(Default)]
struct Changes {
    all: Mutex<Vec<(CallId, CallChange)>>,
    more: Notify,
}

impl Phone {
    /// A phone without account that says [`MOUTH`] and speaks these codecs; of an empty list all.
    pub async fn start(codecs: &[Codec]) -> Result<Self> {
        Self::start_saying(codecs, MOUTH).await
    }

    /// The same with another tone.
    pub async fn start_saying(codecs: &[Codec], hz: u32) -> Result<Self> {
        log();
        let (device, ear) = talk_and_listen(hz);
        let builder = denwa::Phone::builder().audio(Audio::Custom(device)).codecs(codecs).bind("127.0.0.1:0".parse()?);
        let (phone, events) = builder.start().await?;
        let (ringing, incoming) = mpsc::unbounded_channel();
        let changes = Arc::new(Changes::default());
        let (parks, parked) = mpsc::unbounded_channel();
        tokio::spawn(sort(events, ringing, parks, Arc::clone(&changes)));
        Ok(Self { phone, account: None, server: ASTERISK.to_string(), incoming, parked, changes, ear })
    }

    /// A phone that is registered at Asterisk as this user.
    pub async fn of(user: &str, codecs: &[Codec]) -> Result<Self> {
        let mut phone = Self::start(codecs).await?;
        phone.register(ASTERISK, user, None).await?;
        Ok(phone)
    }

    /// A phone that is registered at Asterisk as this user, says that tone, and whose account is as `set` makes it.
    pub async fn with(user: &str, hz: u32, set: impl FnOnce(Account) -> Account) -> Result<Self> {
        let mut phone = Self::start_saying(&[], hz).await?;
        phone.register_as(ASTERISK, user, set).await?;
        Ok(phone)
    }

    /// Registers; `dial` goes to that server from now on.
    pub async fn register(&mut self, server: &str, user: &str, transport: Option<Transport>) -> Result {
        self.register_as(server, user, |account| match transport {
            Some(transport) => account.transport(transport),
            None => account,
        })
        .await
    }

    async fn register_as(&mut self, server: &str, user: &str, set: impl FnOnce(Account) -> Account) -> Result {
        let account = Account::new(format!("sip:{user}@{server}").parse()?).password(format!("secret{user}"));
        let account = set(account);
        self.server = server.to_string();
        self.account = Some(within("the registration", 10, self.phone.register(account)).await??);
        Ok(())
    }

    /// The account that it registered last.
    pub fn account(&self) -> &AccountHandle {
        self.account.as_ref().expect("registered before")
    }

    /// `denwa`'s own handle.
    pub fn inner(&self) -> &denwa::Phone {
        &self.phone
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.phone.local_addresses()[0]
    }

    /// A number at its server.
    pub fn uri(&self, number: &str) -> Result<Uri> {
        Ok(format!("sip:{number}@{}", self.server).parse()?)
    }

    /// Dials a number at its server.
    pub async fn dial(&self, number: &str) -> Result<Call> {
        Ok(self.account().dial(self.uri(number)?).await?)
    }

    /// Presses keys in a call, as fast as that goes.
    pub async fn press(&self, call: &Call, keys: &str) -> Result {
        for key in keys.chars() {
            call.press(key).await?;
        }
        Ok(())
    }

    /// Waits until a call has ended, and why.
    pub async fn ended(&self, call: &Call, seconds: u64) -> Result<EndReason> {
        within("the end of the call", seconds, call.ended()).await
    }

    /// Waits until an event of a parked call came.
    pub async fn park_change(&mut self, what: ParkChange, seconds: u64) -> Result<ParkedCall> {
        let search = async {
            while let Some((call, change)) = self.parked.recv().await {
                if change == what {
                    return Ok(call);
                }
            }
            Err("the phone ended".into())
        };
        within(&format!("{what:?}"), seconds, search).await?
    }

    /// Dials a number and waits until it has answered.
    pub async fn call(&self, number: &str) -> Result<Call> {
        let call = self.dial(number).await?;
        within("the answer", 10, call.answered()).await??;
        Ok(call)
    }

    /// Waits until somebody calls.
    pub async fn rings(&mut self) -> Result<Incoming> {
        within("an incoming call", 10, self.incoming.recv()).await?.ok_or_else(|| "the phone ended".into())
    }

    /// True if nobody called so far.
    pub fn is_silent(&mut self) -> bool {
        self.incoming.try_recv().is_err()
    }

    /// Waits until somebody calls, and answers.
    pub async fn answers(&mut self) -> Result<Call> {
        let ringing = self.rings().await?;
        Ok(within("the ACK", 10, ringing.answer()).await??)
    }

    /// Waits until that change of that call has come, now or before; a change is found once.
    pub async fn change(&self, call: &Call, what: &str, is_it: impl Fn(&CallChange) -> bool) -> Result<CallChange> {
        let search = async {
            loop {
                let more = self.changes.more.notified();
                {
                    let mut all = self.changes.all.lock().expect("no panic while it is held");
                    if let Some(found) = all.iter().position(|(id, change)| *id == call.id() && is_it(change)) {
                        return all.remove(found).1;
                    }
                }
                more.await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(15), search).await {
            Ok(change) => Ok(change),
            Err(_) => {
                let all = self.changes.all.lock().expect("no panic while it is held");
                let rest: Vec<_> = all.iter().filter(|(_, change)| !matches!(change, CallChange::Quality(_))).collect();
                Err(format!("no {what} in 15 s, but {rest:?}").into())
            }
        }
    }

    /// What its ear hears in the next so many seconds.
    pub async fn hears(&self, seconds: f64) -> Sound {
        self.ear.forget();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        self.ear.heard()
    }

    /// Hears a tone of so many Hz, now or within some seconds: a jitter buffer takes its time on a busy machine.
    pub async fn hears_tone(&self, expected: u32) -> Result {
        let mut verdict = Ok(());
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            verdict = is_tone("our phone", &self.hears(1.0).await, expected);
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }

    /// Hears nothing, once things have settled.
    pub async fn hears_nothing(&self) -> Result {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let level = self.hears(1.0).await.level();
        if level < 0.003 { Ok(()) } else { Err(format!("our phone hears something, level {level:.4}").into()) }
    }

    /// Hangs up what is left and unregisters.
    pub async fn stop(self) -> Result {
        within("the shutdown", 10, self.phone.shutdown()).await
    }
}

/// Fails unless the sound is that tone, to a quarter of a semitone.
pub fn is_tone(who: &str, sound: &Sound, expected: u32) -> Result {
    match sound.tone() {
        Some(hz) if f64::from(hz.abs_diff(expected)) <= f64::from(expected) * 0.015 => Ok(()),
        Some(hz) => Err(format!("{who} hears {hz} Hz, not {expected} Hz").into()),
        None => Err(format!(
            "{who} hears no tone, not {expected} Hz ({:.1} s, level {:.4})",
            sound.seconds(),
            sound.level()
        )
        .into()),
    }
}

/// Waits at most so many seconds.
pub async fn within<T>(what: &str, seconds: u64, future: impl Future<Output = T>) -> Result<T> {
    let limit = Duration::from_secs(seconds);
    tokio::time::timeout(limit, future).await.map_err(|_| Failure::from(format!("{what} did not come in {seconds} s")))
}

async fn sort(
    mut events: Events,
    ringing: mpsc::UnboundedSender<Incoming>,
    parks: mpsc::UnboundedSender<(ParkedCall, ParkChange)>,
    changes: Arc<Changes>,
) {
    while let Some(event) = events.next().await {
        match event {
            Event::Incoming(incoming) => drop(ringing.send(incoming)), // a test that is over does not listen
            Event::Park { call, change } => drop(parks.send((call, change))),
            Event::Call { id, change } => {
                changes.all.lock().expect("no panic while it is held").push((id, change));
                changes.more.notify_waiters();
            }
            _ => {}
        }
    }
}

/// `RUST_LOG=denwa=debug ./dev interop NAME` shows what the phone did.
fn log() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // Only the first test of the process sets it.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
