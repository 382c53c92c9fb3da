//! Keys: telephone events out and in (RFC 4733), or tones in the voice where the peer takes no events.

pub(crate) mod detect;

use std::collections::VecDeque;
use std::f32::consts::TAU;

/// How long a key sounds, in milliseconds.
const TONE_MS: u32 = 100;
/// Silence between keys, in milliseconds.
const GAP_MS: u32 = 80;
/// RFC 4733 §2.5.1.4: the last packet of an event is sent three times.
const END_COPIES: u8 = 3;
/// -10 dBm0 (RFC 4733 §2.3.3 counts downward).
const VOLUME: u8 = 10;
/// Keys waiting; more are left out.
const QUEUE: usize = 128;

/// The RFC 4733 §3.2 event of a key.
pub fn event_of(key: char) -> Option<u8> {
    KEYS.iter().position(|known| *known == key.to_ascii_uppercase()).map(|event| event as u8)
}

/// The key of an event, 0 to 15.
pub fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).copied()
}

const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// One telephone-event packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// RTP timestamp: of the key's beginning, the same in all its packets.
    pub timestamp: u32,
    /// On the first packet of a key.
    pub marker: bool,
    /// The four bytes of RFC 4733 §2.3.
    pub payload: [u8; 4],
}

/// Sends keys as telephone events, one packet in place of each audio packet.
#[derive(Debug, Default)]
pub struct EventSender {
    queue: VecDeque<u8>,
    now: Option<Sounding>,
    gap_ms: u32,
}

#[derive(Debug)]
struct Sounding {
    event: u8,
    timestamp: u32,
    elapsed_ms: u32,
    ends: u8,
}

impl EventSender {
    /// Queue keys; what is no key is left out.
    pub fn push(&mut self, keys: &str) {
        for event in keys.chars().filter_map(event_of) {
            if self.queue.len() < QUEUE {
                self.queue.push_back(event);
            }
        }
    }

    /// Is nothing sounding or waiting?
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.now.is_none()
    }

    /// What to send in place of the audio packet of `ptime` ms that begins at `timestamp`; `clock` is the event's
    /// in Hz. `None`: send the audio.
    pub fn next(&mut self, timestamp: u32, ptime: u32, clock: u32) -> Option<EventPacket> {
        if self.now.is_none() {
            self.gap_ms = self.gap_ms.saturating_sub(ptime);
            if self.gap_ms > 0 {
                return None;
            }
            let event = self.queue.pop_front()?;
            self.now = Some(Sounding { event, timestamp, elapsed_ms: 0, ends: 0 });
        }
        let now = self.now.as_mut()?;
        let marker = now.elapsed_ms == 0;
        if now.ends == 0 {
            now.elapsed_ms += ptime;
        }
        let end = now.elapsed_ms >= TONE_MS;
        let duration = u16::try_from(u64::from(now.elapsed_ms) * u64::from(clock) / 1_000).unwrap_or(u16::MAX);
        let [high, low] = duration.to_be_bytes();
        let payload = [now.event, if end { 0x80 | VOLUME } else { VOLUME }, high, low];
        let packet = EventPacket { timestamp: now.timestamp, marker, payload };
        if end {
            now.ends += 1;
            if now.ends == END_COPIES {
                self.now = None;
                self.gap_ms = GAP_MS;
            }
        }
        Some(packet)
    }
}

/// Takes telephone events and tells each key once, when it begins.
#[derive(Debug, Default)]
pub struct EventReceiver {
    last: Option<Heard>,
}

#[derive(Debug)]
struct Heard {
    event: u8,
    timestamp: u32,
    ended: bool,
}

impl EventReceiver {
    /// Has any key come this way?
    pub(crate) fn has_heard(&self) -> bool {
        self.last.is_some()
    }

    /// A payload that came with `timestamp`: the key, when it is a new one.
    pub fn receive(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let [event, flags, _, _] = *payload.first_chunk::<4>()?;
        let key = key_of(event)?;
        let end = flags & 0x80 != 0;
        if let Some(last) = &mut self.last {
            let age = timestamp.wrapping_sub(last.timestamp);
            if age == 0 {
                last.ended |= end;
                return None;
            }
            // From before the key we heard last: reordered.
            if age > u32::MAX / 2 {
                return None;
            }
            // RFC 4733 §2.5.1.3: a key held longer than the duration field reaches goes on in segments.
            if !last.ended && event == last.event && age == 0xffff {
                (last.timestamp, last.ended) = (timestamp, end);
                return None;
            }
        }
        self.last = Some(Heard { event, timestamp, ended: end });
        Some(key)
    }
}

