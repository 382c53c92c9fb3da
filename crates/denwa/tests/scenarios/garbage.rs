//! Somebody throws garbage at the phone's ports during a call: SIP-like, half a message, keep-alives, noise, by UDP and
//! TCP. The call goes on, and ends as it should.
use super::support::*;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};

#[tokio::test]
async fn garbage() {
    let server = pbx();
    let (phone, _events, me) = registered("1001", &server).await;
    let call = me.dial(uri("600", server.addr())).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    let at = phone.local_addresses()[0];
    let stranger = UdpSocket::bind(LOOPBACK).unwrap();
    let pieces: [&[u8]; 10] = [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"INVITE",
        b"INVITE sip:x@y SIP/2.0\r\n\r\n",
        b"INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\n\r\n",
        b"BYE sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>;tag=2\r\nCall-ID: 2\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK3\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"SIP/2.0 999999 \xff\xfe\r\n: \r\n\r\n",
        &[0xff; 9000],
    ];
    for round in 0..200_usize {
        stranger.send_to(pieces[round % pieces.len()], at).unwrap();
    }
    for piece in pieces {
        let mut stream = TcpStream::connect(at).unwrap();
        // The phone may close it in the middle, which is right.
        let _ = stream.write_all(piece).and_then(|()| stream.write_all(piece));
    }
    let before = call.state().unwrap().quality.packets_received;
    received(&call, before + 50).await;
    within("hold", call.hold()).await.unwrap();
    within("hanging up", call.hangup()).await.unwrap();
    assert!(phone.snapshot().calls.is_empty());
}
