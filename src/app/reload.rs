//! Reads the configuration again, and takes all of it or nothing.
//!
//! One task does it, a request at a time, whoever asks: two at once could each put half of theirs into force.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::{AllControls, backfill, note_loaded, rules_of, shown_of};
use crate::catalogue::Catalogue;
use crate::config::{ConfigError, Loaded, Settings, Sources, reload_everything};
use crate::input::alerts;
use crate::input::webhook::Receiver;
use crate::metrics::Metrics;
use crate::store;
use crate::telemetry::{Reload, Telemetry};

/// A reason why the old configuration stays in force.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    /// The new one has faults; every one is in the text, a line each.
    #[error(transparent)]
    Faulty(#[from] ConfigError),
    /// Reading has panicked, or the process ends.
    #[error("reload was interrupted")]
    Interrupted(#[from] JoinError),
}

/// What a reload reaches into.
pub(super) struct Reloader {
    pub(super) sources: Sources,
    /// Those in force.
    pub(super) settings: Settings,
    pub(super) receiver: Arc<Receiver>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) page: Arc<Telemetry>,
    pub(super) controls: AllControls,
    /// The store's, which apply at once.
    pub(super) limits: watch::Sender<store::Settings>,
    /// What is known of codes.
    pub(super) catalogues: watch::Sender<Arc<Catalogue>>,
    /// What backfill goes by.
    pub(super) backfill: watch::Sender<alerts::Rules>,
}

impl Reloader {
    /// Reloads at every request and at every SIGHUP, until told to stop.
    pub(super) async fn run(
        mut self,
        mut hangups: Option<Signal>,
        mut requests: mpsc::Receiver<Reload>,
        stop: CancellationToken,
    ) {
        loop {
            tokio::select! {
                Some(request) = requests.recv() => {
                    let reloaded = self.reload().await.map_err(Into::into);
                    // Whoever asked may have gone; the outcome is logged and counted all the same.
                    let _ = request.send(reloaded);
                }
                () = next(hangups.as_mut()) => {
                    // A signal has nobody to tell it to.
                    let _ = self.reload().await;
                }
                () = stop.cancelled() => return,
            }
        }
    }

    /// Reads every source again. A bad file keeps the old configuration.
    ///
    /// # Errors
    ///
    /// Every fault, one a line.
    async fn reload(&mut self) -> Result<(), ReloadError> {
        let sources = self.sources.clone();
        // Reading files and checking certificates takes a moment that other tasks should not wait for.
        let loaded = tokio::task::spawn_blocking(move || reload_everything(&sources)).await;
        match loaded.map_err(ReloadError::from).and_then(|loaded| Ok(loaded?)) {
            Ok(loaded) => {
                self.take(loaded);
                Ok(())
            }
            Err(faults) => {
                self.metrics.families().reload_successful.set(0);
                tracing::error!(%faults, "configuration not reloaded: the old one stays in force");
                Err(faults)
            }
        }
    }

    /// Puts all of it into force.
    fn take(&mut self, loaded: Loaded) {
        let Loaded { settings, catalogue, webhook_guard, telemetry_guard, warnings } = loaded;
        for setting in self.settings.changes_needing_restart(&settings) {
            tracing::warn!(setting, "this change takes effect at the next start");
        }
        for warning in warnings {
            tracing::warn!(warning, "configuration");
        }
        self.metrics.know_keys(&settings.accounts);
        self.controls.webhook.tls.store(webhook_guard.tls);
        self.controls.webhook.set_connections_max(settings.webhook.connections_max);
        self.controls.telemetry.tls.store(telemetry_guard.tls.clone());
        self.receiver.set_rules(rules_of(&settings, webhook_guard.basic_auth));
        self.page.put_in_force(shown_of(&settings), telemetry_guard);
        self.limits.send_replace(settings.store.clone());
        if let Some(catalogue) = catalogue {
            self.catalogues.send_replace(catalogue);
        }
        self.backfill.send_replace(backfill::rules_of(&settings));
        self.settings = settings;
        note_loaded(&self.metrics);
        tracing::info!("configuration reloaded");
    }
}

/// Watches for SIGHUP from here on: one that nobody watches for ends the process.
pub(super) fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!(%error, "SIGHUP cannot be watched; reload by POST /-/reload"))
        .ok()
}

/// Completes at the next signal; never without a watch.
async fn next(signals: Option<&mut Signal>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}
