//! What a stream is told to do: the outcome of offer and answer in media's own words.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::rtcp::VoipMetrics;

/// One audio stream of an [`Engine`](crate::Engine). Never reused within an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// An audio codec of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Opus, mono, 48 kHz (RFC 6716, RFC 7587).
    Opus,
    /// G.722 at 64 kbit/s, 16 kHz (RFC 3551 §4.5.2).
    G722,
    /// G.711 µ-law, 8 kHz (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law, 8 kHz (RFC 3551 §4.5.14).
    Pcma,
    /// Noise in place of silence, 8 kHz (RFC 3389). It is received beside G.711, and is nothing to send by itself: see
    /// [`StreamConfig::comfort_noise`].
    ComfortNoise,
}

impl Codec {
    /// The RTP timestamp clock in Hz: 48000 for Opus (RFC 7587 §4.1), 8000 for G.711 and, by an old mistake that
    /// became the rule, for G.722 (RFC 3551 §4.5.2).
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::G722 | Codec::Pcmu | Codec::Pcma | Codec::ComfortNoise => 8_000,
        }
    }

    /// Samples per second of the voice inside, in Hz.
    pub(crate) const fn sample_rate(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::G722 => 16_000,
            Codec::Pcmu | Codec::Pcma | Codec::ComfortNoise => 8_000,
        }
    }

    /// The encoding name of the codec's media type, as SDP writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Opus => "opus",
            Codec::G722 => "G722",
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::ComfortNoise => "CN",
        }
    }
}

/// How we send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecConfig {
    /// What to encode with.
    pub codec: Codec,
    /// The payload type the *peer* asked for, 0 to 127.
    pub payload_type: u8,
    /// Milliseconds of audio in a packet: 10, 20, 40 or 60; other values are rounded down to one of these.
    pub ptime: u32,
    /// Opus in-band FEC may be used. It costs quality when nothing is lost, so it is switched on only while the
    /// peer's reports show loss.
    pub fec: bool,
    /// Under heavy loss Opus sends deep redundancy (DRED) in place of in-band FEC. Nothing in SDP says whether the peer
    /// reads it, so it is off unless somebody knows; what we receive is read always.
    pub dred: bool,
    /// Opus may stop sending in silence (RFC 7587 §3.1.3).
    pub dtx: bool,
    /// Opus bits per second, 6000 to 510000; `None` lets the codec choose 24000. G.722 and G.711 are always 64000.
    pub bitrate: Option<u32>,
}

impl CodecConfig {
    /// `codec` at `payload_type`, 20 ms, FEC allowed, no DTX.
    pub const fn new(codec: Codec, payload_type: u8) -> CodecConfig {
        CodecConfig { codec, payload_type, ptime: 20, fec: true, dred: false, dtx: false, bitrate: None }
    }

    /// What Opus starts from, and never exceeds, in bits per second.
    pub(crate) fn opus_bitrate(&self) -> u32 {
        self.bitrate.unwrap_or(24_000).clamp(6_000, 510_000)
    }

    /// [`ptime`](Self::ptime) as one of the durations every codec here can send, in milliseconds.
    pub(crate) const fn frame_ms(&self) -> u32 {
        match self.ptime {
            0..=19 => 10,
            20..=39 => 20,
            40..=59 => 40,
            _ => 60,
        }
    }
}

/// Telephone-event payload types (RFC 4733).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dtmf {
    /// The payload type the peer wants to receive events with.
    pub send_pt: u8,
    /// The payload type the peer sends events with.
    pub receive_pt: u8,
    /// The clock of the agreed telephone-event in Hz, in which durations are counted: 8000 or 48000.
    pub clock: u32,
}

/// Which way audio flows, seen from us (RFC 3264 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// We send and hear nothing: the peer is on hold.
    SendOnly,
    /// We hear and send nothing: we are on hold.
    RecvOnly,
    /// Neither; RTCP still flows.
    Inactive,
}

