//! Every SQL statement that writes, by what it keeps or lets go.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::archive::PartialDelivery;
use super::documents::Packed;
use super::feeds::{AccountFeeds, Awaited, FeedsChange};
use super::fold::{Change, Numbers};
use super::seen::arrivals_of;
use crate::intake::Position;
use crate::metrics::SeriesLabels;
use crate::metrics::{CounterRow, Gains, SeriesGain};

/// The most rows deleted in one transaction: what a request may have to wait behind.
const ROWS_PER_STEP: usize = 64;

/// The statements of one transaction, by what they keep.
pub(super) struct Statements<'a> {
    transaction: &'a Transaction<'a>,
    bytes: Cell<usize>,
}

impl<'a> Statements<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>) -> Self {
        Self { transaction, bytes: Cell::new(0) }
    }

    /// Bytes of the documents and fingerprints written so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn wrote(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    /// Writes all of `change`, whose documents are packed already; gives the rows of fingerprints that were forgotten for it.
    pub(super) fn change(
        &self,
        numbers: &Numbers,
        change: &Change<'_>,
        documents: &Packed,
    ) -> rusqlite::Result<Vec<Vec<u8>>> {
        if change.events > 0 {
            self.events(numbers.last_seq + change.events, change.events, change.at, documents)?;
        }
        for document in &change.quarantined {
            self.quarantine(change.at, document)?;
        }
        if !change.fingerprints.is_empty() {
            let row: Vec<u8> = change.fingerprints.iter().flat_map(|fingerprints| fingerprints.to_bytes()).collect();
            self.remember(change.at, &row)?;
        }
        for position in &change.positions {
            self.position(position)?;
        }
        self.feeds(&change.feeds)?;
        self.gains(&change.gains)?;
        self.forget_oldest(change.forgets)
    }

    fn events(&self, last_seq: u64, events: u64, at: Timestamp, documents: &Packed) -> rusqlite::Result<()> {
        self.wrote(documents.as_bytes().len());
        let mut statement = self.transaction.prepare_cached("INSERT INTO event_groups VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![last_seq, events, at.as_millisecond(), documents.as_bytes()])?;
        let mut statement = self.transaction.prepare_cached("UPDATE state SET events = events + ?1, last_seq = ?2")?;
        statement.execute(params![events, last_seq]).map(drop)
    }

    fn remember(&self, at: Timestamp, fingerprints: &[u8]) -> rusqlite::Result<()> {
        self.wrote(fingerprints.len());
        let mut statement =
            self.transaction.prepare_cached("INSERT INTO seen_groups (at, fingerprints) VALUES (?1, ?2)")?;
        statement.execute(params![at.as_millisecond(), fingerprints]).map(drop)
    }

    fn position(&self, position: &Position) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO positions VALUES (?1, ?2) ON CONFLICT DO UPDATE SET read_through = excluded.read_through",
        )?;
        statement.execute(params![position.feed, position.read_through.to_string()]).map(drop)
    }

    fn feeds(&self, FeedsChange { accounts, awaited, arrived }: &FeedsChange) -> rusqlite::Result<()> {
        for (account, AccountFeeds { since, identity }) in accounts {
            for (source, since) in since {
                let mut statement =
                    self.transaction.prepare_cached("INSERT OR IGNORE INTO account_feeds VALUES (?1, ?2, ?3)")?;
                statement.execute(params![account.as_str(), source.as_str(), since.as_millisecond()])?;
            }
            let mut statement =
                self.transaction.prepare_cached("INSERT OR REPLACE INTO account_identity VALUES (?1, ?2)")?;
            statement.execute(params![account.as_str(), <&str>::from(identity)])?;
        }
        for Awaited { sid, level, due } in awaited {
            let mut statement = self.transaction.prepare_cached("INSERT OR IGNORE INTO awaited VALUES (?1, ?2, ?3)")?;
            // SQLite's numbers have a sign.
            statement.execute(params![sid.cast_signed(), level.as_str(), due.as_millisecond()])?;
        }
        arrived.iter().try_for_each(|sid| self.no_longer_awaited(*sid))
    }

    pub(super) fn no_longer_awaited(&self, sid: u64) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached("DELETE FROM awaited WHERE sid = ?1")?;
        statement.execute([sid.cast_signed()]).map(drop)
    }

    /// Adds to the counters.
    pub(super) fn gains(&self, gains: &Gains) -> rusqlite::Result<()> {
        gains.series.iter().try_for_each(|gain| self.count_series(gain))?;
        gains.counters.iter().try_for_each(|row| self.add_to_counter(row))
    }

    fn count_series(&self, SeriesGain { labels, events, late, newest, .. }: &SeriesGain) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO series (level, error_code, account_sid, count, late, last_event, shown)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0) ON CONFLICT DO UPDATE
             SET count = count + excluded.count, late = late + excluded.late,
                 last_event = max(coalesce(last_event, 0), excluded.last_event)",
        )?;
        let level = labels.level.as_str();
        statement.execute(params![level, labels.error_code, labels.account_sid, events, late, newest]).map(drop)
    }

    /// A series may be shown before it has counted anything: then its row begins here.
    pub(super) fn mark_shown(&self, labels: &SeriesLabels) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO series (level, error_code, account_sid, count, shown) VALUES (?1, ?2, ?3, 0, 1)
                 ON CONFLICT DO UPDATE SET shown = 1",
        )?;
        statement.execute(params![labels.level.as_str(), labels.error_code, labels.account_sid]).map(drop)
    }

    fn add_to_counter(&self, row: &CounterRow) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        )?;
        statement.execute(params![row.metric, row.labels, row.value]).map(drop)
    }

    pub(super) fn set_counter(&self, row: &CounterRow) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached(
            "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        statement.execute(params![row.metric, row.labels, row.value]).map(drop)
    }

    pub(super) fn quarantine(&self, at: Timestamp, document: &str) -> rusqlite::Result<()> {
        self.wrote(document.len());
        let mut statement = self.transaction.prepare_cached("INSERT INTO quarantine (at, document) VALUES (?1, ?2)")?;
        statement.execute(params![at.as_millisecond(), document]).map(drop)
    }

    pub(super) fn cursor(&self, cursor: u64) -> rusqlite::Result<()> {
        let mut statement = self.transaction.prepare_cached("UPDATE state SET cursor = ?1")?;
        statement.execute(params![cursor]).map(drop)
    }

    /// Deletes the oldest rows of fingerprints until so many `arrivals` are forgotten, at most [`ROWS_PER_STEP`] rows; gives the rows.
    pub(super) fn forget_oldest(&self, arrivals: u64) -> rusqlite::Result<Vec<Vec<u8>>> {
        let mut left = arrivals;
        self.forget_while(|_, row| {
            let goes = left > 0;
            left = left.saturating_sub(arrivals_of(row));
            goes
        })
    }

    /// Deletes rows of fingerprints from the oldest on, as long as it `goes` by when it was written (milliseconds since 1970) and what
    /// it holds, at most [`ROWS_PER_STEP`] rows; gives the rows.
    pub(super) fn forget_while(&self, mut goes: impl FnMut(i64, &[u8]) -> bool) -> rusqlite::Result<Vec<Vec<u8>>> {
        let mut forgotten = Vec::new();
        for _ in 0..ROWS_PER_STEP {
            let oldest = self
                .transaction
                .prepare_cached("SELECT id, at, fingerprints FROM seen_groups ORDER BY id LIMIT 1")?
                .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)))
                .optional()?;
            let Some((id, _, row)) = oldest.filter(|(_, at, row)| goes(*at, row)) else {
                break;
            };
            self.transaction.prepare_cached("DELETE FROM seen_groups WHERE id = ?1")?.execute([id])?;
            forgotten.push(row);
        }
        Ok(forgotten)
    }

    /// Deletes groups of events from the oldest on, as long as they are delivered and it `goes` by when it arrived, at most
    /// [`ROWS_PER_STEP`]; gives how many groups, and how many events were in them.
    pub(super) fn delete_groups(&self, through: u64, goes: impl Fn(i64) -> bool) -> rusqlite::Result<(usize, u64)> {
        let oldest = format!(
            "SELECT last_seq, events, received_at FROM event_groups WHERE last_seq <= ?1 ORDER BY last_seq LIMIT {ROWS_PER_STEP}"
        );
        let mut groups = self
            .transaction
            .prepare_cached(&oldest)?
            .query_map([through], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, i64>(2)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        let late = groups.iter().take_while(|(_, _, received_at)| goes(*received_at)).count();
        groups.truncate(late);
        for (last_seq, ..) in &groups {
            self.transaction.prepare_cached("DELETE FROM event_groups WHERE last_seq = ?1")?.execute([last_seq])?;
        }
        let events: u64 = groups.iter().map(|(_, events, _)| events).sum();
        if events > 0 {
            self.transaction.prepare_cached("UPDATE state SET events = events - ?1")?.execute([events])?;
        }
        Ok((groups.len(), events))
    }

    /// Deletes rows of `table` from the oldest on that were written before a time (milliseconds since 1970), at most
    /// [`ROWS_PER_STEP`]; gives how many.
    ///
    /// Never by that time alone: there is no index of it, and to look through a large table takes longer than requests should wait.
    pub(super) fn delete_rows(&self, table: &str, before: i64) -> rusqlite::Result<usize> {
        let oldest = format!("SELECT id, at FROM {table} ORDER BY id LIMIT {ROWS_PER_STEP}");
        let rows = self
            .transaction
            .prepare_cached(&oldest)?
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        let late = rows.iter().take_while(|(_, at)| *at < before).count();
        if let Some((last, _)) = rows[..late].last() {
            self.transaction.prepare_cached(&format!("DELETE FROM {table} WHERE id <= ?1"))?.execute([last])?;
        }
        Ok(late)
    }

    pub(super) fn partial_delivery(&self, partial: &PartialDelivery) -> rusqlite::Result<()> {
        let PartialDelivery { at, rejected, message, sids } = partial;
        let mut statement = self
            .transaction
            .prepare_cached("INSERT INTO partial_deliveries (at, rejected, message, sids) VALUES (?1, ?2, ?3, ?4)")?;
        statement.execute(params![at.as_millisecond(), rejected, message, sids.join("\n")]).map(drop)
    }
}
