//! What log export reports back about events that were stored.

use super::archive::{PartialDelivery, StoredEvent};

/// What became of a stretch of events at the collector.
#[derive(Debug, Clone, Default)]
pub struct Settlement {
    /// The last event of the stretch; the cursor moves here.
    pub through: u64,
    /// Events the collector took.
    pub delivered: u64,
    /// Events the collector refused for good, with its words: they go to quarantine.
    pub refused: Vec<(StoredEvent, String)>,
    /// The collector took the stretch but said that it dropped some.
    pub partial: Option<PartialDelivery>,
}

/// The store could not be read or written; the process is about to end, or will be told so by the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("store cannot be read or written")]
pub struct StoreGone;
