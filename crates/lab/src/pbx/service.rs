//! A call to a number that is a machine, or from one: one dialog and its sound.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use sip_core::endpoint::{Endpoint, Headers, OfferId, SessionEvent, SessionId};
use sip_core::header::Name;
use sip_core::message::Request;
use sip_core::method::Method;
use sip_core::status::StatusCode;

use super::config::Service;
use super::description::{self, Local, NoStream, Stream};
use super::port::{Hears, Port};
use super::sound::{KEYS, Sound, speaks};
use super::told;
use super::tone::{ANNOUNCEMENT, MUSIC, RINGING};
use crate::packet::Packet;

/// Keys of one call that are remembered.
const MAX_KEYS: usize = 256;

/// One call of a machine.
#[derive(Debug)]
pub(super) struct Attendant {
    session: SessionId,
    service: Service,
    /// The encodings that it may speak; all, if there are none.
    encodings: Vec<String>,
    local: Local,
    rng: ChaCha8Rng,
    sound: Option<Sound>,
    /// What the sound that has ended still had to send.
    last: VecDeque<Packet>,
    keys: String,
    state: State,
    /// Where the PBX hears SIP.
    here: Option<SocketAddr>,
    /// What it does by itself, and when.
    next: Option<(Instant, Step)>,
}

/// What a machine does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Says that it is somebody else.
    Rename,
    /// Sends the phone to another number.
    Refer,
    HangUp,
}

/// How long after the answer, and how long after that it hangs up.
const RENAME: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(3));
const REFER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The phone has called and is not answered; or the machine has, and the phone has not answered.
    Ringing,
    Talking,
    /// Our offer is in a 2xx; the ACK brings the answer.
    Offered,
    Over,
}

impl Attendant {
    /// Nothing happens before [`Attendant::begin`] or the answer of the phone that is called.
    pub(super) fn new(
        session: SessionId,
        service: Service,
        encodings: Vec<String>,
        local: Local,
        rng: ChaCha8Rng,
    ) -> Self {
        Self {
            session,
            service,
            encodings,
            local,
            rng,
            sound: None,
            last: VecDeque::new(),
            keys: String::new(),
            state: State::Ringing,
            here: None,
            next: None,
        }
    }

    /// The address that its own SIP addresses name.
    pub(super) fn set_here(&mut self, here: SocketAddr) {
        self.here = Some(here);
    }

    /// The offer of a machine that calls.
    pub(super) fn offer(local: Local, service: Service, encodings: &[String]) -> Bytes {
        description::offer(local, |name| knows(service, encodings, name)).to_string().into()
    }

    /// Treats the phone's INVITE as the service does.
    pub(super) fn begin(&mut self, now: Instant, endpoint: &mut Endpoint, offer: Option<Bytes>) {
        match self.service {
            Service::Refuse(status) => {
                let status = StatusCode::new(status).filter(|status| status.code() >= 300);
                self.refuse(now, endpoint, status.unwrap_or(StatusCode::DECLINE), cause(status));
            }
            Service::Redirect(_) => self.refuse(now, endpoint, StatusCode::TEMPORARILY_UNAVAILABLE, Vec::new()),
            Service::NoAnswer => told(endpoint.ring(now, self.session, StatusCode::RINGING, None)),
            Service::Echo
            | Service::Music
            | Service::Announcement
            | Service::EarlyMedia
            | Service::NewName
            | Service::Refer(_) => match offer {
                Some(offer) => self.take(now, endpoint, &offer),
                None if self.service == Service::EarlyMedia => {
                    told(endpoint.ring(now, self.session, StatusCode::RINGING, None));
                }
                None => {
                    self.state = State::Offered;
                    let offer = Self::offer(self.local, self.service, &self.encodings);
                    told(endpoint.accept(now, self.session, Some(offer), Vec::new()));
                }
            },
        }
    }

    /// It has lasted too long.
    pub(super) fn give_up(&mut self, now: Instant, endpoint: &mut Endpoint, called: bool) {
        if self.state == State::Ringing && called {
            self.refuse(now, endpoint, StatusCode::TEMPORARILY_UNAVAILABLE, Vec::new());
        } else {
            self.hang_up(now, endpoint);
        }
    }

