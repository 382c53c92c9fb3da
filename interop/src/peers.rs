//! The script `peers/peers`, for what has no connection of its own: sipp, the PJSIP phone, recordings.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Duration, timeout};

use crate::Result;
use crate::tone::Sound;

/// Asterisk's address for SIP, UDP and TCP.
pub const ASTERISK: &str = "127.0.0.1:5160";
/// Kamailio's address for SIP, UDP and TCP.
pub const KAMAILIO: &str = "127.0.0.1:5260";

/// The folder with recordings, logs and keys. `peers run`, in which the tests run, sets it.
pub fn state() -> PathBuf {
    std::env::var_os("PEERS_STATE").expect("run by `peers run`, as ./dev interop does").into()
}

fn script() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/peers"));
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// sipp calls a number as that user, plays 1,000 Hz in PCMA for 2.5 s and hangs up; returns when all went as its
/// scenario says.
pub async fn sipp_call(user: &str, number: &str) -> Result {
    let output = script().args(["sipp", "call", user, number]).output().await?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("sipp: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// What number 611 recorded; Asterisk fills its length in some time after the caller has hung up.
pub async fn recorded() -> Result<Sound> {
    let mut read = Sound::read(&recording());
    for _ in 0..50 {
        if read.as_ref().is_ok_and(|sound| sound.seconds() > 0.0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        read = Sound::read(&recording());
    }
    read
}

/// Removes what number 611 recorded before.
pub fn forget_recording() {
    // It need not be there.
    let _ = std::fs::remove_file(recording());
}

fn recording() -> PathBuf {
    state().join("asterisk/rec/611.wav")
}

/// The methods of the requests within a dialog that went through Kamailio so far.
pub fn proxied() -> Result<Vec<String>> {
    let log = std::fs::read_to_string(state().join("log/kamailio.log"))?;
    let methods = log.lines().filter_map(|line| line.split_once("within a dialog: "));
    Ok(methods.map(|(_, method)| method.trim().to_string()).collect())
}

/// A PJSIP phone that carries out a list of steps; `peers/pjsua2/ua.py` names them.
#[derive(Debug)]
pub struct Robot {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
}

impl Robot {
    /// Starts a phone as that user of that server.
    pub fn start(server: &str, user: &str, steps: &[&str]) -> Result<Self> {
        let mut command = script();
        command.arg("phone").arg(user).args(steps).env("PEERS_SERVER", server);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let log = BufReader::new(child.stdout.take().expect("piped")).lines();
        Ok(Self { child, log, said: Vec::new() })
    }

    /// Waits until its log has a line with these words.
    pub async fn says(&mut self, words: &str) -> Result {
        let search = async {
            while let Some(line) = self.log.next_line().await? {
                self.said.push(line.clone());
                if line.contains(words) {
                    return Ok(());
                }
            }
            Err::<(), crate::Failure>(format!("the PJSIP phone ended without {words:?}").into())
        };
        match timeout(Duration::from_secs(30), search).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("{error}; it said\n{}", self.said.join("\n")).into()),
            Err(_) => Err(format!("no {words:?} in 30 s; it said\n{}", self.said.join("\n")).into()),
        }
    }

    /// Waits for its end; an error if one of its steps failed.
    pub async fn finish(mut self) -> Result {
        let rest = async {
            while let Some(line) = self.log.next_line().await? {
                self.said.push(line);
            }
            Ok::<_, crate::Failure>(self.child.wait().await?.success())
        };
        match timeout(Duration::from_secs(40), rest).await {
            Ok(Ok(true)) => Ok(()),
            _ => Err(format!("the PJSIP phone failed; it said\n{}", self.said.join("\n")).into()),
        }
    }
}
