//! SIP messages, transactions, dialogs and usages, without I/O.
//!
//! Bytes in, bytes out, and time as an argument: nothing here opens a socket, reads a clock, spawns or asks the system for
//! randomness. What RFC 3261 and its extensions say a user agent must do with what arrives is here; what a call is
//! *for* is not, and neither is media: bodies are bytes.
//!
//! ```text
//!  bytes ─► frame ─► message ─► validate ─► transaction ─► dialog ─► usage ─► events
//!           cut       index      400, 505    §17            §12      register, invite, refer
//! ```
//!
//! # Messages
//!
//! A [`Message`] is the bytes that came and an index of its header lines, made in one pass. Reading one copies nothing and
//! loses nothing: [`as_bytes`](Message::as_bytes) is what was on the wire. Header values are read when asked for, as
//! views that borrow: [`header`] has one for each header that a softphone meets.
//!
//! ```
//! use sip_core::{Message, Method, frame, header};
//!
//! let datagram = "INVITE sip:bob@biloxi.example SIP/2.0\r\n\
//!     v: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds\r\n\
//!     Max-Forwards: 70\r\n\
//!     To: Bob <sip:bob@biloxi.example>\r\n\
//!     From: \"Alice \\\"A\\\"\" <sip:alice@atlanta.example>;tag=1928301774\r\n\
//!     Call-ID: a84b4c76e66710@pc33.atlanta.example\r\n\
//!     CSeq: 314159 INVITE\r\n\
//!     Supported: replaces,\r\n 100rel\r\n\
//!     Content-Length: 0\r\n\r\n";
//! let Some(Message::Request(invite)) = frame::datagram(datagram.into())? else { panic!("a keep-alive") };
//!
//! assert_eq!(invite.method(), Method::Invite);
//! assert_eq!(invite.top_via()?.branch(), Some("z9hG4bK776asdhds"));
//! assert_eq!(invite.from()?.display().as_deref(), Some("Alice \"A\""));
//! assert_eq!(invite.from()?.tag(), Some("1928301774"));
//! assert_eq!(invite.get::<header::MaxForwards>()?.0, 70);
//! assert!(invite.has_token(header::Name::Supported, "100rel"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To say something, build it. Whatever is put into a value, it cannot break out of its line:
//!
//! ```
//! # use sip_core::{Message, Method, Request, Response, StatusCode, Uri, header::{CSeq, Name, NameAddrBuf}};
//! let bob: Uri = "sip:bob@biloxi.example".parse()?;
//! let options = Request::builder(Method::Options, &bob)
//!     .header(Name::Via, "SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bKnashds7")
//!     .header(Name::To, NameAddrBuf::new(bob.clone()))
//!     .header(Name::From, NameAddrBuf::new("sip:alice@atlanta.example".parse()?).display("Alice").param("tag", "88sja8x"))
//!     .header(Name::CallId, "987asjd97y7atg")
//!     .header(Name::CSeq, CSeq::new(1, Method::Options))
//!     .header(Name::Subject, "one line\r\nEvil: another")
//!     .build();
//! assert_eq!(options.value(&Name::Subject), Some("one line  Evil: another"));
//!
//! let ok = Response::reply_to(&options, StatusCode::OK, Some("a6c85cf")).build();
//! assert_eq!(ok.to()?.tag(), Some("a6c85cf"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What arrives broken
//!
//! Three places judge, in this order, and each says what is to be answered:
//!
//! | | question | answer |
//! |---|---|---|
//! | [`ParseError`] | can the bytes be read? | 400, 505, 513 for [`answerable`](ParseError::answerable) requests; the rest is dropped |
//! | [`validate::request`], [`validate::response`] | does it make sense? | 400, 414, 416, 501; responses are dropped |
//! | [`validate::Capabilities`] | can we do it? | 405, 406, 415, 420 |
//!
//! Nothing from the network panics, loops or grows without bound: [`message::MAX_MESSAGE`], [`message::MAX_HEADERS`],
//! [`uri::MAX_URI`] and their like are the limits.
//!
//! # What is deliberately absent
//!
//! Sockets, TLS and DNS (a shell brings bytes and answers), SDP (a body is bytes), proxy behaviour, and multipart bodies.
//! Multipart text is kept whole, to be read by who needs it.
//!
//! # Feature `rsip`
//!
//! `TryFrom` both ways between [`Message`] and `rsip::SipMessage`, for programs that already speak rsip.

mod deadlines;
pub mod dialog;
pub mod dialog_info;
pub mod digest;
pub mod endpoint;
mod flow;
pub mod frame;
#[doc(hidden)]
pub mod fuzz;
pub mod header;
pub mod ids;
pub mod message;
pub mod method;
pub mod refer;
pub mod resolve;
mod scan;
pub mod sipfrag;
pub mod status;
pub mod transaction;
pub mod uri;
pub mod usage;
pub mod validate;

pub use endpoint::{Config, Endpoint, Event};
pub use message::{Message, ParseError, Request, Response};
pub use method::Method;
pub use status::{StatusClass, StatusCode};
pub use uri::Uri;
