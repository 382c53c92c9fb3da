//! Voice to payload and back: Opus, G.722 and G.711 behind one face, mono, at the rate that its user has.
//!
//! Where that is the codec's own nothing is converted; a G.711 call stays at 8 kHz from end to end.

mod g711;
mod g722;
mod libopus;
mod noise;
mod plc;

use crate::config::{Codec, CodecConfig};
use crate::resample::Resampler;

/// Samples per second of the best voice, and on this side of a codec that was asked for no other.
pub const RATE: u32 = 48_000;
/// The longest payload decoded: 120 ms (RFC 7587 §4.2).
pub const MAX_FRAME: usize = RATE as usize * 120 / 1_000;
/// The longest payload made, in bytes.
pub const MAX_PAYLOAD: usize = 1_275;

/// How long a packet of comfort noise sounds at least, in samples of its clock: 20 ms.
const NOISE: u32 = 160;
/// The encoder's complexity: what makes the best voice at 24 kbit/s; 10 changes nothing there.
pub(crate) const COMPLEXITY: u8 = 9;
/// From this loss in percent on, deep redundancy is better than FEC; and how much of the past it holds, in 10 ms.
const DEEP_LOSS: i32 = 10;
const DEEP_PAST: i32 = 50;
/// The decoder's complexity from which libopus conceals with a neural network.
const DEEP_PLC: i32 = 5;

/// A codec that does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

/// Encodes one stream.
#[derive(Debug)]
pub struct Encoder {
    config: CodecConfig,
    rate: u32,
    kind: EncoderKind,
    /// To the codec's rate from another.
    inner: Option<Converter>,
}

#[derive(Debug)]
enum EncoderKind {
    Opus(libopus::Encoder),
    Ulaw,
    Alaw,
    G722(Box<g722::Encoder>),
}

/// Between the codec's rate and the one asked for.
#[derive(Debug, Clone)]
struct Converter {
    resampler: Resampler,
    /// Voice at the codec's rate.
    own: Vec<f32>,
}

impl Converter {
    /// None where there is nothing to convert.
    fn new(from: u32, to: u32) -> Option<Converter> {
        (from != to).then(|| Converter { resampler: Resampler::fixed(from, to), own: Vec::with_capacity(MAX_FRAME) })
    }
}

impl Encoder {
    /// An encoder as configured, of voice at 48 kHz.
    ///
    /// # Errors
    /// The Opus library refuses, as on a bitrate out of range.
    pub fn new(config: &CodecConfig) -> Result<Encoder, CodecError> {
        Encoder::with_rate(config, RATE)
    }

