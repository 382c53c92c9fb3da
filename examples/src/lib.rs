//! Programs that show the library at work; run them with `cargo run --example NAME`. Here is only what two of them share.
pub mod keys;
pub mod options;
pub mod screen;
pub mod sound;
pub mod talk;
