//! The end of a phone: hang up, unregister, wait a little, stop.
use super::Driver;
use crate::event::Registration;
use crate::handle::{Reached, Reply};
use std::time::{Duration, Instant};

/// How long the other sides have to agree to the end.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub(crate) struct Stopping {
    deadline: Instant,
    replies: Vec<Reply>,
}

impl Stopping {
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Driver {
    /// Begins the end, or joins it.
    pub(crate) fn stop(&mut self, now: Instant, reply: Option<Reply>) {
        if self.stopping.is_none() {
            self.stopping = Some(Stopping { deadline: now + PATIENCE, replies: Vec::new() });
            self.hang_up_all(now);
            self.unregister_all(now);
        }
        if let Some(stopping) = &mut self.stopping {
            stopping.replies.extend(reply);
        }
    }

    /// All agreed, or out of patience.
    pub(crate) fn has_stopped(&self, now: Instant) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        let bound = |registration: &Registration| {
            matches!(registration, Registration::Registering | Registration::Registered { .. })
        };
        let done = self.lines.is_empty() && !self.board.registrations().iter().any(bound);
        done || stopping.deadline <= now
    }

    /// Closes what is left and tells everybody who still waits.
    pub(crate) async fn finish(self) {
        let Self { engine, sound, sockets, board, queue, stopping, waiting, .. } = self;
        drop(sockets);
        // The media threads are joined: what was recorded is whole when this is over.
        let _ = tokio::task::spawn_blocking(move || drop((engine, sound))).await;
        drop(waiting); // their futures say Closed
        board.clear();
        queue.finish();
        for reply in stopping.into_iter().flat_map(|stopping| stopping.replies) {
            let _ = reply.send(Ok(Reached::Agreed));
        }
    }
}
