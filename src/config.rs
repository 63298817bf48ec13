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
mod otlp;
mod read;
mod reload;
pub(crate) mod section;
pub(crate) mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::account::Account;
use crate::public_url::PublicUrl;
use crate::redact::Redaction;
use crate::telemetry::web_config::Guard;

pub use accounts::token_of_file;
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

/// Everything the exporter can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What stands in Twilio's console, one or several; never empty.
    pub public_urls: Vec<PublicUrl>,
    /// Whose events are taken; never empty.
    pub accounts: Vec<Account>,
    /// The listener that faces the internet.
    pub webhook: WebhookSettings,
    /// The listener for Prometheus and for people.
    pub telemetry: TelemetrySettings,
    /// Where events are kept, and how long.
    pub store: StoreSettings,
    /// What is counted, and how.
    pub metrics: MetricsSettings,
    /// Where log records go; none when no endpoint is configured.
    pub otlp: Option<OtlpSettings>,
    /// Where our own request spans go; none when traces are not configured.
    pub traces: Option<OtlpSettings>,
    /// What is dropped from an event before it is stored.
    pub redaction: Redaction,
    /// Our own log.
    pub log: LogSettings,
}

/// `webhook`.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Address of the listener.
    pub listen: SocketAddr,
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// The most connections at one time.
    pub connections_max: usize,
    /// Certificate and key, for those without a proxy.
    pub tls: Option<ServerTls>,
    /// An htpasswd file of `name:bcrypt` lines.
    pub basic_auth_file: Option<PathBuf>,
}

/// A server's certificate chain and key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// The chain, leaf first.
    pub cert_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// `telemetry`.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// Address of the listener.
    pub listen: SocketAddr,
    /// TLS and basic auth in the format of Prometheus' exporter-toolkit.
    pub web_config_file: Option<PathBuf>,
}

/// `store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The data directory.
    pub dir: PathBuf,
    /// The most bytes the store may hold.
    pub bytes_max: u64,
    /// How long delivered events stay readable.
    pub retention: Duration,
    /// How long an event's Sid is remembered.
    pub dedupe_window: Duration,
    /// The most events that are remembered.
    pub dedupe_events_max: u64,
}

/// `metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The most distinct `error_code` values.
    pub error_codes_max: usize,
    /// Whether `twilio_debugger_events_total` has an `account_sid` label.
    pub account_label: bool,
    /// Whether a new series is shown to each scraper at 0 first.
    pub zero_first: bool,
    /// Codes that exist at 0 from the start.
    pub codes: Vec<u32>,
}

/// `otlp`, or the standard `OTEL_EXPORTER_OTLP_*` variables.
#[derive(Debug, Clone)]
pub struct OtlpSettings {
    /// gRPC: scheme, host and port. HTTP: the whole URL, `/v1/logs` or `/v1/traces` included.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: OtlpProtocol,
    /// Sent with every request; values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// gzip, or nothing.
    pub gzip: bool,
    /// How long one request may take.
    pub timeout: Duration,
    /// Trust and identity.
    pub tls: ClientTls,
    /// The most records in one request.
    pub batch_records_max: usize,
    /// The most bytes in one request, before compression.
    pub batch_bytes_max: usize,
    /// `service.name` and the other attributes of the resource, in order.
    pub resource: Vec<(String, String)>,
}

/// The two encodings that collectors take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// `grpc`.
    Grpc,
    /// `http/protobuf`.
    HttpProtobuf,
}

/// Whom a client trusts and who it is; the system's roots and nobody when empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM of the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM of the client's certificate chain.
    pub cert_file: Option<PathBuf>,
    /// PEM of the client's key.
    pub key_file: Option<PathBuf>,
}

/// `log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A `tracing` filter: `info`, or `warn,twilio_debugger_exporter=debug`.
    pub level: String,
    /// JSON lines instead of text.
    pub json: bool,
}
