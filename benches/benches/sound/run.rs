//! One trace through our receive path, in virtual time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use media::codec::Encoder;
use media::{Codec, CodecConfig, DelayPolicy, Stream, StreamConfig, StreamId, rtp};

/// Packets of a trace, 20 ms each.
const PACKETS: usize = 3_000;
/// Samples of a packet.
const FRAME: usize = 960;

/// When packets arrive.
pub(crate) struct Trace {
    /// In ms, and whose arrival it is, in the order of arrival.
    pub(crate) arrivals: Vec<(f64, usize)>,
    /// How much of them the network loses, as the sender's encoder is told.
    pub(crate) loss_percent: u32,
}

impl Trace {
    /// `seq,arrival_ms` for each packet that arrives.
    pub(crate) fn read(path: &Path) -> Trace {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut arrivals: Vec<(f64, usize)> = text
            .lines()
            .skip(1)
            .map(|line| line.split_once(',').unwrap())
            .map(|(sequence, arrival)| (arrival.parse().unwrap(), sequence.parse().unwrap()))
            .collect();
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        let name = path.file_stem().unwrap().to_str().unwrap();
        let loss_percent = name.split_once("_l").map_or(0, |(_, percent)| percent.parse().unwrap());
        Trace { arrivals, loss_percent }
    }
}

/// The speech that is sent.
pub(crate) fn speech(path: &Path) -> Vec<f32> {
    let mut wav = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let samples = wav.samples::<i16>().take(PACKETS * FRAME);
    samples.map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}

/// The speech in packets, for each loss that the encoder is told of.
#[derive(Default)]
pub(crate) struct Packets(HashMap<u32, Vec<Vec<u8>>>);

impl Packets {
    pub(crate) fn of(&mut self, speech: &[f32], loss_percent: u32) -> &[Vec<u8>] {
        self.0.entry(loss_percent).or_insert_with(|| {
            let mut encoder = Encoder::new(&CodecConfig::new(Codec::Opus, 96)).unwrap();
            encoder.set_loss(loss_percent as f32 / 100.0);
            let encode = |frame: &[f32]| {
                let mut payload = Vec::new();
                encoder.encode(frame, &mut payload).unwrap();
                payload
            };
            speech.chunks_exact(FRAME).map(encode).collect()
        })
    }
}

/// Play a trace: the voice is asked for every 10 ms, 3 ms off the beat.
pub(crate) fn play(trace: &Trace, packets: &[Vec<u8>], policy: DelayPolicy) -> Vec<f32> {
    let start = Instant::now();
    let at = |ms: f64| start + Duration::from_secs_f64(ms / 1_000.0);
    let from = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut stream = Stream::new(start, [1; 32], StreamId(1));
    stream.configure(start, StreamConfig::new(from, Codec::Opus, 96)).unwrap();
    stream.set_delay_policy(policy);
    let mut arrivals = trace.arrivals.iter().copied().peekable();
    // The output begins at time 0.
    let mut voice = vec![0.0; 144];
    for tick in 0..PACKETS * 2 + 100 {
        let time = tick as f64 * 10.0 + 3.0;
        while let Some((arrival, sequence)) = arrivals.next_if(|(arrival, _)| *arrival <= time) {
            let packet = rtp::Packet {
                marker: false,
                payload_type: 96,
                sequence: sequence as u16,
                timestamp: sequence as u32 * FRAME as u32,
                ssrc: 7,
                payload: &packets[sequence],
            };
            stream.handle_rtp(at(arrival), from, &packet.to_bytes());
        }
        if stream.poll_timeout().is_some_and(|(due, _)| due <= at(time)) {
            stream.handle_timeout(at(time));
        }
        while stream.poll_transmit().is_some() || stream.poll_event().is_some() {}
        let start = voice.len();
        voice.resize(start + 480, 0.0);
        stream.playout(at(time), &mut voice[start..]);
    }
    voice
}

/// Write 48 kHz mono.
pub(crate) fn write(path: &Path, voice: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for sample in voice {
        wav.write_sample((sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16).unwrap();
    }
    wav.finalize().unwrap();
}
