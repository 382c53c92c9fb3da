//! Two switches wired back to back. Each direction of a call delivers in order, but when, the bytes decide: so commands,
//! offers, hang-ups cross in every way they can.
//!
//! The wires play the dialogs: they acknowledge, tell a CANCEL from a BYE, and answer for legs that are gone.
use super::{Phone, command, epoch};
use crate::leg::View;
use crate::vocab::{Action, LegId, Signal};
use crate::{Local, Phase};
use sdp::{Codec, SessionDescription};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More messages than any run needs to come to rest.
const MAX_MESSAGES: usize = 2_000;

pub(super) fn run(steps: impl Iterator<Item = (u8, u8)>) {
    let mut world = World { now: epoch(), phones: [Phone::new(1), Phone::new(2)], calls: Vec::new() };
    for (what, how) in steps {
        world.step(what, how);
        world.check();
    }
    world.settle();
}

struct World {
    now: Instant,
    phones: [Phone; 2],
    calls: Vec<Call>,
}

/// One dialog: its leg at each phone, and what is on its way to each.
#[derive(Default)]
struct Call {
    legs: [Option<LegId>; 2],
    wires: [VecDeque<Message>; 2],
    caller: usize,
    /// Whether the caller has seen the 2xx: then it hangs up by BYE, before by CANCEL.
    answered: bool,
    /// The last description that each side sent.
    said: [Option<SessionDescription>; 2],
    /// Whether the INVITE had no offer, so that the ACK to its 2xx comes from the leg.
    late: bool,
}

#[derive(Debug)]
enum Message {
    Invite(Option<Vec<u8>>),
    Signal(Signal),
    /// The response to a BYE.
    ByeOk,
}

impl World {
    fn step(&mut self, what: u8, how: u8) {
        let who = usize::from(what & 1);
        match what >> 1 & 7 {
            0 if self.calls.iter().filter(|call| call.legs != [None, None]).count() < 4 => self.dial(who, how),
            1 => {
                self.now += Duration::from_millis(u64::from(how) * 20);
                self.time();
            }
            2 | 3 => {
                self.phones[who].command(self.now, what >> 4, command(how));
                self.carry_out(who);
            }
            _ => self.deliver(usize::from(how) % self.calls.len().max(1), who),
        }
    }

    fn dial(&mut self, who: usize, how: u8) {
        let late = how.is_multiple_of(4);
        let mut local = Local::new(([192, 0, 2, 1], 4000).into());
        if how & 4 != 0 {
            local.codecs = vec![Codec::Pcma, Codec::Opus];
        }
        let switch = &mut self.phones[who].switch;
        let leg = if late { switch.dial_without_offer(self.now, local) } else { switch.dial(self.now, local) };
        let mut call = Call { caller: who, late, ..Call::default() };
        call.legs[who] = Some(leg);
        self.calls.push(call);
        self.carry_out(who);
    }

    fn time(&mut self) {
        for who in 0..2 {
            self.phones[who].time(self.now);
            self.carry_out(who);
        }
    }

    /// Brings the next message of a call to a phone.
    fn deliver(&mut self, index: usize, who: usize) {
        let Some(call) = self.calls.get_mut(index) else { return };
        let Some(message) = call.wires[who].pop_front() else { return };
        let phone = &mut self.phones[who];
        match message {
            Message::Invite(offer) => {
                let mut local = Local::new(([192, 0, 2, 2], 5000).into());
                local.codecs =
                    if index % 5 == 4 { vec![Codec::Pcmu] } else { vec![Codec::Pcma, Codec::Pcmu, Codec::Opus] };
                call.legs[who] = Some(phone.switch.incoming(self.now, offer.as_deref(), local));
            }
            Message::ByeOk => signal(phone, call, who, self.now, Signal::Ended),
            Message::Signal(message) => {
                let gone = call.legs[who].is_none_or(|leg| phone.switch.leg(leg).is_none());
                match &message {
                    Signal::Answered { .. } => {
                        call.answered = true;
                        if !call.late || gone {
                            call.send(1 - who, Signal::Acknowledged { sdp: None });
                        }
                        // RFC 3261 §13.2.2.4: nobody wants this 2xx any more.
                        if gone {
                            call.send(1 - who, Signal::Bye);
                        }
                    }
                    Signal::OfferAnswered { .. } => call.send(1 - who, Signal::Acknowledged { sdp: None }),
                    Signal::Offer { .. } if gone => {
                        call.send(1 - who, Signal::OfferRefused { status: 481, retry_after: None });
                    }
                    Signal::Bye => call.wires[1 - who].push_back(Message::ByeOk),
                    _ => {}
                }
                let cancelled = message == Signal::Cancelled;
                let ringing = !gone && call.legs[who].is_some_and(|leg| phase(phone, leg) == Some(Phase::Incoming));
                if !cancelled || ringing {
                    signal(phone, call, who, self.now, message);
                }
                if cancelled && ringing {
                    call.send(1 - who, Signal::Refused { status: 487 });
                }
            }
        }
        self.carry_out(who);
    }

