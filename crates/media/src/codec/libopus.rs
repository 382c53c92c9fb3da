//! The binding to libopus, and the only unsafe code of this crate.
//!
//! The `opus` crate hides what the voice path needs: the decoder's complexity, which switches deep concealment on, DRED
//! (deep redundancy), and a copy of the decoder's state, which lets a packet that comes too late still feed the decoder.
//!
//! Each state is memory of ours that libopus initialises. It is contiguous, holds no pointer into itself, and "only a
//! shallow copy is sufficient to copy it" (`opus.h`, encoder and decoder alike): so a clone is a copy of bytes, and it
//! may move between threads.
#![expect(unsafe_code, reason = "libopus is C; every call checks lengths against the slices it is given")]

use std::ffi::{CStr, c_int};

use opusic_sys as sys;

use super::{CodecError, RATE};

/// Memory of at least `size` bytes, aligned for anything libopus keeps in it.
fn memory(size: c_int) -> Box<[u128]> {
    vec![0; usize::try_from(size).unwrap_or(0).div_ceil(size_of::<u128>())].into_boxed_slice()
}

fn check(code: c_int) -> Result<usize, CodecError> {
    // SAFETY: opus_strerror gives a static string for every number.
    let reason = |code| unsafe { CStr::from_ptr(sys::opus_strerror(code)) };
    usize::try_from(code).map_err(|_| CodecError(reason(code).to_string_lossy().into_owned()))
}

/// A length as libopus takes it. Nothing here is longer than a few thousand.
fn length(length: usize) -> c_int {
    c_int::try_from(length).unwrap_or(c_int::MAX)
}

/// A mono encoder for voice at 48 kHz.
#[derive(Debug, Clone)]
pub(super) struct Encoder(Box<[u128]>);

impl Encoder {
    pub(super) fn new() -> Result<Encoder, CodecError> {
        // SAFETY: a plain number in, a plain number out.
        let mut state = memory(unsafe { sys::opus_encoder_get_size(1) });
        // SAFETY: the memory is as large as libopus asked for, and aligned to 16.
        check(unsafe {
            sys::opus_encoder_init(state.as_mut_ptr().cast(), RATE as i32, 1, sys::OPUS_APPLICATION_VOIP)
        })?;
        Ok(Encoder(state))
    }

    pub(super) fn set_complexity(&mut self, complexity: i32) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_COMPLEXITY_REQUEST, complexity)
    }

    /// Bits per second.
    pub(super) fn set_bitrate(&mut self, bitrate: i32) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_BITRATE_REQUEST, bitrate)
    }

    /// How many bits of the samples mean something: what lies below is not taken for voice, nor for its bandwidth.
    pub(super) fn set_depth(&mut self, bits: i32) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_LSB_DEPTH_REQUEST, bits)
    }

    pub(super) fn set_dtx(&mut self, dtx: bool) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_DTX_REQUEST, i32::from(dtx))
    }

    pub(super) fn set_fec(&mut self, fec: bool) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_INBAND_FEC_REQUEST, i32::from(fec))
    }

    /// 0 to 100.
    pub(super) fn set_loss_percent(&mut self, percent: i32) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, percent)
    }

    /// How much of the past each packet describes again for a far decoder with DRED, in units of 10 ms, 0 to 100.
    pub(super) fn set_dred(&mut self, duration: i32) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_DRED_DURATION_REQUEST, duration)
    }

    /// Encode `voice`, a frame of 2.5 to 120 ms. Gives the bytes written.
    pub(super) fn encode(&mut self, voice: &[f32], payload: &mut [u8]) -> Result<usize, CodecError> {
        // SAFETY: the state was initialised; libopus reads `voice.len()` samples (mono) and writes at most
        // `payload.len()` bytes.
        check(unsafe {
            sys::opus_encode_float(
                self.0.as_mut_ptr().cast(),
                voice.as_ptr(),
                length(voice.len()),
                payload.as_mut_ptr(),
                length(payload.len()),
            )
        })
    }

    /// A control that takes one number, as all of the above do.
    fn set(&mut self, request: c_int, value: i32) -> Result<(), CodecError> {
        // SAFETY: the state was initialised, and the requests made here read one 32-bit number.
        check(unsafe { sys::opus_encoder_ctl(self.0.as_mut_ptr().cast(), request, value) }).map(drop)
    }
}

/// A mono decoder to 48 kHz.
#[derive(Debug, Clone)]
pub(super) struct Decoder(Box<[u128]>);

