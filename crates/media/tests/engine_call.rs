//! Two engines call each other over loopback: files said on both sides, the other's tone in both recordings.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::{Codec, Dtmf, Engine, EngineConfig, Event, File, StreamConfig, StreamId};

fn write_tone(path: &Path, hertz: f32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in common::Tone::samples(hertz, 16_000, 16_000) {
        writer.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

fn read(path: &Path) -> Vec<f32> {
    hound::WavReader::open(path).unwrap().samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}

struct Phone {
    engine: Engine,
    stream: StreamId,
    address: std::net::SocketAddr,
    events: Arc<Mutex<Vec<Event>>>,
}

fn phone(seed: u8, play: &Path, record: &Path) -> Phone {
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = events.clone();
    let engine = Engine::start(EngineConfig {
        devices: Box::new(File::new().play(play).record(record)),
        seed: [seed; 32],
        ports: 20_000..30_000,
        on_event: Box::new(move |event| kept.lock().unwrap().push(event)),
    })
    .unwrap();
    let (stream, address) = engine.open(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    Phone { engine, stream, address, events }
}

fn call(codec: Codec) {
    let folder = std::env::temp_dir().join(format!("denwa-media-{codec:?}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name);
    write_tone(&path("a.wav"), 440.0);
    write_tone(&path("b.wav"), 1_000.0);
    let a = phone(1, &path("a.wav"), &path("a-heard.wav"));
    let b = phone(2, &path("b.wav"), &path("b-heard.wav"));
    for (here, there) in [(&a, &b), (&b, &a)] {
        let mut config = StreamConfig::new(there.address, codec, 96);
        config.dtmf = Some(Dtmf { send_pt: 101, receive_pt: 101, clock: 8_000 });
        config.cname = "test".into();
        here.engine.configure(here.stream, config);
        here.engine.set_live(here.stream, true);
    }
    std::thread::sleep(Duration::from_millis(1_500));
    let asked = Instant::now();
    a.engine.send_dtmf(a.stream, "4#");
    assert!(asked.elapsed() < Duration::from_millis(50), "a command blocks");
    std::thread::sleep(Duration::from_millis(1_500));
    let stats = a.engine.stats(a.stream).unwrap();
    eprintln!("{stats:?}");
    assert_eq!(stats.codec, codec);
    // A machine under load may be slow: nothing here depends on keeping real time exactly.
    assert!((50..=250).contains(&stats.packets_received), "{stats:?}");
    assert!(stats.packets_sent > 50 && stats.dropped == 0 && stats.duplicates == 0, "{stats:?}");
    assert!(stats.delay < Duration::from_millis(1_000) && stats.mos.is_some(), "{stats:?}");
    let history = a.engine.history(a.stream).unwrap();
    let received: u64 = history.steps().map(|second| u64::from(second.received)).sum();
    assert!(history.steps().len() >= 2 && received <= stats.packets_received + 50, "{history:?}");
    let digits: String = b.events.lock().unwrap().iter().filter_map(digit).collect();
    assert_eq!(digits, "4#");
    assert!(a.events.lock().unwrap().iter().any(|event| matches!(event, Event::Flowing { .. })));
    a.engine.close(a.stream);
    assert!(a.engine.stats(a.stream).is_none());
    std::thread::sleep(Duration::from_millis(100));
    assert!(b.events.lock().unwrap().iter().any(|event| matches!(event, Event::Bye { .. })), "no goodbye");
    drop((a, b));
    for (file, hertz) in [("a-heard.wav", 1_000.0), ("b-heard.wav", 440.0)] {
        let heard = read(&path(file));
        assert!(heard.len() > 48_000 * 2, "{file}: {} samples", heard.len());
        let clearest =
            heard.chunks_exact(24_000).map(|voice| common::tonality(voice, hertz, 48_000)).fold(0.0, f32::max);
        assert!(clearest > 0.95, "{file}: {clearest} of {hertz} Hz, rms {}", common::rms(&heard));
        assert!(common::rms(&heard) > 0.05);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn digit(event: &Event) -> Option<char> {
    match event {
        Event::Dtmf { digit, .. } => Some(*digit),
        _ => None,
    }
}

#[test]
fn both_hear_the_other() {
    for codec in [Codec::Opus, Codec::Pcmu] {
        call(codec);
    }
}
