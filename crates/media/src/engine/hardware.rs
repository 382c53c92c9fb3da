//! The device as the media thread sees it: a tick to make whenever its ring runs low, its two clocks made one, and a
//! silent stand-in while it is lost.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::codec::RATE;
use crate::config::Event;
use crate::device::null::Null;
use crate::device::{Device, DeviceError, Line};
use crate::drift::Drift;
use crate::mixer::{TICK, Voice};
use crate::resample::Resampler;

/// A lost device is tried again this often.
const RETRY: Duration = Duration::from_secs(2);
/// A speaker that asks for nothing for this long does not pace the calls until it asks again.
const STALLED: Duration = Duration::from_millis(200);
const TICK_TIME: Duration = Duration::from_millis(10);
/// A device that asks for nothing for this long is lost.
const DEAD: Duration = Duration::from_secs(3);
/// So is one that gives errors and no sound for this long.
const FAILING: Duration = Duration::from_secs(1);
/// The microphone's ring is kept at this level, in ms, more after each time that it ran dry; from `MIC_MOST` above it
/// on, the ring is emptied to it.
const MIC_LEVEL: f64 = 20.0;
const MIC_LEVEL_MOST: f64 = 80.0;
const MIC_MOST: f64 = 100.0;
/// Added to what the device takes at once, in ms; more after each underrun, up to `SLACK_MOST`.
const SLACK: usize = 10;
const SLACK_MOST: usize = 60;

pub(super) struct Hardware {
    /// Away while another thread tries to start it.
    device: Option<Box<dyn Device>>,
    retried: Option<mpsc::Receiver<Attempt>>,
    /// Nobody knows yet that there is no sound.
    untold: bool,
    /// Plays in silence while the device is lost.
    stand_in: Option<Null>,
    running: Running,
}

/// A device comes back from being started.
type Attempt = (Box<dyn Device>, Result<Line, DeviceError>);

/// A line with what joins its rates to ours.
struct Running {
    line: Line,
    up: Resampler,
    down: Resampler,
    drift: Drift,
    mic_level: f64,
    /// The microphone's ring has been filled to its level since it last ran dry.
    primed: bool,
    /// Captured voice at 48 kHz that does not make a tick yet.
    mic: Vec<f32>,
    scratch: Vec<f32>,
    raw: Vec<f32>,
    slack: usize,
    underrun: u64,
    playout: Pulse,
    capture: Pulse,
    /// When the next tick is due while the speaker is stuck.
    blind: Option<Instant>,
}

impl Hardware {
    pub(super) fn new(device: Box<dyn Device>, line: Line) -> Hardware {
        Hardware { device: Some(device), retried: None, untold: false, stand_in: None, running: Running::new(line) }
    }

    /// Look after the device: what happened to it.
    pub(super) fn check(&mut self, now: Instant) -> Option<Event> {
        if let Some(retried) = &self.retried {
            let (device, line) = retried.try_recv().ok()?;
            self.retried = None;
            match line {
                Ok(line) => {
                    self.running = Running::new(line);
                    self.stand_in = None;
                    self.device = Some(device);
                    return Some(Event::DeviceBack);
                }
                Err(error) => {
                    self.open(device, None, RETRY);
                    if std::mem::take(&mut self.untold) {
                        return Some(Event::DeviceLost { reason: error.to_string() });
                    }
                }
            }
            return None;
        }
        let reason = self.running.end(now)?;
        let device = self.device.take()?;
        self.stand_in();
        self.untold = false;
        self.open(device, None, RETRY);
        Some(Event::DeviceLost { reason })
    }

    /// Another device takes over as soon as it is open.
    pub(super) fn swap(&mut self, device: Box<dyn Device>) {
        let before = self.device.take();
        self.stand_in();
        self.untold = true;
        self.open(device, before, Duration::ZERO);
    }

    fn stand_in(&mut self) {
        let mut stand_in = Null::new();
        // Without a thread for the stand-in calls stand still; the device that comes brings them back.
        if let Ok(line) = stand_in.start() {
            self.running = Running::new(line);
            self.stand_in = Some(stand_in);
        }
    }

    /// Is another tick wanted? Gives how late it is, in µs: ticks made in one go are one after the other, not at once.
    pub(super) fn wants(&mut self, now: Instant) -> Option<i64> {
        let running = &mut self.running;
        if let Some(moved) = running.playout.moved
            && now.saturating_duration_since(moved) > STALLED
        {
            // The speaker is stuck, the peer shall not suffer: ticks go on by the wall clock, for nobody's ear.
            let due = *running.blind.get_or_insert(now);
            if due > now {
                return None;
            }
            running.blind = Some(due + TICK_TIME);
            return Some(now.saturating_duration_since(due).as_micros() as i64);
        }
        running.blind = None;
        let underrun = running.line.shared.underrun.load(Ordering::Relaxed);
        if underrun > running.underrun {
            running.underrun = underrun;
            running.slack = (running.slack + 5).min(SLACK_MOST);
        }
        let (level, wanted) = (running.line.level(), running.wanted());
        let room = running.line.playout.slots() > TICK * running.line.playout_rate as usize / RATE as usize + 64;
        let late = wanted.saturating_sub(level) as i64 * 1_000_000 / i64::from(running.line.playout_rate);
        (level < wanted && room).then_some(late)
    }

