//! Makes room: what has been delivered and is old goes first, what the collector has not taken never goes.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::OptionalExtension as _;

use super::disk::Disk;
use crate::config::StoreSettings;

/// From here on new events are kept without their payload, and delivered ones make room for new ones.
pub(super) fn high_mark(bytes_max: u64) -> u64 {
    bytes_max / 5 * 4
}

/// The most groups deleted in one transaction: what a request may have to wait behind.
const GROUPS_PER_STEP: u64 = 64;

/// How long one round of it may take. Requests wait behind it, and what is left is done in the next one.
const ROUND_TIME_MAX: Duration = Duration::from_millis(200);

/// Deletes what is past its time: delivered events after `retention`, fingerprints and quarantine after the dedupe window.
pub(super) fn apply(disk: &mut Disk, limits: &StoreSettings, delivered_through: u64) -> rusqlite::Result<()> {
    let now = Timestamp::now();
    let end = Instant::now() + ROUND_TIME_MAX;
    let events_before = before(now, limits.retention);
    let seen_before = before(now, limits.dedupe_window);
    // In small steps, and more than one: sixty-four groups a round are fewer than a busy account makes.
    loop {
        let (events, seen) = (disk.state.events, disk.seen_events);
        delete_groups(disk, delivered_through, |received_at| received_at < events_before)?;
        forget_while(disk, |_, at| at < seen_before)?;
        if (disk.state.events, disk.seen_events) == (events, seen) || Instant::now() > end {
            break;
        }
    }
    disk.connection.prepare_cached("DELETE FROM quarantine WHERE at < ?1")?.execute([seen_before])?;
    disk.connection.prepare_cached("DELETE FROM partial_deliveries WHERE at < ?1")?.execute([seen_before])?;
    Ok(())
}

/// Deletes the oldest delivered groups; false if there are none.
pub(super) fn make_room(disk: &mut Disk, delivered_through: u64) -> rusqlite::Result<bool> {
    let before = disk.state.events;
    delete_groups(disk, delivered_through, |_| true)?;
    Ok(disk.state.events < before)
}

/// Forgets the oldest fingerprints until at most `events_max` are left.
pub(super) fn forget_oldest(disk: &mut Disk, events_max: u64) -> rusqlite::Result<()> {
    forget_while(disk, |remembered, _| remembered > events_max)
}

/// Deletes groups from the oldest on, as long as they are delivered and `applies` to when they arrived.
fn delete_groups(disk: &mut Disk, through: u64, applies: impl Fn(i64) -> bool) -> rusqlite::Result<()> {
    let transaction = disk.connection.transaction()?;
    let oldest = format!(
        "SELECT last_seq, events, received_at FROM event_groups WHERE last_seq <= ?1 ORDER BY last_seq LIMIT {GROUPS_PER_STEP}"
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
    if events > 0 {
        transaction.prepare_cached("UPDATE state SET events = events - ?1")?.execute([events])?;
    }
    transaction.commit()?;
    disk.state.events -= events;
    Ok(())
}

/// Forgets fingerprints from the oldest on, as long as `applies` to how many are remembered and when the row was written.
fn forget_while(disk: &mut Disk, applies: impl Fn(u64, i64) -> bool) -> rusqlite::Result<()> {
    let mut forgotten = Vec::new();
    let mut remembered = disk.seen_events;
    let transaction = disk.connection.transaction()?;
    for _ in 0..GROUPS_PER_STEP {
        let oldest = transaction
            .prepare_cached("SELECT id, at, fingerprints FROM seen_groups ORDER BY id LIMIT 1")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)))
            .optional()?;
        let Some((id, _, fingerprints)) = oldest.filter(|(_, at, _)| applies(remembered, *at)) else {
            break;
        };
        transaction.prepare_cached("DELETE FROM seen_groups WHERE id = ?1")?.execute([id])?;
        remembered -= fingerprints.len() as u64 / 16;
        forgotten.push(fingerprints);
    }
    transaction.commit()?;
    disk.seen_events = remembered;
    for row in forgotten {
        disk.seen.forget(&row);
    }
    Ok(())
}

/// Milliseconds since 1970, `ago` before `now`.
fn before(now: Timestamp, ago: Duration) -> i64 {
    let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
    now.checked_sub(ago).map_or(i64::MIN, Timestamp::as_millisecond)
}
