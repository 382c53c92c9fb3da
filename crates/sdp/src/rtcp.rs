//! Where RTCP goes and in which form: RFC 3605, RFC 5761, RFC 5506.
use crate::session::{Connection, Lines, Media, SessionDescription};
use std::net::SocketAddr;

/// RFC 5761 §4: on a shared port these payload types look like RTCP.
const MISTAKEN_FOR_RTCP: std::ops::RangeInclusive<u8> = 64..=95;

/// What a side says of RTCP beside its port. Each holds only if both sides say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RtcpTerms {
    /// `a=rtcp-mux`: it shares the port of RTP.
    pub(crate) mux: bool,
    /// `a=rtcp-rsize`: it need not begin with a report.
    pub(crate) reduced: bool,
}

impl RtcpTerms {
    /// What this stream's lines say. Both attributes are of the media level (RFC 5761 §8, RFC 5506 §7).
    pub(crate) fn read(media: &Media) -> Self {
        let says = |name| media.lines.value(name).is_some();
        Self { mux: says("rtcp-mux"), reduced: says("rtcp-rsize") }
    }

    pub(crate) fn write(self, lines: &mut Lines) {
        if self.mux {
            lines.push_attribute("rtcp-mux", None);
        }
        if self.reduced {
            lines.push_attribute("rtcp-rsize", None);
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { mux: self.mux && other.mux, reduced: self.reduced && other.reduced }
    }

    /// The same, with two ports where one of these payload types would be taken for RTCP on a shared one.
    pub(crate) fn beside(self, mut payload_types: impl Iterator<Item = u8>) -> Self {
        Self { mux: self.mux && !payload_types.any(|number| MISTAKEN_FOR_RTCP.contains(&number)), ..self }
    }

    /// What two descriptions of one exchange agree on for its audio; `None` if there is none in them.
    pub(crate) fn of_both(one: &SessionDescription, other: &SessionDescription) -> Option<Self> {
        let live = |media: &Media| media.is("audio") && media.port != 0;
        let (one, other) = one.media.iter().zip(&other.media).find(|(one, other)| live(one) && live(other))?;
        Some(Self::read(one).and(Self::read(other)))
    }
}

/// Where the peer receives RTCP on a port of its own: RFC 3605 §2.1, `a=rtcp:port [IN IP4 address]`, else above RTP.
pub(crate) fn address(media: &Media, rtp: SocketAddr) -> SocketAddr {
    let mut rtcp = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
    let Some((port, place)) = media.lines.value("rtcp").map(|text| text.split_once(' ').unwrap_or((text, ""))) else {
        return rtcp;
    };
    if let Some(port) = port.parse().ok().filter(|port| *port != 0) {
        rtcp.set_port(port);
        if let Some(ip) = Connection::read(place).as_ref().and_then(Connection::ip) {
            rtcp.set_ip(ip);
        }
    }
    rtcp
}
