//! Who hears whom.
//!
//! ```text
//!   said ──▶ × share ──▶ Σ room ──┬── − own ──▶ × share ──▶ + mouth or source ──▶ limit ──▶ heard   (of each stream)
//!                                 └── of each room with the user ──▶ + tone, clip ──▶ limit ──▶ ear
//! ```
//!
//! Each voice has the rate of its stream; a room sums those of a rate together and converts the sums: `mixer/room.rs`.
//! Mouth, ear and sources have 48 kHz.
//!
//! A room is summed once and each member takes the sum without itself: the cost grows with the members, not with their
//! square. Whatever is switched is faded over a tick, so that nothing clicks: a stream that changes rooms leaves the
//! old one in one tick and enters the new one in the next.
//!
//! A tick is [`Mixer::begin`], [`Mixer::add`] for each stream, [`Mixer::mix`], [`Mixer::take`] for each stream,
//! [`Mixer::finish`].

mod room;

use std::sync::Arc;

use crate::clip::{Clip, Player};
use crate::resample;
use crate::source::{Feed, Source};
use crate::tone::{Generator, Tone};
use room::{Converter, LAYERS, Room};

/// Samples of a tick: 5 ms at 48 kHz. A packet waits for half of it on average until the next tick hears it.
pub const TICK: usize = 240;

/// A tick of one voice at 48 kHz.
pub(crate) type Voice = [f32; TICK];

/// Rooms at a time.
pub(crate) const MAX_ROOMS: usize = 64;

/// A room by its place in the mixer, which it keeps as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// One stream's part in a tick.
#[derive(Debug)]
pub(crate) struct Part {
    /// Where in a room voices of its rate are, and how long a tick of them is.
    layer: usize,
    samples: usize,
    /// What the stream's peer says, and what it shall hear; of its rate, at the front.
    said: Voice,
    heard: Voice,
    /// Where it is, and where it shall be from the next tick on.
    room: Option<Place>,
    wanted: Option<Place>,
    /// Shares, 0 to 1, at the end of the last tick: of the room and of the mouth.
    share: f32,
    mouth: f32,
    pub(crate) muted: bool,
    /// In place of the microphone, and what fades out before it; and to its rate, where that is not theirs.
    feed: Option<Feed>,
    before: Option<Feed>,
    fed: Option<Converter>,
    /// Where what it said, and heard, broke off when it changed its rate.
    broken: Option<Broken>,
}

#[derive(Debug)]
struct Broken {
    room: Option<Place>,
    layer: usize,
    said: f32,
    heard: f32,
}

impl Default for Part {
    fn default() -> Part {
        Part {
            layer: 0,
            samples: TICK,
            said: [0.0; TICK],
            heard: [0.0; TICK],
            room: None,
            wanted: None,
            share: 0.0,
            mouth: 0.0,
            muted: false,
            feed: None,
            before: None,
            fed: None,
            broken: None,
        }
    }
}

