//! A far phone that a test tells what to do: one account, one call and one more that waits, G.711 and keys.
//!
//! It stands on the same [`Endpoint`] and `sdp` as the real phone, and on sound of its own: a sine that it sends, and what
//! it heard. See `tests/` of this crate for whole scenarios.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sdp::{Agreed, Codec, Direction, History, Local, SessionDescription};
use sip_core::endpoint::{
    AccountConfig, AccountId, Config, Endpoint, Flow, Headers, Invite, Misuse, SessionId, Transport,
};
use sip_core::header::Name;
use sip_core::message::Request;
use sip_core::method::Method;
use sip_core::status::StatusCode;
use sip_core::uri::{Host as UriHost, SipUri, Uri};

use crate::packet::{Packet, Protocol};
use crate::world::Host;

mod events;
mod voice;

use voice::Voice;

/// What a phone does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Rings, and answers after this long.
    Answer(Duration),
    /// Rings, until the test or the caller does something.
    Ring,
    /// Refuses with this status, 300 to 699.
    Refuse(u16),
    /// Says that it has moved to that number: 302.
    Redirect(u32),
}

/// Who a phone is.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// Its SIP address.
    pub here: SocketAddr,
    /// Its RTP port, at the same host; 4000 unless set. RTCP would be one above, and goes unread.
    pub rtp_port: u16,
    /// Where its registrar is.
    pub registrar: SocketAddr,
    /// Its user name there.
    pub user: String,
    /// Its password there.
    pub password: String,
    /// What it does when it is called.
    pub manner: Manner,
    /// The tone that it sends, in Hz.
    pub hertz: f32,
    /// How its SIP travels.
    pub protocol: Protocol,
    /// All its random values.
    pub seed: [u8; 32],
}

impl PhoneConfig {
    /// A phone of a default user of [`crate::pbx::Config`], that answers after a second and sends 440 Hz.
    pub fn new(here: SocketAddr, registrar: SocketAddr, user: &str) -> Self {
        let password = format!("secret{user}");
        let seed = std::array::from_fn(|at| user.as_bytes().get(at).copied().unwrap_or(0));
        Self {
            here,
            rtp_port: 4_000,
            registrar,
            user: user.to_owned(),
            password,
            manner: Manner::Answer(Duration::from_secs(1)),
            hertz: 440.0,
            protocol: Protocol::Udp,
            seed,
        }
    }
}

/// Where the call of a phone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// No call yet.
    Idle,
    /// It has called and hears nothing yet.
    Calling,
    /// It has called and the other side rings: 180 or 183.
    Ringback,
    /// It is called and rings.
    Ringing,
    /// Connected.
    Talking,
    /// It was refused with this status, or gave up: 487.
    Refused(u16),
    /// It was called and the caller gave up.
    Missed,
    /// Over in any other way: after the answer, or hung up here.
    Over,
}

/// Where the registration of a phone stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not registered.
    Away,
    /// Registered, for so long.
    Registered(Duration),
    /// Refused with this status; `permanent`: not tried again.
    Refused {
        /// The status.
        status: u16,
        /// It has stopped by itself.
        permanent: bool,
    },
}

/// A scripted phone. In a [`World`](crate::world::World) it is a [`Host`].
#[derive(Debug)]
pub struct Phone {
    config: PhoneConfig,
    endpoint: Endpoint,
    account: AccountId,
    standing: Standing,
    line: Line,
    leg: Option<Leg>,
    /// The call that waits beside the current one.
    waiting: Option<(Line, Leg)>,
    /// How its REFERs went, as it was told.
    reports: Vec<String>,
    /// The last INVITE that came.
    invited: Option<Request>,
    /// Why the last call ended, as the other side said.
    reasons: Vec<String>,
    rng: ChaCha8Rng,
}

#[derive(Debug)]
struct Leg {
    session: SessionId,
    rtp_port: u16,
    history: History,
    /// What we want; the other side may want less.
    wish: Direction,
    /// Our offer that has no answer yet.
    offered: Option<SessionDescription>,
    /// The caller's offer that we have not answered yet.
    asked: Option<Bytes>,
    agreed: Option<Agreed>,
    answer_at: Option<Instant>,
    /// Who the other side is, by P-Asserted-Identity (RFC 3325).
    other: Option<String>,
    voice: Voice,
}

impl Phone {
    /// A phone that does nothing yet.
    pub fn new(config: PhoneConfig) -> Self {
        let mut rng = ChaCha8Rng::from_seed(config.seed);
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut sip = Config::new(seed);
        sip.user_agent = "denwa-lab phone".to_owned();
        let mut endpoint = Endpoint::new(sip);
        let mut account = AccountConfig::new(address(&config.user, config.registrar));
        account.password = Some(config.password.clone());
        account.transport = Some(transport(config.protocol));
        let account = endpoint.add_account(account);
        Self {
            config,
            endpoint,
            account,
            standing: Standing::Away,
            line: Line::Idle,
            leg: None,
            waiting: None,
            reports: Vec::new(),
            invited: None,
            reasons: Vec::new(),
            rng,
        }
    }

