#![allow(clippy::wildcard_enum_match_arm)]

use super::*;
use crate::Phase;
use crate::vocab::EndReason;

#[expect(clippy::disallowed_methods, reason = "a test's time begins somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

fn local(port: u16) -> Local {
    Local::new(([192, 0, 2, 1], port).into())
}

fn theirs() -> Option<Vec<u8>> {
    let text = "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\nm=audio 9000 RTP/AVP 0\n";
    Some(text.into())
}

struct Desk {
    now: Instant,
    switch: Switch,
}

impl Desk {
    fn new() -> Self {
        Self { now: epoch(), switch: Switch::new([7; 32]) }
    }

    fn talk(&mut self) -> LegId {
        let leg = self.switch.dial(self.now, local(4000));
        self.switch.handle_signal(self.now, leg, Signal::Answered { sdp: theirs() });
        self.said();
        leg
    }

    fn ring(&mut self) -> LegId {
        self.switch.incoming(self.now, theirs().as_deref(), local(4000))
    }

    fn tell(&mut self, leg: LegId, command: Command) -> Result<(), Misuse> {
        self.switch.handle_command(self.now, leg, command)
    }

    fn hear(&mut self, leg: LegId, signal: Signal) {
        self.switch.handle_signal(self.now, leg, signal);
    }

    /// Everything done and told since, in short.
    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some((LegId(id), action)) = self.switch.poll_action() {
            let word = match action {
                Action::Media(agreed) => format!("sound {}", agreed.direction),
                Action::Refuse { status } => format!("refuse {status}"),
                Action::Offer { sdp } => format!("offer {}", sdp.direction(&sdp.media[0])),
                other => format!("{other:?}").split([' ', '(']).next().unwrap().to_owned(),
            };
            said.push(format!("{id} {word}"));
        }
        while let Some((LegId(id), event)) = self.switch.poll_event() {
            said.push(format!("{id} {event:?}!"));
        }
        said
    }

    fn live(&self) -> Vec<u64> {
        self.switch.legs().filter(|(_, view)| view.live).map(|(id, _)| id.0).collect()
    }
}

#[test]
fn a_waiting_call_is_answered_and_the_first_one_waits() {
    let mut desk = Desk::new();
    let first = desk.talk();
    let second = desk.ring();
    assert_eq!(desk.said(), ["2 Ring", "2 Incoming!"]);
    assert_eq!(desk.live(), [1]);
    desk.tell(second, Command::Answer).unwrap();
    // First the silence, then the new voice.
    assert_eq!(desk.said(), ["1 sound inactive", "1 offer sendonly", "2 Accept", "2 sound sendrecv", "2 Answered!"]);
    assert_eq!(desk.live(), [2]);
    desk.hear(first, Signal::OfferAnswered { sdp: theirs() });
    desk.hear(second, Signal::Acknowledged { sdp: None });
    desk.said();
    desk.tell(first, Command::Resume).unwrap();
    assert_eq!(desk.said(), ["2 sound inactive", "2 offer sendonly", "1 sound sendonly", "1 offer sendrecv"]);
    assert_eq!(desk.live(), [1]);
}

#[test]
fn dialling_puts_the_live_call_on_hold() {
    let mut desk = Desk::new();
    desk.talk();
    desk.switch.dial(desk.now, local(4002));
    assert_eq!(desk.said(), ["1 sound inactive", "1 offer sendonly", "2 Invite"]);
    assert_eq!(desk.live(), [2]);
}

#[test]
fn a_call_whose_peer_refuses_hold_stays_silent_while_the_user_is_elsewhere() {
    let mut desk = Desk::new();
    let first = desk.talk();
    desk.tell(first, Command::Hold).unwrap();
    desk.switch.dial(desk.now, local(4002));
    desk.said();
    desk.hear(first, Signal::OfferRefused { status: 488, retry_after: None });
    assert_eq!(desk.said(), ["1 HoldRefused { status: 488 }!"]);
    assert_eq!(desk.live(), [2]);
    let view = desk.switch.leg(first).unwrap();
    assert_eq!((view.phase, view.held), (Phase::Active, false));
    desk.tell(first, Command::Resume).unwrap();
    assert_eq!(desk.said(), ["1 sound sendrecv", "1 Resumed!"]);
    assert_eq!(desk.live(), [1]);
}