impl Direction {
    /// Do we send audio?
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Do we take audio from the peer?
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// Everything a stream has to know; given again whole after each new agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// Where the peer receives RTP.
    pub remote_rtp: SocketAddr,
    /// Where the peer receives RTCP; the port after RTP's unless the peer said otherwise (RFC 3605).
    pub remote_rtcp: SocketAddr,
    /// How we send.
    pub send: CodecConfig,
    /// What the peer may send: payload type and codec. Packets of other payload types are dropped.
    pub receive: Vec<(u8, Codec)>,
    /// The payload type agreed on for comfort noise at 8 kHz (RFC 3389), usually 13: with G.711 we send it in silence and
    /// nothing else. `None` sends voice all the time. Type 13 is understood from the peer in any case.
    pub comfort_noise: Option<u8>,
    /// Keys are also listened for as tones in the voice (ITU-T Q.24), until the first one comes as a telephone event.
    pub hear_tones: bool,
    /// Telephone events; `None` sends digits as tones in the voice.
    pub dtmf: Option<Dtmf>,
    /// Which way audio flows.
    pub direction: Direction,
    /// The canonical name of our RTCP source description (RFC 3550 §6.5.1); at most 255 bytes are sent. When empty the
    /// stream makes a random one for itself (RFC 7022), as it should be unless several streams belong together.
    pub cname: String,
    /// RTP and RTCP share the RTP port (RFC 5761): agreed on by `a=rtcp-mux`. `remote_rtcp` says nothing then.
    pub rtcp_mux: bool,
    /// The peer may send RTCP that does not begin with a report (RFC 5506): agreed on by `a=rtcp-rsize`.
    pub rtcp_reduced: bool,
    /// Send VoIP metrics (RFC 3611 §4.7), which need no agreement (§5).
    pub voip_metrics: bool,
    /// Symmetric RTP (RFC 4961): when the first valid packets come from an address other than `remote_rtp`, send
    /// there instead. It happens once for each agreed address; later strangers are dropped.
    pub latch: bool,
}

impl StreamConfig {
    /// Samples per second of the voice: of what we send, or of what was heard last where that is better; 8000, 16000 or
    /// 48000. What may come and never does costs nothing: an offer of Opus and G.711 that is answered with G.711 leaves a
    /// call of 8000.
    pub(crate) fn rate(&self, heard: Option<Codec>) -> u32 {
        let heard = heard.filter(|heard| self.receive.iter().any(|(_, codec)| codec == heard));
        heard.map_or(0, Codec::sample_rate).max(self.send.codec.sample_rate())
    }

    /// A two-way stream of one codec to `remote_rtp` and the port after it, latching, without telephone events.
    pub fn new(remote_rtp: SocketAddr, codec: Codec, payload_type: u8) -> StreamConfig {
        StreamConfig {
            remote_rtp,
            remote_rtcp: SocketAddr::new(remote_rtp.ip(), remote_rtp.port().wrapping_add(1)),
            send: CodecConfig::new(codec, payload_type),
            receive: vec![(payload_type, codec)],
            comfort_noise: None,
            hear_tones: false,
            dtmf: None,
            direction: Direction::SendRecv,
            cname: String::new(),
            rtcp_mux: false,
            rtcp_reduced: false,
            voip_metrics: true,
            latch: true,
        }
    }
}

/// How a stream is doing. Counts are of the whole call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The codec last heard; before the first packet, the one we send.
    pub codec: Codec,
    /// RTP packets sent, telephone events included.
    pub packets_sent: u64,
    /// RTP payload bytes sent.
    pub octets_sent: u64,
    /// Valid RTP packets received, duplicates included (RFC 3550 §6.4.1).
    pub packets_received: u64,
    /// RTP payload bytes received.
    pub octets_received: u64,
    /// Packets the network lost: those expected that never came. Unlike RTCP's figure, duplicates do not make it smaller.
    pub lost: u64,
    /// Packets that came after their turn to be played.
    pub late: u64,
    /// Packets received more than once.
    pub duplicates: u64,
    /// Datagrams dropped: not RTP, from a stranger, of an unknown payload type, or unwanted by the direction.
    pub dropped: u64,
    /// Audio that had to be made up because its packet was lost or late.
    pub concealed: Duration,
    /// Lost packets as a fraction of those expected, 0 to 1.
    pub loss_fraction: f32,
    /// What the peer reports of our packets: fraction lost since its previous report, 0 to 1.
    pub remote_loss_fraction: Option<f32>,
    /// Interarrival jitter (RFC 3550 §6.4.1, A.8).
    pub jitter: Duration,
    /// The jitter that the peer reports of our packets.
    pub remote_jitter: Option<Duration>,
    /// Network round trip from the peer's last report (RFC 3550 §6.4.1).
    pub round_trip: Option<Duration>,
    /// What the jitter buffer adds: from the arrival of the fastest packets to their playing.
    pub delay: Duration,
    /// Estimated conversational quality, 1 to 4.5 (ITU-T G.107, with delay and bursts); `None` in the first second.
    pub mos: Option<f32>,
    /// What the peer says of how it receives us, if it does (RFC 3611 §4.7).
    pub remote_voip: Option<VoipMetrics>,
    /// Where we send RTP now: the agreed address, or the one we latched to.
    pub remote: Option<SocketAddr>,
    /// How loud we are, in dBov: 0 at most; nothing in silence.
    pub level_out: Option<f32>,
    /// How loud the peer is, in dBov; nothing in silence.
    pub level_in: Option<f32>,
}

