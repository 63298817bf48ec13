#![doc = include_str!("ARCHITECTURE.md")]

// In the order of reading: the vocabulary, in, kept, counted, out, and what holds it together.
pub mod account;
pub mod error_code;
pub mod event;
pub mod level;
pub mod public_url;
pub mod quarantine;
pub mod redact;
pub mod sid;

pub mod input;
pub mod store;

pub mod metrics;
pub mod otlp;
pub mod telemetry;

pub mod app;
pub mod basic_auth;
pub mod cli;
pub mod commands;
pub mod config;
pub mod http_client;
pub mod log;
pub mod server;
pub mod tls;

/// The git revision this was built from, or `unknown`.
pub const BUILD_REVISION: &str = env!("BUILD_REVISION");

/// The compiler this was built with.
pub const BUILD_RUSTC: &str = env!("BUILD_RUSTC");
