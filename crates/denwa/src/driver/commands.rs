//! Commands: the facade's words handed down, and the futures that then wait.
use super::Driver;
use super::from_switch::text;
use super::waiting::Want;
use crate::board::Life;
use crate::command::Command;
use crate::error::Error;
use crate::event::{AccountId, CallId, CallState, Direction};
use crate::handle::{Letter, Reached, Reply};
use crate::identity::Context;
use crate::transfer::DialOptions;
use call::LegId;
use sdp::SessionDescription;
use sip_core::Uri;
use sip_core::endpoint::{Headers, Invite};
use std::net::IpAddr;
use std::time::Instant;
use tokio::sync::watch;

impl Driver {
    pub(super) fn carry_out(&mut self, now: Instant, letter: Letter) {
        let Letter { command, reply } = letter;
        // Nobody may wait for the answer, which is fine.
        let answer = |reply: Reply, answer| drop(reply.send(answer));
        if self.stopping.is_some() && !matches!(command, Command::Shutdown) {
            return answer(reply, Err(Error::Closed));
        }
        match command {
            Command::AddAccount(account) => {
                let added = self.add_account(account);
                answer(reply, Ok(added));
            }
            Command::Register(id) => self.register(now, id, reply),
            Command::Unregister(id) => self.unregister(now, id, reply),
            Command::RemoveAccount(id) => {
                let removed = self.remove_account(now, id);
                answer(reply, removed.map(|()| Reached::Agreed));
            }
            Command::Dial { account, to, options } => {
                let dialled = self.dial(now, account, to, options);
                answer(reply, dialled);
            }
            Command::Answer(id) => self.ask(now, id, call::Command::Answer, Some(Want::Answered), reply),
            Command::Reject(id, why) => self.ask(now, id, call::Command::Reject(why.status()), None, reply),
            Command::Hold(id) => self.ask(now, id, call::Command::Hold, Some(Want::Held), reply),
            Command::Resume(id) => self.ask(now, id, call::Command::Resume, Some(Want::Resumed), reply),
            Command::Mute(id, muted) => self.ask(now, id, call::Command::Mute(muted), None, reply),
            Command::Dtmf(id, digits) => match digits.as_str().parse() {
                Ok(digits) => self.ask(now, id, call::Command::Dtmf(digits), None, reply),
                Err(_) => answer(reply, Err(Error::Misuse { doing: "send digits", state: "they are not digits" })),
            },
            Command::Press(id, key) => {
                let pressed = self.switch.press(now, id.0, key);
                answer(reply, agreed(pressed));
            }
            Command::Redirect(id, to) => {
                if let Some(line) = self.lines.line(id.0) {
                    line.forward_to = Some(to);
                }
                self.ask(now, id, call::Command::Reject(302), None, reply);
            }
            Command::Transfer { call, to, options } => {
                self.take_along(call, options.context);
                let target = call::Target(to.to_string());
                self.ask(now, call, call::Command::Transfer(target), Some(Want::Transferred), reply);
            }
            Command::TransferTo { call, other, options } => {
                self.take_along(call, options.context);
                match self.switch.transfer_to(now, call.0, other.0) {
                    Ok(()) => self.waiting.for_call(call, Want::Transferred, reply),
                    Err(misuse) => answer(reply, agreed(Err(misuse))),
                }
            }
            Command::ComeBack(id) => {
                let customer = self.switch.customer_of(id.0).unwrap_or(id.0);
                match self.switch.come_back(now, id.0) {
                    Ok(()) if self.is_so(customer, Want::Resumed) => answer(reply, Ok(Reached::Agreed)),
                    Ok(()) => self.waiting.for_call(CallId(customer), Want::Resumed, reply),
                    Err(misuse) => answer(reply, agreed(Err(misuse))),
                }
            }
            Command::Park(id) => self.park(now, id, reply),
            Command::ParkedIn(id, slot) => {
                self.parked_in(now, id.0, Some(slot));
                answer(reply, Ok(Reached::Agreed));
            }
            Command::Record(id, recording) => answer(reply, self.record(id, recording).map(|()| Reached::Agreed)),
            Command::UseDevices(devices) => answer(reply, self.use_devices(devices).map(|()| Reached::Agreed)),
            Command::SetVolume(volume) => {
                self.engine.set_volume(volume);
                answer(reply, Ok(Reached::Agreed));
            }
            Command::ParkOver { slot, given_up } => {
                self.slot_over(slot, given_up);
                answer(reply, Ok(Reached::Agreed));
            }
            Command::PickUp(account, slot) => {
                let dialled = self.dial_number(now, account, &slot);
                if let Ok(Reached::Call(id, _)) = &dialled
                    && let Some(line) = self.lines.line(id.0)
                {
                    line.takes = Some(slot);
                }
                answer(reply, dialled);
            }
            Command::PickUpRinging(account, extension) => {
                self.pick_up_ringing(now, account, &extension, reply);
            }
            Command::Merge(ids) => {
                let legs: Vec<LegId> = ids.into_iter().map(|id| id.0).collect();
                let merged = self.switch.merge(now, &legs);
                answer(reply, agreed(merged));
            }
            Command::Split(id) => {
                let split = self.switch.split(now, id.0);
                answer(reply, agreed(split));
            }
            Command::Swap => {
                let swapped = self.switch.swap(now);
                answer(reply, agreed(swapped));
            }
            Command::Bridge(one, other) => {
                let bridged = self.switch.bridge(now, one.0, other.0);
                answer(reply, agreed(bridged));
            }
            Command::DoNotDisturb(id, on) => {
                let set = self.reception(id).map(|reception| reception.do_not_disturb = on);
                answer(reply, set.map(|()| Reached::Agreed));
            }
            Command::Forward(id, forwarding) => self.forward(now, id, forwarding, reply),
            Command::HangUp(id) => self.ask(now, id, call::Command::HangUp, Some(Want::Ended), reply),
            Command::Shutdown => self.stop(now, Some(reply)),
        }
    }

