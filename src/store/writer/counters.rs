//! Writes the counters down, so that a scrape may show them.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::KeptCounters;
use super::super::disk::CommitError;
use super::Writer;
use crate::metrics::CounterRow;
use crate::metrics::SeriesLabels;

/// A scrape that waits until what it is to show is kept.
#[derive(Debug)]
pub(super) struct Scrape {
    /// Series whose true value it is about to show for the first time.
    pub(super) shown: Vec<SeriesLabels>,
    pub(super) done: oneshot::Sender<Option<KeptCounters>>,
}

/// The values that stand in the store, by metric and labels.
#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<(String, String), u64>);

impl Kept {
    fn has(&self, row: &CounterRow) -> bool {
        self.0.get(&(row.metric.clone(), row.labels.clone())) == Some(&row.value)
    }

    fn note(&mut self, rows: Vec<CounterRow>) {
        self.0.extend(rows.into_iter().map(|row| ((row.metric, row.labels), row.value)));
    }
}

impl Writer {
    /// Writes every counter that has moved, marks what is about to be shown, and tells the scrapes.
    pub(super) fn keep_counters(&mut self, scrapes: Vec<Scrape>) -> Result<(), CommitError> {
        let (rows, families) = self.metrics.durable_counters();
        let moved: Vec<_> = rows.into_iter().filter(|row| !self.kept.has(row)).collect();
        let outcome = self.commit_counters(&moved, &scrapes);
        if outcome.is_ok() {
            self.kept.note(moved);
        }
        let families = outcome.is_ok().then(|| Arc::new(families));
        for scrape in scrapes {
            // A scrape that has given up shows nothing.
            let _ = scrape.done.send(families.clone());
        }
        outcome
    }

    fn commit_counters(&mut self, moved: &[CounterRow], scrapes: &[Scrape]) -> Result<(), CommitError> {
        let mut shown = scrapes.iter().flat_map(|scrape| &scrape.shown).peekable();
        if moved.is_empty() && shown.peek().is_none() {
            return Ok(());
        }
        self.disk.commit(|statements| {
            moved.iter().try_for_each(|row| statements.set_counter(row))?;
            Ok(shown.try_for_each(|labels| statements.mark_shown(labels))?)
        })
    }
}
