//! How full the store is: tells whoever asks, and lets delivered events go before it is full.

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::super::disk::CommitError;
use super::super::retention::{self, high_mark};
use super::super::{Pressure, Settings};
use super::{Command, Writer, if_possible};
use crate::metrics::seconds;

/// With less room the store is full: the next event might not fit, and would be read in vain.
const ROOM_BYTES_MIN: u64 = 64 << 10;

/// The limits, and how near they are.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) limits: Settings,
    pressure: watch::Sender<Pressure>,
    /// Whether the last round of making room was ended by its time alone.
    has_more_to_drop: bool,
}

impl Room {
    pub(super) fn new(limits: Settings, pressure: watch::Sender<Pressure>) -> Self {
        Self { limits, pressure, has_more_to_drop: false }
    }

    /// Whether `bytes` more fit into a store that uses `used`.
    pub(super) fn has_room(&self, used: u64, bytes: usize) -> bool {
        used + bytes as u64 <= self.limits.bytes_max
    }

    /// Whether the store is further from its limit than where it begins to save.
    pub(super) fn is_ample(&self) -> bool {
        *self.pressure.borrow() == Pressure::Normal
    }

    /// Tells everybody how full a store of so many bytes is.
    fn tell(&self, bytes: u64) {
        let pressure = match bytes {
            bytes if bytes + ROOM_BYTES_MIN > self.limits.bytes_max => Pressure::Full,
            bytes if bytes > high_mark(self.limits.bytes_max) => Pressure::High,
            _ => Pressure::Normal,
        };
        if self.pressure.send_replace(pressure) == pressure {
            return;
        }
        match pressure {
            Pressure::Normal => tracing::info!(bytes, "the store has room again"),
            Pressure::High => {
                tracing::warn!(bytes, "the store is at 80 %: new events are kept without their payload");
            }
            Pressure::Full => tracing::error!(bytes, "the store is full: new events are refused"),
        }
    }
}

impl Writer {
    /// Goes on making room while nobody waits. A full store lets nobody in, so nobody else would come to make the rest.
    pub(super) fn make_room_meanwhile(&mut self, commands: &mpsc::Receiver<Command>) -> Result<(), CommitError> {
        while self.room.has_more_to_drop && commands.is_empty() {
            self.look_after_room()?;
            self.disk.checkpoint_if_due()?;
        }
        Ok(())
    }

    /// Applies the limits of time and number, then those of size; and counts what has not come in its time.
    pub(super) fn maintain(&mut self) -> Result<(), CommitError> {
        let delivered_through = self.delivered_through();
        if_possible(retention::apply(&mut self.disk, &mut self.state, &self.room.limits, delivered_through))?;
        if_possible(self.count_overdue())?;
        self.show_oldest()?;
        self.look_after_room()
    }

    /// Makes room before there is none, and tells inputs and metrics how full the store is.
    pub(super) fn look_after_room(&mut self) -> Result<(), CommitError> {
        self.drop_delivered()?;
        self.show_size();
        self.room.tell(self.disk.bytes());
        Ok(())
    }

    /// Shows when the oldest event arrived.
    pub(super) fn show_oldest(&self) -> Result<(), CommitError> {
        let show = |oldest: Option<Timestamp>| {
            self.metrics.families().store_oldest_event.set(oldest.map_or(0.0, seconds));
        };
        if_possible(self.disk.oldest().map(show).map_err(CommitError::from))
    }

    pub(in crate::store) fn show_size(&self) {
        let families = self.metrics.families();
        families.store_bytes.set(self.disk.bytes());
        families.store_events.set(self.state.numbers.events);
        families.store_bytes_max.set(self.room.limits.bytes_max);
    }

    /// Deletes delivered events while the store is above its high mark.
    fn drop_delivered(&mut self) -> Result<(), CommitError> {
        let high_mark = high_mark(self.room.limits.bytes_max);
        self.room.has_more_to_drop = false;
        if self.disk.bytes() > high_mark {
            let delivered_through = self.delivered_through();
            let made = retention::make_room(&mut self.disk, &mut self.state, delivered_through, high_mark);
            self.room.has_more_to_drop = matches!(made, Ok(retention::Room::More));
            if_possible(made.map(drop))?;
        }
        Ok(())
    }

    /// The last event that may go: with log export, the last one the collector has.
    fn delivered_through(&self) -> u64 {
        let numbers = &self.state.numbers;
        if self.keep_for_export { numbers.cursor } else { numbers.last_seq }
    }
}
