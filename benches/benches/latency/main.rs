//! Mouth to ear, for real: what a microphone hears until a speaker plays it, through two engines and the sound server's
//! devices without hardware. `./dev bench latency`.
//!
//! ```text
//!   chirps ──▶ sink "farmic" ──▶ microphone ─ engine ── UDP ── engine ─ speaker ──▶ sink "spk"
//!                  │ tap: when it sounds                                  when it sounds: tap │
//!                  └────────────────────── delay = the difference ────────────────────────────┘
//! ```
//!
//! The taps are programs of the server, and as late as each other. The devices' own share is measured first, by a
//! loop from one to the other without an engine.
//!
//! A sound server on a busy or virtual machine is late by itself. So the same is measured first with devices that are
//! nothing but a clock: a period to hear, and what is given to them sounds at once.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench")]

mod chirp;
mod clockwork;
mod tap;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use media::{Codec, Device, Direction, Engine, EngineConfig, StreamConfig, System};

use chirp::Delays;
use clockwork::Clockwork;
use tap::{Recorder, Recording};

const INNER: &str = "DENWA_LATENCY_INNER";

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let seconds = if quick { 8 } else { 30 };
    if std::env::var_os(INNER).is_some() {
        println!("\nThe same through a sound server's devices without hardware:\n");
        return measure(|setting| through_a_server(setting, seconds));
    }
    println!("Mouth to ear, two engines, Opus 48 kHz, in ms.");
    println!("Ours is all but frame, look-ahead, network and device periods.\n");
    println!("Through devices that are nothing but a clock, 150 ppm apart:\n");
    measure(|setting| by_clockwork(setting, seconds));
    let state = std::env::temp_dir().join(format!("denwa-latency-{}", std::process::id()));
    let script = |verb: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/tests/headless-audio");
        Command::new("bash").arg(path).arg(verb).env("AUDIO_STATE", &state).output().unwrap()
    };
    let started = script("start");
    if !started.status.success() {
        eprintln!("no sound server to measure with: {}", String::from_utf8_lossy(&started.stderr).trim());
        std::process::exit(1);
    }
    let lines = String::from_utf8(script("env").stdout).unwrap();
    // cpal finds the server by the environment, which a safe program cannot change for itself.
    let status = Command::new(std::env::current_exe().unwrap())
        .args(std::env::args().skip(1))
        .envs(lines.split_whitespace().filter_map(|word| word.split_once('=')))
        .env(INNER, "1")
        .status()
        .unwrap();
    script("stop");
    let _ = std::fs::remove_dir_all(PathBuf::from(&state));
    std::process::exit(status.code().unwrap_or(1));
}

/// How the devices and the packets are cut, in ms.
#[derive(Clone, Copy)]
struct Setting {
    period: u64,
    frame: u32,
}

fn measure(mut one: impl FnMut(Setting) -> Measured) {
    println!(
        "{:>6} {:>5} | {:>7} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7} {:>5} | {:>5} {:>5} {:>5}",
        "period",
        "frame",
        "devices",
        "frame",
        "ahead",
        "network",
        "mic",
        "buffer",
        "speaker",
        "rest",
        "ours",
        "mean",
        "p95"
    );
    for setting in
        [Setting { period: 10, frame: 20 }, Setting { period: 10, frame: 10 }, Setting { period: 5, frame: 10 }]
    {
        let measured = one(setting);
        measured.print(setting);
    }
}

struct Measured {
    /// What the devices add by themselves, in ms.
    devices: f64,
    all: Delays,
    parts: Parts,
}

impl Measured {
    fn print(&self, setting: Setting) {
        /// Opus at 48 kHz for voice (RFC 6716 §2.1.7 and libopus: 312 samples).
        const LOOK_AHEAD: f64 = 6.5;
        let Measured { devices, all, parts } = self;
        let known = devices + f64::from(setting.frame) + LOOK_AHEAD + parts.network;
        let rest = all.mean() - known - parts.microphone - parts.buffer - parts.speaker;
        println!(
            "{:>6} {:>5} | {devices:>7.1} {:>5} {LOOK_AHEAD:>7} {:>7.2} {:>7.1} {:>7.1} {:>7.1} {rest:>5.1} | {:>5.1} {:>5.1} {:>5.1}",
            setting.period,
            setting.frame,
            setting.frame,
            parts.network,
            parts.microphone,
            parts.buffer,
            parts.speaker,
            all.mean() - known,
            all.mean(),
            all.p95(),
        );
    }
}

