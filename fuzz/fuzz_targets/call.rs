//! `call::fuzz::call` says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| call::fuzz::call(data));
