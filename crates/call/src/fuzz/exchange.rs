//! Two phones at an exchange, and people who call them. The exchange transfers, parks, refuses and fails as the bytes say,
//! and every message takes its time.
//!
//! What must hold: whoever called is cut off only if the user said so. Else they talk to the phone, wait there and can be
//! talked to again, are parked, or were handed to somebody else.
use super::{Phone, among_legs, command, epoch};
use crate::leg::GIVE_UP_AFTER;
use crate::vocab::{Action, Command, Event, LegId, ReferEnd, Referral, Signal, Slot, Target};
use crate::{Codes, Keys, Local, Phase, Task, Traits};
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

const PEOPLE: usize = 6;
/// More messages than any run needs to come to rest.
const MAX_MESSAGES: usize = 5_000;

pub(super) fn run(steps: impl Iterator<Item = (u8, u8)>) {
    let mut world = World {
        now: epoch(),
        phones: [Phone::new(1), Phone::new(2)],
        lines: Vec::new(),
        people: [Whereabouts::Home; PEOPLE],
        may_cut: [BTreeSet::new(), BTreeSet::new()],
    };
    for (what, how) in steps {
        world.step(what, how);
        world.phones.iter().for_each(Phone::check);
    }
    world.settle();
}

struct World {
    now: Instant,
    phones: [Phone; 2],
    lines: Vec<Line>,
    people: [Whereabouts; PEOPLE],
    /// The legs of each phone that its user wants gone.
    may_cut: [BTreeSet<LegId>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    /// Hung up by themselves, or by a user who wanted that.
    Home,
    /// On this line, to a phone.
    On(usize),
    /// With somebody that a transfer led to.
    HandedOver,
    Parked,
}

/// One dialog between the exchange and a phone.
struct Line {
    phone: usize,
    leg: LegId,
    person: usize,
    /// Whether the person called the phone; else the phone called them.
    called_in: bool,
    answered: bool,
    up: bool,
    /// Whether an offer of the exchange is out.
    offering: bool,
    /// Whether its person sent the phone on to somebody else.
    sent_on: bool,
    to_phone: VecDeque<Signal>,
    to_exchange: VecDeque<Said>,
}

enum Said {
    Answer,
    Refuse,
    HangUp,
    Offer,
    AnswerOffer,
    RefuseOffer,
    Refer(Referral),
    Keys,
}

fn description() -> Option<Vec<u8>> {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0 101\r\n\
        a=rtpmap:101 telephone-event/8000\r\n";
    Some(text.into())
}

fn local() -> Local {
    Local::new(([192, 0, 2, 1], 4000).into())
}

impl World {
    fn step(&mut self, what: u8, how: u8) {
        let who = usize::from(what & 1);
        match what >> 1 & 7 {
            0 if self.lines.iter().filter(|line| line.up).count() < 6 => self.call(who, how),
            1 => {
                // No message takes as long as to be given up.
                let waits = self.lines.iter().any(|line| !line.to_phone.is_empty() || !line.to_exchange.is_empty());
                let unit = if waits { 100 } else { 30_000 };
                self.now += Duration::from_micros(u64::from(how) * unit);
                self.time();
            }
            2 => self.user(who, what >> 4, command(how)),
            3 => {
                among_legs(&mut self.phones[who], self.now, what >> 4, how);
                self.carry_out(who);
            }
            4 => self.person(usize::from(how), what >> 4),
            _ => self.deliver(usize::from(how >> 3), who == 0, how),
        }
    }

    /// Somebody who is at home calls a phone, or is called.
    fn call(&mut self, who: usize, how: u8) {
        let Some(person) = (0..PEOPLE).find(|person| self.people[*person] == Whereabouts::Home) else { return };
        let called_in = how & 1 == 0;
        let switch = &mut self.phones[who].switch;
        let leg = if called_in {
            switch.incoming(self.now, description().as_deref(), local())
        } else if switch.refuses_dial().is_some() {
            return;
        } else {
            switch.dial(self.now, local())
        };
        self.connect(who, leg, person, called_in, how);
        self.carry_out(who);
    }

    fn connect(&mut self, phone: usize, leg: LegId, person: usize, called_in: bool, how: u8) {
        let keys = if how & 2 == 0 { Keys::Local(Codes::default()) } else { Keys::Off };
        let (replaceable_early, bridge) = (how & 4 == 0, how & 8 == 0);
        let target = Some(Target(person.to_string()));
        self.phones[phone].switch.set_traits(leg, Traits { target, replaceable_early, bridge, keys });
        self.people[person] = Whereabouts::On(self.lines.len());
        self.lines.push(Line {
            phone,
            leg,
            person,
            called_in,
            answered: false,
            up: true,
            offering: false,
            sent_on: false,
            to_phone: VecDeque::new(),
            to_exchange: VecDeque::new(),
        });
    }