impl Decoder {
    pub(super) fn new() -> Result<Decoder, CodecError> {
        // SAFETY: a plain number in, a plain number out.
        let mut state = memory(unsafe { sys::opus_decoder_get_size(1) });
        // SAFETY: the memory is as large as libopus asked for, and aligned to 16.
        check(unsafe { sys::opus_decoder_init(state.as_mut_ptr().cast(), RATE as i32, 1) })?;
        Ok(Decoder(state))
    }

    /// Become like another; allocates nothing.
    pub(super) fn copy_from(&mut self, other: &Decoder) {
        self.0.copy_from_slice(&other.0);
    }

    /// 0 to 10; from 5 on what is lost is made up by a neural network (deep PLC).
    pub(super) fn set_complexity(&mut self, complexity: i32) -> Result<(), CodecError> {
        // SAFETY: the state was initialised, and the request reads one 32-bit number.
        check(unsafe {
            sys::opus_decoder_ctl(self.0.as_mut_ptr().cast(), sys::OPUS_SET_COMPLEXITY_REQUEST, complexity)
        })
        .map(drop)
    }

    /// Decode a packet, or with `fec` the one before it. Gives the samples written.
    pub(super) fn decode(&mut self, payload: &[u8], out: &mut [f32], fec: bool) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(CodecError("an empty packet".into()));
        }
        // SAFETY: the state was initialised; libopus reads `payload.len()` bytes and writes at most `out.len()` samples.
        check(unsafe {
            sys::opus_decode_float(
                self.0.as_mut_ptr().cast(),
                payload.as_ptr(),
                length(payload.len()),
                out.as_mut_ptr(),
                length(out.len()),
                c_int::from(fec),
            )
        })
    }

    /// Make up `out`, a multiple of 2.5 ms.
    pub(super) fn conceal(&mut self, out: &mut [f32]) -> Result<usize, CodecError> {
        // SAFETY: the state was initialised; a null packet of no length asks for concealment of `out.len()` samples.
        check(unsafe {
            sys::opus_decode_float(
                self.0.as_mut_ptr().cast(),
                std::ptr::null(),
                0,
                out.as_mut_ptr(),
                length(out.len()),
                0,
            )
        })
    }

    /// Fill `out`, a multiple of 2.5 ms, with what lies `before` samples before the packet that `dred` was read from.
    pub(super) fn decode_dred(&mut self, dred: &Dred, before: usize, out: &mut [f32]) -> Result<usize, CodecError> {
        // SAFETY: both states were initialised; libopus writes at most `out.len()` samples.
        check(unsafe {
            sys::opus_decoder_dred_decode_float(
                self.0.as_mut_ptr().cast(),
                dred.features.as_ptr().cast(),
                length(before),
                out.as_mut_ptr(),
                length(out.len()),
            )
        })
    }
}

/// Reads the deep redundancy in packets.
#[derive(Debug, Clone)]
pub(super) struct Dred {
    decoder: Box<[u128]>,
    features: Box<[u128]>,
}

impl Dred {
    pub(super) fn new() -> Result<Dred, CodecError> {
        // SAFETY: plain numbers out.
        let (mut decoder, features) =
            unsafe { (memory(sys::opus_dred_decoder_get_size()), memory(sys::opus_dred_get_size())) };
        // SAFETY: the memory is as large as libopus asked for, and aligned to 16.
        check(unsafe { sys::opus_dred_decoder_init(decoder.as_mut_ptr().cast()) })?;
        Ok(Dred { decoder, features })
    }

    /// Read what `payload` says of at most `samples` before it. Gives how far back it goes, in samples; 0 when it has
    /// no redundancy.
    pub(super) fn read(&mut self, payload: &[u8], samples: usize) -> Result<usize, CodecError> {
        let mut end = 0;
        // SAFETY: both states were initialised; libopus reads `payload.len()` bytes and writes one number to `end`.
        check(unsafe {
            sys::opus_dred_parse(
                self.decoder.as_mut_ptr().cast(),
                self.features.as_mut_ptr().cast(),
                payload.as_ptr(),
                length(payload.len()),
                length(samples),
                RATE as i32,
                &mut end,
                0,
            )
        })
    }
}

/// Samples at 48 kHz of a packet; none when it is broken.
pub(super) fn samples(payload: &[u8]) -> Option<usize> {
    // SAFETY: libopus reads at most `payload.len()` bytes.
    check(unsafe { sys::opus_packet_get_nb_samples(payload.as_ptr(), length(payload.len()), RATE as i32) }).ok()
}

/// Does a packet carry the frame before it (in-band FEC)?
pub(super) fn has_fec(payload: &[u8]) -> bool {
    // SAFETY: libopus reads at most `payload.len()` bytes; it checks the structure first.
    !payload.is_empty() && unsafe { sys::opus_packet_has_lbrr(payload.as_ptr(), length(payload.len())) } == 1
}
