//! A sound device in the test's hands: its microphone hears a tone, and what its speaker plays is kept.

use std::f64::consts::TAU;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use denwa::device::{Capture, Device, DeviceError, Line, Playout, line};

use crate::tone::Sound;

const RATE: u32 = 48_000;
const PERIOD: Duration = Duration::from_millis(10);
const SAMPLES: usize = 480;

/// What a device has played.
#[derive(Clone)]
pub struct Ear(Arc<Mutex<Vec<f32>>>);

impl Ear {
    /// Forgets what it heard.
    pub fn forget(&self) {
        self.0.lock().expect("no panic while it is held").clear();
    }

    /// What it heard since it was made or made to forget.
    pub fn heard(&self) -> Sound {
        Sound { rate: RATE, samples: self.0.lock().expect("no panic while it is held").clone() }
    }
}

/// A device whose microphone hears this tone for ever, and the ear at its speaker.
pub fn talk_and_listen(hz: u32) -> (Box<dyn Device>, Ear) {
    let ear = Ear(Arc::default());
    (Box::new(Tone { hz, ear: ear.clone(), running: None }), ear)
}

struct Tone {
    hz: u32,
    ear: Ear,
    running: Option<Running>,
}

struct Running {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Device for Tone {
    fn start(&mut self) -> Result<Line, DeviceError> {
        let (line, playout, capture) = line(RATE, RATE);
        let stopped = Arc::new(AtomicBool::new(false));
        let (hz, ear, until) = (self.hz, self.ear.clone(), Arc::clone(&stopped));
        let thread = spawn(move || talk(hz, &ear, playout, capture, &until));
        self.running = Some(Running { stopped, thread });
        Ok(line)
    }

    fn stop(&mut self) {
        if let Some(Running { stopped, thread }) = self.running.take() {
            stopped.store(true, Relaxed);
            thread.join().expect("the device's thread does not panic");
        }
    }
}

impl Drop for Tone {
    fn drop(&mut self) {
        self.stop();
    }
}

fn talk(hz: u32, ear: &Ear, mut speaker: Playout, mut microphone: Capture, stopped: &AtomicBool) {
    let mut due = Instant::now();
    let mut at = 0u32; // in the second that is repeated, which holds whole periods
    let mut block = [0.0; SAMPLES];
    while !stopped.load(Relaxed) {
        speaker.pull(&mut block);
        ear.0.lock().expect("no panic while it is held").extend_from_slice(&block);
        for sample in &mut block {
            *sample = (0.25 * (TAU * f64::from(hz) * f64::from(at) / f64::from(RATE)).sin()) as f32;
            at = (at + 1) % RATE;
        }
        microphone.push(&block);
        due += PERIOD;
        sleep(due.saturating_duration_since(Instant::now()));
    }
}