    /// Registers.
    pub fn register(&mut self, now: Instant) {
        told(self.endpoint.register(now, self.account));
        self.settle(now);
    }

    /// Takes its binding away.
    pub fn unregister(&mut self, now: Instant) {
        told(self.endpoint.unregister(now, self.account));
        self.settle(now);
    }

    /// Calls a number of its registrar. A call that there was is forgotten.
    pub fn dial(&mut self, now: Instant, number: &str) {
        let mut history = History::new(self.rng.next_u64());
        let offer = sdp::offer(&self.local(), Direction::SendRecv, &history);
        history.record(&offer);
        self.invite(now, number, history, Some(offer), Vec::new());
    }

    /// Calls a number with further header fields.
    pub fn dial_with(&mut self, now: Instant, number: &str, headers: Headers) {
        let mut history = History::new(self.rng.next_u64());
        let offer = sdp::offer(&self.local(), Direction::SendRecv, &history);
        history.record(&offer);
        self.invite(now, number, history, Some(offer), headers);
    }

    /// Calls a number and lets the other side make the offer; its answer goes into the ACK (RFC 3261 §13.2.1).
    pub fn dial_without_offer(&mut self, now: Instant, number: &str) {
        let history = History::new(self.rng.next_u64());
        self.invite(now, number, history, None, Vec::new());
    }

    /// Calls a second number while the first call waits; [`Phone::swap`] changes between them.
    pub fn dial_second(&mut self, now: Instant, number: &str) {
        if let Some(leg) = self.leg.take() {
            self.waiting = Some((self.line, leg));
        }
        self.dial(now, number);
    }

    /// The call that waits becomes the current one, and the other way round.
    pub fn swap(&mut self) {
        if let Some((line, leg)) = self.waiting.take() {
            let old = std::mem::replace(&mut self.line, line);
            self.waiting = self.leg.replace(leg).map(|leg| (old, leg));
        }
    }

    /// Hands the current call over to a number: REFER (RFC 3515). `headers`: those of Refer-To, escaped (RFC 3261 §19.1.1).
    pub fn refer(&mut self, now: Instant, number: &str, headers: &str) {
        let Some(session) = self.leg.as_ref().map(|leg| leg.session) else { return };
        let mark = if headers.is_empty() { "" } else { "?" };
        let target = format!("<{}{mark}{headers}>", address(number, self.config.registrar));
        self.send_refer(now, session, target);
    }

    /// Hands the call that waits over to whom the current call is with, even while they ring: REFER with Replaces
    /// (RFC 3891).
    pub fn refer_to_current(&mut self, now: Instant, number: &str) {
        let sessions = self.waiting.as_ref().zip(self.leg.as_ref()).map(|((_, first), second)| (first, second));
        let Some((first, second)) = sessions.map(|(first, second)| (first.session, second.session)) else { return };
        let Some(replaces) = self.endpoint.replaces_value(second, false) else { return };
        let Uri::Sip(target) = address(number, self.config.registrar) else { return };
        let target = format!("<{}>", target.with_header("Require", "replaces").with_header("Replaces", &replaces));
        self.send_refer(now, first, target);
    }

    fn send_refer(&mut self, now: Instant, session: SessionId, refer_to: String) {
        let by = format!("<{}>", address(&self.config.user, self.config.registrar));
        let headers = vec![(Name::ReferTo, refer_to), (Name::ReferredBy, by)];
        let _ = self.endpoint.request(now, session, Method::Refer, headers, None);
        self.settle(now);
    }

    /// The Replaces value that asks the PBX to put a call in the place of the current one.
    pub fn replaces_value(&self) -> Option<String> {
        self.endpoint.replaces_value(self.leg.as_ref()?.session, false)
    }

    /// How its REFERs went, as it was told by NOTIFY: `100 Trying`, `200 OK`.
    pub fn reports(&self) -> &[String] {
        &self.reports
    }

    /// The last INVITE that came out of any call.
    pub fn invited_with(&self) -> Option<&Request> {
        self.invited.as_ref()
    }

    /// Why the last call that the other side ended was ended, as it said (RFC 3326).
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Where the call stands that waits.
    pub fn waiting_line(&self) -> Option<Line> {
        self.waiting.as_ref().map(|(line, _)| *line)
    }

