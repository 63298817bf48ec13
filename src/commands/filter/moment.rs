//! A point in time as people type it: the clock's time, or how long ago.

use std::time::Duration;

use jiff::Timestamp;

/// `2026-01-31T12:00:00Z`, or `2h` for two hours ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Moment {
    /// By the clock.
    At(Timestamp),
    /// Before now.
    Ago(Duration),
}

/// A text that is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a time such as 2026-01-31T12:00:00Z nor a duration ago such as 2h")]
pub(in crate::commands) struct InvalidMoment;

impl Moment {
    /// Reads an RFC 3339 time or a duration.
    ///
    /// # Errors
    ///
    /// [`InvalidMoment`] for anything else.
    pub(in crate::commands) fn parse(text: &str) -> Result<Self, InvalidMoment> {
        match (text.parse(), humantime::parse_duration(text)) {
            (Ok(at), _) => Ok(Self::At(at)),
            (_, Ok(ago)) => Ok(Self::Ago(ago)),
            _ => Err(InvalidMoment),
        }
    }

    /// The time that is meant, seen from `now`; the beginning of time for a duration longer than that.
    #[must_use]
    pub(in crate::commands) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn a_moment_is_a_time_or_a_while_ago() {
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        for (text, meant) in [("2h", "2026-01-31T10:00:00Z"), ("2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00Z")] {
            assert_eq!(Moment::parse(text).expect(text).resolve(now).to_string(), meant);
        }
        assert_eq!(Moment::parse("20000y").expect("long").resolve(now), jiff::Timestamp::MIN);
    }
}
