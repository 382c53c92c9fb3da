//! TCP connections: one for each remote address, opened on demand, reused for everything (RFC 3261 §18).
//!
//! A connection is a task. It reads into the driver's channel, writes from a bounded queue, sends a CRLF keep-alive when
//! nothing else was sent for a while (RFC 5626 §4.4.1), and closes when no SIP went either way for the idle time.
use super::Arrival;
use bytes::{Bytes, BytesMut};
use sip_core::endpoint::{Flow, Transport};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Messages waiting for one connection; a peer that does not read is cut off above it.
const MAX_QUEUED: usize = 256;
/// Connections at a time. A new one takes the place of the longest idle one that a peer opened.
pub(crate) const MAX_CONNECTIONS: usize = 512;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// RFC 5626 §4.4.1 wants at most 120 s on connections; NAT routers forget sooner.
const KEEP_ALIVE: Duration = Duration::from_secs(95);
const KEEP_ALIVE_PING: &[u8] = b"\r\n\r\n";
const READ_CHUNK: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Streams {
    connections: BTreeMap<SocketAddr, Connection>,
    arrivals: mpsc::Sender<Arrival>,
    generations: u64,
    idle: Arc<Idle>,
}

#[derive(Debug)]
struct Connection {
    flow: Flow,
    queue: mpsc::Sender<Bytes>,
    generation: u64,
    opened_by_peer: bool,
    activity: Arc<Activity>,
    /// `None`: what is queued is still written, then the task ends by itself.
    task: Option<AbortHandle>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Streams {
    pub(crate) fn new(arrivals: mpsc::Sender<Arrival>) -> Self {
        Self { connections: BTreeMap::new(), arrivals, generations: 0, idle: Arc::new(Idle::default()) }
    }

    /// How long a connection may carry nothing before it is closed; `None`: for ever.
    pub(crate) fn set_idle(&self, idle: Option<Duration>) {
        self.idle.set(idle);
    }

    /// Queues bytes, opening a connection when there is none. An error means that the flow is dead.
    pub(crate) fn send(&mut self, flow: Flow, bytes: Bytes) -> io::Result<()> {
        if !self.connections.contains_key(&flow.remote) {
            self.open(flow);
        }
        let Some(connection) = self.connections.get(&flow.remote) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        match connection.queue.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(refused) => {
                self.connections.remove(&flow.remote);
                Err(match refused {
                    mpsc::error::TrySendError::Full(_) => io::ErrorKind::TimedOut.into(),
                    mpsc::error::TrySendError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
                })
            }
        }
    }

    fn open(&mut self, flow: Flow) {
        self.start(flow, Source::Connect(flow.remote), false);
    }

    /// Takes over a connection that a peer opened. The flow's local address is ours that it reached.
    pub(crate) fn accept(&mut self, stream: TcpStream, remote: SocketAddr) {
        if let Ok(local) = stream.local_addr() {
            self.start(Flow { transport: Transport::Tcp, local, remote }, Source::Accepted(stream), true);
        }
    }

    fn start(&mut self, flow: Flow, source: Source, opened_by_peer: bool) {
        if self.connections.len() >= MAX_CONNECTIONS {
            let longest_idle = self.connections.values().filter(|c| c.opened_by_peer).min_by_key(|c| c.activity.last());
            if let Some(victim) = longest_idle.map(|c| c.flow.remote) {
                self.connections.remove(&victim);
            }
        }
        self.generations += 1;
        let (queue, queued) = mpsc::channel(MAX_QUEUED);
        let activity = Arc::new(Activity::new());
        let line = Line {
            flow,
            generation: self.generations,
            arrivals: self.arrivals.clone(),
            activity: Arc::clone(&activity),
            idle: Arc::clone(&self.idle),
        };
        let task = tokio::spawn(line.run(source, queued)).abort_handle();
        let connection =
            Connection { flow, queue, generation: self.generations, opened_by_peer, activity, task: Some(task) };
        self.connections.insert(flow.remote, connection);
    }

    /// Forgets a connection that reported its end; false when it was replaced by another since.
    pub(crate) fn forget(&mut self, remote: SocketAddr, generation: u64) -> bool {
        let current = self.is_current(remote, generation);
        if current {
            self.connections.remove(&remote);
        }
        current
    }

    /// A chunk may still be under way from a connection that was cut off.
    pub(crate) fn is_current(&self, remote: SocketAddr, generation: u64) -> bool {
        self.connections.get(&remote).is_some_and(|c| c.generation == generation)
    }

