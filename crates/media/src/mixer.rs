//! Who hears whom.
//!
//! ```text
//!   said ──▶ × share ──▶ Σ room ──┬── − own ──▶ × share ──▶ + mouth or source ──▶ limit ──▶ heard   (of each stream)
//!                                 └── of each room with the user ──▶ + tone, clip ──▶ limit ──▶ ear
//! ```
//!
//! A room is summed once and each member takes the sum without itself: the cost grows with the members, not with their
//! square. Whatever is switched is faded over a tick, so that nothing clicks: a stream that changes rooms leaves the
//! old one in one tick and enters the new one in the next.
//!
//! A tick is [`Mixer::begin`], [`Mixer::add`] for each stream, [`Mixer::take`] for each stream, [`Mixer::finish`].

use std::sync::Arc;

use crate::clip::{Clip, Player};
use crate::source::{Feed, Source};
use crate::tone::{Generator, Tone};

/// Samples of a tick: 5 ms at 48 kHz. A packet waits for half of it on average until the next tick hears it.
pub(crate) const TICK: usize = 240;

/// A tick of one voice.
pub(crate) type Voice = [f32; TICK];

/// Rooms at a time.
pub(crate) const MAX_ROOMS: usize = 64;

/// A room by its place in the mixer, which it keeps as long as it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// One stream's part in a tick.
#[derive(Debug)]
pub(crate) struct Part {
    /// What the stream's peer says.
    pub(crate) said: Voice,
    /// What the stream's peer shall hear.
    pub(crate) heard: Voice,
    /// Where it is, and where it shall be from the next tick on.
    room: Option<Place>,
    wanted: Option<Place>,
    /// Shares, 0 to 1, at the end of the last tick: of the room, of the mouth, and of what is said for the ear.
    share: f32,
    mouth: f32,
    ear: f32,
    pub(crate) muted: bool,
    /// In place of the microphone, and what fades out before it.
    feed: Option<Feed>,
    before: Option<Feed>,
}

impl Default for Part {
    fn default() -> Part {
        Part {
            said: [0.0; TICK],
            heard: [0.0; TICK],
            room: None,
            wanted: None,
            share: 0.0,
            mouth: 0.0,
            ear: 0.0,
            muted: false,
            feed: None,
            before: None,
        }
    }
}

impl Part {
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
    ear: Option<Box<Voice>>,
    tone: Option<Generator>,
    clip: Option<Player>,
    /// A clip that was replaced, until it has faded out.
    clip_before: Option<Player>,
}

#[derive(Debug)]
struct Room {
    user: bool,
    /// Somebody is in it this tick.
    used: bool,
    sum: Voice,
    /// The sum and the mouth, once somebody wants both this tick.
    with_mouth: Box<Voice>,
    has_mouth: bool,
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
        let kept = before.into_iter().find(free);
        let place = kept.or_else(|| (0..MAX_ROOMS).map(Place).find(free))?;
        while self.rooms.len() <= place.0 {
            self.rooms.push(Room {
                user: false,
                used: false,
                sum: [0.0; TICK],
                with_mouth: Box::new([0.0; TICK]),
                has_mouth: false,
            });
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
        for room in &mut self.rooms {
            (room.used, room.has_mouth) = (false, false);
        }
        self.ear.get_or_insert_with(|| Box::new([0.0; TICK])).fill(0.0);
    }

    /// What a stream's peer says goes to its room, and to the ear.
    pub(crate) fn add(&mut self, part: &mut Part) {
        let stays = part.room.is_some() && part.room == part.wanted;
        let ramp = Ramp::new(part.share, if stays { 1.0 } else { 0.0 });
        let user = part.wanted.is_some_and(|place| self.rooms[place.0].user);
        let ear = Ramp::new(part.ear, if user { 1.0 } else { 0.0 });
        part.ear = ear.to;
        let Some(room) = part.room.and_then(|place| self.rooms.get_mut(place.0)) else { return };
        ramp.scale(&mut part.said);
        if room.used {
            room.sum.iter_mut().zip(&part.said).for_each(|(sum, sample)| *sum += sample);
        } else {
            room.used = true;
            room.sum = part.said;
        }
        // The ear takes whole rooms of the user; here is what differs from that.
        let whole = if room.user { 1.0 } else { 0.0 };
        if let Some(sum) = &mut self.ear {
            Ramp { from: ear.from - whole, to: ear.to - whole }.add(sum, &part.said);
        }
    }

