//! A device without hardware: a thread that asks for 10 ms and gives 10 ms, by the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{DeviceError, Line, line};
use crate::codec::RATE;

/// Samples a period.
const PERIOD: usize = RATE as usize / 100;
/// A thread that was held up for longer does not catch up.
const MAX_BEHIND: Duration = Duration::from_millis(200);

/// The thread; ends when dropped.
#[derive(Debug)]
pub(super) struct Paced {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread does with each period: take what is heard, give what is said. An error ends the device.
pub(super) trait Sound: Send + 'static {
    /// `heard` was played; `said` is filled with what the microphone hears.
    fn period(&mut self, heard: &[f32], said: &mut [f32]) -> Result<(), DeviceError>;

    /// The device stops.
    fn end(&mut self) {}
}

impl Paced {
    pub(super) fn start(mut sound: impl Sound) -> Result<(Paced, Line), DeviceError> {
        let (line, mut playout, mut capture) = line(RATE, RATE);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let run = move || {
            let period = Duration::from_millis(10);
            let (mut heard, mut said) = ([0.0; PERIOD], [0.0; PERIOD]);
            let mut due = now() + period;
            while !stopped.load(Ordering::Relaxed) {
                let late = now().saturating_duration_since(due);
                if late > MAX_BEHIND {
                    due += late;
                }
                #[expect(clippy::disallowed_methods, reason = "this thread is the device")]
                std::thread::sleep(due.saturating_duration_since(now()));
                due += period;
                playout.pull(&mut heard);
                if let Err(error) = sound.period(&heard, &mut said) {
                    playout.loss().report(error);
                    break;
                }
                capture.push(&said);
            }
            sound.end();
        };
        let thread = std::thread::Builder::new()
            .name("denwa-paced".into())
            .spawn(run)
            .map_err(|error| DeviceError::Thread(error.to_string()))?;
        Ok((Paced { stop, thread: Some(thread) }, line))
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told already by the panic hook.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the wall clock is this device's crystal")]
fn now() -> Instant {
    Instant::now()
}
