//! Voice to payload and back: Opus, G.722 and G.711 behind one face that is always 48 kHz mono.

mod g711;
mod g722;
mod libopus;
mod noise;
mod plc;

use crate::config::{Codec, CodecConfig};
use crate::resample::Resampler;

/// Samples per second on this side of every codec.
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
    kind: EncoderKind,
}

#[derive(Debug)]
enum EncoderKind {
    Opus(libopus::Encoder),
    Wave { coder: WaveEncoder, down: Resampler, slow: Vec<f32> },
}

/// A codec that takes samples one by one.
#[derive(Debug)]
enum WaveEncoder {
    G711(fn(i16) -> u8),
    G722(Box<g722::Encoder>),
}

impl Encoder {
    /// An encoder as configured.
    ///
    /// # Errors
    /// The Opus library refuses, as on a bitrate out of range.
    pub fn new(config: &CodecConfig) -> Result<Encoder, CodecError> {
        let wave = |coder| EncoderKind::Wave {
            coder,
            down: Resampler::fixed(RATE, sample_rate(config.codec)),
            slow: Vec::with_capacity(MAX_FRAME),
        };
        let kind = match config.codec {
            Codec::ComfortNoise => return Err(CodecError("comfort noise is no voice".into())),
            Codec::Pcmu => wave(WaveEncoder::G711(g711::to_ulaw)),
            Codec::Pcma => wave(WaveEncoder::G711(g711::to_alaw)),
            Codec::G722 => wave(WaveEncoder::G722(Box::new(g722::Encoder::new()))),
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
        Ok(Encoder { config: config.clone(), kind })
    }

    /// What this encoder was made for.
    pub fn config(&self) -> &CodecConfig {
        &self.config
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

    /// Encode one packet's worth of samples at 48 kHz. An empty payload means that nothing need be sent (DTX).
    ///
    /// # Errors
    /// The Opus library refuses, as on a number of samples that is no frame.
    pub fn encode(&mut self, voice: &[f32], payload: &mut Vec<u8>) -> Result<(), CodecError> {
        payload.clear();
        match &mut self.kind {
            EncoderKind::Opus(encoder) => {
                payload.resize(MAX_PAYLOAD, 0);
                let length = encoder.encode(voice, payload)?;
                // RFC 6716 §2.1.9: a frame of two bytes or less need not be sent.
                payload.truncate(if length <= 2 { 0 } else { length });
            }
            EncoderKind::Wave { coder, down, slow } => {
                slow.clear();
                down.process(voice, slow);
                let wide = |sample: f32| (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16;
                match coder {
                    WaveEncoder::G711(to_byte) => payload.extend(slow.iter().map(|sample| to_byte(wide(*sample)))),
                    WaveEncoder::G722(coder) => {
                        payload.extend(slow.chunks_exact(2).map(|pair| coder.encode(wide(pair[0]), wide(pair[1]))));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Decodes one stream of one codec.
#[derive(Debug, Clone)]
pub struct Decoder {
    codec: Codec,
    kind: DecoderKind,
}

#[derive(Debug, Clone)]
enum DecoderKind {
    Opus { decoder: libopus::Decoder, deep: Option<Deep> },
    Wave { coder: WaveDecoder, up: Resampler, slow: Vec<f32>, plc: plc::Plc },
    Noise { noise: noise::Noise, up: Resampler, slow: Vec<f32> },
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
    G711(&'static [i16; 256]),
    G722(Box<g722::Decoder>),
}

impl Decoder {
    /// A decoder of `codec`.
    ///
    /// # Errors
    /// The Opus library refuses.
    pub fn new(codec: Codec) -> Result<Decoder, CodecError> {
        let wave = |coder| DecoderKind::Wave {
            coder,
            up: Resampler::fixed(sample_rate(codec), RATE),
            slow: Vec::with_capacity(MAX_FRAME),
            plc: plc::Plc::new(sample_rate(codec)),
        };
        let kind = match codec {
            Codec::Pcmu => wave(WaveDecoder::G711(&g711::ULAW)),
            Codec::Pcma => wave(WaveDecoder::G711(&g711::ALAW)),
            Codec::G722 => wave(WaveDecoder::G722(Box::new(g722::Decoder::new()))),
            Codec::ComfortNoise => DecoderKind::Noise {
                noise: noise::Noise::new(),
                up: Resampler::fixed(8_000, RATE),
                slow: Vec::with_capacity(MAX_FRAME),
            },
            Codec::Opus => {
                let mut decoder = libopus::Decoder::new()?;
                decoder.set_complexity(DEEP_PLC)?;
                DecoderKind::Opus { decoder, deep: None }
            }
        };
        Ok(Decoder { codec, kind })
    }

    /// What it decodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Become like `other`, a decoder of the same codec; allocates nothing.
    pub(crate) fn copy_from(&mut self, other: &Decoder) {
        match (&mut self.kind, &other.kind) {
            (DecoderKind::Opus { decoder, .. }, DecoderKind::Opus { decoder: theirs, .. }) => decoder.copy_from(theirs),
            (
                DecoderKind::Wave { coder, up, plc, .. },
                DecoderKind::Wave { coder: their_coder, up: their_up, plc: their_plc, .. },
            ) => {
                match (coder, their_coder) {
                    (WaveDecoder::G722(coder), WaveDecoder::G722(theirs)) => coder.clone_from(theirs),
                    (coder, theirs) => *coder = theirs.clone(),
                }
                up.copy_from(their_up);
                plc.copy_from(their_plc);
            }
            _ => *self = other.clone(),
        }
    }

    /// Append the samples of a payload, at 48 kHz.
    ///
    /// # Errors
    /// The payload is broken.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<(), CodecError> {
        match &mut self.kind {
            DecoderKind::Opus { decoder, .. } => {
                let start = out.len();
                out.resize(start + MAX_FRAME, 0.0);
                let decoded = decoder.decode(payload, &mut out[start..], false);
                out.truncate(start + *decoded.as_ref().unwrap_or(&0));
                decoded?;
            }
            DecoderKind::Wave { coder, up, slow, plc } => {
                slow.clear();
                match coder {
                    WaveDecoder::G711(table) => {
                        slow.extend(payload.iter().map(|byte| narrow(table[usize::from(*byte)])))
                    }
                    WaveDecoder::G722(coder) => {
                        slow.extend(payload.iter().flat_map(|byte| coder.decode(*byte)).map(narrow));
                    }
                }
                plc.good(slow);
                up.process(slow, out);
            }
            DecoderKind::Noise { noise, up, slow } => {
                noise.set(payload);
                slow.resize(NOISE as usize, 0.0);
                noise.fill(slow);
                up.process(slow, out);
            }
        }
        Ok(())
    }

    /// Append `samples` of the packet lost just before the one with this payload, from its in-band FEC. False when it
    /// holds none, and nothing is appended.
    pub fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> bool {
        let DecoderKind::Opus { decoder, .. } = &mut self.kind else { return false };
        if !libopus::has_fec(next) {
            return false;
        }
        let start = out.len();
        out.resize(start + samples, 0.0);
        let recovered = decoder.decode(next, &mut out[start..], true).is_ok();
        if !recovered {
            out.truncate(start);
        }
        recovered
    }

    /// Append `samples` (a multiple of 120, at most 5760) of the voice that lies `before` samples before the packet with
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
        let DecoderKind::Opus { decoder, deep } = &mut self.kind else { return false };
        if deep.is_none() {
            *deep = libopus::Dred::new().ok().map(|dred| Deep { dred, sequence: u64::MAX, reach: 0 });
        }
        let Some(deep) = deep else { return false };
        // Reading is the dear part of it.
        if deep.sequence != sequence {
            deep.sequence = sequence;
            deep.reach = deep.dred.read(later, before).unwrap_or(0);
        }
        if deep.reach < before {
            return false;
        }
        let start = out.len();
        out.resize(start + samples, 0.0);
        let recovered = decoder.decode_dred(&deep.dred, before, &mut out[start..]).is_ok();
        if !recovered {
            out.truncate(start);
        }
        recovered
    }

    /// Append `samples` (a multiple of 120, at most 5760) made up from what went before.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let start = out.len();
        out.resize(start + samples, 0.0);
        match &mut self.kind {
            DecoderKind::Opus { decoder, .. } => {
                if decoder.conceal(&mut out[start..]).is_err() {
                    out[start..].fill(0.0);
                }
            }
            DecoderKind::Wave { up, slow, plc, .. } => {
                out.truncate(start);
                slow.clear();
                slow.resize(samples * sample_rate(self.codec) as usize / RATE as usize, 0.0);
                plc.lost(slow);
                up.process(slow, out);
                // The filter gives as much as it takes, whatever the phase it stands at.
                out.resize(start + samples, 0.0);
            }
            DecoderKind::Noise { noise, up, slow } => {
                out.truncate(start);
                slow.resize(samples / (RATE as usize / 8_000), 0.0);
                noise.fill(slow);
                up.process(slow, out);
            }
        }
    }
}

/// Samples per second inside a codec.
fn sample_rate(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => RATE,
        Codec::G722 => 16_000,
        Codec::Pcmu | Codec::Pcma | Codec::ComfortNoise => 8_000,
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
