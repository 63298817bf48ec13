//! What tells the series of `twilio_debugger_events_total` apart.

use crate::level::Level;

/// What stands for every code beyond the limit.
pub(super) const OVERFLOW: &str = "overflow";

/// The labels of one series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesLabels {
    /// `level`.
    pub level: Level,
    /// `error_code`: a code, `none`, `invalid` or `overflow`.
    pub error_code: String,
    /// `account_sid`; empty when that label is off.
    pub account_sid: String,
}

impl SeriesLabels {
    /// Whether these are the labels of every code beyond the limit.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.error_code == OVERFLOW
    }
}
