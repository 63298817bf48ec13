//! Exports chosen events once more, for a collector that has lost them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::export::{Exporter, Patience, Settle};
use crate::catalogue::Catalogue;
use crate::metrics::OtlpFailure;
use crate::store::{Settlement, StoreGone, StoredEvent};

/// A replay under way: no cursor moves, no metric does, and what the collector refuses goes into no quarantine.
pub struct Replay<'a>(Exporter<'a, Replayed>);

/// What became of replayed events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events the collector took.
    pub delivered: u64,
    /// Events the collector refused.
    pub refused: u64,
}

impl<'a> Replay<'a> {
    /// Prepares for `client`'s collector; sends nothing yet. Codes have the names that `catalogue` gives them.
    #[must_use]
    pub fn new(client: &'a Client, catalogue: Arc<Catalogue>, stop: CancellationToken) -> Self {
        Self(Exporter::new(client, catalogue.in_force(), Replayed::default(), Patience::default(), stop))
    }

    /// Exports `events`, in order, and waits for the collector as long as that takes; ends early once `stop` is cancelled. What was
    /// taken until then is in [`Self::replayed`].
    pub async fn export(&mut self, events: Vec<StoredEvent>) {
        // The one error is a stop, and who asked for it knows of it.
        let _ = self.0.export(events).await;
    }

    /// What became of the events so far.
    #[must_use]
    pub fn replayed(&self) -> Replayed {
        self.0.settle
    }
}

impl std::fmt::Debug for Replay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Replay").field(&self.0.settle).finish()
    }
}

impl Settle for Replayed {
    async fn settle(&mut self, settlement: Settlement) -> Result<(), StoreGone> {
        for (stored, detail) in &settlement.refused {
            tracing::warn!(sid = %stored.event.sid, detail, "the otlp endpoint refuses this record");
        }
        self.delivered += settlement.delivered;
        self.refused += settlement.refused.len() as u64 + settlement.partial.map_or(0, |partial| partial.rejected);
        Ok(())
    }

    fn failed(&self, _class: OtlpFailure, _count: u64) {}

    fn up(&self, _up: bool) {}
}
