//! The mixer by itself, for benches and tests: a device is not needed to know what mixing costs.

use crate::mixer::{Mixer, Part, TICK, Voice};

/// A room of so many streams and the user.
#[derive(Debug)]
pub struct Conference {
    mixer: Mixer,
    parts: Vec<Part>,
    ear: Voice,
}

impl Conference {
    /// With `streams`, which all speak.
    pub fn new(streams: usize) -> Conference {
        let mut mixer = Mixer::default();
        let place = mixer.place([].into_iter(), true, &mut Vec::new());
        let mut parts: Vec<_> = (0..streams).map(|_| Part::default()).collect();
        parts.iter_mut().for_each(|part| part.move_to(place));
        Conference { mixer, parts, ear: [0.0; TICK] }
    }

    /// Ten milliseconds: everybody says what `say` makes of his number, and hears what the others do.
    pub fn tick(&mut self, mouth: &Voice, mut say: impl FnMut(usize, &mut Voice)) -> &Voice {
        self.mixer.begin();
        for (number, part) in self.parts.iter_mut().enumerate() {
            say(number, &mut part.said);
            self.mixer.add(part);
        }
        for part in &mut self.parts {
            self.mixer.take(part, mouth);
        }
        self.mixer.finish(&mut self.ear);
        &self.ear
    }

    /// What a stream's peer hears.
    pub fn heard(&self, stream: usize) -> &Voice {
        &self.parts[stream].heard
    }
}
