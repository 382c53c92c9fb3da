//! Where to send a request: RFC 3263 §4 as a pure machine of questions and answers.
//!
//! The endpoint emits [`Event::Resolve`](crate::endpoint::Event::Resolve) with a [`Question`]. The shell drives a
//! [`Lookup`] with its DNS, adds the local address of each target and hands the flows back:
//!
//! ```
//! use sip_core::resolve::{Answer, Lookup, Query, Question};
//! let uri = "sip:bob@192.0.2.4:5070".parse().unwrap();
//! let question = Question::for_uri(&uri, None).unwrap();
//! let mut lookup = Lookup::new(question, [0; 32]);
//! while let Some(query) = lookup.query() {
//!     let answer = match query {
//!         Query::Naptr(_name) => Answer::Nothing, // ask DNS here
//!         Query::Srv(_name) => Answer::Nothing,
//!         Query::Addresses(_name) => Answer::Nothing,
//!     };
//!     lookup.answer(answer);
//! }
//! let targets = lookup.into_targets();
//! assert_eq!(targets[0].addr, "192.0.2.4:5070".parse().unwrap()); // literal: no query was asked
//! ```

use crate::flow::{Flow, Transport};
use crate::uri::{Host, SipUri, Uri};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

#[cfg(test)]
mod tests;

/// Most targets kept for one question, and most records used of one answer.
pub const MAX_TARGETS: usize = 32;

/// The port of SIP over UDP and TCP, RFC 3261 §19.1.2.
pub const DEFAULT_PORT: u16 = 5060;

/// What must be found out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// A name or an address.
    pub host: Host,
    /// The URI's port; given, it excludes NAPTR and SRV.
    pub port: Option<u16>,
    /// The transport that the URI or the account names.
    pub transport: Option<Transport>,
}

/// The answer to a whole [`Question`], given to `Endpoint::handle_resolved`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// Try these in order. Empty means that the host has no address we can use.
    Flows(Vec<Flow>),
    /// Nothing could be found out.
    Failed,
}

impl Question {
    /// The question for a next hop. `force` overrides the URI's transport.
    ///
    /// `None` if no request can be sent there: not SIP, or an unknown or secure transport, which this endpoint has not.
    pub fn for_uri(uri: &Uri, force: Option<Transport>) -> Option<Self> {
        let uri = uri.as_sip()?;
        Self::for_sip_uri(uri, force)
    }

    fn for_sip_uri(uri: &SipUri, force: Option<Transport>) -> Option<Self> {
        if uri.is_secure() {
            return None;
        }
        // §4: TARGET is the maddr parameter if there is one.
        let host = match uri.param("maddr") {
            Some(maddr) => maddr.parse().ok()?,
            None => uri.host().clone(),
        };
        let transport = match (force, uri.param("transport")) {
            (Some(force), _) => Some(force),
            (None, Some(param)) => Some(Transport::from_param(&param)?),
            (None, None) => None,
        };
        Some(Self { host, port: uri.port().filter(|port| *port != 0), transport })
    }
}

impl Question {
    /// Whether that flow leads to the host in question, so that nobody need be asked: the same address, port and transport.
    /// On a connection that the peer opened (`accepted`) its port says nothing; it is used all the same, since peers behind
    /// NAT have no other.
    pub(crate) fn is_answered_by(&self, flow: &Flow, accepted: bool) -> bool {
        let transport = self.transport.unwrap_or(Transport::Udp);
        let same_port = self.port.unwrap_or(DEFAULT_PORT) == flow.remote.port();
        let reused = accepted && flow.transport.is_reliable();
        self.host.ip() == Some(flow.remote.ip()) && transport == flow.transport && (same_port || reused)
    }
}

/// One place to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// By this transport.
    pub transport: Transport,
    /// To this address.
    pub addr: SocketAddr,
}

