//! What OpenTelemetry's variables tell apart: the same setting may differ for log records and for spans.

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Events, as log records.
    Logs,
    /// Our own request spans.
    Traces,
}

impl Signal {
    /// As it stands in a variable's name.
    pub(crate) fn infix(self) -> &'static str {
        match self {
            Self::Logs => "LOGS",
            Self::Traces => "TRACES",
        }
    }

    /// The path that is appended to an HTTP base URL.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Logs => "v1/logs",
            Self::Traces => "v1/traces",
        }
    }
}
