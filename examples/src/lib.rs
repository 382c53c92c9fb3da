//! Programs that show the library at work; run them with `cargo run --example NAME`.
