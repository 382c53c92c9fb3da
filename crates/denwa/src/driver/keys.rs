//! Keys on the wire: RFC 4733 by the media, or INFO.
use super::Driver;
use crate::event::{CallChange, CallId};
use crate::transfer::DtmfMode;
use bytes::Bytes;
use call::LegId;
use sip_core::endpoint::{Headers, RequestId};
use sip_core::{Method, Request, StatusCode};
use std::time::Instant;

/// The type of a body that tells one key.
const RELAY: &str = "application/dtmf-relay";
/// How long a key sounds, in ms, as INFO says it.
const DURATION: u32 = 160;
/// The most keys that wait for their turn.
const MAX_WAITING: usize = 64;

impl Driver {
    pub(super) fn send_keys(&mut self, now: Instant, leg: LegId, keys: &str) {
        let account = self.board.call(CallId(leg)).and_then(|call| call.account);
        let mode = account.and_then(|id| self.profiles.get(&id)).map(|profile| profile.dtmf).unwrap_or_default();
        match mode {
            DtmfMode::Rtp => {
                if let Some(stream) = self.lines.stream(leg) {
                    self.engine.send_dtmf(stream, keys);
                }
            }
            DtmfMode::Info => {
                let idle = !self.infos.values().any(|busy| *busy == leg);
                if let Some(line) = self.lines.line(leg) {
                    let room = MAX_WAITING.saturating_sub(line.infos.len());
                    line.infos.extend(keys.chars().take(room));
                }
                if idle {
                    self.send_info(now, leg);
                }
            }
        }
    }

    /// One after the other: requests of a dialog may overtake each other, and keys must not.
    fn send_info(&mut self, now: Instant, leg: LegId) {
        let Some(session) = self.lines.session(leg) else { return };
        let Some(key) = self.lines.line(leg).and_then(|line| line.infos.pop_front()) else { return };
        let body = Bytes::from(format!("Signal={key}\r\nDuration={DURATION}\r\n"));
        match self.endpoint.request(now, session, Method::Info, Headers::new(), Some((RELAY.to_owned(), body))) {
            Ok(id) => drop(self.infos.insert(id, leg)),
            Err(misuse) => tracing::debug!(%misuse, "a key could not be sent"),
        }
    }

    /// The next key's turn, whatever the answer: a key that was refused is lost, as it would be in the sound.
    pub(super) fn info_answered(&mut self, now: Instant, id: RequestId) {
        if let Some(leg) = self.infos.remove(&id) {
            self.send_info(now, leg);
        }
    }

    /// An INFO of the peer's. RFC 6086 §4.2.2: what is not understood gets 415.
    pub(super) fn info(&mut self, leg: LegId, request: &Request) -> StatusCode {
        let relay = request.content_type().is_some_and(|content| content.is(RELAY) || content.is("application/dtmf"));
        match key_of(&request.body()).filter(|_| relay) {
            Some(key) => {
                self.change(CallId(leg), CallChange::Dtmf(key), |_| {});
                StatusCode::OK
            }
            None if request.body().is_empty() => StatusCode::OK,
            None => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

/// `Signal=5`, or the key alone.
fn key_of(body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    let signal = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim().eq_ignore_ascii_case("signal").then_some(value)
    });
    let value = signal.unwrap_or(text).trim();
    match value {
        "10" => Some('*'),
        "11" => Some('#'),
        _ => {
            let mut keys = value.chars().map(|key| key.to_ascii_uppercase());
            let key = keys.next().filter(|key| call::Digits::is_key(*key))?;
            keys.next().is_none().then_some(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::key_of;

    #[test]
    fn one_key_in_a_body() {
        let cases: [(&str, Option<char>); 9] = [
            ("Signal=5\r\nDuration=160\r\n", Some('5')),
            ("Signal= *\r\nDuration= 160", Some('*')),
            ("signal=11\n", Some('#')),
            ("d", Some('D')),
            ("5", Some('5')),
            ("Signal=55", None),
            ("Duration=160", None),
            ("", None),
            ("Signal=\u{e9}", None),
        ];
        for (body, key) in cases {
            assert_eq!(key_of(body.as_bytes()), key, "{body:?}");
        }
    }
}