    /// Answers the call that rings.
    pub fn answer(&mut self, now: Instant) {
        let local = self.local();
        let Some(leg) = self.leg.as_mut().filter(|_| self.line == Line::Ringing) else { return };
        leg.answer_at = None;
        let sdp = match leg.asked.take() {
            Some(offer) => leg.answer_to(&local, &offer),
            None => Some(leg.offer(&local)),
        };
        match sdp {
            Some(sdp) => told(self.endpoint.accept(now, leg.session, Some(sdp), Vec::new())),
            None => told(self.endpoint.refuse(now, leg.session, StatusCode::NOT_ACCEPTABLE_HERE, Vec::new())),
        }
        self.settle(now);
    }

    /// Ends the call, whatever its state.
    pub fn hang_up(&mut self, now: Instant) {
        if let Some(leg) = &mut self.leg {
            leg.voice.stop();
            told(self.endpoint.hang_up(now, leg.session, Vec::new()));
            if self.line == Line::Talking {
                self.line = Line::Over;
            }
        }
        self.settle(now);
    }

    /// Asks the other side to be silent and still.
    pub fn hold(&mut self, now: Instant) {
        self.reoffer(now, Direction::SendOnly);
    }

    /// Ends [`Phone::hold`].
    pub fn resume(&mut self, now: Instant) {
        self.reoffer(now, Direction::SendRecv);
    }

    /// Asks the other side for a new offer, by a re-INVITE without any.
    pub fn ask_for_offer(&mut self, now: Instant) {
        if let Some(leg) = &self.leg {
            told(self.endpoint.offer(now, leg.session, None));
        }
        self.settle(now);
    }

    /// Sends an INFO with that body.
    pub fn info(&mut self, now: Instant, content_type: &str, body: &'static str) {
        if let Some(leg) = &self.leg {
            let body = Some((content_type.to_owned(), Bytes::from_static(body.as_bytes())));
            let _ = self.endpoint.request(now, leg.session, Method::Info, Vec::new(), body);
        }
        self.settle(now);
    }

    /// Presses a key (`0` to `9`, `*`, `#`, `A` to `D`) for 100 ms, as RFC 4733 has it.
    pub fn press(&mut self, key: char) {
        if let Some(leg) = &mut self.leg {
            leg.voice.press(key);
        }
    }

    /// Its user name.
    pub fn user(&self) -> &str {
        &self.config.user
    }

    /// The tone that it sends, in Hz.
    pub fn hertz(&self) -> f32 {
        self.config.hertz
    }

    /// Changes what it does when it is called from now on.
    pub fn set_manner(&mut self, manner: Manner) {
        self.config.manner = manner;
    }

    /// Where the registration stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the registrar has it.
    pub fn is_registered(&self) -> bool {
        matches!(self.standing, Standing::Registered(_))
    }

    /// Where the call stands.
    pub fn line(&self) -> Line {
        self.line
    }

    /// Which way sound flows by agreement, seen from this phone.
    pub fn direction(&self) -> Option<Direction> {
        self.leg.as_ref()?.agreed.as_ref().map(|agreed| agreed.direction)
    }

    /// The name and address of the other side, as the PBX asserts it.
    pub fn other(&self) -> Option<&str> {
        self.leg.as_ref()?.other.as_deref()
    }

    /// RTP packets with sound that came in this call.
    pub fn packets_heard(&self) -> usize {
        self.leg.as_ref().map_or(0, |leg| leg.voice.packets())
    }

    /// The frequency of what was heard in the last second of sound; 0 for silence.
    pub fn hertz_heard(&self) -> f32 {
        self.leg.as_ref().map_or(0.0, |leg| leg.voice.hertz())
    }

    /// The keys that the other side pressed.
    pub fn keys_heard(&self) -> &str {
        self.leg.as_ref().map_or("", |leg| leg.voice.keys())
    }

    fn invite(
        &mut self,
        now: Instant,
        number: &str,
        history: History,
        offer: Option<SessionDescription>,
        headers: Headers,
    ) {
        let mut invite = Invite::new(address(number, self.config.registrar));
        invite.account = Some(self.account);
        invite.headers = headers;
        invite.offer = offer.as_ref().map(|offer| offer.to_string().into());
        let session = self.endpoint.invite(now, invite);
        let mut leg = self.new_leg(session, history);
        leg.offered = offer;
        self.leg = Some(leg);
        self.line = Line::Calling;
        self.settle(now);
    }

    fn reoffer(&mut self, now: Instant, wish: Direction) {
        let local = self.local();
        if let Some(leg) = &mut self.leg {
            leg.wish = wish;
            let offer = leg.offer(&local);
            told(self.endpoint.offer(now, leg.session, Some(offer)));
        }
        self.settle(now);
    }

