//! What is said at the start: every address, every doubt, so that a log's first lines answer the first questions.

use std::net::SocketAddr;
use std::path::Path;

use crate::config::Loaded;

pub(super) fn started(loaded: &Loaded, (webhook, telemetry): (SocketAddr, SocketAddr), moved_aside: Option<&Path>) {
    let Loaded { settings, warnings, .. } = loaded;
    for warning in warnings {
        tracing::warn!(warning, "configuration");
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), revision = crate::BUILD_REVISION, "starting");
    for url in &settings.public_urls {
        tracing::info!(%url, "verifying signatures against this public url");
    }
    if let Some(otlp) = &settings.otlp {
        tracing::info!(endpoint = crate::redact::mask_url(&otlp.endpoint), "log export is on");
    } else {
        tracing::info!("log export is off: no otlp endpoint is configured; events are stored and counted");
    }
    if let Some(aside) = moved_aside {
        tracing::error!(moved_to = %aside.display(), "the store was unreadable and has been moved aside; counters start anew");
    }
    tracing::info!(dir = %settings.store.dir.display(), "storing events");
    tracing::info!(%webhook, "listening for webhooks");
    tracing::info!(%telemetry, "listening for scrapes");
}
