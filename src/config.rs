//! What was checked: every setting, typed and valid.
//!
//! The file, the environment and the flags are laid over each other in rising order; [`load`] turns the result
//! into [`Settings`] and names every fault in one run, those in the files it names included (tokens, certificates, password
//! hashes). Nothing here opens a socket or a store.

mod accounts;
mod endpoint;
mod environment;
mod fault;
mod headers;
mod keys;
pub(crate) mod layers;
mod otel_variables;
mod otlp_section;
mod read;
mod restart;
pub(crate) mod section;
mod signal;
pub(crate) mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::account::Account;
use crate::input::webhook;
use crate::log;
use crate::metrics;
use crate::otlp;
use crate::public_url::PublicUrl;
use crate::redact::Redaction;
use crate::store;
use crate::telemetry;
use crate::telemetry::web_config::Guard;

pub use environment::Environment;
pub(crate) use fault::Report;
pub use fault::{ConfigError, Fault};
pub use keys::{KEYS, Key};
pub use read::load;

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

/// What a command needs of the settings that have no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Everything, accounts and public URLs included, and every file read: `serve`, `check`.
    Everything,
    /// Accounts and public URLs as far as they are given, none of them required: `verify`, `send`.
    Accounts,
    /// The store and the endpoint; no token file is opened: `replay`.
    Export,
    /// The store alone; no secret is read: `events`.
    Store,
}

/// A configuration without a fault.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Every setting. Without [`Need::Everything`], `public_urls` and `accounts` may be empty.
    pub settings: Settings,
    /// What guards the webhook listener; open unless [`Need::Everything`].
    pub webhook_guard: Guard,
    /// What guards the telemetry listener; open unless [`Need::Everything`].
    pub telemetry_guard: Guard,
    /// What is allowed and probably not meant, a sentence each.
    pub warnings: Vec<String>,
}

/// Everything the exporter can be told: each part's own settings, put together.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What stands in Twilio's console, one or several; never empty.
    pub public_urls: Vec<PublicUrl>,
    /// Whose events are taken; never empty.
    pub accounts: Vec<Account>,
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
    /// Our own log.
    pub log: log::Settings,
}
