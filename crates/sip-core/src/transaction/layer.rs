//! The transaction layer: matches messages to transactions and keeps their deadlines.
//!
//! Call one method, then drain [`Layer::poll_transmit`] and [`Layer::poll`].

use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::{Actions, Report, Timer, Timers, client, client::Client, server, server::Server};
use crate::deadlines::Deadlines;
use crate::flow::{Failure, Flow, Transmit};
use crate::header::Name;
use crate::message::{Builder, Request, Response};
use crate::method::Method;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

mod key;
mod reply;

use key::{client_key, merge_key, server_key};
pub(crate) use reply::ReplyPath;

/// A transaction. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(u64);

/// What the layer tells the endpoint.
#[derive(Debug)]
pub enum Output {
    /// A response to a request of ours; never a copy, but for 2xx to INVITE.
    Response(TransactionId, Response),
    /// A request of ours got no final response.
    Failed(TransactionId, Failure),
    /// A final response of ours to INVITE got no ACK, or a response could not be delivered.
    Undelivered(TransactionId, Failure),
    /// The transaction is gone. The last that is told of it.
    Ended(TransactionId),
}

/// What a request is to the layer.
#[derive(Debug)]
pub enum Received {
    /// A new one. A response is owed (not to ACK, which never makes a transaction).
    New(TransactionId),
    /// A copy, or an ACK to a failure: nothing is left to do.
    Absorbed,
    /// An ACK that no transaction waits for: to a 2xx, or a stranger's.
    Ack,
    /// Another path's copy of a request that is being served: 482 (RFC 3261 §8.2.2.2).
    Merged(TransactionId),
    /// There are too many: 503 without state.
    Full,
}

#[derive(Debug)]
enum Machine {
    InviteClient(InviteClient),
    Client(Client),
    InviteServer(InviteServer),
    Server(Server),
}

#[derive(Debug)]
struct Entry {
    /// Taken out for the time of a step.
    machine: Option<Machine>,
    flow: Flow,
    /// Under which it is found by its messages.
    key: String,
    side: Side,
}

#[derive(Debug)]
enum Side {
    Client {
        request: Request,
    },
    Server {
        path: ReplyPath,
        /// RFC 3261 §8.2.2.2; none for a request within a dialog.
        merge: Option<String>,
    },
}

/// Owns every transaction of an endpoint.
#[derive(Debug)]
pub struct Layer {
    timers: Timers,
    limit: usize,
    next: u64,
    entries: BTreeMap<TransactionId, Entry>,
    clients: BTreeMap<String, TransactionId>,
    servers: BTreeMap<String, TransactionId>,
    merges: BTreeMap<String, TransactionId>,
    deadlines: Deadlines<TransactionId>,
    transmits: VecDeque<Transmit>,
    outputs: VecDeque<Output>,
    retransmits: u64,
}

