//! Opus in Ogg (RFC 7845, RFC 3533). Two channels are two mono streams side by side, as a call's two sides have nothing
//! in common that could be coded together.

use std::io::{self, Write};

use crate::codec::{CodecError, Encoder, RATE};
use crate::config::{Codec, CodecConfig};

/// A packet is 20 ms, in samples.
const FRAME: usize = RATE as usize / 50;
/// Bits per second of each side: transparent for speech.
const BITRATE: u32 = 32_000;
/// What the encoder looks ahead, which a player leaves out, in samples (RFC 7845 §4.2).
const PRE_SKIP: u64 = 312;
/// Packets in a page: a second, as RFC 7845 §6 wants for files that may be cut short.
const PAGE: usize = 50;
/// An Opus packet that says nothing, 20 ms of it (RFC 6716 §3.1: SILK, code 0, an empty frame).
const NOTHING: [u8; 1] = [0x08];

pub(super) struct OggOpus<W: Write> {
    out: W,
    encoders: Vec<Encoder>,
    /// Samples that do not make a packet yet, of each side.
    voices: Vec<Vec<f32>>,
    payload: Vec<u8>,
    packets: Vec<Vec<u8>>,
    page: u32,
    /// Samples that were given and, at 20 ms a packet, written.
    given: u64,
    written: u64,
}

