//! What goes into one request.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;

use super::super::record::{log_record, shrink};
use crate::catalogue::Catalogue;
use crate::store::StoredEvent;

/// Events and their records, in order; never empty.
#[derive(Debug)]
pub(super) struct Batch(Vec<(StoredEvent, LogRecord)>);

/// Splits events into batches whose records stay below `bytes_max`; an event above it is alone.
pub(super) fn split_by_bytes(events: Vec<StoredEvent>, catalogue: &Catalogue, bytes_max: usize) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    for stored in events {
        let record = log_record(&stored.event, catalogue);
        let record_bytes = record.encoded_len();
        bytes += record_bytes;
        match batches.last_mut() {
            Some(batch) if bytes <= bytes_max => batch.0.push((stored, record)),
            _ => {
                bytes = record_bytes;
                batches.push(Batch(vec![(stored, record)]));
            }
        }
    }
    batches
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.0.last().map_or(0, |(stored, _)| stored.seq)
    }

    pub(super) fn sids(&self) -> Vec<String> {
        self.0.iter().map(|(stored, _)| stored.event.sid.to_string()).collect()
    }

    pub(super) fn records(&self) -> Vec<LogRecord> {
        self.0.iter().map(|(_, record)| record.clone()).collect()
    }

    pub(super) fn into_events(self) -> impl Iterator<Item = StoredEvent> {
        self.0.into_iter().map(|(stored, _)| stored)
    }

    /// Two batches of half the events each, in order; only for a batch of more than one.
    pub(super) fn halves(mut self) -> (Self, Self) {
        let second = self.0.split_off(self.0.len() / 2);
        (self, Self(second))
    }

    /// Makes every record smaller; false when that is no longer possible.
    pub(super) fn shrink(&mut self) -> bool {
        self.0.iter_mut().all(|(_, record)| shrink(record))
    }
}
