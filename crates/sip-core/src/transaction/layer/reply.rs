//! Messages that transactions make themselves, and the way back of a response.

use crate::flow::{Flow, Transport};
use crate::header::{Name, Via};
use crate::message::{Builder, Request, Response};
use crate::method::Method;
use crate::resolve::DEFAULT_PORT;
use crate::scan::Elements;
use crate::status::StatusCode;
use bytes::Bytes;
use std::net::SocketAddr;

/// Where the responses to one request go, RFC 3261 §18.2.2 and RFC 3581 §4.
#[derive(Clone, Debug)]
pub(crate) struct ReplyPath {
    /// For UDP: where §18.2.2 sends it. For a stream the connection itself.
    to: Option<Flow>,
    /// For a stream: a connection to the address in Via, if the first one is gone.
    fallback: Option<Flow>,
    /// The Via lines of the response, the first with `received` and `rport`; empty if they stay as they are.
    vias: Vec<String>,
}

impl ReplyPath {
    pub(crate) fn of(flow: Flow, request: &Request) -> Self {
        let Ok(via) = request.top_via() else { return Self { to: None, fallback: None, vias: Vec::new() } };
        let sent_by_port = via.port().unwrap_or(DEFAULT_PORT);
        let source = flow.remote;
        let wants_rport = via.rport().is_some();
        // §18.2.1: `received` if sent-by is a name or another address; RFC 3581 §4: always beside a filled `rport`.
        let received = wants_rport || via.host_ip() != Some(source.ip());
        let vias = if received {
            let top = stamped(&via, source, wants_rport);
            stamped_lines(request, top)
        } else {
            Vec::new()
        };
        match flow.transport {
            Transport::Tcp => {
                let back = Flow { remote: SocketAddr::new(source.ip(), sent_by_port), ..flow };
                let fallback = (back.remote != source && sent_by_port != 0).then_some(back);
                Self { to: None, fallback, vias }
            }
            Transport::Udp => {
                let maddr = via.maddr().and_then(|maddr| maddr.parse().ok());
                let remote = match (maddr, wants_rport) {
                    (Some(maddr), _) => SocketAddr::new(maddr, sent_by_port),
                    (None, true) => source,
                    (None, false) => SocketAddr::new(source.ip(), sent_by_port),
                };
                Self { to: Some(Flow { remote, ..flow }), fallback: None, vias }
            }
        }
    }

    /// The flow for a response, where `current` is the connection that the request came by.
    pub(crate) fn flow(&self, current: Flow) -> Flow {
        self.to.unwrap_or(current)
    }

    pub(crate) fn take_fallback(&mut self) -> Option<Flow> {
        self.fallback.take()
    }

    /// Puts `received` and `rport` into the first Via.
    pub(crate) fn stamp(&self, builder: Builder<Response>) -> Builder<Response> {
        if self.vias.is_empty() {
            return builder;
        }
        self.vias.iter().rev().fold(builder.remove(&Name::Via), |builder, line| builder.prepend(Name::Via, line))
    }
}

/// The value with `received`, and `rport` filled if it is there.
fn stamped(via: &Via<'_>, source: SocketAddr, wants_rport: bool) -> String {
    let mut value = format!("SIP/2.0/{} {}", via.transport(), via.host());
    if let Some(port) = via.port() {
        value += &format!(":{port}");
    }
    for param in via.params().iter() {
        if param.name.eq_ignore_ascii_case("rport") || param.name.eq_ignore_ascii_case("received") {
            continue;
        }
        value += &match (param.value, param.quoted) {
            (None, _) => format!(";{}", param.name),
            (Some(text), false) => format!(";{}={text}", param.name),
            (Some(text), true) => format!(";{}=\"{text}\"", param.name),
        };
    }
    value += &format!(";received={}", source.ip());
    if wants_rport {
        value += &format!(";rport={}", source.port());
    }
    value
}

fn stamped_lines(request: &Request, top: String) -> Vec<String> {
    let mut lines: Vec<String> = request.values(&Name::Via).map(str::to_owned).collect();
    if let Some(first) = lines.first_mut() {
        let rest: Vec<&str> = Elements::new(first).skip(1).collect();
        *first = if rest.is_empty() { top } else { format!("{top}, {}", rest.join(", ")) };
    }
    lines
}

/// The 100 (Trying) of a server transaction: no To tag (§8.2.6.2).
pub(super) fn trying(request: &Request, path: &ReplyPath) -> Bytes {
    path.stamp(Response::reply_to(request, StatusCode::TRYING, None)).build().as_bytes().clone()
}

/// §17.1.1.3: the ACK to a failure.
pub(super) fn ack_for(request: &Request, response: &Response) -> Option<Request> {
    derived(request, Method::Ack).map(|builder| builder.copy(response, Name::To)).map(|builder| builder.build())
}

/// §9.1: the CANCEL of a request.
pub(super) fn cancel_for(request: &Request, headers: &[(Name, String)]) -> Option<Request> {
    let builder = derived(request, Method::Cancel)?.copy(request, Name::To).copy(request, Name::UserAgent);
    Some(headers.iter().fold(builder, |builder, (name, value)| builder.header(name.clone(), value)).build())
}

fn derived(request: &Request, method: Method) -> Option<Builder<Request>> {
    let cseq = request.cseq().ok()?;
    let top_via = request.values(&Name::Via).next()?;
    let sequence = format!("{} {}", cseq.number, method.as_str());
    let builder = Request::builder(method, &request.uri().ok()?)
        .header(Name::Via, top_via)
        .copy(request, Name::Route)
        .header(Name::MaxForwards, 70)
        .copy(request, Name::From)
        .copy(request, Name::CallId)
        .header(Name::CSeq, sequence);
    Some(builder)
}
