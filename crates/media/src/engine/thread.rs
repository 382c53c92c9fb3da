//! The media thread: one loop in one order (commands, sockets, device, reports), paced by the speaker.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::desk::Desk;
use super::governor::Governor;
use super::hardware::Hardware;
use super::recorder::{Recorder, Recording};
use super::{Command, Room, Snapshot};
use crate::config::{Event, StreamId};
use crate::mixer::{Mixer, Part, TICK};
use crate::rtp;
use crate::stream::{Channel, Stream};

/// The commands' token; sockets have their stream's number from 2 on.
pub(super) const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);

/// Datagrams read from a socket in one round, so that a flood cannot keep the speaker waiting.
const MAX_READS: usize = 32;
/// Ticks made in one round.
const MAX_TICKS: usize = 16;
/// How often the numbers are published.
const PUBLISH: Duration = Duration::from_millis(200);
/// How often the device is looked after while no call is on.
const IDLE: Duration = Duration::from_millis(500);
/// A tick, in µs.
const TICK_TIME: i64 = TICK as i64 * 125 / 6;
/// The tick's clock follows the wall clock by this share of their difference, and jumps when it is too far.
const FOLLOW: i64 = 64;
const FAR: i64 = 100_000;

pub(super) struct Media {
    poll: Poll,
    inbox: mpsc::Receiver<Command>,
    hardware: Hardware,
    stats: Snapshot,
    on_event: Box<dyn Fn(Event) + Send>,
    legs: BTreeMap<StreamId, Leg>,
    mixer: Mixer,
    rooms: Vec<Room>,
    desk: Desk,
    governor: Governor,
    /// A socket does not wake the thread.
    unheard: bool,
    #[cfg(feature = "voice")]
    voice: Option<Box<crate::voice::Processor>>,
    /// What recordings tell, and their threads.
    recordings: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    writers: Vec<JoinHandle<()>>,
    epoch: Instant,
    /// When the next tick's voice is taken from the jitter buffers, in µs since the epoch: steady, while ticks are not.
    media_time: Option<i64>,
    published: Instant,
}

struct Leg {
    stream: Stream,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    live: bool,
    part: Part,
    recorder: Option<Recorder>,
}

