//! Our own log: lines on standard error, and our own request spans when traces are configured.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::otlp::{self, Spans};

/// `log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A `tracing` filter: `info`, or `warn,twilio_debugger_exporter=debug`.
    pub level: String,
    /// JSON lines instead of text.
    pub json: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { level: "info".to_owned(), json: false }
    }
}

/// Starts the log and, with a destination for `traces`, the export of spans; what is returned must be shut down at the end.
///
/// # Errors
///
/// A sentence: a filter that is none, or a span exporter that cannot be built.
pub fn start(settings: &Settings, traces: Option<&otlp::Settings>) -> Result<Option<Spans>, String> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|error| format!("log.level: {error}"))?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if settings.json {
        lines.json().flatten_event(true).with_filter(filter).boxed()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
    };
    let (spans, layer) = match traces {
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
