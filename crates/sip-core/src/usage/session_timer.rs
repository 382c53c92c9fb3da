//! How long a session may live without a sign of life: RFC 4028.
//!
//! ```text
//!             2xx says: we refresh              2xx to the refresh
//!   [Off] ───────────────────────► [Refresher] ◄──────┐
//!     │                               │ half the interval: UPDATE or re-INVITE
//!     │       2xx says: they do       └───────────────┘
//!     └──────────────────────────► [Watcher] ── nothing came: BYE ──► (over)
//! ```

use std::time::{Duration, Instant};

/// No interval is shorter (RFC 4028 §4).
pub const LEAST: Duration = Duration::from_secs(90);
/// No interval that a peer asks for is believed beyond this.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// The timer of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionTimer {
    /// Not agreed.
    #[default]
    Off,
    /// We keep it alive.
    Refresher {
        /// What was agreed.
        interval: Duration,
        /// When to refresh; nothing while a refresh is out.
        refresh_at: Option<Instant>,
        /// When it is over.
        expire_at: Instant,
    },
    /// The peer keeps it alive.
    Watcher {
        /// What was agreed.
        interval: Duration,
        /// When it is over.
        expire_at: Instant,
    },
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Send a refresh.
    Refresh,
    /// End the session: the peer is gone.
    Expire,
}

impl SessionTimer {
    /// A 2xx to INVITE or UPDATE said so.
    pub fn agreed(now: Instant, interval: Duration, ours: bool) -> Self {
        let interval = interval.clamp(LEAST, LONGEST);
        // RFC 4028 §10: a third of the interval before its end, but no more than 32 s.
        let expire_at = now + interval - (interval / 3).min(Duration::from_secs(32));
        if ours {
            Self::Refresher { interval, refresh_at: Some(now + interval / 2), expire_at }
        } else {
            Self::Watcher { interval, expire_at }
        }
    }

    /// What was agreed, and whether we refresh.
    pub fn agreement(&self) -> Option<(Duration, bool)> {
        match self {
            Self::Off => None,
            Self::Refresher { interval, .. } => Some((*interval, true)),
            Self::Watcher { interval, .. } => Some((*interval, false)),
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Off => None,
            Self::Refresher { refresh_at, expire_at, .. } => Some(refresh_at.unwrap_or(*expire_at)),
            Self::Watcher { expire_at, .. } => Some(*expire_at),
        }
    }

    /// The time has come, or not yet.
    pub fn step(self, now: Instant) -> (Self, Action) {
        match self {
            Self::Refresher { interval, refresh_at: Some(at), expire_at } if at <= now => {
                (Self::Refresher { interval, refresh_at: None, expire_at }, Action::Refresh)
            }
            Self::Refresher { refresh_at: None, expire_at, .. } | Self::Watcher { expire_at, .. }
                if expire_at <= now =>
            {
                (Self::Off, Action::Expire)
            }
            other => (other, Action::None),
        }
    }

    /// The refresh could not be sent or was refused for now: another one, before it is too late.
    pub fn again(self, now: Instant) -> Self {
        match self {
            Self::Refresher { interval, refresh_at: None, expire_at } => {
                let at = now + Duration::from_secs(5);
                Self::Refresher { interval, refresh_at: Some(at).filter(|at| *at < expire_at), expire_at }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods)]
    fn epoch() -> Instant {
        Instant::now()
    }

    #[test]
    fn half_for_the_refresh_and_a_third_or_32_s_before_the_end() {
        let now = epoch();
        for (interval, refresh, expire) in [(90, 45, 60), (96, 48, 64), (1800, 900, 1768), (10, 45, 60)] {
            let after = |seconds| now + Duration::from_secs(seconds);
            let ours = SessionTimer::agreed(now, Duration::from_secs(interval), true);
            assert_eq!(ours.deadline(), Some(after(refresh)), "{interval}");
            let early = after(refresh) - Duration::from_millis(1);
            assert_eq!(ours.step(early), (ours, Action::None));
            let (asked, action) = ours.step(after(refresh));
            assert_eq!((action, asked.deadline()), (Action::Refresh, Some(after(expire))));
            assert_eq!(asked.step(after(expire)), (SessionTimer::Off, Action::Expire));
            let theirs = SessionTimer::agreed(now, Duration::from_secs(interval), false);
            assert_eq!(theirs.step(after(expire) - Duration::from_millis(1)), (theirs, Action::None));
            assert_eq!(theirs.step(after(expire)), (SessionTimer::Off, Action::Expire));
        }
    }

    #[test]
    fn a_refresh_is_tried_again_while_there_is_time() {
        let now = epoch();
        let (asked, _) = SessionTimer::agreed(now, LEAST, true).step(now + Duration::from_secs(45));
        let again = asked.again(now + Duration::from_secs(46));
        assert_eq!(again.deadline(), Some(now + Duration::from_secs(51)));
        assert_eq!(asked.again(now + Duration::from_secs(58)).deadline(), Some(now + Duration::from_secs(60)));
    }
}
