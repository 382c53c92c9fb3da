//! Offer and answer, RFC 3264 with RFC 6337, as pure functions over descriptions.
//!
//! ```text
//!   offerer                                        answerer
//!   offer() ──────────── description ────────────► answer() ── Agreed
//!   accept() ◄────────── description ─────────────────┘
//!      └── Agreed
//! ```
//! Each side keeps a [`History`] of the dialog and records in it every description that it sends.
use crate::codec::{Codec, Format, formats};
use crate::history::{History, body};
use crate::opus::OpusParameters;
use crate::rtcp::{self, RtcpTerms};
use crate::session::{Connection, Direction, Lines, Media, SessionDescription};
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;

/// The packet time where nobody asks for another: RFC 3551 §4.2.
pub const DEFAULT_PTIME: Duration = Duration::from_millis(20);

/// The clock in Hz of the comfort noise that is spoken here, that of payload type 13: RFC 3389 §4.
const NOISE_RATE: u32 = 8_000;

/// What this side can do: its sockets and its codecs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Local {
    /// Where RTP is received.
    pub rtp: SocketAddr,
    /// The port where RTCP is received, on the same address.
    pub rtcp_port: u16,
    /// Whether RTCP may share the port of RTP (RFC 5761).
    pub rtcp_mux: bool,
    /// Whether RTCP may come that does not begin with a report (RFC 5506).
    pub rtcp_reduced: bool,
    /// The voice codecs, most preferred first.
    pub codecs: Vec<Codec>,
    /// Whether comfort noise may take the place of silence (RFC 3389), beside codecs with a clock of 8000 Hz.
    pub comfort_noise: bool,
    /// Whether keys can be sent and received as RFC 4733 events.
    pub telephone_event: bool,
    /// What we like to receive of Opus.
    pub opus: OpusParameters,
    /// The packet time that we like to receive, 10 to 60 ms in steps of 10.
    pub ptime: Duration,
}

impl Local {
    /// A phone's usual abilities at this address: the codecs of [`Codec::USUAL`], keys, Opus with FEC, 20 ms, comfort noise,
    /// and RTCP on the port of RTP with whom it may share it, else on the next.
    pub fn new(rtp: SocketAddr) -> Self {
        Self {
            rtp,
            rtcp_port: rtp.port().saturating_add(1),
            rtcp_mux: true,
            rtcp_reduced: true,
            codecs: Codec::USUAL.to_vec(),
            comfort_noise: true,
            telephone_event: true,
            opus: OpusParameters { inband_fec: true, ..OpusParameters::default() },
            ptime: DEFAULT_PTIME,
        }
    }

    /// The clock rates that telephone-event needs: RFC 4733 §2.1 wants the rate of the voice it interrupts.
    fn event_rates(&self) -> Vec<u32> {
        let mut rates = Vec::new();
        for rate in self.codecs.iter().map(|codec| codec.clock_rate()) {
            if self.telephone_event && !rates.contains(&rate) {
                rates.push(rate);
            }
        }
        rates
    }

    /// What we say of RTCP: what we can, as long as nothing is agreed. After that, what was agreed stays (RFC 8829
    /// §5.2.2); to share the port is asked for at the beginning or not at all (RFC 5761 §5.1.1).
    fn rtcp_terms(&self, history: &History) -> RtcpTerms {
        let able = RtcpTerms { mux: self.rtcp_mux, reduced: self.rtcp_reduced };
        history.rtcp_terms().map_or(able, |agreed| agreed.and(able))
    }
}

