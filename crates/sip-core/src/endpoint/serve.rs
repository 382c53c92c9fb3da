//! Requests from the peer, up to the point where it is known who serves them: RFC 3261 §8.2.

use super::caller::SDP;
use super::{Endpoint, Flow, Transmit};
use crate::header::Name;
use crate::message::{Builder, Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::{Received, ReplyPath, TransactionId};
use crate::validate::{self, Capabilities};
use std::time::Instant;

/// Seconds after which an overloaded endpoint wants to be asked again.
const OVERLOAD_RETRY: u32 = 10;

impl Endpoint {
    /// A request that could be read.
    pub(super) fn handle_request(&mut self, now: Instant, flow: Flow, request: Request) {
        let method = request.method();
        let sound = validate::request(&request);
        if method == Method::Ack {
            // Nothing answers an ACK; a faulty one is dropped.
            if sound.is_err() {
                self.counters.malformed += 1;
                return;
            }
        } else if self.events.len() >= self.config.limits.events {
            return self.overloaded_stateless(flow, &request);
        }
        match self.transactions.handle_request(now, flow, &request) {
            Received::Absorbed => {}
            Received::Full => self.overloaded_stateless(flow, &request),
            Received::Ack => self.serve_ack(now, &request),
            Received::Merged(transaction) => {
                let builder = self.reply(&request, StatusCode::LOOP_DETECTED, None);
                self.transactions.respond(now, transaction, builder);
            }
            Received::New(transaction) => match sound.and_then(|()| self.check(&request)) {
                Ok(()) => self.serve(now, transaction, flow, request),
                Err(rejection) => {
                    self.counters.rejected += 1;
                    let tag = self.mint.tag();
                    let builder = rejection.reply(&request, Some(&tag)).header(Name::Server, &self.config.user_agent);
                    self.transactions.respond(now, transaction, builder);
                }
            },
        }
    }

    /// §8.2.1 to §8.2.3: method, extensions, content.
    fn check(&self, request: &Request) -> Result<(), validate::Rejection> {
        let session = matches!(request.method(), Method::Invite | Method::Update);
        let capabilities = Capabilities {
            methods: self.config.allow.clone(),
            extensions: self.option_tags(self.knows_reliable()),
            content_types: vec![if session { SDP.to_owned() } else { "*/*".to_owned() }],
        };
        capabilities.check(request)
    }

    fn serve(&mut self, now: Instant, transaction: TransactionId, flow: Flow, request: Request) {
        let method = request.method();
        if method == Method::Cancel {
            return self.serve_cancel(now, transaction, request);
        }
        let in_dialog = request.to().is_ok_and(|to| to.tag().is_some());
        if in_dialog {
            return match self.session_of(&request) {
                Some(session) => self.serve_in_dialog(now, session, transaction, flow, request),
                None if self.serve_refer_notify(now, transaction, &request) => {}
                None if self.serve_subscription_notify(now, transaction, &request) => {}
                None if self.serve_refresh(now, transaction, &request) => {}
                // §12.2.2: a dialog that we do not know.
                None => {
                    let builder = self.reply(&request, StatusCode::CALL_DOES_NOT_EXIST, None);
                    self.transactions.respond(now, transaction, builder);
                }
            };
        }
        match method {
            Method::Invite => self.serve_invite(now, transaction, flow, request),
            Method::Options => self.answer_options(now, transaction, &request, flow, None),
            // These live in dialogs only.
            Method::Bye | Method::Prack | Method::Update => {
                let builder = self.reply(&request, StatusCode::CALL_DOES_NOT_EXIST, None);
                self.transactions.respond(now, transaction, builder);
            }
            Method::Refer => self.serve_refer(now, transaction, None, flow, request),
            Method::Subscribe if !self.config.packages.is_empty() => {
                self.serve_subscribe(now, transaction, flow, request);
            }
            _ => self.hand_up(transaction, None, flow, request),
        }
    }

    /// The start of a response: what §8.2.6.2 copies, our tag, Server.
    pub(super) fn reply(&self, request: &Request, status: StatusCode, tag: Option<&str>) -> Builder<Response> {
        // A tag for whoever has none yet need not be secret: it only has to be there, and the same in each copy, which the
        // transaction repeats byte for byte.
        let stateless = tag.is_none().then(|| format!("{:08x}", checksum(request.as_bytes())));
        Response::reply_to(request, status, tag.or(stateless.as_deref())).header(Name::Server, &self.config.user_agent)
    }

    pub(super) fn overloaded(&mut self, now: Instant, transaction: TransactionId, request: &Request) {
        let builder =
            self.reply(request, StatusCode::SERVICE_UNAVAILABLE, None).header(Name::RetryAfter, OVERLOAD_RETRY);
        self.transactions.respond(now, transaction, builder);
    }

    fn overloaded_stateless(&mut self, flow: Flow, request: &Request) {
        self.counters.overload += 1;
        let builder =
            self.reply(request, StatusCode::SERVICE_UNAVAILABLE, None).header(Name::RetryAfter, OVERLOAD_RETRY);
        self.respond_stateless(flow, request, builder);
    }

    /// §8.2.7: a response without a transaction.
    pub(super) fn respond_stateless(&mut self, flow: Flow, request: &Request, builder: Builder<Response>) {
        let path = ReplyPath::of(flow, request);
        let bytes = path.stamp(builder).build().as_bytes().clone();
        self.transactions.transmit(Transmit { flow: path.flow(flow), bytes });
    }
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
