//! What a side must remember of its own descriptions in a dialog, RFC 3264 §8.
use crate::codec::{Format, formats};
use crate::rtcp::RtcpTerms;
use crate::session::{Lines, Media, Origin, SessionDescription, address};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The first dynamic payload type, RFC 3551 §6.
const FIRST_DYNAMIC: u8 = 96;
/// The last payload type.
const LAST_DYNAMIC: u8 = 127;

/// One side's descriptions in one dialog: the identity in `o=`, the last one sent, and what its payload types have meant,
/// and what was settled about RTCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    session_id: u64,
    sent: Option<SessionDescription>,
    meanings: BTreeMap<u8, Format>,
    rtcp: Option<RtcpTerms>,
}

impl History {
    /// A dialog without description so far. The session id should be unlike any other's; only its low 62 bits are used
    /// (RFC 3264 §5 wants a signed number of 64 bits with room to grow).
    pub fn new(session_id: u64) -> Self {
        Self { session_id: session_id & (u64::MAX >> 2), sent: None, meanings: BTreeMap::new(), rtcp: None }
    }

    /// The description sent last.
    pub fn sent(&self) -> Option<&SessionDescription> {
        self.sent.as_ref()
    }

    /// To be called with every description that is sent, refused ones too: the peer has seen its version.
    pub fn record(&mut self, ours: &SessionDescription) {
        for media in ours.media.iter().filter(|media| media.port != 0) {
            for format in formats(media) {
                self.meanings.entry(format.payload_type).or_insert(format);
            }
        }
        self.sent = Some(ours.clone());
    }

    /// To be called with both descriptions of each exchange that came to an agreement, whoever offered: what they settle
    /// about RTCP is what later ones of ours say. An answer of a fork that loses is replaced by that of the next.
    pub fn settle(&mut self, ours: &SessionDescription, theirs: &SessionDescription) {
        self.rtcp = RtcpTerms::of_both(ours, theirs).or(self.rtcp);
    }

    /// What was agreed last.
    pub(crate) fn rtcp_terms(&self) -> Option<RtcpTerms> {
        self.rtcp
    }

    /// Gives the description its `o=`: the last version if nothing else changed, else the next (RFC 3264 §8).
    pub(crate) fn versioned(&self, mut ours: SessionDescription) -> SessionDescription {
        ours.origin.session_id = self.session_id.to_string();
        ours.origin.version = "1".to_owned();
        if let Some(sent) = &self.sent {
            ours.origin.version.clone_from(&sent.origin.version);
            if ours != *sent {
                let version = sent.origin.version.parse().unwrap_or(0_u64);
                ours.origin.version = version.saturating_add(1).to_string();
            }
        }
        ours
    }

    /// The payload type that an offer should give a format: the one it has in the description sent last, else its usual
    /// one. Peers cope badly with a codec that moves, even where RFC 3264 §8.3.2 allows it.
    pub(crate) fn usual(&self, format: &Format) -> u8 {
        let sent = self.sent.iter().flat_map(|sent| &sent.media).filter(|media| media.port != 0).flat_map(formats);
        let before = sent.into_iter().find(|before| before.same_encoding(format));
        before.map_or(format.payload_type, |before| before.payload_type)
    }

    /// A payload type for a format of ours: the one wished if it never meant anything else in this dialog
    /// (RFC 3264 §8.3.2), else one that always meant this, else a free one. Adds it to those taken in this description.
    pub(crate) fn payload_type(&self, format: &Format, wished: u8, taken: &mut Vec<u8>) -> u8 {
        let usable = |number: u8| {
            !taken.contains(&number) && self.meanings.get(&number).is_none_or(|meaning| meaning.same_encoding(format))
        };
        let before =
            self.meanings.iter().filter(|(_, meaning)| meaning.same_encoding(format)).map(|(number, _)| *number);
        let number = std::iter::once(wished)
            .chain(before)
            .chain(FIRST_DYNAMIC..=LAST_DYNAMIC)
            .find(|number| usable(*number))
            // 32 numbers worn out by a peer that asks for another mapping each time: then the wish is the least evil.
            .unwrap_or(wished);
        taken.push(number);
        number
    }
}

/// A description of ours around its media; `o=` still to be versioned.
pub(crate) fn body(ip: IpAddr, media: Vec<Media>) -> SessionDescription {
    let mut lines = Lines::default();
    lines.push('s', "-");
    lines.push('c', address(ip));
    lines.push('t', "0 0");
    let origin =
        Origin { username: "-".to_owned(), session_id: "0".to_owned(), version: "0".to_owned(), address: address(ip) };
    SessionDescription { origin, lines, media }
}
