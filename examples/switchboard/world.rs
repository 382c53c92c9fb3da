//! The phone, and without a server of one's own a small PBX with customers to talk to and a colleague who answers.
use denwa::{Account, AccountHandle, Audio, Codes, Event, Events, Keys, Phone, SlotSource};
use denwa_examples::options::Options;
use denwa_examples::sound;
use lab::pbx::{Config, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The customers of the demonstration: when they call after the start, and who they are.
const CUSTOMERS: [(Duration, &str); 2] = [(Duration::from_secs(2), "1004"), (Duration::from_secs(20), "1005")];
/// The colleague, who answers after so long.
const COLLEAGUE: (&str, Duration) = ("1003", Duration::from_secs(2));

pub(crate) struct World {
    pub(crate) phone: Phone,
    pub(crate) events: Events,
    pub(crate) me: AccountHandle,
    /// Of the demonstration.
    _server: Option<Server>,
}

impl World {
    pub(crate) async fn start(options: &Options) -> Outcome<Self> {
        match options.account() {
            Some(account) => {
                let (phone, events) = options.phone(|why| eprintln!("switchboard: {why}")).await?;
                let me = phone.register(switchboard(account)).await?;
                Ok(Self { phone, events, me, _server: None })
            }
            None => Self::demonstration(options).await,
        }
    }

    pub(crate) async fn stop(self) {
        self.phone.shutdown().await;
    }

    async fn demonstration(options: &Options) -> Outcome<Self> {
        let server = Server::start(Config::default())?;
        let (phone, events) = match phone(if options.no_audio { Audio::None } else { Audio::System }).await {
            Err(denwa::Error::Audio { .. }) => phone(Audio::None).await?,
            started => started?,
        };
        let me = phone.register(switchboard(account("1001", server.addr())?)).await?;
        for (after, user) in CUSTOMERS {
            tokio::spawn(customer(user, after, server.addr()));
        }
        tokio::spawn(colleague(server.addr()));
        Ok(Self { phone, events, me, _server: Some(server) })
    }
}

/// `*` and `#` hand a call over, and the slots 701 to 720 say who waits in them.
fn switchboard(account: Account) -> Account {
    account.keys(Keys::Local(Codes::default())).slots(SlotSource::DialogInfo(701..=720))
}

async fn phone(audio: Audio) -> Result<(Phone, Events), denwa::Error> {
    Phone::builder().bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).audio(audio).start().await
}

fn account(user: &str, server: SocketAddr) -> Result<Account, denwa::Error> {
    Ok(Account::new(format!("sip:{user}@{server}").parse()?).password(format!("secret{user}")))
}

/// Somebody who calls us and talks for as long as we like.
async fn customer(user: &'static str, after: Duration, server: SocketAddr) -> Result<(), denwa::Error> {
    let voice = std::env::temp_dir().join(format!("denwa-switchboard-{}-{user}.wav", std::process::id()));
    let audio = match sound::write_tone(&voice, 330.0, 2) {
        Ok(()) => Audio::File { play: Some(voice.clone()), record: None },
        Err(_) => Audio::None,
    };
    let (phone, _events) = phone(audio).await?;
    // It is read when it is opened.
    let _ = std::fs::remove_file(voice);
    let me = phone.register(account(user, server)?.display_name(format!("Customer {user}"))).await?;
    tokio::time::sleep(after).await;
    let call = me.dial(format!("sip:1001@{server}").parse()?).await?;
    call.ended().await;
    Ok(())
}

/// Somebody to transfer to.
async fn colleague(server: SocketAddr) -> Result<(), denwa::Error> {
    let (user, after) = COLLEAGUE;
    let (phone, mut events) = phone(Audio::None).await?;
    let _me = phone.register(account(user, server)?).await?;
    while let Some(event) = events.next().await {
        if let Event::Incoming(ring) = event {
            tokio::time::sleep(after).await;
            // Who gave up meanwhile is gone.
            let _ = ring.answer().await;
        }
    }
    Ok(())
}
