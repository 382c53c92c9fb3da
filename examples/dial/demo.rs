//! A call that needs nothing but this program: the PBX of `denwa-lab` on loopback, and its echo.
use denwa::{Account, Audio, CallChange, Event, Events, Phone, Uri};
use denwa_examples::keys::Interrupts;
use denwa_examples::options::Options;
use denwa_examples::screen::{Screen, call_line};
use denwa_examples::sound;
use denwa_examples::talk::{change_line, registration_line};
use lab::pbx::{Config, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, interval, sleep_until};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The tone that goes out when there is no microphone.
const TONE: f64 = 440.0;
const TALK: Duration = Duration::from_secs(5);

pub(crate) async fn run(screen: &mut Screen, options: &Options) -> Outcome {
    let server = Server::start(Config::default())?;
    screen.line(format!("a PBX of our own listens at {}", server.addr()));
    let (phone, mut events, proof) = start(screen, options).await?;
    let mut interrupts = Interrupts::new()?;
    let outcome = tokio::select! {
        outcome = talk(screen, options, &phone, &mut events, server.addr()) => outcome,
        () = interrupts.next() => Err("interrupted".into()),
    };
    // Whatever the outcome: hangs up and unregisters. Recordings are whole afterwards.
    phone.shutdown().await;
    while let Some(event) = events.next().await {
        show(screen, &event);
    }
    let packets = outcome?;
    proof.check(screen, packets)
}

/// How the echo is proven.
enum Proof {
    /// By ear, and by the packets that came.
    Ear,
    /// By the tone in what was recorded; a given file is played instead of one.
    Files { tone: Option<PathBuf>, record: PathBuf, keep: bool },
}

async fn start(screen: &mut Screen, options: &Options) -> Result<(Phone, Events, Proof), Box<dyn std::error::Error>> {
    let builder = || Phone::builder().bind(options.bind.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
    let why = if options.wav.is_some() || options.record.is_some() || options.no_audio {
        None
    } else {
        match options.with_card(builder()).await? {
            Ok((phone, events)) => {
                screen.line("sound card: speak, and hear yourself");
                return Ok((phone, events, Proof::Ear));
            }
            Err(why) => Some(why),
        }
    };
    if let Some(why) = why {
        screen.line(format!("{why}: a tone of {TONE} Hz goes out, and a file takes what comes back"));
    }
    let folder = std::env::temp_dir();
    let own = |name: &str| folder.join(format!("denwa-dial-{}-{name}.wav", std::process::id()));
    let tone = match &options.wav {
        Some(_) => None,
        None => {
            let path = own("out");
            sound::write_tone(&path, TONE, 2)?;
            Some(path)
        }
    };
    let record = options.record.clone().unwrap_or_else(|| own("in"));
    let play = tone.clone().or_else(|| options.wav.clone());
    let (phone, events) = builder().audio(Audio::File { play, record: Some(record.clone()) }).start().await?;
    Ok((phone, events, Proof::Files { tone, record, keep: options.record.is_some() }))
}

/// The call on the screen; returns how many packets came back.
async fn talk(
    screen: &mut Screen,
    options: &Options,
    phone: &Phone,
    events: &mut Events,
    server: SocketAddr,
) -> Result<u64, Box<dyn std::error::Error>> {
    let steps = script(phone, options, server);
    tokio::pin!(steps);
    let mut tick = interval(Duration::from_secs(1));
    let mut packets = 0;
    loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => show(screen, &event),
            _ = tick.tick() => if let Some(call) = phone.snapshot().calls.first() {
                packets = call.quality.packets_received;
                screen.status(call_line(call));
            },
            done = &mut steps => return done.map(|()| packets),
        }
    }
}

/// What is done, one thing after the other.
async fn script(phone: &Phone, options: &Options, server: SocketAddr) -> Outcome {
    let uri = |user: &str| format!("sip:{user}@{server}").parse::<Uri>();
    let mut account = Account::new(uri("1001")?).password("secret1001");
    if let Some(transport) = options.transport {
        account = account.transport(transport);
    }
    let me = phone.register(account).await?;
    let call = me.dial(uri("600")?).await?;
    call.answered().await?;
    let talk = options.seconds.unwrap_or(TALK);
    let end = Instant::now() + talk;
    sleep_until(end - talk / 2).await;
    call.dtmf("42#".parse()?).await?;
    sleep_until(end - talk / 4).await;
    call.hold().await?;
    call.resume().await?;
    sleep_until(end).await;
    Ok(call.hangup().await?)
}

fn show(screen: &mut Screen, event: &Event) {
    let line = match event {
        Event::Account { state, .. } => registration_line(state),
        Event::Call { change: CallChange::Dtmf(digit), .. } => Some(format!("the echo of our digit {digit}")),
        Event::Call { change, .. } => change_line(change),
        _ => None,
    };
    if let Some(line) = line {
        screen.line(line);
    }
}

impl Proof {
    fn check(self, screen: &mut Screen, packets: u64) -> Outcome {
        match self {
            Self::Ear if packets == 0 => Err("the echo sent nothing back".into()),
            Self::Ear => {
                screen.line(format!("the echo sent {packets} packets back"));
                Ok(())
            }
            Self::Files { tone, record, keep } => {
                let heard = sound::listen_for(&record, TONE);
                for ours in tone.iter().chain((!keep).then_some(&record)) {
                    let _ = std::fs::remove_file(ours); // a temporary file that stays hurts nobody
                }
                let heard = heard?;
                if tone.is_none() {
                    screen.line(format!("{packets} packets came back"));
                    return Ok(());
                }
                if heard.seconds < 1.0 {
                    return Err(format!("the echo did not come back: {TONE} Hz for {} s only", heard.seconds).into());
                }
                let purity = heard.purity * 100.0;
                screen.line(format!("the echo came back: {TONE} Hz for {:.1} s, {purity:.0} % pure", heard.seconds));
                Ok(())
            }
        }
    }
}