/// What both sides have agreed, seen from ours: all that the audio path needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// Where to send RTP. Unspecified (`0.0.0.0`) where the peer named no place; `direction` then never sends.
    pub remote_rtp: SocketAddr,
    /// Where to send RTCP: `a=rtcp` (RFC 3605), the RTP port if multiplexed (RFC 5761), else the port above RTP.
    pub remote_rtcp: SocketAddr,
    /// Whether RTCP shares the port of RTP on both sides.
    pub rtcp_mux: bool,
    /// Whether RTCP may come that does not begin with a report (RFC 5506).
    pub rtcp_reduced: bool,
    /// What to send.
    pub send: Voice,
    /// Everything that may come; the peer may change between them at any time (RFC 3264 §6.1).
    pub receive: Vec<Voice>,
    /// The keys to send, if the peer takes them.
    pub send_events: Option<Events>,
    /// The keys that may come.
    pub receive_events: Vec<Events>,
    /// The payload type to send comfort noise with in silence (RFC 3389), if both named it and the voice that we send
    /// has its clock of 8000 Hz.
    pub send_noise: Option<u8>,
    /// The payload type that comfort noise may come with.
    pub receive_noise: Option<u8>,
    /// Our direction.
    pub direction: Direction,
    /// The length of the packets to send, in steps of 10 ms.
    pub ptime: Duration,
    /// Whether the peer's description says that it does not listen: `sendonly`, `inactive` or `c=0.0.0.0`. After our own
    /// offer or for a phone this is a hold (RFC 6337 §5.3).
    pub remote_hold: bool,
}

impl Agreed {
    /// The same, in another direction.
    #[must_use]
    pub fn directed(self, direction: Direction) -> Self {
        Self { direction, ..self }
    }
}

/// A voice codec with its payload type in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// 0 to 127; the two directions may use different numbers for the same codec.
    pub payload_type: u8,
    /// The codec.
    pub codec: Codec,
    /// What the receiving side said of Opus; the defaults for other codecs.
    pub opus: OpusParameters,
}

/// Telephone-event with its payload type in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// 0 to 127.
    pub payload_type: u8,
    /// Hz: the unit of the event's duration.
    pub clock_rate: u32,
}

/// Why a description cannot be answered or used. The peer is to blame; the SIP answer to an offer is 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unacceptable {
    /// No audio over plain RTP in it, or the peer turned it down with port 0.
    #[error("no audio over RTP")]
    NoAudio,
    /// Audio, but in no codec of ours.
    #[error("no common codec")]
    NoCommonCodec,
    /// Audio, but without an IP address to send it to.
    #[error("no IP address for the audio")]
    NoAddress,
}

/// Makes an offer. `direction` is what this side wants, not what was agreed before (RFC 6337 §5.1, §5.3).
///
/// In a dialog that has a description every slot stays in its place, the payload types keep their meaning, and the
/// version grows by one if anything differs (RFC 3264 §8). The caller records what it sends in the history.
pub fn offer(local: &Local, direction: Direction, history: &History) -> SessionDescription {
    let audio = audio(local, direction, "RTP/AVP", &offered_formats(local, history), local.rtcp_terms(history));
    let media = match history.sent() {
        None => vec![audio],
        Some(sent) => {
            let slot =
                our_audio(sent).or_else(|| sent.media.iter().position(|media| media.is("audio") && is_rtp(media)));
            let mut media: Vec<Media> = sent.media.iter().map(rejected).collect();
            match slot {
                Some(slot) => media[slot] = Media { proto: sent.media[slot].proto.clone(), ..audio },
                None => media.push(audio),
            }
            media
        }
    };
    history.versioned(body(local.rtp.ip(), media))
}

/// Answers an offer with one voice codec and its keys: of those in common the one that the offerer prefers, as RFC 3264
/// §6.1 recommends. All other streams are rejected with port 0 in their slots. `direction` is what this side wants.
///
/// # Errors
/// [`Unacceptable`] if no audio is possible; [`decline`] then makes a description for where one must be sent all the same.
pub fn answer(
    local: &Local,
    direction: Direction,
    history: &History,
    offer: &SessionDescription,
) -> Result<(SessionDescription, Agreed), Unacceptable> {
    let mut outcome = Err(Unacceptable::NoAudio);
    let before = history.sent().and_then(our_audio);
    // The stream that carried the audio so far is asked first.
    let slots = before.into_iter().chain((0..offer.media.len()).filter(|slot| Some(*slot) != before));
    for slot in slots.filter(|slot| *slot < offer.media.len()) {
        match answer_stream(local, direction, history, offer, &offer.media[slot]) {
            Ok((media, agreed)) => {
                let mut slots: Vec<Media> = offer.media.iter().map(rejected).collect();
                slots[slot] = media;
                return Ok((history.versioned(body(local.rtp.ip(), slots)), agreed));
            }
            Err(Unacceptable::NoAudio) => {}
            Err(why) => outcome = Err(why),
        }
    }
    outcome
}

