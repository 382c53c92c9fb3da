//! Two clocks, in virtual time.

use std::time::{Duration, Instant};

use super::{Hardware, Voice};
use crate::device::{Capture, Device, DeviceError, Line, Playout, line};
use crate::mixer::TICK;

/// Never asked for anything here.
struct Still;

impl Device for Still {
    fn start(&mut self) -> Result<Line, DeviceError> {
        Err(DeviceError::Missing("it is a test".into()))
    }

    fn stop(&mut self) {}
}

/// A speaker and a microphone whose clock is `ppm` fast, both in periods of 10 ms; the microphone hears a sine.
struct World {
    start: Instant,
    hardware: Hardware,
    speaker: Playout,
    microphone: Capture,
    ppm: f64,
    ms: u64,
    /// Periods of the microphone so far.
    heard: u64,
    sine: Sine,
}

/// 400 Hz at half scale, by turning a vector: a sine of each sample would take longer than all the rest.
struct Sine {
    at: (f64, f64),
    turn: (f64, f64),
}

impl Sine {
    fn next(&mut self) -> f32 {
        let ((re, im), (cos, sin)) = (self.at, self.turn);
        self.at = (re * cos - im * sin, re * sin + im * cos);
        self.at.1 as f32 * 0.5
    }
}

/// What was seen of the microphone's voice.
#[derive(Debug, Default)]
struct Seen {
    samples: u64,
    /// The greatest second difference: what a click is known by.
    steepest: f32,
    last: (f32, f32),
    /// The least and the most that the ring held before a tick, in ms.
    level: Option<(f64, f64)>,
}

impl World {
    fn new(ppm: f64) -> World {
        let (line, speaker, microphone) = line(48_000, 48_000);
        #[expect(clippy::disallowed_methods, reason = "any time will do")]
        let start = Instant::now();
        let angle = std::f64::consts::TAU * 400.0 / 48_000.0;
        let sine = Sine { at: (1.0, 0.0), turn: (angle.cos(), angle.sin()) };
        let hardware = Hardware::new(Box::new(Still), line);
        World { start, hardware, speaker, microphone, ppm, ms: 0, heard: 0, sine }
    }

    /// In steps of a millisecond, as the media thread looks.
    fn run(&mut self, time: Duration, seen: &mut Seen) {
        let until = self.ms + time.as_millis() as u64;
        let mut period = [0.0; 480];
        while self.ms < until {
            let now = self.start + Duration::from_millis(self.ms);
            if self.ms.is_multiple_of(10) {
                self.speaker.pull(&mut period);
            }
            // The microphone's periods begin 3 ms later, at first.
            while (self.heard as f64 * 10.0 + 3.0) / (1.0 + self.ppm * 1e-6) <= self.ms as f64 {
                period.fill_with(|| self.sine.next());
                self.microphone.push(&period);
                self.heard += 1;
            }
            assert_eq!(self.hardware.check(now), None);
            while self.hardware.wants(now).is_some() {
                let waiting = self.hardware.running.line.capture.slots() + self.hardware.running.mic.len();
                let mut voice: Voice = [0.0; TICK];
                self.hardware.capture(&mut voice);
                self.hardware.play(&voice);
                seen.hear(waiting as f64 / 48.0, &voice);
            }
            self.ms += 1;
        }
    }
}

impl Seen {
    fn hear(&mut self, level: f64, voice: &Voice) {
        let (least, most) = self.level.unwrap_or((level, level));
        self.level = Some((least.min(level), most.max(level)));
        for sample in voice {
            let bend = (sample - 2.0 * self.last.1 + self.last.0).abs();
            if self.samples > 1 {
                self.steepest = self.steepest.max(bend);
            }
            self.last = (self.last.1, *sample);
            self.samples += 1;
        }
    }
}

#[test]
fn an_hour_with_a_fast_microphone_does_not_click() {
    an_hour(200.0);
}

#[test]
fn an_hour_with_a_slow_microphone_does_not_click() {
    an_hour(-200.0);
}

fn an_hour(ppm: f64) {
    let mut world = World::new(ppm);
    // The rings find their levels.
    world.run(Duration::from_secs(60), &mut Seen::default());
    let mut seen = Seen::default();
    world.run(Duration::from_secs(3_600), &mut seen);
    assert_eq!(seen.samples, 3_600 * 48_000);
    // A sine of this frequency bends by 0.00137 at most; a lost, doubled or silent sample by at least ten times that.
    assert!(seen.steepest < 0.001_6, "{ppm} ppm: {seen:?}");
    let (least, most) = seen.level.unwrap();
    assert!(least > 5.0 && most < 30.0, "{ppm} ppm: {seen:?}");
    let shared = &world.hardware.running.line.shared;
    let lost = [&shared.underrun, &shared.overrun].map(|count| count.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(lost[1], 0, "{ppm} ppm: the microphone's ring was full");
    assert_eq!(world.hardware.running.slack.ms, 0.0, "{ppm} ppm: the speaker ran dry");
    // A second is 720 ms at most of what two clocks are apart in an hour: without the bending it would show.
    assert!((seen.samples as i64 - world.heard as i64 * 480).abs() > 30_000, "{ppm} ppm: the clocks are alike");
}
