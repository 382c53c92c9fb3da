//! One call handed to another: transfer, consultation, being transferred, conference, bridge.
use super::*;
use crate::keypad::Codes;
use crate::vocab::{Park, ReferEnd, Referral, Slot};

fn answers(direction: &str) -> Signal {
    let text = format!("{}a={direction}\n", String::from_utf8(theirs().unwrap()).unwrap());
    Signal::OfferAnswered { sdp: Some(text.into_bytes()) }
}

impl Desk {
    /// A customer on hold and a target that was dialled for it.
    fn consult(&mut self) -> (LegId, LegId) {
        let customer = self.talk();
        self.switch.set_traits(customer, Traits { bridge: true, ..Traits::default() });
        let target = self.switch.consult(self.now, customer, local(4002));
        let known = Traits { target: Some(Target("1003".into())), bridge: true, ..Traits::default() };
        self.switch.set_traits(target, known);
        self.hear(customer, answers("recvonly"));
        self.said();
        (customer, target)
    }

    fn answer(&mut self, leg: LegId) {
        self.hear(leg, Signal::Answered { sdp: theirs() });
        self.said();
    }
}

#[test]
fn blind_after_the_holds_answer() {
    let mut desk = Desk::new();
    let call = desk.talk();
    desk.tell(call, Command::Transfer(Target("1003".into()))).unwrap();
    assert_eq!(desk.said(), ["1 sound inactive", "1 offer sendonly"]);
    desk.hear(call, answers("recvonly"));
    assert_eq!(desk.said(), ["1 Refer", "1 Held!"]);
    desk.hear(call, Signal::ReferAccepted);
    desk.hear(call, Signal::ReferProgress(180));
    assert_eq!(desk.said(), ["1 TransferProgress { status: 180 }!"]);
    assert_eq!(desk.tell(call, Command::Resume).unwrap_err().state, "the call is being transferred");
    desk.hear(call, Signal::ReferEnded(ReferEnd::Final(200)));
    assert_eq!(desk.said(), ["1 HangUp", "1 StopMedia", "1 Transferred!"]);
    desk.hear(call, Signal::Ended);
    assert_eq!(desk.said(), ["1 Ended(Transferred)!"]);
}

#[test]
fn a_failed_transfer_gives_the_call_back_held() {
    let mut desk = Desk::new();
    let call = desk.talk();
    desk.tell(call, Command::Transfer(Target("1003".into()))).unwrap();
    desk.hear(call, answers("recvonly"));
    desk.hear(call, Signal::ReferAccepted);
    desk.said();
    desk.hear(call, Signal::ReferEnded(ReferEnd::Final(486)));
    assert_eq!(desk.said(), ["1 TransferFailed { status: Some(486) }!"]);
    desk.tell(call, Command::Resume).unwrap();
    assert_eq!(desk.said(), ["1 sound sendonly", "1 offer sendrecv"], "one command to talk again");
}

#[test]
fn attended_and_either_leg_may_be_dropped_first() {
    for dropped_first in [false, true] {
        let mut desk = Desk::new();
        let (customer, target) = desk.consult();
        desk.answer(target);
        desk.switch.transfer_to(desk.now, customer, target).unwrap();
        let Some((_, Action::Refer(Referral::Replacing { leg, early }))) = desk.switch.poll_action() else { panic!() };
        assert_eq!((leg, early), (target, false));
        desk.hear(customer, Signal::ReferAccepted);
        if dropped_first {
            desk.hear(target, Signal::Bye);
            assert_eq!(desk.said(), ["2 StopMedia", "2 Ended(Transferred)!"]);
        }
        desk.hear(customer, Signal::ReferEnded(ReferEnd::Final(200)));
        let said = desk.said();
        assert!(said.starts_with(&["1 HangUp".into(), "1 StopMedia".into()]), "{said:?}");
        assert_eq!(said.contains(&"2 HangUp".to_owned()), !dropped_first);
        desk.hear(target, Signal::Ended);
        desk.hear(customer, Signal::Ended);
        assert!(desk.said().contains(&"1 Ended(Transferred)!".to_owned()));
        assert_eq!(desk.switch.legs().count(), 0);
    }
}

