//! A call through a real server.
use denwa::{Call, CallChange, EndReason, Error, Event, Events, Phone, Reject, Uri};
use denwa_examples::keys::{Key, Keys};
use denwa_examples::options::Options;
use denwa_examples::screen::Screen;
use denwa_examples::talk::{Talk, change_line, registration_line};
use std::time::Duration;
use tokio::time::{Instant, interval, sleep_until};

type Outcome = Result<(), Box<dyn std::error::Error>>;

pub(crate) async fn run(screen: &mut Screen, options: &Options, target: Uri) -> Outcome {
    let (phone, mut events) = options.phone(|why| screen.line(why)).await?;
    let mut keys = Keys::open()?;
    let outcome = place(screen, options, target, &phone, &mut events, &mut keys).await;
    // Whatever the outcome: hangs up, unregisters.
    phone.shutdown().await;
    outcome
}

async fn place(
    screen: &mut Screen,
    options: &Options,
    target: Uri,
    phone: &Phone,
    events: &mut Events,
    keys: &mut Keys,
) -> Outcome {
    let account = match options.account() {
        None => None,
        Some(account) => tokio::select! {
            registered = phone.register(account) => Some(registered?),
            () = keys.quit() => return Ok(()),
        },
    };
    screen.line(format!("calling {target}"));
    let call = match &account {
        Some(account) => account.dial(target).await?,
        None => phone.dial(target).await?,
    };
    if follow(screen, options.seconds, call.clone(), events, keys).await == Follow::Interrupted {
        return Ok(());
    }
    match call.answered().await {
        // We gave up ourselves.
        Err(Error::Ended(EndReason::LocalHangup)) => Ok(()),
        other => Ok(other?),
    }
}

#[derive(PartialEq)]
enum Follow {
    Ended,
    /// The call goes on, and the phone is to be shut down.
    Interrupted,
}

/// Shows the call and does what the keys say until it is over.
async fn follow(
    screen: &mut Screen,
    limit: Option<Duration>,
    call: Call,
    events: &mut Events,
    keys: &mut Keys,
) -> Follow {
    let id = call.id();
    let mut talk = Talk::new(call);
    let mut tick = interval(Duration::from_secs(1));
    let mut until: Option<Instant> = None;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Call { id: which, change }) if which == id => {
                    if let Some(line) = change_line(&change) {
                        screen.line(line);
                    }
                    match change {
                        CallChange::Answered => until = limit.map(|limit| Instant::now() + limit),
                        CallChange::Ended(_) => return Follow::Ended,
                        _ => {}
                    }
                }
                Some(Event::Incoming(ring)) => {
                    screen.line(format!("{} calls too, and is told that we are busy", ring.from()));
                    let _ = ring.reject(Reject::Busy).await; // or it gave up first
                }
                Some(Event::Account { state, .. }) => {
                    if let Some(line) = registration_line(&state) {
                        screen.line(line);
                    }
                }
                Some(_) => {}
                None => return Follow::Ended,
            },
            key = keys.next() => match key {
                Key::Interrupt => return Follow::Interrupted,
                key => talk.key(key),
            },
            error = talk.refusal() => screen.line(error.to_string()),
            _ = tick.tick() => talk.show(screen),
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                until = None;
                talk.key(Key::Quit);
            }
        }
    }
}
