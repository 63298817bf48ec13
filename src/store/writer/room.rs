//! How full the store is: tells whoever asks, and lets delivered events go before it is full.

use std::sync::atomic::Ordering;

use rusqlite::ErrorCode;
use tokio::sync::mpsc;

use super::super::Pressure;
use super::super::retention::{self, Room};
use super::{Command, Writer};

/// With less room the store is full: the next event might not fit, and would be read in vain.
const ROOM_BYTES_MIN: u64 = 64 << 10;

impl Writer {
    /// Goes on making room while nobody waits. A full store lets nobody in, so nobody else would come to make the rest.
    pub(super) fn make_room_meanwhile(&mut self, commands: &mpsc::Receiver<Command>) -> rusqlite::Result<()> {
        while self.has_more_to_drop && commands.is_empty() {
            self.measure()?;
            self.checkpoint_if_due()?;
        }
        Ok(())
    }

    /// Applies the limits of time, then those of size.
    pub(super) fn maintain(&mut self) -> rusqlite::Result<()> {
        let delivered_through = self.delivered_through();
        unless_full(retention::apply(&mut self.disk, &self.limits, delivered_through))?;
        self.note_oldest()?;
        self.measure()
    }

    /// Shows when the oldest event arrived.
    pub(super) fn note_oldest(&self) -> rusqlite::Result<()> {
        let oldest = self.disk.oldest()?.map_or(0.0, crate::metrics::seconds);
        self.metrics.families().store_oldest_event.set(oldest);
        Ok(())
    }

    /// Looks how full the store is, and weighs that.
    pub(super) fn measure(&mut self) -> rusqlite::Result<()> {
        self.bytes = self.disk.bytes()?;
        self.weigh()
    }

    /// Makes room before there is none, and tells inputs and metrics how full the store is.
    pub(super) fn weigh(&mut self) -> rusqlite::Result<()> {
        if self.disk.remembered > self.limits.dedupe_events_max {
            unless_full(retention::forget_oldest(&mut self.disk, self.limits.dedupe_events_max))?;
        }
        let high_mark = retention::high_mark(self.limits.bytes_max);
        let delivered_through = self.delivered_through();
        self.has_more_to_drop = false;
        if self.bytes > high_mark {
            let made = retention::make_room(&mut self.disk, delivered_through, high_mark);
            self.has_more_to_drop = matches!(made, Ok(Room::More));
            unless_full(made.map(drop))?;
            self.bytes = self.disk.bytes()?;
        }
        let families = self.metrics.families();
        families.store_bytes.set(i64::try_from(self.bytes).unwrap_or(i64::MAX));
        families.store_events.set(i64::try_from(self.disk.state.events).unwrap_or(i64::MAX));
        families.store_bytes_max.set(i64::try_from(self.limits.bytes_max).unwrap_or(i64::MAX));
        self.set_pressure(match self.bytes {
            bytes if bytes + ROOM_BYTES_MIN > self.limits.bytes_max => Pressure::Full,
            bytes if bytes > high_mark => Pressure::High,
            _ => Pressure::Normal,
        });
        Ok(())
    }

    /// The last event that may go: with log export, the last one the collector has.
    fn delivered_through(&self) -> u64 {
        if self.keep_for_export { self.disk.state.cursor } else { self.disk.state.last_seq }
    }

    fn set_pressure(&self, pressure: Pressure) {
        let before = self.pressure.swap(pressure as u8, Ordering::Relaxed);
        if before != pressure as u8 {
            let bytes = self.bytes;
            match pressure {
                Pressure::Normal => tracing::info!(bytes, "the store has room again"),
                Pressure::High => {
                    tracing::warn!(bytes, "the store is at 80 %: new events are kept without their payload");
                }
                Pressure::Full => tracing::error!(bytes, "the store is full: new events are refused"),
            }
        }
    }
}

/// Lets want of room pass: deleting needs room too, and will be tried again.
fn unless_full(outcome: rusqlite::Result<()>) -> rusqlite::Result<()> {
    match outcome {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => Ok(()),
        outcome => outcome,
    }
}