    fn user(&mut self, who: usize, which: u8, command: Command) {
        if let (Command::HangUp | Command::Reject(486), Some(leg)) = (&command, self.phones[who].pick(which)) {
            let switch = &self.phones[who].switch;
            let keys = switch.transfer_wait(switch.customer_of(leg).unwrap_or(leg)).is_some();
            if !keys {
                self.may_cut[who].insert(leg);
            }
        }
        self.phones[who].command(self.now, which, command);
        self.carry_out(who);
    }

    /// What people do by themselves: answer, refuse, hang up; and the exchange, which sends offers, gives a call another
    /// dialog, or sends the phone on to somebody else.
    fn person(&mut self, which: usize, what: u8) {
        let up: Vec<usize> = (0..self.lines.len()).filter(|index| self.lines[*index].up).collect();
        if up.is_empty() {
            return;
        }
        let index = up[which % up.len()];
        let line = &mut self.lines[index];
        match what % 5 {
            _ if what == 14 && line.answered => self.replace(index),
            _ if what == 15 && line.answered => self.send_on(index),
            0 | 1 if !line.called_in && !line.answered => {
                line.answered = true;
                line.to_phone.push_back(Signal::Answered { sdp: description() });
            }
            2 if !line.called_in && !line.answered => {
                line.up = false;
                line.to_phone.push_back(Signal::Refused { status: 486 });
                self.people[line.person] = Whereabouts::Home;
            }
            3 if line.answered && !line.offering => {
                line.offering = true;
                line.to_phone.push_back(Signal::Offer { sdp: description() });
            }
            4 if self.people[line.person] == Whereabouts::On(index) => {
                line.up = false;
                line.to_phone.push_back(if line.answered { Signal::Bye } else { Signal::Cancelled });
                self.people[line.person] = Whereabouts::Home;
            }
            _ => {}
        }
    }

    /// An INVITE with Replaces (RFC 3891): the same person, on another line.
    fn replace(&mut self, index: usize) {
        let Line { phone, leg, person, .. } = self.lines[index];
        let switch = &mut self.phones[phone].switch;
        if self.people[person] == Whereabouts::On(index) && switch.leg(leg).is_some_and(|view| view.live || view.held) {
            let new = switch.replacing(self.now, leg, description().as_deref(), local());
            self.connect(phone, new, person, true, 0);
            self.carry_out(phone);
        }
    }

    /// A REFER: the person of a line sends the phone to somebody else, and is not there any more once that answers.
    fn send_on(&mut self, index: usize) {
        let Line { phone, leg, person: from, .. } = self.lines[index];
        let switch = &mut self.phones[phone].switch;
        let to = (0..PEOPLE).find(|person| self.people[*person] == Whereabouts::Home);
        let (Some(to), true) = (to, switch.leg(leg).is_some() && switch.refuses_dial().is_none()) else { return };
        if self.people[from] == Whereabouts::On(index) {
            let new = switch.follow(self.now, leg, local());
            self.connect(phone, new, to, false, 0);
            self.lines[index].sent_on = true;
            self.carry_out(phone);
        }
    }

    fn time(&mut self) {
        for who in 0..2 {
            self.phones[who].time(self.now);
            self.carry_out(who);
        }
    }

    /// Brings the next message of a line to where it goes.
    fn deliver(&mut self, index: usize, to_phone: bool, luck: u8) {
        let waiting = |line: &Line| if to_phone { !line.to_phone.is_empty() } else { !line.to_exchange.is_empty() };
        let some: Vec<usize> = (0..self.lines.len()).filter(|index| waiting(&self.lines[*index])).collect();
        if some.is_empty() {
            return;
        }
        let index = some[index % some.len()];
        let line = &mut self.lines[index];
        if to_phone {
            let Some(signal) = line.to_phone.pop_front() else { return };
            let (who, leg) = (line.phone, line.leg);
            if signal == Signal::Bye {
                // Who is joined with them has nobody left.
                self.may_cut[who].extend(bridged(&self.phones[who], leg));
            }
            self.phones[who].switch.handle_signal(self.now, leg, signal);
            self.carry_out(who);
        } else if let Some(said) = line.to_exchange.pop_front() {
            self.hear(index, said, luck);
        }
    }

