//! Reads alerts once, for the command: through the exporter that runs on the data directory, or with the store to itself.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::control::{self, News, Request};
use crate::config::{Loaded, Settings};
use crate::input::alerts::{Backfill, Once, Progress, Rules};
use crate::metrics::Metrics;
use crate::store::{self, OpenError};

/// A reason why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The store cannot be opened, and not because another process has it.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Another process has it, and does not answer.
    #[error("the process that has the data directory {} does not answer", dir.display())]
    Silent {
        /// Which directory.
        dir: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It answers, and does not do it.
    #[error("the running exporter refuses: {0}")]
    Refused(String),
    /// The store has failed.
    #[error("the store has failed; what is on disk is kept")]
    Failed,
}

/// What backfill needs of the settings.
pub(super) fn rules_of(settings: &Settings) -> Rules {
    Rules {
        settings: settings.backfill.clone(),
        accounts: settings.accounts.to_vec(),
        redaction: settings.redaction,
        late_after: settings.late_after,
        dir: settings.store.dir.clone(),
    }
}

/// Reads the alerts of every account from `since` to `until`.
///
/// A running exporter reads with its own settings, those in `loaded` are for one that does not run.
///
/// # Errors
///
/// [`BackfillError`]. That an account's alerts could not be read is none, and stands in [`Once::faults`].
pub async fn backfill(
    loaded: &Loaded,
    since: Timestamp,
    until: Timestamp,
    progress: &watch::Sender<Progress>,
) -> Result<Once, BackfillError> {
    let settings = &loaded.settings;
    let mut opened = match store::open(&settings.store) {
        Ok(opened) => opened,
        Err(OpenError::InUse { dir }) => {
            return match control::ask(&dir, &Request::Backfill { since, until }, progress).await {
                Ok(News::Done(once)) => Ok(once),
                Ok(News::Refused(why)) => Err(BackfillError::Refused(why)),
                Ok(News::Progress(_)) => Err(BackfillError::Failed),
                Err(source) => Err(BackfillError::Silent { dir, source }),
            };
        }
        Err(error) => return Err(error.into()),
    };
    let exports = settings.otlp.is_some();
    let restored = std::mem::take(&mut opened.restored);
    let (metrics, admission) = Metrics::new(&settings.metrics, &settings.accounts, exports, restored);
    let metrics = Arc::new(metrics);
    let (store, _backlog, writer) = opened.start(metrics.clone(), admission, settings.store.clone(), exports);
    let backfill = Backfill { store: store.clone(), metrics };
    let once = backfill.once(&rules_of(settings), since, until, progress).await;
    store.close().await;
    let ended = tokio::task::spawn_blocking(move || writer.join()).await;
    let failed = *store.failed().borrow() || !matches!(ended, Ok(Ok(())));
    if failed { Err(BackfillError::Failed) } else { Ok(once) }
}
