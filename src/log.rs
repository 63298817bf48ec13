//! Our own log: lines on standard error, and our own request spans when traces are configured.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::config::Settings;
use crate::otlp::{self, Spans};

/// Starts the log and, when configured, the export of spans; what is returned must be shut down at the end.
///
/// # Errors
///
/// A sentence: a filter that is none, or a span exporter that cannot be built.
pub fn start(settings: &Settings) -> Result<Option<Spans>, String> {
    let filter = EnvFilter::try_new(&settings.log.level).map_err(|error| format!("log.level: {error}"))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if settings.log.json {
        lines.json().flatten_event(true).with_filter(filter).boxed()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
    };
    let (spans, layer) = match &settings.traces {
        None => (None, None),
        Some(traces) => {
            let (spans, layer) = otlp::spans(traces).map_err(|error| format!("otlp.traces: {error}"))?;
            (Some(spans), Some(layer))
        }
    };
    let started = tracing_subscriber::registry().with(layer).with(lines).try_init();
    started.map_err(|error| format!("log: {error}"))?;
    Ok(spans)
}
