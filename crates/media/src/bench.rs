//! Parts by themselves, for benches and tests: the mixer without a device, a device without an engine.

use crate::codec::RATE;
use crate::device::Line;
pub use crate::mixer::TICK;
use crate::mixer::{Mixer, Part, Voice};

/// A room of so many streams and the user.
#[derive(Debug)]
pub struct Conference {
    mixer: Mixer,
    parts: Vec<Part>,
    ear: Voice,
}

impl Conference {
    /// With `streams` at 48 kHz, which all speak, and the user.
    pub fn new(streams: usize) -> Conference {
        Conference::of(&vec![RATE; streams], true)
    }

    /// With a stream for each of `rates` (8000, 16000 or 48000), and the user or not.
    pub fn of(rates: &[u32], user: bool) -> Conference {
        let mut mixer = Mixer::default();
        let place = mixer.place([].into_iter(), user, &mut Vec::new());
        let part = |rate: &u32| {
            let mut part = Part::default();
            part.set_rate(*rate);
            part.move_to(place);
            part
        };
        Conference { mixer, parts: rates.iter().map(part).collect(), ear: [0.0; TICK] }
    }

    /// A tick: everybody says what `say` makes of his number, at his rate, and hears what the others do.
    pub fn tick(&mut self, mouth: &Voice, mut say: impl FnMut(usize, &mut [f32])) -> &Voice {
        self.mixer.begin();
        for (number, part) in self.parts.iter_mut().enumerate() {
            say(number, part.said_mut());
            self.mixer.add(part);
        }
        self.mixer.mix();
        for part in &mut self.parts {
            self.mixer.take(part, mouth);
        }
        self.mixer.finish(&mut self.ear);
        &self.ear
    }

    /// What a stream's peer hears.
    pub fn heard(&self, stream: usize) -> &[f32] {
        self.parts[stream].heard()
    }
}

/// The engine's end of a device, in the hand.
#[derive(Debug)]
pub struct Tap {
    line: Line,
}

impl Tap {
    /// Of a device that has just been started.
    pub fn new(line: Line) -> Tap {
        Tap { line }
    }

    /// Samples per second of speaker and microphone.
    pub fn rates(&self) -> (u32, u32) {
        (self.line.playout_rate, self.line.capture_rate)
    }

    /// Append what the microphone has heard.
    pub fn hear(&mut self, to: &mut Vec<f32>) {
        if let Ok(chunk) = self.line.capture.read_chunk(self.line.capture.slots()) {
            to.extend(chunk);
        }
    }

    /// Samples that wait to be played.
    pub fn waiting(&self) -> usize {
        self.line.level()
    }

    /// Play these, as far as there is room.
    pub fn play(&mut self, voice: &[f32]) {
        let room = self.line.playout.slots().min(voice.len());
        if let Ok(chunk) = self.line.playout.write_chunk_uninit(room) {
            chunk.fill_from_iter(voice.iter().copied());
        }
    }
}
