//! Makes room: what has been delivered and is old goes first, what the collector has not taken never goes.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::OptionalExtension as _;

use super::Settings;
use super::disk::{COMMIT_BYTES, Disk};

/// From here on new events are kept without their payload, and delivered ones make room for new ones.
pub(super) fn high_mark(bytes_max: u64) -> u64 {
    bytes_max / 5 * 4
}

/// The most rows deleted in one transaction: what a request may have to wait behind.
const ROWS_PER_STEP: u64 = 64;

/// How long one round of it may take. Requests wait behind it, and what is left is done in the next one.
const ROUND_TIME_MAX: Duration = Duration::from_millis(200);

/// How a round of making room has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// With enough of it, or with nothing left that may go.
    Made,
    /// By its time; there is more that may go.
    More,
}

/// Deletes what is past its time: delivered events after `retention`, fingerprints and quarantine after the dedupe window.
pub(super) fn apply(disk: &mut Disk, limits: &Settings, delivered_through: u64) -> rusqlite::Result<()> {
    let now = Timestamp::now();
    let end = Instant::now() + ROUND_TIME_MAX;
    let events_before = before(now, limits.retention);
    let seen_before = before(now, limits.dedupe_window);
    // In small steps, and more than one: sixty-four rows a round are fewer than a busy account makes.
    loop {
        let mut deleted = delete_groups(disk, delivered_through, |received_at| received_at < events_before)?;
        deleted += forget_while(disk, |_, at| at < seen_before)?;
        deleted += delete_rows(disk, "quarantine", seen_before)?;
        deleted += delete_rows(disk, "partial_deliveries", seen_before)?;
        if deleted == 0 || Instant::now() > end {
            return Ok(());
        }
    }
}

/// Deletes the oldest delivered groups until the store is at most at `bytes_max`.
pub(super) fn make_room(disk: &mut Disk, delivered_through: u64, bytes_max: u64) -> rusqlite::Result<Room> {
    let end = Instant::now() + ROUND_TIME_MAX;
    while delete_groups(disk, delivered_through, |_| true)? > 0 && disk.bytes()? > bytes_max {
        if Instant::now() > end {
            return Ok(Room::More);
        }
    }
    Ok(Room::Made)
}

/// Forgets the oldest fingerprints until at most `events_max` are left.
pub(super) fn forget_oldest(disk: &mut Disk, events_max: u64) -> rusqlite::Result<()> {
    forget_while(disk, |remembered, _| remembered > events_max).map(drop)
}

/// Deletes groups from the oldest on, as long as they are delivered and `applies` to when they arrived; returns how many.
fn delete_groups(disk: &mut Disk, through: u64, applies: impl Fn(i64) -> bool) -> rusqlite::Result<usize> {
    let transaction = disk.connection.transaction()?;
    let oldest = format!(
        "SELECT last_seq, events, received_at FROM event_groups WHERE last_seq <= ?1 ORDER BY last_seq LIMIT {ROWS_PER_STEP}"
    );
    let mut groups = transaction
        .prepare_cached(&oldest)?
        .query_map([through], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, i64>(2)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    let late = groups.iter().take_while(|(_, _, received_at)| applies(*received_at)).count();
    groups.truncate(late);
    let events: u64 = groups.iter().map(|(_, events, _)| events).sum();
    for (last_seq, ..) in &groups {
        transaction.prepare_cached("DELETE FROM event_groups WHERE last_seq = ?1")?.execute([last_seq])?;
    }
    if groups.is_empty() {
        return Ok(0);
    }
    transaction.prepare_cached("UPDATE state SET events = events - ?1")?.execute([events])?;
    transaction.commit()?;
    disk.log_bytes += COMMIT_BYTES;
    disk.state.events -= events;
    Ok(groups.len())
}

/// Deletes rows of `table` from the oldest on that were written before a time; returns how many.
///
/// Never by that time alone: there is no index of it, and to look through a large table takes longer than requests should wait.
fn delete_rows(disk: &mut Disk, table: &str, before: i64) -> rusqlite::Result<usize> {
    let transaction = disk.connection.transaction()?;
    let oldest = format!("SELECT id, at FROM {table} ORDER BY id LIMIT {ROWS_PER_STEP}");
    let rows = transaction
        .prepare_cached(&oldest)?
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    let late = rows.iter().take_while(|(_, at)| *at < before).count();
    let Some((last, _)) = rows[..late].last() else {
        return Ok(0);
    };
    transaction.prepare_cached(&format!("DELETE FROM {table} WHERE id <= ?1"))?.execute([last])?;
    transaction.commit()?;
    disk.log_bytes += COMMIT_BYTES;
    Ok(late)
}

/// Forgets fingerprints from the oldest on, as long as `applies` to how many are remembered and when the row was written; returns
/// how many rows of them.
fn forget_while(disk: &mut Disk, applies: impl Fn(u64, i64) -> bool) -> rusqlite::Result<usize> {
    let mut forgotten = Vec::new();
    let mut remembered = disk.remembered;
    let transaction = disk.connection.transaction()?;
    for _ in 0..ROWS_PER_STEP {
        let oldest = transaction
            .prepare_cached("SELECT id, at, fingerprints FROM seen_groups ORDER BY id LIMIT 1")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)))
            .optional()?;
        let Some((id, _, fingerprints)) = oldest.filter(|(_, at, _)| applies(remembered, *at)) else {
            break;
        };
        transaction.prepare_cached("DELETE FROM seen_groups WHERE id = ?1")?.execute([id])?;
        remembered = remembered.saturating_sub(fingerprints.len() as u64 / 16);
        forgotten.push(fingerprints);
    }
    if forgotten.is_empty() {
        return Ok(0);
    }
    transaction.commit()?;
    disk.log_bytes += COMMIT_BYTES;
    disk.remembered = remembered;
    for row in &forgotten {
        disk.seen.forget(row);
    }
    Ok(forgotten.len())
}

/// Milliseconds since 1970, `ago` before `now`.
fn before(now: Timestamp, ago: Duration) -> i64 {
    let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
    now.checked_sub(ago).map_or(i64::MIN, Timestamp::as_millisecond)
}
