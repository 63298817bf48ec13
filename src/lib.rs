//! tour to come
pub mod account;
pub mod config;
pub mod error_code;
pub mod event;
pub mod input;
pub mod level;
pub mod metrics;
pub mod public_url;
pub mod quarantine;
pub mod redact;
pub mod sid;
pub mod store;

/// The git revision this was built from, or `unknown`.
pub const BUILD_REVISION: &str = env!("BUILD_REVISION");

/// The compiler this was built with.
pub const BUILD_RUSTC: &str = env!("BUILD_RUSTC");
