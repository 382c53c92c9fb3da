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
    let offer = sdp::parse(offer).map_err(|_| NoStream::Malformed)?;
    let (slot, stream) = agree(&offer, speaks)?;
    let theirs = &offer.media[slot];
    let kept = |format: &Format| format.payload_type == stream.payload_type || format.is_telephone_event();
    let formats: Vec<Format> = formats(theirs).into_iter().filter(kept).collect();
    let mut media: Vec<_> = offer.media.iter().map(rejected).collect();
    media[slot] = audio(local, &theirs.proto, &formats, stream.direction);
    Ok((describe(local, media), stream))
}

/// Our offer, for a caller that makes none.
pub(super) fn offer(local: Local, speaks: impl Fn(&str) -> bool) -> SessionDescription {
    use sdp::Codec::{Opus, Pcma, Pcmu};
    let voices = [(96, Opus), (0, Pcmu), (8, Pcma)].map(|(number, codec)| Format::voice(number, codec));
    let known = voices.into_iter().filter(|format| speaks(&format.encoding));
    let formats: Vec<Format> = known.chain([Format::telephone_event(101, 8_000)]).collect();
    describe(local, vec![audio(local, "RTP/AVP", &formats, Direction::SendRecv)])
}

/// Reads the answer to our offer.
pub(super) fn accept(answer: &[u8], speaks: impl Fn(&str) -> bool) -> Result<Stream, NoStream> {
    let answer = sdp::parse(answer).map_err(|_| NoStream::Malformed)?;
    agree(&answer, speaks).map(|(_, stream)| stream)
}

fn agree(theirs: &SessionDescription, speaks: impl Fn(&str) -> bool) -> Result<(usize, Stream), NoStream> {
    let mut failure = NoStream::NoAudio;
    for (slot, media) in theirs.media.iter().enumerate() {
        let plain = media.is("audio") && matches!(media.proto.as_str(), "RTP/AVP" | "RTP/AVPF") && media.port != 0;
        let address = theirs.connection(media).and_then(|connection| connection.ip());
        let (true, Some(address)) = (plain, address) else { continue };
        let known = |format: &Format| !format.is_telephone_event() && speaks(&format.encoding);
        let all = formats(media);
        let events =
            all.iter().filter(|format| format.is_telephone_event()).map(|format| format.payload_type).collect();
        let Some(format) = all.into_iter().find(known) else {
            failure = NoStream::NoEncoding;
            continue;
        };
        // RFC 3264 §8.4: an address of zeros is a hold of old.
        let said = theirs.direction(media);
        let said = if address.is_unspecified() { said.and(Direction::SendOnly) } else { said };
        // RFC 3605.
        let rtcp = media.lines.value("rtcp").and_then(|value| value.split_whitespace().next()?.parse().ok());
        let stream = Stream {
            remote_rtp: SocketAddr::new(address, media.port),
            remote_rtcp: SocketAddr::new(address, rtcp.unwrap_or(media.port.wrapping_add(1))),
            payload_type: format.payload_type,
            encoding: format.encoding,
            clock_rate: format.clock_rate,
            events,
            direction: said.mirrored(),
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
