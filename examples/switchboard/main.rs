//! A softphone in the terminal: calls, hold, park with its count-down, both transfers, conference, level meters, call log.
mod app;
mod draw;
mod world;

use app::App;
use crossterm::event::{Event as Input, read};
use denwa_examples::options::{HELP, Options};
use ratatui::DefaultTerminal;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::interval;

const USAGE: &str = "\
A softphone in the terminal.

  cargo run --example switchboard
      with a small PBX of its own on this machine: customers call, colleagues answer

  cargo run --example switchboard -- --account sip:1001@192.0.2.1 --password TEXT
      at a real server

Keys are shown on the screen.

";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_env() {
        Ok(options) if options.help => {
            print!("{USAGE}{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(options) => options,
        Err(error) => {
            eprintln!("switchboard: {error}; --help tells more");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut world = world::World::start(options).await?;
    let mut terminal = ratatui::try_init()?;
    let mut app = App::new(world.phone.clone(), world.me.clone());
    let outcome = serve(&mut terminal, &mut world, &mut app).await;
    ratatui::restore();
    world.stop().await;
    outcome
}

/// Keys, events of the phone, outcomes of what was asked; and a picture four times a second, for the clocks and meters.
async fn serve(
    terminal: &mut DefaultTerminal,
    world: &mut world::World,
    app: &mut App,
) -> Result<(), Box<dyn std::error::Error>> {
    // Reading keys blocks; the thread ends with the program.
    let (pressed, mut keys) = mpsc::channel(64);
    std::thread::spawn(move || {
        while let Ok(input) = read() {
            if pressed.blocking_send(input).is_err() {
                return;
            }
        }
    });
    let mut tick = interval(Duration::from_millis(250));
    while !app.is_over() {
        terminal.draw(|frame| draw::screen(frame, app))?;
        tokio::select! {
            key = keys.recv() => match key {
                Some(Input::Key(key)) => app.key(key),
                Some(_) => {}
                None => return Err("no keys can be read from this terminal".into()),
            },
            event = world.events.next() => match event {
                Some(event) => app.event(event),
                None => return Ok(()),
            },
            Some(outcome) = app.outcomes.recv() => app.outcome(outcome),
            _ = tick.tick() => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
    Ok(())
}
