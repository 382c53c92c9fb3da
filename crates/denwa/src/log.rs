//! The call log: one entry for each finished call, kept in memory and, if wanted, in a file.
//!
//! ```text
//!  append ──► the newest in memory ◄── recent, query
//!        └──► bounded queue ──► writer thread ──► file ◄── query, for what memory no longer holds
//! ```
//!
//! # The file
//! One JSON object a line ([`Entry`]; times in milliseconds since 1970 UTC), written when the call is over: one `write` to
//! a file opened for appending, never more for one call. It is never rewritten, cut or rotated. A line that a crash tore
//! is skipped and counted at the next opening, and the next line begins behind it. Two programs may append to one
//! file. What was written survives a crash of the program; it is not forced to the disk, so a power failure may take the last
//! seconds. A new file can be read and written by its owner only (mode 0600); an existing one keeps its mode.
//!
//! # Time
//! All times are in the entries; the log looks at no clock.
//!
//! ```
//! use denwa::{Direction, log::{CallLog, Entry, Outcome, OutcomeKind, Query}};
//! use std::time::SystemTime;
//! let log = CallLog::open(None)?;
//! let mut entry = Entry::new("a84b4c76e66710", Direction::Incoming, "sip:alice@example.com", SystemTime::now());
//! entry.outcome = Outcome::Missed;
//! log.append(entry);
//! let missed = log.query(&Query { outcomes: vec![OutcomeKind::Missed], ..Query::default() })?;
//! assert_eq!(missed[0].remote, "sip:alice@example.com");
//! # Ok::<(), denwa::log::LogError>(())
//! ```

mod entry;
mod file;
mod query;
#[cfg(test)]
mod tests;

pub use entry::{Entry, MAX_TEXT, Outcome, OutcomeKind};
pub use query::{DEFAULT_LIMIT, MAX_LIMIT, Query};

use crate::event::Direction;
use file::{Reading, Written};
use query::Answer;
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How many of the newest entries stay in memory.
pub const MAX_RECENT: usize = 1000;

/// How many entries may wait for the writer. Beyond that they stay in memory only and are counted.
pub const MAX_QUEUED: usize = 256;

/// How long dropping the last handle waits for the writer: a disk that hangs must not hang the program.
const DROP_WAIT: Duration = Duration::from_secs(1);

/// Why the log could not be opened or read. Names no path, so it may be logged as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be opened or made.
    #[error("the call log could not be opened: {0}; check its folder and its rights")]
    Open(#[source] io::Error),
    /// The file could not be read.
    #[error("the call log could not be read: {0}; check that its disk is there")]
    Read(#[source] io::Error),
}

/// What is wrong with the file, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogCounters {
    /// Lines that held no entry when the file was opened: torn by a crash, or not ours. They are still in the file.
    pub skipped: u64,
    /// Entries that are in memory only: the queue was full, or the disk was.
    pub unwritten: u64,
}

/// A call log. Clones are the same log.
///
/// When the last is dropped, what is queued is written first, for which it waits a second at most;
/// [`flush`](CallLog::flush) waits without blocking.
#[derive(Clone)]
pub struct CallLog {
    shared: Arc<Shared>,
}

struct Shared {
    recent: Mutex<Recent>,
    file: Option<LogFile>,
}

#[derive(Clone, Default)]
struct Recent {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// Some are older than those here, and in the file only.
    more: bool,
    /// Given to the writer so far.
    queued: u64,
    /// Not given to the writer, as its queue was full.
    refused: u64,
}

struct LogFile {
    path: Option<PathBuf>,
    /// `None` only while the log is dropped.
    queue: Option<SyncSender<Entry>>,
    written: watch::Receiver<Written>,
    /// Ends when the writer ends; nothing is ever sent.
    done: Mutex<mpsc::Receiver<()>>,
    skipped: u64,
}

impl CallLog {
    /// Opens the log in this file, which is made when it is not there (its folder is not), and reads the newest
    /// [`MAX_RECENT`] entries back. Without a path the log is in memory only, and ends with it.
    ///
    /// Reads the whole file: blocks as long as that takes.
    ///
    /// # Errors
    /// When the file cannot be opened or read, or no writer thread can be started.
    pub fn open(path: Option<&Path>) -> Result<Self, LogError> {
        let Some(path) = path else {
            return Ok(Self { shared: Arc::new(Shared { recent: Mutex::default(), file: None }) });
        };
        let mut file = file::open(path).map_err(LogError::Open)?;
        let mut recent = Recent::default();
        let reading = file::read(&mut file, |entry| recent.push(entry)).map_err(LogError::Read)?;
        Self::with_sink(file, Some(path.to_owned()), recent, reading)
    }

