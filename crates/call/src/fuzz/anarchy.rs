//! One switch, and signals in any order, sensible or not.
use super::{Phone, among_legs, command, epoch};
use crate::vocab::{Action, LegId, Loss, ReferEnd, Signal, Slot, Target};
use crate::{Codes, Direction, Keys, Local, Traits};
use sdp::{Agreed, SessionDescription};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub(super) fn run(steps: impl Iterator<Item = (u8, u8)>) {
    let mut model = Model {
        now: epoch(),
        phone: Phone::new(1),
        offers: BTreeMap::new(),
        sound: BTreeMap::new(),
        silent: BTreeSet::new(),
    };
    for (what, how) in steps {
        model.step(what, how);
        model.drain();
        model.phone.check();
    }
    model.peers_agree_to_all();
}

struct Model {
    now: Instant,
    phone: Phone,
    /// What our outstanding offer of each leg asks.
    offers: BTreeMap<LegId, Direction>,
    /// What flows on each leg.
    sound: BTreeMap<LegId, Agreed>,
    /// The legs whose sound has stopped for ever.
    silent: BTreeSet<LegId>,
}

impl Model {
    fn step(&mut self, what: u8, how: u8) {
        let local = Local::new(([192, 0, 2, 1], 4000).into());
        match what % 8 {
            0 if self.phone.switch.legs().count() < 8 => match how % 8 {
                0 => drop(self.phone.switch.dial_without_offer(self.now, local)),
                1..=3 => drop(self.phone.switch.dial(self.now, local)),
                4 => {
                    let new = self.phone.switch.incoming(self.now, description(how).as_deref(), local);
                    let traits = Traits {
                        target: (how & 8 == 0).then(|| Target("1003".into())),
                        replaceable_early: how & 16 == 0,
                        bridge: true,
                        keys: if how & 32 == 0 { Keys::Local(Codes::default()) } else { Keys::Pbx(Codes::default()) },
                    };
                    self.phone.switch.set_traits(new, traits);
                }
                5 | 6 => {
                    let Some(old) = self.phone.pick(how >> 4) else { return };
                    if how % 8 == 5 {
                        self.phone.switch.replacing(self.now, old, description(how).as_deref(), local);
                    } else {
                        self.phone.switch.follow(self.now, old, local);
                    }
                }
                _ => drop(self.phone.switch.incoming(self.now, description(how).as_deref(), local)),
            },
            1 => self.phone.time(self.now),
            2 => {
                self.now += Duration::from_millis(u64::from(how) * 40);
                self.phone.time(self.now);
            }
            3 => self.phone.command(self.now, what >> 3, command(how)),
            4 if what & 0x80 != 0 => among_legs(&mut self.phone, self.now, what >> 3, how),
            4 => self.phone.command(self.now, what >> 3, command(how)),
            _ => {
                if let Some(leg) = self.phone.pick(what >> 3) {
                    self.signal(leg, signal(how));
                }
            }
        }
    }

    fn signal(&mut self, leg: LegId, signal: Signal) {
        assert_eq!(self.phone.switch.poll_action(), None, "all was drained before");
        let closing = self.phone.switch.leg(leg).is_none();
        let (offer, refusal) = (matches!(signal, Signal::Offer { .. }), matches!(signal, Signal::OfferRefused { .. }));
        let asked = match signal {
            Signal::OfferAnswered { .. } | Signal::OfferRefused { .. } => self.offers.remove(&leg),
            _ => None,
        };
        self.phone.switch.handle_signal(self.now, leg, signal);
        let mut responses = 0;
        let mut actions = Vec::new();
        while let Some((id, action)) = self.phone.switch.poll_action() {
            responses += u32::from(matches!(action, Action::AnswerOffer { .. } | Action::RefuseOffer { .. }));
            if let (true, Some(asked), Action::Offer { sdp }) = (refusal, asked, &action) {
                assert_ne!(direction(sdp), asked, "a refusal is not followed at once by the same ask");
            }
            actions.push((id, action));
        }
        assert_eq!(responses, u32::from(offer && !closing), "every offer is answered or refused, once");
        for (id, action) in actions {
            self.act(id, action);
        }
    }

