//! A point in time as people type it: the clock's time, or how long ago.

use std::time::Duration;

use jiff::Timestamp;

/// `2026-01-31T12:00:00Z`, or `2h` for two hours ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// By the clock.
    At(Timestamp),
    /// Before now.
    Ago(Duration),
}

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a time such as 2026-01-31T12:00:00Z nor a duration ago such as 2h")]
pub struct InvalidMoment;

impl Moment {
    /// Reads an RFC 3339 time or a duration.
    ///
    /// # Errors
    ///
    /// [`InvalidMoment`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidMoment> {
        match (text.parse(), humantime::parse_duration(text)) {
            (Ok(at), _) => Ok(Self::At(at)),
            (_, Ok(ago)) => Ok(Self::Ago(ago)),
            _ => Err(InvalidMoment),
        }
    }

    /// The time that is meant, seen from `now`; the beginning of time for a duration longer than that.
    #[must_use]
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}