    /// How long until a tick is wanted.
    pub(super) fn due_in(&self) -> Duration {
        let over = self.running.line.level().saturating_sub(self.running.wanted());
        Duration::from_micros(over as u64 * 1_000_000 / u64::from(self.running.line.playout_rate))
            .clamp(Duration::from_millis(1), Duration::from_millis(5))
    }

    /// From a tick that is played now until its echo is captured, as far as our rings and the speaker's period tell.
    #[cfg(feature = "voice")]
    pub(super) fn delay(&self) -> Duration {
        let running = &self.running;
        let micros = |samples: usize, rate: u32| samples as u64 * 1_000_000 / u64::from(rate);
        let line = &running.line;
        let pull = line.shared.largest_pull.load(Ordering::Relaxed) as usize;
        let out = micros(line.level() + pull, line.playout_rate);
        Duration::from_micros(out + micros(line.capture.slots(), line.capture_rate) + micros(running.mic.len(), RATE))
    }

    /// A tick of what the microphone heard.
    pub(super) fn capture(&mut self, mouth: &mut Voice) {
        self.running.capture(mouth);
    }

    /// A tick for the speaker.
    pub(super) fn play(&mut self, ear: &Voice) {
        let running = &mut self.running;
        if running.blind.is_some() {
            return;
        }
        running.scratch.clear();
        if running.line.playout_rate == RATE {
            running.scratch.extend_from_slice(ear);
        } else {
            running.up.process(ear, &mut running.scratch);
        }
        let room = running.line.playout.slots().min(running.scratch.len());
        if let Ok(chunk) = running.line.playout.write_chunk_uninit(room) {
            chunk.fill_from_iter(running.scratch.iter().copied());
        }
    }

    /// A call begins after a silence: what the microphone heard meanwhile is old.
    pub(super) fn wake(&mut self) {
        self.running.skip(usize::MAX);
        self.running.mic.clear();
        self.running.primed = false;
        self.running.underrun = self.running.line.shared.underrun.load(Ordering::Relaxed);
    }

    pub(super) fn stop(&mut self) {
        if let Some(device) = &mut self.device {
            device.stop();
        }
    }

    /// Opening may take long, and so may closing the one `before`: another thread does it.
    fn open(&mut self, mut device: Box<dyn Device>, before: Option<Box<dyn Device>>, pause: Duration) {
        let (back, retried) = mpsc::channel();
        let attempt = move || {
            if let Some(mut before) = before {
                before.stop();
            }
            device.stop();
            #[expect(clippy::disallowed_methods, reason = "this thread is for nothing else")]
            std::thread::sleep(pause);
            let line = device.start();
            // The engine may have ended meanwhile; the device ends with this then.
            let _ = back.send((device, line));
        };
        // Without a thread the stand-in stays.
        if std::thread::Builder::new().name("denwa-device".into()).spawn(attempt).is_ok() {
            self.retried = Some(retried);
        }
    }
}

impl Running {
    fn new(line: Line) -> Running {
        let (up, down) = (Resampler::fixed(RATE, line.playout_rate), Resampler::variable(line.capture_rate, RATE));
        Running {
            up,
            down,
            drift: Drift::new(MIC_LEVEL),
            mic_level: MIC_LEVEL,
            primed: false,
            mic: Vec::with_capacity(RATE as usize / 4),
            scratch: Vec::with_capacity(4 * TICK),
            raw: Vec::with_capacity(line.capture_rate as usize / 2),
            slack: SLACK,
            underrun: line.shared.underrun.load(Ordering::Relaxed),
            playout: Pulse::default(),
            capture: Pulse::default(),
            blind: None,
            line,
        }
    }

    /// The level of the playout ring below which a tick is made, in its samples.
    fn wanted(&self) -> usize {
        let rate = self.line.playout_rate as usize;
        let pull = (self.line.shared.largest_pull.load(Ordering::Relaxed) as usize).clamp(rate / 100, rate / 5);
        pull + self.slack * rate / 1_000
    }