/// The answer that rejects every stream: for an offer in a 2xx, whose ACK must carry an answer before the BYE
/// (RFC 3261 §13.2.2.4).
pub fn decline(local: &Local, history: &History, offer: &SessionDescription) -> SessionDescription {
    history.versioned(body(local.rtp.ip(), offer.media.iter().map(rejected).collect()))
}

/// Reads the answer to `ours`. Several codecs in it are fine: the first is sent, all that we offered may come.
///
/// # Errors
/// [`Unacceptable`] if the answer leaves no audio.
pub fn accept(ours: &SessionDescription, answer: &SessionDescription) -> Result<Agreed, Unacceptable> {
    let slot = our_audio(ours).ok_or(Unacceptable::NoAudio)?;
    let (mine, theirs) = (&ours.media[slot], answer.media.get(slot).ok_or(Unacceptable::NoAudio)?);
    if !theirs.is("audio") || theirs.port == 0 || !is_rtp(theirs) {
        return Err(Unacceptable::NoAudio);
    }
    let offered = formats(mine);
    let answered = answered_formats(theirs, &offered);
    let voice = |format: &Format| Some((voice(format)?, format.clone()));
    let common = |(_, format): &(Voice, Format)| offered.iter().any(|ours| ours.same_encoding(format));
    let (send, _) = answered.iter().filter_map(voice).find(common).ok_or(Unacceptable::NoCommonCodec)?;
    let events: Vec<Events> = events(&answered);
    let receive_events = self::events(&offered);
    let send_events = matching_events(&events, send.codec)
        .filter(|theirs| receive_events.iter().any(|ours| ours.clock_rate == theirs.clock_rate));
    let (send_noise, receive_noise) = noise(&answered).zip(noise(&offered)).unzip();
    let mut agreed = Agreed {
        send_events,
        receive_events,
        send_noise: send_noise.filter(|_| send.codec.clock_rate() == NOISE_RATE),
        receive_noise,
        receive: offered.iter().filter_map(self::voice).collect(),
        ptime: ptime(answer, theirs, send.codec, milliseconds(mine, "ptime")),
        ..peer(answer, theirs, send, RtcpTerms::read(mine))?
    };
    agreed.direction = agreed.direction.and(ours.direction(mine));
    Ok(agreed)
}

fn answer_stream(
    local: &Local,
    direction: Direction,
    history: &History,
    offer: &SessionDescription,
    theirs: &Media,
) -> Result<(Media, Agreed), Unacceptable> {
    if !theirs.is("audio") || theirs.port == 0 || !is_rtp(theirs) {
        return Err(Unacceptable::NoAudio);
    }
    let offered = formats(theirs);
    let send = offered
        .iter()
        .filter_map(voice)
        .find(|voice| local.codecs.contains(&voice.codec))
        .ok_or(Unacceptable::NoCommonCodec)?;
    let send_events =
        local.telephone_event.then(|| events(&offered)).and_then(|events| matching_events(&events, send.codec));
    // RFC 3389 §5: noise has the clock of the voice that it stands in for.
    let with_noise = local.comfort_noise && send.codec.clock_rate() == NOISE_RATE;
    let send_noise = noise(&offered).filter(|_| with_noise);
    let chosen = chosen_formats(local, history, send, send_noise, send_events);
    let terms = local.rtcp_terms(history).and(RtcpTerms::read(theirs));
    let terms = terms.beside(offered.iter().chain(&chosen).map(|format| format.payload_type));
    let mut agreed = Agreed {
        send_events,
        receive: chosen.iter().filter_map(voice).collect(),
        receive_events: events(&chosen),
        send_noise,
        receive_noise: noise(&chosen),
        ptime: ptime(offer, theirs, send.codec, Some(local.ptime.as_millis() as u64)),
        ..peer(offer, theirs, send, terms)?
    };
    agreed.direction = agreed.direction.and(direction);
    // RFC 6337 §5.4: c=0.0.0.0 stops what we send, it does not change the direction that the answer states.
    let stated = offer.direction(theirs).mirrored().and(direction);
    let ours = audio(local, stated, &theirs.proto, &chosen, terms);
    Ok((Media { kind: theirs.kind.clone(), ..ours }, agreed))
}

