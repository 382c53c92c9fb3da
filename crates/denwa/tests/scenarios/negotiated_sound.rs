//! A called phone made by hand, of bare sockets. RTCP comes to the port of RTP if that was agreed, else to the port that
//! the phone named, and to no other; comfort noise comes if it was agreed.
use super::support::*;
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A phone that answers one call with this description and counts what comes.
struct ByHand {
    sip: UdpSocket,
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl ByHand {
    fn new() -> Self {
        let [sip, rtp, rtcp] = std::array::from_fn(|_| UdpSocket::bind(LOOPBACK).unwrap());
        for socket in [&sip, &rtp, &rtcp] {
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        Self { sip, rtp, rtcp }
    }

    fn addr(&self) -> SocketAddr {
        self.sip.local_addr().unwrap()
    }

    /// Answers the INVITE; its offer.
    fn answer(&self, formats: &str, lines: &str) -> String {
        let (invite, from) = message(&self.sip);
        assert!(invite.starts_with("INVITE "), "{invite}");
        let port = self.rtp.local_addr().unwrap().port();
        let rtcp = self.rtcp.local_addr().unwrap().port();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {formats}\r\na=rtcp:{rtcp}\r\n{lines}"
        );
        let extra = format!("Contact: <sip:hand@{}>\r\nContent-Type: application/sdp\r\n", self.addr());
        self.sip.send_to(response(&invite, &extra, &sdp).as_bytes(), from).unwrap();
        invite
    }

    /// Answers the BYE.
    fn bye(&self) {
        loop {
            let (request, from) = message(&self.sip);
            if request.starts_with("BYE ") {
                self.sip.send_to(response(&request, "", "").as_bytes(), from).unwrap();
                return;
            }
        }
    }
}

fn message(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 8192];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (String::from_utf8(buffer[..length].to_vec()).unwrap(), from)
}

/// A 200 to this request.
fn response(request: &str, extra: &str, sdp: &str) -> String {
    let mut text = "SIP/2.0 200 OK\r\n".to_owned();
    for line in request.lines().take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|copied| name.eq_ignore_ascii_case(copied)) {
            let tag = if name.eq_ignore_ascii_case("To") && !line.contains(";tag=") { ";tag=hand" } else { "" };
            text += &format!("{line}{tag}\r\n");
        }
    }
    text + &format!("{extra}Content-Length: {}\r\n\r\n{sdp}", sdp.len())
}

/// Marker and payload type of RTP, or packet type of RTCP, which RFC 5761 §4 keeps apart; and from where.
fn packet(socket: &UdpSocket) -> Option<(u8, SocketAddr)> {
    let mut buffer = [0; 2048];
    socket.recv_from(&mut buffer).ok().map(|(_, from)| (buffer[1], from))
}

fn is_rtcp(second: u8) -> bool {
    (192..=223).contains(&second)
}

/// What came in a call to a phone that answers so.
struct Came {
    offer: String,
    to_rtp: Vec<(u8, SocketAddr)>,
    to_rtcp: Vec<(u8, SocketAddr)>,
}

impl Came {
    /// From which ports of ours RTP came to the port of RTP, and RTCP to either.
    fn ports(&self) -> [BTreeSet<u16>; 3] {
        let of = |came: &[(u8, SocketAddr)], rtcp| {
            came.iter().filter(|(second, _)| is_rtcp(*second) == rtcp).map(|(_, from)| from.port()).collect()
        };
        assert!(self.to_rtcp.iter().all(|(second, _)| is_rtcp(*second)), "only RTCP belongs there");
        [of(&self.to_rtp, false), of(&self.to_rtp, true), of(&self.to_rtcp, true)]
    }
}

/// Calls a phone that answers so, and hangs up as soon as `enough` has come to its port of RTP.
async fn called(formats: &'static str, lines: &'static str, enough: fn(u8) -> bool) -> Came {
    let (phone, _events) = phone(denwa::Audio::None).await;
    let hand = ByHand::new();
    let to = uri("hand", hand.addr());
    let answering = tokio::task::spawn_blocking(move || {
        let offer = hand.answer(formats, lines);
        let mut to_rtp = Vec::new();
        while !to_rtp.last().is_some_and(|(second, _)| enough(*second)) {
            to_rtp.push(packet(&hand.rtp).unwrap());
        }
        (hand, offer, to_rtp)
    });
    let call = phone.dial(to).await.unwrap();
    within("the answer", call.answered()).await.unwrap();
    let (hand, offer, mut to_rtp) = within("RTP packets", answering).await.unwrap();
    let ending = tokio::task::spawn_blocking(move || {
        hand.bye();
        hand
    });
    within("hanging up", call.hangup()).await.unwrap();
    let hand = within("the BYE", ending).await.unwrap();
    within("the end", phone.shutdown()).await;
    // The first report follows the first packet (RFC 3550 §6.2), a goodbye ends the stream (§6.6): all is here now.
    for socket in [&hand.rtp, &hand.rtcp] {
        socket.set_nonblocking(true).unwrap();
    }
    to_rtp.extend(std::iter::from_fn(|| packet(&hand.rtp)));
    let to_rtcp = std::iter::from_fn(|| packet(&hand.rtcp)).collect();
    Came { offer, to_rtp, to_rtcp }
}

#[tokio::test]
async fn one_port_where_it_is_agreed() {
    let came = called("0", "a=rtcp-mux\r\n", is_rtcp).await;
    assert!(came.offer.contains("\r\na=rtcp-mux\r\n"), "{}", came.offer);
    let [rtp, muxed, apart] = came.ports();
    assert_eq!((rtp.len(), apart.len()), (1, 0), "one stream, and nothing to the other port");
    assert_eq!(muxed, rtp, "it comes from the port of RTP too");
}

#[tokio::test]
async fn the_port_that_the_phone_named_where_it_is_not() {
    let came = called("0", "", |second| second & 0x7f == 0).await;
    let [rtp, muxed, apart] = came.ports();
    assert_eq!((rtp.len(), muxed.len(), apart.len()), (1, 0, 1));
    assert_ne!(apart, rtp);
    assert!(!came.to_rtp.iter().any(|(second, _)| second & 0x7f == 13), "it did not name comfort noise");
}

#[tokio::test]
async fn comfort_noise_where_the_phone_named_it() {
    let came = called("0 13", "", |second| second & 0x7f == 13).await;
    assert!(came.offer.contains("\r\na=rtpmap:13 CN/8000\r\n"), "{}", came.offer);
}
