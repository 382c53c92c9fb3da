//! What the scenarios share.
use denwa::{Account, AccountHandle, Audio, CallChange, CallId, Event, Events, Phone, Uri};
use lab::pbx::{Config, Server};
use std::f64::consts::TAU;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Nothing here takes this long unless it hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// The future's output; a hang is a failure that says where.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: nothing after {LIMIT:?}"),
    }
}

pub(crate) fn pbx() -> Server {
    pbx_with(Config::default())
}

pub(crate) fn pbx_with(config: Config) -> Server {
    Server::start(config).unwrap()
}

pub(crate) fn uri(user: &str, at: SocketAddr) -> Uri {
    format!("sip:{user}@{at}").parse().unwrap()
}

pub(crate) fn account(user: &str, server: &Server) -> Account {
    Account::new(uri(user, server.addr())).password(format!("secret{user}"))
}

pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A phone on loopback.
pub(crate) async fn phone(audio: Audio) -> (Phone, Events) {
    Phone::builder().bind(LOOPBACK).audio(audio).start().await.unwrap()
}

/// A phone without sound, registered as `user`.
pub(crate) async fn registered(user: &str, server: &Server) -> (Phone, Events, AccountHandle) {
    let (phone, events) = phone(Audio::None).await;
    let me = within("registering", phone.register(account(user, server))).await.unwrap();
    (phone, events, me)
}

/// Reads events until a call changes so that `pick` says something.
pub(crate) async fn change<T>(events: &mut Events, id: CallId, mut pick: impl FnMut(&CallChange) -> Option<T>) -> T {
    let mut seen = Vec::new();
    let found = tokio::time::timeout(LIMIT, async {
        loop {
            match events.next().await {
                Some(Event::Call { id: which, change }) if which == id => match pick(&change) {
                    Some(picked) => return picked,
                    None => seen.push(change),
                },
                Some(_) => {}
                None => panic!("the events ended; before that: {seen:?}"),
            }
        }
    });
    match found.await {
        Ok(picked) => picked,
        Err(_) => panic!("the expected change did not come"),
    }
}

/// Reads events until this very change.
pub(crate) async fn until(events: &mut Events, id: CallId, expected: CallChange) {
    change(events, id, |change| (*change == expected).then_some(())).await;
}

/// Reads events until somebody calls.
pub(crate) async fn incoming(events: &mut Events) -> denwa::Incoming {
    within("an incoming call", async {
        loop {
            match events.next().await {
                Some(Event::Incoming(ring)) => return ring,
                Some(_) => {}
                None => panic!("the events ended"),
            }
        }
    })
    .await
}

/// A file of this test's own.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

/// A WAV file with a minute of a tone.
pub(crate) fn tone_file(name: &str, hz: f64) -> PathBuf {
    let path = file(name);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..48_000 * 60 {
        writer.write_sample(((TAU * hz * f64::from(n) / 48_000.0).sin() * 8000.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
    path
}

pub(crate) struct Recording {
    samples: Vec<f64>,
    rate: f64,
}

impl Recording {
    pub(crate) fn open(path: &Path) -> Self {
        let mut reader = hound::WavReader::open(path).unwrap();
        let spec = reader.spec();
        let every = usize::from(spec.channels);
        let samples = match spec.sample_format {
            hound::SampleFormat::Float => {
                reader.samples::<f32>().step_by(every).map(|s| f64::from(s.unwrap())).collect()
            }
            hound::SampleFormat::Int => {
                let full = f64::from(1_u32 << (spec.bits_per_sample - 1));
                reader.samples::<i32>().step_by(every).map(|s| f64::from(s.unwrap()) / full).collect()
            }
        };
        Self { samples, rate: f64::from(spec.sample_rate) }
    }

    /// Seconds, in 100 ms pieces, in which the tone is most of the sound.
    pub(crate) fn seconds_of(&self, hz: f64) -> f64 {
        self.pieces().filter(|piece| energy(piece) > 1e-6 && self.share(piece, hz) > 0.8).count() as f64 / 10.0
    }

    /// Seconds, in 100 ms pieces, above -60 dBov.
    pub(crate) fn seconds_of_sound(&self) -> f64 {
        self.pieces().filter(|piece| energy(piece) > 1e-6).count() as f64 / 10.0
    }

    fn pieces(&self) -> impl Iterator<Item = &[f64]> {
        self.samples.chunks_exact((self.rate / 10.0) as usize)
    }

    /// Goertzel: the share of one frequency in the energy.
    fn share(&self, piece: &[f64], hz: f64) -> f64 {
        let turn = 2.0 * (TAU * hz / self.rate).cos();
        let (mut last, mut before) = (0.0, 0.0);
        for sample in piece {
            (last, before) = (sample + turn * last - before, last);
        }
        let tone = last * last + before * before - turn * last * before;
        2.0 * tone / (piece.len() as f64 * piece.iter().map(|s| s * s).sum::<f64>())
    }
}

fn energy(piece: &[f64]) -> f64 {
    piece.iter().map(|s| s * s).sum::<f64>() / piece.len() as f64
}

/// Waits until so many RTP packets came in on a call, by the board.
pub(crate) async fn received(call: &denwa::Call, packets: u64) {
    within("RTP packets", async {
        while call.state().is_some_and(|state| state.quality.packets_received < packets) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert!(call.state().is_some(), "the call ended while sound was awaited");
}
