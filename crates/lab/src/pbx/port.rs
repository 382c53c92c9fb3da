//! The sound of one leg: an RTP port of ours, what was agreed for it, and what the phone hears there.
//!
//! ```text
//!  RTP in ──► keys ──► relay: payload types as the other side numbers them ──► the other leg's port ──► RTP out
//!                                   Sound: music, a tone, an echo ─────────────────────────────────────► RTP out
//! ```
//! What is relayed keeps its SSRC, sequence and timestamps, so RTCP passes unchanged too.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rtp_rs::RtpReader;
use sdp::codec::Format;

use super::description::{self, Local, NoStream, Stream};
use super::sound::{self, KEYS, Sound, speaks};
use super::tone::Tune;
use crate::packet::Packet;

/// Packets that wait to be polled; more are dropped.
const MAX_QUEUE: usize = 64;

/// What a phone hears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hears {
    Nothing,
    /// The leg that it talks to.
    Other,
    Tune(Tune),
    /// Itself.
    Echo,
}

/// What came in from the phone.
#[derive(Debug)]
pub(super) enum Heard {
    Nothing,
    /// Sound, or a key that goes on, in these formats.
    Rtp(Bytes),
    Rtcp(Bytes),
    /// The first packet of a key: swallow it by [`Port::swallow`], or pass it on.
    Key(char, Bytes),
}

/// One RTP port.
#[derive(Debug)]
pub(super) struct Port {
    local: Local,
    rng: ChaCha8Rng,
    stream: Option<Stream>,
    /// A description of ours is out.
    described: bool,
    hears: Hears,
    sound: Option<Sound>,
    /// The timestamp of the last key: all packets of one have the same (RFC 4733 §2.2).
    last_key: Option<u32>,
    swallowed: Option<u32>,
    out: VecDeque<Packet>,
}

impl Port {
    pub(super) fn new(rtp: SocketAddr, mut rng: ChaCha8Rng) -> Self {
        let local = Local::new(rtp, &mut rng);
        Self {
            local,
            rng,
            stream: None,
            described: false,
            hears: Hears::Nothing,
            sound: None,
            last_key: None,
            swallowed: None,
            out: VecDeque::new(),
        }
    }

    /// A port that sounds already.
    pub(super) fn adopt(local: Local, rng: ChaCha8Rng, sound: Option<Sound>, hears: Hears) -> Self {
        let stream = sound.as_ref().map(|sound| sound.stream().clone());
        Self {
            local,
            rng,
            stream,
            described: true,
            hears,
            sound,
            last_key: None,
            swallowed: None,
            out: VecDeque::new(),
        }
    }

    pub(super) fn rtp(&self) -> SocketAddr {
        self.local.rtp
    }

    /// What was agreed, once it was.
    pub(super) fn formats(&self) -> Option<&[Format]> {
        self.stream.as_ref().map(|stream| stream.formats.as_slice())
    }

