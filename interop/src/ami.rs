//! Asterisk's manager interface: what the PBX says beside SIP, and a way to make it call.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Result;

/// An event or a response: its fields by name.
pub type Block = BTreeMap<String, String>;

/// A signed-in connection. Events are kept until they are asked for.
#[derive(Debug)]
pub struct Ami {
    stream: TcpStream,
    buffer: Vec<u8>,
    seen: Vec<Block>,
}

impl Ami {
    /// Signs in at the Asterisk of the peers.
    pub async fn sign_in() -> Result<Self> {
        let stream = TcpStream::connect("127.0.0.1:5138").await?;
        let mut ami = Self { stream, buffer: Vec::new(), seen: Vec::new() };
        ami.action("Login", &[("Username", "dev"), ("Secret", "devsecret")]).await?;
        ami.wait("the sign-in", |block| block.get("Message").is_some_and(|text| text == "Authentication accepted"))
            .await?;
        Ok(ami)
    }

    /// Sends an action.
    pub async fn action(&mut self, name: &str, fields: &[(&str, &str)]) -> Result {
        let mut text = format!("Action: {name}\r\n");
        for (field, value) in fields {
            text.push_str(&format!("{field}: {value}\r\n"));
        }
        text.push_str("\r\n");
        self.stream.write_all(text.as_bytes()).await?;
        Ok(())
    }

    /// Ends all calls that Asterisk has: those of a test that failed would stay.
    pub async fn hang_up_all(&mut self) -> Result {
        self.action("Hangup", &[("Channel", "/^PJSIP.*$/")]).await?;
        self.wait("the hang-ups", |block| block.contains_key("Response")).await?;
        Ok(())
    }

    /// Makes Asterisk call a phone, and connects it with a number of the dialplan when it answers. Asterisk gives up
    /// after `ring`.
    pub async fn originate(&mut self, phone: &str, number: &str, ring: Duration) -> Result {
        let (channel, ring) = (format!("PJSIP/{phone}"), ring.as_millis().to_string());
        let fields = [
            ("Channel", channel.as_str()),
            ("Context", "internal"),
            ("Exten", number),
            ("Priority", "1"),
            ("Timeout", ring.as_str()),
            ("Async", "true"),
            ("CallerID", "Peers <5551234>"),
        ];
        self.action("Originate", &fields).await
    }

    /// The first block, of those that came and of those to come within 15 s, that is what is waited for.
    pub async fn wait(&mut self, what: &str, is_it: impl Fn(&Block) -> bool) -> Result<Block> {
        let search = async {
            let mut next = 0;
            loop {
                if let Some(found) = self.seen[next..].iter().position(&is_it) {
                    return Ok(self.seen.remove(next + found));
                }
                next = self.seen.len();
                self.read().await?;
            }
        };
        match timeout(Duration::from_secs(15), search).await {
            Ok(result) => result,
            Err(_) => Err(format!("Asterisk's manager did not tell of {what} in 15 s").into()),
        }
    }

    /// The next event of that name.
    pub async fn event(&mut self, name: &str) -> Result<Block> {
        self.wait(&format!("the event {name}"), |block| block.get("Event").is_some_and(|event| event == name)).await
    }

    async fn read(&mut self) -> Result {
        let mut chunk = vec![0; 16_384];
        let length = self.stream.read(&mut chunk).await?;
        if length == 0 {
            return Err("Asterisk closed the manager connection".into());
        }
        self.buffer.extend_from_slice(&chunk[..length]);
        while let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let block: Vec<u8> = self.buffer.drain(..end + 4).collect();
            let text = String::from_utf8_lossy(&block);
            let fields = text.split("\r\n").filter_map(|line| line.split_once(": "));
            self.seen.push(fields.map(|(name, value)| (name.to_string(), value.to_string())).collect());
        }
        Ok(())
    }
}
