//! Sockets. Each reader is a task that pushes what it reads into one bounded channel, so a slow driver pushes back into
//! the kernel's buffers; the driver writes, and never waits for a socket.
pub(crate) mod dns;
pub(crate) mod local;
pub(crate) mod stream;
pub(crate) mod udp;

use bytes::Bytes;
use local::Facing;
use sip_core::endpoint::{Flow, ResolveId, Transmit, Transport};
use sip_core::resolve::Target;
use sip_core::uri::Host;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
use stream::Streams;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use udp::Udp;

/// What the network brings to the driver.
#[derive(Debug)]
pub(crate) enum Arrival {
    Datagram {
        flow: Flow,
        bytes: Bytes,
    },
    Chunk {
        flow: Flow,
        generation: u64,
        bytes: Bytes,
    },
    /// Someone connected to our TCP port.
    Accepted {
        stream: tokio::net::TcpStream,
        remote: SocketAddr,
    },
    /// A connection is over or could not be opened. `generation` tells it from a later one to the same address.
    Closed {
        flow: Flow,
        generation: u64,
    },
    /// The network said that nothing listens at the far end of this flow (ICMP).
    Unreachable {
        flow: Flow,
    },
    /// What DNS says of a host.
    Resolved {
        id: ResolveId,
        host: Host,
        targets: Vec<Target>,
    },
}

/// All sockets of a phone: for each bound address a UDP socket and a TCP listener with the same port.
#[derive(Debug)]
pub(crate) struct Sockets {
    udp: Vec<Udp>,
    listeners: Vec<AbortHandle>,
    pub(crate) streams: Streams,
    facing: Facing,
    arrivals: mpsc::Sender<Arrival>,
}

/// Tries to find a port that is free for both UDP and TCP.
const PORT_TRIES: usize = 32;

impl Sockets {
    pub(crate) async fn bind(at: &[SocketAddr], arrivals: mpsc::Sender<Arrival>) -> io::Result<Self> {
        let mut sockets = Self {
            udp: Vec::new(),
            listeners: Vec::new(),
            streams: Streams::new(arrivals.clone()),
            facing: Facing::default(),
            arrivals: arrivals.clone(),
        };
        for address in at {
            let (udp, listener) = bind_both(*address, &arrivals).await?;
            sockets.udp.push(udp);
            sockets.listeners.push(tokio::spawn(stream::listen(listener, arrivals.clone())).abort_handle());
        }
        Ok(sockets)
    }

    pub(crate) fn listening(&self) -> Vec<SocketAddr> {
        self.udp.iter().map(Udp::local).collect()
    }

    pub(crate) fn arrivals(&self) -> mpsc::Sender<Arrival> {
        self.arrivals.clone()
    }

    /// Our address towards a peer, as it goes into Via and Contact; `None` without a socket or route of that family.
    pub(crate) fn local_towards(&mut self, now: Instant, remote: SocketAddr) -> Option<SocketAddr> {
        let bound = self.udp_towards(remote)?.local();
        let local = self.facing.local(now, bound, remote);
        (!local.ip().is_unspecified()).then_some(local)
    }

    /// The address to receive sound at, of ours, given the one that faces the peer if that is known.
    pub(crate) fn for_sound(&self, facing: Option<IpAddr>) -> IpAddr {
        // A socket bound to one address says that the others are not to be used.
        let bound =
            |ip: &IpAddr| self.udp.iter().any(|udp| udp.local().ip() == *ip || udp.local().ip().is_unspecified());
        facing.filter(bound).unwrap_or_else(|| {
            let bound = self.udp.iter().map(|udp| udp.local().ip()).find(|ip| !ip.is_unspecified());
            bound.unwrap_or_else(local::default_route)
        })
    }

    /// Sends or queues. An error means that nothing can be sent on this flow.
    pub(crate) fn send(&mut self, transmit: Transmit) -> io::Result<()> {
        let Transmit { flow, bytes } = transmit;
        match flow.transport {
            Transport::Tcp => self.streams.send(flow, bytes),
            Transport::Udp => {
                let own = self.udp.iter().find(|udp| udp.local() == flow.local);
                match own.or_else(|| self.udp_towards(flow.remote)) {
                    Some(udp) => udp.send(flow.remote, &bytes),
                    None => Err(io::ErrorKind::AddrNotAvailable.into()),
                }
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn udp_towards(&self, remote: SocketAddr) -> Option<&Udp> {
        // A loopback peer is reached from a loopback socket, the world from another, where both are bound.
        let family = || self.udp.iter().filter(|udp| udp.local().is_ipv4() == remote.is_ipv4());
        let fits = |udp: &&Udp| {
            let ip = udp.local().ip();
            ip.is_unspecified() || ip.is_loopback() == remote.ip().is_loopback()
        };
        family().find(fits).or_else(|| family().next())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.listeners.iter().for_each(AbortHandle::abort);
    }
}

async fn bind_both(at: SocketAddr, arrivals: &mpsc::Sender<Arrival>) -> io::Result<(Udp, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = Udp::bind(at, arrivals.clone()).await?;
        match TcpListener::bind(udp.local()).await {
            Ok(listener) => return Ok((udp, listener)),
            Err(error) if at.port() != 0 || tries >= PORT_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}