    /// The exchange takes what a phone said.
    fn hear(&mut self, index: usize, said: Said, luck: u8) {
        let line = &mut self.lines[index];
        match said {
            Said::HangUp => {
                line.to_phone.push_back(Signal::Ended);
                line.up = false;
                self.cut(index);
            }
            // It rang too long, or the user did not want it: nobody was talked to.
            Said::Refuse => {
                line.up = false;
                self.leave(index, Whereabouts::Home);
            }
            _ if !line.up => {}
            Said::Answer => {
                line.answered = true;
                line.to_phone.push_back(Signal::Acknowledged { sdp: None });
            }
            // Glare (RFC 3261 §14.2).
            Said::Offer if line.offering => {
                line.to_phone.push_back(Signal::OfferRefused { status: 491, retry_after: None });
            }
            Said::Offer if luck.is_multiple_of(16) => {
                line.to_phone.push_back(Signal::OfferRefused { status: 488, retry_after: None });
            }
            Said::Offer => line.to_phone.push_back(Signal::OfferAnswered { sdp: description() }),
            Said::AnswerOffer => {
                line.offering = false;
                line.to_phone.push_back(Signal::Acknowledged { sdp: None });
            }
            Said::RefuseOffer => line.offering = false,
            Said::Keys if luck & 1 == 0 => {
                // A feature code: the slot is spoken, then the exchange hangs up.
                self.leave(index, Whereabouts::Parked);
                self.lines[index].to_phone.push_back(Signal::Bye);
                self.lines[index].up = false;
            }
            Said::Keys => {}
            Said::Refer(referral) => self.refer(index, referral, luck),
        }
    }

    fn refer(&mut self, index: usize, referral: Referral, luck: u8) {
        let say = |line: &mut Line, signals: &[Signal]| line.to_phone.extend(signals.iter().cloned());
        let (done, lost) = (Signal::ReferEnded(ReferEnd::Final(200)), Signal::ReferEnded(ReferEnd::Lost));
        let fails: &[Signal] = match luck % 8 {
            0 => &[Signal::ReferEnded(ReferEnd::Refused(405))],
            1 => &[Signal::ReferEnded(ReferEnd::Refused(408))],
            2 => &[Signal::ReferAccepted, Signal::ReferProgress(100), Signal::ReferEnded(ReferEnd::Final(404))],
            3 => &[Signal::ReferAccepted, lost],
            4 => &[Signal::ReferAccepted, Signal::ReferEnded(ReferEnd::Unknown)],
            _ => &[],
        };
        if !fails.is_empty() {
            return say(&mut self.lines[index], fails);
        }
        match referral {
            Referral::To(_) => {
                self.leave(index, Whereabouts::HandedOver);
                say(&mut self.lines[index], &[Signal::ReferAccepted, Signal::ReferProgress(180), done]);
            }
            Referral::Replacing { leg, .. } => {
                let phone = self.lines[index].phone;
                let find = |line: &Line| line.phone == phone && line.leg == leg && line.up;
                let Some(other) = self.lines.iter().position(find) else {
                    let gone = Signal::ReferEnded(ReferEnd::Final(481));
                    return say(&mut self.lines[index], &[Signal::ReferAccepted, gone]);
                };
                self.leave(index, Whereabouts::HandedOver);
                self.leave(other, Whereabouts::HandedOver);
                let line = &mut self.lines[other];
                line.up = false;
                line.to_phone.push_back(if line.answered { Signal::Bye } else { Signal::Refused { status: 603 } });
                say(&mut self.lines[index], &[Signal::ReferAccepted, done]);
            }
            Referral::Park { .. } => {
                self.leave(index, Whereabouts::Parked);
                let slot = (luck & 0x10 != 0).then(|| Slot("701".into()));
                say(&mut self.lines[index], &[Signal::ReferAccepted, Signal::Parked(slot), done]);
            }
        }
    }

    /// The person of a line is not there any more.
    fn leave(&mut self, index: usize, to: Whereabouts) {
        let person = self.lines[index].person;
        if self.people[person] == Whereabouts::On(index) {
            self.people[person] = to;
        }
    }

