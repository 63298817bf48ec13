//! What every decoder is told beside the bytes: when they arrived, and how they are to be read.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::event::TraceContext;
use crate::redact::Redaction;

/// How old an event may be when it arrives without being late, unless `late_after` says otherwise.
pub const LATE_AFTER: Duration = Duration::from_mins(15);

/// The circumstances in which something was received.
#[derive(Debug, Clone, Copy)]
pub struct Reception {
    /// What is dropped before it is stored.
    pub redaction: Redaction,
    /// `late_after`.
    pub late_after: Duration,
    /// When it arrived, by our clock.
    pub at: Timestamp,
    /// The trace of our own request, used where an event brings none.
    pub request_trace: Option<TraceContext>,
}

impl Reception {
    /// Whether an event that happened then is late. One whose time is not known is as old as its receipt.
    #[must_use]
    pub fn is_late(&self, occurred_at: Option<Timestamp>) -> bool {
        let after = SignedDuration::try_from(self.late_after).unwrap_or(SignedDuration::MAX);
        occurred_at.is_some_and(|occurred_at| self.at.duration_since(occurred_at) > after)
    }
}

#[cfg(test)]
mod tests {
    use super::{LATE_AFTER, Reception};
    use crate::redact::Redaction;

    #[test]
    fn an_event_is_late_once_it_is_older_than_the_limit() {
        let at = "2026-01-02T03:30:00Z".parse().expect("a time");
        let reception = Reception { redaction: Redaction::Standard, late_after: LATE_AFTER, at, request_trace: None };
        for (occurred_at, late) in [
            ("2026-01-02T03:14:59.999Z", true),
            ("2026-01-02T03:15:00Z", false),
            ("2026-01-02T03:29:59Z", false),
            ("2026-01-02T04:00:00Z", false),
            ("-009998-01-01T00:00:00Z", true),
        ] {
            assert_eq!(reception.is_late(occurred_at.parse().ok()), late, "{occurred_at}");
        }
        assert!(!reception.is_late(None));
    }
}