    fn capture(&mut self, mouth: &mut Voice) {
        let waiting = self.line.capture.slots();
        let level = (waiting * 1_000) as f64 / f64::from(self.line.capture_rate) + self.mic.len() as f64 / 48.0;
        if !self.primed {
            if level < self.mic_level {
                return mouth.fill(0.0);
            }
            self.primed = true;
        }
        if level > self.mic_level + MIC_MOST {
            let extra = (level - self.mic_level) / 1_000.0 * f64::from(self.line.capture_rate);
            self.skip(extra as usize);
            self.drift.restart();
        } else {
            self.down.adjust(self.drift.update(level));
        }
        // No more than a tick needs, so that the ring's level stays the measure.
        if self.mic.len() < TICK {
            let need = (TICK - self.mic.len()) * self.line.capture_rate as usize / RATE as usize + 2;
            let ready = self.line.capture.slots().min(need);
            if let Ok(chunk) = self.line.capture.read_chunk(ready) {
                self.raw.clear();
                self.raw.extend(chunk);
                self.down.process(&self.raw, &mut self.mic);
            }
        }
        let have = self.mic.len().min(TICK);
        mouth[..have].copy_from_slice(&self.mic[..have]);
        mouth[have..].fill(0.0);
        self.mic.drain(..have);
        if have < TICK {
            self.primed = false;
            self.mic_level = (self.mic_level + 5.0).min(MIC_LEVEL_MOST);
            self.drift.set_target(self.mic_level);
            self.drift.restart();
        }
    }

    fn skip(&mut self, samples: usize) {
        let samples = samples.min(self.line.capture.slots());
        if let Ok(chunk) = self.line.capture.read_chunk(samples) {
            chunk.commit_all();
        }
    }

    /// Why the device has ended, if it has.
    fn end(&mut self, now: Instant) -> Option<String> {
        let shared = &self.line.shared;
        if self.line.is_lost() {
            return Some(self.line.loss_reason().to_owned());
        }
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let playout = self.playout.still(now, load(&shared.pulled), load(&shared.playout_errors));
        let capture = self.capture.still(now, load(&shared.pushed), load(&shared.capture_errors));
        let fails = |(still, errors): (Duration, bool)| errors && still > FAILING;
        if fails(playout) || fails(capture) {
            return Some(self.line.loss_reason().to_owned());
        }
        (playout.0 > DEAD).then(|| "it has stopped asking for sound".to_owned())
    }
}

/// Does sound move on one side?
#[derive(Default)]
struct Pulse {
    samples: u64,
    moved: Option<Instant>,
    /// Errors when it last moved.
    errors: u64,
}

impl Pulse {
    /// For how long no sound has moved, and whether there were errors in this time.
    fn still(&mut self, now: Instant, samples: u64, errors: u64) -> (Duration, bool) {
        let moved = self.moved.get_or_insert(now);
        if samples != self.samples {
            (self.samples, self.errors, *moved) = (samples, errors, now);
        }
        (now.saturating_duration_since(*moved), errors > self.errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::line;
    use std::f64::consts::TAU;

    /// Steepness of a sine of 300 Hz at -6 dB, from one sample at 48 kHz to the next.
    const STEEPEST: f64 = TAU * 300.0 / 48_000.0 * 0.5;

    /// An hour of a microphone whose clock is off from the speaker's: the steepest step and the silent samples after the
    /// first second.
    fn hour(ppm: f64) -> (f64, usize) {
        let (line, _playout, mut capture) = line(48_000, 48_000);
        let mut running = Running::new(line);
        let (mut owed, mut at, mut last) = (0.0, 0, 0.0_f64);
        let (mut steepest, mut silent) = (0.0_f64, 0);
        let mut piece = Vec::new();
        // 300 Hz come round after 160 samples.
        let wave: Vec<f32> = (0..160).map(|at| (0.5 * (TAU * f64::from(at) / 160.0).sin()) as f32).collect();
        for tick in 0..360_000_u32 {
            owed += 480.0 * (1.0 + ppm * 1e-6);
            piece.clear();
            while owed >= 1.0 {
                piece.push(wave[at]);
                (owed, at) = (owed - 1.0, (at + 1) % wave.len());
            }
            capture.push(&piece);
            let mut mouth = [0.0; TICK];
            running.capture(&mut mouth);
            if tick > 100 {
                for sample in mouth {
                    let sample = f64::from(sample);
                    steepest = steepest.max((sample - last).abs());
                    silent += usize::from(sample == 0.0 && last == 0.0);
                    last = sample;
                }
            } else {
                last = f64::from(mouth[TICK - 1]);
            }
        }
        (steepest, silent)
    }

    #[test]
    fn two_clocks_go_together_for_an_hour_without_a_click() {
        for ppm in [-200.0, 200.0] {
            let (steepest, silent) = hour(ppm);
            assert!(steepest < STEEPEST * 1.05 && silent == 0, "{ppm} ppm: {steepest} of {STEEPEST}, {silent} silent");
        }
    }
}