    /// Hands a command to a call. What is done at once is answered at once; the rest waits for `want`.
    pub(super) fn ask(&mut self, now: Instant, id: CallId, command: call::Command, want: Option<Want>, reply: Reply) {
        let answer = match want {
            Some(want) if self.is_so(id.0, want) => Ok(Reached::Agreed),
            Some(want) if self.is_wished(id.0, want) => return self.waiting.for_call(id, want, reply),
            _ => match self.switch.handle_command(now, id.0, command) {
                Err(misuse) => agreed(Err(misuse)),
                Ok(()) => match want {
                    Some(want) => return self.waiting.for_call(id, want, reply),
                    None => Ok(Reached::Agreed),
                },
            },
        };
        drop(reply.send(answer));
    }

    /// Somebody asked for it already, and the other side has not answered yet.
    fn is_wished(&self, leg: LegId, want: Want) -> bool {
        let active = self.switch.leg(leg).filter(|view| view.phase == call::Phase::Active);
        match want {
            Want::Held => active.is_some_and(|view| view.held),
            Want::Resumed => active.is_some_and(|view| !view.held),
            Want::Answered | Want::Transferred | Want::Parked | Want::Ended => false,
        }
    }

    /// It is wished, and the other side has agreed.
    fn is_so(&self, leg: LegId, want: Want) -> bool {
        let agreed = self.board.with_call(CallId(leg), |call| call.held);
        self.is_wished(leg, want) && agreed == Some(want == Want::Held)
    }

    /// A number of the account's server.
    pub(super) fn dial_number(&mut self, now: Instant, account: AccountId, number: &str) -> Result<Reached, Error> {
        let to = self.number_at(Some(account), number)?;
        self.dial(now, Some(account), to, DialOptions::default())
    }

