//! Which of our addresses faces a remote one.
use sip_core::uri::Host;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The address that the operating system's routes would send from, or `None` without a route. No packet is sent: a
/// connected UDP socket only asks the routing table.
pub(crate) fn facing(remote: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match remote {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = UdpSocket::bind((any, 0)).ok()?;
    // The port is of no matter, but 0 is refused by some systems.
    probe.connect((remote, 9)).ok()?;
    probe.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified())
}

/// The address towards the world at large, for a peer whose address is not known yet.
pub(crate) fn default_route() -> IpAddr {
    // TEST-NET-1 and the documentation prefix: routed like any public address, belonging to nobody (RFC 5737, 3849).
    facing(Ipv4Addr::new(192, 0, 2, 1).into())
        .or_else(|| facing(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()))
        .unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// Remembers answers for a while: a reader asks once for each datagram.
#[derive(Debug, Default)]
pub(crate) struct Facing {
    known: BTreeMap<IpAddr, (Option<IpAddr>, Instant)>,
}

/// Routes change when a laptop moves; the answer is asked again after this.
const FRESH: Duration = Duration::from_secs(10);
/// Anyone can send from any address.
const MAX_KNOWN: usize = 256;

impl Facing {
    pub(crate) fn towards(&mut self, now: Instant, remote: IpAddr) -> Option<IpAddr> {
        match self.known.get(&remote) {
            Some((local, asked)) if now.duration_since(*asked) < FRESH => *local,
            _ => {
                if self.known.len() >= MAX_KNOWN {
                    self.known.clear();
                }
                let local = facing(remote);
                self.known.insert(remote, (local, now));
                local
            }
        }
    }

    /// Our end of a flow to `remote` from a socket bound to `bound`, which may be a wildcard.
    pub(crate) fn local(&mut self, now: Instant, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        SocketAddr::new(self.towards(now, remote.ip()).unwrap_or(bound.ip()), bound.port())
    }
}

/// Which of our addresses faced a host when it was last resolved: the offer of a call names it before that is asked again.
#[derive(Debug, Default)]
pub(crate) struct Faced {
    hosts: BTreeMap<Host, IpAddr>,
}

impl Faced {
    pub(crate) fn remember(&mut self, host: Host, local: IpAddr) {
        if self.hosts.len() >= MAX_KNOWN {
            self.hosts.clear();
        }
        self.hosts.insert(host, local);
    }

    /// For a host never met, what its name or address alone says.
    pub(crate) fn towards(&self, host: &Host) -> Option<IpAddr> {
        let met = self.hosts.get(host).copied();
        met.or_else(|| facing(host.ip()?)).or_else(|| {
            // RFC 6761 §6.3.
            host.name()?.eq_ignore_ascii_case("localhost").then(|| Ipv4Addr::LOCALHOST.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_faced_as_it_was_met() {
        let mut faced = Faced::default();
        let met: Host = "pbx.example".parse().unwrap();
        faced.remember(met.clone(), [192, 0, 2, 7].into());
        assert_eq!(faced.towards(&met), Some([192, 0, 2, 7].into()));
        assert_eq!(faced.towards(&"localhost".parse().unwrap()), Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(faced.towards(&"127.0.0.1".parse().unwrap()), Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(faced.towards(&"stranger.example".parse().unwrap()), None);
    }

    #[test]
    fn loopback_faces_loopback() {
        assert_eq!(facing(Ipv4Addr::LOCALHOST.into()), Some(Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn a_bound_address_wins_over_the_routes() {
        let bound: SocketAddr = "127.0.0.2:5060".parse().unwrap();
        let local = Facing::default().local(Instant::now(), bound, "127.0.0.1:5060".parse().unwrap());
        assert_eq!(local, bound);
    }

    #[test]
    fn a_flood_of_addresses_is_not_remembered() {
        let (mut facing, now) = (Facing::default(), Instant::now());
        for host in 0..2000_u32 {
            facing.known.insert(IpAddr::from(host.to_be_bytes()), (None, now));
            facing.towards(now, Ipv4Addr::LOCALHOST.into());
            facing.known.remove(&IpAddr::V4(Ipv4Addr::LOCALHOST));
            assert!(facing.known.len() <= MAX_KNOWN);
        }
    }
}
