//! The sockets of a server: SIP by UDP and TCP on one port, and RTP and RTCP ports in pairs.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::packet::{Packet, Protocol};

/// The largest datagram there is.
const MAX_DATAGRAM: usize = 65_535;
/// Inputs that wait for the loop; beyond it the sockets do.
const MAX_INPUTS: usize = 1_024;
/// Messages that wait for a connection; one that is slower is closed.
const MAX_WRITES: usize = 256;
/// Connections at one time.
const MAX_CONNECTIONS: usize = 256;
/// Ports that are tried before none is found.
const TRIES: usize = 200;

/// Something that has come from outside.
#[derive(Debug)]
pub(super) enum Input {
    Packet(Packet),
    /// The connection to that address has closed, or was never opened.
    Closed(SocketAddr),
}

/// Sockets that are bound, before a runtime drives them.
#[derive(Debug)]
pub(super) struct Bound {
    addr: SocketAddr,
    udp: StdUdpSocket,
    tcp: StdTcpListener,
    media: Vec<[StdUdpSocket; 2]>,
    rtp: Vec<SocketAddr>,
}

impl Bound {
    pub(super) fn new(addr: SocketAddr, pairs: usize) -> io::Result<Self> {
        let (udp, tcp) = sip(addr)?;
        let mut bound = Self { addr: udp.local_addr()?, udp, tcp, media: Vec::new(), rtp: Vec::new() };
        for _ in 0..pairs {
            let (rtp, pair) = pair(addr.ip())?;
            bound.rtp.push(rtp);
            bound.media.push(pair);
        }
        Ok(bound)
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The even ports of the pairs.
    pub(super) fn rtp(&self) -> Vec<SocketAddr> {
        self.rtp.clone()
    }
}

/// UDP and TCP on the same port.
fn sip(addr: SocketAddr) -> io::Result<(StdUdpSocket, StdTcpListener)> {
    let mut failure = None;
    for _ in 0..TRIES {
        let udp = StdUdpSocket::bind(addr)?;
        match StdTcpListener::bind(udp.local_addr()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if addr.port() != 0 => return Err(error),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// An even port and the one above it.
fn pair(ip: IpAddr) -> io::Result<(SocketAddr, [StdUdpSocket; 2])> {
    for _ in 0..TRIES {
        let one = StdUdpSocket::bind((ip, 0))?;
        let addr = one.local_addr()?;
        let even = addr.port() % 2 == 0;
        let neighbour = if even { addr.port().checked_add(1) } else { addr.port().checked_sub(1) };
        let Some(Ok(other)) = neighbour.map(|port| StdUdpSocket::bind((ip, port))) else { continue };
        let pair = if even { [one, other] } else { [other, one] };
        return Ok((pair[0].local_addr()?, pair));
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Sockets at work: a task for each puts what comes into one queue.
#[derive(Debug)]
pub(super) struct Sockets {
    addr: SocketAddr,
    inputs: Receiver<Input>,
    inbox: Sender<Input>,
    udp: BTreeMap<u16, Arc<UdpSocket>>,
    connections: BTreeMap<SocketAddr, Connection>,
    accepted: Receiver<(TcpStream, SocketAddr)>,
    ended: Receiver<(SocketAddr, u64)>,
    endings: Sender<(SocketAddr, u64)>,
    next_connection: u64,
}

#[derive(Debug)]
struct Connection {
    /// Tells a connection from an earlier one with the same peer.
    number: u64,
    writes: Sender<Bytes>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sockets {
    /// Must be called within a runtime.
    pub(super) fn new(bound: Bound) -> io::Result<Self> {
        let (inbox, inputs) = channel(MAX_INPUTS);
        let (accepting, accepted) = channel(16);
        let (endings, ended) = channel(MAX_INPUTS);
        let mut udp = BTreeMap::new();
        for socket in bound.media.into_iter().flatten().chain([bound.udp]) {
            socket.set_nonblocking(true)?;
            let here = socket.local_addr()?;
            let socket = Arc::new(UdpSocket::from_std(socket)?);
            tokio::spawn(read_datagrams(Arc::clone(&socket), here, inbox.clone()));
            udp.insert(here.port(), socket);
        }
        bound.tcp.set_nonblocking(true)?;
        tokio::spawn(accept(TcpListener::from_std(bound.tcp)?, accepting));
        let connections = BTreeMap::new();
        Ok(Self { addr: bound.addr, inputs, inbox, udp, connections, accepted, ended, endings, next_connection: 0 })
    }

    /// The next input. Cancel safe.
    pub(super) async fn receive(&mut self) -> Input {
        loop {
            tokio::select! {
                Some(input) = self.inputs.recv() => return input,
                Some((stream, remote)) = self.accepted.recv() => self.connect(remote, Some(stream)),
                Some((remote, number)) = self.ended.recv() => {
                    if self.connections.get(&remote).is_some_and(|connection| connection.number == number) {
                        self.connections.remove(&remote);
                        return Input::Closed(remote);
                    }
                }
            }
        }
    }

    pub(super) fn send(&mut self, packet: Packet) {
        match packet.protocol {
            Protocol::Udp => {
                if let Some(socket) = self.udp.get(&packet.from.port()) {
                    // A full buffer loses it, as any network may.
                    let _ = socket.try_send_to(&packet.bytes, packet.to);
                }
            }
            Protocol::Tcp => {
                if !self.connections.contains_key(&packet.to) {
                    self.connect(packet.to, None);
                }
                let Some(connection) = self.connections.get(&packet.to) else { return };
                if connection.writes.try_send(packet.bytes).is_err() {
                    // It cannot be waited for; the task says that it has ended.
                    connection.task.abort();
                    let _ = self.endings.try_send((packet.to, connection.number));
                }
            }
        }
    }

    /// Takes on a connection, or opens one.
    fn connect(&mut self, remote: SocketAddr, stream: Option<TcpStream>) {
        if self.connections.len() >= MAX_CONNECTIONS {
            if stream.is_none() {
                // Whoever waits for an answer along it is told that there will be none.
                let _ = self.inbox.try_send(Input::Closed(remote));
            }
            return;
        }
        let number = self.next_connection;
        self.next_connection += 1;
        let (writes, queue) = channel(MAX_WRITES);
        let (here, inbox, endings) = (self.addr, self.inbox.clone(), self.endings.clone());
        let task = tokio::spawn(async move {
            // However it ends, by the peer or by an error, all that counts is that it has.
            let _ = serve(stream, here, remote, queue, inbox).await;
            let _ = endings.send((remote, number)).await;
        });
        self.connections.insert(remote, Connection { number, writes, task });
    }
}

async fn read_datagrams(socket: Arc<UdpSocket>, here: SocketAddr, inbox: Sender<Input>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        // An error tells of an earlier datagram that nobody received: nothing to do with the next one.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let packet = Packet::udp(from, here, Bytes::copy_from_slice(&buffer[..length]));
        if inbox.send(Input::Packet(packet)).await.is_err() {
            return;
        }
    }
}

async fn accept(listener: TcpListener, accepted: Sender<(TcpStream, SocketAddr)>) {
    loop {
        // An error is of one connection, or of too many open files; either passes.
        let Ok(connection) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        if accepted.send(connection).await.is_err() {
            return;
        }
    }
}

async fn serve(
    stream: Option<TcpStream>,
    here: SocketAddr,
    remote: SocketAddr,
    queue: Receiver<Bytes>,
    inbox: Sender<Input>,
) -> io::Result<()> {
    let stream = match stream {
        Some(stream) => stream,
        None => TcpStream::connect(remote).await?,
    };
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    tokio::select! {
        read = read_stream(reader, here, remote, inbox) => read,
        written = write_stream(writer, queue) => written,
    }
}

async fn read_stream(
    mut reader: OwnedReadHalf,
    here: SocketAddr,
    remote: SocketAddr,
    inbox: Sender<Input>,
) -> io::Result<()> {
    loop {
        let mut buffer = BytesMut::with_capacity(4_096);
        if reader.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let packet = Packet::tcp(remote, here, buffer.freeze());
        if inbox.send(Input::Packet(packet)).await.is_err() {
            return Ok(());
        }
    }
}

async fn write_stream(mut writer: OwnedWriteHalf, mut queue: Receiver<Bytes>) -> io::Result<()> {
    while let Some(bytes) = queue.recv().await {
        writer.write_all(&bytes).await?;
    }
    Ok(())
}