    fn with_sink(
        sink: impl Write + Send + 'static,
        path: Option<PathBuf>,
        recent: Recent,
        reading: Reading,
    ) -> Result<Self, LogError> {
        let (queue, lines) = mpsc::sync_channel(MAX_QUEUED);
        let (progress, written) = watch::channel(Written::default());
        let (finished, done) = mpsc::channel();
        thread::Builder::new()
            .name("denwa-call-log".into())
            .spawn(move || {
                file::write_all(sink, reading.open_ended, &lines, &progress);
                drop(finished);
            })
            .map_err(LogError::Open)?;
        let file = LogFile { path, queue: Some(queue), written, done: Mutex::new(done), skipped: reading.skipped };
        Ok(Self { shared: Arc::new(Shared { recent: Mutex::new(recent), file: Some(file) }) })
    }

    /// Adds a finished call: once, at its end. Never waits for the file.
    pub fn append(&self, entry: Entry) {
        let entry = entry.into_kept();
        let mut recent = self.lock();
        if let Some(queue) = self.shared.file.as_ref().and_then(|file| file.queue.as_ref()) {
            // Under the lock, so that the file has the order of the memory.
            match queue.try_send(entry.clone()) {
                Ok(()) => recent.queued += 1,
                Err(_) => recent.refused += 1,
            }
        }
        recent.push(entry);
    }

    /// Those asked for among the newest [`MAX_RECENT`]. Never waits for the file.
    #[must_use]
    pub fn recent(&self, query: &Query) -> Vec<Entry> {
        self.lock().answer(query)
    }

    /// Those asked for among all. Where memory does not hold all and the newest do not suffice, the whole file is read,
    /// which blocks: in an async program call it where that is allowed.
    ///
    /// # Errors
    /// When the file has to be read and cannot be.
    pub fn query(&self, query: &Query) -> Result<Vec<Entry>, LogError> {
        let path = self.shared.file.as_ref().and_then(|file| file.path.as_deref());
        let newest = self.lock().clone();
        let found = newest.answer(query);
        let Some(path) = path.filter(|_| newest.more) else { return Ok(found) };
        if query.newest_first && found.len() >= query.limit.min(MAX_LIMIT) {
            return Ok(found);
        }
        // Others may write to the same file, so what is in it is found by reading alone.
        let mut file = File::open(path).map_err(LogError::Read)?;
        let mut only_here: BTreeSet<_> = newest.entries.iter().map(key).collect();
        let mut answer = Answer::new(query);
        file::read(&mut file, |entry| {
            only_here.remove(&key(&entry));
            answer.offer(&entry);
        })
        .map_err(LogError::Read)?;
        newest.entries.iter().filter(|entry| only_here.contains(&key(entry))).for_each(|entry| answer.offer(entry));
        Ok(answer.entries())
    }

    /// Waits until all that was appended before is in the file, or could not be written.
    pub async fn flush(&self) {
        let Some(file) = &self.shared.file else { return };
        let queued = self.lock().queued;
        // An error: the writer is gone, and nothing is left to wait for.
        let _ = file.written.clone().wait_for(|written| written.tried >= queued).await;
    }

    /// What is wrong with the file.
    #[must_use]
    pub fn counters(&self) -> LogCounters {
        let Some(file) = &self.shared.file else { return LogCounters::default() };
        LogCounters { skipped: file.skipped, unwritten: self.lock().refused + file.written.borrow().failed }
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        // Each change is whole in itself: what a panic elsewhere left behind is good.
        self.shared.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells two entries apart.
fn key(entry: &Entry) -> (String, bool, SystemTime) {
    (entry.id.clone(), entry.direction == Direction::Incoming, entry.started)
}

impl Recent {
    fn push(&mut self, entry: Entry) {
        if self.entries.len() == MAX_RECENT {
            self.entries.pop_front();
            self.more = true;
        }
        self.entries.push_back(entry);
    }

    fn answer(&self, query: &Query) -> Vec<Entry> {
        let mut answer = Answer::new(query);
        self.entries.iter().for_each(|entry| answer.offer(entry));
        answer.entries()
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        self.queue = None; // the writer ends when it has written what is queued
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Both errors are what is waited for, or for too long.
        let _ = done.recv_timeout(DROP_WAIT);
    }
}

impl std::fmt::Debug for CallLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallLog").field("recent", &self.lock().entries.len()).finish_non_exhaustive()
    }
}
