//! Descriptions of real phones and servers, of RFCs, and what the fuzzer found.
#![allow(clippy::unwrap_used)] // a test

use sdp::{Direction, History, Local, answer, parse};
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/sdp");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 40, "the corpus is there");
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

#[test]
fn holds_what_the_fuzzer_checks() {
    for (_, bytes) in corpus() {
        sdp::fuzz::sdp(&bytes);
    }
}

/// What a phone prints is what it meant: real descriptions come out byte for byte.
#[test]
fn real_descriptions_print_as_they_came() {
    for (name, bytes) in corpus().iter().filter(|(name, _)| !name.starts_with("odd_")) {
        assert_eq!(parse(bytes).unwrap().to_string().as_bytes(), bytes, "{name}");
    }
}

/// What each comes to when it is offered to a phone of ours.
#[test]
fn what_is_answered() {
    let local = Local::new(([192, 0, 2, 1], 4000).into());
    let mut table = String::new();
    for (name, bytes) in corpus() {
        let outcome = match parse(&bytes).map(|offer| answer(&local, Direction::SendRecv, &History::new(1), &offer)) {
            Ok(Ok((ours, agreed))) => format!(
                "{} {:?}, {}, keys {}, to {} rtcp {}, {} ms{}, ports {:?}",
                agreed.send.payload_type,
                agreed.send.codec,
                agreed.direction,
                agreed.send_events.map_or("none".into(), |e| format!("{}/{}", e.payload_type, e.clock_rate)),
                agreed.remote_rtp,
                agreed.remote_rtcp.port(),
                agreed.ptime.as_millis(),
                if agreed.remote_hold { ", holds" } else { "" },
                ours.media.iter().map(|media| media.port).collect::<Vec<_>>(),
            ),
            Ok(Err(why)) => why.to_string(),
            Err(why) => why.to_string(),
        };
        table += &format!("{name}: {outcome}\n");
    }
    insta::assert_snapshot!(table);
}
