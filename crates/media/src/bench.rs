//! Parts by themselves, for benches and tests: the mixer without a device, a device without an engine.

use crate::device::Line;
use crate::mixer::{Mixer, Part, TICK};

/// A room of so many streams and the user.
#[derive(Debug)]
pub struct Conference {
    mixer: Mixer,
    parts: Vec<Part>,
    /// What each says and hears.
    voices: Vec<(Frame, Frame)>,
    ear: Frame,
}

/// Ten milliseconds.
type Frame = [f32; 480];

impl Conference {
    /// With `streams`, which all speak.
    pub fn new(streams: usize) -> Conference {
        let mut mixer = Mixer::default();
        let place = mixer.place([].into_iter(), true, &mut Vec::new());
        let mut parts: Vec<_> = (0..streams).map(|_| Part::default()).collect();
        parts.iter_mut().for_each(|part| part.move_to(place));
        Conference { mixer, parts, voices: vec![([0.0; 480], [0.0; 480]); streams], ear: [0.0; 480] }
    }

    /// Ten milliseconds: everybody says what `say` makes of his number, and hears what the others do.
    pub fn tick(&mut self, mouth: &Frame, mut say: impl FnMut(usize, &mut Frame)) -> &Frame {
        for (number, (said, _)) in self.voices.iter_mut().enumerate() {
            say(number, said);
        }
        for start in (0..mouth.len()).step_by(TICK) {
            let piece = start..start + TICK;
            let mut now = [0.0; TICK];
            now.copy_from_slice(&mouth[piece.clone()]);
            self.mixer.begin();
            for (part, (said, _)) in self.parts.iter_mut().zip(&self.voices) {
                part.said.copy_from_slice(&said[piece.clone()]);
                self.mixer.add(part);
            }
            for (part, (_, heard)) in self.parts.iter_mut().zip(&mut self.voices) {
                self.mixer.take(part, &now);
                heard[piece.clone()].copy_from_slice(&part.heard);
            }
            self.mixer.finish(&mut now);
            self.ear[piece].copy_from_slice(&now);
        }
        &self.ear
    }

    /// What a stream's peer hears.
    pub fn heard(&self, stream: usize) -> &Frame {
        &self.voices[stream].1
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
