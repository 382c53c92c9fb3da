//! No device: what is played is thrown away, the microphone hears nothing; time passes as on a real one.

use super::paced::{Paced, Sound};
use super::{Device, DeviceError, Line};

/// Silence, at the pace of a sound card.
#[derive(Debug, Default)]
pub struct Null {
    running: Option<Paced>,
}

impl Null {
    /// A stopped one.
    pub const fn new() -> Null {
        Null { running: None }
    }
}

struct Silence;

impl Sound for Silence {
    fn period(&mut self, _heard: &[f32], said: &mut [f32]) -> Result<(), DeviceError> {
        said.fill(0.0);
        Ok(())
    }
}

impl Device for Null {
    fn start(&mut self) -> Result<Line, DeviceError> {
        self.stop();
        let (running, line) = Paced::start(Silence)?;
        self.running = Some(running);
        Ok(line)
    }

    fn stop(&mut self) {
        self.running = None;
    }
}
