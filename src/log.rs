//! Our own log: lines on standard error, and our own request spans when traces are configured.

mod spans;

use std::io::IsTerminal as _;

use opentelemetry_otlp::ExporterBuildError;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

pub use self::spans::{Spans, current_trace};
use crate::otlp::{self, ClientError};

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

/// A reason why the log cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A filter that is none.
    #[error("log.level")]
    Filter(#[from] ParseError),
    /// The collector of spans cannot be spoken to.
    #[error("otlp.traces")]
    Collector(#[from] ClientError),
    /// The exporter of spans cannot be built.
    #[error("otlp.traces: spans cannot be exported")]
    Exporter(#[from] ExporterBuildError),
    /// There is a log already.
    #[error("log")]
    Started(#[from] TryInitError),
}

/// Starts the log and, with a destination for `traces`, the export of spans; what is returned must be shut down at the end.
///
/// # Errors
///
/// [`StartError`], of which nothing but the last can happen after a configuration without a fault.
pub fn start(settings: &Settings, traces: Option<&otlp::Settings>) -> Result<Option<Spans>, StartError> {
    let filter = EnvFilter::try_new(&settings.level)?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if settings.json {
        lines.json().flatten_event(true).with_filter(filter).boxed()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
    };
    let (spans, layer) = traces.map(spans::start).transpose()?.unzip();
    tracing_subscriber::registry().with(layer).with(lines).try_init()?;
    Ok(spans)
}
