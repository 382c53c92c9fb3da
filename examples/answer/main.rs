//! Waits for calls and answers them.
use denwa::{Call, CallChange, CallId, Event, Events, Phone};
use denwa_examples::keys::{Key, Keys};
use denwa_examples::options::{HELP, Options};
use denwa_examples::screen::Screen;
use denwa_examples::talk::{Talk, change_line, registration_line};
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::interval;

const USAGE: &str = "\
Waits for calls and answers them.

  cargo run --example answer
      listens at a free port of this machine, for `dial -- sip:you@ADDRESS:PORT`

  cargo run --example answer -- --account sip:1002@127.0.0.1:5160 --password TEXT --wav music.wav
      registers, and plays a file to who calls

Keys, for the newest call: h hold, m mute, 0-9 * # DTMF, q hang up. Ctrl-C ends all, and so does q without a call.

";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_env() {
        Ok(options) if options.help => {
            print!("{USAGE}{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(options) if options.target.is_some() => {
            eprintln!("answer: takes no target, it waits; --help tells more");
            return ExitCode::from(2);
        }
        Ok(options) => options,
        Err(error) => {
            eprintln!("answer: {error}; --help tells more");
            return ExitCode::from(2);
        }
    };
    let mut screen = Screen::default();
    let outcome = run(&mut screen, &options).await;
    drop(screen); // ends the status line
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("answer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(screen: &mut Screen, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let (phone, mut events) = options.phone(|why| screen.line(why)).await?;
    for address in phone.local_addresses() {
        screen.line(format!("listening at {address}"));
    }
    let mut keys = Keys::open()?;
    let outcome = serve(screen, options, &phone, &mut events, &mut keys).await;
    phone.shutdown().await;
    outcome
}

async fn serve(
    screen: &mut Screen,
    options: &Options,
    phone: &Phone,
    events: &mut Events,
    keys: &mut Keys,
) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(account) = options.account() {
        tokio::select! {
            registered = phone.register(account) => drop(registered?),
            () = keys.quit() => return Ok(()),
        }
    }
    // The newest call is last, and has the keys.
    let mut talks: Vec<(CallId, Talk)> = Vec::new();
    let mut answering: JoinSet<Result<Call, denwa::Error>> = JoinSet::new();
    let mut limits: JoinSet<()> = JoinSet::new();
    let mut tick = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Incoming(ring)) => {
                    let name = ring.display_name().map(|name| format!(" ({name})")).unwrap_or_default();
                    screen.line(format!("{}{name} calls", ring.from()));
                    answering.spawn(ring.answer());
                }
                Some(Event::Call { id, change }) => {
                    if let Some(line) = change_line(&change) {
                        screen.line(format!("call {id}: {line}"));
                    }
                    if matches!(change, CallChange::Ended(_)) {
                        talks.retain(|(which, _)| *which != id);
                    }
                }
                Some(Event::Account { state, .. }) => {
                    if let Some(line) = registration_line(&state) {
                        screen.line(line);
                    }
                }
                Some(_) => {}
                None => return Ok(()),
            },
            Some(Ok(answered)) = answering.join_next() => match answered {
                // It may be over already; then its end was told above and there is nothing to steer.
                Ok(call) if call.state().is_some() => {
                    if let Some(limit) = options.seconds {
                        limits.spawn(hang_up_after(limit, call.clone()));
                    }
                    talks.push((call.id(), Talk::new(call)));
                }
                Ok(_) => {}
                Err(error) => screen.line(error.to_string()),
            },
            Some(_) = limits.join_next() => {}
            key = keys.next() => match (key, talks.last_mut()) {
                (Key::Interrupt, _) | (Key::Quit, None) => return Ok(()),
                (key, Some((_, talk))) => talk.key(key),
                (_, None) => {}
            },
            _ = tick.tick() => if let Some((_, talk)) = talks.last() { talk.show(screen) },
        }
    }
}

async fn hang_up_after(limit: Duration, call: Call) {
    tokio::time::sleep(limit).await;
    let _ = call.hangup().await; // or the phone was shut down first
}
