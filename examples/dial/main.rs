//! Dials, and shows the call's life as it happens.
//!
//! Without arguments it needs nothing but itself: it starts a PBX of its own on loopback, registers, dials the echo, proves
//! that the sound came back, hangs up and unregisters. With a target it calls through a real server, under the keys.
mod demo;
mod real;

use denwa_examples::options::{HELP, Options};
use denwa_examples::screen::Screen;
use std::process::ExitCode;

const USAGE: &str = "\
Calls someone and shows the call's life.

  cargo run --example dial
      starts a PBX on loopback, calls its echo, proves that the sound comes back

  cargo run --example dial -- sip:600@127.0.0.1:5160 --account sip:1001@127.0.0.1:5160 --password TEXT
      calls through a server; keys: h hold, m mute, 0-9 * # DTMF, q hang up

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
            eprintln!("dial: {error}; --help tells more");
            return ExitCode::from(2);
        }
    };
    let mut screen = Screen::default();
    let outcome = match options.target.clone() {
        Some(target) => real::run(&mut screen, &options, target).await,
        None => demo::run(&mut screen, &options).await,
    };
    drop(screen); // ends the status line
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dial: {error}");
            ExitCode::FAILURE
        }
    }
}
