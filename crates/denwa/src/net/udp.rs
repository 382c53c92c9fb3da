//! One UDP socket: a reader task and a writer that never waits.
use super::Arrival;
use super::local::Facing;
use bytes::{Bytes, BytesMut};
use sip_core::endpoint::{Flow, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The largest UDP payload there is.
const MAX_DATAGRAM: usize = 65_535;
/// Asked of the kernel for either direction: a registrar's restart brings bursts.
const KERNEL_BUFFER: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Udp {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    reader: AbortHandle,
}

impl Udp {
    pub(crate) async fn bind(at: SocketAddr, arrivals: mpsc::Sender<Arrival>) -> io::Result<Self> {
        let raw = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        if at.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        // The kernel may grant less; that is no reason to fail.
        let _ = raw.set_recv_buffer_size(KERNEL_BUFFER);
        let _ = raw.set_send_buffer_size(KERNEL_BUFFER);
        raw.set_nonblocking(true)?;
        raw.bind(&at.into())?;
        icmp::ask_for_errors(&raw, at);
        let socket = Arc::new(UdpSocket::from_std(raw.into())?);
        let local = socket.local_addr()?;
        // A new socket counts as full until the runtime has looked once; the first `send` would be dropped.
        socket.writable().await?;
        let reader = tokio::spawn(read(Arc::clone(&socket), local, arrivals)).abort_handle();
        Ok(Self { socket, local, reader })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends, or drops when the kernel's buffer is full: a datagram that is lost is repeated by its transaction.
    pub(crate) fn send(&self, remote: SocketAddr, bytes: &Bytes) -> io::Result<()> {
        match self.socket.try_send_to(bytes, remote) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tracing::debug!("a datagram was dropped: the kernel's send buffer is full");
                Ok(())
            }
            // An earlier datagram's ICMP error may be reported here; this one is sent on the second try.
            Err(error) if icmp::is_report(&error) => self.socket.try_send_to(bytes, remote).map(|_| ()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(socket: Arc<UdpSocket>, bound: SocketAddr, arrivals: mpsc::Sender<Arrival>) {
    let mut facing = Facing::default();
    let mut buffer = BytesMut::new();
    let mut flow_to =
        |remote| Flow { transport: Transport::Udp, local: facing.local(Instant::now(), bound, remote), remote };
    // Errors have a queue of their own, which does not make the socket readable.
    while let Ok(ready) = socket.ready(Interest::READABLE | Interest::ERROR).await {
        if ready.is_error() {
            for remote in unreachable(&socket) {
                if arrivals.send(Arrival::Unreachable { flow: flow_to(remote) }).await.is_err() {
                    return;
                }
            }
        }
        buffer.clear();
        buffer.reserve(MAX_DATAGRAM);
        match socket.try_recv_buf_from(&mut buffer) {
            Ok((_, remote)) => {
                // Copied, so that a small datagram that is kept does not keep 64 KiB alive.
                let bytes = Bytes::copy_from_slice(&buffer);
                if arrivals.send(Arrival::Datagram { flow: flow_to(remote), bytes }).await.is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock || icmp::is_report(&error) => {}
            Err(error) => {
                tracing::debug!(kind = ?error.kind(), "a UDP socket could not be read");
                // A lasting error must not spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Where datagrams of ours could not be delivered, as far as the network has said so by now.
fn unreachable(socket: &UdpSocket) -> Vec<SocketAddr> {
    let drained = socket.try_io(Interest::ERROR, || match icmp::drain(socket) {
        none if none.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
        some => Ok(some),
    });
    drained.unwrap_or_default()
}

/// "Port unreachable" and its like. Without them an unreachable server is known only after 32 s of silence
/// (RFC 3261 §17.1.1.2); with them at once (§18.4).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod icmp {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
    use socket2::Socket;
    use std::io;
    use std::net::SocketAddr;
    use std::os::fd::AsRawFd;
    use tokio::net::UdpSocket;

    pub(super) fn ask_for_errors(socket: &Socket, at: SocketAddr) {
        let asked = match at {
            SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4RecvErr, &true),
            SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvErr, &true),
        };
        if asked.is_err() {
            tracing::debug!("no ICMP errors on this socket; unreachable peers are found by time-out");
        }
    }

    pub(super) fn is_report(error: &io::Error) -> bool {
        use io::ErrorKind as Kind;
        matches!(
            error.kind(),
            Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::ConnectionReset
        )
    }

    /// Where datagrams of ours went that could not be delivered.
    pub(super) fn drain(socket: &UdpSocket) -> Vec<SocketAddr> {
        let mut unreachable = Vec::new();
        // The kernel's error queue is bounded by the receive buffer; the bound here keeps one turn short.
        for _ in 0..64 {
            let mut control = nix::cmsg_space!([u8; 256]);
            let mut start = [0u8; 64];
            let mut io = [io::IoSliceMut::new(&mut start)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let Ok(report) = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut io, Some(&mut control), flags) else {
                break;
            };
            let from_the_network = report.cmsgs().is_ok_and(|mut all| {
                all.any(|control| {
                    matches!(control, ControlMessageOwned::Ipv4RecvErr(..) | ControlMessageOwned::Ipv6RecvErr(..))
                })
            });
            // For an error report the "sender" is where our datagram went.
            let to = report.address.and_then(|address| {
                let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
                v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
            });
            if let (true, Some(to)) = (from_the_network, to) {
                unreachable.push(to);
            }
        }
        unreachable.sort();
        unreachable.dedup();
        unreachable
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod icmp {
    use socket2::Socket;
    use std::io;
    use std::net::SocketAddr;
    use tokio::net::UdpSocket;

    pub(super) fn ask_for_errors(_: &Socket, _: SocketAddr) {}

    pub(super) fn is_report(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused)
    }

    pub(super) fn drain(_: &UdpSocket) -> Vec<SocketAddr> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
