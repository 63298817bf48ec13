//! What has been refused lately: one log line a reason and interval, and the last of each for the landing page.
//!
//! The internet scans. A line for each refusal would fill a disk at a stranger's pace, so the rest are counted into the next
//! line; the metric counts all of them. No line and no page ever holds anything of a body.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::metrics::RejectionReason;

/// At most one log line a reason in this time.
pub const LOG_INTERVAL: Duration = Duration::from_secs(10);

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

/// What is remembered of refusals: as much as there are reasons.
#[derive(Debug, Default)]
pub struct Rejections(Mutex<Vec<Remembered>>);

#[derive(Debug)]
struct Remembered {
    last: LastRejection,
    logged_at: Instant,
    unlogged: u64,
}

impl Rejections {
    /// Remembers a refusal, and logs it unless one like it was logged just now. `hint` is only asked for when it is logged.
    pub fn note(&self, reason: RejectionReason, detail: &str, peer: IpAddr, hint: impl FnOnce() -> Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let known = all.iter_mut().find(|remembered| remembered.last.reason == reason);
        let count = known.as_ref().map_or(0, |remembered| remembered.last.count) + 1;
        let unlogged = match &known {
            Some(remembered) if now - remembered.logged_at < LOG_INTERVAL => None,
            known => Some(known.as_ref().map_or(0, |remembered| remembered.unlogged)),
        };
        let mut last = LastRejection { reason, at: Timestamp::now(), peer, count, hint: None };
        if let Some(unlogged) = unlogged {
            last.hint = hint();
            let hint = last.hint.as_deref().unwrap_or_default();
            tracing::warn!(reason = reason.as_str(), detail, %peer, hint, more_since_last_line = unlogged, "request refused");
        }
        match known {
            None => all.push(Remembered { last, logged_at: now, unlogged: 0 }),
            Some(remembered) => {
                last.hint = last.hint.or_else(|| remembered.last.hint.take());
                remembered.last = last;
                if unlogged.is_some() {
                    (remembered.logged_at, remembered.unlogged) = (now, 0);
                } else {
                    remembered.unlogged += 1;
                }
            }
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
