use super::*;
use std::time::Duration;

const LOOPBACK: &str = "127.0.0.1:0";

async fn next(arrived: &mut mpsc::Receiver<Arrival>) -> Arrival {
    tokio::time::timeout(Duration::from_secs(5), arrived.recv()).await.expect("an arrival in time").unwrap()
}

#[tokio::test]
async fn a_datagram_arrives_whole_with_its_flow() {
    let (arrivals, mut arrived) = mpsc::channel(8);
    let here = Udp::bind("0.0.0.0:0".parse().unwrap(), arrivals).await.unwrap();
    let peer = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let big = vec![b'x'; 60_000];
    peer.send_to(&big, ("127.0.0.1", here.local().port())).unwrap();
    let Arrival::Datagram { flow, bytes } = next(&mut arrived).await else { panic!("a datagram") };
    assert_eq!(bytes, big);
    assert_eq!(flow.remote, peer.local_addr().unwrap());
    assert_eq!(flow.local, SocketAddr::from(([127, 0, 0, 1], here.local().port())), "never the wildcard");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_closed_port_is_told_and_the_socket_goes_on() {
    let (arrivals, mut arrived) = mpsc::channel(8);
    let here = Udp::bind(LOOPBACK.parse().unwrap(), arrivals).await.unwrap();
    let closed = std::net::UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let open = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    here.send(closed, &Bytes::from_static(b"anyone?")).unwrap();
    let Arrival::Unreachable { flow } = next(&mut arrived).await else { panic!("an ICMP error") };
    assert_eq!(flow.remote, closed);
    here.send(open.local_addr().unwrap(), &Bytes::from_static(b"hello")).unwrap();
    open.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(open.recv(&mut buffer).unwrap(), 5);
    open.send_to(b"hello", here.local()).unwrap();
    assert!(matches!(next(&mut arrived).await, Arrival::Datagram { .. }));
}
