//! A world in a box: a small PBX, scripted phones, virtual time and bad networks, to test anything that makes calls.
//!
//! ```text
//!   your program ── real sockets ──►  pbx::Server ─┐
//!                                                  ├─ pbx::Pbx: registrar, calls between users, 600 echo, 601 music …
//!   world::World ── virtual time ───► pbx::Pbx ────┘
//!       │  peer::Phone: a far phone that a test tells what to do
//!       │  link::Link: delay, jitter, loss in bursts, duplicates, reordering, rate
//!       └─ ladder::Ladder: the run as a picture, for a snapshot
//! ```
//!
//! # Test your own front end
//!
//! Add the crate to `[dev-dependencies]` and start a PBX inside the test. It takes a free port of 127.0.0.1, hears SIP
//! there by UDP and TCP, needs no files and no root, and is gone when it is dropped:
//!
//! ```
//! use std::time::Duration;
//! use lab::pbx::{Config, Server, Service};
//!
//! let pbx = Server::start(Config::default())?;
//! let registrar = format!("sip:{}", pbx.addr());      // sign in here as 1001 with secret1001, up to 1009
//! let echo = pbx.uri("600");                          // and call this: sip:600@127.0.0.1:…
//! # let _ = (registrar, echo);
//!
//! // What has come of it, as the PBX sees it:
//! let registered = pbx.wait_for(Duration::from_millis(10), |view| view.is_registered("1001"));
//! let pressed_5 = pbx.calls().iter().any(|call| call.talking && call.keys == "5");
//! # assert!(!registered && !pressed_5);
//!
//! // Somebody calls your phone: it rings until you answer, then hears itself.
//! match pbx.call(Service::Echo, "600", "1001") {
//!     Ok(call) => pbx.hang_up(call),
//!     Err(why) => assert_eq!(why.to_string(), "nobody is registered under that name"),
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | number | what it does |
//! |---|---|
//! | 1001 to 1009 | users; the password is `secret` and the number. In a call between them `*` asks somebody first, `#` hands over at once, `*1` goes back |
//! | 1101 to 1103 | users as well; `*` goes back there |
//! | 650 | rings at 1002 and 1003 |
//! | 600 | echo: every packet comes back, whatever its encoding, telephone events too |
//! | 601 | music (Opus, PCMU or PCMA) until somebody hangs up |
//! | 602 | an announcement of three seconds, then it hangs up |
//! | 604 | ringing tone as early media (183), never an answer |
//! | 605 | busy: 486 |
//! | 606 | rings (180), never answers; 480 after three minutes |
//! | 613 | has moved to 1002: 302 |
//! | 616 | answers, becomes somebody else after two seconds, and hangs up |
//! | 619 | answers and sends the phone to 600 by REFER |
//! | 651 | 403 |
//! | 700, 701 to 720 | a parking lot and its slots: a REFER or keys to 700 park, calling a slot takes the call; after 300 s it rings back |
//! | 730, 731 to 740 | the same, with 8 s |
//! | `*8`, `*8` and a number | takes a call that rings elsewhere |
//! | others | 404; a user without a phone is 480 |
//!
//! The sound of calls between users goes through the PBX, unless [`Config::direct_media`](pbx::Config::direct_media) says
//! otherwise. Users and slots can be watched by SUBSCRIBE (`dialog`, RFC 4235).
//!
//! [`Config`](pbx::Config) changes all of it: users with passwords and digest algorithms of their own, other numbers
//! (`.number("666", Service::Refuse(503))`), the encodings of the services (`.encodings(["PCMU"])`, to see how your
//! program takes 488), lifetimes, and bounds. The machines answer with the first encoding that the caller offers and they
//! know, send RTCP about every second, so that a short call sees a round trip, and note the keys that were pressed.
//! A wrong password is answered 401 for ever, as real PBXs do: stopping is the phone's duty, and your test's to check.
//!
//! # Test without sockets and without time
//!
//! In a [`World`](world::World) nothing sleeps: it steps from one deadline or packet to the next, and all chance comes
//! out of one seed, which a failing test prints with the run so far. Anything with packets in, packets out and a deadline
//! can live there by the trait [`Host`](world::Host).
//!
//! ```
//! use std::time::Duration;
//! use lab::{link::{LinkConfig, Loss}, pbx::{Config, Pbx}, peer::{Line, Phone, PhoneConfig}, world::World};
//!
//! let mut world = World::new(42);
//! let (here, there) = ("10.0.0.1:5060".parse()?, "10.0.0.2:5060".parse()?);
//! let phone = world.add("1001", "10.0.0.2".parse()?, Phone::new(PhoneConfig::new(there, here, "1001")));
//! let pbx = world.add("pbx", "10.0.0.1".parse()?, Pbx::new(Config::default(), here, ["10.0.0.1:20000".parse()?]));
//! world.set_link(phone, pbx, LinkConfig::delay(Duration::from_millis(40)).loss(Loss::Random(0.05)));
//!
//! world.with(phone, Phone::register);
//! world.run_until(Duration::from_secs(10), |world| world.host(phone).is_registered());
//! world.with(phone, |phone, now| phone.dial(now, "600"));
//! world.run_until(Duration::from_secs(10), |world| world.host(phone).line() == Line::Talking);
//! world.run_for(Duration::from_secs(60));                          // a minute, in a moment
//! assert!(world.host(phone).packets_heard() > 2_500);
//! assert!(world.ladder().to_string().contains("INVITE 600 · sdp")); // or insta::assert_snapshot!(world.ladder())
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! # What is deliberately absent
//!
//! TLS, SRTP and WebRTC; voicemail and queues; transcoding, conferences and recording: it is a peer to test with,
//! not a PBX to run. Its RTP, RTCP and G.711 are its own and not those of `media`, so that a fault there does not cancel
//! itself out; SIP and SDP are those of `sip-core` and `sdp`, and it is the tests against other people's phones and servers
//! that vouch for them.

pub mod clock;
pub mod ladder;
pub mod link;
pub mod packet;
pub mod pbx;
pub mod peer;
pub mod world;
