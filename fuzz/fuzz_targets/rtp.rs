//! `media::fuzz::rtp_once` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media::fuzz::rtp_once(data));
