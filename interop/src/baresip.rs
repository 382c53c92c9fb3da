//! baresip, by its control socket: JSON in netstrings (`LENGTH:JSON,`).

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tone::Sound;
use crate::{Result, peers};

/// A baresip of the peers: `a` is 1001, speaks Opus, plays 440 Hz and answers when told; `b` is 1002, speaks PCMU,
/// plays 880 Hz and answers at once. It holds no call when it is made, and none when [`Baresip::hang_up`] returned.
#[derive(Debug)]
pub struct Baresip {
    name: &'static str,
    stream: TcpStream,
    buffer: Vec<u8>,
    seen: Vec<String>,
    since: SystemTime,
}

impl Baresip {
    /// The one that is 1001.
    pub async fn a() -> Result<Self> {
        Self::connect("baresip-a", 4441).await
    }

    /// The one that is 1002.
    pub async fn b() -> Result<Self> {
        Self::connect("baresip-b", 4442).await
    }

    async fn connect(name: &'static str, port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let since = SystemTime::now();
        let mut baresip = Self { name, stream, buffer: Vec::new(), seen: Vec::new(), since };
        baresip.command("hangupall", "").await?; // what a failed test left behind
        Ok(baresip)
    }

    /// Gives a command (`dial`, `accept`, `hold`, `resume`, `hangup`, `sndcode`) and waits until it is taken.
    pub async fn command(&mut self, command: &str, parameters: &str) -> Result {
        let json = format!(r#"{{"command":"{command}","params":"{parameters}","token":"{command}"}}"#);
        self.stream.write_all(format!("{}:{json},", json.len()).as_bytes()).await?;
        let token = format!(r#""token":"{command}""#);
        self.wait(&format!("the answer to {command}"), |text| {
            text.contains(r#""response":true"#) && text.contains(&token)
        })
        .await?;
        Ok(())
    }

    /// Waits for an event, such as `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED`; gives its JSON.
    pub async fn event(&mut self, kind: &str) -> Result<String> {
        let kind = format!(r#""type":"{kind}""#);
        self.wait(&kind, |text| text.contains(&kind)).await
    }

    /// Hangs up and waits until the call is gone.
    pub async fn hang_up(&mut self) -> Result {
        self.command("hangup", "").await?;
        self.event("CALL_CLOSED").await?;
        Ok(())
    }

    /// What it heard in its newest call since it was connected to; the call must be over.
    pub fn heard(&self) -> Result<Sound> {
        let folder = peers::state().join(self.name).join("rec");
        let mut newest: Option<(SystemTime, PathBuf)> = None;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let written = entry.metadata()?.modified()?;
            let heard = entry.file_name().to_string_lossy().ends_with("-dec.wav");
            if heard && written >= self.since && newest.as_ref().is_none_or(|(time, _)| written > *time) {
                newest = Some((written, entry.path()));
            }
        }
        let (_, path) = newest.ok_or_else(|| format!("{} recorded nothing in {}", self.name, folder.display()))?;
        Sound::read(&path)
    }

    async fn wait(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> Result<String> {
        let search = async {
            loop {
                if let Some(found) = self.seen.iter().position(|text| is_it(text)) {
                    return Ok(self.seen.remove(found));
                }
                self.read().await?;
            }
        };
        match timeout(Duration::from_secs(15), search).await {
            Ok(result) => result,
            Err(_) => Err(format!("{}: no {what} in 15 s; it said {:#?}", self.name, self.seen).into()),
        }
    }

    async fn read(&mut self) -> Result {
        let mut chunk = vec![0; 16_384];
        let length = self.stream.read(&mut chunk).await?;
        if length == 0 {
            return Err(format!("{} closed its control connection", self.name).into());
        }
        self.buffer.extend_from_slice(&chunk[..length]);
        while let Some(colon) = self.buffer.iter().position(|&byte| byte == b':') {
            let length: usize = std::str::from_utf8(&self.buffer[..colon])?.parse()?;
            if self.buffer.len() < colon + 1 + length + 1 {
                break;
            }
            let text = String::from_utf8_lossy(&self.buffer[colon + 1..colon + 1 + length]).into_owned();
            self.buffer.drain(..colon + 1 + length + 1);
            self.seen.push(text);
        }
        Ok(())
    }
}
