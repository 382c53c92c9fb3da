//! Session timers: what is asked for, agreed on and refreshed (RFC 4028). When is in [`crate::usage::session_timer`].

use super::outgoing::{Draft, OutgoingId, Purpose};
use super::session::{Session, Stage};
use super::{Endpoint, Headers, SessionEvent, SessionId};
use crate::header::{MinSe, Name, Refresher, SessionExpires};
use crate::message::{Fields, Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::layer::TransactionId;
use crate::usage::session_timer::{Action, Expiration, Input, SHORTEST};
use std::time::{Duration, Instant};

/// The option tag.
pub(super) const TIMER: &str = "timer";

/// How often 422 may raise the interval of one request.
const MAX_RAISES: u32 = 2;

/// The longest Min-SE that is followed, in seconds: a day.
const LONGEST_MIN_SE: u32 = 86_400;

impl Endpoint {
    /// Session-Expires and Min-SE of a request of ours: the first INVITE, or one within a session.
    pub(super) fn interval_headers(&self, id: Option<SessionId>) -> Headers {
        let Some(config) = self.config.session_timer else { return Headers::new() };
        let session = id.and_then(|id| self.sessions.get(&id));
        let (delta_seconds, refresher, min_se) = match session {
            None => (seconds(config.interval), None, seconds(config.min)),
            Some(Session { stage: Stage::Talking { .. }, expiration, min_se, .. }) => {
                // §7.4: once the peer has turned it off, it stays off.
                let Some(interval) = expiration.interval() else { return Headers::new() };
                // §7.4: so that the roles stay as they are.
                let refresher = if expiration.is_ours() { Refresher::Uac } else { Refresher::Uas };
                (seconds(interval).max(*min_se), Some(refresher), *min_se)
            }
            // Before the answer it is the INVITE that says so.
            Some(_) => return Headers::new(),
        };
        let mut headers = vec![(Name::SessionExpires, SessionExpires { delta_seconds, refresher }.to_string())];
        // §5: 90 seconds need not be said.
        if min_se > seconds(SHORTEST) {
            headers.push((Name::MinSe, min_se.to_string()));
        }
        headers
    }

    /// A 2xx to a session refresh request of ours came, which asked for that interval (§7.2).
    pub(super) fn interval_agreed(&mut self, now: Instant, id: SessionId, asked: Option<u32>, response: &Response) {
        if self.config.session_timer.is_none() {
            return;
        }
        let input = match (response.maybe::<SessionExpires>(), asked) {
            // A missing refresher is against §7.2; one too many harms less than none.
            (Ok(Some(agreed)), _) => Input::Agreed {
                interval: Duration::from_secs(u64::from(agreed.delta_seconds)),
                ours: agreed.refresher != Some(Refresher::Uas),
            },
            // §7.2: the peer does not know of it, so we refresh for our own benefit.
            (_, Some(asked)) if !response.has_token(Name::Supported, TIMER) => {
                Input::Agreed { interval: Duration::from_secs(u64::from(asked)), ours: true }
            }
            _ => Input::Unset,
        };
        self.step_expiration(now, id, input);
    }

    /// Session-Expires and Require of our 2xx to a session refresh request; from now on they hold (§9).
    pub(super) fn interval_granted(&mut self, now: Instant, id: SessionId, request: &Request) -> Headers {
        let (Some(config), Some(session)) = (self.config.session_timer, self.sessions.get_mut(&id)) else {
            return Headers::new();
        };
        if let Some(MinSe(min_se)) = request.maybe::<MinSe>().ok().flatten() {
            session.min_se = session.min_se.max(min_se.min(LONGEST_MIN_SE));
        }
        let supports = knows_timer(request);
        let asked = request.maybe::<SessionExpires>().ok().flatten();
        let least = request.maybe::<MinSe>().ok().flatten().map_or(0, |MinSe(min_se)| min_se).max(seconds(SHORTEST));
        let most = seconds(config.interval).max(least);
        let current = session.expiration;
        let (delta_seconds, refresher) = match asked {
            Some(asked) if supports => {
                let kept = if current.is_ours() { Refresher::Uas } else { Refresher::Uac };
                (asked.delta_seconds.min(most), asked.refresher.unwrap_or(kept))
            }
            // Table 2: a proxy asks, and the peer would not refresh. An interval too small is not taken up.
            Some(asked) if asked.delta_seconds >= least => (asked.delta_seconds.min(most), Refresher::Uas),
            // The peer does not ask, but it would understand.
            None if supports => {
                let theirs = current.interval().is_some() && !current.is_ours();
                (most, if theirs { Refresher::Uac } else { Refresher::Uas })
            }
            _ => {
                // What we do for our own benefit begins anew; else there is no expiration.
                let input = match current.interval() {
                    Some(interval) if current.is_ours() => Input::Agreed { interval, ours: true },
                    _ => Input::Unset,
                };
                self.step_expiration(now, id, input);
                return Headers::new();
            }
        };
        let interval = Duration::from_secs(u64::from(delta_seconds));
        self.step_expiration(now, id, Input::Agreed { interval, ours: refresher == Refresher::Uas });
        let agreed = SessionExpires { delta_seconds, refresher: Some(refresher) };
        let mut headers = vec![(Name::SessionExpires, agreed.to_string())];
        if supports {
            // §9: it must read this response.
            headers.push((Name::Require, TIMER.to_owned()));
        }
        headers
    }

    /// The headers of our 2xx to an INVITE or UPDATE in a dialog.
    pub(super) fn success_headers(&mut self, now: Instant, id: SessionId, request: &Request) -> Headers {
        let mut headers = self.capability_headers();
        headers.push(self.supported(self.knows_reliable()));
        // Before the answer, the INVITE's 2xx says so.
        let early = |session: &Session| matches!(session.stage, Stage::Calling(_) | Stage::Ringing(_));
        let invite = request.method() == Method::Invite;
        if invite || request.method() == Method::Update && !self.sessions.get(&id).is_some_and(early) {
            headers.extend(self.interval_granted(now, id, request));
        }
        headers
    }

    /// Refuses an interval that is too small (§9); whether it was.
    pub(super) fn refuse_interval(&mut self, now: Instant, transaction: TransactionId, request: &Request) -> bool {
        let Some(config) = self.config.session_timer else { return false };
        let asked = request.maybe::<SessionExpires>().ok().flatten();
        let small = asked.is_some_and(|asked| asked.delta_seconds < seconds(config.min));
        // §9: whoever does not know the timer would not know the refusal either.
        if !small || !knows_timer(request) {
            return false;
        }
        let tag = self.session_of(request).and_then(|id| self.session_tag(Some(id)).map(str::to_owned));
        let builder = self
            .reply(request, StatusCode::SESSION_INTERVAL_TOO_SMALL, tag.as_deref())
            .header(Name::MinSe, seconds(config.min));
        self.transactions.respond(now, transaction, builder);
        true
    }

    /// A 422 to a request of ours: whether it was changed so that it can be sent again (§7.3).
    pub(super) fn raise_interval(&mut self, id: OutgoingId, response: &Response) -> bool {
        let Some(outgoing) = self.outgoing.get_mut(&id) else { return false };
        let session = match outgoing.purpose {
            Purpose::Invite(session) | Purpose::Reinvite(session) | Purpose::Update(session) => session,
            _ => return false,
        };
        let Some(session) = self.sessions.get_mut(&session) else { return false };
        let Some(MinSe(min_se)) = response.maybe::<MinSe>().ok().flatten() else { return false };
        let Some(asked) = asked_interval(&outgoing.draft) else { return false };
        outgoing.raises += 1;
        if outgoing.raises > MAX_RAISES || min_se <= asked || min_se > LONGEST_MIN_SE {
            return false;
        }
        session.min_se = session.min_se.max(min_se);
        let refresher = session
            .expiration
            .interval()
            .map(|_| if session.expiration.is_ours() { Refresher::Uac } else { Refresher::Uas });
        let headers = &mut outgoing.draft.headers;
        headers.retain(|(name, _)| !matches!(name, Name::SessionExpires | Name::MinSe));
        let asked = SessionExpires { delta_seconds: session.min_se, refresher };
        headers.push((Name::SessionExpires, asked.to_string()));
        headers.push((Name::MinSe, session.min_se.to_string()));
        true
    }

    /// A request of ours that would have refreshed the session failed; `refreshing` if that was all it was for.
    pub(super) fn not_refreshed(
        &mut self,
        now: Instant,
        id: SessionId,
        status: StatusCode,
        retry_after: Option<Duration>,
        refreshing: bool,
    ) {
        let Some(Session { stage: Stage::Talking { .. }, .. }) = self.sessions.get(&id) else { return };
        // §10 and RFC 3261 §12.2.1.2: the dialog is gone on the peer's side.
        if matches!(status.code(), 408 | 481) {
            if refreshing {
                self.emit_session(id, SessionEvent::Expired);
            }
            return self.send_bye(now, id, Headers::new());
        }
        self.step_expiration(now, id, Input::Failed { retry_after });
    }

    /// The deadline of a session that is answered has passed.
    pub(super) fn expiration_due(&mut self, now: Instant, id: SessionId) {
        self.step_expiration(now, id, Input::Timer);
    }

    fn step_expiration(&mut self, now: Instant, id: SessionId, input: Input) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // What is being hung up needs no refresh.
        let stays = matches!(session.stage, Stage::Talking { bye_after_ack: None, .. } | Stage::Ringing(_));
        let (expiration, action) = session.expiration.step(now, input);
        session.expiration = if stays { expiration } else { Expiration::Off };
        match action {
            _ if !stays => {}
            Action::None => {
                if matches!(input, Input::Agreed { .. } | Input::Unset) {
                    session.refresh = false;
                }
            }
            Action::Refresh => {
                session.refresh = true;
                self.waiting.insert(id);
            }
            Action::Expire => {
                self.emit_session(id, SessionEvent::Expired);
                self.end_talk(now, id, vec![(Name::Reason, EXPIRED.to_owned())]);
            }
        }
        self.arm_session(id);
    }
}

/// The Reason of the BYE (RFC 3326 §2).
const EXPIRED: &str = "SIP;cause=408;text=\"Session expired\"";

/// The interval that a request of ours asks for.
pub(super) fn asked_interval(draft: &Draft) -> Option<u32> {
    use crate::header::Header;
    let value = draft.headers.iter().find(|(name, _)| *name == Name::SessionExpires)?;
    SessionExpires::parse(&value.1).ok().map(|asked| asked.delta_seconds)
}

fn knows_timer(message: &Fields) -> bool {
    message.has_token(Name::Supported, TIMER) || message.has_token(Name::Require, TIMER)
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
