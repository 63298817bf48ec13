//! Reads the configuration again, and takes all of it or nothing.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Parts, note_loaded, rules_of, shown_of, turned};
use crate::config::{Loaded, load_everything};
use crate::telemetry::Telemetry;

/// Reads every source again. A bad file keeps the old configuration.
///
/// # Errors
///
/// Every fault, one a line.
pub(super) fn reload(parts: &Parts, page: &Telemetry) -> Result<(), String> {
    let loaded = load_everything(&parts.sources).map_err(|faults| {
        parts.metrics.families().reload_successful.set(0);
        tracing::error!(%faults, "configuration not reloaded: the old one stays in force");
        faults.to_string()
    })?;
    let Loaded { settings, webhook_guard, telemetry_guard, warnings } = loaded;
    for setting in parts.settings.load().changes_needing_restart(&settings) {
        tracing::warn!(setting, "this change takes effect at the next start");
    }
    for warning in warnings {
        tracing::warn!(warning, "configuration");
    }
    let settings = Arc::new(settings);
    parts.metrics.know_keys(&settings.accounts);
    parts.webhook_controls.tls.store(webhook_guard.tls);
    parts.webhook_controls.set_connections_max(settings.webhook.connections_max);
    parts.telemetry_controls.tls.store(telemetry_guard.tls.clone());
    parts.receiver.set_rules(rules_of(&settings, webhook_guard.basic_auth));
    page.guard.store(Arc::new(telemetry_guard));
    page.shown.store(Arc::new(shown_of(&settings)));
    parts.settings.store(settings);
    parts.reloaded.notify_one();
    note_loaded(&parts.metrics);
    tracing::info!("configuration reloaded");
    Ok(())
}

/// Reloads at every SIGHUP.
pub(super) async fn on_hangup(page: Arc<Telemetry>, mut stopped: watch::Receiver<bool>) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return tracing::warn!(%error, "SIGHUP cannot be watched; reload by POST /-/reload"),
    };
    loop {
        tokio::select! {
            Some(()) = hangups.recv() => {
                let page = page.clone();
                // The outcome is logged and counted; a signal has nobody to tell it to.
                let _ = tokio::task::spawn_blocking(move || (page.reload)()).await;
            }
            () = turned(&mut stopped) => return,
        }
    }
}
