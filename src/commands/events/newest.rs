//! What is listed: the newest that are meant, and then what comes.
//!
//! Read a part at a time: one long look would keep the writer's log from being taken back into the database.

use super::entry::Entry;
use crate::commands::filter::Filter;
use crate::store::{Archive, ArchiveError};

/// The most events or entries that are read at once.
const PAGE: usize = 1_000;

/// The newest entries that `filter` takes, newest first, at most `limit`.
pub(super) fn newest(
    archive: &Archive,
    filter: &Filter<'_>,
    limit: usize,
    only_quarantined: bool,
) -> Result<Vec<Entry>, ArchiveError> {
    let mut entries = newest_quarantined(archive, filter, limit)?;
    if !only_quarantined {
        // In front: events of one moment stay in the order of the store.
        entries.splice(..0, newest_events(archive, filter, limit)?);
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.arrived_at()));
    entries.truncate(limit);
    Ok(entries)
}

fn newest_events(archive: &Archive, filter: &Filter<'_>, limit: usize) -> Result<Vec<Entry>, ArchiveError> {
    let mut before = archive.last_seq()? + 1;
    let mut found = Vec::new();
    while found.len() < limit {
        let page = archive.events_before(before, PAGE)?;
        let Some(last) = page.last() else { break };
        before = last.seq;
        let is_last = last.event.received_at < filter.arrived_since();
        found.extend(page.into_iter().filter(|stored| filter.takes(&stored.event)).map(Box::new).map(Entry::Event));
        if is_last {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn newest_quarantined(archive: &Archive, filter: &Filter<'_>, limit: usize) -> Result<Vec<Entry>, ArchiveError> {
    let mut page = archive.quarantine(PAGE)?;
    let mut found = Vec::new();
    while let Some(last) = page.last().filter(|_| found.len() < limit) {
        let (before, is_last) = (last.id, last.entry.at < filter.arrived_since());
        found.extend(page.into_iter().filter(|listed| filter.takes_entry(&listed.entry)).map(Entry::Quarantined));
        if is_last {
            break;
        }
        page = archive.quarantine_before(before, PAGE)?;
    }
    found.truncate(limit);
    Ok(found)
}

/// What has been listed already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    stored: u64,
    quarantined: u64,
}

impl Tail {
    /// Behind what `archive` holds now.
    pub(super) fn of(archive: &Archive) -> Result<Self, ArchiveError> {
        let quarantined = archive.quarantine(1)?.first().map_or(0, |newest| newest.id);
        Ok(Self { stored: archive.last_seq()?, quarantined })
    }

    /// What has come since and is meant, oldest first.
    pub(super) fn advance(
        &mut self,
        archive: &Archive,
        filter: &Filter<'_>,
        only_quarantined: bool,
    ) -> Result<Vec<Entry>, ArchiveError> {
        let events = archive.events_after(self.stored, PAGE)?;
        self.stored = events.last().map_or(self.stored, |last| last.seq);
        let newer = archive.quarantine(PAGE)?.into_iter().filter(|entry| entry.id > self.quarantined);
        let newer: Vec<_> = newer.collect();
        self.quarantined = newer.first().map_or(self.quarantined, |newest| newest.id);
        let events = events.into_iter().filter(|stored| !only_quarantined && filter.takes(&stored.event));
        let newer = newer.into_iter().filter(|listed| filter.takes_entry(&listed.entry));
        let mut entries: Vec<_> = events.map(Box::new).map(Entry::Event).chain(newer.map(Entry::Quarantined)).collect();
        entries.sort_by_key(Entry::arrived_at);
        Ok(entries)
    }
}
