//! The door between inputs and store: what an input hands over, where it came from, and what became of it.
//!
//! An [`Intake`] is the unit that is kept and counted as a whole or not at all: one form carries one event, one request of another
//! kind may carry many, and one page of a polled feed moves that feed's position as well. Inputs make it, the store keeps it; neither
//! knows anything else of the other.

use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::account::{KeyName, Mac};
use crate::event::{DebuggerEvent, Source};
use crate::quarantine::Quarantined;
use crate::sid::AccountSid;

/// What an input hands over: all of it is kept and counted, or none.
#[derive(Debug)]
pub struct Intake {
    /// What has arrived, in the order in which it is to be kept.
    pub arrivals: Vec<Arrival>,
    /// What has arrived beside it and is not for keeping: counted, once each.
    pub ignored: Vec<Ignored>,
    /// Where it came from.
    pub origin: Origin,
}

/// What is to be kept.
#[derive(Debug)]
pub enum Arrival {
    /// An event.
    Event(Box<DebuggerEvent>),
    /// Something genuine that is no event.
    Quarantined(Box<Quarantined>),
}

impl Arrival {
    /// Drops the bulk of an event: what is left says what failed, for whom, and where to look.
    pub fn trim(&mut self) {
        if let Self::Event(event) = self {
            event.trim();
        }
    }
}

/// Why something genuine and understood is not for keeping: the `reason` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Ignored {
    /// A level that `event_streams.levels` does not name.
    Level,
    /// An Event Streams event of a type that is no Debugging Event.
    EventType,
    /// The test event of an Event Streams sink.
    TestEvent,
}

impl Ignored {
    /// Every reason, in the order of the metrics page.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The value of the `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Where an intake came from. It decides the `source` label, what is remembered beside an event's Sid, which key is counted, how long
/// an answer may take, and what else moves in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A signed form. One captured request can be cut into other fields under the same MAC, so the MAC is remembered beside the Sid.
    Form {
        /// The signature, decoded.
        mac: Mac,
        /// The key that matched.
        key: KeyName,
    },
    /// A signed batch. A hash of its bytes is signed, which leaves nothing to cut; and its events share one MAC, so remembering that
    /// would make each a duplicate of the first.
    Batch {
        /// The input.
        source: Source,
        /// The key that matched.
        key: KeyName,
    },
    /// A page of a feed that is asked for.
    Page {
        /// The input.
        source: Source,
        /// Moves with what the page brought, or not at all; none where more pages come before the feed has been read that far. It does
        /// not move past what is held back.
        position: Option<Position>,
        /// An account of whose events the feed has some under other Sids than push has. Nothing of it is added from now on.
        conflict: Option<AccountSid>,
    },
}

impl Origin {
    /// The input.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::Form { .. } => Source::Webhook,
            Self::Batch { source, .. } | Self::Page { source, .. } => *source,
        }
    }

    /// The MAC to remember beside each Sid.
    #[must_use]
    pub fn mac(&self) -> Option<&Mac> {
        match self {
            Self::Form { mac, .. } => Some(mac),
            Self::Batch { .. } | Self::Page { .. } => None,
        }
    }

    /// The key that signed.
    #[must_use]
    pub fn key(&self) -> Option<&KeyName> {
        match self {
            Self::Form { key, .. } | Self::Batch { key, .. } => Some(key),
            Self::Page { .. } => None,
        }
    }

    /// The account of which nothing is to be added any more.
    #[must_use]
    pub fn conflict(&self) -> Option<&AccountSid> {
        match self {
            Self::Page { conflict, .. } => conflict.as_ref(),
            Self::Form { .. } | Self::Batch { .. } => None,
        }
    }

    /// The position that moves.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match self {
            Self::Page { position, .. } => position.as_ref(),
            Self::Form { .. } | Self::Batch { .. } => None,
        }
    }

    /// Whether somebody waits for an answer, and not longer than [`ACCEPT_TIMEOUT`]. Nobody waits for a page: it is asked for again.
    #[must_use]
    pub fn is_request(&self) -> bool {
        !matches!(self, Self::Page { .. })
    }
}

/// How far a feed has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Which feed, for example one account's alerts.
    pub feed: String,
    /// Everything before this time has been taken.
    pub read_through: Timestamp,
}

/// What became of an arrival. It is on disk, unless it is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// Synced just now.
    Stored,
    /// Synced at an earlier delivery, or an earlier one of the same group.
    Duplicate,
    /// Not stored: whether it is new cannot be told while the account's events have not been recognised in two feeds. Only what was
    /// asked for is held back, and it is asked for again.
    Held,
}

/// Whether an account's events have the same Sids in every feed, which Twilio says nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Identity {
    /// No Sid has come through two feeds yet.
    #[default]
    Unproved,
    /// One has.
    Proved,
    /// One event has come under two Sids.
    Refuted,
}

/// How long a request may wait for its sync.
pub const ACCEPT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// A reason why an intake may not be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The store is at `bytes_max`, or the disk is full. Nothing is written.
    #[error("store is full")]
    Full,
    /// More requests wait than the store's queue holds. Nothing is written.
    #[error("queue is full")]
    QueueFull,
    /// The write or the sync failed. Nothing may be acknowledged, and the process is about to end.
    #[error("write or sync failed")]
    Failed,
    /// Not synced within [`ACCEPT_TIMEOUT`], and withdrawn. Nothing is written.
    #[error("not synced in time")]
    Timeout,
    /// Not synced within [`ACCEPT_TIMEOUT`] while its sync is under way: the events may be stored and counted all the same, and are
    /// duplicates when they are sent again.
    #[error("sync takes too long")]
    Late,
}
