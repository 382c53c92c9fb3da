//! A device that is nothing but a crystal: what it hears comes a period later, what it is given sounds at once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::device::{Line, line};
use media::{Device, DeviceError};

use super::chirp;
use super::tap::{Recording, Worker};

const RATE: usize = 48_000;

pub(crate) struct Clockwork {
    pub(crate) period: u64,
    /// How much faster than the wall's clock, in parts of a million.
    pub(crate) ppm: f64,
    /// Somebody chirps into the microphone, all the time.
    pub(crate) chirps: bool,
    /// When the first sample is heard and played.
    pub(crate) epoch: Instant,
    /// What has sounded since, each sample where it sounded.
    pub(crate) ear: Arc<Mutex<Vec<f32>>>,
    running: Option<Worker<()>>,
}

impl Clockwork {
    pub(crate) fn new(period: u64, ppm: f64, chirps: bool) -> Clockwork {
        Clockwork { period, ppm, chirps, epoch: Instant::now(), ear: Arc::default(), running: None }
    }
}

impl Device for Clockwork {
    fn start(&mut self) -> Result<Line, DeviceError> {
        let (line, mut playout, mut capture) = line(RATE as u32, RATE as u32);
        let length = self.period as usize * RATE / 1_000;
        let period = self.period as f64 / 1_000.0 / (1.0 + self.ppm * 1e-6);
        let (epoch, ear) = (self.epoch, self.ear.clone());
        let said = if self.chirps { chirp::round() } else { vec![0.0; length] };
        self.running = Some(Worker::start(move |stop| {
            let (mut heard, mut at) = (vec![0.0; length], 0);
            for count in 1u64.. {
                let due = Duration::from_secs_f64(period * count as f64);
                std::thread::sleep((epoch + due).saturating_duration_since(Instant::now()));
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let mouth: Vec<f32> = (at..at + length).map(|n| said[n % said.len()]).collect();
                at += length;
                capture.push(&mouth);
                playout.pull(&mut heard);
                let mut ear = ear.lock().unwrap();
                let sounds = (due.as_secs_f64() * RATE as f64).round() as usize;
                ear.resize(sounds + length, 0.0);
                ear[sounds..].copy_from_slice(&heard);
            }
        }));
        Ok(line)
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.finish();
        }
    }
}

/// What a [`Clockwork`] with chirps hears, in so many seconds from its epoch on.
pub(crate) fn mouth(epoch: Instant, seconds: usize) -> Recording {
    let round = chirp::round();
    Recording { start: epoch, voice: (0..seconds * RATE).map(|n| round[n % round.len()]).collect() }
}