fn by_clockwork(setting: Setting, seconds: u64) -> Measured {
    let near = Clockwork::new(setting.period, 0.0, true);
    let far = Clockwork::new(setting.period, 150.0, false);
    let (said, heard) = (near.epoch, (far.epoch, far.ear.clone()));
    let (all, parts) = of_engines(setting, Box::new(near), Box::new(far), || {
        let before = said.elapsed();
        std::thread::sleep(Duration::from_secs(seconds));
        let voice = heard.1.lock().unwrap().clone();
        let skipped = (before.as_secs_f64() * 48_000.0) as usize;
        let mouth = clockwork::mouth(said, said.elapsed().as_secs() as usize);
        (mouth.after(skipped), Recording { start: heard.0, voice }.after(skipped))
    });
    // One to hear, and one to play: what a speaker takes must have been there before.
    Measured { devices: 2.0 * setting.period as f64, all, parts }
}

fn through_a_server(setting: Setting, seconds: u64) -> Measured {
    let devices = of_devices(setting, seconds.min(10));
    let near = system("spk", "farmic.monitor", setting);
    let far = system("spk", "farmic.monitor", setting).without_microphone();
    let (all, parts) = of_engines(setting, Box::new(near), Box::new(far), || record(seconds));
    Measured { devices, all, parts }
}

fn id(name: &str) -> String {
    format!("pulseaudio:{name}")
}

fn system(speaker: &str, microphone: &str, setting: Setting) -> System {
    System::new().speaker(id(speaker)).microphone(id(microphone)).period(Duration::from_millis(setting.period))
}

/// From `farmic` to `spk` for so long.
fn record(seconds: u64) -> (Recording, Recording) {
    let feeder = chirp::Feeder::start("farmic");
    let mouth = Recorder::start("farmic");
    let ear = Recorder::start("spk");
    std::thread::sleep(Duration::from_secs(seconds));
    let heard = (mouth.finish(), ear.finish());
    drop(feeder);
    heard
}

/// What the devices add by themselves, in ms: a loop that hands on what comes, less what waits in the loop.
fn of_devices(setting: Setting, seconds: u64) -> f64 {
    let looped = tap::Loop::start(system("spk", "farmic.monitor", setting), setting.period);
    std::thread::sleep(Duration::from_secs(1));
    let heard = record(seconds);
    let waited = looped.finish();
    Delays::between(&heard).mean() - waited
}

struct Parts {
    network: f64,
    microphone: f64,
    buffer: f64,
    speaker: f64,
}

fn of_engines(
    setting: Setting,
    near: Box<dyn Device>,
    far: Box<dyn Device>,
    record: impl FnOnce() -> (Recording, Recording),
) -> (Delays, Parts) {
    let start = |devices: Box<dyn Device>, seed| {
        let engine = Engine::start(EngineConfig {
            devices,
            seed: [seed; 32],
            ports: 30_000..40_000,
            on_event: Box::new(|_| ()),
        });
        let engine = engine.unwrap();
        let (stream, address) = engine.open(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        (engine, stream, address)
    };
    let (near, far) = (start(near, 1), start(far, 2));
    // At a server both have the same speaker, so one of them must hear nothing.
    for (here, there, direction) in [(&near, &far, Direction::SendOnly), (&far, &near, Direction::RecvOnly)] {
        let mut config = StreamConfig::new(there.2, Codec::Opus, 96);
        config.send.ptime = setting.frame;
        config.direction = direction;
        here.0.configure(here.1, config);
        here.0.set_live(here.1, true);
    }
    // The rings give up, a millisecond every five seconds, what they keep for a start.
    std::thread::sleep(Duration::from_secs(30));
    let heard = record();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let stats = near.0.stats(near.1).unwrap();
    let buffer = far.0.stats(far.1).map_or(0.0, |stats| ms(stats.delay));
    let network = stats.round_trip.map_or(0.0, ms) / 2.0;
    let (ours, theirs) = (near.0.device().delay, far.0.device().delay);
    drop((near, far));
    (Delays::between(&heard), Parts { network, microphone: ms(ours.microphone), buffer, speaker: ms(theirs.speaker) })
}
