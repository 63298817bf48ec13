#![doc = include_str!("ARCHITECTURE.md")]

// From the ground up, which is the order of reading: no module knows one that stands after it. `tests/tidy` holds that.

// The vocabulary, without I/O.
pub mod causes;
pub mod level;
pub mod error_code;
pub mod sid;
pub mod catalogue;
pub mod account;
pub mod public_url;
pub mod redact;
pub mod event;
pub mod quarantine;
pub mod intake;

// What every listener is made of, and every HTTP request of ours.
pub mod listener;
pub mod http_client;

// Counted, kept, shipped.
pub mod metrics;
pub mod store;
pub mod otlp;

// Our own log, and our own spans.
pub mod log;

// What comes in, and what is shown.
pub mod input;
pub mod telemetry;

// What was checked.
pub mod config;

// Built, announced, run, drained; every other command; and what was typed to get there.
pub mod app;
pub mod commands;
pub mod cli;

/// The git revision this was built from, or `unknown`.
pub const BUILD_REVISION: &str = env!("BUILD_REVISION");

/// The compiler this was built with.
pub const BUILD_RUSTC: &str = env!("BUILD_RUSTC");
