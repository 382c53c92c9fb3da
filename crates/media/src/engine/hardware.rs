//! The device as the media thread sees it: a tick to make whenever its ring runs low, its two clocks made one, and a
//! silent stand-in while it is lost.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::DeviceDelay;
use super::health::Health;
use crate::codec::RATE;
use crate::config::Event;
use crate::device::null::Null;
use crate::device::{Device, DeviceError, Line};
use crate::drift::Drift;
use crate::mixer::{TICK, Voice};
use crate::resample::Resampler;

/// A lost device is tried again this often.
const RETRY: Duration = Duration::from_secs(2);
const TICK_MS: f64 = TICK as f64 / 48.0;
const TICK_TIME: Duration = Duration::from_micros(TICK as u64 * 125 / 6);
/// The media thread looks at the playout ring at least this often while a call is on, and at most.
const LOOK_LEAST: Duration = Duration::from_millis(1);
const LOOK_MOST: Duration = Duration::from_millis(5);
/// Kept in the microphone's ring beyond what the steps of both devices need, in ms; from `MIC_MOST` above all that on, the
/// ring is emptied to it.
const MIC_MARGIN: f64 = 1.0;
const MIC_MOST: f64 = 100.0;
/// Devices that have just been opened are irregular: so many ticks long (1 s) a dry ring says nothing.
const YOUNG: u32 = 200;
/// Weight of the newest tick in a mean.
const SMOOTH: f64 = 0.01;

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
    /// What the microphone shall have heard and we not have read before a tick is, in ms; a period that it has begun and
    /// not given yet counts as far as it goes.
    mic_level: f64,
    mic_spare: Spare,
    /// When the microphone gave something last, and how much it had given in all.
    pushed: Option<(Instant, u64)>,
    /// What it has heard since, in ms.
    begun: f64,
    /// The microphone's ring has been filled to its level since it last ran dry.
    primed: bool,
    /// Captured voice at 48 kHz that does not make a tick yet.
    mic: Vec<f32>,
    scratch: Vec<f32>,
    raw: Vec<f32>,
    slack: Spare,
    underrun: u64,
    pull: Step,
    push: Step,
    /// Ticks since it began.
    ticks: u32,
    waited: DeviceDelay,
    health: Health,
    /// When the next tick is due while the speaker is stuck.
    blind: Option<Instant>,
}

impl Hardware {
    pub(super) fn new(device: Box<dyn Device>, line: Line) -> Hardware {
        Hardware { device: Some(device), retried: None, untold: false, stand_in: None, running: Running::new(line) }
    }

    /// Look after the device: what happened to it.
    pub(super) fn check(&mut self, now: Instant) -> Option<Event> {
        self.running.measure(now);
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
        let reason = self.running.health.end(now, &self.running.line)?;
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
        if running.health.is_stuck(now) {
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
            if running.ticks > YOUNG {
                running.slack.more();
            }
        }
        let (level, wanted) = (running.line.level(), running.wanted());
        let room = running.line.playout.slots() > TICK * running.line.playout_rate as usize / RATE as usize + 64;
        let late = wanted.saturating_sub(level) as i64 * 1_000_000 / i64::from(running.line.playout_rate);
        (level < wanted && room).then_some(late)
    }

    /// How long until a tick may be wanted: the ring falls by whole pulls, and when the next one is nobody knows.
    pub(super) fn due_in(&self) -> Duration {
        let running = &self.running;
        let (pull, rate) = (running.pull_samples(), running.line.playout_rate as usize);
        let over = running.line.level().saturating_sub(running.wanted()) / pull * pull;
        Duration::from_micros((over.max(pull / 5) * 1_000_000 / rate) as u64).clamp(LOOK_LEAST, LOOK_MOST)
    }

    /// What the rings add to the delay at present.
    pub(super) fn waited(&self) -> DeviceDelay {
        self.running.waited
    }

    /// From a tick that is played now until its echo is captured, as far as our rings and the speaker's period tell.
    #[cfg(feature = "voice")]
    pub(super) fn delay(&self) -> Duration {
        let running = &self.running;
        let micros = |samples: usize, rate: u32| samples as u64 * 1_000_000 / u64::from(rate);
        let line = &running.line;
        let out = micros(line.level() + running.pull_samples(), line.playout_rate);
        Duration::from_micros(out + micros(line.capture.slots(), line.capture_rate) + micros(running.mic.len(), RATE))
    }

    /// A tick of what the microphone heard.
    pub(super) fn capture(&mut self, mouth: &mut Voice) {
        self.running.ticks = self.running.ticks.saturating_add(1);
        self.running.slack.less();
        self.running.mic_spare.less();
        self.running.capture(mouth);
    }

