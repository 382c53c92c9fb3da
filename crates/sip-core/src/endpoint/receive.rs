//! Bytes from the network: framing, and what is answered or dropped before anybody sees it.

use super::{Endpoint, Flow, Transmit, Transport};
use crate::frame::{self, Frame, FrameError};
use crate::message::{Message, ParseError, Response};
use crate::validate;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Instant;

impl Endpoint {
    /// One UDP datagram.
    pub fn handle_datagram(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.counters.received += 1;
        match frame::datagram(bytes) {
            Ok(Some(message)) => self.handle_message(now, flow, message),
            Ok(None) => self.counters.keep_alives += 1,
            Err(error) => self.handle_malformed(flow, &error),
        }
        self.pump(now);
    }

    /// Bytes of a stream. Messages are put together here, one framer for each remote address.
    pub fn handle_stream(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.counters.received += 1;
        let key = stream_key(&flow);
        if !self.streams.contains_key(&key) && self.streams.len() >= self.config.limits.streams {
            self.counters.overload += 1;
            return;
        }
        let mut framer = self.streams.remove(&key).unwrap_or_default();
        framer.push(&bytes);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => self.handle_message(now, flow, message),
                Ok(Some(Frame::KeepAlivePing)) => {
                    self.counters.keep_alives += 1;
                    // RFC 5626 §4.4.1: a ping is answered with one CRLF.
                    self.transactions.transmit(Transmit { flow, bytes: Bytes::from_static(b"\r\n") });
                }
                Ok(Some(Frame::KeepAlivePong)) => self.counters.keep_alives += 1,
                Ok(None) => break,
                Err(FrameError::Malformed(error)) => self.handle_malformed(flow, &error),
                Err(FrameError::Lost(error)) => {
                    self.counters.broken_streams += 1;
                    self.handle_malformed(flow, &error);
                }
            }
            self.pump(now);
        }
        // One that has lost its place swallows the rest until the connection is closed.
        self.streams.insert(key, framer);
        self.pump(now);
    }

    /// A connection was closed or could not be opened, or a datagram could not be delivered (ICMP).
    pub fn handle_closed(&mut self, now: Instant, flow: Flow) {
        self.streams.remove(&stream_key(&flow));
        self.transactions.handle_closed(now, &flow);
        self.pump(now);
        self.accounts_closed(now, &flow);
        self.pump(now);
    }

    fn handle_message(&mut self, now: Instant, flow: Flow, message: Message) {
        match message {
            Message::Request(request) => self.handle_request(now, flow, request),
            Message::Response(response) => self.handle_response(now, response),
        }
        self.pump(now);
    }

    fn handle_response(&mut self, now: Instant, response: Response) {
        if validate::response(&response).is_err() {
            self.counters.malformed += 1;
        } else if !self.transactions.handle_response(now, response) {
            self.counters.strays += 1;
        }
    }

    /// A message that is none: answered without state if that is possible, else dropped.
    fn handle_malformed(&mut self, flow: Flow, error: &ParseError) {
        match error.answerable() {
            Some(request) => {
                self.counters.rejected += 1;
                let builder = self.reply(request, error.status(), None);
                self.respond_stateless(flow, request, builder);
            }
            None => self.counters.malformed += 1,
        }
    }
}

fn stream_key(flow: &Flow) -> (Transport, SocketAddr) {
    (flow.transport, flow.remote)
}
