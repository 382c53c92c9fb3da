//! The format parameters of Opus, RFC 7587 §6.1.
use std::fmt;

/// The lowest bit rate that `maxaveragebitrate` may name, in bit/s.
pub const MIN_BITRATE: u32 = 6_000;
/// The highest bit rate that `maxaveragebitrate` may name, in bit/s.
pub const MAX_BITRATE: u32 = 510_000;

/// What `a=fmtp` says of Opus. In a description it tells what its sender wants to *receive*, save the two `sprop-`
/// ones, which tell what it is likely to send.
///
/// Reads anything: a parameter that is unknown or out of range is left out. Prints only what differs from the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpusParameters {
    /// `useinbandfec`: the decoder can use in-band FEC.
    pub inband_fec: bool,
    /// `usedtx`: the decoder prefers discontinuous transmission.
    pub dtx: bool,
    /// `cbr`: the decoder prefers a constant bit rate.
    pub cbr: bool,
    /// `stereo`: the decoder prefers stereo.
    pub stereo: bool,
    /// `sprop-stereo`: the sender is likely to send stereo.
    pub sprop_stereo: bool,
    /// `maxaveragebitrate` in bit/s, [`MIN_BITRATE`] to [`MAX_BITRATE`].
    pub max_average_bitrate: Option<u32>,
    /// `maxplaybackrate` in Hz, 8,000 to 48,000: more is not worth sending.
    pub max_playback_rate: Option<u32>,
    /// `sprop-maxcapturerate` in Hz, 8,000 to 48,000: more is not going to come.
    pub sprop_max_capture_rate: Option<u32>,
    /// `minptime` in ms, 3 to 120: the shortest packet that the decoder wants. From the drafts of RFC 7587, and still sent.
    pub min_ptime: Option<u32>,
}

impl OpusParameters {
    /// Reads what follows the payload type in `a=fmtp`.
    pub fn read(text: &str) -> Self {
        let mut parameters = Self::default();
        for (name, value) in pairs(text) {
            let number = |low: u32, high: u32| value.parse().ok().filter(|n| (low..=high).contains(n));
            let flag = value == "1";
            match name.to_ascii_lowercase().as_str() {
                "useinbandfec" => parameters.inband_fec = flag,
                "usedtx" => parameters.dtx = flag,
                "cbr" => parameters.cbr = flag,
                "stereo" => parameters.stereo = flag,
                "sprop-stereo" => parameters.sprop_stereo = flag,
                "maxaveragebitrate" => parameters.max_average_bitrate = number(MIN_BITRATE, MAX_BITRATE),
                "maxplaybackrate" => parameters.max_playback_rate = number(8_000, 48_000),
                "sprop-maxcapturerate" => parameters.sprop_max_capture_rate = number(8_000, 48_000),
                "minptime" => parameters.min_ptime = number(3, 120),
                _ => {}
            }
        }
        parameters
    }
}

impl fmt::Display for OpusParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [
            ("useinbandfec", self.inband_fec),
            ("usedtx", self.dtx),
            ("cbr", self.cbr),
            ("stereo", self.stereo),
            ("sprop-stereo", self.sprop_stereo),
        ];
        let numbers = [
            ("maxaveragebitrate", self.max_average_bitrate),
            ("maxplaybackrate", self.max_playback_rate),
            ("sprop-maxcapturerate", self.sprop_max_capture_rate),
            ("minptime", self.min_ptime),
        ];
        let flags = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| (name, 1));
        let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, number?)));
        for (index, (name, value)) in flags.chain(numbers).enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            write!(f, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

/// `name=value` pairs between semicolons. A name alone has the empty value.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
        Some((name, value)) => (name.trim(), value.trim()),
        None => (part, ""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_peers_send() {
        let baresip = "stereo=0;sprop-stereo=0;maxaveragebitrate=28000;cbr=0;useinbandfec=1;usedtx=0";
        let read = OpusParameters::read(baresip);
        assert_eq!(
            read,
            OpusParameters { inband_fec: true, max_average_bitrate: Some(28_000), ..OpusParameters::default() }
        );
        let browser = OpusParameters::read("minptime=10; useinbandfec=1 ;UseDTX=1; ;x-unknown;stereo=yes");
        assert_eq!(
            browser,
            OpusParameters { inband_fec: true, dtx: true, min_ptime: Some(10), ..OpusParameters::default() }
        );
    }

    #[test]
    fn numbers_out_of_range_are_left_out() {
        for (text, expected) in [
            ("maxaveragebitrate=5999", None),
            ("maxaveragebitrate=6000", Some(6_000)),
            ("maxaveragebitrate=510000", Some(510_000)),
            ("maxaveragebitrate=510001", None),
            ("maxaveragebitrate=99999999999999999999", None),
        ] {
            assert_eq!(OpusParameters::read(text).max_average_bitrate, expected, "{text}");
        }
        assert_eq!(OpusParameters::read("maxplaybackrate=7999").max_playback_rate, None);
        assert_eq!(OpusParameters::read("maxplaybackrate=8000").max_playback_rate, Some(8_000));
    }

    #[test]
    fn prints_what_it_reads() {
        let text = "useinbandfec=1;usedtx=1;cbr=1;stereo=1;sprop-stereo=1;maxaveragebitrate=20000;\
                    maxplaybackrate=16000;sprop-maxcapturerate=8000;minptime=10";
        assert_eq!(OpusParameters::read(text).to_string(), text);
        assert_eq!(OpusParameters::default().to_string(), "");
    }
}