    pub(super) fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking | State::Offered)
    }

    pub(super) fn rtp(&self) -> SocketAddr {
        self.local.rtp
    }

    /// RTP or RTCP for this call; whether it was a key.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &Packet) -> bool {
        let key = self.sound.as_mut().and_then(|sound| sound.handle_packet(now, packet));
        self.press(key);
        key.is_some()
    }

    /// A request within the call: an INFO may be a key.
    pub(super) fn handle_request(&mut self, request: &Request) {
        self.press(signal(request));
    }

    /// Its sound, for who goes on with it.
    pub(super) fn into_port(self) -> Port {
        let hears = match self.service {
            Service::Echo => Hears::Echo,
            Service::Announcement => Hears::Tune(ANNOUNCEMENT),
            _ => Hears::Tune(MUSIC),
        };
        Port::adopt(self.local, self.rng, self.sound, hears)
    }

    /// What it does.
    pub(super) fn service(&self) -> Service {
        self.service
    }

    /// The keys that the phone has pressed.
    pub(super) fn keys(&self) -> &str {
        &self.keys
    }

    fn press(&mut self, key: Option<char>) {
        self.keys.extend(key.filter(|key| KEYS.contains(*key) && self.keys.len() < MAX_KEYS));
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Packet> {
        self.last.pop_front().or_else(|| self.sound.as_mut()?.poll_transmit())
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let next = self.next.map(|(due, _)| due);
        self.sound.as_ref().map(Sound::poll_timeout).into_iter().chain(next).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, endpoint: &mut Endpoint) {
        if let Some((_, step)) = self.next.take_if(|(due, _)| *due <= now) {
            self.take_step(now, endpoint, step);
        }
        let Some(sound) = &mut self.sound else { return };
        sound.handle_timeout(now);
        if sound.is_over() && self.state == State::Talking {
            self.hang_up(now, endpoint);
        }
    }

    fn take_step(&mut self, now: Instant, endpoint: &mut Endpoint, step: Step) {
        let Some(here) = self.here else { return };
        match step {
            Step::Rename => {
                let headers = vec![(Name::PAssertedIdentity, format!("\"New Name\" <sip:4242@{here}>"))];
                told(endpoint.update(now, self.session, None, headers));
                self.next = Some((now + RENAME.1, Step::HangUp));
            }
            Step::Refer => {
                let Service::Refer(number) = self.service else { return };
                let headers = vec![
                    (Name::ReferTo, format!("<sip:{number}@{here}>")),
                    (Name::ReferredBy, format!("<sip:619@{here}>")),
                ];
                let _ = endpoint.request(now, self.session, Method::Refer, headers, None);
            }
            Step::HangUp => self.hang_up(now, endpoint),
        }
    }

    pub(super) fn handle(&mut self, now: Instant, endpoint: &mut Endpoint, event: SessionEvent) {
        if matches!(event, SessionEvent::Acknowledged { .. }) && self.next.is_none() {
            self.next = match self.service {
                Service::NewName => Some((now + RENAME.0, Step::Rename)),
                Service::Refer(_) => Some((now + REFER.0, Step::Refer)),
                _ => None,
            };
        }
        match event {
            SessionEvent::Answered { sdp, .. } => match sdp.map(|sdp| self.accept(now, &sdp)) {
                Some(Ok(())) => self.state = State::Talking,
                Some(Err(_)) | None => self.hang_up(now, endpoint),
            },
            SessionEvent::Acknowledged { sdp } if self.state == State::Offered => {
                match sdp.map(|sdp| self.accept(now, &sdp)) {
                    Some(Ok(())) => self.state = State::Talking,
                    Some(Err(_)) | None => self.hang_up(now, endpoint),
                }
            }
            SessionEvent::Offer { id, sdp, .. } => self.reoffered(now, endpoint, id, sdp),
            SessionEvent::Cancelled { .. }
            | SessionEvent::Bye { .. }
            | SessionEvent::Refused { .. }
            | SessionEvent::Ended => {
                self.end(now);
            }
            _ => {}
        }
    }

    /// Answers the INVITE's offer, or plays into the ringing.
    fn take(&mut self, now: Instant, endpoint: &mut Endpoint, offer: &[u8]) {
        let agreed = description::answer(self.local, offer, |name| knows(self.service, &self.encodings, name));
        let (answer, stream) = match agreed {
            Ok(agreed) => agreed,
            Err(why) => return self.refuse(now, endpoint, status_of(why), Vec::new()),
        };
        if !self.start(now, stream) {
            return self.refuse(now, endpoint, StatusCode::NOT_ACCEPTABLE_HERE, Vec::new());
        }
        let answer = Some(answer.to_string().into());
        if self.service == Service::EarlyMedia {
            told(endpoint.ring(now, self.session, StatusCode::SESSION_PROGRESS, answer));
        } else {
            self.state = State::Talking;
            told(endpoint.accept(now, self.session, answer, Vec::new()));
        }
    }

    fn reoffered(&mut self, now: Instant, endpoint: &mut Endpoint, id: OfferId, sdp: Option<Bytes>) {
        self.local.version += 1;
        let Some(sdp) = sdp else {
            self.state = State::Offered;
            let offer = Self::offer(self.local, self.service, &self.encodings);
            return told(endpoint.answer_offer(now, self.session, id, offer));
        };
        let agreed = description::answer(self.local, &sdp, |name| knows(self.service, &self.encodings, name));
        if let Ok((answer, stream)) = agreed
            && self.start(now, stream)
        {
            return told(endpoint.answer_offer(now, self.session, id, answer.to_string().into()));
        }
        told(endpoint.refuse_offer(now, self.session, id, StatusCode::NOT_ACCEPTABLE_HERE));
    }

    fn accept(&mut self, now: Instant, answer: &[u8]) -> Result<(), NoStream> {
        let stream = description::accept(answer, |name| knows(self.service, &self.encodings, name))?;
        if self.start(now, stream) { Ok(()) } else { Err(NoStream::NoEncoding) }
    }

    /// Begins to sound, or goes on with what has changed.
    fn start(&mut self, now: Instant, stream: Stream) -> bool {
        if let Some(sound) = &mut self.sound {
            return sound.renegotiate(stream);
        }
        let (here, rng) = (self.local.rtp, self.rng.clone());
        self.sound = match self.service {
            Service::Echo => Some(Sound::echo(now, here, stream, rng)),
            Service::Music => Sound::play(now, here, stream, MUSIC, rng),
            Service::Announcement => Sound::play(now, here, stream, ANNOUNCEMENT, rng),
            Service::EarlyMedia => Sound::play(now, here, stream, RINGING, rng),
            Service::NewName | Service::Refer(_) => Sound::play(now, here, stream, MUSIC, rng),
            Service::NoAnswer | Service::Refuse(_) | Service::Redirect(_) => None,
        };
        self.sound.is_some()
    }

    fn refuse(&mut self, now: Instant, endpoint: &mut Endpoint, status: StatusCode, headers: Headers) {
        self.end(now);
        told(endpoint.refuse(now, self.session, status, headers));
    }

    pub(super) fn hang_up(&mut self, now: Instant, endpoint: &mut Endpoint) {
        if self.state == State::Over {
            return;
        }
        self.end(now);
        told(endpoint.hang_up(now, self.session, vec![(Name::Reason, "Q.850;cause=16".to_owned())]));
    }

    fn end(&mut self, now: Instant) {
        self.state = State::Over;
        if let Some(sound) = self.sound.take() {
            self.last = sound.end(now);
        }
    }
}