    fn local(&self) -> Local {
        let mut local = Local::new(self.rtp());
        local.codecs = vec![Codec::Pcmu];
        // It sends no RTCP, and speaks in silence too.
        (local.rtcp_mux, local.rtcp_reduced, local.comfort_noise) = (false, false, false);
        local
    }

    fn rtp(&self) -> SocketAddr {
        // The call that waits keeps its port.
        let first = self.config.rtp_port;
        let free = self.waiting.as_ref().is_none_or(|(_, leg)| leg.rtp_port != first);
        let port = self.leg.as_ref().map_or(if free { first } else { first + 2 }, |leg| leg.rtp_port);
        SocketAddr::new(self.config.here.ip(), port)
    }

    fn new_leg(&mut self, session: SessionId, history: History) -> Leg {
        let voice = Voice::new(self.rtp(), self.config.hertz, &mut self.rng);
        let wish = Direction::SendRecv;
        let rtp_port = self.rtp().port();
        Leg {
            session,
            rtp_port,
            history,
            wish,
            offered: None,
            asked: None,
            agreed: None,
            answer_at: None,
            other: None,
            voice,
        }
    }
}

impl Leg {
    fn offer(&mut self, local: &Local) -> Bytes {
        let offer = sdp::offer(local, self.wish, &self.history);
        self.history.record(&offer);
        let text = offer.to_string().into();
        self.offered = Some(offer);
        text
    }

    fn answer_to(&mut self, local: &Local, offer: &[u8]) -> Option<Bytes> {
        let offer = sdp::parse(offer).ok()?;
        let (answer, agreed) = sdp::answer(local, self.wish, &self.history, &offer).ok()?;
        self.history.record(&answer);
        self.agreed = Some(agreed);
        Some(answer.to_string().into())
    }

    fn hear(&mut self, answer: Option<&Bytes>) {
        let answer = answer.and_then(|answer| sdp::parse(answer).ok());
        if let (Some(ours), Some(answer)) = (&self.offered, answer)
            && let Ok(agreed) = sdp::accept(ours, &answer)
        {
            self.agreed = Some(agreed);
        }
    }
}

impl Host for Phone {
    fn handle_packet(&mut self, now: Instant, packet: Packet) {
        if packet.to.port() != self.config.here.port() {
            let waiting = self.waiting.as_mut().map(|(_, leg)| leg);
            let mut legs = self.leg.iter_mut().chain(waiting);
            if let Some(leg) = legs.find(|leg| packet.to.port() == leg.rtp_port) {
                leg.voice.handle_packet(&packet);
            }
            return;
        }
        let flow = Flow { transport: transport(packet.protocol), local: self.config.here, remote: packet.from };
        match packet.protocol {
            Protocol::Udp => self.endpoint.handle_datagram(now, flow, packet.bytes),
            Protocol::Tcp => self.endpoint.handle_stream(now, flow, packet.bytes),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        if let Some((_, leg)) = &mut self.waiting {
            leg.voice.handle_timeout(now);
        }
        if let Some(leg) = &mut self.leg {
            leg.voice.handle_timeout(now);
            if leg.answer_at.is_some_and(|due| due <= now) {
                leg.answer_at = None;
                self.answer(now);
            }
        }
        self.settle(now);
    }

    fn poll_transmit(&mut self) -> Option<Packet> {
        if let Some(transmit) = self.endpoint.poll_transmit() {
            let (from, to) = (self.config.here, transmit.flow.remote);
            return Some(match transmit.flow.transport {
                Transport::Tcp => Packet::tcp(from, to, transmit.bytes),
                _ => Packet::udp(from, to, transmit.bytes),
            });
        }
        let waiting = self.waiting.as_mut().map(|(_, leg)| leg);
        self.leg.iter_mut().chain(waiting).find_map(|leg| leg.voice.poll_transmit())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let sip = self.endpoint.poll_timeout().map(|(due, _)| due);
        let leg = self.leg.as_ref();
        let voice = leg.and_then(|leg| leg.voice.poll_timeout());
        let answer = leg.and_then(|leg| leg.answer_at);
        let waiting = self.waiting.as_ref().and_then(|(_, leg)| leg.voice.poll_timeout());
        sip.into_iter().chain(waiting).chain(voice).chain(answer).min()
    }

    fn why(&self) -> String {
        format!("{:?}", self.endpoint.poll_timeout())
    }
}

fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp => Transport::Tcp,
    }
}

fn address(user: &str, at: SocketAddr) -> Uri {
    Uri::Sip(SipUri::new(UriHost::from(at.ip())).with_user(user).with_port(Some(at.port())))
}

/// A command that comes too late shows in the ladder by what is missing there.
fn told(result: Result<(), Misuse>) {
    if let Err(misuse) = result {
        tracing::debug!(%misuse, "a command came too late");
    }
}
