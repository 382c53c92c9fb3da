//! What is heard beside voices: ringing, ringback, busy, a call that waits; and on which devices.
use super::Driver;
use crate::audio::{Devices, VoiceProcessing, ring_device, start_ringer};
use crate::error::Error;
use crate::event::{CallChange, CallId, EndReason, Event};
use call::Phase;
use media::{Country, DeviceInfo, Engine, Recording, Signal, StreamId, Tone, Watch};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long it sounds busy after a call was refused.
const BUSY_FOR: Duration = Duration::from_secs(3);
/// A beep is over after this.
const BEEP: Duration = Duration::from_millis(300);

/// What is to be heard, and where.
#[derive(Debug)]
pub(super) struct Sound {
    /// Whose tones; none are played without.
    country: Option<Country>,
    voice: VoiceProcessing,
    /// The microphone's voice is being processed.
    processed: bool,
    /// Of a phone that uses the machine's devices.
    devices: Option<Devices>,
    known: Vec<DeviceInfo>,
    _watch: Option<Watch>,
    ringer: Option<Engine>,
    playing: Option<Heard>,
    refused: Option<(Signal, Instant)>,
    beeped: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Heard {
    /// It rings here.
    Ring,
    Tone(Signal),
}

impl Sound {
    pub(super) fn new(
        (country, voice): (Option<Country>, VoiceProcessing),
        devices: Option<Devices>,
        (known, watch): (Vec<DeviceInfo>, Option<Watch>),
        seed: [u8; 32],
    ) -> Self {
        let ringer = devices.as_ref().and_then(|devices| start_ringer(devices.ringer.as_ref()?, seed));
        let (playing, refused, beeped) = (None, None, None);
        Self { country, voice, processed: false, devices, known, _watch: watch, ringer, playing, refused, beeped }
    }

    /// When the busy tone ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.refused.map(|(_, until)| until)
    }
}

impl Driver {
    /// Plays what is to be heard now, and ends what is not.
    pub(super) fn play_tones(&mut self, now: Instant) {
        let Some(country) = self.sound.country else { return };
        if self.sound.refused.is_some_and(|(_, until)| until <= now) {
            self.sound.refused = None;
        }
        let wanted = self.wanted();
        // Once something else is heard a refusal is old.
        self.sound.refused = self.sound.refused.filter(|(signal, _)| wanted == Some(Heard::Tone(*signal)));
        let before = std::mem::replace(&mut self.sound.playing, wanted);
        if before == wanted {
            return;
        }
        let ringer = self.sound.ringer.as_ref().unwrap_or(&self.engine);
        if before == Some(Heard::Ring) {
            ringer.play_tone(None);
        }
        match wanted {
            Some(Heard::Ring) => {
                self.engine.play_tone(None);
                ringer.play_tone(Some(Tone::of(country, Signal::Ringback)));
            }
            Some(Heard::Tone(signal)) => self.engine.play_tone(Some(Tone::of(country, signal))),
            // What came in its place meanwhile is not cut off.
            None if self.sound.beeped.is_some_and(|at| now < at + BEEP) => {}
            None => self.engine.play_tone(None),
        }
    }

    fn wanted(&self) -> Option<Heard> {
        let talks = self.switch.legs().any(|(_, view)| view.phase == Phase::Active && view.live);
        let rings_there = self.switch.legs().any(|(_, view)| view.phase == Phase::Ringing && view.live);
        let announced = |leg| self.announced.contains(&CallId(leg));
        let rings_here = self.switch.legs().any(|(leg, view)| view.phase == Phase::Incoming && announced(leg));
        match (rings_here, talks, rings_there) {
            (true, true, _) => Some(Heard::Tone(Signal::CallWaiting)),
            (_, true, _) => None,
            (_, _, true) => Some(Heard::Tone(Signal::Ringback)),
            (true, _, _) => Some(Heard::Ring),
            _ => self.sound.refused.map(|(signal, _)| Heard::Tone(signal)),
        }
    }

    /// A call of ours came to nothing: that is heard for a while.
    pub(super) fn sound_refused(&mut self, now: Instant, reason: &EndReason) {
        let signal = match reason {
            EndReason::Refused { status: 486 | 600, .. } => Signal::Busy,
            EndReason::Refused { .. } | EndReason::Timeout | EndReason::Unreachable | EndReason::NoCommonCodec => {
                Signal::Congestion
            }
            _ => return,
        };
        self.sound.refused = Some((signal, now + BUSY_FOR));
    }

    /// One short beep to whoever sits here.
    pub(super) fn beep(&mut self, now: Instant) {
        self.sound.beeped = Some(now);
        self.engine.play_tone(Some(Tone::beep()));
    }

    /// Takes the echo out of the microphone's voice where there can be one.
    pub(super) fn process_voice(&mut self) {
        let wanted = match (self.sound.voice, &self.sound.devices) {
            (VoiceProcessing::On, _) => true,
            (VoiceProcessing::Off, _) | (VoiceProcessing::Auto, None) => false,
            (VoiceProcessing::Auto, Some(devices)) => echoes(devices, &self.sound.known),
        };
        if std::mem::replace(&mut self.sound.processed, wanted) != wanted {
            tracing::debug!(on = wanted, "the microphone's voice is processed");
            #[cfg(feature = "voice")]
            self.engine.set_voice(wanted.then(media::Voice::default));
        }
    }