/// The user turned back before the callee answered: the callee is then put on hold by itself.
#[test]
fn a_dialled_call_that_the_user_left_is_held_when_it_is_answered() {
    let mut desk = Desk::new();
    let first = desk.talk();
    let second = desk.switch.dial(desk.now, local(4002));
    desk.hear(first, Signal::OfferAnswered { sdp: theirs() });
    desk.tell(first, Command::Resume).unwrap();
    desk.said();
    desk.hear(second, Signal::Answered { sdp: theirs() });
    assert_eq!(desk.said(), ["2 sound inactive", "2 offer sendonly", "2 Answered!"]);
    assert_eq!(desk.live(), [1]);
}

#[test]
fn a_refused_command_does_not_hold_the_others() {
    let mut desk = Desk::new();
    let first = desk.talk();
    assert!(desk.tell(first, Command::Answer).is_err());
    assert!(desk.tell(first, Command::Resume).is_err());
    assert_eq!(desk.tell(LegId(9), Command::Hold), Err(Misuse { doing: "hold", state: "there is no such call" }));
    assert!(desk.said().is_empty());
    assert_eq!(desk.live(), [1]);
}

#[test]
fn policies_can_be_turned_off() {
    let mut desk = Desk::new();
    desk.switch.set_policy(Policy { hold_others: false, ..Policy::default() });
    desk.talk();
    desk.talk();
    assert_eq!(desk.live(), [1, 2]);
    desk.switch.set_policy(Policy { call_waiting: false, ..Policy::default() });
    desk.ring();
    assert_eq!(desk.said(), ["3 refuse 486", "3 StopMedia", "3 Ended(Declined { status: 486 })!"]);
}

#[test]
fn calls_above_the_limit_are_turned_away() {
    let mut desk = Desk::new();
    desk.switch.set_policy(Policy { max_legs: 2, ..Policy::default() });
    desk.ring();
    desk.ring();
    desk.said();
    desk.ring();
    assert_eq!(desk.said()[0], "3 refuse 486");
    assert_eq!(desk.switch.legs().count(), 2);
}

#[test]
fn an_ended_call_is_gone_and_its_id_never_comes_back() {
    let mut desk = Desk::new();
    let first = desk.talk();
    desk.hear(first, Signal::Bye);
    assert_eq!(desk.said(), ["1 StopMedia", "1 Ended(RemoteHangup)!"]);
    assert_eq!(desk.switch.leg(first), None);
    desk.hear(first, Signal::Bye);
    desk.hear(first, Signal::Offer { sdp: theirs() });
    assert!(desk.said().is_empty());
    assert_eq!(desk.talk(), LegId(2));
}

#[test]
fn the_earliest_deadline_of_all_calls_comes_first() {
    let mut desk = Desk::new();
    assert_eq!(desk.switch.poll_timeout(), None);
    let ringing = desk.ring();
    let start = desk.now;
    desk.now += Duration::from_secs(170);
    let first = desk.talk();
    desk.tell(first, Command::HangUp).unwrap();
    assert_eq!(desk.switch.poll_timeout(), Some((start + Duration::from_secs(180), Why::NoAnswer)));
    desk.said();
    desk.switch.handle_timeout(start + Duration::from_secs(180));
    assert_eq!(desk.said(), ["1 refuse 480", "1 StopMedia", "1 Ended(Missed)!"]);
    assert_eq!(desk.switch.leg(ringing), None);
    assert_eq!(desk.switch.poll_timeout(), Some((start + Duration::from_secs(202), Why::Farewell)));
    desk.switch.handle_timeout(start + Duration::from_secs(202));
    assert_eq!(desk.switch.poll_event(), Some((first, Event::Ended(EndReason::LocalHangup))));
}

/// One seed, one story: session ids and back-offs come from it alone.
#[test]
fn equal_seeds_give_equal_descriptions() {
    let offer = |seed: u8| {
        let mut switch = Switch::new([seed; 32]);
        switch.dial(epoch(), local(4000));
        switch.dial(epoch(), local(4000));
        std::iter::from_fn(|| switch.poll_action()).map(|(_, action)| format!("{action:?}")).collect::<Vec<_>>()
    };
    assert_eq!(offer(1), offer(1));
    assert_ne!(offer(1), offer(2));
    assert_ne!(offer(1)[0], offer(1)[1], "each call has a session id of its own");
}

mod handover;
