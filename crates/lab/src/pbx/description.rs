//! Offer and answer of the services (RFC 3264): one audio stream, one encoding, and telephone events beside it.
//!
//! Not `sdp::answer`: the echo speaks encodings that it does not know, by sending back what comes.

use std::net::{IpAddr, SocketAddr};

use rand_core::Rng;
use sdp::codec::{Format, formats};
use sdp::session::{Direction, Lines, Media, Origin, SessionDescription};

#[cfg(test)]
mod tests;

/// What we are in a description.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) session_id: u64,
    /// Grows by one with each description of a session (RFC 3264 §8).
    pub(super) version: u64,
    pub(super) rtp: SocketAddr,
}

impl Local {
    pub(super) fn new(rtp: SocketAddr, rng: &mut impl Rng) -> Self {
        // 62 bits at most, so that every peer can keep it.
        Self { session_id: rng.next_u64() >> 2, version: 1, rtp }
    }
}

/// The stream that both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) remote_rtp: SocketAddr,
    pub(super) remote_rtcp: SocketAddr,
    pub(super) payload_type: u8,
    /// As the peer spells it.
    pub(super) encoding: String,
    /// In Hz.
    pub(super) clock_rate: u32,
    /// The numbers of RFC 4733 events.
    pub(super) events: Vec<u8>,
    /// What we do: the mirror image of what the peer does.
    pub(super) direction: Direction,
    /// All that was agreed, the first choice first and telephone events last.
    pub(super) formats: Vec<Format>,
}

impl Stream {
    /// The agreed encodings of voice.
    pub(super) fn voices(&self) -> impl Iterator<Item = &Format> {
        self.formats.iter().filter(|format| !format.is_telephone_event())
    }