/// What the peer's description settles by itself. `direction` is what it leaves us.
fn peer(description: &SessionDescription, media: &Media, send: Voice, ours: RtcpTerms) -> Result<Agreed, Unacceptable> {
    let ip = description.connection(media).as_ref().and_then(Connection::ip).ok_or(Unacceptable::NoAddress)?;
    let theirs = description.direction(media);
    let theirs = Direction::new(theirs.sends(), theirs.receives() && !ip.is_unspecified());
    let RtcpTerms { mux: rtcp_mux, reduced: rtcp_reduced } = ours.and(RtcpTerms::read(media));
    let remote_rtp = SocketAddr::new(ip, media.port);
    Ok(Agreed {
        remote_rtp,
        // RFC 3264 §8.4: no RTCP either where the address is 0.0.0.0, whatever a=rtcp says.
        remote_rtcp: if rtcp_mux || ip.is_unspecified() { remote_rtp } else { rtcp::address(media, remote_rtp) },
        rtcp_mux,
        rtcp_reduced,
        send,
        receive: Vec::new(),
        send_events: None,
        receive_events: Vec::new(),
        send_noise: None,
        receive_noise: None,
        direction: theirs.mirrored(),
        ptime: DEFAULT_PTIME,
        remote_hold: !theirs.receives(),
    })
}

/// The packet time to send: what the peer likes (RFC 8866 §6.4), else what we do, in ms; within its `maxptime` and the codec's
/// frames.
fn ptime(description: &SessionDescription, media: &Media, codec: Codec, ours: Option<u64>) -> Duration {
    let read = |name| milliseconds(media, name).or_else(|| parsed(description.lines.value(name)?));
    let wanted = read("ptime").or(ours).unwrap_or(DEFAULT_PTIME.as_millis() as u64);
    let wanted = wanted.min(read("maxptime").unwrap_or(u64::MAX)).clamp(10, 60);
    Duration::from_millis(match codec {
        // RFC 7587 §4.2: a packet is one frame of 10, 20, 40 or 60 ms here.
        Codec::Opus => [60, 40, 20].into_iter().find(|frame| *frame <= wanted).unwrap_or(10),
        Codec::G722 | Codec::Pcmu | Codec::Pcma => wanted / 10 * 10,
    })
}

fn milliseconds(media: &Media, name: &str) -> Option<u64> {
    parsed(media.lines.value(name)?)
}

/// Some write 20.0.
fn parsed(text: &str) -> Option<u64> {
    text.split('.').next()?.trim().parse().ok().filter(|number| *number > 0)
}

/// Our own audio stream.
fn audio(local: &Local, direction: Direction, proto: &str, formats: &[Format], terms: RtcpTerms) -> Media {
    let mut lines = Lines::default();
    for format in formats {
        lines.push_attribute("rtpmap", Some(&format.rtpmap()));
        if let Some(parameters) = &format.parameters {
            lines.push_attribute("fmtp", Some(&format!("{} {parameters}", format.payload_type)));
        }
    }
    lines.push_attribute("ptime", Some(&local.ptime.as_millis().to_string()));
    terms.write(&mut lines);
    // RFC 3605 §2.1: only needed where it is not the port above RTP.
    if local.rtp.port().checked_add(1) != Some(local.rtcp_port) {
        lines.push_attribute("rtcp", Some(&local.rtcp_port.to_string()));
    }
    lines.push_attribute(direction.as_str(), None);
    Media {
        kind: "audio".to_owned(),
        port: local.rtp.port(),
        port_count: None,
        proto: proto.to_owned(),
        formats: formats.iter().map(|format| format.payload_type.to_string()).collect(),
        lines,
    }
}

/// RFC 3264 §6: a rejected stream keeps its medium, protocol and formats, and has port 0.
fn rejected(media: &Media) -> Media {
    // The grammar wants at least one format, even where the peer gave none.
    let formats = if media.formats.is_empty() { vec!["0".to_owned()] } else { media.formats.clone() };
    Media { port: 0, port_count: None, formats, lines: Lines::default(), ..media.clone() }
}

