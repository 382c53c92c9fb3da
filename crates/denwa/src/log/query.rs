//! What is asked of the log.
use super::{Entry, OutcomeKind};
use std::collections::VecDeque;
use std::time::SystemTime;

/// How many entries [`Query::default`] asks for.
pub const DEFAULT_LIMIT: usize = 100;

/// The most entries that one query gives, whatever its `limit`.
pub const MAX_LIMIT: usize = 10_000;

/// Which calls, and how many: all conditions hold at once.
///
/// ```
/// use denwa::log::{OutcomeKind, Query};
/// let missed = Query { outcomes: vec![OutcomeKind::Missed], limit: 20, ..Query::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Those that started at this time or later.
    pub since: Option<SystemTime>,
    /// Those that started before this time.
    pub until: Option<SystemTime>,
    /// Those whose other side has this in its address or name, without regard to case.
    pub remote: Option<String>,
    /// Those with one of these outcomes; empty: all.
    pub outcomes: Vec<OutcomeKind>,
    /// At most so many, the first in the order asked for; [`DEFAULT_LIMIT`] by default, [`MAX_LIMIT`] at most.
    pub limit: usize,
    /// The call that ended last comes first (the default), or last.
    pub newest_first: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self { since: None, until: None, remote: None, outcomes: Vec::new(), limit: DEFAULT_LIMIT, newest_first: true }
    }
}

impl Query {
    /// Whether this entry is asked for.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.started >= since)
            && self.until.is_none_or(|until| entry.started < until)
            && (self.outcomes.is_empty() || self.outcomes.contains(&entry.outcome.kind()))
            && self.remote.as_deref().is_none_or(|part| {
                let part = part.to_lowercase();
                let has = |text: &str| text.to_lowercase().contains(&part);
                has(&entry.remote) || entry.name.as_deref().is_some_and(has)
            })
    }
}

/// Gathers the answer to a query out of entries that are given oldest first, in bounded memory.
pub(super) struct Answer<'a> {
    query: &'a Query,
    limit: usize,
    found: VecDeque<Entry>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        Self { query, limit: query.limit.min(MAX_LIMIT), found: VecDeque::new() }
    }

    /// Takes an entry into account.
    pub(super) fn offer(&mut self, entry: &Entry) {
        if self.limit == 0 || !self.query.matches(entry) {
            return;
        }
        if self.found.len() == self.limit {
            if !self.query.newest_first {
                return;
            }
            self.found.pop_front();
        }
        self.found.push_back(entry.clone());
    }

    /// The answer in the order asked for.
    pub(super) fn entries(self) -> Vec<Entry> {
        if self.query.newest_first { self.found.into_iter().rev().collect() } else { self.found.into() }
    }
}
