use super::*;

const LOOPBACK: &str = "127.0.0.1:0";

async fn next(arrived: &mut mpsc::Receiver<Arrival>) -> Arrival {
    timeout(Duration::from_secs(5), arrived.recv()).await.expect("an arrival in time").unwrap()
}

fn flow(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Tcp, local: "127.0.0.1:5060".parse().unwrap(), remote }
}

#[tokio::test]
async fn one_connection_carries_both_ways_and_is_reused() {
    let (arrivals, mut arrived) = mpsc::channel(8);
    let peer = TcpListener::bind(LOOPBACK).await.unwrap();
    let flow = flow(peer.local_addr().unwrap());
    let mut streams = Streams::new(arrivals);
    streams.send(flow, Bytes::from_static(b"one ")).unwrap();
    let (mut far, _) = peer.accept().await.unwrap();
    streams.send(flow, Bytes::from_static(b"two")).unwrap();
    let mut read = [0; 7];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"one two");
    far.write_all(b"back").await.unwrap();
    let Arrival::Chunk { flow: came, bytes, generation } = next(&mut arrived).await else { panic!("a chunk") };
    assert_eq!((came, &bytes[..]), (flow, &b"back"[..]));
    assert!(streams.is_current(flow.remote, generation));

    drop(far);
    let Arrival::Closed { flow: ended, generation } = next(&mut arrived).await else { panic!("the end") };
    assert_eq!(ended, flow);
    assert!(streams.forget(flow.remote, generation));
    assert!(!streams.forget(flow.remote, generation), "once");
    streams.send(flow, Bytes::from_static(b"anew")).unwrap();
    timeout(Duration::from_secs(5), peer.accept()).await.expect("a new connection").unwrap();
}

#[tokio::test]
async fn a_connection_that_a_peer_opened_is_used_for_the_way_back() {
    let (arrivals, mut arrived) = mpsc::channel(8);
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let here = listener.local_addr().unwrap();
    let listening = tokio::spawn(listen(listener, arrivals.clone()));
    let mut streams = Streams::new(arrivals);
    let mut peer = TcpStream::connect(here).await.unwrap();
    let Arrival::Accepted { stream, remote } = next(&mut arrived).await else { panic!("a connection") };
    streams.accept(stream, remote);
    peer.write_all(b"hello").await.unwrap();
    let Arrival::Chunk { flow, .. } = next(&mut arrived).await else { panic!("a chunk") };
    assert_eq!((flow.local, flow.remote), (here, peer.local_addr().unwrap()));
    streams.send(flow, Bytes::from_static(b"back")).unwrap();
    let mut read = [0; 4];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"back");
    listening.abort();
}

#[tokio::test]
async fn a_refused_connection_is_told() {
    let (arrivals, mut arrived) = mpsc::channel(8);
    let closed = std::net::TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let mut streams = Streams::new(arrivals);
    streams.send(flow(closed), Bytes::from_static(b"anyone?")).unwrap();
    assert!(matches!(next(&mut arrived).await, Arrival::Closed { flow, .. } if flow.remote == closed));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (arrivals, mut arrived) = mpsc::channel(8);
    let peer = TcpListener::bind(LOOPBACK).await.unwrap();
    let mut streams = Streams::new(arrivals);
    streams.set_idle(Some(Duration::from_millis(50)));
    streams.send(flow(peer.local_addr().unwrap()), Bytes::from_static(b"once")).unwrap();
    let (mut far, _) = peer.accept().await.unwrap();
    assert!(matches!(next(&mut arrived).await, Arrival::Closed { .. }));
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"once");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off() {
    let (arrivals, _arrived) = mpsc::channel(8);
    let peer = TcpListener::bind(LOOPBACK).await.unwrap();
    let flow = flow(peer.local_addr().unwrap());
    let mut streams = Streams::new(arrivals);
    let big = Bytes::from(vec![b'x'; 65_536]);
    let cut = (0..100_000).any(|_| streams.send(flow, big.clone()).is_err());
    assert!(cut, "the queue is bounded");
    assert!(!streams.connections.contains_key(&flow.remote));
}

#[tokio::test]
async fn strangers_cannot_hold_more_than_the_bound() {
    let (arrivals, _arrived) = mpsc::channel(4096);
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let here = listener.local_addr().unwrap();
    let mut streams = Streams::new(arrivals);
    let ours = TcpListener::bind(LOOPBACK).await.unwrap();
    let mine = flow(ours.local_addr().unwrap());
    streams.send(mine, Bytes::from_static(b"mine")).unwrap();
    let mut peers = Vec::new();
    for _ in 0..MAX_CONNECTIONS + 20 {
        peers.push(TcpStream::connect(here).await.unwrap());
        let (stream, remote) = listener.accept().await.unwrap();
        streams.accept(stream, remote);
        assert!(streams.connections.len() <= MAX_CONNECTIONS);
    }
    assert!(streams.connections.contains_key(&mine.remote), "the one that we opened stays");
}