/// Sends keys as the two tones of ITU-T Q.23 in the voice.
#[derive(Debug, Default)]
pub struct ToneSender {
    queue: VecDeque<u8>,
    /// Time since the present key began, in samples at 48 kHz.
    at: u32,
}

impl ToneSender {
    /// Queue keys; what is no key is left out.
    pub fn push(&mut self, keys: &str) {
        for event in keys.chars().filter_map(event_of) {
            if self.queue.len() < QUEUE {
                self.queue.push_back(event);
            }
        }
    }

    /// Is nothing sounding or waiting?
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Replace voice of `rate` samples per second, which divides 48000, by the tones of the keys, as far as there are any.
    pub fn fill(&mut self, voice: &mut [f32], rate: u32) {
        let step = 48_000 / rate.clamp(1, 48_000);
        for sample in voice {
            let Some(event) = self.queue.front() else { return };
            let (row, column) = frequencies(*event);
            let seconds = self.at as f32 / 48_000.0;
            let sounding = self.at < TONE_MS * 48;
            *sample = if sounding { 0.2 * ((TAU * row * seconds).sin() + (TAU * column * seconds).sin()) } else { 0.0 };
            self.at += step;
            if self.at >= (TONE_MS + GAP_MS) * 48 {
                self.queue.pop_front();
                self.at = 0;
            }
        }
    }
}

/// The two frequencies of an event in Hz (ITU-T Q.23).
pub(crate) fn frequencies(event: u8) -> (f32, f32) {
    const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
    let (row, column) = match event {
        0 => (3, 1),
        1..=9 => ((event - 1) / 3, (event - 1) % 3),
        10 => (3, 0),
        11 => (3, 2),
        _ => ((event - 12) & 3, 3),
    };
    (ROWS[usize::from(row)], COLUMNS[usize::from(column)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(sender: &mut EventSender, count: u32) -> Vec<EventPacket> {
        (0..count).filter_map(|packet| sender.next(packet * 160, 20, 8_000)).collect()
    }

    #[test]
    fn a_key_grows_and_ends_three_times() {
        let mut sender = EventSender::default();
        sender.push("5");
        let sent = packets(&mut sender, 20);
        let durations: Vec<_> = sent.iter().map(|p| u16::from_be_bytes([p.payload[2], p.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert_eq!(sent.iter().filter(|packet| packet.payload[1] & 0x80 != 0).count(), 3);
        assert_eq!(sent.iter().map(|packet| packet.marker).collect::<Vec<_>>()[..2], [true, false]);
        assert!(sent.iter().all(|packet| packet.timestamp == 0 && packet.payload[0] == 5));
        assert!(sender.is_idle());
    }

    #[test]
    fn keys_are_told_once_even_when_most_packets_are_lost() {
        let mut sender = EventSender::default();
        sender.push("1x1#d");
        let mut receiver = EventReceiver::default();
        let sent = packets(&mut sender, 100);
        let heard: String =
            sent.iter().skip(3).step_by(3).filter_map(|p| receiver.receive(p.timestamp, &p.payload)).collect();
        assert_eq!(heard, "11#D");
    }

    #[test]
    fn a_packet_from_an_earlier_key_is_not_a_new_key() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(1_000, &[1, 10, 0, 160]), Some('1'));
        assert_eq!(receiver.receive(3_000, &[2, 10, 0, 160]), Some('2'));
        assert_eq!(receiver.receive(1_000, &[1, 0x8a, 3, 32]), None);
        assert_eq!(receiver.receive(3_000, &[2, 0x8a, 3, 32]), None);
        assert_eq!(receiver.receive(9_000, &[2, 10, 0]), None, "cut short");
        assert_eq!(receiver.receive(9_000, &[99, 10, 0, 0]), None, "no key");
    }

    #[test]
    fn a_key_held_beyond_the_duration_field_is_one_key() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(u32::MAX - 100, &[7, 10, 0xff, 0xff]), Some('7'));
        assert_eq!(receiver.receive((u32::MAX - 100).wrapping_add(0xffff), &[7, 10, 0, 160]), None);
    }

    #[test]
    fn tones_replace_the_voice_and_stop() {
        let mut sender = ToneSender::default();
        sender.push("9");
        let mut voice = vec![0.5; 48 * 200];
        sender.fill(&mut voice, 48_000);
        assert!(sender.is_idle());
        assert!(voice[..4_800].iter().any(|sample| sample.abs() > 0.3));
        assert!(voice[4_800..8_640].iter().all(|sample| *sample == 0.0));
        assert_eq!(voice[8_640], 0.5);
        // The same tones at another rate.
        sender.push("9");
        let mut narrow = vec![0.5; 8 * 200];
        sender.fill(&mut narrow, 8_000);
        assert!(narrow.iter().zip(voice.iter().step_by(6)).all(|(a, b)| a == b));
    }
}
