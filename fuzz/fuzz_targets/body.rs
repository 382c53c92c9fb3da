//! `sip_core::fuzz::body` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sip_core::fuzz::body(data));
