//! Commands: the facade's words handed down, and the futures that then wait.
use super::Driver;
use super::from_switch::text;
use super::waiting::Want;
use crate::command::Command;
use crate::error::Error;
use crate::event::{AccountId, CallId, CallState, Direction, Phase, Quality};
use crate::handle::{Letter, Reached, Reply};
use call::LegId;
use sdp::SessionDescription;
use sip_core::Uri;
use sip_core::endpoint::Invite;
use std::time::Instant;

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
            Command::Dial { account, to } => {
                let dialled = self.dial(now, account, to);
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
            Command::HangUp(id) => self.ask(now, id, call::Command::HangUp, Some(Want::Ended), reply),
            Command::Shutdown => self.stop(now, Some(reply)),
        }
    }

    /// Hands a command to a call. What is done at once is answered at once; the rest waits for `want`.
    fn ask(&mut self, now: Instant, id: CallId, command: call::Command, want: Option<Want>, reply: Reply) {
        let answer = match want {
            Some(want) if self.is_so(id.0, want) => Ok(Reached::Agreed),
            Some(want) if self.is_wished(id.0, want) => return self.waiting.for_call(id, want, reply),
            _ => match self.switch.handle_command(now, id.0, command) {
                Err(call::Misuse { doing, state }) => Err(Error::Misuse { doing, state }),
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
            Want::Answered | Want::Ended => false,
        }
    }

    /// It is wished, and the other side has agreed.
    fn is_so(&self, leg: LegId, want: Want) -> bool {
        let agreed = self.board.with_call(CallId(leg), |call| call.held);
        self.is_wished(leg, want) && agreed == Some(want == Want::Held)
    }

    fn dial(&mut self, now: Instant, account: Option<AccountId>, to: Uri) -> Result<Reached, Error> {
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
        // A call goes to the account's proxy, or to where the target's URI says; a host never met yet is guessed to be
        // where the account's server is.
        let profile = account.and_then(|id| self.profiles.get(&id));
        let ways = [profile.and_then(|profile| profile.proxy.as_ref()), Some(&to), profile.map(|profile| &profile.aor)];
        let hosts = ways.into_iter().flatten().filter_map(|uri| Some(uri.as_sip()?.host()));
        let facing = hosts.filter_map(|host| self.faced.towards(host)).next();
        let (stream, local) = self.open_stream(now, facing)?;
        let leg = self.switch.dial(now, local);
        self.lines.add(leg, stream);
        let life = self.board.add_call(CallState {
            id: CallId(leg),
            account,
            direction: Direction::Outgoing,
            remote: to,
            remote_name: None,
            phase: Phase::Calling,
            since: now,
            answered: None,
            codec: None,
            held: false,
            remote_held: false,
            muted: false,
            quality: Quality::default(),
        });
        tracing::debug!(call = %CallId(leg), "dialling");
        Ok(Reached::Call(CallId(leg), life))
    }

    /// The switch wants the INVITE sent that `dial` began.
    pub(super) fn invite(&mut self, now: Instant, leg: LegId, sdp: Option<SessionDescription>) {
        let Some(call) = self.board.call(CallId(leg)) else { return };
        let mut invite = Invite::new(call.remote);
        invite.account = call.account.map(|id| id.0);
        invite.offer = sdp.as_ref().map(text);
        let session = self.endpoint.invite(now, invite);
        self.lines.bind(leg, session);
    }

    pub(super) fn hang_up_all(&mut self, now: Instant) {
        let legs: Vec<LegId> = self.switch.legs().map(|(leg, _)| leg).collect();
        for leg in legs {
            // The one misuse is that it is being hung up already.
            let _ = self.switch.handle_command(now, leg, call::Command::HangUp);
        }
    }
}