/// While the target rings: the ringing call itself where an exchange can move it, else CANCEL and then the blind REFER.
#[test]
fn semi_attended() {
    let mut desk = Desk::new();
    let (customer, target) = desk.consult();
    desk.hear(target, Signal::Progress { status: 180, sdp: None });
    desk.said();
    desk.switch.transfer_to(desk.now, customer, target).unwrap();
    assert_eq!(desk.said(), ["2 HangUp", "2 StopMedia"], "the REFER waits until the ringing call is gone");
    desk.hear(target, Signal::Refused { status: 487 });
    assert_eq!(desk.said(), ["1 Refer", "2 Ended(Transferred)!"]);

    let mut desk = Desk::new();
    let (customer, target) = desk.consult();
    let known = desk.switch.traits(target).cloned().unwrap();
    desk.switch.set_traits(target, Traits { replaceable_early: true, ..known });
    desk.hear(target, Signal::Progress { status: 180, sdp: None });
    desk.said();
    desk.switch.transfer_to(desk.now, customer, target).unwrap();
    let Some((_, Action::Refer(Referral::Replacing { early, .. }))) = desk.switch.poll_action() else { panic!() };
    assert!(early);
    desk.hear(customer, Signal::ReferAccepted);
    // Trace 15: the exchange answers our INVITE with 603 then.
    desk.hear(target, Signal::Refused { status: 603 });
    desk.hear(customer, Signal::ReferEnded(ReferEnd::Final(200)));
    let told = ["2 StopMedia", "1 HangUp", "1 StopMedia", "2 Ended(Transferred)!", "1 Transferred!"];
    assert_eq!(desk.said(), told);
}

/// At every step there is one way back: before dialling, while it rings, while talking to the target.
#[test]
fn the_way_back() {
    for answered in [false, true] {
        let mut desk = Desk::new();
        let (_, target) = desk.consult();
        if answered {
            desk.answer(target);
        }
        desk.switch.come_back(desk.now, target).unwrap();
        assert_eq!(desk.said(), ["2 HangUp", "2 StopMedia", "1 sound sendonly", "1 offer sendrecv"]);
        assert_eq!(desk.live(), [1]);
    }
    // Once the customer was asked to go there is none.
    let mut desk = Desk::new();
    let (customer, target) = desk.consult();
    desk.answer(target);
    desk.switch.transfer_to(desk.now, customer, target).unwrap();
    let before = desk.switch.clone();
    assert_eq!(desk.switch.come_back(desk.now, customer).unwrap_err().state, "the call is being transferred");
    assert_eq!(desk.switch, before);
}

#[test]
fn a_peer_that_takes_no_refer_is_joined_here() {
    let mut desk = Desk::new();
    let (customer, target) = desk.consult();
    desk.answer(target);
    desk.switch.transfer_to(desk.now, customer, target).unwrap();
    desk.said();
    desk.hear(customer, Signal::ReferEnded(ReferEnd::Refused(405)));
    let said = desk.said();
    assert_eq!(desk.switch.bridges(), [[customer, target]]);
    assert!(said.contains(&"1 Bridged(LegId(2))!".to_owned()), "{said:?}");
    assert_eq!(desk.live(), [0; 0], "the user is not in it");
    // Nobody is left to talk with for the one who stays.
    desk.hear(target, Signal::Bye);
    assert!(desk.said().contains(&"1 HangUp".to_owned()));
    assert!(desk.switch.bridges().is_empty());
}

impl Desk {
    fn bridge(&mut self) -> (LegId, LegId) {
        let (first, second) = (self.talk(), self.talk());
        self.hear(first, answers("recvonly"));
        self.switch.bridge(self.now, first, second).unwrap();
        self.hear(first, answers("sendrecv"));
        self.said();
        (first, second)
    }
}

#[test]
fn who_is_sent_away_leaves_the_bridge_and_the_other_waits_on_hold() {
    for parked in [false, true] {
        let mut desk = Desk::new();
        let (first, second) = desk.bridge();
        let command = match parked {
            true => Command::Park(Park::Refer { orbit: Target("700".into()), slot: None }),
            false => Command::Transfer(Target("1003".into())),
        };
        desk.tell(first, command).unwrap();
        assert_eq!(desk.switch.bridges().is_empty(), !parked, "the exchange takes who is parked as they are");
        desk.hear(first, answers("recvonly"));
        desk.hear(first, Signal::ReferAccepted);
        desk.hear(
            first,
            if parked { Signal::Parked(Some(Slot("701".into()))) } else { Signal::ReferEnded(ReferEnd::Final(200)) },
        );
        desk.hear(first, Signal::Ended);
        let said = desk.said();
        assert!(said.contains(&"1 HangUp".to_owned()) && !said.contains(&"2 HangUp".to_owned()), "{said:?}");
        assert!(desk.switch.leg(second).is_some_and(|view| view.held));
        assert!(desk.switch.bridges().is_empty());
    }
}