impl Layer {
    /// Of at most `limit` transactions.
    pub fn new(timers: Timers, limit: usize) -> Self {
        Self {
            timers,
            limit,
            next: 0,
            entries: BTreeMap::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            merges: BTreeMap::new(),
            deadlines: Deadlines::default(),
            transmits: VecDeque::new(),
            outputs: VecDeque::new(),
            retransmits: 0,
        }
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Messages that a timer or a copy repeated.
    pub fn retransmits(&self) -> u64 {
        self.retransmits
    }

    /// Sends a request, whose top Via must have a branch of its own. Not for ACK.
    ///
    /// `None` at the limit.
    pub fn request(&mut self, now: Instant, flow: Flow, request: Request) -> Option<TransactionId> {
        if self.entries.len() >= self.limit {
            return None;
        }
        let method = request.method();
        let key = client_key(&request, &method)?;
        let (bytes, reliable) = (request.as_bytes().clone(), flow.transport.is_reliable());
        let (machine, actions) = match method {
            Method::Invite => {
                let (machine, actions) = InviteClient::start(now, &self.timers, reliable, bytes);
                (Machine::InviteClient(machine), actions)
            }
            _ => {
                let (machine, actions) = Client::start(now, &self.timers, reliable, bytes);
                (Machine::Client(machine), actions)
            }
        };
        let id = self.mint();
        self.clients.insert(key.clone(), id);
        self.insert(id, Entry { machine: Some(machine), flow, key, side: Side::Client { request } });
        self.act(id, actions, None);
        Some(id)
    }

    /// Sends the CANCEL for an INVITE of ours (§9.1). The caller makes sure that a provisional response has come.
    pub fn cancel(&mut self, now: Instant, invite: TransactionId, headers: &[(Name, String)]) -> Option<TransactionId> {
        let entry = self.entries.get(&invite)?;
        let Side::Client { request } = &entry.side else { return None };
        let (flow, cancel) = (entry.flow, reply::cancel_for(request, headers)?);
        self.request(now, flow, cancel)
    }

    /// Ends a transaction of ours without another word.
    pub fn abandon(&mut self, id: TransactionId) {
        self.remove(id);
    }

    /// A response came.
    ///
    /// `false` if no transaction waits for it.
    pub fn handle_response(&mut self, now: Instant, response: Response) -> bool {
        let Some(id) = response.cseq().ok().and_then(|cseq| {
            let key = client_key(&response, &cseq.method)?;
            self.clients.get(&key).copied()
        }) else {
            return false;
        };
        let status = response.status();
        let Some(entry) = self.entries.get(&id) else { return false };
        let Side::Client { request } = &entry.side else { return false };
        let input = match status.code() {
            100..=199 => invite_client::Input::Provisional,
            200..=299 => invite_client::Input::Success,
            _ => {
                let invite = matches!(entry.machine, Some(Machine::InviteClient(_)));
                let ack = invite.then(|| reply::ack_for(request, &response)).flatten();
                invite_client::Input::Failure(ack.map_or_else(Bytes::new, |ack| ack.as_bytes().clone()))
            }
        };
        self.step_client(now, id, input, Some(response));
        true
    }

    /// A request came.
    pub fn handle_request(&mut self, now: Instant, flow: Flow, request: &Request) -> Received {
        let method = request.method();
        let Some(key) = server_key(request, &method) else { return Received::Absorbed };
        if let Some(&id) = self.servers.get(&key) {
            self.copy_of(now, id, flow, method == Method::Ack);
            // The ACK to a 2xx has a branch of its own, but RFC 2543 clients reuse the INVITE's: it is the dialog's too.
            let accepted = matches!(
                self.entries.get(&id).and_then(|e| e.machine.as_ref()),
                Some(Machine::InviteServer(InviteServer::Accepted { .. }))
            );
            return if method == Method::Ack && accepted { Received::Ack } else { Received::Absorbed };
        }
        if method == Method::Ack {
            return Received::Ack;
        }
        let merge = merge_key(request);
        let merged = merge.as_ref().is_some_and(|merge| self.merges.contains_key(merge));
        if self.entries.len() >= self.limit {
            return Received::Full;
        }
        let path = ReplyPath::of(flow, request);
        let trying = reply::trying(request, &path);
        let machine = match method {
            Method::Invite => Machine::InviteServer(InviteServer::start(now, trying)),
            _ => Machine::Server(Server::start(now, &self.timers, trying)),
        };
        let id = self.mint();
        self.servers.insert(key.clone(), id);
        let merge = merge.filter(|_| !merged);
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone(), id);
        }
        self.insert(id, Entry { machine: Some(machine), flow, key, side: Side::Server { path, merge } });
        if merged { Received::Merged(id) } else { Received::New(id) }
    }

    /// The INVITE that a CANCEL is for (§9.2).
    pub fn cancelled_by(&self, cancel: &Request) -> Option<TransactionId> {
        let key = server_key(cancel, &Method::Invite)?;
        self.servers.get(&key).copied()
    }

    /// Sends a response, whose Via gets its `received` and `rport` here, and returns it.
    ///
    /// `None` if the transaction is gone or has answered already.
    pub fn respond(&mut self, now: Instant, id: TransactionId, response: Builder<Response>) -> Option<Response> {
        let entry = self.entries.get(&id)?;
        let Side::Server { path, .. } = &entry.side else { return None };
        let invite = match &entry.machine {
            Some(Machine::InviteServer(InviteServer::Trying { .. } | InviteServer::Proceeding { .. })) => true,
            Some(Machine::Server(Server::Trying { .. } | Server::Proceeding { .. })) => false,
            _ => return None,
        };
        let response = path.stamp(response).build();
        let (status, bytes) = (response.status(), response.as_bytes().clone());
        match status.code() {
            100..=199 if invite => self.step_invite_server(now, id, invite_server::Input::Provisional(bytes)),
            200..=299 if invite => self.step_invite_server(now, id, invite_server::Input::Success(bytes)),
            _ if invite => self.step_invite_server(now, id, invite_server::Input::Failure(bytes)),
            // RFC 4320 §4.1: no provisional response but the machine's own 100; §4.2: no 408.
            100..=199 => return None,
            408 => self.remove(id),
            _ => self.step_server(now, id, server::Input::Final(bytes)),
        }
        Some(response)
    }

    /// Sends a 2xx to INVITE once more (§13.3.1.4).
    pub fn repeat_success(&mut self, now: Instant, id: TransactionId, response: Bytes) {
        self.retransmits += 1;
        self.step_invite_server(now, id, invite_server::Input::Success(response));
    }

    /// Sends a reliable provisional response to INVITE once more (RFC 3262 §3).
    pub fn repeat_provisional(&mut self, now: Instant, id: TransactionId, response: Bytes) {
        self.retransmits += 1;
        self.step_invite_server(now, id, invite_server::Input::Provisional(response));
    }

    /// The connection is gone, or the datagram could not be delivered.
    pub fn handle_closed(&mut self, now: Instant, flow: &Flow) {
        let on_it: Vec<TransactionId> =
            self.entries.iter().filter(|(_, entry)| entry.flow.is_same_path(flow)).map(|(id, _)| *id).collect();
        for id in on_it {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            if let Side::Server { path, .. } = &mut entry.side {
                // §18.2.2: if the connection is gone, open one to the address in Via. Only once.
                if let Some(fallback) = path.take_fallback() {
                    entry.flow = fallback;
                    continue;
                }
            }
            self.step_all(now, id, invite_client::Input::TransportError);
        }
    }

    /// Steps every transaction whose deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.deadlines.pop_due(now) {
            self.step_all(now, id, invite_client::Input::Timer);
        }
    }

    /// The earliest deadline.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        let (_, id) = self.deadlines.earliest()?;
        deadline(self.entries.get(&id)?.machine.as_ref()?)
    }

    /// Sends a message that no transaction carries, in order with the others: the ACK to a 2xx, a response without state.
    pub fn transmit(&mut self, transmit: Transmit) {
        self.transmits.push_back(transmit);
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next fact.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Where a request of ours went, or whence one came.
    pub fn flow(&self, id: TransactionId) -> Option<Flow> {
        self.entries.get(&id).map(|entry| entry.flow)
    }

    /// The request of ours that the transaction carries.
    pub fn sent(&self, id: TransactionId) -> Option<&Request> {
        match &self.entries.get(&id)?.side {
            Side::Client { request } => Some(request),
            Side::Server { .. } => None,
        }
    }

    fn mint(&mut self) -> TransactionId {
        self.next += 1;
        TransactionId(self.next)
    }

    fn insert(&mut self, id: TransactionId, entry: Entry) {
        self.deadlines.set(id, entry.machine.as_ref().and_then(deadline).map(|(at, _)| at));
        self.entries.insert(id, entry);
    }

    fn remove(&mut self, id: TransactionId) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.deadlines.set(id, None);
        match entry.side {
            Side::Client { .. } => self.clients.remove(&entry.key),
            Side::Server { merge, .. } => {
                if let Some(merge) = merge {
                    self.merges.remove(&merge);
                }
                self.servers.remove(&entry.key)
            }
        };
        self.outputs.push_back(Output::Ended(id));
    }

    /// A copy of a request, or an ACK, for that server transaction.
    fn copy_of(&mut self, now: Instant, id: TransactionId, flow: Flow, ack: bool) {
        if let Some(entry) = self.entries.get_mut(&id)
            && flow.transport.is_reliable()
        {
            // The client has reconnected: the answer goes by the connection that is alive.
            entry.flow = flow;
        }
        match self.entries.get(&id).and_then(|e| e.machine.as_ref()) {
            Some(Machine::InviteServer(_)) => {
                let input = if ack { invite_server::Input::Ack } else { invite_server::Input::Retransmission };
                self.step_invite_server(now, id, input);
            }
            Some(Machine::Server(_)) if !ack => self.step_server(now, id, server::Input::Retransmission),
            _ => {}
        }
    }

    fn step_client(
        &mut self,
        now: Instant,
        id: TransactionId,
        input: invite_client::Input,
        response: Option<Response>,
    ) {
        use invite_client::Input;
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let reliable = entry.flow.transport.is_reliable();
        let repeated = input == Input::Timer;
        let (machine, actions) = match entry.machine.take() {
            Some(Machine::InviteClient(machine)) => {
                let (machine, actions) = machine.step(now, &self.timers, reliable, input);
                (Machine::InviteClient(machine), actions)
            }
            Some(Machine::Client(machine)) => {
                let input = match input {
                    Input::Provisional => client::Input::Provisional,
                    Input::Success | Input::Failure(_) => client::Input::Final,
                    Input::Timer => client::Input::Timer,
                    Input::TransportError => client::Input::TransportError,
                };
                let (machine, actions) = machine.step(now, &self.timers, reliable, input);
                (Machine::Client(machine), actions)
            }
            other => {
                entry.machine = other;
                return;
            }
        };
        self.finish_step(id, machine, actions, response, repeated);
    }

    fn step_invite_server(&mut self, now: Instant, id: TransactionId, input: invite_server::Input) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let reliable = entry.flow.transport.is_reliable();
        let repeated = matches!(input, invite_server::Input::Timer | invite_server::Input::Retransmission);
        match entry.machine.take() {
            Some(Machine::InviteServer(machine)) => {
                let (machine, actions) = machine.step(now, &self.timers, reliable, input);
                self.finish_step(id, Machine::InviteServer(machine), actions, None, repeated);
            }
            other => entry.machine = other,
        }
    }

    fn step_server(&mut self, now: Instant, id: TransactionId, input: server::Input) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let reliable = entry.flow.transport.is_reliable();
        let repeated = matches!(input, server::Input::Retransmission);
        match entry.machine.take() {
            Some(Machine::Server(machine)) => {
                let (machine, actions) = machine.step(now, &self.timers, reliable, input);
                self.finish_step(id, Machine::Server(machine), actions, None, repeated);
            }
            other => entry.machine = other,
        }
    }

    /// Timer and transport error mean the same to all four.
    fn step_all(&mut self, now: Instant, id: TransactionId, input: invite_client::Input) {
        let timer = input == invite_client::Input::Timer;
        match self.entries.get(&id).and_then(|e| e.machine.as_ref()) {
            Some(Machine::InviteClient(_) | Machine::Client(_)) => self.step_client(now, id, input, None),
            Some(Machine::InviteServer(_)) => {
                let input = if timer { invite_server::Input::Timer } else { invite_server::Input::TransportError };
                self.step_invite_server(now, id, input);
            }
            Some(Machine::Server(_)) => {
                let input = if timer { server::Input::Timer } else { server::Input::TransportError };
                self.step_server(now, id, input);
            }
            None => {}
        }
    }

    fn finish_step(
        &mut self,
        id: TransactionId,
        machine: Machine,
        actions: Actions,
        response: Option<Response>,
        repeated: bool,
    ) {
        let over = matches!(
            machine,
            Machine::InviteClient(InviteClient::Terminated)
                | Machine::Client(Client::Terminated)
                | Machine::InviteServer(InviteServer::Terminated)
                | Machine::Server(Server::Terminated)
        );
        if repeated && actions.send.is_some() {
            self.retransmits += 1;
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            self.deadlines.set(id, deadline(&machine).map(|(at, _)| at));
            entry.machine = Some(machine);
        }
        self.act(id, actions, response);
        if over {
            self.remove(id);
        }
    }

    fn act(&mut self, id: TransactionId, actions: Actions, response: Option<Response>) {
        let Some(entry) = self.entries.get(&id) else { return };
        if let Some(bytes) = actions.send
            && !bytes.is_empty()
        {
            let flow = match &entry.side {
                Side::Client { .. } => entry.flow,
                Side::Server { path, .. } => path.flow(entry.flow),
            };
            self.transmits.push_back(Transmit { flow, bytes });
        }
        let client = matches!(entry.side, Side::Client { .. });
        let output = match (actions.report, response) {
            (Some(Report::Response), Some(response)) => Output::Response(id, response),
            (Some(Report::Timeout), _) if client => Output::Failed(id, Failure::Timeout),
            (Some(Report::TransportError), _) if client => Output::Failed(id, Failure::TransportError),
            (Some(Report::Timeout), _) => Output::Undelivered(id, Failure::Timeout),
            (Some(Report::TransportError), _) => Output::Undelivered(id, Failure::TransportError),
            (Some(Report::Acknowledged | Report::Response) | None, _) => return,
        };
        self.outputs.push_back(output);
    }
}

fn deadline(machine: &Machine) -> Option<(Instant, Timer)> {
    match machine {
        Machine::InviteClient(machine) => machine.deadline(),
        Machine::Client(machine) => machine.deadline(),
        Machine::InviteServer(machine) => machine.deadline(),
        Machine::Server(machine) => machine.deadline(),
    }
}