    /// Closes the connection of a flow whose bytes make no sense any more, after what is queued.
    pub(crate) fn close(&mut self, remote: SocketAddr) {
        if let Some(mut connection) = self.connections.remove(&remote) {
            connection.task = None;
        }
    }
}

enum Source {
    Connect(SocketAddr),
    Accepted(TcpStream),
}

/// One connection's task.
struct Line {
    flow: Flow,
    generation: u64,
    arrivals: mpsc::Sender<Arrival>,
    activity: Arc<Activity>,
    idle: Arc<Idle>,
}

impl Line {
    async fn run(self, source: Source, queued: mpsc::Receiver<Bytes>) {
        let ended = match source {
            Source::Accepted(stream) => self.carry(stream, queued).await,
            Source::Connect(remote) => match timeout(CONNECT_WITHIN, TcpStream::connect(remote)).await {
                Ok(Ok(stream)) => self.carry(stream, queued).await,
                Ok(Err(error)) => error,
                Err(_) => io::ErrorKind::TimedOut.into(),
            },
        };
        tracing::debug!(kind = ?ended.kind(), "a TCP connection ended");
        let _ = self.arrivals.send(Arrival::Closed { flow: self.flow, generation: self.generation }).await;
    }

    async fn carry(&self, stream: TcpStream, queued: mpsc::Receiver<Bytes>) -> io::Error {
        let _ = stream.set_nodelay(true); // a hint
        let (reader, writer) = stream.into_split();
        // Both directions at once: a peer that stops reading must not stop us from reading, nor the other way round.
        tokio::select! {
            ended = self.read(reader) => ended,
            ended = self.write(writer, queued) => ended,
        }
    }

    async fn read(&self, mut reader: tokio::net::tcp::OwnedReadHalf) -> io::Error {
        let mut buffer = BytesMut::with_capacity(READ_CHUNK);
        loop {
            buffer.reserve(READ_CHUNK);
            match reader.read_buf(&mut buffer).await {
                Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(_) => {
                    let bytes = buffer.split().freeze();
                    if !bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
                        self.activity.now();
                    }
                    if self
                        .arrivals
                        .send(Arrival::Chunk { flow: self.flow, generation: self.generation, bytes })
                        .await
                        .is_err()
                    {
                        return io::ErrorKind::BrokenPipe.into();
                    }
                }
                Err(error) => return error,
            }
        }
    }

    async fn write(&self, mut writer: tokio::net::tcp::OwnedWriteHalf, mut queued: mpsc::Receiver<Bytes>) -> io::Error {
        loop {
            let idle_left = self.idle.left(self.activity.last());
            let written = match timeout(KEEP_ALIVE.min(idle_left), queued.recv()).await {
                Ok(Some(bytes)) => {
                    self.activity.now();
                    timeout(WRITE_WITHIN, writer.write_all(&bytes)).await
                }
                Ok(None) => return io::ErrorKind::ConnectionAborted.into(),
                Err(_) if self.idle.left(self.activity.last()).is_zero() => {
                    let _ = writer.shutdown().await;
                    return io::ErrorKind::TimedOut.into();
                }
                Err(_) => timeout(WRITE_WITHIN, writer.write_all(KEEP_ALIVE_PING)).await,
            };
            match written {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(_) => return io::ErrorKind::TimedOut.into(),
            }
        }
    }
}

/// Accepts until it is dropped.
pub(crate) async fn listen(listener: TcpListener, arrivals: mpsc::Sender<Arrival>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                if arrivals.send(Arrival::Accepted { stream, remote }).await.is_err() {
                    return;
                }
            }
            // Out of file descriptors, or a peer that left already: neither must spin.
            Err(error) => {
                tracing::debug!(kind = ?error.kind(), "a TCP connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// When SIP last went over a connection, in ms since it was opened; shared with the table that evicts.
#[derive(Debug)]
struct Activity {
    opened: Instant,
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self { opened: Instant::now(), last: AtomicU64::new(0) }
    }

    fn now(&self) {
        let since = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.opened + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// The idle time in ms; `u64::MAX` for none.
#[derive(Debug)]
struct Idle(AtomicU64);

impl Default for Idle {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Idle {
    fn set(&self, idle: Option<Duration>) {
        let ms = idle.map_or(u64::MAX, |idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
        self.0.store(ms, Ordering::Relaxed);
    }

    fn left(&self, last: Instant) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed)).saturating_sub(last.elapsed())
    }
}

#[cfg(test)]
mod tests;
