//! `cargo bench --bench message`: our own messages; `./dev bench` measures the peers' crates beside them.

use denwa_benches::{Denwa, message};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    message::main(&[message::subject::<Denwa>()], &arguments);
}
