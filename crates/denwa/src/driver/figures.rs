//! Sound: a stream for each call, and its figures.
use super::Driver;
use crate::error::Error;
use crate::event::{CallChange, CallId, Event, Quality};
use call::LegId;
use media::StreamId;
use sdp::{Agreed, Codec, Direction, Local};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How often the figures of a call are told.
const EVERY: Duration = Duration::from_millis(500);

impl Driver {
    /// Ports for a new call, at our address that faces the peer, if it is known.
    pub(super) fn open_stream(&mut self, now: Instant, facing: Option<IpAddr>) -> Result<(StreamId, Local), Error> {
        let ip = self.sockets.for_sound(facing);
        let (stream, rtp) = self.engine.open(ip).map_err(|error| Error::Network {
            doing: "opening ports for the sound",
            source: match error {
                media::OpenError::Socket(source) => source,
                other => io::Error::other(other),
            },
        })?;
        let mut local = Local::new(rtp);
        local.codecs = self.codecs.clone();
        local.ptime = self.packet_time;
        self.figures_due.get_or_insert(now + EVERY);
        self.sockets.streams.set_idle(None);
        Ok((stream, local))
    }

    /// What both sides agreed on, in the media's words.
    pub(super) fn configure(&mut self, leg: LegId, mut agreed: Agreed) {
        let Some(stream) = self.lines.stream(leg) else { return };
        let held = self.switch.leg(leg).filter(|view| view.held && !view.remote_held).is_some();
        let sound = self.hold_sound.clone().filter(|_| held && agreed.direction == Direction::Inactive);
        if sound.is_some() {
            // The other side listens, and hears the hold music instead of us.
            agreed = agreed.directed(Direction::SendOnly);
        }
        self.engine.set_source(stream, sound.unwrap_or_default());
        let Some(send) = codec(agreed.send.codec) else { return };
        let codec_name = format!("{}/{}", agreed.send.codec.name(), agreed.send.codec.clock_rate());
        self.engine.configure(stream, stream_config(agreed, send, self.cname.clone()));
        let bridged = self.switch.bridges().iter().any(|pair| pair.contains(&leg));
        self.engine.set_live(stream, bridged || self.switch.leg(leg).is_some_and(|view| view.live));
        let told = self.board.with_call(CallId(leg), |call| call.codec.replace(codec_name.clone()));
        if told.is_some_and(|told| told.as_ref() != Some(&codec_name)) {
            self.publish(Event::Call { id: CallId(leg), change: CallChange::Codec(codec_name) });
        }
    }

    pub(super) fn close_stream(&mut self, leg: LegId) {
        let Some(stream) = self.lines.stream(leg) else { return };
        self.tell_quality(leg, stream);
        self.lines.take_stream(leg);
        self.engine.close(stream);
    }

    /// Which calls are heard together without us.
    pub(super) fn arrange(&mut self) {
        let streams = |pair: &[LegId; 2]| pair.iter().filter_map(|leg| self.lines.stream(*leg)).collect::<Vec<_>>();
        let rooms = self.switch.bridges().iter().map(|pair| media::Room::without_user(streams(pair))).collect();
        self.engine.arrange(rooms);
    }

    /// What the media thread heard.
    pub(super) fn hear(&mut self, event: media::Event) {
        match event {
            media::Event::Dtmf { stream, digit } => {
                if let Some(leg) = self.lines.leg_of_stream(stream) {
                    self.change(CallId(leg), CallChange::Dtmf(digit), |_| {});
                }
            }
            media::Event::DeviceLost { reason } => {
                tracing::warn!(reason, "the sound device is gone; calls go on in silence");
                self.publish(Event::AudioDevice { lost: true });
            }
            media::Event::Devices(found) => self.devices_changed(found),
            media::Event::Recording { stream, path, on, error } => self.recording(stream, &path, on, error),
            media::Event::DeviceBack => self.publish(Event::AudioDevice { lost: false }),
            _ => {}
        }
    }

    pub(super) fn tell_figures(&mut self, now: Instant) {
        let streams: Vec<_> = self.lines.streams().collect();
        self.figures_due = (!streams.is_empty()).then_some(now + EVERY);
        for (leg, stream) in streams {
            self.tell_quality(leg, stream);
        }
    }

    fn tell_quality(&mut self, leg: LegId, stream: StreamId) {
        let Some(stats) = self.engine.stats(stream) else { return };
        let quality = Quality {
            packets_sent: stats.packets_sent,
            packets_received: stats.packets_received,
            packets_lost: stats.lost,
            loss: stats.loss_fraction,
            jitter: stats.jitter,
            round_trip: stats.round_trip,
            level_out: stats.level_out,
            level_in: stats.level_in,
            microphone: self.engine.device().microphone,
            mos: stats.mos,
        };
        let before = self.board.with_call(CallId(leg), |call| std::mem::replace(&mut call.quality, quality));
        if before.is_some_and(|before| before != quality) {
            self.publish(Event::Call { id: CallId(leg), change: CallChange::Quality(quality) });
        }
    }
}

fn stream_config(agreed: Agreed, send: media::Codec, cname: String) -> media::StreamConfig {
    let mut config = media::StreamConfig::new(agreed.remote_rtp, send, agreed.send.payload_type);
    config.remote_rtcp = agreed.remote_rtcp;
    config.rtcp_mux = agreed.rtcp_mux;
    config.rtcp_reduced = agreed.rtcp_reduced;
    config.comfort_noise = agreed.send_noise;
    config.send.ptime = u32::try_from(agreed.ptime.as_millis()).unwrap_or(20);
    config.send.fec = agreed.send.opus.inband_fec;
    config.send.dtx = agreed.send.opus.dtx;
    config.receive =
        agreed.receive.iter().filter_map(|voice| Some((voice.payload_type, codec(voice.codec)?))).collect();
    config.receive.extend(agreed.receive_noise.map(|payload_type| (payload_type, media::Codec::ComfortNoise)));
    config.dtmf = agreed.send_events.map(|send| {
        let receive = agreed.receive_events.iter().find(|receive| receive.clock_rate == send.clock_rate);
        media::Dtmf {
            send_pt: send.payload_type,
            receive_pt: receive.map_or(send.payload_type, |receive| receive.payload_type),
            clock: send.clock_rate,
        }
    });
    config.direction = match agreed.direction {
        Direction::SendRecv => media::Direction::SendRecv,
        Direction::SendOnly => media::Direction::SendOnly,
        Direction::RecvOnly => media::Direction::RecvOnly,
        Direction::Inactive => media::Direction::Inactive,
    };
    config.cname = cname;
    config
}

/// `None` for a codec that SDP knows and the media does not, which then was never offered.
fn codec(codec: Codec) -> Option<media::Codec> {
    match codec {
        Codec::Opus => Some(media::Codec::Opus),
        Codec::G722 => Some(media::Codec::G722),
        Codec::Pcmu => Some(media::Codec::Pcmu),
        Codec::Pcma => Some(media::Codec::Pcma),
        _ => None,
    }
}