    /// Puts all that a phone does on the wires.
    fn carry_out(&mut self, who: usize) {
        while let Some((leg, action)) = self.phones[who].switch.poll_action() {
            let Some(call) = self.calls.iter_mut().find(|call| call.legs[who] == Some(leg)) else {
                panic!("{leg} belongs to no call");
            };
            let to = 1 - who;
            match action {
                Action::Invite { sdp } => {
                    let offer = sdp.and_then(|sdp| call.say(who, sdp));
                    call.wires[to].push_back(Message::Invite(offer));
                }
                Action::Ring { status } => call.send(to, Signal::Progress { status, sdp: None }),
                Action::Accept { sdp } => {
                    let sdp = call.say(who, sdp);
                    call.send(to, Signal::Answered { sdp });
                }
                Action::Refuse { status } => call.send(to, Signal::Refused { status }),
                Action::AnswerLate { sdp } => {
                    let sdp = call.say(who, sdp);
                    call.send(to, Signal::Acknowledged { sdp });
                }
                Action::Offer { sdp } => {
                    let sdp = call.say(who, sdp);
                    call.send(to, Signal::Offer { sdp });
                }
                Action::AnswerOffer { sdp } => {
                    let sdp = call.say(who, sdp);
                    call.send(to, Signal::OfferAnswered { sdp });
                }
                Action::RefuseOffer { status } => {
                    call.send(to, Signal::OfferRefused { status, retry_after: None });
                }
                Action::HangUp => {
                    let early = who == call.caller && !call.answered;
                    call.send(to, if early { Signal::Cancelled } else { Signal::Bye });
                }
                Action::Media(_)
                | Action::Mute(_)
                | Action::Dtmf(_)
                | Action::StopMedia
                | Action::Refer(_)
                | Action::Consult(_) => {}
            }
        }
        while let Some((leg, event)) = self.phones[who].switch.poll_event() {
            self.phones[who].told(leg, event);
        }
    }

    fn check(&self) {
        self.phones.iter().for_each(Phone::check);
    }

    /// All pauses end, all messages arrive: then both sides of every call see the same.
    fn settle(&mut self) {
        let mut messages = 0;
        let until = self.now + Duration::from_secs(20);
        loop {
            while let Some((index, who)) = self.waiting() {
                self.deliver(index, who);
                self.check();
                messages += 1;
                assert!(messages < MAX_MESSAGES, "they come to rest");
            }
            if self.now == until {
                break;
            }
            let due = self.phones.iter().filter_map(|phone| Some(phone.switch.poll_timeout()?.0)).min();
            self.now = due.unwrap_or(until).clamp(self.now, until);
            self.time();
        }
        for call in &self.calls {
            let view = |who: usize| call.legs[who].and_then(|leg| self.phones[who].switch.leg(leg));
            self.converged(call, view(0), view(1));
        }
    }

    /// A call and a phone for which a message is on its way.
    fn waiting(&self) -> Option<(usize, usize)> {
        let ends = (0..self.calls.len()).flat_map(|index| [(index, 0), (index, 1)]);
        ends.into_iter().find(|(index, who)| !self.calls[*index].wires[*who].is_empty())
    }

    fn converged(&self, call: &Call, one: Option<View>, other: Option<View>) {
        let (one, other) = match (one, other) {
            (None, None) => return,
            (Some(one), Some(other)) => (one, other),
            (one, other) => panic!("one side is over: {one:?} {other:?}"),
        };
        let phases = [one.phase, other.phase];
        if phases.contains(&Phase::Incoming) {
            assert_eq!(phases[call.caller], Phase::Ringing);
            return;
        }
        assert_eq!(phases, [Phase::Active; 2]);
        for (us, them) in [(&one, &other), (&other, &one)] {
            assert!(us.settled, "wire equals wish: {us:?}");
            assert_eq!(us.held, them.remote_held, "both know who holds: {us:?} {them:?}");
        }
        let (Some(one), Some(other)) = (one.agreed, other.agreed) else { panic!("no sound") };
        assert_eq!(one.direction, other.direction.mirrored(), "both know which way sound flows");
        assert_eq!(one.send.codec, other.send.codec, "both speak the same");
        for (us, them) in [(&one, &other), (&other, &one)] {
            let known = |voice: &&sdp::Voice| voice.payload_type == us.send.payload_type;
            assert_eq!(them.receive.iter().find(known).map(|voice| voice.codec), Some(us.send.codec));
        }
    }
}

impl Call {
    /// The body of a description, after a look at the one before.
    fn say(&mut self, who: usize, sdp: SessionDescription) -> Option<Vec<u8>> {
        let body = sdp.to_string().into_bytes();
        if let Some(before) = self.said[who].replace(sdp.clone()) {
            follows(&before, &sdp);
        }
        Some(body)
    }

    fn send(&mut self, to: usize, signal: Signal) {
        self.wires[to].push_back(Message::Signal(signal));
    }
}

/// RFC 3264 §8: the same version says the same, any change counts up by one, and slots stay.
fn follows(before: &SessionDescription, after: &SessionDescription) {
    let version = |sdp: &SessionDescription| sdp.origin.version.parse::<u64>().expect("ours is a number");
    assert_eq!(version(after), version(before) + u64::from(after != before), "{before}{after}");
    assert_eq!(after.origin.session_id, before.origin.session_id);
    assert!(after.media.len() >= before.media.len());
}

fn signal(phone: &mut Phone, call: &Call, who: usize, now: Instant, signal: Signal) {
    if let Some(leg) = call.legs[who] {
        phone.switch.handle_signal(now, leg, signal);
    }
}

fn phase(phone: &Phone, leg: LegId) -> Option<Phase> {
    phone.switch.leg(leg).map(|view| view.phase)
}
