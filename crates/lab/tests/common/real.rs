//! A scripted phone on real sockets, driven by hand.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use lab::packet::Packet;
use lab::pbx::Server;
use lab::peer::{Phone, PhoneConfig};
use lab::world::Host;

/// A scripted phone on two real sockets.
pub(crate) struct Real {
    pub(crate) phone: Phone,
    sip: UdpSocket,
    rtp: UdpSocket,
}

impl Real {
    pub(crate) fn new(server: &Server, user: &str) -> Self {
        let [sip, rtp] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        for socket in [&sip, &rtp] {
            socket.set_nonblocking(true).unwrap();
        }
        let here = sip.local_addr().unwrap();
        let rtp_port = rtp.local_addr().unwrap().port();
        let phone = Phone::new(PhoneConfig { rtp_port, ..PhoneConfig::new(here, server.addr(), user) });
        Self { phone, sip, rtp }
    }

    /// Drives the phone until `done`, for ten seconds at most.
    pub(crate) fn run_until(&mut self, done: impl Fn(&Phone) -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !done(&self.phone) {
            assert!(Instant::now() < end, "not done: {:?}, {:?}", self.phone.standing(), self.phone.line());
            self.turn();
            std::thread::sleep(Duration::from_millis(2));
        }
        self.turn();
    }

    pub(crate) fn turn(&mut self) {
        let mut buffer = [0; 2_048];
        for socket in [&self.sip, &self.rtp] {
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let packet = Packet::udp(from, socket.local_addr().unwrap(), buffer[..length].to_vec());
                self.phone.handle_packet(Instant::now(), packet);
            }
        }
        if self.phone.poll_timeout().is_some_and(|due| due <= Instant::now()) {
            self.phone.handle_timeout(Instant::now());
        }
        while let Some(packet) = self.phone.poll_transmit() {
            let sip = packet.from == self.sip.local_addr().unwrap();
            let socket = if sip { &self.sip } else { &self.rtp };
            socket.send_to(&packet.bytes, packet.to).unwrap();
        }
    }
}

/// Drives several phones until `done`, for ten seconds at most.
#[track_caller]
pub(crate) fn run_all<const N: usize>(phones: &mut [&mut Real; N], done: impl Fn([&Phone; N]) -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        for real in phones.iter_mut() {
            real.turn();
        }
        let all: [&Phone; N] = std::array::from_fn(|at| &phones[at].phone);
        if done(all) {
            return;
        }
        assert!(Instant::now() < end, "not done: {:?}", all.map(Phone::line));
        std::thread::sleep(Duration::from_millis(2));
    }
}
