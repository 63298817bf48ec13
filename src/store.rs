//! placeholder for the interface
use crate::event::DebuggerEvent;
/// An event on disk.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Position in the store: 1 for the first event ever, never reused.
    pub seq: u64,
    /// The event.
    pub event: DebuggerEvent,
}
/// What became of a stretch of events at the collector.
#[derive(Debug, Clone, Default)]
pub struct Settlement {
    /// The last event of the stretch; the cursor moves here.
    pub through: u64,
    /// Events the collector took.
    pub delivered: u64,
    /// Events the collector refused for good, with its words: they go to quarantine.
    pub refused: Vec<(StoredEvent, String)>,
    /// The collector took the stretch but said that it dropped some: how many, and its words. The Sids are noted.
    pub partial: Option<(u64, String, Vec<String>)>,
}
/// The store as an output sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Backlog {}
/// The store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("store failed")]
pub struct StoreGone;
impl Backlog {
    /// Next events behind the cursor, oldest first, at most `records_max`; waits until there is at least one.
    pub async fn unsent(&self, _records_max: usize) -> Result<Vec<StoredEvent>, StoreGone> {
        todo!()
    }
    /// Moves the cursor; returns once that is synced.
    pub async fn settle(&self, _settlement: Settlement) -> Result<(), StoreGone> {
        todo!()
    }
}