fn offered_formats(local: &Local, history: &History) -> Vec<Format> {
    let mut taken = Vec::new();
    let mut list = Vec::new();
    for codec in &local.codecs {
        let mut format = Format::voice(codec.default_payload_type(), *codec);
        format.payload_type = history.payload_type(&format, history.usual(&format), &mut taken);
        if *codec == Codec::Opus {
            format.parameters = opus_line(local);
        }
        list.push(format);
    }
    if local.comfort_noise && local.codecs.iter().any(|codec| codec.clock_rate() == NOISE_RATE) {
        let mut format = Format::comfort_noise();
        format.payload_type = history.payload_type(&format, history.usual(&format), &mut taken);
        list.push(format);
    }
    for rate in local.event_rates() {
        let mut format = Format::telephone_event(if rate == 8_000 { 101 } else { 100 }, rate);
        format.payload_type = history.payload_type(&format, history.usual(&format), &mut taken);
        list.push(format);
    }
    list
}

/// What our answer takes of an offer, each format under the number that the offerer gave it, if it is free.
fn chosen_formats(
    local: &Local,
    history: &History,
    send: Voice,
    noise: Option<u8>,
    events: Option<Events>,
) -> Vec<Format> {
    let mut voice = Format::voice(send.payload_type, send.codec);
    if send.codec == Codec::Opus {
        voice.parameters = opus_line(local);
    }
    let noise = noise.map(|payload_type| Format { payload_type, ..Format::comfort_noise() });
    let events = events.map(|events| Format::telephone_event(events.payload_type, events.clock_rate));
    let mut chosen: Vec<Format> = std::iter::once(voice).chain(noise).chain(events).collect();
    let mut taken = Vec::new();
    for format in &mut chosen {
        format.payload_type = history.payload_type(format, format.payload_type, &mut taken);
    }
    chosen
}

/// An answer's formats. A dynamic payload type that it does not explain means what our offer said of it.
fn answered_formats(theirs: &Media, offered: &[Format]) -> Vec<Format> {
    let known = formats(theirs);
    let word = |word: &String| word.parse::<u8>().ok();
    let find = |list: &[Format], number| list.iter().find(|format| format.payload_type == number).cloned();
    let explained = |number| find(&known, number).or_else(|| find(offered, number));
    let mut numbers: Vec<u8> = Vec::new();
    for number in theirs.formats.iter().filter_map(word) {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers.into_iter().filter_map(explained).collect()
}

fn voice(format: &Format) -> Option<Voice> {
    let codec = format.codec()?;
    let opus = if codec == Codec::Opus { format.opus() } else { OpusParameters::default() };
    Some(Voice { payload_type: format.payload_type, codec, opus })
}

fn events(formats: &[Format]) -> Vec<Events> {
    let events = formats.iter().filter(|format| format.is_telephone_event());
    events.map(|format| Events { payload_type: format.payload_type, clock_rate: format.clock_rate }).collect()
}

/// The payload type of the comfort noise that is spoken here.
fn noise(formats: &[Format]) -> Option<u8> {
    let ours = Format::comfort_noise();
    formats.iter().find(|format| format.same_encoding(&ours)).map(|format| format.payload_type)
}

/// RFC 4733 §2.1 wants the clock of the voice. Asterisk and baresip have only 8000 beside Opus, and mean it.
fn matching_events(events: &[Events], codec: Codec) -> Option<Events> {
    let at = |rate| events.iter().find(|events| events.clock_rate == rate).copied();
    at(codec.clock_rate()).or_else(|| at(8_000))
}

fn opus_line(local: &Local) -> Option<String> {
    Some(local.opus.to_string()).filter(|text| !text.is_empty())
}

/// The slot of our running audio in a description of ours.
fn our_audio(ours: &SessionDescription) -> Option<usize> {
    ours.media.iter().position(|media| media.is("audio") && media.port != 0)
}

/// Plain RTP. `RTP/AVPF` is taken too: without `a=rtcp-fb` it only loosens when RTCP may be sent (RFC 4585 §3).
fn is_rtp(media: &Media) -> bool {
    ["RTP/AVP", "RTP/AVPF"].iter().any(|proto| media.proto.eq_ignore_ascii_case(proto))
}

#[cfg(test)]
mod tests;