/// One DNS query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// NAPTR records of the name.
    Naptr(String),
    /// SRV records of the name.
    Srv(String),
    /// A and AAAA records of the name.
    Addresses(String),
}

/// The answer to one [`Query`]. One of another kind counts as `Nothing`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// NAPTR records, in any order.
    Naptr(Vec<Naptr>),
    /// SRV records, in any order.
    Srv(Vec<Srv>),
    /// Addresses, in the order to try.
    Addresses(Vec<IpAddr>),
    /// No records, or no answer.
    Nothing,
}

/// A NAPTR record, RFC 2915, as far as RFC 3263 uses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Naptr {
    /// Lower first.
    pub order: u16,
    /// Lower first within an order.
    pub preference: u16,
    /// `s` for SIP.
    pub flags: String,
    /// `SIP+D2U` and the like.
    pub service: String,
    /// The SRV name.
    pub replacement: String,
}

/// An SRV record, RFC 2782.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Srv {
    /// Lower first.
    pub priority: u16,
    /// Share within a priority.
    pub weight: u16,
    /// Of the service.
    pub port: u16,
    /// Its host.
    pub target: String,
}

/// What is still to be asked. The front is asked next.
#[derive(Clone, Debug)]
enum Step {
    Naptr {
        domain: String,
    },
    Srv {
        name: String,
        transport: Transport,
    },
    Addresses {
        name: String,
        port: u16,
        transport: Transport,
    },
    /// §4.2: only if nothing came before it.
    Fallback {
        name: String,
        port: u16,
        transport: Transport,
    },
}

/// The machine. Ask [`query`](Self::query), answer it, repeat until it is `None`, take the targets.
#[derive(Clone, Debug)]
pub struct Lookup {
    steps: VecDeque<Step>,
    targets: Vec<Target>,
    random: ChaCha8Rng,
    /// Queries left; a zone that refers on and on comes to an end.
    budget: usize,
}

impl Lookup {
    /// Begins. The seed orders SRV records of equal priority.
    pub fn new(question: Question, seed: [u8; 32]) -> Self {
        let mut this = Self {
            steps: VecDeque::new(),
            targets: Vec::new(),
            random: ChaCha8Rng::from_seed(seed),
            budget: 2 * MAX_TARGETS,
        };
        let Question { host, port, transport } = question;
        // §4.1: with an address or a port and no transport parameter the transport is UDP; §4.2: no SRV then.
        let plain = transport.unwrap_or(Transport::Udp);
        match (host.ip(), host.name()) {
            (Some(ip), _) => this.push(plain, SocketAddr::new(ip, port.unwrap_or(DEFAULT_PORT))),
            (None, Some(name)) => {
                let name = name.trim_end_matches('.').to_owned();
                let first = match (port, transport) {
                    (Some(port), _) => Step::Addresses { name, port, transport: plain },
                    (None, Some(transport)) => {
                        this.steps.push_back(Step::Srv { name: srv_name(transport, &name), transport });
                        Step::Fallback { name, port: DEFAULT_PORT, transport }
                    }
                    (None, None) => Step::Naptr { domain: name },
                };
                this.steps.push_back(first);
            }
            (None, None) => {}
        }
        this
    }

    /// The next query; the same one until it is answered.
    pub fn query(&mut self) -> Option<Query> {
        loop {
            if self.budget == 0 || self.targets.len() >= MAX_TARGETS {
                return None;
            }
            match self.steps.front()? {
                Step::Naptr { domain } => return Some(Query::Naptr(domain.clone())),
                Step::Srv { name, .. } => return Some(Query::Srv(name.clone())),
                Step::Addresses { name, .. } => return Some(Query::Addresses(name.clone())),
                Step::Fallback { .. } if !self.targets.is_empty() => {}
                Step::Fallback { name, .. } => return Some(Query::Addresses(name.clone())),
            }
            self.steps.pop_front();
        }
    }

