//! The collector as commands see it: does it take records, and take these.

use tokio::sync::watch;

use super::{CommandError, sentence};
use crate::otlp::answer::Answer;
use crate::otlp::{Client, Replayed, Settings, replay};
use crate::store::StoredEvent;

/// A collector.
pub(super) struct Destination(Client);

/// What became of exported events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Events the collector took.
    pub(super) delivered: u64,
    /// Events the collector refused.
    pub(super) refused: u64,
}

impl Destination {
    /// Connects to nothing yet; needs a tokio runtime.
    pub(super) fn new(settings: &Settings) -> Result<Self, CommandError> {
        Client::new(settings).map(Self).map_err(|error| CommandError::Usage(sentence(&error)))
    }

    /// Sends a request without records; the collector's words if it does not take even that.
    pub(super) async fn probe(&self) -> Result<(), String> {
        match self.0.send(Vec::new()).await {
            Answer::Delivered { .. } | Answer::Partial { .. } => Ok(()),
            Answer::Later { detail, .. }
            | Answer::Destination { detail }
            | Answer::Refused { detail }
            | Answer::TooLarge { detail } => Err(detail),
        }
    }

    /// Exports `events` as the export loop would, until `stop` is true.
    pub(super) async fn export(&self, events: Vec<StoredEvent>, stop: watch::Receiver<bool>) -> Tally {
        // However it ended: what was settled was settled, and the caller knows whether it was stopped.
        let (Replayed { delivered, refused }, _) = replay(&self.0, events, stop).await;
        Tally { delivered, refused }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.delivered += more.delivered;
        self.refused += more.refused;
    }
}
