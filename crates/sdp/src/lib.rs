//! Session descriptions, RFC 8866, and the offer/answer model over them, RFC 3264 with RFC 6337, as pure functions.
//!
//! ```text
//!   bytes ── parse ──► SessionDescription ── Display ──► bytes       session, parse
//!                        │ Media, Lines ──► where RTCP goes             rtcp
//!                        ▼
//!                      formats(): payload type ↔ encoding            codec, opus
//!                        │
//!   Local, Direction ──► offer / answer / accept ──► Agreed          negotiate
//!                             ▲
//!                          History: what this side has sent          history
//! ```
//!
//! A description is kept as its lines, in order; everything typed is a view of them. So what was parsed prints as it came,
//! with unknown lines and attributes in their places. The reader is liberal, the writer strict, and every limit is a
//! constant in [`mod@parse`].
//!
//! A dialog keeps one [`History`], records in it each description that it sends, and settles in it each exchange that came
//! to an agreement. Out of that the rules of a running session follow by themselves: slots stay, payload types keep their
//! meaning, `o=` counts up when something changed, and what was agreed about RTCP is not asked for anew.
//!
//! ```
//! use sdp::{Codec, Direction, History, Local};
//!
//! // Alice offers.
//! let (alice, mut history) = (Local::new("192.0.2.1:4000".parse()?), History::new(1));
//! let offer = sdp::offer(&alice, Direction::SendRecv, &history);
//! history.record(&offer);
//!
//! // Bob reads the text and answers. He speaks only G.711.
//! let mut bob = Local::new("198.51.100.7:6000".parse()?);
//! bob.codecs = vec![Codec::Pcma, Codec::Pcmu];
//! let received = sdp::parse(offer.to_string().as_bytes())?;
//! let (answer, at_bob) = sdp::answer(&bob, Direction::SendRecv, &History::new(2), &received)?;
//!
//! // Both know the same, each from its side. Of the common codecs the offerer's first is taken.
//! let at_alice = sdp::accept(&offer, &answer)?;
//! assert_eq!((at_alice.send.codec, at_alice.send.payload_type), (Codec::Pcmu, 0));
//! assert_eq!((at_alice.remote_rtp, at_bob.remote_rtp), (bob.rtp, alice.rtp));
//! history.settle(&offer, &answer);
//!
//! // Alice holds: the next version, the same slot.
//! let hold = sdp::offer(&alice, Direction::SendOnly, &history);
//! assert_eq!(hold.origin.version, "2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Deliberately absent: video, more than one audio stream, SRTP and ICE. Their streams are rejected with port 0, their
//! attributes are kept and ignored. A domain name in `c=` is read but not resolved: nothing here does I/O.
#![forbid(unsafe_code)]

pub mod codec;
#[doc(hidden)]
pub mod fuzz;
pub mod history;
pub mod negotiate;
pub mod opus;
pub mod parse;
mod rtcp;
pub mod session;

pub use codec::Codec;
pub use history::History;
pub use negotiate::{Agreed, Events, Local, Unacceptable, Voice, accept, answer, decline, offer};
pub use opus::OpusParameters;
pub use parse::{ParseError, ParseErrorKind, parse};
pub use session::{Direction, SessionDescription};