#[test]
fn a_bridge_goes_on_with_whoever_comes_in_their_place() {
    let mut desk = Desk::new();
    let (first, second) = desk.bridge();
    let third = desk.switch.replacing(desk.now, first, theirs().as_deref(), local(4004));
    desk.hear(first, Signal::Ended);
    assert_eq!(desk.switch.bridges(), [[third, second]]);
    desk.hear(third, Signal::Acknowledged { sdp: None });
    let fourth = desk.switch.follow(desk.now, third, local(4006));
    assert_eq!(desk.switch.bridges(), [[third, second]], "they talk while it rings");
    desk.answer(fourth);
    desk.hear(third, Signal::Bye);
    assert_eq!(desk.switch.bridges(), [[fourth, second]]);
    assert!(!desk.said().iter().any(|word| word == "2 HangUp"));
    assert_eq!(desk.live(), [0; 0], "the user is in none of it");
}

#[test]
fn who_is_held_out_of_a_conference_stays_out_of_it_whatever_becomes_of_them() {
    let mut desk = Desk::new();
    let (first, second) = (desk.talk(), desk.talk());
    desk.hear(first, answers("recvonly"));
    desk.switch.merge(desk.now, &[first, second]).unwrap();
    desk.hear(first, answers("sendrecv"));
    desk.tell(first, Command::Hold).unwrap();
    desk.said();
    desk.hear(first, Signal::OfferRefused { status: 488, retry_after: None });
    assert_eq!(desk.live(), [2], "a refused hold brings nobody back");
    desk.switch.replacing(desk.now, first, theirs().as_deref(), local(4004));
    assert_eq!(desk.live(), [2]);
}

#[test]
fn a_refer_on_a_held_call_leaves_the_live_one_alone() {
    for succeeds in [true, false] {
        let mut desk = Desk::new();
        let (old, live) = (desk.talk(), desk.talk());
        desk.hear(old, answers("recvonly"));
        desk.said();
        let new = desk.switch.follow(desk.now, old, local(4004));
        assert_eq!(desk.said(), ["3 Invite"]);
        if succeeds {
            desk.answer(new);
        } else {
            desk.hear(new, Signal::Refused { status: 486 });
        }
        assert_eq!(desk.live(), [live.0]);
    }
}

/// No NOTIFY says how the REFER went, and the peer hangs up: it went to the target, or it just went. The target's side ends
/// its leg in the first case; in the second the user still talks to the target.
#[test]
fn a_transferee_that_leaves_without_a_word_does_not_take_the_target_along() {
    let mut desk = Desk::new();
    let (customer, target) = desk.consult();
    desk.answer(target);
    desk.switch.transfer_to(desk.now, customer, target).unwrap();
    desk.hear(customer, Signal::ReferAccepted);
    desk.hear(customer, Signal::ReferEnded(ReferEnd::Unknown));
    desk.said();
    desk.hear(customer, Signal::Bye);
    assert_eq!(desk.said(), ["1 StopMedia", "1 Transferred!", "1 Ended(Transferred)!"]);
    assert!(desk.switch.leg(target).is_some());
}

#[test]
fn a_refer_is_followed_and_failure_goes_back() {
    for succeeds in [true, false] {
        let mut desk = Desk::new();
        let old = desk.talk();
        let new = desk.switch.follow(desk.now, old, local(4002));
        desk.hear(old, answers("recvonly"));
        desk.said();
        if succeeds {
            desk.answer(new);
            let due = desk.now + crate::switch::handover::TRANSFEROR_PATIENCE;
            assert_eq!(desk.switch.poll_timeout(), Some((due, Why::Farewell)));
            desk.switch.handle_timeout(due);
            desk.hear(old, Signal::Ended);
            assert_eq!(desk.said(), ["1 HangUp", "1 StopMedia", "1 Ended(Transferred)!"]);
            assert_eq!(desk.live(), [2]);
        } else {
            desk.hear(new, Signal::Refused { status: 486 });
            let said = desk.said();
            assert!(said.contains(&"1 offer sendrecv".to_owned()), "{said:?}");
            assert_eq!(desk.live(), [1]);
        }
    }
}

