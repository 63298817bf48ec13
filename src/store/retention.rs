//! Makes room: what has been delivered and is old goes first, what the collector has not taken never goes.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::Settings;
use super::disk::{CommitError, Disk};
use super::fold::State;

/// From here on new events are kept without their payload, and delivered ones make room for new ones.
pub(super) fn high_mark(bytes_max: u64) -> u64 {
    bytes_max / 5 * 4
}

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

/// Deletes what is past its time: delivered events after `retention`, fingerprints and quarantine after the dedupe window; and
/// forgets the oldest fingerprints beyond the limit.
pub(super) fn apply(
    disk: &mut Disk,
    state: &mut State,
    limits: &Settings,
    delivered_through: u64,
) -> Result<(), CommitError> {
    let now = Timestamp::now();
    let end = Instant::now() + ROUND_TIME_MAX;
    let events_before = before(now, limits.retention);
    let seen_before = before(now, limits.dedupe_window);
    // In small steps, and more than one: sixty-four rows a round are fewer than a busy account makes.
    loop {
        let mut deleted = delete_groups(disk, state, delivered_through, |received_at| received_at < events_before)?;
        deleted += forget_before(disk, state, seen_before)?;
        deleted += forget_beyond_limit(disk, state)?;
        for table in ["quarantine", "partial_deliveries"] {
            deleted += disk.commit(|statements| Ok(statements.delete_rows(table, seen_before)?))?;
        }
        if deleted == 0 || Instant::now() > end {
            return Ok(());
        }
    }
}

/// Deletes the oldest delivered groups until the store is at most at `bytes_max`.
pub(super) fn make_room(
    disk: &mut Disk,
    state: &mut State,
    delivered_through: u64,
    bytes_max: u64,
) -> Result<Room, CommitError> {
    let end = Instant::now() + ROUND_TIME_MAX;
    while delete_groups(disk, state, delivered_through, |_| true)? > 0 && disk.bytes() > bytes_max {
        if Instant::now() > end {
            return Ok(Room::More);
        }
    }
    Ok(Room::Made)
}

/// Deletes groups from the oldest on, as long as they are delivered and it `goes` by when it arrived; gives how many.
fn delete_groups(
    disk: &mut Disk,
    state: &mut State,
    through: u64,
    goes: impl Fn(i64) -> bool,
) -> Result<usize, CommitError> {
    let (groups, events) = disk.commit(|statements| Ok(statements.delete_groups(through, goes)?))?;
    state.numbers.events -= events;
    Ok(groups)
}

/// Forgets what was seen before a time; gives how many rows of it.
fn forget_before(disk: &mut Disk, state: &mut State, before: i64) -> Result<usize, CommitError> {
    let forgotten = disk.commit(|statements| Ok(statements.forget_while(|at, _| at < before)?))?;
    state.forget(&forgotten);
    Ok(forgotten.len())
}

/// Forgets the oldest beyond the limit, which may have become lower; gives how many rows of them.
fn forget_beyond_limit(disk: &mut Disk, state: &mut State) -> Result<usize, CommitError> {
    let beyond = state.remembered.saturating_sub(state.remembered_max);
    if beyond == 0 {
        return Ok(0);
    }
    let forgotten = disk.commit(|statements| Ok(statements.forget_oldest(beyond)?))?;
    state.forget(&forgotten);
    Ok(forgotten.len())
}

/// Milliseconds since 1970, `ago` before `now`.
fn before(now: Timestamp, ago: Duration) -> i64 {
    let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
    now.checked_sub(ago).map_or(i64::MIN, Timestamp::as_millisecond)
}