    /// Answers the query that [`query`](Self::query) gave.
    pub fn answer(&mut self, answer: Answer) {
        let Some(step) = self.steps.pop_front() else { return };
        self.budget = self.budget.saturating_sub(1);
        match (step, answer) {
            (Step::Naptr { domain }, answer) => {
                let records = if let Answer::Naptr(records) = answer { records } else { Vec::new() };
                self.after_naptr(&domain, records);
            }
            (Step::Srv { transport, .. }, Answer::Srv(records)) => {
                // RFC 2782: a single "." says that the service is not there.
                let records =
                    records.into_iter().filter(|r| !r.target.trim_end_matches('.').is_empty()).take(MAX_TARGETS);
                let ordered = order_srv(records.collect(), &mut self.random);
                for srv in ordered.into_iter().rev() {
                    let name = srv.target.trim_end_matches('.').to_owned();
                    self.steps.push_front(Step::Addresses { name, port: srv.port, transport });
                }
            }
            (
                Step::Addresses { port, transport, .. } | Step::Fallback { port, transport, .. },
                Answer::Addresses(ips),
            ) => {
                for ip in ips {
                    self.push(transport, SocketAddr::new(ip, port));
                }
            }
            (Step::Srv { .. } | Step::Addresses { .. } | Step::Fallback { .. }, _) => {}
        }
    }

    /// The targets, in the order to try; complete once `query` is `None`.
    pub fn into_targets(self) -> Vec<Target> {
        self.targets
    }

    /// §4.1: the NAPTR records choose transport and SRV name; without any of ours, SRV of each transport.
    fn after_naptr(&mut self, domain: &str, mut records: Vec<Naptr>) {
        records.sort();
        let chosen: Vec<Step> = records
            .into_iter()
            .filter(|r| r.flags.eq_ignore_ascii_case("s") && !r.replacement.trim_end_matches('.').is_empty())
            .filter_map(|r| {
                let transport = match r.service.to_ascii_uppercase().as_str() {
                    "SIP+D2U" => Transport::Udp,
                    "SIP+D2T" => Transport::Tcp,
                    _ => return None,
                };
                Some(Step::Srv { name: r.replacement.trim_end_matches('.').to_owned(), transport })
            })
            .take(MAX_TARGETS)
            .collect();
        if chosen.is_empty() {
            for transport in [Transport::Udp, Transport::Tcp] {
                self.steps.push_back(Step::Srv { name: srv_name(transport, domain), transport });
            }
        } else {
            self.steps.extend(chosen);
        }
        // §4.2: no SRV at all: the addresses of the domain itself.
        self.steps.push_back(Step::Fallback { name: domain.to_owned(), port: DEFAULT_PORT, transport: Transport::Udp });
    }

    fn push(&mut self, transport: Transport, addr: SocketAddr) {
        let target = Target { transport, addr };
        if self.targets.len() < MAX_TARGETS && !self.targets.contains(&target) {
            self.targets.push(target);
        }
    }
}

fn srv_name(transport: Transport, domain: &str) -> String {
    match transport {
        Transport::Udp => format!("_sip._udp.{domain}"),
        Transport::Tcp => format!("_sip._tcp.{domain}"),
    }
}

/// RFC 2782: by priority; within one, drawn by weight, records of weight 0 first in the list that is drawn from.
fn order_srv(mut records: Vec<Srv>, random: &mut ChaCha8Rng) -> Vec<Srv> {
    records.sort();
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|r| r.priority) {
        let end = records.partition_point(|r| r.priority == priority);
        let total: u64 = records[..end].iter().map(|r| u64::from(r.weight)).sum();
        let draw = random.next_u64() % (total + 1);
        let mut sum = 0;
        // The first whose running sum reaches the number drawn; the last one always does.
        let chosen = records[..end].iter().position(|r| {
            sum += u64::from(r.weight);
            sum >= draw
        });
        ordered.push(records.remove(chosen.unwrap_or(0)));
    }
    ordered
}