#[test]
fn an_invite_takes_the_place_of_a_call() {
    for held in [false, true] {
        let mut desk = Desk::new();
        let old = desk.talk();
        if held {
            desk.talk();
            desk.hear(old, answers("recvonly"));
            desk.said();
        }
        let new = desk.switch.replacing(desk.now, old, theirs().as_deref(), local(4004));
        let said = desk.said();
        assert!(said.contains(&format!("{} Accept", new.0)), "{said:?}");
        assert!(!said.iter().any(|word| word.contains("Incoming")), "nobody is asked: {said:?}");
        assert!(said.contains(&format!("1 ReplacedBy(LegId({}))!", new.0)), "{said:?}");
        assert_eq!(desk.live(), [if held { 2 } else { new.0 }], "what was heard is heard, what was held is held");
        desk.hear(old, Signal::Ended);
        assert_eq!(desk.said(), ["1 Ended(Replaced)!"]);
    }
}

#[test]
fn a_hang_up_is_held_back_while_parking() {
    let mut desk = Desk::new();
    let call = desk.talk();
    let park = Park::Refer { orbit: Target("700".into()), slot: None };
    desk.tell(call, Command::Park(park)).unwrap();
    desk.tell(call, Command::HangUp).unwrap();
    assert_eq!(desk.said(), ["1 Refer", "1 HangUpHeldBack!"]);
    desk.hear(call, Signal::ReferAccepted);
    desk.hear(call, Signal::Parked(Some(Slot("701".into()))));
    assert_eq!(desk.said(), ["1 HangUp", "1 StopMedia", "1 Parked { slot: Some(Slot(\"701\")) }!"]);
}

#[test]
fn a_conference_of_three() {
    let mut desk = Desk::new();
    let first = desk.talk();
    let second = desk.talk();
    desk.hear(first, answers("recvonly"));
    desk.said();
    assert!(desk.switch.merge(desk.now, &[first]).is_err());
    desk.switch.merge(desk.now, &[first, second]).unwrap();
    desk.hear(first, answers("sendrecv"));
    desk.said();
    assert_eq!(desk.live(), [1, 2]);
    // Who turns to somebody else holds them all, and comes back to them all.
    let third = desk.talk();
    assert_eq!(desk.live(), [3]);
    for leg in [first, second] {
        desk.hear(leg, answers("recvonly"));
    }
    desk.tell(first, Command::Resume).unwrap();
    assert_eq!(desk.live(), [1, 2]);
    desk.hear(third, Signal::Bye);
    desk.said();
    desk.switch.split(desk.now, second).unwrap();
    assert_eq!(desk.live(), [2]);
    assert!(desk.said().contains(&"1 Conference(false)!".to_owned()));
    desk.hear(first, answers("sendrecv"));
    desk.hear(first, answers("recvonly"));
    desk.switch.swap(desk.now).unwrap();
    assert_eq!(desk.live(), [1]);
}

#[test]
fn one_party_is_no_conference() {
    let mut desk = Desk::new();
    let (first, second) = (desk.talk(), desk.talk());
    desk.hear(first, answers("recvonly"));
    desk.switch.merge(desk.now, &[first, second]).unwrap();
    desk.said();
    desk.hear(first, Signal::Bye);
    assert_eq!(desk.said(), ["1 StopMedia", "1 Ended(RemoteHangup)!", "2 Conference(false)!"]);
    assert!(desk.switch.conference().is_empty());
}

fn press(desk: &mut Desk, leg: LegId, keys: &str) {
    for key in keys.chars() {
        desk.switch.press(desk.now, leg, key).unwrap();
    }
}

fn pause(desk: &mut Desk) {
    desk.now = desk.switch.poll_timeout().unwrap().0;
    desk.switch.handle_timeout(desk.now);
}

impl Desk {
    fn keyed() -> (Self, LegId) {
        let mut desk = Self::new();
        let deaf = "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\nm=audio 9000 RTP/AVP 0 101\n\
            a=rtpmap:101 telephone-event/8000\n";
        let call = desk.switch.dial(desk.now, local(4000));
        desk.switch.set_traits(call, Traits { keys: Keys::Local(Codes::default()), ..Traits::default() });
        desk.hear(call, Signal::Answered { sdp: Some(deaf.into()) });
        desk.said();
        (desk, call)
    }

