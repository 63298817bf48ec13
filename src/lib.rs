//! tour to come
pub mod account;
pub mod basic_auth;
pub mod cli;
pub mod config;
pub mod error_code;
pub mod event;
pub mod level;
pub mod metrics;
pub mod public_url;
pub mod redact;
pub mod sid;
pub mod store;
pub mod telemetry;
pub mod tls;
