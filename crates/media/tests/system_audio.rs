//! A call through cpal on a sound server without hardware: the microphone reaches the peer, the peer the speaker; the
//! server dies, the call goes on, the server comes back. Skipped where there is no PulseAudio.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::{Codec, Engine, EngineConfig, Event, File, StreamConfig, System};

fn script(state: &Path, verb: &str) -> std::process::Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/headless-audio");
    Command::new("bash").arg(path).arg(verb).env("AUDIO_STATE", state).output().expect("bash runs")
}

/// Ends the sound server however the test ends.
struct Server(PathBuf);

impl Drop for Server {
    fn drop(&mut self) {
        script(&self.0, "stop");
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// cpal finds its sound server by the environment, which a safe program cannot change for itself: the real test runs
/// in a process of its own.
#[test]
fn a_call_on_a_sound_server() {
    let state = std::env::temp_dir().join(format!("denwa-headless-{}", std::process::id()));
    let server = Server(state.clone());
    let started = script(&state, "start");
    if !started.status.success() {
        eprintln!("SKIPPED: no sound server to test with: {}", String::from_utf8_lossy(&started.stderr).trim());
        return;
    }
    let lines = String::from_utf8(script(&state, "env").stdout).unwrap();
    let variables = lines.split_whitespace().filter_map(|word| word.split_once('='));
    let variables: Vec<(&str, &str)> = variables.collect();
    let run = |test: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", test, "--nocapture"])
            .envs(variables.iter().copied())
            .env("AUDIO_STATE", &state)
            .status()
            .unwrap()
    };
    let (devices, call) = (run("devices_come_and_go"), run("inner"));
    drop(server);
    assert!(devices.success() && call.success());
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(program: &str, args: &[&str]) -> Process {
    Process(Command::new(program).args(args).stderr(Stdio::null()).spawn().expect("the sound server's tools are there"))
}

fn write_tone(path: &Path, hertz: f32, seconds: usize) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in common::Tone::samples(hertz, 48_000, 48_000 * seconds) {
        writer.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

/// What a sink plays for two seconds.
fn heard_at(state: &Path, sink: &str) -> Vec<f32> {
    let path = state.join(format!("{sink}.raw"));
    let file = std::fs::File::create(&path).unwrap();
    let monitor = format!("{sink}.monitor");
    let mut recorder = Process(
        Command::new("parec")
            .args(["-d", &monitor, "--format=s16le", "--rate=48000", "--channels=1"])
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    std::thread::sleep(Duration::from_secs(2));
    let _ = recorder.0.kill();
    drop(recorder);
    samples_of(&path)
}

/// A sound server may have rendered seconds ahead.
fn sounds_at(state: &Path, sink: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while clearest(&heard_at(state, sink), 1_000.0) < 0.9 {
        assert!(Instant::now() < until, "nothing to be heard at {sink}");
    }
}

fn samples_of(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    bytes.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
}

fn clearest(samples: &[f32], hertz: f32) -> f32 {
    samples.chunks_exact(24_000).map(|piece| common::tonality(piece, hertz, 48_000)).fold(0.0, f32::max)
}

#[test]
#[ignore = "run by a_call_on_a_sound_server, in the server's environment"]
fn inner() {
    let state = PathBuf::from(std::env::var_os("AUDIO_STATE").expect("run by a_call_on_a_sound_server"));
    let path = |name: &str| state.join(name).display().to_string();
    write_tone(&state.join("mic.wav"), 440.0, 30);
    write_tone(&state.join("far.wav"), 1_000.0, 1);
    let _mouth = spawn("paplay", &["-d", "farmic", &path("mic.wav")]);
    let record = std::fs::File::create(state.join("ear.raw")).unwrap();
    let recorder = Process(
        Command::new("parec")
            .args(["-d", "spk.monitor", "--format=s16le", "--rate=48000", "--channels=1"])
            .stdout(record)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );

    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = events.clone();
    let start = |devices: Box<dyn media::Device>, seed, on_event: Box<dyn Fn(Event) + Send>| {
        let engine =
            Engine::start(EngineConfig { devices, seed: [seed; 32], ports: 30_000..40_000, on_event }).unwrap();
        let (stream, address) = engine.open(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        (engine, stream, address)
    };
    let near = start(Box::new(System::new()), 1, Box::new(move |event| kept.lock().unwrap().push(event)));
    let far_device = File::new().play(state.join("far.wav")).record(state.join("far-heard.wav"));
    let far = start(Box::new(far_device), 2, Box::new(|_| ()));
    for (here, there) in [(&near, &far), (&far, &near)] {
        here.0.configure(here.1, StreamConfig::new(there.2, Codec::Opus, 96));
        here.0.set_live(here.1, true);
    }
    std::thread::sleep(Duration::from_secs(4));
    eprintln!("{:?}", near.0.stats(near.1));
    drop(recorder);

    let count =
        |wanted: fn(&Event) -> bool| events.lock().unwrap().clone().iter().filter(|event| wanted(event)).count();
    let lost = |event: &Event| matches!(event, Event::DeviceLost { .. });
    let back = |event: &Event| matches!(event, Event::DeviceBack);
    let wait = |wanted: fn(&Event) -> bool| {
        let until = Instant::now() + Duration::from_secs(20);
        while count(wanted) == 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        count(wanted)
    };
    let so_far = events.lock().unwrap().clone();
    assert_eq!(count(lost), 0, "lost without reason: {so_far:?}");
    script(&state, "stop");
    assert_eq!(wait(lost), 1, "the dead server is not told");
    let sent = |engine: &Engine, stream| engine.stats(stream).unwrap().packets_sent;
    let before = sent(&near.0, near.1);
    std::thread::sleep(Duration::from_secs(1));
    assert!(sent(&near.0, near.1) > before + 20, "the call stands still without a device");
    assert!(script(&state, "start").status.success());
    assert_eq!(wait(back), 1, "the device does not come back");
    assert_eq!(count(lost), 1, "an error storm is one event");
    drop((near, far));

    let ear = samples_of(&state.join("ear.raw"));
    assert!(clearest(&ear, 1_000.0) > 0.9, "the speaker plays {} of the peer", clearest(&ear, 1_000.0));
    let mut reader = hound::WavReader::open(state.join("far-heard.wav")).unwrap();
    let heard: Vec<f32> = reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect();
    assert!(clearest(&heard, 440.0) > 0.9, "the peer hears {} of the microphone", clearest(&heard, 440.0));
}

/// A second speaker is plugged in, chosen during a call, and pulled out: the call goes on at the default one.
#[test]
#[ignore = "run by a_call_on_a_sound_server, in the server's environment"]
fn devices_come_and_go() {
    let state = PathBuf::from(std::env::var_os("AUDIO_STATE").expect("run by a_call_on_a_sound_server"));
    let found = media::device::cpal::devices().unwrap();
    let default = found.iter().find(|device| device.default_speaker).expect("a default speaker");
    assert!(default.id.contains("spk") && default.speaker && !default.headset, "{found:?}");
    assert!(found.iter().any(|device| device.default_microphone && device.microphone), "{found:?}");

    let (told, tells) = std::sync::mpsc::channel();
    let _watch = media::Watch::start(media::device::cpal::devices, move |found| drop(told.send(found))).unwrap();
    // The first look is what the next is compared with.
    std::thread::sleep(Duration::from_secs(1));
    let module = Command::new("pactl")
        .args(["load-module", "module-null-sink", "sink_name=headphones", "rate=48000", "format=s16le", "channels=2"])
        .output()
        .unwrap();
    let module = String::from_utf8(module.stdout).unwrap();
    let found = tells.recv_timeout(Duration::from_secs(10)).expect("a new device is told");
    let new =
        found.iter().find(|device| device.speaker && device.id.contains("headphones")).expect("it is in the list");

    let (events, kept) = std::sync::mpsc::channel();
    let next = |wanted: fn(&Event) -> bool| {
        let until = Instant::now() + Duration::from_secs(20);
        while let Ok(event) = kept.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if wanted(&event) {
                return;
            }
        }
        panic!("it does not come");
    };
    let engine = Engine::start(EngineConfig {
        devices: Box::new(System::new()),
        seed: [3; 32],
        ports: 30_000..40_000,
        on_event: Box::new(move |event| drop(events.send(event))),
    })
    .unwrap();
    engine.play_tone(Some(media::Tone::continuous(1_000.0, 0.3)));
    sounds_at(&state, "spk");
    engine.use_device(Box::new(System::new().speaker(&new.id)));
    next(|event| matches!(event, Event::DeviceBack));
    sounds_at(&state, "headphones");
    engine.set_volume(media::Volume::default().speaker(0.0));
    std::thread::sleep(Duration::from_secs(1));
    assert!(common::rms(&heard_at(&state, "headphones")) < 0.001, "turned down");
    engine.set_volume(media::Volume::default());
    assert!(Command::new("pactl").args(["unload-module", module.trim()]).status().unwrap().success());
    // The sound server moves the sound itself, or ends it and we open the default one.
    sounds_at(&state, "spk");
}
