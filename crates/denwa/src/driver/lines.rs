//! Which leg is which session and which stream: the driver's one table.
use crate::identity::Context;
use call::LegId;
use media::StreamId;
use sip_core::Uri;
use sip_core::endpoint::{Headers, OfferId, ReferredId, SessionId};
use std::collections::{BTreeMap, VecDeque};

/// One call, as the three layers know it. Each part is there from its making to its end, and they do not end together.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) session: Option<SessionId>,
    pub(crate) stream: Option<StreamId>,
    /// The offer of the peer's that waits for our answer; the call layer knows only that there is one.
    pub(crate) offer: Option<OfferId>,
    /// The words of a refusal; the call layer knows only its number.
    pub(crate) reason: Option<String>,
    /// What the INVITE says beside its target.
    pub(crate) headers: Headers,
    /// What goes along with a transfer of this call.
    pub(crate) context: Option<Context>,
    /// Where the caller is sent when it is refused with 302.
    pub(crate) forward_to: Option<Uri>,
    /// The REFER of the peer's that this call follows.
    pub(crate) referred: Option<ReferredId>,
    /// Who was at the other end first, to see when the exchange gives that back.
    pub(crate) original: Option<Uri>,
    /// Keys that wait for the answer to the INFO before them.
    pub(crate) infos: VecDeque<char>,
    /// Whom it was transferred to, and whether by us.
    pub(crate) transferred: Option<(String, bool)>,
    /// Where it is parked.
    pub(crate) slot: Option<String>,
    /// The slot that it takes a call out of.
    pub(crate) takes: Option<String>,
    /// Another phone answered it.
    pub(crate) elsewhere: bool,
    /// The call layer has told the end, which is when the last of this was of use.
    over: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: BTreeMap<LegId, Line>,
    by_session: BTreeMap<SessionId, LegId>,
    by_stream: BTreeMap<StreamId, LegId>,
}

impl Lines {
    pub(crate) fn add(&mut self, leg: LegId, stream: StreamId) {
        self.lines.insert(leg, Line { stream: Some(stream), ..Line::default() });
        self.by_stream.insert(stream, leg);
    }

    pub(crate) fn bind(&mut self, leg: LegId, session: SessionId) {
        self.lines.entry(leg).or_default().session = Some(session);
        self.by_session.insert(session, leg);
    }

    pub(crate) fn session(&self, leg: LegId) -> Option<SessionId> {
        self.lines.get(&leg)?.session
    }

    pub(crate) fn stream(&self, leg: LegId) -> Option<StreamId> {
        self.lines.get(&leg)?.stream
    }

    pub(crate) fn leg_of_session(&self, session: SessionId) -> Option<LegId> {
        self.by_session.get(&session).copied()
    }

    pub(crate) fn leg_of_stream(&self, stream: StreamId) -> Option<LegId> {
        self.by_stream.get(&stream).copied()
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.by_session.keys().copied()
    }

    pub(crate) fn set_offer(&mut self, leg: LegId, offer: OfferId) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.offer = Some(offer);
        }
    }

    pub(crate) fn take_offer(&mut self, leg: LegId) -> Option<OfferId> {
        self.lines.get_mut(&leg)?.offer.take()
    }

    /// One call's line, while any layer knows the call.
    pub(crate) fn line(&mut self, leg: LegId) -> Option<&mut Line> {
        self.lines.get_mut(&leg)
    }

    pub(crate) fn set_reason(&mut self, leg: LegId, reason: String) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.reason = Some(reason);
        }
    }

    pub(crate) fn take_reason(&mut self, leg: LegId) -> Option<String> {
        self.lines.get_mut(&leg)?.reason.take()
    }

    /// The sound is over; returns what is to be closed.
    pub(crate) fn take_stream(&mut self, leg: LegId) -> Option<StreamId> {
        let stream = self.lines.get_mut(&leg)?.stream.take()?;
        self.by_stream.remove(&stream);
        self.forget_if_empty(leg);
        Some(stream)
    }

    /// The signalling is over.
    pub(crate) fn unbind(&mut self, session: SessionId) -> Option<LegId> {
        let leg = self.by_session.remove(&session)?;
        if let Some(line) = self.lines.get_mut(&leg) {
            line.session = None;
            line.offer = None;
        }
        self.forget_if_empty(leg);
        Some(leg)
    }

    pub(crate) fn streams(&self) -> impl Iterator<Item = (LegId, StreamId)> {
        self.by_stream.iter().map(|(stream, leg)| (*leg, *stream))
    }

    /// No call is left in any layer.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The call is over for the call layer.
    pub(crate) fn close(&mut self, leg: LegId) {
        if let Some(line) = self.lines.get_mut(&leg) {
            line.over = true;
        }
        self.forget_if_empty(leg);
    }

    fn forget_if_empty(&mut self, leg: LegId) {
        if self.lines.get(&leg).is_some_and(|line| line.over && line.session.is_none() && line.stream.is_none()) {
            self.lines.remove(&leg);
        }
    }
}