impl Media {
    pub(super) fn new(
        poll: Poll,
        inbox: mpsc::Receiver<Command>,
        (hardware, desk): (Hardware, Desk),
        stats: Snapshot,
        on_event: Box<dyn Fn(Event) + Send>,
    ) -> Media {
        Media {
            poll,
            inbox,
            hardware,
            stats,
            on_event,
            legs: BTreeMap::new(),
            mixer: Mixer::default(),
            rooms: Vec::new(),
            desk,
            governor: Governor::default(),
            unheard: false,
            #[cfg(feature = "voice")]
            voice: None,
            recordings: mpsc::channel(),
            writers: Vec::new(),
            epoch: now(),
            media_time: None,
            published: now(),
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        let mut more = false;
        loop {
            let wait = if more {
                Duration::ZERO
            } else if self.is_idle() {
                IDLE
            } else {
                self.hardware.due_in()
            };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "the media thread cannot wait for its sockets");
                break;
            }
            if !self.commands() {
                break;
            }
            let now = now();
            // Between two packets the sockets need no look, as often as the speaker gets one.
            if more || self.unheard || !events.is_empty() {
                more = self.receive(now);
            }
            if let Some(event) = self.hardware.check(now) {
                self.media_time = None;
                (self.on_event)(event);
            }
            if !self.is_idle() {
                more |= self.ticks(now);
            }
            for leg in self.legs.values_mut() {
                if leg.stream.poll_timeout().is_some_and(|(due, _)| due <= now) {
                    leg.stream.handle_timeout(now);
                }
            }
            self.drain();
            self.publish(now);
        }
        self.end();
    }

    fn is_idle(&self) -> bool {
        self.legs.is_empty() && !self.mixer.is_playing()
    }

    /// False when the engine is gone.
    fn commands(&mut self) -> bool {
        loop {
            let command = match self.inbox.try_recv() {
                Ok(command) => command,
                Err(mpsc::TryRecvError::Empty) => return true,
                Err(mpsc::TryRecvError::Disconnected) => return false,
            };
            let was_idle = self.is_idle();
            match command {
                Command::Quit => return false,
                Command::Open { stream, rtp, rtcp, seed } => self.open(stream, rtp, rtcp, seed),
                Command::Arrange(rooms) => {
                    self.rooms = rooms;
                    self.arrange();
                }
                Command::SetSource { stream, source } => self.with(stream, |leg| leg.part.set_source(source)),
                Command::Record { stream, recording } => self.record(stream, recording),
                Command::PlayTone(tone) => self.mixer.play(tone),
                Command::UseDevice(super::Opening(device)) => {
                    self.media_time = None;
                    self.hardware.swap(device);
                }
                Command::SetVolume(volume) => self.desk.set_volume(volume),
                #[cfg(feature = "voice")]
                Command::SetVoice(voice) => self.voice = voice,
                Command::PlayClip(clip) => self.mixer.play_clip(clip),
                Command::Close { stream } => self.close(stream),
                Command::Configure { stream, config } => self.with(stream, |leg| {
                    if let Err(error) = leg.stream.configure(now(), *config) {
                        tracing::error!(%error, "the codec refuses what was agreed");
                    }
                }),
                Command::SetLive { stream, live } => {
                    self.with(stream, |leg| leg.live = live);
                    self.arrange();
                }
                Command::SetMuted { stream, muted } => self.with(stream, |leg| leg.part.muted = muted),
                Command::SendDtmf { stream, digits } => self.with(stream, |leg| leg.stream.send_dtmf(&digits)),
            }
            if was_idle && !self.is_idle() {
                self.hardware.wake();
                self.media_time = None;
            }
        }
    }

    fn with(&mut self, stream: StreamId, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.legs.get_mut(&stream) {
            change(leg);
        }
    }

    fn open(&mut self, id: StreamId, mut rtp: UdpSocket, mut rtcp: UdpSocket, seed: [u8; 32]) {
        for socket in [&mut rtp, &mut rtcp] {
            // One token for all: whichever wakes us, every socket is looked at.
            if let Err(error) = self.poll.registry().register(socket, SOCKET, Interest::READABLE) {
                tracing::warn!(%error, "a socket does not wake the media thread; it is read at each tick");
                self.unheard = true;
            }
        }
        let mut stream = Stream::new(now(), seed, id);
        stream.set_complexity(self.governor.complexity());
        self.legs.insert(id, Leg { stream, rtp, rtcp, live: false, part: Part::default(), recorder: None });
        // A room may have named it already.
        self.arrange();
    }

    /// Give every stream its place: in the first room that names it, else with the user when live.
    fn arrange(&mut self) {
        let mut taken = Vec::new();
        let mut places = BTreeMap::new();
        for room in &self.rooms {
            let members = || room.streams.iter().filter(|stream| self.legs.contains_key(stream));
            let before: Vec<_> = members().filter_map(|stream| self.legs[stream].part.place()).collect();
            let place = self.mixer.place(before.into_iter(), room.user, &mut taken);
            for stream in members() {
                places.entry(*stream).or_insert(place);
            }
        }
        let rest = |(stream, leg): &(&StreamId, &Leg)| leg.live && !places.contains_key(stream);
        let before: Vec<_> = self.legs.iter().filter(rest).filter_map(|(_, leg)| leg.part.place()).collect();
        let with_user = self.mixer.place(before.into_iter(), true, &mut taken);
        for (stream, leg) in &mut self.legs {
            let place = places.get(stream).copied().unwrap_or(if leg.live { with_user } else { None });
            leg.part.move_to(place);
        }
    }

    fn record(&mut self, id: StreamId, recording: Option<Recording>) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.recorder = None;
        let Some(recording) = recording else { return };
        self.writers.retain(|writer| !writer.is_finished());
        let path = recording.path.clone();
        match Recorder::start(id, recording, self.recordings.0.clone()) {
            Ok((recorder, writer)) => {
                leg.recorder = Some(recorder);
                self.writers.push(writer);
            }
            Err(error) => {
                let error = Some(error.to_string());
                (self.on_event)(Event::Recording { stream: id, path, on: false, error });
            }
        }
    }

    fn close(&mut self, id: StreamId) {
        let Some(mut leg) = self.legs.remove(&id) else { return };
        leg.stream.close(now());
        leg.flush();
        for socket in [&mut leg.rtp, &mut leg.rtcp] {
            // Closing the socket takes it out all the same.
            let _ = self.poll.registry().deregister(socket);
        }
    }

    /// Read what has come; true when there is more.
    fn receive(&mut self, now: Instant) -> bool {
        let mut more = false;
        for leg in self.legs.values_mut() {
            let stream = &mut leg.stream;
            more |= read(&leg.rtp, |from, bytes| stream.handle_rtp(now, from, bytes));
            more |= read(&leg.rtcp, |from, bytes| stream.handle_rtcp(now, from, bytes));
        }
        more
    }

    /// Make voice until the speaker has enough; true when it still has not.
    fn ticks(&mut self, began: Instant) -> bool {
        let mut ticks = 0;
        while ticks < MAX_TICKS && self.tick(began) {
            ticks += 1;
        }
        let made = Duration::from_micros(ticks as u64 * TICK_TIME as u64);
        if ticks > 0 && self.governor.note(made, now().saturating_duration_since(began)) {
            let complexity = self.governor.complexity();
            tracing::info!(complexity, "the machine's load changes how much work encoding is");
            self.legs.values_mut().for_each(|leg| leg.stream.set_complexity(complexity));
        }
        ticks == MAX_TICKS
    }

    /// Make a tick of voice if the speaker wants one.
    fn tick(&mut self, now: Instant) -> bool {
        let Some(late) = self.hardware.wants(now) else { return false };
        let at = self.tick_time(now, late);
        let mut mouth = [0.0; TICK];
        let mut ear = [0.0; TICK];
        self.hardware.capture(&mut mouth);
        self.desk.mouth(&mut mouth);
        #[cfg(feature = "voice")]
        if let Some(voice) = &mut self.voice {
            voice.capture(&mut mouth, self.hardware.delay());
        }
        for leg in self.legs.values_mut() {
            leg.part.set_rate(leg.stream.rate());
            leg.stream.playout(at, leg.part.said_mut());
        }
        self.mixer.begin();
        for leg in self.legs.values_mut() {
            self.mixer.add(&mut leg.part);
        }
        self.mixer.mix();
        for (id, leg) in &mut self.legs {
            if self.mixer.take(&mut leg.part, &mouth) {
                (self.on_event)(Event::Played { stream: *id });
            }
            leg.stream.capture(now, leg.part.heard());
            if let Some(recorder) = &mut leg.recorder {
                recorder.record(leg.part.heard(), leg.part.said(), leg.stream.rate());
                if recorder.is_over() {
                    leg.recorder = None;
                }
            }
        }
        self.mixer.finish(&mut ear);
        self.desk.ear(&mut ear);
        #[cfg(feature = "voice")]
        if let Some(voice) = &mut self.voice {
            voice.play(&ear);
        }
        self.hardware.play(&ear);
        true
    }

    /// A steady time for the jitter buffers, the same for each tick, although the device asks in bursts.
    fn tick_time(&mut self, now: Instant, late: i64) -> Instant {
        let wall = now.saturating_duration_since(self.epoch).as_micros() as i64 - late;
        let time = match self.media_time {
            Some(before) if (wall - before - TICK_TIME).abs() < FAR => {
                before + TICK_TIME + (wall - before - TICK_TIME) / FOLLOW
            }
            _ => wall,
        };
        self.media_time = Some(time);
        self.epoch + Duration::from_micros(time.max(0) as u64)
    }

    fn drain(&mut self) {
        for leg in self.legs.values_mut() {
            leg.flush();
            while let Some(event) = leg.stream.poll_event() {
                (self.on_event)(event);
            }
        }
        while let Ok(event) = self.recordings.1.try_recv() {
            (self.on_event)(event);
        }
    }

    fn publish(&mut self, now: Instant) {
        if now.saturating_duration_since(self.published) < PUBLISH {
            return;
        }
        // Somebody copies just now: the next round will do.
        let Ok(mut stats) = self.stats.try_lock() else { return };
        self.published = now;
        if self.is_idle() {
            self.desk.rest();
        }
        self.desk.publish(self.hardware.waited());
        for (id, leg) in &mut self.legs {
            // A stream that was closed meanwhile is not to come back.
            if let Some(figures) = stats.get_mut(id) {
                figures.stats = leg.stream.stats();
                while let Some(second) = leg.stream.poll_second() {
                    figures.history.push(second);
                }
            }
        }
    }

    fn end(mut self) {
        for id in self.legs.keys().copied().collect::<Vec<_>>() {
            self.close(id);
        }
        self.hardware.stop();
        for writer in self.writers.drain(..) {
            // A panic of the thread has been told already by the panic hook.
            let _ = writer.join();
        }
        self.drain();
    }
}

impl Leg {
    fn flush(&mut self) {
        while let Some(transmit) = self.stream.poll_transmit() {
            let socket = match transmit.channel {
                Channel::Rtp => &self.rtp,
                Channel::Rtcp => &self.rtcp,
            };
            // Voice that cannot leave now is too late later.
            if let Err(error) = socket.send_to(&transmit.bytes, transmit.to) {
                tracing::trace!(%error, "a packet was not sent");
            }
            self.stream.recycle(transmit);
        }
    }
}

/// Read a socket dry, within bounds; true when there may be more.
fn read(socket: &UdpSocket, mut handle: impl FnMut(SocketAddr, &[u8])) -> bool {
    // One byte longer than the longest, so that a longer one is seen to be cut.
    let mut buffer = [0; rtp::MAX_PACKET + 1];
    for _ in 0..MAX_READS {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => handle(from, &buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // Such as an ICMP error of an earlier packet: the next read tells more.
            Err(error) => tracing::trace!(%error, "a socket was not read"),
        }
    }
    true
}

#[expect(clippy::disallowed_methods, reason = "this thread is the shell")]
fn now() -> Instant {
    Instant::now()
}
