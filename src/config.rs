//! What was checked: every setting, typed and valid.
//!
//! The file, the environment and the flags are laid over each other in rising order; [`load_everything`] turns the result
//! into [`Settings`], its sisters into the part of them that a command needs, and each names every fault in one run, those in the files it names included (tokens, certificates, password
//! hashes). Nothing here opens a socket or a store.

mod accounts;
mod catalogue_file;
mod endpoint;
mod environment;
mod fault;
mod headers;
mod keys;
mod layers;
mod otel_variables;
mod otlp_section;
mod read;
mod restart;
mod section;
mod sections;
mod signal;
mod values;
mod web_config;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vec1::Vec1;

use crate::account::Account;
use crate::catalogue::Catalogue;
use crate::input::{alerts, event_streams, webhook};
use crate::listener::Guard;
use crate::public_url::PublicUrl;
use crate::redact::Redaction;
use crate::{log, metrics, otlp, store, telemetry};

pub use environment::Environment;
pub use fault::{ConfigError, Fault};
pub use keys::{KEYS, Key};
pub use read::{Export, Signing, Stored, load_everything, load_export, load_signing, load_stored, reload_everything};

/// The variable that names the configuration file when `--config` does not.
pub const CONFIG_VARIABLE: &str = "TWILIO_DEBUGGER_EXPORTER_CONFIG";

/// Where settings come from, lowest first. Kept, so that a reload reads the same sources again.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The YAML file.
    pub file: Option<PathBuf>,
    /// The variables.
    pub environment: Environment,
    /// The flags: each setting's path, and what was typed.
    pub flags: BTreeMap<&'static str, Vec<String>>,
}

/// A configuration without a fault.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Every setting.
    pub settings: Settings,
    /// What is known of codes; none where it cannot be read again, and the one in force stays.
    pub catalogue: Option<Arc<Catalogue>>,
    /// What guards the webhook listener.
    pub webhook_guard: Guard,
    /// What guards the telemetry listener.
    pub telemetry_guard: Guard,
    /// What is allowed and probably not meant, a sentence each.
    pub warnings: Vec<String>,
}

/// Everything the exporter can be told: each part's own settings, put together.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What stands in Twilio's console.
    pub public_urls: Vec1<PublicUrl>,
    /// Whose events are taken.
    pub accounts: Vec1<Account>,
    /// The listener that faces the internet.
    pub webhook: webhook::Settings,
    /// The listener for Prometheus and for people.
    pub telemetry: telemetry::Settings,
    /// Where events are kept, and how long.
    pub store: store::Settings,
    /// What is counted, and how.
    pub metrics: metrics::Settings,
    /// Where log records go; none when no endpoint is configured.
    pub otlp: Option<otlp::Settings>,
    /// Where our own request spans go; none when traces are not configured.
    pub traces: Option<otlp::Settings>,
    /// What is dropped from an event before it is stored.
    pub redaction: Redaction,
    /// How old an event is when it is no longer an incident.
    pub late_after: Duration,
    /// What is kept of an Event Streams batch.
    pub event_streams: event_streams::Settings,
    /// How what was not pushed is fetched.
    pub backfill: alerts::Settings,
    /// Our own log.
    pub log: log::Settings,
}
