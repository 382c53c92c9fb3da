//! `media::fuzz::rtp` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media::fuzz::rtp(data));