    /// What a stream's peer hears. True when its announcement has just ended.
    pub(crate) fn take(&mut self, part: &mut Part, mouth: &Voice) -> bool {
        let stays = part.room.is_some() && part.room == part.wanted;
        let share = Ramp::new(part.share, if stays { 1.0 } else { 0.0 });
        let with_user = part.wanted.is_some_and(|place| self.rooms[place.0].user);
        let speaks = with_user && !part.muted && part.feed.is_none();
        let voice = Ramp::new(part.mouth, if speaks { 1.0 } else { 0.0 });
        (part.share, part.mouth) = (share.to, voice.to);
        let room = part.room.and_then(|place| self.rooms.get_mut(place.0)).filter(|_| !share.is_none());
        if !stays {
            part.room = part.wanted;
        }
        // Most ticks nothing changes: one pass over the samples is all.
        if let Some(room) = room {
            if share.is_all() && part.feed.is_none() && part.before.is_none() && (voice.is_all() || voice.is_none()) {
                let sum = if voice.is_all() { room.with_mouth(mouth) } else { &room.sum };
                if less(&mut part.heard, sum, &part.said) > KNEE {
                    bend_all(&mut part.heard);
                }
                return false;
            }
            less(&mut part.heard, &room.sum, &part.said);
            share.scale(&mut part.heard);
        } else {
            part.heard.fill(0.0);
        }
        voice.add(&mut part.heard, mouth);
        let mut played = false;
        if let Some(feed) = &mut part.feed
            && !feed.mix(&mut part.heard)
        {
            played = matches!(feed, Feed::Once(_));
            part.feed = if played { None } else { Some(Feed::Silence) };
        }
        if let Some(before) = &mut part.before
            && !before.mix(&mut part.heard)
        {
            part.before = None;
        }
        limit(&mut part.heard);
        played
    }

    /// A tick ends: what the user hears.
    pub(crate) fn finish(&mut self, out: &mut Voice) {
        match &self.ear {
            Some(ear) => *out = **ear,
            None => out.fill(0.0),
        }
        for room in self.rooms.iter().filter(|room| room.used && room.user) {
            out.iter_mut().zip(&room.sum).for_each(|(sum, sample)| *sum += sample);
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

impl Room {
    fn with_mouth(&mut self, mouth: &Voice) -> &Voice {
        if !self.has_mouth {
            self.has_mouth = true;
            let both = self.sum.iter().zip(mouth);
            self.with_mouth.iter_mut().zip(both).for_each(|(to, (sum, mouth))| *to = sum + mouth);
        }
        &self.with_mouth
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

    fn scale(self, voice: &mut Voice) {
        if self.is_all() {
            return;
        }
        voice.iter_mut().enumerate().for_each(|(n, sample)| *sample *= self.at(n));
    }

    fn add(self, sum: &mut Voice, voice: &Voice) {
        if self.is_none() {
            return;
        }
        if self.is_all() {
            sum.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += sample);
        } else {
            sum.iter_mut().zip(voice).enumerate().for_each(|(n, (sum, sample))| *sum += sample * self.at(n));
        }
    }

    fn at(self, n: usize) -> f32 {
        self.from + (self.to - self.from) * (n + 1) as f32 / TICK as f32
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
fn less(heard: &mut Voice, sum: &Voice, own: &Voice) -> f32 {
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

/// Samples worked on side by side; a tick is a multiple of it.
const LANES: usize = 8;
const _: () = assert!(TICK.is_multiple_of(LANES));

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
