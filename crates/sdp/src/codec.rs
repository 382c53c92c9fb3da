//! Payload types and what they mean: `a=rtpmap`, `a=fmtp` and the static table of RFC 3551.
use crate::opus::OpusParameters;
use crate::session::Media;

/// A voice codec that a phone of ours can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// RFC 7587, always `opus/48000/2`.
    Opus,
    /// `G722/8000`, RFC 3551 §4.5.2: its samples are 16000 a second, but its clock was once set down as 8000.
    G722,
    /// G.711 µ-law, `PCMU/8000`, RFC 3551 §4.5.14.
    Pcmu,
    /// G.711 A-law, `PCMA/8000`, RFC 3551 §4.5.14.
    Pcma,
}

impl Codec {
    /// Every codec, best first.
    pub const ALL: [Self; 4] = [Self::Opus, Self::G722, Self::Pcmu, Self::Pcma];
    /// What is offered unless somebody chooses, in this order.
    pub const USUAL: [Self; 3] = [Self::Opus, Self::Pcmu, Self::Pcma];

    /// The encoding name of `a=rtpmap`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "G722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The RTP clock in Hz.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// The channels that `a=rtpmap` names.
    pub fn channels(self) -> u8 {
        match self {
            Self::Opus => 2,
            Self::G722 | Self::Pcmu | Self::Pcma => 1,
        }
    }

    /// The payload type that we give it when nothing else is settled.
    pub fn default_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => 96,
        }
    }
}

/// One format of an RTP stream: a payload type and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// 0 to 127.
    pub payload_type: u8,
    /// The encoding name as written.
    pub encoding: String,
    /// The RTP clock in Hz.
    pub clock_rate: u32,
    /// 1 where `a=rtpmap` names none.
    pub channels: u8,
    /// What `a=fmtp` says of it.
    pub parameters: Option<String>,
}

impl Format {
    /// A voice codec's format as we would write it.
    pub fn voice(payload_type: u8, codec: Codec) -> Self {
        Self {
            payload_type,
            encoding: codec.name().to_owned(),
            clock_rate: codec.clock_rate(),
            channels: codec.channels(),
            parameters: None,
        }
    }

    /// A telephone-event format as we would write it: the 16 keys, RFC 4733 §2.4.1.
    pub fn telephone_event(payload_type: u8, clock_rate: u32) -> Self {
        Self {
            payload_type,
            encoding: "telephone-event".to_owned(),
            clock_rate,
            channels: 1,
            parameters: Some("0-15".to_owned()),
        }
    }

    /// Comfort noise as we would write it: payload type 13, RFC 3389 §4.
    pub fn comfort_noise() -> Self {
        Self { payload_type: 13, encoding: "CN".to_owned(), clock_rate: 8_000, channels: 1, parameters: None }
    }

    /// The voice codec this is, if it is one of ours. Opus is taken with any channel count: RFC 7587 §7 allows only 2, but
    /// some peers leave it out, and it changes nothing.
    pub fn codec(&self) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| {
            self.encoding.eq_ignore_ascii_case(codec.name())
                && self.clock_rate == codec.clock_rate()
                && (self.channels == codec.channels() || *codec == Codec::Opus)
        })
    }

    /// Whether this carries keys, RFC 4733.
    pub fn is_telephone_event(&self) -> bool {
        self.encoding.eq_ignore_ascii_case("telephone-event")
    }

    /// Whether this is comfort noise of any clock, RFC 3389. It stands in for silence and is no voice by itself.
    pub fn is_comfort_noise(&self) -> bool {
        self.encoding.eq_ignore_ascii_case("CN")
    }

    /// Whether both name the same encoding, whatever their payload types and parameters.
    pub fn same_encoding(&self, other: &Self) -> bool {
        match (self.codec(), other.codec()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => {
                self.encoding.eq_ignore_ascii_case(&other.encoding)
                    && self.clock_rate == other.clock_rate
                    && self.channels == other.channels
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// What it says of Opus; the defaults if it says nothing.
    pub fn opus(&self) -> OpusParameters {
        self.parameters.as_deref().map(OpusParameters::read).unwrap_or_default()
    }

    /// The value of `a=rtpmap`.
    pub fn rtpmap(&self) -> String {
        let Self { payload_type, encoding, clock_rate, channels, .. } = self;
        match channels {
            1 => format!("{payload_type} {encoding}/{clock_rate}"),
            _ => format!("{payload_type} {encoding}/{clock_rate}/{channels}"),
        }
    }
}

/// The formats of an RTP stream in the order of its `m=` line. A payload type without a meaning (dynamic, and no
/// `a=rtpmap`) is left out, and so is the second mention of one.
pub fn formats(media: &Media) -> Vec<Format> {
    let mut found: Vec<Format> = Vec::new();
    for word in &media.formats {
        let Some(payload_type) = word.parse::<u8>().ok().filter(|number| *number < 128) else { continue };
        if found.iter().any(|format| format.payload_type == payload_type) {
            continue;
        }
        let mapped = values_for(media, "rtpmap", payload_type).find_map(|text| rtpmap(payload_type, text));
        if let Some(mut format) = mapped.or_else(|| static_format(payload_type)) {
            format.parameters = values_for(media, "fmtp", payload_type).next().map(str::to_owned);
            found.push(format);
        }
    }
    found
}

/// The format that RFC 3551 §6 gives to a payload type for all time.
pub fn static_format(payload_type: u8) -> Option<Format> {
    let (_, encoding, clock_rate, channels) = STATIC.iter().find(|entry| entry.0 == payload_type)?;
    let (encoding, clock_rate, channels) = ((*encoding).to_owned(), *clock_rate, *channels);
    Some(Format { payload_type, encoding, clock_rate, channels, parameters: None })
}

/// RFC 3551 §6, tables 4 and 5. G722 says 8000 by an old mistake that is now the rule (§4.5.2).
const STATIC: [(u8, &str, u32, u8); 24] = [
    (0, "PCMU", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (5, "DVI4", 8_000, 1),
    (6, "DVI4", 16_000, 1),
    (7, "LPC", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (12, "QCELP", 8_000, 1),
    (13, "CN", 8_000, 1),
    (14, "MPA", 90_000, 1),
    (15, "G728", 8_000, 1),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
    (18, "G729", 8_000, 1),
    (25, "CelB", 90_000, 1),
    (26, "JPEG", 90_000, 1),
    (28, "nv", 90_000, 1),
    (31, "H261", 90_000, 1),
    (32, "MPV", 90_000, 1),
    (33, "MP2T", 90_000, 1),
    (34, "H263", 90_000, 1),
];

fn values_for<'a>(media: &'a Media, name: &'a str, payload_type: u8) -> impl Iterator<Item = &'a str> {
    media.lines.values(name).filter_map(move |value| {
        let (number, rest) = value.split_once([' ', '\t'])?;
        (number.parse() == Ok(payload_type)).then_some(rest.trim())
    })
}

fn rtpmap(payload_type: u8, text: &str) -> Option<Format> {
    let mut parts = text.split('/').map(str::trim);
    let encoding = parts.next().filter(|name| !name.is_empty())?.to_owned();
    let clock_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
    let channels = parts.next().and_then(|count| count.parse().ok()).unwrap_or(1);
    Some(Format { payload_type, encoding, clock_rate, channels, parameters: None })
}

#[cfg(test)]
mod tests;
