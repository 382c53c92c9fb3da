//! The voice path on real speech and on the packet arrivals of thirteen networks, beside what others make of them.
//!
//! `./dev bench sound [--quick] [TRACE...]`: `--quick` scores delay and PESQ only. Everything is virtual time and
//! repeats exactly.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

mod run;

use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sound");
    let target = PathBuf::from(std::env::var("SOUND_DIR").unwrap_or_else(|_| "target/sound".into()));
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let names: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-')).map(String::as_str).collect();
    let speech = run::speech(&target.join("speech_48k.wav"));
    let mut packets = run::Packets::default();
    for name in names {
        let trace = run::Trace::read(
            &std::env::var("SOUND_TRACES").map_or(root.join("traces"), PathBuf::from).join(format!("{name}.csv")),
        );
        let out = run::play(&trace, packets.of(&speech, trace.loss_percent));
        run::write(&target.join(format!("out_{name}.wav")), &out.voice);
        println!("{name:<10} {}", out.summary);
    }
}
