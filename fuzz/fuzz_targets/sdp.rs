//! `sdp::fuzz::sdp` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sdp::fuzz::sdp(data));
