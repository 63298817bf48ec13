//! What the tests share: a running exporter, signed events, real servers, the chart, the dashboards' queries, and waiting for conditions.
//!
//! It knows the exporter from outside alone, as a binary: see its `Cargo.toml`. What only one of the tests' programs needs stays there.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    reason = "public to the tests beside it and to nobody else; a panic is how it says that a test has failed"
)]
#![allow(clippy::float_cmp, reason = "a page's numbers are counts, whole and far below 2^53")]

pub mod alertmanager;
pub mod batch;
pub mod certificate;
pub mod chart;
pub mod clock;
pub mod collector;
pub mod container;
pub mod dns;
pub mod event;
pub mod exporter;
pub mod faults;
pub mod image;
pub mod kubelet;
pub mod logsql;
pub mod loki;
pub mod monitor;
pub mod namespace;
pub mod port;
pub mod post;
pub mod process;
pub mod prometheus;
pub mod queries;
pub mod random;
pub mod raw;
pub mod scrape;
pub mod scripted;
pub mod sdk;
pub mod victorialogs;
pub mod victoriametrics;
pub mod wait;

pub use alertmanager::Alertmanager;
pub use batch::Batch;
pub use clock::Clock;
pub use event::{ACCOUNT, Event, TOKEN};
pub use exporter::Exporter;
pub use monitor::{Alert, Monitor};
pub use port::Port;
pub use prometheus::{Prometheus, Release};
pub use scrape::Scrape;
pub use victoriametrics::VictoriaMetrics;

use std::path::Path;

/// The repository's root.
pub fn repository() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is in tests/support")
}