    /// Whether the phone lets us send: it does not when it holds.
    pub(super) fn is_held(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| !stream.direction.sends())
    }

    /// Our offer of these formats.
    pub(super) fn offer(&mut self, formats: &[Format]) -> Bytes {
        self.describe();
        description::offer_of(self.local, formats).to_string().into()
    }

    /// Reads the answer to it.
    pub(super) fn accept(&mut self, now: Instant, answer: &[u8]) -> Result<(), NoStream> {
        let stream = description::accept_all(answer)?;
        self.agree(now, stream);
        Ok(())
    }

    /// Answers an offer, out of these formats if there are any, else out of all.
    pub(super) fn answer(&mut self, now: Instant, offer: &[u8], allowed: Option<&[Format]>) -> Result<Bytes, NoStream> {
        let all = description::offered(offer)?;
        let (_, stream) = description::answer_from(self.local, offer, allowed.unwrap_or(&all))?;
        self.describe();
        // Once more, with the version that it goes out with.
        let (answer, _) = description::answer_from(self.local, offer, allowed.unwrap_or(&all))?;
        self.agree(now, stream);
        Ok(answer.to_string().into())
    }

    /// RFC 3264 §8: each description after the first is one version newer.
    fn describe(&mut self) {
        if std::mem::replace(&mut self.described, true) {
            self.local.version += 1;
        }
    }

    fn agree(&mut self, now: Instant, stream: Stream) {
        self.stream = Some(stream);
        let Some(sound) = &mut self.sound else { return self.sing(now) };
        let kept = self.stream.as_ref().and_then(|stream| playable(self.hears, stream));
        if !kept.is_some_and(|stream| sound.renegotiate(stream)) {
            self.fall_silent(now);
            self.sing(now);
        }
    }

    /// What the phone hears from now on.
    pub(super) fn hear(&mut self, now: Instant, hears: Hears) {
        if self.hears != hears {
            self.fall_silent(now);
            self.hears = hears;
            self.sing(now);
        }
    }

    fn sing(&mut self, now: Instant) {
        let Some(stream) = self.stream.as_ref().and_then(|stream| playable(self.hears, stream)) else { return };
        let (here, rng) = (self.local.rtp, self.rng.clone());
        self.sound = match self.hears {
            Hears::Nothing | Hears::Other => None,
            Hears::Tune(tune) => Sound::play(now, here, stream, tune, rng),
            Hears::Echo => Some(Sound::echo(now, here, stream, rng)),
        };
    }

    fn fall_silent(&mut self, now: Instant) {
        if let Some(sound) = self.sound.take() {
            self.out.extend(sound.end(now));
        }
    }

    /// The tune has ended by itself.
    pub(super) fn is_over(&self) -> bool {
        self.sound.as_ref().is_some_and(Sound::is_over)
    }

    /// RTP or RTCP from the phone.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &Packet) -> Heard {
        let Some(stream) = &self.stream else { return Heard::Nothing };
        // Anybody can send to a port; only the host that we talk to is heard.
        if packet.from.ip() != stream.remote_rtp.ip() {
            return Heard::Nothing;
        }
        if let Some(sound) = &mut self.sound {
            sound.handle_packet(now, packet);
        }
        if sound::is_rtcp(&packet.bytes) {
            return Heard::Rtcp(packet.bytes.clone());
        }
        let Ok(rtp) = RtpReader::new(&packet.bytes) else { return Heard::Nothing };
        if !stream.events.contains(&rtp.payload_type()) {
            return Heard::Rtp(packet.bytes.clone());
        }
        let timestamp = rtp.timestamp();
        if self.swallowed == Some(timestamp) {
            return Heard::Nothing;
        }
        let key = rtp.payload().first().and_then(|event| KEYS.chars().nth((*event).into()));
        match key {
            Some(key) if self.last_key.replace(timestamp) != Some(timestamp) => Heard::Key(key, packet.bytes.clone()),
            Some(_) | None => Heard::Rtp(packet.bytes.clone()),
        }
    }

    /// The key that was heard last goes no further.
    pub(super) fn swallow(&mut self) {
        self.swallowed = self.last_key;
    }

    /// Sends on what another phone has sent, whose formats these are.
    pub(super) fn relay(&mut self, theirs: &[Format], bytes: &[u8]) {
        let Some(stream) = &self.stream else { return };
        let free = self.out.len() < MAX_QUEUE;
        if self.hears != Hears::Other || !stream.direction.sends() || !free || stream.remote_rtp.ip().is_unspecified() {
            return;
        }
        let Some(second) = bytes.get(1) else { return };
        let number = |format: &&Format| format.payload_type == second & 0x7f;
        let Some(format) = theirs.iter().find(number) else { return };
        let same = |ours: &&Format| ours.same_encoding(format);
        let exact = stream.formats.iter().find(|ours| same(ours) && ours.payload_type == format.payload_type);
        let Some(ours) = exact.or_else(|| stream.formats.iter().find(same)) else { return };
        let mut bytes = bytes.to_vec();
        bytes[1] = (bytes[1] & 0x80) | ours.payload_type;
        self.out.push_back(Packet::udp(self.local.rtp, stream.remote_rtp, bytes));
    }

    /// Sends on a report of the other phone's.
    pub(super) fn relay_report(&mut self, bytes: Bytes) {
        let Some(stream) = &self.stream else { return };
        if self.hears == Hears::Other && self.out.len() < MAX_QUEUE && !stream.remote_rtcp.ip().is_unspecified() {
            // RFC 3550 §11: the port above.
            let from = SocketAddr::new(self.local.rtp.ip(), self.local.rtp.port().saturating_add(1));
            self.out.push_back(Packet::udp(from, stream.remote_rtcp, bytes));
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(sound) = &mut self.sound {
            sound.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.sound.as_ref().map(Sound::poll_timeout)
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Packet> {
        self.out.pop_front().or_else(|| self.sound.as_mut()?.poll_transmit())
    }

    /// The last packets to send.
    pub(super) fn end(mut self, now: Instant) -> VecDeque<Packet> {
        self.fall_silent(now);
        self.out
    }
}

/// The stream with an encoding that can be made here; the echo needs none.
fn playable(hears: Hears, stream: &Stream) -> Option<Stream> {
    match hears {
        Hears::Nothing | Hears::Other => None,
        Hears::Echo => Some(stream.clone()),
        Hears::Tune(_) => stream.voices().find(|format| speaks(&format.encoding)).map(|format| stream.sending(format)),
    }
}
