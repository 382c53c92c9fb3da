//! A device of somebody's own: odd rates, a start that fails, a loss in the middle of a call, a speaker that is stuck.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types, reason = "a test")]

mod common;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::codec::Decoder;
use media::device::{Line, line};
use media::{Codec, Device, DeviceError, Engine, EngineConfig, Event, File, Null, OpenError, StreamConfig, rtp};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Speaker at 44.1 kHz, microphone at 16 kHz that hears 300 Hz.
#[derive(Default, Clone)]
struct Odd {
    starts: Arc<AtomicU32>,
    /// Tells the running device to say that it is lost, or to stop asking.
    lose: Arc<AtomicBool>,
    stick: Arc<AtomicBool>,
    run: Arc<AtomicBool>,
}

impl Device for Odd {
    fn start(&mut self) -> Result<Line, DeviceError> {
        if self.starts.fetch_add(1, Ordering::SeqCst) == 1 {
            return Err(DeviceError::Failed("not yet".into()));
        }
        let (line, mut playout, mut capture) = line(44_100, 16_000);
        self.run.store(true, Ordering::SeqCst);
        self.lose.store(false, Ordering::SeqCst);
        let device = self.clone();
        std::thread::spawn(move || {
            let mut tone = common::Tone::new(300.0, 16_000);
            let (mut heard, mut said) = ([0.0; 441], [0.0; 160]);
            let mut due = Instant::now();
            while device.run.load(Ordering::SeqCst) {
                due += Duration::from_millis(10);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if device.lose.load(Ordering::SeqCst) {
                    for _ in 0..100 {
                        playout.loss().report("unplugged");
                    }
                }
                if !device.stick.load(Ordering::SeqCst) {
                    playout.pull(&mut heard);
                }
                tone.fill(&mut said);
                capture.push(&said);
            }
        });
        Ok(line)
    }

    fn stop(&mut self) {
        self.run.store(false, Ordering::SeqCst);
    }
}

/// Decoded voice of the packets that come in this time.
fn listen(socket: &UdpSocket, time: Duration) -> Vec<f32> {
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut decoder = Decoder::new(Codec::Pcmu).unwrap();
    let (mut voice, mut buffer) = (Vec::new(), [0; 2_000]);
    let until = Instant::now() + time;
    while Instant::now() < until {
        if let Ok((length, _)) = socket.recv_from(&mut buffer) {
            let packet = rtp::Packet::parse(&buffer[..length]).unwrap();
            decoder.decode(packet.payload, &mut voice).unwrap();
        }
    }
    voice
}

#[test]
fn a_call_survives_its_device() {
    let device = Odd::default();
    let events = Arc::new(Mutex::new(Vec::new()));
    let kept = events.clone();
    let engine = Engine::start(EngineConfig {
        devices: Box::new(device.clone()),
        seed: [3; 32],
        ports: 40_000..50_000,
        on_event: Box::new(move |event| kept.lock().unwrap().push(event)),
    })
    .unwrap();
    let peer = UdpSocket::bind((HERE, 0)).unwrap();
    let (stream, _) = engine.open(HERE).unwrap();
    engine.configure(stream, StreamConfig::new(peer.local_addr().unwrap(), Codec::Pcmu, 0));
    engine.set_live(stream, true);
    let voice = listen(&peer, Duration::from_secs(2));
    let clearest = voice.chunks_exact(12_000).map(|piece| common::tonality(piece, 300.0, 48_000)).fold(0.0, f32::max);
    assert!(clearest > 0.97, "{clearest} of 300 Hz in {} samples", voice.len());

    // A stuck speaker: the peer still hears us.
    device.stick.store(true, Ordering::SeqCst);
    listen(&peer, Duration::from_millis(500));
    let voice = listen(&peer, Duration::from_secs(1));
    assert!(voice.len() > 24_000, "{} samples while the speaker is stuck", voice.len());
    device.stick.store(false, Ordering::SeqCst);

    device.lose.store(true, Ordering::SeqCst);
    let voice = listen(&peer, Duration::from_millis(1_500));
    assert!(voice.len() > 36_000, "{} samples without a device", voice.len());
    let lost: Vec<_> = events.lock().unwrap().clone();
    let [Event::DeviceLost { reason }] = &lost[..] else { panic!("{lost:?}") };
    assert_eq!(reason, "unplugged");
    // The first retry fails, the second works.
    let until = Instant::now() + Duration::from_secs(15);
    while !events.lock().unwrap().contains(&Event::DeviceBack) && Instant::now() < until {
        listen(&peer, Duration::from_millis(100));
    }
    assert_eq!(events.lock().unwrap().len(), 2, "{:?}", events.lock().unwrap());
    assert_eq!(device.starts.load(Ordering::SeqCst), 3);
    let voice = listen(&peer, Duration::from_secs(2));
    let clearest = voice.chunks_exact(12_000).map(|piece| common::tonality(piece, 300.0, 48_000)).fold(0.0, f32::max);
    assert!(clearest > 0.97, "{clearest} after the device came back");
    drop(engine);
    assert!(!device.run.load(Ordering::SeqCst), "the device runs on");
}

#[test]
fn a_device_that_does_not_start_is_an_error() {
    let devices = Box::new(File::new().play("/nonexistent.wav"));
    let error = Engine::start(EngineConfig { devices, seed: [0; 32], ports: 1..2, on_event: Box::new(|_| ()) });
    assert!(error.unwrap_err().to_string().starts_with("/nonexistent.wav: "));
}

#[test]
fn ports_come_in_pairs_from_the_range_and_run_out() {
    let start = |ports| {
        let devices = Box::new(Null::new());
        Engine::start(EngineConfig { devices, seed: [5; 32], ports, on_event: Box::new(|_| ()) }).unwrap()
    };
    let engine = start(51_001..51_007);
    let mut ports: Vec<_> = (0..2).map(|_| engine.open(HERE).unwrap().1.port()).collect();
    ports.sort_unstable();
    assert_eq!(ports, [51_002, 51_004]);
    assert!(matches!(engine.open(HERE), Err(OpenError::NoPort)));
    assert!(matches!(start(9..10).open(HERE), Err(OpenError::NoPort)), "a range without a pair");
    let elsewhere = "203.0.113.1".parse().unwrap();
    assert!(matches!(engine.open(elsewhere), Err(OpenError::Socket(_))));
}
