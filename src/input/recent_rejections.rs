//! What has been refused lately: one log line a reason and interval, and the last of each for the landing page.
//!
//! The internet scans. A line for each refusal would fill a disk at a stranger's pace, so the rest are counted into the next
//! line; the metric counts all of them. No line and no page ever holds anything of a body.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::rejection::Rejection;
use crate::metrics::RejectionReason;

/// At most one log line a reason in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The last refusal for one reason.
#[derive(Debug, Clone)]
pub struct LastRejection {
    /// Why.
    pub reason: RejectionReason,
    /// When.
    pub at: Timestamp,
    /// Who was connected: the sender, or a proxy.
    pub peer: IpAddr,
    /// How many since the start.
    pub count: u64,
    /// What would mend it, as far as the doctor knows.
    pub hint: Option<String>,
}

impl LastRejection {
    /// What an operator can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        Rejection::advice(self.reason)
    }
}

/// What is remembered of refusals: as much as there are reasons.
#[derive(Debug, Default)]
pub struct RecentRejections(Mutex<Vec<Remembered>>);

#[derive(Debug)]
struct Remembered {
    last: LastRejection,
    logged_at: Instant,
    unlogged: u64,
}

/// The right to write the one log line of this interval.
#[derive(Debug)]
pub(super) struct Turn {
    reason: RejectionReason,
    unlogged: u64,
}

impl RecentRejections {
    /// Remembers a refusal; gives the turn to log it, unless one like it was logged just now.
    pub(super) fn note(&self, reason: RejectionReason, peer: IpAddr) -> Option<Turn> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let last = LastRejection { reason, at: Timestamp::now(), peer, count: 1, hint: None };
        let Some(known) = all.iter_mut().find(|remembered| remembered.last.reason == reason) else {
            all.push(Remembered { last, logged_at: now, unlogged: 0 });
            return Some(Turn { reason, unlogged: 0 });
        };
        known.last = LastRejection { count: known.last.count + 1, hint: known.last.hint.take(), ..last };
        if now - known.logged_at < LOG_INTERVAL {
            known.unlogged += 1;
            return None;
        }
        known.logged_at = now;
        Some(Turn { reason, unlogged: std::mem::take(&mut known.unlogged) })
    }

    /// Writes the line that `turn` allows, and remembers its hint for the landing page.
    pub(super) fn log(&self, turn: &Turn, detail: &str, peer: IpAddr, hint: Option<String>) {
        let (reason, unlogged) = (turn.reason.as_str(), turn.unlogged);
        let hint_text = hint.as_deref().unwrap_or_default();
        tracing::warn!(reason, detail, %peer, hint = hint_text, more_since_last_line = unlogged, "request refused");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter_mut().find(|remembered| remembered.last.reason == turn.reason) {
            known.last.hint = hint;
        }
    }

    /// The last refusal for each reason, newest first.
    #[must_use]
    pub fn last(&self) -> Vec<LastRejection> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last: Vec<_> = all.iter().map(|remembered| remembered.last.clone()).collect();
        last.sort_by_key(|rejection| std::cmp::Reverse(rejection.at));
        last
    }
}