    /// An encoder as configured, of voice at `rate` samples per second.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn with_rate(config: &CodecConfig, rate: u32) -> Result<Encoder, CodecError> {
        let kind = match config.codec {
            Codec::ComfortNoise => return Err(CodecError("comfort noise is no voice".into())),
            Codec::Pcmu => EncoderKind::Ulaw,
            Codec::Pcma => EncoderKind::Alaw,
            Codec::G722 => EncoderKind::G722(Box::new(g722::Encoder::new())),
            Codec::Opus => {
                let mut encoder = libopus::Encoder::new()?;
                encoder.set_complexity(COMPLEXITY.into())?;
                // Devices give 16 bits. Told of 24, Opus takes their rounding for voice above 8 kHz, and spends bits on it.
                encoder.set_depth(16)?;
                encoder.set_bitrate(config.opus_bitrate() as i32)?;
                encoder.set_dtx(config.dtx)?;
                EncoderKind::Opus(encoder)
            }
        };
        let inner = Converter::new(rate, config.codec.sample_rate());
        Ok(Encoder { config: config.clone(), rate, kind, inner })
    }

    /// What this encoder was made for.
    pub fn config(&self) -> &CodecConfig {
        &self.config
    }

    /// Samples per second of the voice it takes.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Take voice of another rate from now on; the codec goes on as it stands.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
        self.inner = Converter::new(rate, self.config.codec.sample_rate());
    }

    /// The share of our packets that the peer loses, 0 to 1: Opus adds in-band FEC from one percent on, or from ten on
    /// deep redundancy in its place where the peer is known to read it.
    pub fn set_loss(&mut self, fraction: f32) {
        if let EncoderKind::Opus(encoder) = &mut self.kind {
            let percent = (fraction * 100.0).round().clamp(0.0, 30.0) as i32;
            let deep = self.config.dred && percent >= DEEP_LOSS;
            // A refused hint leaves the encoder as good as it was.
            let _ = encoder.set_fec(self.config.fec && percent >= 1 && !deep);
            let _ = encoder.set_dred(if deep { DEEP_PAST } else { 0 });
            let _ = encoder.set_loss_percent(percent);
        }
    }

    /// Opus: bits per second from now on, 6000 to 510000. The others cannot change theirs.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        if let EncoderKind::Opus(encoder) = &mut self.kind {
            let _ = encoder.set_bitrate(bitrate.clamp(6_000, 510_000) as i32);
        }
    }

    /// Opus: how much work to put into it, 0 to 10; 9 at first. The others always take the same.
    pub fn set_complexity(&mut self, complexity: u8) {
        if let EncoderKind::Opus(encoder) = &mut self.kind {
            let _ = encoder.set_complexity(i32::from(complexity.min(10)));
        }
    }

    /// Encode one packet's worth of samples. An empty payload means that nothing need be sent (DTX).
    ///
    /// # Errors
    /// The Opus library refuses, as on a number of samples that is no frame.
    pub fn encode(&mut self, voice: &[f32], payload: &mut Vec<u8>) -> Result<(), CodecError> {
        payload.clear();
        let voice = match &mut self.inner {
            None => voice,
            Some(Converter { resampler, own }) => {
                own.clear();
                resampler.process(voice, own);
                &own[..]
            }
        };
        match &mut self.kind {
            EncoderKind::Opus(encoder) => {
                payload.resize(MAX_PAYLOAD, 0);
                let length = encoder.encode(voice, payload)?;
                // RFC 6716 §2.1.9: a frame of two bytes or less need not be sent.
                payload.truncate(if length <= 2 { 0 } else { length });
            }
            EncoderKind::Ulaw => payload.extend(voice.iter().map(|sample| g711::to_ulaw(*sample))),
            EncoderKind::Alaw => payload.extend(voice.iter().map(|sample| g711::to_alaw(*sample))),
            EncoderKind::G722(coder) => {
                let wide = |sample: f32| (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16;
                payload.extend(voice.chunks_exact(2).map(|pair| coder.encode(wide(pair[0]), wide(pair[1]))));
            }
        }
        Ok(())
    }
}

/// Decodes one stream of one codec.
#[derive(Debug, Clone)]
pub struct Decoder {
    codec: Codec,
    rate: u32,
    kind: DecoderKind,
    /// From the codec's rate to another.
    outer: Option<Converter>,
}

#[derive(Debug, Clone)]
enum DecoderKind {
    Opus { decoder: libopus::Decoder, deep: Option<Deep> },
    Wave { coder: WaveDecoder, plc: plc::Plc },
    Noise(noise::Noise),
}

/// The deep redundancy read last: of which packet, and how far back it goes in samples.
#[derive(Debug, Clone)]
struct Deep {
    dred: libopus::Dred,
    sequence: u64,
    reach: usize,
}

#[derive(Debug, Clone)]
enum WaveDecoder {
    Ulaw,
    Alaw,
    G722(Box<g722::Decoder>),
}

impl Decoder {
    /// A decoder of `codec` to voice at 48 kHz.
    ///
    /// # Errors
    /// The Opus library refuses.
    pub fn new(codec: Codec) -> Result<Decoder, CodecError> {
        Decoder::with_rate(codec, RATE)
    }