impl Default for Stats {
    fn default() -> Stats {
        Stats {
            codec: Codec::Opus,
            packets_sent: 0,
            octets_sent: 0,
            packets_received: 0,
            octets_received: 0,
            lost: 0,
            late: 0,
            duplicates: 0,
            dropped: 0,
            concealed: Duration::ZERO,
            loss_fraction: 0.0,
            remote_loss_fraction: None,
            jitter: Duration::ZERO,
            remote_jitter: None,
            round_trip: None,
            delay: Duration::ZERO,
            mos: None,
            remote_voip: None,
            remote: None,
            level_out: None,
            level_in: None,
        }
    }
}

/// What happens in the audio path that somebody should know.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The first valid packet of a stream has arrived, or the first after [`Event::Stalled`].
    Flowing {
        /// Whose audio.
        stream: StreamId,
    },
    /// Nothing valid has arrived for five seconds on a stream whose direction says that it should.
    Stalled {
        /// Whose audio.
        stream: StreamId,
    },
    /// The peer pressed a key: `0`-`9`, `*`, `#`, `A`-`D`. Told once, when the tone begins.
    Dtmf {
        /// Whose peer.
        stream: StreamId,
        /// The key.
        digit: char,
    },
    /// All digits of [`Engine::send_dtmf`](crate::Engine::send_dtmf) are out.
    DtmfSent {
        /// Whose digits.
        stream: StreamId,
    },
    /// We send to another address than agreed, because the peer's packets come from there.
    Latched {
        /// Whose remote address.
        stream: StreamId,
        /// Where we send now.
        remote: SocketAddr,
    },
    /// A fresh measurement, after each report from the peer.
    Quality {
        /// Whose numbers.
        stream: StreamId,
        /// The numbers.
        stats: Box<Stats>,
    },
    /// What we send comes back from where the peer is (RFC 3550 §8.2): an endless loop, or an echo test that returns
    /// packets as they are. It is not played. Told once.
    Looped {
        /// Whose voice.
        stream: StreamId,
    },
    /// The peer's RTCP said goodbye (RFC 3550 §6.6).
    Bye {
        /// Whose peer.
        stream: StreamId,
    },
    /// A clip that was to be sent once, [`Source::Once`](crate::Source::Once), is over.
    Played {
        /// Who heard it.
        stream: StreamId,
    },
    /// A stream is recorded from now on, or no more. People should be shown that, so it is told exactly so: `on` at
    /// most once, when the file is there, and not `on` once, at last, when the file is complete.
    Recording {
        /// Whose call.
        stream: StreamId,
        /// Which file.
        path: PathBuf,
        /// Is it recorded?
        on: bool,
        /// What went wrong, for people; the file has what came before.
        error: Option<String>,
    },
    /// The device is gone; calls go on in silence while it is tried again every two seconds.
    DeviceLost {
        /// Why, for people.
        reason: String,
    },
    /// The device works again, or another that was asked for.
    DeviceBack,
    /// The machine has other sound devices than before. An engine does not say this by itself: it is for the one
    /// [`Watch`](crate::Watch) that its owner has.
    Devices(Vec<crate::DeviceInfo>),
}
