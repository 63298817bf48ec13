//! Counts what push was given time to bring and has not brought.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::disk::CommitError;
use super::Writer;
use crate::metrics::{CounterRow, Gains};

/// The most events that are judged in one transaction; more wait for the next round of maintenance.
const JUDGED_MAX: usize = 10_000;

impl Writer {
    /// Counts events that are overdue as missed, and no longer waits for them.
    pub(super) fn count_overdue(&mut self) -> Result<(), CommitError> {
        let overdue = self.state.feeds.overdue(Timestamp::now(), JUDGED_MAX);
        if overdue.is_empty() {
            return Ok(());
        }
        let mut missed = BTreeMap::new();
        for (_, level) in &overdue {
            *missed.entry(*level).or_default() += 1;
        }
        let counters = missed.into_iter().map(|(level, events)| CounterRow::missed(level, events)).collect();
        let gains = Gains { counters, ..Gains::default() };
        self.disk.commit(|statements| {
            overdue.iter().try_for_each(|(sid, _)| statements.no_longer_awaited(*sid))?;
            Ok(statements.gains(&gains)?)
        })?;
        self.state.feeds.give_up(&overdue);
        self.metrics.count(gains, self.state.admission.len());
        Ok(())
    }
}