    /// A decoder of `codec` to voice at `rate` samples per second.
    ///
    /// # Errors
    /// The Opus library refuses.
    pub fn with_rate(codec: Codec, rate: u32) -> Result<Decoder, CodecError> {
        let wave = |coder| DecoderKind::Wave { coder, plc: plc::Plc::new(codec.sample_rate()) };
        let kind = match codec {
            Codec::Pcmu => wave(WaveDecoder::Ulaw),
            Codec::Pcma => wave(WaveDecoder::Alaw),
            Codec::G722 => wave(WaveDecoder::G722(Box::new(g722::Decoder::new()))),
            Codec::ComfortNoise => DecoderKind::Noise(noise::Noise::new()),
            Codec::Opus => {
                let mut decoder = libopus::Decoder::new()?;
                decoder.set_complexity(DEEP_PLC)?;
                DecoderKind::Opus { decoder, deep: None }
            }
        };
        Ok(Decoder { codec, rate, kind, outer: Converter::new(codec.sample_rate(), rate) })
    }

    /// What it decodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Give voice of another rate from now on; the codec goes on as it stands.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
        self.outer = Converter::new(self.codec.sample_rate(), rate);
    }

    /// Become like `other`, a decoder of the same codec at the same rate; allocates nothing.
    pub(crate) fn copy_from(&mut self, other: &Decoder) {
        match (&mut self.kind, &other.kind) {
            (DecoderKind::Opus { decoder, .. }, DecoderKind::Opus { decoder: theirs, .. }) => decoder.copy_from(theirs),
            (DecoderKind::Wave { coder, plc }, DecoderKind::Wave { coder: their_coder, plc: their_plc }) => {
                match (coder, their_coder) {
                    (WaveDecoder::G722(coder), WaveDecoder::G722(theirs)) => coder.clone_from(theirs),
                    (coder, theirs) => *coder = theirs.clone(),
                }
                plc.copy_from(their_plc);
            }
            _ => return *self = other.clone(),
        }
        if let (Some(ours), Some(theirs)) = (&mut self.outer, &other.outer) {
            ours.resampler.copy_from(&theirs.resampler);
        }
    }

    /// Append the samples of a payload.
    ///
    /// # Errors
    /// The payload is broken.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<(), CodecError> {
        self.convert(out, |kind, out| kind.decode(payload, out))
    }

    /// What `make` appends, at the rate asked for.
    fn convert<T>(&mut self, out: &mut Vec<f32>, make: impl FnOnce(&mut DecoderKind, &mut Vec<f32>) -> T) -> T {
        let Some(Converter { resampler, own }) = &mut self.outer else { return make(&mut self.kind, out) };
        own.clear();
        let made = make(&mut self.kind, own);
        resampler.process(own, out);
        made
    }

    /// So many samples, as the codec counts them.
    fn own(&self, samples: usize) -> usize {
        (samples as u64 * u64::from(self.codec.sample_rate()) / u64::from(self.rate)) as usize
    }

    /// Append `samples` of the packet lost just before the one with this payload, from its in-band FEC. False when it
    /// holds none, and nothing is appended.
    pub fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> bool {
        let samples = self.own(samples);
        self.convert(out, |kind, out| {
            let DecoderKind::Opus { decoder, .. } = kind else { return false };
            libopus::has_fec(next) && append(out, samples, |out| decoder.decode(next, out, true).is_ok())
        })
    }

    /// Append `samples` (a multiple of 2.5 ms, at most 120) of the voice that lies `before` samples before the packet with
    /// this payload and sequence number, from its deep redundancy (DRED). False when that does not go so far back, and
    /// nothing is appended.
    pub(crate) fn recover_deep(
        &mut self,
        later: &[u8],
        sequence: u64,
        before: usize,
        samples: usize,
        out: &mut Vec<f32>,
    ) -> bool {
        let (before, samples) = (self.own(before), self.own(samples));
        self.convert(out, |kind, out| {
            let DecoderKind::Opus { decoder, deep } = kind else { return false };
            if deep.is_none() {
                *deep = libopus::Dred::new().ok().map(|dred| Deep { dred, sequence: u64::MAX, reach: 0 });
            }
            let Some(deep) = deep else { return false };
            // Reading is the dear part of it.
            if deep.sequence != sequence {
                deep.sequence = sequence;
                deep.reach = deep.dred.read(later, before).unwrap_or(0);
            }
            deep.reach >= before && append(out, samples, |out| decoder.decode_dred(&deep.dred, before, out).is_ok())
        })
    }

    /// Append `samples` (a multiple of 2.5 ms, at most 120) made up from what went before.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let (start, own) = (out.len(), self.own(samples));
        self.convert(out, |kind, out| kind.conceal(own, out));
        // A filter gives as much as it takes, whatever the phase it stands at.
        out.resize(start + samples, 0.0);
    }
}

