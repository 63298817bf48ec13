//! What log export has the writer write down: the cursor, and what became of records that are not delivered.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rusqlite::ErrorCode;

use super::super::Pressure;
use super::super::disk::{COMMIT_BYTES, Write};
use super::Writer;
use super::arrivals::{QUARANTINED, document_of};
use crate::event::DebuggerEvent;
use crate::quarantine::{QuarantineReason, Quarantined};

impl Writer {
    /// Moves the cursor, and with it what may go when room is needed. On a full disk it waits for the next round: log export
    /// waits for its answer, and nothing is sent twice.
    pub(super) fn settle(&mut self) -> rusqlite::Result<()> {
        let cursor = match self.commit_settlements() {
            Ok(cursor) => cursor,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                tracing::warn!(
                    "the disk is full: log export waits until there is room to write down what is delivered"
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.disk.state.cursor = cursor;
        self.disk.log_bytes += COMMIT_BYTES;
        for (settlement, done) in self.unsettled.drain(..) {
            self.metrics.otlp_quarantined(settlement.refused.len() as u64);
            // Nobody waits any more when the process is ending; the cursor has moved all the same.
            let _ = done.send(Ok(()));
        }
        if self.pressure.load(Ordering::Relaxed) == Pressure::Normal as u8 { Ok(()) } else { self.measure() }
    }

    fn commit_settlements(&mut self) -> rusqlite::Result<u64> {
        let now = Timestamp::now();
        let transaction = self.disk.connection.transaction()?;
        let write = Write(&transaction);
        let mut cursor = self.disk.state.cursor;
        for (settlement, _) in &self.unsettled {
            cursor = cursor.max(settlement.through);
            for (stored, detail) in &settlement.refused {
                let entry = Quarantined {
                    reason: QuarantineReason::OtlpRejected,
                    detail: detail.clone(),
                    sid: Some(stored.event.sid.to_string()),
                    at: now,
                    content: content_of(&stored.event),
                };
                write.quarantine(now, &document_of(&entry))?;
            }
            if !settlement.refused.is_empty() {
                let refused = settlement.refused.len() as u64;
                write.add_to_counter(QUARANTINED, QuarantineReason::OtlpRejected.as_str(), refused)?;
            }
            if let Some((rejected, message, sids)) = &settlement.partial {
                write.partial_delivery(now, *rejected, message, &sids.join("\n"))?;
            }
        }
        write.cursor(cursor)?;
        transaction.commit()?;
        Ok(cursor)
    }
}

/// The event as quarantine keeps it; without a payload that is JSON and yet more than a tree of values can hold.
fn content_of(event: &DebuggerEvent) -> serde_json::Value {
    serde_json::to_value(event).unwrap_or_else(|_| {
        let mut event = event.clone();
        event.trim();
        serde_json::to_value(&event).unwrap_or_default()
    })
}