impl Part {
    /// Its voices have `rate` samples per second from now on: 8000, 16000 or 48000. It leaves its room and enters again.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        let layer = room::layer_of(rate);
        if layer == self.layer {
            return;
        }
        let last = self.samples - 1;
        let (room, said, heard) = (self.room.take(), self.said[last], self.heard[last]);
        self.broken = Some(Broken { room, layer: self.layer, said, heard });
        (self.layer, self.samples, self.share) = (layer, room::samples(layer), 0.0);
        self.fed = (layer > 0).then(|| Converter::down_to(layer));
    }

    /// A tick of what the stream's peer says.
    pub(crate) fn said(&self) -> &[f32] {
        &self.said[..self.samples]
    }

    pub(crate) fn said_mut(&mut self) -> &mut [f32] {
        &mut self.said[..self.samples]
    }

    /// A tick of what the stream's peer shall hear.
    pub(crate) fn heard(&self) -> &[f32] {
        &self.heard[..self.samples]
    }

    /// Be in this room from the next tick but one on; `None` is nowhere.
    pub(crate) fn move_to(&mut self, place: Option<Place>) {
        self.wanted = place;
    }

    /// Where it shall be.
    pub(crate) fn place(&self) -> Option<Place> {
        self.wanted
    }

    pub(crate) fn set_source(&mut self, source: Source) {
        let new = Feed::new(source);
        if let Some(mut old) = std::mem::replace(&mut self.feed, new) {
            old.stop();
            self.before = Some(old);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Mixer {
    rooms: Vec<Room>,
    /// The mouth at the rates of the lower layers.
    mouths: [Option<Converter>; LAYERS],
    tone: Option<Generator>,
    clip: Option<Player>,
    /// A clip that was replaced, until it has faded out.
    clip_before: Option<Player>,
}

impl Mixer {
    /// A place for a room, with or without the user: that of an earlier room which it continues, if `before` is free
    /// still, else a free one. `taken` are the places of this arrangement so far. `None`: there are too many rooms.
    pub(crate) fn place(
        &mut self,
        before: impl Iterator<Item = Place>,
        user: bool,
        taken: &mut Vec<Place>,
    ) -> Option<Place> {
        let free = |place: &Place| !taken.contains(place);
        // Rather one that nobody is just leaving: who comes may hear nothing of those.
        let empty = |place: &Place| self.rooms.get(place.0).is_none_or(|room| !room.is_used());
        let mut others = (0..MAX_ROOMS).map(Place).filter(free);
        let place = before.into_iter().find(free).or_else(|| others.clone().find(empty)).or_else(|| others.next())?;
        while self.rooms.len() <= place.0 {
            self.rooms.push(Room::new());
        }
        self.rooms[place.0].user = user;
        taken.push(place);
        Some(place)
    }

    /// Play a tone to the ear, in place of the one before; `None` fades it out.
    pub(crate) fn play(&mut self, tone: Option<Tone>) {
        match (tone, &mut self.tone) {
            (Some(tone), slot) => *slot = Some(Generator::new(tone)),
            (None, Some(generator)) => generator.stop(),
            (None, None) => {}
        }
    }

    /// Play a clip to the ear once, in place of the one before; `None` fades it out.
    pub(crate) fn play_clip(&mut self, clip: Option<Arc<Clip>>) {
        if let Some(mut before) = self.clip.take() {
            before.stop();
            self.clip_before = Some(before);
        }
        self.clip = clip.map(|clip| Player::new(clip, false));
    }

    /// Does a tone or a clip sound?
    pub(crate) fn is_playing(&self) -> bool {
        self.tone.is_some() || self.clip.is_some() || self.clip_before.is_some()
    }

    /// A tick begins.
    pub(crate) fn begin(&mut self) {
        self.rooms.iter_mut().for_each(Room::begin);
        self.mouths.iter_mut().flatten().for_each(Converter::begin);
    }

    /// What a stream's peer says goes to its room.
    pub(crate) fn add(&mut self, part: &mut Part) {
        if let Some(Broken { room: Some(place), layer, said, .. }) = part.broken
            && let Some(room) = self.rooms.get_mut(place.0)
        {
            room.layers[layer].let_go(said);
        }
        if part.room != part.wanted
            && let Some(room) = part.wanted.and_then(|place| self.rooms.get_mut(place.0))
        {
            room.layers[part.layer].coming = true;
        }
        let stays = part.room.is_some() && part.room == part.wanted;
        let ramp = Ramp::new(part.share, if stays { 1.0 } else { 0.0 });
        let Some(room) = part.room.and_then(|place| self.rooms.get_mut(place.0)) else { return };
        ramp.scale(&mut part.said[..part.samples]);
        room.layers[part.layer].add(part.said());
    }

    /// All streams' peers have said what they say.
    pub(crate) fn mix(&mut self) {
        self.rooms.iter_mut().for_each(Room::mix);
    }

    /// What a stream's peer hears. True when its announcement has just ended.
    pub(crate) fn take(&mut self, part: &mut Part, mouth: &Voice) -> bool {
        let stays = part.room.is_some() && part.room == part.wanted;
        let share = Ramp::new(part.share, if stays { 1.0 } else { 0.0 });
        let with_user = part.wanted.is_some_and(|place| self.rooms[place.0].user);
        let speaks = with_user && !part.muted && part.feed.is_none();
        let voice = Ramp::new(part.mouth, if speaks { 1.0 } else { 0.0 });
        (part.share, part.mouth) = (share.to, voice.to);
        let mouth = match &mut self.mouths[part.layer] {
            _ if part.layer == 0 || voice.is_none() => &mouth[..part.samples],
            converter => {
                let converter = converter.get_or_insert_with(|| Converter::down_to(part.layer));
                converter.run(true, mouth);
                &converter.out[..]
            }
        };
        let room = part.room.and_then(|place| self.rooms.get_mut(place.0)).filter(|_| !share.is_none());
        if !stays {
            part.room = part.wanted;
        }
        let (heard, said) = (&mut part.heard[..part.samples], &part.said[..part.samples]);
        // Most ticks nothing changes: one pass over the samples is all.
        if let Some(layer) = room.map(|room| &mut room.layers[part.layer]) {
            let fed = part.feed.is_some() || part.before.is_some() || part.fed.as_ref().is_some_and(Converter::is_on);
            if share.is_all() && !fed && (voice.is_all() || voice.is_none()) {
                let sum = if voice.is_all() { layer.with_mouth(mouth) } else { &layer.sum };
                if less(heard, sum, said) > KNEE {
                    bend_all(heard);
                }
                return false;
            }
            less(heard, &layer.sum, said);
            share.scale(heard);
        } else {
            heard.fill(0.0);
        }
        voice.add(heard, mouth);
        let played = part.mix_feeds();
        limit(&mut part.heard[..part.samples]);
        if let Some(broken) = part.broken.take() {
            resample::even_out(broken.heard, &mut part.heard[..part.samples], part.samples);
        }
        played
    }

    /// A tick ends: what the user hears.
    pub(crate) fn finish(&mut self, out: &mut Voice) {
        out.fill(0.0);
        for room in self.rooms.iter().filter(|room| room.sounds) {
            room.ear.add(out, &room.layers[0].sum);
        }
        if let Some(tone) = &mut self.tone
            && !tone.mix(out)
        {
            self.tone = None;
        }
        for slot in [&mut self.clip, &mut self.clip_before] {
            if let Some(clip) = slot
                && !clip.mix(out)
            {
                *slot = None;
            }
        }
        limit(out);
    }
}

impl Part {
    /// Add what is there in place of the microphone. True when an announcement has just ended.
    fn mix_feeds(&mut self) -> bool {
        let rest = self.fed.as_ref().is_some_and(Converter::is_on);
        if self.feed.is_none() && self.before.is_none() && !rest {
            return false;
        }
        let mut full = [0.0; TICK];
        let out = if self.fed.is_some() { &mut full } else { &mut self.heard };
        let wanted = self.feed.is_some() || self.before.is_some();
        let mut played = false;
        if let Some(feed) = &mut self.feed
            && !feed.mix(out)
        {
            played = matches!(feed, Feed::Once(_));
            self.feed = if played { None } else { Some(Feed::Silence) };
        }
        if let Some(before) = &mut self.before
            && !before.mix(out)
        {
            self.before = None;
        }
        if let Some(converter) = &mut self.fed {
            converter.begin();
            if converter.run(wanted, &full) {
                self.heard.iter_mut().zip(&converter.out).for_each(|(sum, sample)| *sum += sample);
            }
        }
        played
    }
}

/// A gain that moves in a straight line over a tick.
#[derive(Debug, Clone, Copy)]
struct Ramp {
    from: f32,
    to: f32,
}

impl Ramp {
    fn new(from: f32, to: f32) -> Ramp {
        Ramp { from, to }
    }

    fn is_none(self) -> bool {
        self.from == 0.0 && self.to == 0.0
    }

    fn is_all(self) -> bool {
        self.from == 1.0 && self.to == 1.0
    }

    fn scale(self, voice: &mut [f32]) {
        if self.is_all() {
            return;
        }
        let length = voice.len();
        voice.iter_mut().enumerate().for_each(|(n, sample)| *sample *= self.at(n, length));
    }

    fn add(self, sum: &mut [f32], voice: &[f32]) {
        if self.is_none() {
            return;
        }
        if self.is_all() {
            sum.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += sample);
        } else {
            let length = sum.len();
            let both = sum.iter_mut().zip(voice).enumerate();
            both.for_each(|(n, (sum, sample))| *sum += sample * self.at(n, length));
        }
    }

    fn at(self, n: usize, length: usize) -> f32 {
        self.from + (self.to - self.from) * (n + 1) as f32 / length as f32
    }
}

/// From here on a sample is bent.
const KNEE: f32 = 0.8;

/// Straight up to the knee, then bent so that it never passes 1.
pub(crate) fn limit(voice: &mut [f32]) {
    // Most ticks are not loud: one look is cheaper than the bend.
    let mut peaks = [0.0; LANES];
    let mut chunks = voice.chunks_exact(LANES);
    for chunk in &mut chunks {
        peaks.iter_mut().zip(chunk).for_each(|(peak, sample)| *peak = larger(*peak, sample.abs()));
    }
    let rest = chunks.remainder().iter().map(|sample| sample.abs());
    if peaks.into_iter().chain(rest).fold(0.0, larger) > KNEE {
        bend_all(voice);
    }
}

/// A sum without one's own part of it; gives the peak.
fn less(heard: &mut [f32], sum: &[f32], own: &[f32]) -> f32 {
    let mut peaks = [0.0; LANES];
    let pieces = sum.chunks_exact(LANES).zip(own.chunks_exact(LANES));
    for (heard, (sum, own)) in heard.chunks_exact_mut(LANES).zip(pieces) {
        for lane in 0..LANES {
            heard[lane] = sum[lane] - own[lane];
            peaks[lane] = larger(peaks[lane], heard[lane].abs());
        }
    }
    peaks.into_iter().fold(0.0, larger)
}

/// Samples worked on side by side; a tick at any rate is a multiple of it.
const LANES: usize = 8;
const _: () = assert!(room::samples(LAYERS - 1).is_multiple_of(LANES));

/// Without the care for what is no number that `f32::max` takes, which costs more than all the rest.
fn larger(one: f32, other: f32) -> f32 {
    if one > other { one } else { other }
}

fn bend_all(voice: &mut [f32]) {
    voice.iter_mut().for_each(|sample| *sample = bend(*sample));
}

fn bend(sample: f32) -> f32 {
    let over = (sample.abs() - KNEE).max(0.0);
    (sample.abs().min(KNEE) + (1.0 - KNEE) * over / ((1.0 - KNEE) + over)).copysign(sample)
}

#[cfg(test)]
mod tests;