impl DecoderKind {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<(), CodecError> {
        let start = out.len();
        match self {
            DecoderKind::Opus { decoder, .. } => {
                out.resize(start + MAX_FRAME, 0.0);
                let decoded = decoder.decode(payload, &mut out[start..], false);
                out.truncate(start + *decoded.as_ref().unwrap_or(&0));
                decoded?;
            }
            DecoderKind::Wave { coder, plc } => {
                match coder {
                    WaveDecoder::Ulaw => out.extend(payload.iter().map(|byte| g711::from_ulaw(*byte))),
                    WaveDecoder::Alaw => out.extend(payload.iter().map(|byte| g711::from_alaw(*byte))),
                    WaveDecoder::G722(coder) => {
                        out.extend(payload.iter().flat_map(|byte| coder.decode(*byte)).map(narrow));
                    }
                }
                plc.good(&mut out[start..]);
            }
            DecoderKind::Noise(noise) => {
                noise.set(payload);
                out.resize(start + NOISE as usize, 0.0);
                noise.fill(&mut out[start..]);
            }
        }
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let start = out.len();
        out.resize(start + samples, 0.0);
        let out = &mut out[start..];
        match self {
            DecoderKind::Opus { decoder, .. } => {
                if decoder.conceal(out).is_err() {
                    out.fill(0.0);
                }
            }
            DecoderKind::Wave { plc, .. } => plc.lost(out),
            DecoderKind::Noise(noise) => noise.fill(out),
        }
    }
}

/// Append `samples` that `fill` makes; nothing when it is false.
fn append(out: &mut Vec<f32>, samples: usize, fill: impl FnOnce(&mut [f32]) -> bool) -> bool {
    let start = out.len();
    out.resize(start + samples, 0.0);
    let filled = fill(&mut out[start..]);
    if !filled {
        out.truncate(start);
    }
    filled
}

/// How long so many samples are, in µs.
pub(crate) fn micros(samples: i64, rate: u32) -> i64 {
    // A division by a number known beforehand is a multiplication, and this is asked many times a tick.
    match rate {
        8_000 => samples * 125,
        16_000 => samples * 125 / 2,
        48_000 => samples * 125 / 6,
        _ => samples * 1_000_000 / i64::from(rate.max(1)),
    }
}

fn narrow(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// Does a packet carry the one before it once more (Opus in-band FEC)?
pub(crate) fn has_fec(codec: Codec, payload: &[u8]) -> bool {
    codec == Codec::Opus && libopus::has_fec(payload)
}

/// How long a payload sounds, in samples of its RTP clock; `None` when it is broken or longer than 120 ms.
pub fn duration(codec: Codec, payload: &[u8]) -> Option<u32> {
    let samples = match codec {
        Codec::Opus => libopus::samples(payload)?,
        // It sounds until something else comes; this is what the first packet is good for.
        Codec::ComfortNoise if payload.is_empty() => return None,
        Codec::ComfortNoise => NOISE as usize,
        // RFC 3551 §4.5.2: G.722's clock counts 8000 where its samples are 16000, one for each byte.
        Codec::Pcmu | Codec::Pcma | Codec::G722 => payload.len(),
    };
    let limit = codec.clock_rate() as usize * 120 / 1_000;
    (1..=limit).contains(&samples).then_some(samples as u32)
}

#[cfg(test)]
mod tests;