    /// What the driver does with [`Action::Consult`].
    fn dial_for(&mut self, call: LegId) -> LegId {
        let target = self.switch.consult(self.now, call, local(4002));
        let known = Traits { target: Some(Target("1003".into())), ..Traits::default() };
        self.switch.set_traits(target, known);
        target
    }
}

#[test]
fn star_holds_dials_by_itself_and_hanging_up_completes() {
    let (mut desk, call) = Desk::keyed();
    press(&mut desk, call, "5*1003");
    let said = desk.said();
    assert_eq!(said[..3], ["1 Dtmf", "1 sound inactive", "1 offer sendonly"]);
    assert_eq!(said.last().unwrap(), "1 TransferWait { number: \"1003\" }!");
    assert!(desk.switch.refuses_dial().is_some(), "the call button is locked");
    desk.hear(call, answers("recvonly"));
    desk.said();
    pause(&mut desk);
    assert_eq!(desk.said(), ["1 Consult"]);
    let target = desk.dial_for(call);
    desk.hear(target, Signal::Progress { status: 180, sdp: None });
    desk.said();
    // Whether or not the target answered; on whichever of the two calls the user hangs up.
    desk.tell(target, Command::HangUp).unwrap();
    assert_eq!(desk.said(), ["2 HangUp", "2 StopMedia", "1 TransferWaitOver!"]);
    desk.hear(target, Signal::Refused { status: 487 });
    assert_eq!(desk.said(), ["1 Refer", "2 Ended(Transferred)!"]);
    assert!(desk.switch.refuses_dial().is_none());
}

#[test]
fn star_again_returns_and_a_busy_target_does_too() {
    for busy in [false, true] {
        let (mut desk, call) = Desk::keyed();
        press(&mut desk, call, "*1003");
        desk.hear(call, answers("recvonly"));
        pause(&mut desk);
        let target = desk.dial_for(call);
        desk.said();
        if busy {
            desk.hear(target, Signal::Refused { status: 486 });
        } else {
            press(&mut desk, target, "*");
        }
        let said = desk.said();
        assert!(said.contains(&"1 offer sendrecv".to_owned()), "{said:?}");
        assert!(said.contains(&"1 TransferWaitOver!".to_owned()), "{said:?}");
        assert_eq!(desk.live(), [1]);
    }
}

#[test]
fn hash_transfers_blind_and_the_leg_ends_by_itself() {
    let (mut desk, call) = Desk::keyed();
    press(&mut desk, call, "#1003");
    desk.hear(call, answers("recvonly"));
    desk.said();
    pause(&mut desk);
    assert_eq!(desk.said(), ["1 Refer", "1 TransferWaitOver!"]);
    desk.hear(call, Signal::ReferAccepted);
    desk.hear(call, Signal::ReferEnded(ReferEnd::Final(200)));
    assert_eq!(desk.said(), ["1 HangUp", "1 StopMedia", "1 Transferred!"]);
}

/// The exchange interprets the keys: all of them go to it, and what is shown follows what it does.
#[test]
fn codes_of_the_exchange_are_only_watched() {
    let (mut desk, call) = Desk::keyed();
    desk.switch.set_traits(call, Traits { keys: Keys::Pbx(Codes::default()), ..Traits::default() });
    press(&mut desk, call, "*10");
    assert_eq!(
        desk.said(),
        [
            "1 Dtmf",
            "1 Dtmf",
            "1 Dtmf",
            "1 TransferWait { number: \"\" }!",
            "1 TransferWait { number: \"1\" }!",
            "1 TransferWait { number: \"10\" }!"
        ]
    );
    pause(&mut desk);
    desk.hear(call, Signal::Connected { original: false });
    assert!(desk.said().is_empty());
    assert!(desk.switch.transfer_wait(call).is_some());
    desk.hear(call, Signal::Connected { original: true });
    assert_eq!(desk.said(), ["1 TransferWaitOver!"]);
    assert_eq!(desk.live(), [1], "and nothing was held here");
    // To hang up is the exchange's affair, too.
    press(&mut desk, call, "*10");
    desk.said();
    desk.tell(call, Command::HangUp).unwrap();
    assert_eq!(desk.said()[0], "1 HangUp");
}
