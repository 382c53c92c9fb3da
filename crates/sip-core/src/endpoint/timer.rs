//! Session timers (RFC 4028): what goes into messages about them, and the refreshes.

use super::caller::{SDP, dialog_way, in_dialog_draft};
use super::outgoing::{Draft, Purpose};
use super::session::{Ours, Session, Stage};
use super::{Endpoint, Headers, RequestId, SessionEvent, SessionId};
use crate::header::{MinSe, Name, Refresher, SessionExpires};
use crate::message::{Fields, Request, Response};
use crate::method::Method;
use crate::usage::session_timer::{Action, LEAST, SessionTimer};
use std::time::{Duration, Instant};

impl Endpoint {
    /// What a request that may begin or refresh a session says about its timer.
    pub(super) fn timer_request(&self, session: Option<SessionId>) -> Headers {
        let Some(settings) = self.config.session_timer else { return Headers::new() };
        let agreed = session.and_then(|id| self.sessions.get(&id)?.timer.agreement());
        let interval = agreed.map_or(settings.interval, |(interval, _)| interval).max(LEAST);
        // RFC 4028 §7.4: who refreshes goes on to.
        let refresher = agreed.map(|(_, ours)| if ours { Refresher::Uac } else { Refresher::Uas });
        let delta_seconds = u32::try_from(interval.as_secs()).unwrap_or(u32::MAX);
        let mut headers = vec![(Name::SessionExpires, SessionExpires { delta_seconds, refresher }.to_string())];
        if settings.min > LEAST {
            headers.push((Name::MinSe, settings.min.as_secs().to_string()));
        }
        headers
    }

    /// A request of the peer's asks for less than we take: the 422 says how much that is (RFC 4028 §9). One who knows
    /// nothing of timers cannot be told so.
    pub(super) fn timer_refusal(&self, request: &Request) -> Option<Headers> {
        let settings = self.config.session_timer?;
        let asked = request.maybe::<SessionExpires>().ok().flatten()?;
        let too_short = u64::from(asked.delta_seconds) < settings.min.max(LEAST).as_secs();
        let knows = request.has_token(Name::Supported, "timer");
        (too_short && knows).then(|| vec![(Name::MinSe, settings.min.max(LEAST).as_secs().to_string())])
    }

    /// What our 2xx says about the timer; it is agreed with that (RFC 4028 §9).
    pub(super) fn timer_answer(&mut self, now: Instant, id: SessionId, request: &Request) -> Headers {
        let (Some(settings), Some(session)) = (self.config.session_timer, self.sessions.get_mut(&id)) else {
            return Headers::new();
        };
        let knows = request.has_token(Name::Supported, "timer");
        let asked = request.maybe::<SessionExpires>().ok().flatten();
        let (interval, refresher) = match asked {
            Some(SessionExpires { delta_seconds, refresher }) => {
                (Duration::from_secs(u64::from(delta_seconds)).max(settings.min), refresher)
            }
            None if knows => (settings.interval, None),
            None => {
                session.timer = SessionTimer::Off;
                return Headers::new();
            }
        };
        let before = session.timer.agreement().map(|(_, ours)| ours);
        let ours = match (refresher, before) {
            (Some(refresher), _) => refresher == Refresher::Uas,
            (None, Some(ours)) => ours,
            // Who calls keeps the call alive, if it can.
            (None, None) => !knows,
        } || !knows;
        session.timer = SessionTimer::agreed(now, interval, ours);
        let delta_seconds = u32::try_from(interval.as_secs()).unwrap_or(u32::MAX);
        let refresher = Some(if ours { Refresher::Uas } else { Refresher::Uac });
        let mut headers = vec![(Name::SessionExpires, SessionExpires { delta_seconds, refresher }.to_string())];
        if !ours {
            headers.push((Name::Require, "timer".to_owned()));
        }
        headers
    }

