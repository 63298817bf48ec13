//! What log export has the writer write down: the cursor, and what became of records that are not delivered.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::disk::CommitError;
use super::super::prepared::document_of_refused;
use super::super::settlement::Settlement;
use super::Writer;
use crate::event::Source;
use crate::metrics::{CounterRow, Gains};
use crate::quarantine::QuarantineReason;

impl Writer {
    /// Moves the cursor, and with it what may go when room is needed. On a full disk, and while somebody else holds the store's lock,
    /// it waits for a later round: log export waits for its answer, and nothing is sent twice.
    pub(super) fn settle(&mut self) -> Result<(), CommitError> {
        let gains = match self.commit_settlements() {
            Ok(gains) => gains,
            Err(error @ CommitError::Failed(_)) => return Err(error),
            Err(CommitError::Locked) => {
                self.note_foreign_lock(true);
                return Ok(());
            }
            Err(CommitError::Full) => {
                tracing::warn!(
                    "the disk is full: log export waits until there is room to write down what is delivered"
                );
                return Ok(());
            }
        };
        self.note_foreign_lock(false);
        self.metrics.count(gains, self.state.admission.len());
        for (settlement, done) in self.unsettled.drain(..) {
            self.state.numbers.cursor = self.state.numbers.cursor.max(settlement.through);
            // Nobody waits any more when the process is ending; the cursor has moved all the same.
            let _ = done.send(Ok(()));
        }
        if self.room.is_ample() { Ok(()) } else { self.look_after_room() }
    }

    fn commit_settlements(&mut self) -> Result<Gains, CommitError> {
        let now = Timestamp::now();
        let Self { disk, state, unsettled, .. } = self;
        let settlements = || unsettled.iter().map(|(settlement, _)| settlement);
        let cursor = settlements().map(|settlement| settlement.through).fold(state.numbers.cursor, u64::max);
        let gains = refused_gains(settlements());
        disk.commit(|statements| {
            for settlement in settlements() {
                for (stored, detail) in &settlement.refused {
                    statements.quarantine(now, &document_of_refused(&stored.event, detail, now))?;
                }
                if let Some(partial) = &settlement.partial {
                    statements.partial_delivery(partial)?;
                }
            }
            statements.gains(&gains)?;
            Ok(statements.cursor(cursor)?)
        })?;
        Ok(gains)
    }
}

/// What the metrics gain by the records that the collector refused for good.
fn refused_gains<'a>(settlements: impl Iterator<Item = &'a Settlement>) -> Gains {
    let mut refused: BTreeMap<Source, u64> = BTreeMap::new();
    for (stored, _) in settlements.flat_map(|settlement| &settlement.refused) {
        *refused.entry(stored.event.source).or_default() += 1;
    }
    let row = |(source, records)| CounterRow::quarantined(QuarantineReason::OtlpRejected, source, records);
    Gains { counters: refused.into_iter().map(row).collect(), ..Gains::default() }
}