    /// Other devices from now on.
    pub(super) fn use_devices(&mut self, devices: Devices) -> Result<(), Error> {
        let Some(before) = self.sound.devices.replace(devices.clone()) else {
            self.sound.devices = None;
            let state = "the phone was not started with the machine's devices";
            return Err(Error::Misuse { doing: "use other sound devices", state });
        };
        if (&before.speaker, &before.microphone) != (&devices.speaker, &devices.microphone) {
            self.engine.use_device(Box::new(devices.system()));
        }
        self.process_voice();
        if before.ringer != devices.ringer {
            if self.sound.playing == Some(Heard::Ring) {
                self.sound.ringer.as_ref().unwrap_or(&self.engine).play_tone(None);
            }
            self.sound.ringer = match (&devices.ringer, self.sound.ringer.take()) {
                (Some(id), Some(ringer)) => {
                    ringer.use_device(ring_device(id));
                    Some(ringer)
                }
                (Some(id), None) => start_ringer(id, self.child_seed()),
                (None, Some(ringer)) => {
                    // It waits for its threads.
                    drop(tokio::task::spawn_blocking(move || drop(ringer)));
                    None
                }
                (None, None) => None,
            };
            // What rings begins anew there.
            self.sound.playing.take_if(|heard| *heard == Heard::Ring);
        }
        Ok(())
    }

    /// The machine has other devices than before. What is chosen or the default may be there again, or be another.
    pub(super) fn devices_changed(&mut self, found: Vec<DeviceInfo>) {
        let before = std::mem::replace(&mut self.sound.known, found.clone());
        if let Some(devices) = &self.sound.devices {
            let there = |list: &[DeviceInfo]| used(devices, list);
            if !before.is_empty() && there(&before) != there(&found) && there(&found) != (None, None) {
                self.engine.use_device(Box::new(devices.system()));
            }
            let rings_at = |list: &[DeviceInfo]| devices.ringer.as_ref().is_some_and(|id| has(list, id));
            if let (Some(ringer), Some(id), false, true) =
                (&self.sound.ringer, &devices.ringer, rings_at(&before), rings_at(&found))
            {
                ringer.use_device(ring_device(id));
            }
        }
        self.process_voice();
        self.publish(Event::AudioDevices(found));
    }

    pub(super) fn record(&mut self, id: CallId, recording: Option<Recording>) -> Result<(), Error> {
        let stream = self.lines.stream(id.0);
        let stream = stream.ok_or(Error::Misuse { doing: "record", state: "there is no such call" })?;
        self.engine.record(stream, recording);
        Ok(())
    }

    pub(super) fn recording(&mut self, stream: StreamId, path: &Path, on: bool, error: Option<String>) {
        let Some(leg) = self.lines.leg_of_stream(stream) else {
            return tracing::debug!(path = %path.display(), on, "a recording ended after its call");
        };
        let error = error.map(|error| format!("{}: {error}", path.display()));
        self.change(CallId(leg), CallChange::Recording { on, error }, |call| call.recording = on);
    }
}

fn has(list: &[DeviceInfo], id: &str) -> bool {
    list.iter().any(|device| device.id == id)
}

/// A speaker that a microphone hears: none that is worn on the head.
fn echoes(devices: &Devices, list: &[DeviceInfo]) -> bool {
    let (speaker, microphone) = used(devices, list);
    let speaker = speaker.and_then(|id| list.iter().find(|device| device.id == id));
    microphone.is_some() && speaker.is_some_and(|speaker| !speaker.headset)
}

/// The speaker and the microphone that these choices come to.
fn used(devices: &Devices, list: &[DeviceInfo]) -> (Option<String>, Option<String>) {
    let pick = |chosen: &Option<String>, default: fn(&DeviceInfo) -> bool| {
        let named = chosen.as_ref().filter(|id| has(list, id)).cloned();
        named.or_else(|| list.iter().find(|device| default(device)).map(|device| device.id.clone()))
    };
    (
        pick(&devices.speaker, |device| device.default_speaker),
        pick(&devices.microphone, |device| device.default_microphone),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(speakers: &[(&str, bool)]) -> Vec<DeviceInfo> {
        let mut list: Vec<DeviceInfo> = speakers
            .iter()
            .map(|(id, headset)| {
                let mut info = DeviceInfo::new(*id);
                (info.speaker, info.headset) = (true, *headset);
                info
            })
            .collect();
        list[0].default_speaker = true;
        let mut microphone = DeviceInfo::new("mic");
        (microphone.microphone, microphone.default_microphone) = (true, true);
        list.push(microphone);
        list
    }

    #[test]
    fn what_is_chosen_counts_while_it_is_there() {
        let there = list(&[("speaker", false), ("headset", true)]);
        let gone = list(&[("speaker", false)]);
        let (default, chosen) = (Devices::default(), Devices::default().speaker("headset"));
        assert_eq!(used(&default, &there), (Some("speaker".into()), Some("mic".into())));
        assert_eq!(used(&chosen, &there), (Some("headset".into()), Some("mic".into())));
        assert_eq!(used(&chosen, &gone), (Some("speaker".into()), Some("mic".into())));
        assert_eq!(used(&chosen, &[]), (None, None));
        assert!(echoes(&default, &there) && !echoes(&chosen, &there) && echoes(&chosen, &gone));
        assert!(!echoes(&default, &there[..1]), "nothing hears it");
    }
}