impl<W: Write> OggOpus<W> {
    /// With the head of a file of `channels`, 1 or 2.
    pub(super) fn new(out: W, channels: usize) -> Result<OggOpus<W>, OggError> {
        let config = CodecConfig { bitrate: Some(BITRATE), fec: false, ..CodecConfig::new(Codec::Opus, 0) };
        let encoders = (0..channels).map(|_| Encoder::new(&config)).collect::<Result<Vec<_>, _>>()?;
        let voices = vec![Vec::with_capacity(2 * FRAME); channels];
        let (payload, packets) = (Vec::new(), Vec::new());
        let mut ogg = OggOpus { out, encoders, voices, payload, packets, page: 0, given: 0, written: 0 };
        // RFC 7845 §5.1: mapping family 1 names the streams of the channels, here one each and none coupled.
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels as u8);
        head.extend((PRE_SKIP as u16).to_le_bytes());
        head.extend(RATE.to_le_bytes());
        head.extend([0, 0, u8::from(channels > 1)]);
        if channels > 1 {
            head.extend([channels as u8, 0]);
            head.extend(0..channels as u8);
        }
        ogg.packets.push(head);
        ogg.write_page(0x02, 0)?;
        let mut tags = b"OpusTags".to_vec();
        tags.extend(5u32.to_le_bytes());
        tags.extend(b"denwa");
        tags.extend(0u32.to_le_bytes());
        ogg.packets.push(tags);
        ogg.write_page(0, 0)?;
        Ok(ogg)
    }

    /// Samples of all channels in turn.
    pub(super) fn write(&mut self, samples: impl Iterator<Item = f32>) -> Result<(), OggError> {
        let channels = self.voices.len();
        for (n, sample) in samples.enumerate() {
            self.voices[n % channels].push(sample);
            if n % channels == channels - 1 {
                self.given += 1;
                if self.voices[0].len() == FRAME {
                    self.write_packet()?;
                    if self.packets.len() == PAGE {
                        self.write_page(0, self.written)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Everything that was given, and not more, is what a player plays (RFC 7845 §4).
    pub(super) fn finish(mut self) -> Result<(), OggError> {
        let end = self.given + PRE_SKIP;
        while self.written < end {
            self.voices.iter_mut().for_each(|voice| voice.resize(FRAME, 0.0));
            self.write_packet()?;
            if self.packets.len() == PAGE && self.written < end {
                self.write_page(0, self.written)?;
            }
        }
        self.write_page(0x04, end)?;
        Ok(self.out.flush()?)
    }

    fn write_packet(&mut self) -> Result<(), OggError> {
        let mut packet = Vec::with_capacity(256);
        let last = self.voices.len() - 1;
        for (side, (encoder, voice)) in self.encoders.iter_mut().zip(&mut self.voices).enumerate() {
            encoder.encode(voice, &mut self.payload)?;
            voice.clear();
            let payload = if self.payload.is_empty() { &NOTHING[..] } else { &self.payload };
            if side == last {
                packet.extend_from_slice(payload);
            } else if let [toc, frame @ ..] = payload {
                // RFC 6716 appendix B: all but the last say how long they are. A packet of 20 ms is a single frame.
                packet.push(*toc);
                if frame.len() < 252 {
                    packet.push(frame.len() as u8);
                } else {
                    let low = 252 + (frame.len() & 3);
                    packet.extend([low as u8, ((frame.len() - low) / 4) as u8]);
                }
                packet.extend_from_slice(frame);
            }
        }
        self.packets.push(packet);
        self.written += FRAME as u64;
        Ok(())
    }

    /// RFC 3533 §6; `position` in samples, the skipped ones included.
    fn write_page(&mut self, flags: u8, position: u64) -> io::Result<()> {
        let mut lacing = Vec::new();
        for packet in &self.packets {
            lacing.extend(std::iter::repeat_n(255, packet.len() / 255));
            lacing.push((packet.len() % 255) as u8);
        }
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend(position.to_le_bytes());
        // There is one logical stream in the file: its number says nothing.
        page.extend(1u32.to_le_bytes());
        page.extend(self.page.to_le_bytes());
        page.extend([0; 4]);
        // PAGE packets of at most 2 × 1275 bytes could need more segments than a page has; at this bitrate a packet is
        // some 160 bytes, and 50 of two sides some 100.
        page.push(u8::try_from(lacing.len()).map_err(|_| io::Error::other("a page of too many segments"))?);
        page.extend(lacing);
        self.packets.drain(..).for_each(|packet| page.extend(packet));
        let sum = checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        self.page += 1;
        self.out.write_all(&page)
    }
}

/// Why a recording in Ogg fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum OggError {
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("{0}")]
    Codec(#[from] CodecError),
}

/// CRC-32 of the polynomial 0x04c11db7, from 0, without reflection (RFC 3533 §6).
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decoder;
    use crate::testing::{sine, snr_of_sine};

    /// Flags, position and packets of each page, whose sums must be right.
    fn pages(mut file: &[u8]) -> Vec<(u8, u64, Vec<Vec<u8>>)> {
        let mut pages = Vec::new();
        while !file.is_empty() {
            assert_eq!(&file[..5], b"OggS\0");
            let segments = usize::from(file[26]);
            let lacing = &file[27..27 + segments];
            let length = 27 + segments + lacing.iter().map(|size| usize::from(*size)).sum::<usize>();
            let (page, rest) = file.split_at(length);
            let mut zeroed = page.to_vec();
            zeroed[22..26].fill(0);
            assert_eq!(checksum(&zeroed).to_le_bytes(), page[22..26]);
            assert_eq!(page[18..22], (pages.len() as u32).to_le_bytes());
            let (mut packets, mut packet, mut at) = (Vec::new(), Vec::new(), 27 + segments);
            for size in lacing {
                packet.extend(&page[at..at + usize::from(*size)]);
                at += usize::from(*size);
                if *size < 255 {
                    packets.push(std::mem::take(&mut packet));
                }
            }
            pages.push((page[5], u64::from_le_bytes(page[6..14].try_into().unwrap()), packets));
            file = rest;
        }
        pages
    }

    #[test]
    fn the_sum_is_that_of_the_rfc() {
        // The CRC-32 without reflection, initial value and final inversion, of the usual check string.
        assert_eq!(checksum(b"123456789"), 0x89a1_897f);
    }

    #[test]
    fn each_side_reads_back_from_its_channel() {
        let mut file = Vec::new();
        let mut ogg = OggOpus::new(&mut file, 2).unwrap();
        let (left, right) = (sine(440.0, RATE, 2.5, 0.3), sine(1_000.0, RATE, 2.5, 0.3));
        // In pieces that are no frames.
        for (left, right) in left.chunks(700).zip(right.chunks(700)) {
            ogg.write(left.iter().zip(right).flat_map(|(left, right)| [*left, *right])).unwrap();
        }
        ogg.finish().unwrap();
        let pages = pages(&file);
        assert_eq!(pages[0].2, [b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x02\x00\x00\x01".to_vec()]);
        assert!(pages[0].0 == 2 && pages[1].2[0].starts_with(b"OpusTags"));
        let (flags, end, _) = pages.last().unwrap();
        assert_eq!((*flags, *end), (4, 120_000 + PRE_SKIP));
        let mut decoders = [Decoder::new(Codec::Opus).unwrap(), Decoder::new(Codec::Opus).unwrap()];
        let mut heard = [Vec::new(), Vec::new()];
        let packets: Vec<_> = pages[2..].iter().flat_map(|(_, _, packets)| packets).collect();
        assert!((packets.len() * FRAME) as u64 >= *end);
        for packet in packets {
            assert!(packet[1] < 252, "a short one");
            let (first, second) = packet[2..].split_at(usize::from(packet[1]));
            decoders[0].decode(&[&packet[..1], first].concat(), &mut heard[0]).unwrap();
            decoders[1].decode(second, &mut heard[1]).unwrap();
        }
        for (heard, hertz) in heard.iter().zip([440.0, 1_000.0]) {
            let snr = snr_of_sine(&heard[48_000..96_000], hertz, RATE);
            assert!(snr > 15.0, "{hertz} Hz: {snr} dB");
        }
    }

    #[test]
    fn silence_and_nothing_at_all_are_files_too() {
        for samples in [0, 1, 100_000] {
            let mut file = Vec::new();
            let mut ogg = OggOpus::new(&mut file, 1).unwrap();
            ogg.write(std::iter::repeat_n(0.0, samples)).unwrap();
            ogg.finish().unwrap();
            let pages = pages(&file);
            assert_eq!(pages.last().map(|(flags, end, _)| (*flags, *end)), Some((4, samples as u64 + PRE_SKIP)));
        }
    }
}