    /// A 2xx to a request of ours says what is agreed. Without a word the peer knows no timer.
    pub(super) fn timer_agreed(&mut self, now: Instant, id: SessionId, response: &Response) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.timer = match response.maybe::<SessionExpires>().ok().flatten() {
            Some(SessionExpires { delta_seconds, refresher }) => {
                let interval = Duration::from_secs(u64::from(delta_seconds));
                SessionTimer::agreed(now, interval, refresher != Some(Refresher::Uas))
            }
            None => SessionTimer::Off,
        };
        self.arm_session(id);
    }

    /// A session's timer has something to do.
    pub(super) fn timer_due(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (timer, action) = session.timer.step(now);
        session.timer = timer;
        if !matches!(session.stage, Stage::Talking { bye_after_ack: None, .. }) {
            return;
        }
        match action {
            Action::None => {}
            Action::Refresh => self.refresh_session(now, id),
            Action::Expire => {
                self.emit_session(id, SessionEvent::Expired);
                let reason = "SIP;cause=408;text=\"Session expired\"".to_owned();
                self.send_bye(now, id, vec![(Name::Reason, reason)]);
            }
        }
    }

    /// UPDATE where the peer takes it (RFC 4028 §7.4), else a re-INVITE that says the same as before.
    fn refresh_session(&mut self, now: Instant, id: SessionId) {
        let headers = self.timer_request(Some(id));
        let by_update = self.remote_allows(id, Method::Update);
        let supported = self.supported(&[]);
        let refresh = RequestId(self.fresh_id());
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let busy = !matches!(session.ours, Ours::None) || session.theirs.is_some() || session.unacked.is_some();
        let description = session.described.clone();
        let account = session.account;
        let Stage::Talking { dialog, .. } = &mut session.stage else { return };
        if by_update {
            let number = dialog.next_seq();
            let mut draft = in_dialog_draft(dialog, Method::Update, number);
            let way = dialog_way(dialog, &draft);
            draft.headers = headers;
            draft.headers.extend(supported);
            session.refresh = Some(refresh);
            self.send(now, Purpose::Request(refresh, Some(id)), account, draft, way);
        } else if let (false, Some(sdp)) = (busy, description) {
            let number = dialog.next_seq();
            let mut draft = in_dialog_draft(dialog, Method::Invite, number);
            let way = dialog_way(dialog, &draft);
            draft.headers = self.capability_headers();
            draft.headers.extend(supported);
            draft.headers.extend(headers);
            draft.body = Some((SDP.to_owned(), sdp));
            let invite = self.fresh_outgoing();
            if let Some(session) = self.sessions.get_mut(&id) {
                session.ours = Ours::Refresh { invite };
            }
            self.send_as(now, invite, Purpose::Reinvite(id), account, draft, way);
        } else {
            // Something else is under way, which is a sign of life too.
            session.timer = session.timer.again(now);
        }
        self.arm_session(id);
    }

    /// The UPDATE that refreshes a session has its final response; false if it is another request.
    pub(super) fn refreshed(
        &mut self,
        now: Instant,
        session: Option<SessionId>,
        request: RequestId,
        outcome: Option<&Response>,
    ) -> bool {
        let Some((id, state)) = session.and_then(|id| Some((id, self.sessions.get_mut(&id)?))) else { return false };
        if state.refresh != Some(request) {
            return false;
        }
        state.refresh = None;
        match outcome {
            Some(response) if response.status().is_success() => self.timer_agreed(now, id, response),
            _ => {
                state.timer = state.timer.again(now);
                self.arm_session(id);
            }
        }
        true
    }

    /// Whether the peer says that it supports an extension.
    pub fn remote_supports(&self, id: SessionId, option_tag: &str) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.peer.supported.iter().any(|tag| tag == option_tag))
    }

    /// Whether the peer says that it takes a method. One that does not say takes what every phone must.
    pub fn remote_allows(&self, id: SessionId, method: Method) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        match &session.peer.allow {
            Some(allow) => allow.contains(&method),
            None => matches!(method, Method::Invite | Method::Ack | Method::Bye | Method::Cancel),
        }
    }
}

/// 422 to a request of ours: what to ask for instead. `None` if it makes no sense.
pub(super) fn longer(draft: &mut Draft, response: &Response) -> Option<()> {
    let MinSe(least) = response.maybe::<MinSe>().ok().flatten()?;
    let place = draft.headers.iter().position(|(name, _)| *name == Name::SessionExpires)?;
    let asked = draft.headers[place].1.split(';').next()?.trim().parse::<u32>().ok()?;
    if least <= asked || u64::from(least) > crate::usage::session_timer::LONGEST.as_secs() {
        return None;
    }
    let rest = draft.headers[place].1.split_once(';').map(|(_, rest)| format!(";{rest}")).unwrap_or_default();
    draft.headers[place].1 = format!("{least}{rest}");
    // RFC 4028 §7.4: the request that follows says so too.
    draft.headers.retain(|(name, _)| *name != Name::MinSe);
    draft.headers.push((Name::MinSe, least.to_string()));
    Some(())
}

/// What the peer says that it can do.
#[derive(Debug, Default)]
pub(super) struct Peer {
    supported: Vec<String>,
    /// Nothing until a message says so.
    allow: Option<Vec<Method>>,
}

/// No peer has more to say.
const MAX_WORDS: usize = 64;

impl Session {
    /// Takes in what a message of the peer's says.
    pub(super) fn learn(&mut self, message: &Fields) {
        let words = |name: &Name| {
            let values = message.values(name).flat_map(|value| value.split(','));
            values
                .map(|word| word.trim().to_owned())
                .filter(|word| !word.is_empty())
                .take(MAX_WORDS)
                .collect::<Vec<_>>()
        };
        if message.has(&Name::Supported) {
            self.peer.supported = words(&Name::Supported).iter().map(|tag| tag.to_ascii_lowercase()).collect();
        }
        if message.has(&Name::Allow) {
            self.peer.allow = Some(words(&Name::Allow).iter().filter_map(|word| word.parse().ok()).collect());
        }
    }
}
