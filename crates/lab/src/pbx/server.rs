//! The PBX behind real sockets: a shell that only does I/O, on a thread of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Binding, CallId, CallInfo, CannotCall, Config, ParkEvent, Parked, Pbx, Service};
use crate::packet::Protocol;

mod sockets;

use sockets::{Bound, Input, Sockets};

/// A running PBX on loopback, by UDP and TCP on the same port. Dropping it ends it.
///
/// ```no_run
/// use std::time::Duration;
/// use lab::pbx::{Config, Server, Service};
///
/// let pbx = Server::start(Config::default().user("alice", "correct horse"))?;
/// println!("register alice at {}", pbx.addr());
/// assert!(pbx.wait_for(Duration::from_secs(5), |view| view.is_registered("alice")));
///
/// pbx.call(Service::Echo, "600", "alice").expect("alice is registered"); // her phone rings
/// assert!(pbx.wait_for(Duration::from_secs(5), |view| view.calls.iter().any(|call| call.talking)));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    commands: UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// What a [`Server`] was doing a moment ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// Who is registered where.
    pub bindings: BTreeMap<String, Vec<Binding>>,
    /// The calls that there are, oldest first.
    pub calls: Vec<CallInfo>,
    /// Who waits in the parking lots, by slot.
    pub parked: Vec<Parked>,
}

impl View {
    /// Whether a phone of that user is registered.
    pub fn is_registered(&self, user: &str) -> bool {
        self.bindings.contains_key(user)
    }

    fn of(pbx: &Pbx) -> Self {
        let mut bindings: BTreeMap<String, Vec<Binding>> = BTreeMap::new();
        for (user, binding) in pbx.bindings() {
            bindings.entry(user.to_owned()).or_default().push(binding.clone());
        }
        Self { bindings, calls: pbx.calls().collect(), parked: pbx.parked().cloned().collect() }
    }
}

#[derive(Debug, Default)]
struct Shared {
    view: Mutex<View>,
    changed: Condvar,
}

impl Shared {
    fn view(&self) -> MutexGuard<'_, View> {
        // Nothing that holds the lock can leave half a view behind.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, view: View) {
        let mut current = self.view();
        if *current != view {
            *current = view;
            self.changed.notify_all();
        }
    }
}

#[derive(Debug)]
enum Command {
    Call { service: Service, number: String, user: String, reply: mpsc::SyncSender<Result<CallId, CannotCall>> },
    HangUp(CallId),
    ParkEvents(mpsc::Sender<ParkEvent>),
}

impl Server {
    /// Starts a PBX at a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no socket or thread can be had.
    pub fn start(config: Config) -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), config)
    }

    /// Starts a PBX at an address of this host; port 0 stands for a free one. It must be one that phones can reach, not
    /// `0.0.0.0`: it goes into Contact, Via and SDP.
    ///
    /// # Errors
    /// When the address is taken or unspecified, or no thread can be had.
    pub fn start_at(addr: SocketAddr, config: Config) -> io::Result<Self> {
        if addr.ip().is_unspecified() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an address that phones can reach"));
        }
        // Two phones in each.
        let bound = Bound::new(addr, config.max_calls.saturating_mul(2))?;
        let addr = bound.addr();
        let pbx = Pbx::new(config, addr, bound.rtp());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared::default());
        let (commands, inbox) = unbounded_channel();
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("lab-pbx".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(run(pbx, bound, inbox, &theirs)) {
                tracing::error!(%error, "the PBX has stopped");
            }
        })?;
        Ok(Self { addr, shared, commands, thread: Some(thread) })
    }

    /// Where SIP is heard.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of a user or number of this PBX: `sip:600@127.0.0.1:34567`.
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.addr)
    }

    /// Who is registered where.
    pub fn bindings(&self) -> BTreeMap<String, Vec<Binding>> {
        self.shared.view().bindings.clone()
    }

    /// The calls that there are.
    pub fn calls(&self) -> Vec<CallInfo> {
        self.shared.view().calls.clone()
    }

    /// Who waits in the parking lots, by slot.
    pub fn parked(&self) -> Vec<Parked> {
        self.shared.view().parked.clone()
    }

    /// What happens in the parking lots from now on; what nobody has asked for yet comes first.
    pub fn park_events(&self) -> mpsc::Receiver<ParkEvent> {
        let (sender, receiver) = mpsc::channel();
        // Without its thread the PBX says nothing.
        let _ = self.commands.send(Command::ParkEvents(sender));
        receiver
    }

    /// Waits until `done` is true of what the PBX is doing. False when that takes longer than `limit`.
    pub fn wait_for(&self, limit: Duration, done: impl Fn(&View) -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut view = self.shared.view();
        while !done(&view) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(view, left);
            view = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Lets a machine call a user, under a number of its own: how a test makes a phone ring.
    ///
    /// # Errors
    /// When nobody can be called.
    pub fn call(&self, service: Service, number: &str, user: &str) -> Result<CallId, CannotCall> {
        let (reply, answer) = mpsc::sync_channel(1);
        let command = Command::Call { service, number: number.to_owned(), user: user.to_owned(), reply };
        // Without its thread the PBX knows nobody.
        self.commands.send(command).map_err(|_| CannotCall::NotRegistered)?;
        answer.recv().map_err(|_| CannotCall::NotRegistered)?
    }

    /// Ends a call on both sides.
    pub fn hang_up(&self, id: CallId) {
        let _ = self.commands.send(Command::HangUp(id));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The thread ends when nobody can command it any more.
        let (nobody, _) = unbounded_channel();
        drop(std::mem::replace(&mut self.commands, nobody));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the PBX panicked: see its message above");
        }
    }
}

/// The loop: one input, drain what it sets off, arm one timer.
async fn run(mut pbx: Pbx, bound: Bound, mut inbox: UnboundedReceiver<Command>, shared: &Shared) -> io::Result<()> {
    let mut sockets = Sockets::new(bound)?;
    let mut seen = 0;
    let mut observers: Vec<mpsc::Sender<ParkEvent>> = Vec::new();
    loop {
        let due = pbx.poll_timeout().map(|(due, _)| due);
        tokio::select! {
            command = inbox.recv() => match command {
                Some(Command::ParkEvents(observer)) => observers.push(observer),
                Some(command) => obey(&mut pbx, command),
                None => return Ok(()),
            },
            input = sockets.receive() => match input {
                Input::Packet(packet) => pbx.handle_packet(Instant::now(), packet),
                Input::Closed(remote) => pbx.handle_closed(Instant::now(), Protocol::Tcp, remote),
            },
            () = until(due) => pbx.handle_timeout(Instant::now()),
        }
        while let Some(packet) = pbx.poll_transmit() {
            sockets.send(packet);
        }
        while !observers.is_empty()
            && let Some(event) = pbx.poll_park_event()
        {
            observers.retain(|observer| observer.send(event.clone()).is_ok());
        }
        if pbx.changes() != seen {
            seen = pbx.changes();
            shared.publish(View::of(&pbx));
        }
    }
}

fn obey(pbx: &mut Pbx, command: Command) {
    match command {
        Command::Call { service, number, user, reply } => {
            // Whoever asked may have gone.
            let _ = reply.send(pbx.call(Instant::now(), service, &number, &user));
        }
        Command::HangUp(id) => drop(pbx.hang_up(Instant::now(), id)),
        Command::ParkEvents(_) => {}
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
