//! What a sink plays, with the time at which each sample came; and a loop through two devices.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::bench::Tap;
use media::{Device, System};

/// How often the loop looks; what comes is late by half of this in the mean.
const LOOK: Duration = Duration::from_micros(500);

/// A thread with a tap, until it is asked for its result.
pub(crate) struct Worker<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Worker<T> {
    pub(crate) fn start(run: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Worker<T> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        Worker { stop, thread: std::thread::spawn(move || run(&stopped)) }
    }

    pub(crate) fn finish(self) -> T {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// What was heard, and when the first sample was.
pub(crate) struct Recording {
    pub(crate) start: Instant,
    pub(crate) voice: Vec<f32>,
}

impl Recording {
    /// Without so many samples at the start.
    pub(crate) fn after(mut self, samples: usize) -> Recording {
        let samples = samples.min(self.voice.len());
        self.voice.drain(..samples);
        self.start += Duration::from_secs_f64(samples as f64 / 48_000.0);
        self
    }
}

pub(crate) struct Recorder {
    program: Child,
    thread: JoinHandle<Recording>,
}

impl Recorder {
    /// Of what a sink plays. By the server's own tool: a stream of cpal asks the server for the time at every callback, and
    /// many of them would be all that is measured.
    pub(crate) fn start(sink: &str) -> Recorder {
        let mut program = Command::new("parec")
            .args(["-d", &format!("{sink}.monitor"), "--latency-msec=5"])
            .args(["--format=float32le", "--rate=48000", "--channels=1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = program.stdout.take().unwrap();
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            let (mut bytes, mut buffer) = (Vec::new(), [0; 16_384]);
            // When the first sample would have come had each come as early as the earliest, in seconds since `begun`.
            let mut first = f64::MAX;
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..count]);
                first = first.min(begun.elapsed().as_secs_f64() - (bytes.len() / 4) as f64 / 48_000.0);
            }
            // The epoch is earlier than the recording, so that no time is negative.
            let start = begun - Duration::from_secs(10) + Duration::from_secs_f64(first + 10.0);
            let sample = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            Recording { start, voice: bytes.chunks_exact(4).map(sample).collect() }
        });
        Recorder { program, thread }
    }

    pub(crate) fn finish(mut self) -> Recording {
        self.program.kill().unwrap();
        let recording = self.thread.join().unwrap();
        self.program.wait().unwrap();
        recording
    }
}

/// Hands on what a microphone hears to a speaker.
pub(crate) struct Loop {
    worker: Worker<f64>,
}

impl Loop {
    /// The speaker is never given less than a `period` (ms) ahead.
    pub(crate) fn start(mut device: System, period: u64) -> Loop {
        let mut tap = Tap::new(device.start().unwrap());
        let worker = Worker::start(move |stop| {
            let (mut piece, mut waited, mut times) = (Vec::new(), 0.0, 0.0);
            while !stop.load(Ordering::Relaxed) {
                piece.clear();
                tap.hear(&mut piece);
                if !piece.is_empty() {
                    let waiting = tap.waiting();
                    let least = (period * 48) as usize;
                    if waiting > 3 * least {
                        // The other clock is slower, or it began so: leave this out.
                        piece.clear();
                    } else if waiting == 0 {
                        tap.play(&vec![0.0; least]);
                    }
                    (waited, times) = (waited + tap.waiting() as f64 / 48.0, times + 1.0);
                    tap.play(&piece);
                }
                std::thread::sleep(LOOK);
            }
            device.stop();
            waited / f64::max(times, 1.0)
        });
        Loop { worker }
    }

    /// How long a sample waited in the loop, in ms.
    pub(crate) fn finish(self) -> f64 {
        self.worker.finish()
    }
}