    pub(super) fn dial(
        &mut self,
        now: Instant,
        account: Option<AccountId>,
        to: Uri,
        options: DialOptions,
    ) -> Result<Reached, Error> {
        let misuse = |state| Err(Error::Misuse { doing: "dial", state });
        if account.is_some_and(|id| self.board.registration(id).is_none()) {
            return misuse("the account was removed");
        }
        if self.board.calls() >= self.max_calls {
            return misuse("there are too many calls; hang one up");
        }
        if self.queue.has_reader() && !self.queue.has_room() {
            return misuse("too many events are unread; read them, or drop `Events`");
        }
        if let Some(refusal) = self.switch.refuses_dial() {
            return agreed(Err(refusal));
        }
        if options.consultation_for.is_some_and(|customer| self.switch.leg(customer.0).is_none()) {
            return misuse("the call that it is for is over");
        }
        self.place(now, account, to, &options)
    }

    /// Calls somebody; nothing is in the way.
    pub(super) fn place(
        &mut self,
        now: Instant,
        account: Option<AccountId>,
        to: Uri,
        options: &DialOptions,
    ) -> Result<Reached, Error> {
        let headers = self.invite_headers(account, &to, options);
        let (stream, local) = self.open_stream(now, self.facing(account, &to))?;
        let leg = match options.consultation_for {
            Some(customer) => self.switch.consult(now, customer.0, local),
            None => self.switch.dial(now, local),
        };
        self.lines.add(leg, stream);
        let mut state = CallState::new(CallId(leg), account, Direction::Outgoing, to, now);
        state.consultation_for = options.consultation_for;
        Ok(Reached::Call(CallId(leg), self.dialled(leg, state, headers)))
    }

    /// A leg that dials is on the board; its INVITE goes out next.
    pub(super) fn dialled(&mut self, leg: LegId, state: CallState, headers: Headers) -> watch::Receiver<Life> {
        if let Some(line) = self.lines.line(leg) {
            line.headers = headers;
        }
        self.set_traits(leg, state.account, Some(&state.remote), false);
        tracing::debug!(call = %CallId(leg), "dialling");
        self.board.add_call(state)
    }

    /// Our address that faces whoever a call goes to. That is the account's proxy, or where the target's URI says; a host
    /// never met yet is guessed to be where the account's server is.
    pub(super) fn facing(&self, account: Option<AccountId>, to: &Uri) -> Option<IpAddr> {
        let profile = account.and_then(|id| self.profiles.get(&id));
        let ways = [profile.and_then(|profile| profile.proxy.as_ref()), Some(to), profile.map(|profile| &profile.aor)];
        let hosts = ways.into_iter().flatten().filter_map(|uri| Some(uri.as_sip()?.host()));
        hosts.filter_map(|host| self.faced.towards(host)).next()
    }

    /// The switch wants the INVITE sent that `dial` began.
    pub(super) fn invite(&mut self, now: Instant, leg: LegId, sdp: Option<SessionDescription>) {
        let Some(call) = self.board.call(CallId(leg)) else { return };
        let mut invite = Invite::new(call.remote);
        invite.account = call.account.map(|id| id.0);
        invite.offer = sdp.as_ref().map(text);
        invite.headers = self.lines.line(leg).map(|line| std::mem::take(&mut line.headers)).unwrap_or_default();
        let session = self.endpoint.invite(now, invite);
        self.lines.bind(leg, session);
    }

    /// What goes along with a transfer of this call.
    fn take_along(&mut self, id: CallId, context: Option<Context>) {
        if let Some(line) = self.lines.line(id.0) {
            line.context = context;
        }
    }

    pub(super) fn hang_up_all(&mut self, now: Instant) {
        let legs: Vec<LegId> = self.switch.legs().map(|(leg, _)| leg).collect();
        for leg in legs {
            // The one misuse is that it is being hung up already.
            let _ = self.switch.handle_command(now, leg, call::Command::HangUp);
        }
    }
}

/// The call layer's refusals in the facade's words.
pub(super) fn agreed(done: Result<(), call::Misuse>) -> Result<Reached, Error> {
    match done {
        Ok(()) => Ok(Reached::Agreed),
        Err(call::Misuse { doing, state }) => Err(Error::Misuse { doing, state }),
    }
}