    /// The same with another of the agreed encodings as the one to send.
    pub(super) fn sending(&self, format: &Format) -> Self {
        Self {
            payload_type: format.payload_type,
            encoding: format.encoding.clone(),
            clock_rate: format.clock_rate,
            ..self.clone()
        }
    }
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoStream {
    #[error("not a session description")]
    Malformed,
    #[error("no audio over RTP with an address")]
    NoAudio,
    #[error("no encoding in common")]
    NoEncoding,
}

/// Answers an offer with the first encoding of it that `speaks` knows by name.
pub(super) fn answer(
    local: Local,
    offer: &[u8],
    speaks: impl Fn(&str) -> bool,
) -> Result<(SessionDescription, Stream), NoStream> {
    answer_with(local, offer, |theirs| {
        theirs.iter().find(|format| speaks(&format.encoding)).cloned().into_iter().collect()
    })
}

/// Answers an offer with the encodings of it that `allowed` has, in the order that they have there.
pub(super) fn answer_from(
    local: Local,
    offer: &[u8],
    allowed: &[Format],
) -> Result<(SessionDescription, Stream), NoStream> {
    answer_with(local, offer, |theirs| common(theirs, allowed))
}

fn answer_with(
    local: Local,
    offer: &[u8],
    pick: impl Fn(&[Format]) -> Vec<Format>,
) -> Result<(SessionDescription, Stream), NoStream> {
    let offer = sdp::parse(offer).map_err(|_| NoStream::Malformed)?;
    let (slot, stream) = agree(&offer, pick)?;
    let mut media: Vec<_> = offer.media.iter().map(rejected).collect();
    media[slot] = audio(local, &offer.media[slot].proto, &stream.formats, stream.direction);
    Ok((describe(local, media), stream))
}

/// What somebody offers: the formats of their first stream that can be used.
pub(super) fn offered(offer: &[u8]) -> Result<Vec<Format>, NoStream> {
    let offer = sdp::parse(offer).map_err(|_| NoStream::Malformed)?;
    agree(&offer, <[Format]>::to_vec).map(|(_, stream)| stream.formats)
}

fn common(theirs: &[Format], allowed: &[Format]) -> Vec<Format> {
    let same = |allowed: &Format| theirs.iter().find(|format| format.same_encoding(allowed)).cloned();
    allowed.iter().filter_map(same).collect()
}

/// Our offer, for a caller that makes none.
pub(super) fn offer(local: Local, speaks: impl Fn(&str) -> bool) -> SessionDescription {
    offer_of(local, &ours(speaks))
}

/// Our offer of these formats.
pub(super) fn offer_of(local: Local, formats: &[Format]) -> SessionDescription {
    describe(local, vec![audio(local, "RTP/AVP", formats, Direction::SendRecv)])
}

/// What can be made here.
pub(super) fn ours(speaks: impl Fn(&str) -> bool) -> Vec<Format> {
    use sdp::Codec::{Opus, Pcma, Pcmu};
    let voices = [(96, Opus), (0, Pcmu), (8, Pcma)].map(|(number, codec)| Format::voice(number, codec));
    let known = voices.into_iter().filter(|format| speaks(&format.encoding));
    known.chain([Format::telephone_event(101, 8_000)]).collect()
}

/// Reads the answer to our offer.
pub(super) fn accept(answer: &[u8], speaks: impl Fn(&str) -> bool) -> Result<Stream, NoStream> {
    let first =
        |theirs: &[Format]| theirs.iter().find(|format| speaks(&format.encoding)).cloned().into_iter().collect();
    accept_with(answer, first)
}

/// Reads the answer to our offer, all of it.
pub(super) fn accept_all(answer: &[u8]) -> Result<Stream, NoStream> {
    accept_with(answer, <[Format]>::to_vec)
}

fn accept_with(answer: &[u8], pick: impl Fn(&[Format]) -> Vec<Format>) -> Result<Stream, NoStream> {
    let answer = sdp::parse(answer).map_err(|_| NoStream::Malformed)?;
    agree(&answer, pick).map(|(_, stream)| stream)
}

/// `pick` chooses among the voices of a stream; none of them is no stream.
fn agree(theirs: &SessionDescription, pick: impl Fn(&[Format]) -> Vec<Format>) -> Result<(usize, Stream), NoStream> {
    let mut failure = NoStream::NoAudio;
    for (slot, media) in theirs.media.iter().enumerate() {
        let plain = media.is("audio") && matches!(media.proto.as_str(), "RTP/AVP" | "RTP/AVPF") && media.port != 0;
        let address = theirs.connection(media).and_then(|connection| connection.ip());
        let (true, Some(address)) = (plain, address) else { continue };
        let (events, mut voices): (Vec<_>, Vec<_>) = formats(media).into_iter().partition(Format::is_telephone_event);
        voices.retain(|format| !format.is_comfort_noise());
        let mut kept = pick(&voices);
        let Some(first) = kept.first().cloned() else {
            failure = NoStream::NoEncoding;
            continue;
        };
        let numbers = events.iter().map(|format| format.payload_type).collect();
        kept.extend(events);
        // RFC 3264 §8.4: an address of zeros is a hold of old.
        let said = theirs.direction(media);
        let said = if address.is_unspecified() { said.and(Direction::SendOnly) } else { said };
        // RFC 3605.
        let rtcp = media.lines.value("rtcp").and_then(|value| value.split_whitespace().next()?.parse().ok());
        let stream = Stream {
            remote_rtp: SocketAddr::new(address, media.port),
            remote_rtcp: SocketAddr::new(address, rtcp.unwrap_or(media.port.wrapping_add(1))),
            payload_type: first.payload_type,
            encoding: first.encoding,
            clock_rate: first.clock_rate,
            events: numbers,
            direction: said.mirrored(),
            formats: kept,
        };
        return Ok((slot, stream));
    }
    Err(failure)
}

fn rejected(media: &Media) -> Media {
    Media { port: 0, port_count: None, lines: Lines::default(), ..media.clone() }
}

fn audio(local: Local, proto: &str, formats: &[Format], direction: Direction) -> Media {
    let mut lines = Lines::default();
    for format in formats {
        lines.push_attribute("rtpmap", Some(&format.rtpmap()));
        if let Some(parameters) = &format.parameters {
            lines.push_attribute("fmtp", Some(&format!("{} {parameters}", format.payload_type)));
        }
    }
    lines.push_attribute("ptime", Some("20"));
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

fn describe(local: Local, media: Vec<Media>) -> SessionDescription {
    let address = match local.rtp.ip() {
        IpAddr::V4(ip) => format!("IN IP4 {ip}"),
        IpAddr::V6(ip) => format!("IN IP6 {ip}"),
    };
    let mut lines = Lines::default();
    lines.push('s', "-");
    lines.push('c', &address);
    lines.push('t', "0 0");
    let (session_id, version) = (local.session_id.to_string(), local.version.to_string());
    let origin = Origin { username: "-".to_owned(), session_id, version, address };
    SessionDescription { origin, lines, media }
}
