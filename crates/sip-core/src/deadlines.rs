//! Which of many things is due first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// At most one deadline for each key. Ties go to the lower key, so a run can be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines<K> {
    ordered: BTreeSet<(Instant, K)>,
    of: BTreeMap<K, Instant>,
}

impl<K: Ord + Copy> Default for Deadlines<K> {
    fn default() -> Self {
        Self { ordered: BTreeSet::new(), of: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Deadlines<K> {
    /// Sets, moves or clears the deadline of `key`.
    pub(crate) fn set(&mut self, key: K, at: Option<Instant>) {
        if let Some(old) = self.of.remove(&key) {
            self.ordered.remove(&(old, key));
        }
        if let Some(at) = at {
            self.of.insert(key, at);
            self.ordered.insert((at, key));
        }
    }

    /// The first one.
    pub(crate) fn earliest(&self) -> Option<(Instant, K)> {
        self.ordered.first().copied()
    }

    /// Takes out the first one that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = self.earliest()?;
        if at > now {
            return None;
        }
        self.set(key, None);
        Some(key)
    }
}
