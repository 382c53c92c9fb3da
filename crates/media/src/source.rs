//! What a stream sends in place of the microphone.

use std::sync::Arc;

use crate::clip::{Clip, Player};
use crate::tone::{Generator, Tone};

/// What a stream's peer is sent in place of the microphone. What the other streams of its room say is added all the same.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Source {
    /// The microphone, where the stream is with the user.
    #[default]
    Microphone,
    /// Nothing.
    Silence,
    /// A tone; when it ends, silence.
    Tone(Tone),
    /// A clip over and over, such as hold music.
    Clip(Arc<Clip>),
    /// A clip once, such as an announcement; then the microphone again, and [`Event::Played`](crate::Event::Played).
    Once(Arc<Clip>),
}

/// A [`Source`] that sounds.
#[derive(Debug)]
pub(crate) enum Feed {
    Silence,
    Tone(Generator),
    Clip(Player),
    Once(Player),
}

impl Feed {
    /// `None` for the microphone.
    pub(crate) fn new(source: Source) -> Option<Feed> {
        match source {
            Source::Microphone => None,
            Source::Silence => Some(Feed::Silence),
            Source::Tone(tone) => Some(Feed::Tone(Generator::new(tone))),
            Source::Clip(clip) => Some(Feed::Clip(Player::new(clip, true))),
            Source::Once(clip) => Some(Feed::Once(Player::new(clip, false))),
        }
    }

    pub(crate) fn stop(&mut self) {
        match self {
            Feed::Silence => {}
            Feed::Tone(generator) => generator.stop(),
            Feed::Clip(player) | Feed::Once(player) => player.stop(),
        }
    }

    /// Add the next samples (48 kHz) to `out`; `false` when it is over.
    pub(crate) fn mix(&mut self, out: &mut [f32]) -> bool {
        match self {
            Feed::Silence => true,
            Feed::Tone(generator) => generator.mix(out),
            Feed::Clip(player) | Feed::Once(player) => player.mix(out),
        }
    }
}