    /// A tick for the speaker.
    pub(super) fn play(&mut self, ear: &Voice) {
        let running = &mut self.running;
        if running.blind.is_some() {
            return;
        }
        let level = running.line.level() as f64 * 1_000.0 / f64::from(running.line.playout_rate);
        mean(&mut running.waited.speaker, level);
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
        self.running.ticks = 0;
        // Nobody looked for long.
        (self.running.pushed, self.running.push) = (None, Step::default());
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
            drift: Drift::new(TICK_MS),
            mic_level: TICK_MS,
            mic_spare: Spare::default(),
            pushed: None,
            begun: 0.0,
            primed: false,
            mic: Vec::with_capacity(RATE as usize / 4),
            scratch: Vec::with_capacity(4 * TICK),
            raw: Vec::with_capacity(line.capture_rate as usize / 2),
            slack: Spare::default(),
            pull: Step::default(),
            push: Step::default(),
            ticks: 0,
            waited: DeviceDelay::default(),
            underrun: line.shared.underrun.load(Ordering::Relaxed),
            health: Health::default(),
            blind: None,
            line,
        }
    }

    /// The level of the playout ring below which a tick is made, in its samples.
    fn wanted(&self) -> usize {
        let spare = self.slack.ms * f64::from(self.line.playout_rate) / 1_000.0;
        self.pull_samples() + spare as usize
    }

    /// How much the speaker takes at once, in its samples: 2 to 200 ms.
    fn pull_samples(&self) -> usize {
        let rate = self.line.playout_rate as usize;
        self.pull.samples().clamp(rate / 500, rate / 5)
    }

    /// How the devices have moved of late, and what follows for the levels.
    fn measure(&mut self, now: Instant) {
        let shared = &self.line.shared;
        self.pull.look(now, shared.largest_pull.swap(0, Ordering::Relaxed));
        let ms = |samples: usize, rate: u32| samples as f64 * 1_000.0 / f64::from(rate);
        let pull = ms(self.pull_samples(), self.line.playout_rate);
        let given = shared.pushed.load(Ordering::Relaxed);
        let pushed = self.pushed.get_or_insert((now, given));
        // A period may come in crumbs, one right after the other: what counts is how much comes between two looks.
        self.push.look(now, given - pushed.1);
        if pushed.1 != given {
            *pushed = (now, given);
        }
        let push = ms(self.push.samples(), self.line.capture_rate).min(100.0);
        self.begun = (now.saturating_duration_since(pushed.0).as_secs_f64() * 1_000.0).min(push);
        // A period may just have begun when a burst of ticks is read; the mean is over the burst.
        let level = push + (pull.max(TICK_MS) + TICK_MS) / 2.0 + MIC_MARGIN + self.mic_spare.ms;
        if (level - self.mic_level).abs() > 0.5 {
            self.mic_level = level;
            self.drift.set_target(level);
        }
    }

    fn capture(&mut self, mouth: &mut Voice) {
        let waiting = self.line.capture.slots();
        let ring = (waiting * 1_000) as f64 / f64::from(self.line.capture_rate) + self.mic.len() as f64 / 48.0;
        let level = ring + self.begun;
        let period = self.push.samples() as f64 * 1_000.0 / f64::from(self.line.capture_rate);
        mean(&mut self.waited.microphone, level - TICK_MS - period);
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
            if self.ticks > YOUNG {
                self.mic_spare.more();
            }
            self.drift.restart();
        }
    }

    fn skip(&mut self, samples: usize) {
        let samples = samples.min(self.line.capture.slots());
        if let Ok(chunk) = self.line.capture.read_chunk(samples) {
            chunk.commit_all();
        }
    }
}

/// How much a device moves at once: the most of this second and the last, in samples.
#[derive(Debug, Default)]
struct Step {
    now: usize,
    before: usize,
    since: Option<Instant>,
}

impl Step {
    fn look(&mut self, now: Instant, samples: u64) {
        self.now = self.now.max(samples as usize);
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= Duration::from_secs(1) {
            (self.before, self.now, self.since) = (self.now, 0, Some(now));
        }
    }

    fn samples(&self) -> usize {
        self.now.max(self.before)
    }
}

/// What is kept in a ring beyond the usual, in ms: at first, and more after each time that it ran dry; and slowly less,
/// slower after each time.
#[derive(Debug)]
struct Spare {
    ms: f64,
    /// Ticks without trouble so far, and after how many a millisecond less is tried.
    calm: u32,
    patience: u32,
}

impl Default for Spare {
    fn default() -> Spare {
        Spare { ms: Spare::STEP, calm: 0, patience: Spare::PATIENCE }
    }
}

impl Spare {
    const STEP: f64 = 5.0;
    const MOST: f64 = 60.0;
    /// 5 s, and 5 minutes.
    const PATIENCE: u32 = 1_000;
    const MOST_PATIENCE: u32 = 64 * Spare::PATIENCE;

    fn more(&mut self) {
        self.ms = (self.ms + Spare::STEP).min(Spare::MOST);
        self.patience = (self.patience * 2).min(Spare::MOST_PATIENCE);
        self.calm = 0;
    }

    /// A tick has passed.
    fn less(&mut self) {
        self.calm += 1;
        if self.calm >= self.patience {
            self.ms = (self.ms - 1.0).max(0.0);
            self.calm = 0;
        }
    }
}

fn mean(of: &mut Duration, ms: f64) {
    let before = of.as_secs_f64() * 1_000.0;
    *of = Duration::from_secs_f64((before + (ms - before) * SMOOTH).max(0.0) / 1_000.0);
}

#[cfg(test)]
mod tests;