    /// What waits for a REFER's end, a spoken slot or the end of a number gets it.
    fn quiet(&mut self) {
        let busy: Vec<LegId> =
            self.phone.switch.legs().filter(|(_, view)| view.task.is_some()).map(|(id, _)| id).collect();
        for leg in busy {
            self.signal(leg, Signal::ReferEnded(ReferEnd::Lost));
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some((leg, action)) = self.phone.switch.poll_action() {
            self.act(leg, action);
        }
        while let Some((leg, event)) = self.phone.switch.poll_event() {
            self.phone.told(leg, event);
        }
        assert!(self.phone.ended.keys().all(|leg| self.silent.contains(leg)), "the end is silent");
        for (leg, agreed) in &self.sound {
            let flows = agreed.direction != Direction::Inactive && !self.silent.contains(leg);
            let live = self.phone.switch.leg(*leg).is_some_and(|view| view.live)
                || self.phone.switch.bridges().iter().flatten().any(|bridged| bridged == leg);
            assert!(live || !flows, "{leg} is heard, but is not live");
        }
    }

    fn act(&mut self, leg: LegId, action: Action) {
        match action {
            Action::Offer { sdp } => {
                let before = self.offers.insert(leg, direction(&sdp));
                assert_eq!(before, None, "at most one offer of ours is outstanding");
            }
            Action::Media(agreed) => {
                assert!(!self.silent.contains(&leg), "no sound after the last");
                assert_ne!(self.sound.get(&leg), Some(&*agreed), "nothing is said twice");
                self.sound.insert(leg, *agreed);
            }
            Action::StopMedia => assert!(self.silent.insert(leg), "sound stops once"),
            Action::Dtmf(_) => assert!(self.sound[&leg].direction.sends(), "keys need a way to the peer"),
            Action::Refer(_) => {
                assert!(!self.offers.contains_key(&leg), "the REFER follows the answer to the hold");
            }
            Action::Consult(_) if self.phone.switch.legs().count() < 8 => {
                let local = Local::new(([192, 0, 2, 1], 4000).into());
                self.phone.switch.consult(self.now, leg, local);
            }
            Action::Consult(_) => self.phone.switch.consult_failed(self.now, leg),
            _ => {}
        }
    }

    /// Whatever was before: once the peer agrees to all, the wire is what the user wants.
    fn peers_agree_to_all(&mut self) {
        for _ in 0..45 {
            if self.phone.active().all(|(_, view)| view.settled && view.agreed.is_some() && view.task.is_none()) {
                break;
            }
            self.quiet();
            for (leg, _) in self.phone.active().collect::<Vec<_>>() {
                for signal in
                    [Signal::Acknowledged { sdp: description(0) }, Signal::OfferAnswered { sdp: description(0) }]
                {
                    self.signal(leg, signal);
                    self.drain();
                }
            }
            self.now += Duration::from_secs(1);
            self.phone.time(self.now);
            self.drain();
        }
        for (leg, view) in self.phone.active() {
            assert!(view.settled, "{leg}: the wire is not as the user wants it: {view:?}");
            assert!(view.agreed.is_some(), "{leg} has no sound");
        }
    }
}

fn direction(sdp: &SessionDescription) -> Direction {
    sdp.direction(&sdp.media[0])
}

fn description(byte: u8) -> Option<Vec<u8>> {
    let direction = Direction::ALL[usize::from(byte >> 6)];
    let formats = if byte & 0x20 == 0 { "0 101" } else { "96 8 100" };
    match byte >> 2 & 7 {
        4 => None,
        5 => Some(b"v=0\r\no=nonsense".to_vec()),
        6 => Some(format!("{HEAD}m=audio 9000 RTP/AVP 18\r\n").into_bytes()),
        _ => Some(format!("{HEAD}m=audio 9000 RTP/AVP {formats}\r\n{MAPS}a={direction}\r\n").into_bytes()),
    }
}

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n";
const MAPS: &str =
    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:100 telephone-event/48000\r\n";

fn signal(byte: u8) -> Signal {
    let sdp = description(byte & 0xe0 | (byte & 0x10) >> 2);
    let status = [491, 488, 500, 481, 491, 408, 503, 491][usize::from(byte >> 5)];
    match byte % 16 {
        0 if byte & 0x10 != 0 => match byte >> 5 {
            0 | 1 => Signal::ReferAccepted,
            2 => Signal::ReferProgress(180),
            3 => Signal::ReferEnded(ReferEnd::Final(200)),
            4 => Signal::ReferEnded(ReferEnd::Refused(405)),
            5 => Signal::ReferEnded(ReferEnd::Final(486)),
            6 => Signal::Parked(None),
            _ => Signal::Parked(Some(Slot("701".into()))),
        },
        1 if byte & 0xd0 == 0xd0 => Signal::ReferEnded(ReferEnd::Unknown),
        2 if byte & 0xd0 == 0xd0 => Signal::ReferEnded(ReferEnd::Lost),
        3 if byte & 0x90 == 0x90 => Signal::Connected { original: byte & 0x20 == 0 },
        0 => Signal::Progress { status: 180, sdp: None },
        1 => Signal::Progress { status: 183, sdp },
        2 => Signal::Answered { sdp },
        3 => Signal::Answered { sdp: description(0) },
        4 if byte & 0x30 == 0 => Signal::Refused { status: 486 },
        4 => Signal::Acknowledged { sdp: None },
        5 => Signal::Acknowledged { sdp },
        6 | 7 => Signal::Offer { sdp },
        8 => Signal::Offer { sdp: description(byte & 0xe0 | 0x10 | (byte & 0x10) >> 1) },
        9 | 10 => Signal::OfferAnswered { sdp },
        11 | 12 => {
            let retry_after = (byte & 0x10 != 0).then(|| Duration::from_secs(u64::from(byte >> 5)));
            Signal::OfferRefused { status, retry_after }
        }
        13 => match byte >> 5 {
            0 => Signal::Lost(Loss::Timeout),
            1 => Signal::Lost(Loss::Network),
            _ => Signal::OfferAnswered { sdp: None },
        },
        14 => match byte >> 5 {
            0 => Signal::Cancelled,
            1 => Signal::Bye,
            _ => Signal::Offer { sdp: description(0x40) },
        },
        _ => match byte >> 5 {
            0 => Signal::Ended,
            1 => Signal::Bye,
            _ => Signal::Acknowledged { sdp: description(0) },
        },
    }
}