/// The key of an INFO, in the words that PBXs have for it.
pub(super) fn signal(request: &Request) -> Option<char> {
    let relay =
        request.value(&Name::ContentType).is_some_and(|kind| kind.eq_ignore_ascii_case("application/dtmf-relay"));
    if request.method() != Method::Info || !relay {
        return None;
    }
    let body = request.body();
    String::from_utf8_lossy(&body).lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "Signal").then(|| value.trim().chars().next())?
    })
}

/// Whether a service speaks an encoding: the echo all, the others those that can be made here.
fn knows(service: Service, encodings: &[String], name: &str) -> bool {
    let allowed = encodings.is_empty() || encodings.iter().any(|known| known.eq_ignore_ascii_case(name));
    allowed && (service == Service::Echo || speaks(name))
}

fn status_of(why: NoStream) -> StatusCode {
    match why {
        NoStream::Malformed => StatusCode::BAD_REQUEST,
        NoStream::NoAudio | NoStream::NoEncoding => StatusCode::NOT_ACCEPTABLE_HERE,
    }
}

/// The Q.850 cause that PBXs send with it.
fn cause(status: Option<StatusCode>) -> Headers {
    match status.map(StatusCode::code) {
        Some(486 | 600) => vec![(Name::Reason, "Q.850;cause=17".to_owned())],
        _ => Vec::new(),
    }
}
