//! Rooms, sources and recordings through a whole engine: a device of ours says one tone, each peer another, and every
//! ear is looked at for each of them.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types, reason = "a test")]

mod common;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::codec::{Decoder, Encoder};
use media::device::{Line, line};
use media::{
    Clip, Codec, CodecConfig, Device, DeviceError, Engine, EngineConfig, Event, Recording, Room, Source, StreamConfig,
    StreamId, rtp,
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What microphone, peers and hold music sound like, in Hz.
const MOUTH: f32 = 300.0;
const PEERS: [f32; 3] = [500.0, 900.0, 1_300.0];
const MUSIC: f32 = 1_900.0;
/// The payload type of every peer's codec.
const PAYLOAD: u8 = 96;
/// The share of the power above which a tone is there, and below which it is not.
const THERE: f32 = 0.1;
const ABSENT: f32 = 0.01;

/// Says a tone and keeps what it is given to play.
#[derive(Clone, Default)]
struct Head {
    heard: Arc<Mutex<Vec<f32>>>,
    run: Arc<AtomicBool>,
}

impl Device for Head {
    fn start(&mut self) -> Result<Line, DeviceError> {
        let (line, mut playout, mut capture) = line(48_000, 48_000);
        self.run.store(true, Ordering::SeqCst);
        let head = self.clone();
        std::thread::spawn(move || {
            let mut tone = common::Tone::new(MOUTH, 48_000);
            let (mut heard, mut said) = ([0.0; 480], [0.0; 480]);
            let mut due = Instant::now();
            while head.run.load(Ordering::SeqCst) {
                due += Duration::from_millis(10);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                playout.pull(&mut heard);
                head.heard.lock().unwrap().extend(heard);
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

/// The other end of a stream: says a tone in its codec and keeps what it hears.
struct Peer {
    stream: StreamId,
    heard: Arc<Mutex<Vec<f32>>>,
    run: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    fn new(engine: &Engine, hertz: f32, codec: Codec) -> Peer {
        let socket = UdpSocket::bind((HERE, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let (stream, address) = engine.open(HERE).unwrap();
        engine.configure(stream, StreamConfig::new(socket.local_addr().unwrap(), codec, PAYLOAD));
        let (heard, run) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
        let (ears, running) = (heard.clone(), run.clone());
        let thread = std::thread::spawn(move || {
            let mut encoder = Encoder::new(&CodecConfig::new(codec, PAYLOAD)).unwrap();
            let mut decoder = Decoder::new(codec).unwrap();
            let mut tone = common::Tone::new(hertz, 48_000);
            let (mut voice, mut payload, mut buffer) = ([0.0; 960], Vec::new(), [0; 2_000]);
            let mut due = Instant::now();
            for sequence in 0u16.. {
                tone.fill(&mut voice);
                // Three of them shall not be bent.
                voice.iter_mut().for_each(|sample| *sample *= 0.4);
                encoder.encode(&voice, &mut payload).unwrap();
                let timestamp = u32::from(sequence) * (codec.clock_rate() / 50);
                let packet = rtp::Packet {
                    marker: sequence == 0,
                    payload_type: PAYLOAD,
                    sequence,
                    timestamp,
                    ssrc: 1,
                    payload: &payload,
                };
                socket.send_to(&packet.to_bytes(), address).unwrap();
                while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                    let packet = rtp::Packet::parse(&buffer[..length]).unwrap();
                    decoder.decode(packet.payload, &mut ears.lock().unwrap()).unwrap();
                }
                if !running.load(Ordering::SeqCst) {
                    break;
                }
                due += Duration::from_millis(20);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Peer { stream, heard, run, thread: Some(thread) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.run.store(false, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

struct World {
    engine: Engine,
    head: Head,
    peers: Vec<Peer>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    fn new() -> World {
        World::of([Codec::Pcmu; 3])
    }

    fn of(codecs: [Codec; 3]) -> World {
        let head = Head::default();
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = events.clone();
        let engine = Engine::start(EngineConfig {
            devices: Box::new(head.clone()),
            seed: [6; 32],
            ports: 30_000..40_000,
            on_event: Box::new(move |event| kept.lock().unwrap().push(event)),
        })
        .unwrap();
        let peers = PEERS.iter().zip(codecs).map(|(hertz, codec)| Peer::new(&engine, *hertz, codec)).collect();
        World { engine, head, peers, events }
    }

    fn streams<const N: usize>(&self, peers: [usize; N]) -> [StreamId; N] {
        peers.map(|peer| self.peers[peer].stream)
    }

    /// Let things settle, then listen: what each peer hears, and the ear last, as a string of the tones that are in it:
    /// `m`outh, peers `0` to `2`, music `h`.
    fn listen(&self) -> Vec<String> {
        std::thread::sleep(Duration::from_millis(400));
        let ears = || self.peers.iter().map(|peer| &peer.heard).chain([&self.head.heard]);
        ears().for_each(|heard| heard.lock().unwrap().clear());
        std::thread::sleep(Duration::from_millis(700));
        ears().map(|heard| heard.lock().unwrap().clone()).map(|heard| tones(&heard)).collect()
    }
}

fn tones(heard: &[f32]) -> String {
    let all = [('m', MOUTH), ('0', PEERS[0]), ('1', PEERS[1]), ('2', PEERS[2]), ('h', MUSIC)];
    let mut found = String::new();
    for (name, hertz) in all {
        let share = if common::rms(heard) < 0.003 { 0.0 } else { common::tonality(heard, hertz, 48_000) };
        assert!(!(ABSENT..THERE).contains(&share), "{name} is neither there nor not: {share}");
        if share > THERE {
            found.push(name);
        }
    }
    found
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("denwa-media-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn music() -> Arc<Clip> {
    // Longer than one listening, shorter than the time until the next.
    Arc::new(Clip::from_samples(&common::Tone::samples(MUSIC, 16_000, 20_800), 16_000).unwrap())
}

#[test]
fn rooms_hear_themselves_and_nobody_hears_himself() {
    let world = World::new();
    assert_eq!(world.listen(), ["", "", "", ""], "nobody is live");
    world.engine.set_live(world.peers[0].stream, true);
    assert_eq!(world.listen(), ["m", "", "", "0"]);

    // Two live calls are a conference; so are three in a room.
    world.engine.set_live(world.peers[1].stream, true);
    assert_eq!(world.listen(), ["m1", "m0", "", "01"]);
    let [a, b, c] = world.streams([0, 1, 2]);
    world.engine.arrange(vec![Room::with_user([a, b, c])]);
    assert_eq!(world.listen(), ["m12", "m02", "m01", "012"]);
    world.engine.set_muted(b, true);
    assert_eq!(world.listen(), ["m12", "02", "m01", "012"], "mute is for the mouth alone");
    world.engine.set_muted(b, false);

    // A bridge that the user has left, and a call beside it.
    world.engine.arrange(vec![Room::without_user([a, b]), Room::with_user([c])]);
    assert_eq!(world.listen(), ["1", "0", "m", "2"]);
    world.engine.arrange(vec![Room::without_user([a, b])]);
    assert_eq!(world.listen(), ["1", "0", "", ""], "the third is not live");
    world.engine.arrange(vec![]);
    assert_eq!(world.listen(), ["m1", "m0", "", "01"], "as before");
}

/// 48, 16 and 8 kHz together and by twos; and one of them, who comes to another codec, is heard as before.
#[test]
fn peers_of_all_rates_hear_each_other() {
    let world = World::of([Codec::Opus, Codec::G722, Codec::Pcmu]);
    let [a, b, c] = world.streams([0, 1, 2]);
    world.engine.arrange(vec![Room::with_user([a, b, c])]);
    assert_eq!(world.listen(), ["m12", "m02", "m01", "012"]);
    world.engine.arrange(vec![Room::with_user([b, c])]);
    assert_eq!(world.listen(), ["", "m2", "m1", "12"]);
    world.engine.arrange(vec![Room::without_user([a, c]), Room::with_user([b])]);
    assert_eq!(world.listen(), ["2", "m", "0", "1"]);
    world.engine.set_source(c, Source::Clip(music()));
    world.engine.set_source(b, Source::Clip(music()));
    assert_eq!(world.listen(), ["2", "h", "0h", "1"]);
}

#[test]
fn a_held_peer_hears_music_and_not_the_microphone() {
    let world = World::new();
    let [held, other] = world.streams([0, 1]);
    world.engine.set_live(held, true);
    world.engine.set_live(other, true);
    world.engine.arrange(vec![Room::with_user([other]), Room::without_user([held])]);
    world.engine.set_source(held, Source::Clip(music()));
    assert_eq!(world.listen(), ["h", "m", "", "1"]);
    world.engine.set_muted(held, true);
    assert_eq!(world.listen(), ["h", "m", "", "1"], "music is no microphone");
    world.engine.set_muted(held, false);
    world.engine.set_source(held, Source::Microphone);
    world.engine.arrange(vec![]);
    world.engine.play_clip(Some(music()));
    assert_eq!(world.listen(), ["m1", "m0", "", "01h"], "a clip for the ear alone");
    world.engine.play_clip(None);

    world.engine.set_source(held, Source::Once(music()));
    assert_eq!(world.listen()[..2], ["1h", "m0"], "an announcement into a conference");
    assert_eq!(world.listen()[..2], ["m1", "m0"]);
    let played = Event::Played { stream: held };
    assert_eq!(world.events.lock().unwrap().iter().filter(|event| **event == played).count(), 1);
}

fn read(path: &Path) -> Vec<Vec<f32>> {
    let mut reader = hound::WavReader::open(path).unwrap();
    let channels = usize::from(reader.spec().channels);
    assert_eq!(reader.spec().sample_rate, 48_000);
    let samples: Vec<_> = reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect();
    (0..channels).map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect()).collect()
}

#[test]
fn a_call_is_recorded_and_everybody_can_know() {
    let folder = folder("recording");
    let world = World::new();
    let [a, b] = world.streams([0, 1]);
    world.engine.arrange(vec![Room::with_user([a])]);
    world.engine.arrange(vec![Room::with_user([a]), Room::with_user([b])]);
    let (mono, stereo, nowhere) = (folder.join("mono.wav"), folder.join("stereo.wav"), folder.join("no/where.wav"));
    world.engine.record(a, Some(Recording::new(&mono)));
    world.engine.record(b, Some(Recording::stereo(&stereo)));
    std::thread::sleep(Duration::from_millis(1_500));
    world.engine.record(a, Some(Recording::new(&nowhere)));
    let ogg = folder.join("ogg.opus");
    world.engine.record(b, Some(Recording::stereo(&ogg)));
    std::thread::sleep(Duration::from_millis(500));
    world.engine.record(b, None);
    std::thread::sleep(Duration::from_millis(500));
    let bytes = std::fs::read(&ogg).unwrap();
    assert!(bytes.starts_with(b"OggS") && (2_000..40_000).contains(&bytes.len()), "{} bytes", bytes.len());

    let [both] = &read(&mono)[..] else { panic!("mono") };
    assert!((48_000..110_000).contains(&both.len()), "{} samples", both.len());
    assert_eq!(tones(&both[24_000..]), "m0");
    let [sent, said] = &read(&stereo)[..] else { panic!("stereo") };
    assert_eq!((tones(&sent[24_000..]), tones(&said[24_000..])), ("m".into(), "1".into()));

    let told = |wanted: &Path| -> Vec<(bool, bool)> {
        let events = world.events.lock().unwrap();
        let recordings = events.iter().filter_map(|event| match event {
            Event::Recording { path, on, error, .. } if path == wanted => Some((*on, error.is_some())),
            _ => None,
        });
        recordings.collect()
    };
    assert_eq!(told(&mono), [(true, false), (false, false)]);
    assert_eq!(told(&stereo), [(true, false), (false, false)]);
    assert_eq!(told(&ogg), [(true, false), (false, false)]);
    assert_eq!(told(&nowhere), [(false, true)]);

    // The end of the call and of the engine end a recording too.
    let last = folder.join("last.wav");
    world.engine.record(a, Some(Recording::new(&last)));
    std::thread::sleep(Duration::from_millis(300));
    world.engine.close(a);
    let World { engine, events, peers, .. } = world;
    drop(engine);
    assert!(
        events
            .lock()
            .unwrap()
            .iter()
            .any(|event| matches!(event, Event::Recording { path, on: false, .. } if *path == last))
    );
    assert!(read(&last)[0].len() > 4_800);
    drop(peers);
    std::fs::remove_dir_all(folder).unwrap();
}