    /// A phone hung up. Whoever is still there is cut off: its user must have wanted that.
    fn cut(&mut self, index: usize) {
        let Line { phone, leg, person, called_in, sent_on, .. } = self.lines[index];
        if self.people[person] == Whereabouts::On(index) {
            let wanted = self.may_cut[phone].contains(&leg) || !called_in || sent_on;
            assert!(wanted, "{leg} of phone {phone} was hung up, and nobody wanted that");
            self.people[person] = Whereabouts::Home;
        }
    }

    /// Takes all that a phone does and tells.
    fn carry_out(&mut self, who: usize) {
        while let Some((leg, action)) = self.phones[who].switch.poll_action() {
            if let Action::Consult(_) = action {
                self.consult(who, leg);
                continue;
            }
            let Some(line) = self.lines.iter_mut().find(|line| line.phone == who && line.leg == leg) else {
                // A consultation says its INVITE before it has a line.
                assert!(
                    matches!(action, Action::Invite { .. } | Action::Offer { .. } | Action::Media(_)),
                    "{leg} has no line"
                );
                continue;
            };
            let said = match action {
                Action::Accept { .. } => Said::Answer,
                Action::Refuse { .. } => Said::Refuse,
                Action::HangUp => Said::HangUp,
                Action::Offer { .. } => Said::Offer,
                Action::AnswerOffer { .. } => Said::AnswerOffer,
                Action::RefuseOffer { .. } => Said::RefuseOffer,
                Action::Refer(referral) => Said::Refer(referral),
                Action::Dtmf(keys) if keys.as_str() == "#700" => Said::Keys,
                Action::Invite { .. } => {
                    line.to_phone.push_back(Signal::Progress { status: 180, sdp: None });
                    continue;
                }
                _ => continue,
            };
            line.to_exchange.push_back(said);
        }
        while let Some((leg, event)) = self.phones[who].switch.poll_event() {
            if event == Event::HangUpHeldBack {
                self.may_cut[who].remove(&leg);
            }
            self.phones[who].told(leg, event);
        }
        let cut: Vec<LegId> = self.may_cut[who].iter().copied().collect();
        for leg in cut {
            self.may_cut[who].extend(bridged(&self.phones[who], leg));
        }
    }

    fn consult(&mut self, who: usize, customer: LegId) {
        let person = (0..PEOPLE).find(|person| self.people[*person] == Whereabouts::Home);
        let switch = &mut self.phones[who].switch;
        match person {
            Some(person) => {
                let leg = switch.consult(self.now, customer, local());
                self.connect(who, leg, person, false, 2);
            }
            None => switch.consult_failed(self.now, customer),
        }
    }

    /// All messages arrive, all waits end. Then everybody is somewhere, and who is on a line can be talked to.
    fn settle(&mut self) {
        self.calm(Duration::from_secs(300));
        for (person, whereabouts) in self.people.into_iter().enumerate() {
            let Whereabouts::On(index) = whereabouts else { continue };
            let Line { phone, leg, .. } = self.lines[index];
            let Some(view) = self.phones[phone].switch.leg(leg) else {
                panic!("person {person} is on a line whose leg is over");
            };
            assert!(matches!(view.task, None | Some(Task::Parked)), "person {person}: {:?} for ever", view.task);
            if view.phase == Phase::Active && !view.live {
                let resumed = self.phones[phone].switch.handle_command(self.now, leg, Command::Resume);
                assert_eq!(resumed, Ok(()), "person {person} cannot be talked to");
                self.calm(GIVE_UP_AFTER);
                // They may have hung up themselves, or a late offer may have been refused: but nobody lost them.
                let after = self.phones[phone].switch.leg(leg);
                assert!(after.is_none_or(|view| view.live), "person {person} is not talked to");
            }
        }
    }

    fn calm(&mut self, time: Duration) {
        let mut messages = 0;
        let until = self.now + time;
        loop {
            while self.lines.iter().any(|line| !line.to_phone.is_empty() || !line.to_exchange.is_empty()) {
                // Luck 7: what is asked for now succeeds.
                self.deliver(messages, true, 7);
                self.deliver(messages, false, 7);
                messages += 1;
                assert!(messages < MAX_MESSAGES, "they come to rest");
            }
            if self.now == until {
                return;
            }
            let due = self.phones.iter().filter_map(|phone| Some(phone.switch.poll_timeout()?.0)).min();
            self.now = due.unwrap_or(until).clamp(self.now, until);
            self.time();
        }
    }
}

fn bridged(phone: &Phone, leg: LegId) -> impl Iterator<Item = LegId> {
    phone.switch.bridges().iter().filter(move |pair| pair.contains(&leg)).flatten().copied()
}
